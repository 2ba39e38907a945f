# Confirm or revert, the verbs `provide` and `extend`: a widening that outlives its session. A process of its own holds
# it and the lock, and puts it back when its time is over, unless somebody confirms it before.

provide() { # SECONDS
  [ -n "$CHANGE" ] && [ "$DIRECTION" = widen ] && [ -r /proc/uptime ] || return 1
  until=$(date -u -d "@$(($(date +%s) + $1))" +%Y-%m-%dT%H:%M:%SZ) || return 1
  if ! { set_deadline "$CHANGE" "$1" && append '"event":"provisional","until":"'"$until"'","seconds":'"$1,$BASE"; } 2>/dev/null; then
    fail record 0
    return
  fi
  show_last_record
  end_eyes # it may be held for hours
  (stand_by) &
  keeper=$!
  # Nothing is promised before that process has taken over. The client's lines, its end too, count no more meanwhile.
  while IFS= read -r LINE <&8; [ "$LINE" != ready ]; do
    [ "$LINE" != gone ] || GONE=$((waited + GRACE))
    if [ "$LINE" = tick ] && ! kill -0 "$keeper" 2>/dev/null; then
      printf '%s' "$SELF" >"$CHANGE/session" && phase holding
      return 1
    fi
  done
  HOLDING='' CHANGE='' SCRATCH='' DETACHED=1 # all of it is the other's now
  emit provisional "$1"
}

# Counted by the time since the boot, which no clock that is set can shorten or lengthen.
set_deadline() { # FOLDER SECONDS
  centiseconds
  printf '%s\n' "$((NOW + $2 * 100))" >"$1/provisional.new" && flush "$1/provisional.new" && mv -f -- "$1/provisional.new" "$1/provisional"
}

centiseconds_left() { # FOLDER, into LEFT
  { read -r deadline <"$1/provisional"; } 2>/dev/null || deadline=0
  case $deadline in *[!0-9]* | '') deadline=0 ;; esac
  centiseconds
  LEFT=$((deadline - NOW))
}

seconds_left() { # FOLDER: never less than none
  centiseconds_left "$1"
  if [ "$LEFT" -gt 0 ]; then printf '%s' "$(((LEFT + 99) / 100))"; else printf 0; fi
}

provisional_left() { # of whoever has the lock, as holder_alive has read it; nothing where that is no provisional change
  [ "${holder_phase:-}" = provisional ] || return 0
  for folder in "$STATE"/change/*/; do
    if carried_by "$holder_pid" "$folder"; then seconds_left "$folder"; fi
  done
}

stand_by() { # in a process of its own: neither the client nor the server's sshd is needed any more
  trap 'TERMINATED=1; kill_group "$STEP_GROUP"' TERM INT
  trap : USR1
  trap clean_up EXIT
  PUMP='' TICKER=''
  read -r SELF _ </proc/self/stat
  if ! { own_scratch && printf '%s' "$SELF" >"$CHANGE/session" && phase provisional; }; then
    HOLDING='' SCRATCH='' # still the session's
    exit 1
  fi
  rm -f -- "$SCRATCH/requests_old" # nobody will be there to be told
  echo ready >&8
  exec </dev/null >/dev/null 2>&1 7<&- 8>&-
  until provisional_decision; do nap; done
  # shellcheck disable=SC2086 # tokens without blanks
  set -- $LINE
  shift
  decide "$@"
}

provisional_decision() { # into LINE: whether there is one
  centiseconds_left "$CHANGE"
  if [ -s "$CHANGE/decision" ]; then
    LINE="decide $(cat "$CHANGE/decision")"
  elif switch_off_waits; then
    LINE="decide revert preempted"
  elif [ -n "$TERMINATED" ]; then
    LINE="decide revert terminated"
  elif [ "$LEFT" -le 0 ]; then
    LINE="decide revert not-confirmed"
  else
    return 1
  fi
}

nap() { # a second at most, and never past the deadline; a signal ends it
  centiseconds_left "$CHANGE"
  [ "$LEFT" -lt 100 ] || LEFT=100
  [ "$LEFT" -gt 0 ] || LEFT=1
  (sleep "$((LEFT / 100)).$(printf %02d "$((LEFT % 100))")" || sleep 1) 9>&- &
  wait "$!"
}

extend() { # ID SECONDS: so long at least it does not go back, for a confirmation is on its way to all hosts
  folder=$STATE/change/$1
  if holder_alive && [ "$holder_phase" = provisional ] && carried_by "$holder_pid" "$folder"; then
    centiseconds_left "$folder"
    [ "$LEFT" -gt 100 ] || return 0 # it may be on its way back already
    [ "$LEFT" -ge $(($2 * 100)) ] || set_deadline "$folder" "$2" || return 1
    emit provisional "$(seconds_left "$folder")"
  fi
}
