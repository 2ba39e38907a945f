# Processes that we start: in a bare environment, each in a group of its own, ended when its time is over.

# Steps get a bare environment: a variable of the login shell would beat .env inside config:cache (FACTS 6).
bare() { env -i PATH="$PATH" HOME="$HOME" LANG=C.UTF-8 SSH_CONNECTION="${SSH_CONNECTION:-}" "$@"; }

centiseconds() {
  up=0.00
  [ -r /proc/uptime ] && IFS=' ' read -r up _ </proc/uptime
  printf '%s' "${up%.*}${up#*.}"
}

# No `--` in front of a group: dash takes it for a number, and kills nothing.
kill_group() { [ -z "$1" ] || kill -TERM "-$1" 2>/dev/null; }

# bounded SECONDS OUT COMMAND...: in a process group of its own, ended when its time is over. Sets MS; 124: time over.
bounded() {
  limit=$1 out=$2
  shift 2
  begun=$(centiseconds)
  # Ignored signals would be inherited by a daemon that the step starts.
  (
    trap - HUP PIPE TERM INT EXIT
    umask "$STEPS_UMASK"
    exec setsid timeout -k 5 "$limit" "$@"
  ) </dev/null >"$out" 2>&1 3<&- 7<&- 8>&- 9>&- &
  STEP_GROUP=$!
  [ -z "$CHANGE" ] || printf '%s %s\n' "$STEP_GROUP" "$(started_at "$STEP_GROUP")" >"$CHANGE/group"
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
  MS=$((($(centiseconds) - begun) * 10))
  case $result in
    124 | 137 | 143)
      if [ "$MS" -ge $((limit * 1000 - 50)) ]; then
        kill -KILL "-$STEP_GROUP" 2>/dev/null
        result=124
      fi
      ;;
  esac
}

started_at() { # a process id alone may be somebody else's by now; nothing for one that has ended, reaped or not
  [ -r "/proc/$1/stat" ] || return
  # shellcheck disable=SC2046 # the fields behind the name, which may hold blanks
  set -- $(sed 's/.*) //' "/proc/$1/stat" 2>/dev/null)
  [ "${1:-Z}" = Z ] || printf '%s' "${20}"
}

alive() { # pid start-time
  [ -n "${1:-}" ] && kill -0 "$1" 2>/dev/null && [ "$(started_at "$1")" = "${2:-}" ]
}

eyes() { # COMMAND IN OUT [NAME=VALUE...]: ask the application's own php
  command=$1 in=$2 answer=$3
  shift 3
  rm -f -- "$answer"
  bounded "${EYES_LIMIT:-30}" "$SCRATCH/eyes.out" env -i PATH="$PATH" HOME="$HOME" LANG=C.UTF-8 "$@" "$RC_PHP" -d opcache.enable_cli=0 "$SCRATCH/host.php" "$command" "$in" "$answer" && [ -s "$answer" ]
}

emit_eyes() { # KIND COMMAND ...: its answer, or why there is none
  kind=$1
  shift
  if eyes "$@"; then
    emit "$kind" "$(b64_file "$answer")"
  else
    emit "$kind-failed" "$result" "$(tail_b64 "$SCRATCH/eyes.out")"
    return 1
  fi
}
