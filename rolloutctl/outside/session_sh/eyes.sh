# The host's eyes, host.php: what only the application's own php can say.
#
# To start php costs more than most of what it is asked. So one stays for the session: it answers each question in a
# fork of its own, that boots the application as it stands now; and a hash, or a flush, by itself, for which a process
# would be started otherwise. Where it can't stay, or gives no answer, all is done as if it were not there.

# Its questions go from our 6 to its 5, its answers from its 4 to ours. Nobody else has our ends: it ends with us. Its
# own end is told by an empty line as well, for what an application has started may still hold its 4.
STAYS='trap : TERM
"$@"
echo >&4
kill -KILL 0'

start_eyes() {
  case $EYES in '') ;; none) return 1 ;; *) return ;; esac
  EYES=none
  [ -s "$SCRATCH/host.php" ] && mkfifo "$SCRATCH/questions" "$SCRATCH/answers" || return
  # For reading and writing, because such an `open` waits for nobody.
  # shellcheck disable=SC2094
  exec 6<>"$SCRATCH/questions" 5<"$SCRATCH/questions" 4<>"$SCRATCH/answers"
  (
    trap - HUP PIPE TERM INT EXIT
    umask "$STEPS_UMASK"
    exec setsid sh -c "$STAYS" - env -i PATH="$PATH" HOME="$HOME" LANG=C.UTF-8 \
      "$RC_PHP" -d opcache.enable_cli=0 "$SCRATCH/host.php" stay
  ) </dev/null >/dev/null 2>&1 3<&- 6>&- 7<&- 8>&- 9>&- &
  EYES=$!
  started_at "$EYES"
  EYES_START=$STARTED
  exec 5<&- 4<"$SCRATCH/answers" # for reading only, so that its end is heard
  rm -f -- "$SCRATCH/questions" "$SCRATCH/answers"
}

end_eyes() { # the next question starts them anew
  case $EYES in '' | none) return ;; esac
  started_at "$EYES" # it may have ended long ago, and another process have its number
  if [ -n "$STARTED" ] && [ "$STARTED" = "$EYES_START" ]; then kill -KILL "-$EYES" 2>/dev/null; fi
  exec 4<&- 6>&-
  EYES=
}

heard() { # WORD...: the answer of the eyes that stay, into SAID
  case $EYES in '' | none) return 1 ;; esac
  question=$1
  shift
  for word in "$@"; do
    case $word in *"$TAB"* | *"$NEWLINE"*) return 1 ;; esac
    question=$question$TAB$word
  done
  [ "${#question}" -le 4096 ] || return # a longer one would wait for whoever reads it, who may just have ended
  SAID='' STEP_GROUP=$EYES # a signal to us ends them, and with them the wait
  { printf '%s\n' "$question" >&6 && IFS= read -r SAID <&4; } 2>/dev/null
  STEP_GROUP=
  [ -z "$SAID" ] || return 0
  end_eyes
  EYES=none
  return 1
}

eyes() { # COMMAND IN OUT [NAME=VALUE...]: ask the application's own php; a short answer is in TOKEN, too
  command=$1 in=$2 answer=$3 TOKEN=''
  shift 3
  [ ! -e "$answer" ] || rm -f -- "$answer"
  true >"$SCRATCH/eyes.out"
  limit=${EYES_LIMIT:-30} signalled=$TERMINATED
  centiseconds
  begun=$NOW
  if start_eyes && heard answer "$limit" "$PWD" "$command" "$in" "$answer" "$@"; then
    result=${SAID%%' '*} TOKEN=${SAID#"$result"} TOKEN=${TOKEN# }
    if [ "$result" = 0 ] && [ -s "$answer" ]; then return; fi
  fi
  TOKEN='' result=143
  centiseconds
  [ "$TERMINATED" = "$signalled" ] || return # it was ended by a signal to us
  result=124
  [ $((NOW - begun)) -lt $((limit * 100)) ] || return
  bounded "$limit" "$SCRATCH/eyes.out" env -i PATH="$PATH" HOME="$HOME" LANG=C.UTF-8 "$@" "$RC_PHP" -d opcache.enable_cli=0 "$SCRATCH/host.php" "$command" "$in" "$answer" && [ -s "$answer" ]
}

emit_eyes() { # KIND COMMAND ...: its answer, or why there is none
  kind=$1
  shift
  if eyes "$@"; then
    [ -n "$TOKEN" ] || file_token "$answer"
    emit "$kind" "$TOKEN"
  else
    tail_token "$SCRATCH/eyes.out" && emit "$kind-failed" "$result" "$TOKEN"
    return 1
  fi
}
