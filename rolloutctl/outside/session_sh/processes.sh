# Processes that we start: in a bare environment, each in a group of its own, ended when its time is over.

# Steps get a bare environment: a variable of the login shell would beat .env inside config:cache (FACTS 6).
bare() { env -i PATH="$PATH" HOME="$HOME" LANG=C.UTF-8 SSH_CONNECTION="${SSH_CONNECTION:-}" "$@"; }

centiseconds() { # since the boot, into NOW
  up=0.00
  [ -r /proc/uptime ] && IFS=' ' read -r up _ </proc/uptime
  NOW=${up%.*}${up#*.}
}

# No `--` in front of a group: dash takes it for a number, and kills nothing.
kill_group() { [ -z "$1" ] || kill -TERM "-$1" 2>/dev/null; }

# bounded SECONDS OUT COMMAND...: in a process group of its own, ended when its time is over. Sets MS; 124: time over.
bounded() {
  limit=$1 out=$2
  shift 2
  centiseconds
  begun=$NOW
  # Ignored signals would be inherited by a daemon that the step starts.
  (
    trap - HUP PIPE TERM INT EXIT
    umask "$STEPS_UMASK"
    exec setsid timeout -k 5 "$limit" "$@"
  ) </dev/null >"$out" 2>&1 3<&- 4<&- 6>&- 7<&- 8>&- 9>&- &
  STEP_GROUP=$!
  [ -z "$CHANGE" ] || { started_at "$STEP_GROUP" && printf '%s %s\n' "$STEP_GROUP" "$STARTED" >"$CHANGE/group"; }
  [ -z "$WORKING" ] || { started_at "$STEP_GROUP" && note_work "$STEP_GROUP $STARTED"; }
  wait "$STEP_GROUP"
  result=$?
  while [ "$result" -gt 128 ] && kill -0 "$STEP_GROUP" 2>/dev/null; do # a signal to us interrupted the wait
    wait "$STEP_GROUP"
    result=$?
  done
  kill_if_over
  STEP_GROUP=
  return "$result"
}

kill_if_over() {
  centiseconds
  MS=$(((NOW - begun) * 10))
  case $result in
    124 | 137 | 143)
      if [ "$MS" -ge $((limit * 1000 - 50)) ]; then
        kill -KILL "-$STEP_GROUP" 2>/dev/null
        result=124
      fi
      ;;
  esac
}

# When a process started, into STARTED, as an id alone may be somebody else's by now; nothing for one that has ended,
# reaped or not.
started_at() { # PID
  STARTED='' state=''
  { IFS= read -r state <"/proc/$1/stat"; } 2>/dev/null
  # shellcheck disable=SC2086 # the fields behind the name, which may hold blanks
  set -- ${state##*) }
  [ "${1:-Z}" = Z ] || STARTED=${20}
}

alive() { # pid start-time
  [ -n "${1:-}" ] && kill -0 "$1" 2>/dev/null && started_at "$1" && [ "$STARTED" = "${2:-}" ]
}
