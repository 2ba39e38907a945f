# The verbs `find` and `run`: what changes nothing, needs no lock, and may have a lot to say.

long_token() { if [ -s "$1" ]; then base64 <"$1" | tr -d '\n'; else printf '%s' -; fi; } # FILE of any length

# piece FILE NUMBER: one token, of what one answer may hold; NUMBER counts from 0
piece() { dd if="$1" bs=524288 skip="$2" count=1 2>/dev/null | base64 | tr -d '\n'; }

find_records() { # FLAG [NUMBER]: the records of a flag, all of one moment; a piece of those that were found before
  case ${1:-} in '' | *[!A-Za-z0-9_.-]*) return 1 ;; esac
  if [ $# = 2 ]; then
    emit records "$(piece "$SCRATCH/found" "$2")"
  elif ! trusted; then
    emit refused state 0 "$(b64 "$(state_trouble)")"
  elif ! search_log "$1"; then
    emit refused unreadable 0 -
  elif [ -s "$SCRATCH/found" ]; then
    emit found "$(stat -c %s -- "$SCRATCH/found")" "$(piece "$SCRATCH/found" 0)"
  else
    emit found 0 -
  fi
}

search_log() { # FLAG: into a file of the session's, so that what is written meanwhile moves no piece
  true >"$SCRATCH/found" || return
  [ -e "$LOG" ] || return 0
  [ -f "$LOG" ] || return 1
  # -a: a power cut may have left zeros, behind which grep would see no text
  grep -aFe '"flag":"'"$1"'"' -- "$LOG" >"$SCRATCH/found" 2>/dev/null || [ $? = 1 ]
}

run_line() { # NAME SECONDS LIMIT: the shell line in that file, as a step runs; ended when the client is gone
  rm -f -- "$SCRATCH"/run.* && true >"$SCRATCH/run.out" && true >"$SCRATCH/run.err" && join_ticks || return
  start_ticks
  (run_apart "$@") &
  await "$!"
  show_run "$3"
  rm -f -- "$SCRATCH"/run.*
}

# A command with its output and its errors apart, and no more of either than is asked for, in the folder $0. All of it
# is one process group, so that whoever still holds the output when the time is over is ended, too; only what listens to
# them outlives the signal, to write down what was said before.
APART='limit=$1 ended=0 && shift
trap "ended=143" TERM
{
  { "$@" 2>&3 3>&-; echo $? >"$0/run.status"; } |
    { trap "" TERM; head -c "$limit" >"$0/run.out" && echo whole >"$0/run.whole"; }
} 3>&1 | { trap "" TERM; tail -c 8193 >"$0/run.err"; }
exit "$ended"'

run_apart() { # in a process of its own, while the session listens to its client
  asked=0 group=''
  trap end_run TERM
  bounded "$2" /dev/null sh -c "$APART" "$SCRATCH" $(($3 + 1)) \
    env -i PATH="$PATH" HOME="$HOME" LANG=C.UTF-8 sh -c "$(cat "$SCRATCH/$1")"
  [ -z "$group" ] || kill -KILL "-$group" 2>/dev/null # what has closed its output, and was waited for by nobody
  echo "ended $result $MS" >&8 # and into no file: the disk may be full
}

end_run() { # what does not end when it is asked to is ended all the same; not every `timeout` sees to that
  asked=$((asked + 1)) group=${STEP_GROUP:-$group}
  if [ "$asked" -lt 4 ]; then kill_group "$group"; else kill -KILL "-$group" 2>/dev/null; fi
}

await() { # RUNNER, into result and MS: until it has ended; it is told, at each tick, when nobody waits for it any more
  result='' died=''
  while IFS= read -r LINE <&8 || LINE=tick; do
    case $LINE in
      "ended "*)
        MS=${LINE##* } result=${LINE#ended } result=${result% *}
        break
        ;;
      gone | bye) GONE=1 ;;
      tick) # it may have ended in this very second, and its last word stands behind this tick
        [ -z "$died" ] || break
        kill -0 "$1" 2>/dev/null || died=1
        ;;
    esac
    [ -z "$GONE$TERMINATED" ] || kill -TERM "$1" 2>/dev/null
  done
  stop_ticks
  wait "$1"
}

show_run() { # LIMIT
  [ -n "$result" ] || return
  if [ -s "$SCRATCH/run.whole" ] && [ -s "$SCRATCH/run.status" ]; then
    read -r result <"$SCRATCH/run.status"
  elif [ "$result" = 0 ]; then
    emit refused no-room 0 "$(tail_b64 "$SCRATCH/run.err")"
    return
  fi
  if [ "$(stat -c %s -- "$SCRATCH/run.out")" -gt "$1" ]; then
    emit refused too-much "$result" "$(tail_b64 "$SCRATCH/run.err")"
  else
    emit ran "$result" "$MS" "$(long_token "$SCRATCH/run.out")" "$(tail_b64 "$SCRATCH/run.err")"
  fi
}
