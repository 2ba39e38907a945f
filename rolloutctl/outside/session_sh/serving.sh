# Listening to the client, and what a session decides without it; the loop, and where a session begins.

# While something is locked or held, a session also has to see a decision that another one delivers, a switch-off that
# wants the lock, a signal, and the end of the hold time. A `read` that is ended by a clock may lose what it has read
# so far, so none is: from the first lock on, the client's lines and a tick a second come through one pipe.
join_ticks() {
  [ -z "$PUMP" ] || return 0
  mkfifo "$SCRATCH/lines" && exec 8<>"$SCRATCH/lines" && rm -f -- "$SCRATCH/lines" || return
  exec 7<&0
  (
    while IFS= read -r line; do printf '%s\n' "$line"; done
    echo gone
  ) <&7 >&8 2>/dev/null 4<&- 6>&- 9>&- &
  PUMP=$!
}

client_is_gone() { # known before its end is read, behind what it had said; without /proc nobody knows
  [ -n "$PUMP" ] && [ -r /proc/self/stat ] && started_at "$PUMP" && [ -z "$STARTED" ]
}

start_ticks() {
  (while kill -0 "$SELF" && sleep 1; do echo tick; done) </dev/null >&8 2>/dev/null 4<&- 6>&- 9>&- &
  TICKER=$!
}

stop_ticks() {
  [ -n "$TICKER" ] || return 0
  kill -KILL "$TICKER" 2>/dev/null # TERM is lost on a subshell that has not yet let go of our trap
  wait "$TICKER" 2>/dev/null
  TICKER=
}

listen() {
  if [ -n "$RC_FIRST" ]; then # what came with the command that started us
    LINE=${RC_FIRST%%"$NEWLINE"*} RC_FIRST=${RC_FIRST#*"$NEWLINE"}
    return
  fi
  if [ -z "$PUMP" ]; then
    [ -z "$TERMINATED" ] && IFS= read -r LINE
    return
  fi
  waited=0
  while [ -n "$HOLDING" ] || { [ -z "$GONE" ] && [ -z "$TERMINATED" ]; }; do
    IFS= read -r LINE <&8 || LINE=tick # a signal interrupted it
    case $LINE in
      tick) waited=$((waited + 1)) ;;
      gone) GONE=$((waited + GRACE)) ;;
      *) return 0 ;;
    esac
    if [ -n "$HOLDING" ] && own_decision; then return 0; fi
  done
  return 1
}

own_decision() { # into LINE: what the session decides without its client
  if [ -n "$CHANGE" ] && [ -s "$CHANGE/decision" ]; then
    LINE="decide $(cat "$CHANGE/decision")"
  elif switch_off_waits; then
    LINE="decide revert preempted"
  elif [ -n "$TERMINATED" ]; then
    LINE="decide revert terminated"
  elif [ -n "$GONE" ] && { [ -z "$CHANGE" ] || [ "$DIRECTION" = narrow ] || [ "$waited" -ge "$GONE" ]; }; then
    LINE="decide revert client-gone"
  elif [ "$waited" -ge "${HOLD:-60}" ]; then
    LINE="decide revert hold-time-over"
  else
    return 1
  fi
}

switch_off_waits() { # a widening makes room; one that was killed while it waited counts no more
  [ "$DIRECTION" = widen ] && [ -s "$STATE/preempt" ] && read -r pid start <"$STATE/preempt" && alive "$pid" "$start"
}

set_to() { # NAME VALUE: one of our settings, and nothing else
  case $1 in EXPECTED_ENV | EXPECTED_NEW | HAS_BUILD | REBUILD | BUILD_LIMIT | ASK_LIMIT | WHO) eval "$1=\$2" ;; esac
}

serve() {
  while listen; do
    # shellcheck disable=SC2086 # tokens without blanks, patterns are off
    set -f && set -- $LINE && set +f
    verb=${1:-}
    [ $# = 0 ] || shift
    case $verb in
      put) unb64 "$2" >"$SCRATCH/$1" ;;
      set) set_to "$1" "$2" ;;
      open) open_change "$@" ;;
      look) look "$@" ;;
      ask) ask answers "$SCRATCH/$1" ;;
      prepare) prepare "$@" || :; still_proved ;;
      lock) lock "$@" ;;
      commit) if [ -n "$HOLDING" ]; then commit "$@"; fi ;;
      provide) provide "$@" ;;
      extend) extend "$@" ;;
      keep) # CAUSE [CAUSE of a switch-off that is not done in all]
        [ -z "$INCOMPLETE" ] || [ $# = 1 ] || shift
        decide keep "${1:-}"
        ;;
      revert) decide revert "${1:-asked}" ;;
      decide) decide "$@" ;;
      enter) enter "$1" ;;
      define) define "$1" ;;
      work) work ;;
      build) build ;;
      swap) swap "$1" ;;
      leave) leave ;;
      once) run_steps 1 "$SCRATCH/steps" ;;
      settle) settle "$@" ;;
      append) append_record "$1" ;;
      still) [ -z "$CHANGE" ] || emit holding ;;
      examine) . "$SCRATCH/examine.sh" ;; # doctor's; it travels with nobody else
      log) ! trusted || show_log "$@" ;;
      find) find_records "$@" ;;
      run) if [ -z "$HOLDING" ]; then run_line "$@"; fi ;; # a change has its steps
      sample) if [ -z "$HOLDING" ]; then sample "$@"; fi ;;
      hold) continue ;;
      bye) return ;;
      *) emit unknown "$(b64 "$verb")" ;;
    esac
    emit "done" "$verb"
    [ -z "$DETACHED" ] || return
  done
}

ME=$(id -u)
GRACE=5 # seconds for a client whose connection was cut to deliver its decision over another one
EYES_LIMIT=30 ASK_LIMIT=60 BUILD_LIMIT=60 HAS_BUILD=1 REBUILD=0 WHO=- RECORDED=1 STEPS_DONE='' TWIN='' PUMP='' TICKER='' GONE='' SCRATCH='' RECOVERING='' UNSTAGED='' NO_ASIDE='' TRUSTED='' MUST='' OVERTAKEN='' CACHE_MODE='' DECIDER='' DETACHED='' PHP_STARTS='' ASKER='' EYES='' EYES_START='' JUDGED='' FIT='' INCOMPLETE=''
missing=
for tool in base64 flock timeout sha256sum setsid mktemp stat readlink sync; do
  command -v "$tool" >/dev/null 2>&1 || missing="$missing $tool"
done
unfit=$missing # all that is wrong is told at once
[ -z "$missing" ] || emit fatal no-tool "$(b64 "${missing# }")"
case $missing in *readlink*) ;; *)
  if ! find_application; then
    unfit=1
    if [ -z "${APP:-}" ]; then
      emit fatal no-app "$(b64 "$RC_APP")"
    elif planted "$env_path"; then
      emit fatal planted-env "$(b64 "$env_path")"
    else
      emit fatal no-env "$(b64 "$env_path")"
    fi
  fi
  ;;
esac
if [ -n "$unfit" ]; then
  command -v "$RC_PHP" >/dev/null 2>&1 || emit fatal no-php "$(b64 "$RC_PHP")"
  exit 0
fi
find_state
if ! make_scratch "${TMPDIR:-/tmp}" /tmp /dev/shm "$HOME"; then
  emit fatal no-room -
  exit 0
fi
printf '%s' "$RC_EYES" >"$SCRATCH/host.php"
RC_EYES=''
# shellcheck disable=SC2086 # client, its port, server, its port
set -- ${SSH_CONNECTION:-}
echo # ends a line that a login shell left open
server=${3:--}
set --
for each in "$(id -un)" "$MACHINE" "$APP" "$ENV_FILE" "$STATE"; do token_of "$each" && set -- "$@" "$TOKEN"; done
emit hello 1 "$ME" "$@" "$server"
serve
if [ -n "$CHANGE" ]; then decide revert client-gone; fi
