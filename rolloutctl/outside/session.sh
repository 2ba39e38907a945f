# The host's side of one session: one conversation, one lock, at most one change. POSIX sh; needs coreutils, flock and
# the application's own php. docs/protocol.md has each verb and each answer.
#
# It arrives inside the exec command behind these assignments: RC_APP, RC_ENV_FILE, RC_STATE (empty: the default),
# RC_PHP. stdin carries verbs, stdout answers; every answer starts with @rc1, so that a login shell's noise is told
# apart. Free text travels base64-encoded, "-" for empty. No `set -e`: it would end the script silently, in the middle
# of a change, once nobody reads stdout.
# shellcheck shell=sh disable=SC1091,SC2153,SC2088,SC2016

STEPS_UMASK=$(umask) # what the application writes must stay readable to its web process
umask 077
LC_ALL=C
export LC_ALL
unset CDPATH ENV BASH_ENV GREP_OPTIONS
trap '' HUP PIPE # the client's end is no reason to stop between two renames
trap 'TERMINATED=1; kill_group "$STEP_GROUP"' TERM INT
trap 'clean_up' EXIT

TERMINATED=
STEP_GROUP=
HOLDING=     # the lock is ours
STATELESS=   # the state folder can't be used: a switch-off goes on, and the client keeps its records
CHANGE=      # folder of the change that this session has begun
DIRECTION=   # widen | narrow
MS=0
TAB=$(printf '\t')

# ---------------------------------------------------------------------------------------------------------- words

emit() { printf '@rc1 %s\n' "$*" || :; } # nobody listening is no failure

b64() { # text -> one token
  if [ -z "$1" ]; then printf '%s' -; else printf '%s' "$1" | base64 | tr -d '\n'; fi
}

b64_file() { if [ -s "$1" ]; then base64 <"$1" | tr -d '\n'; else printf '%s' -; fi; }

unb64() { if [ "$1" = - ]; then :; else printf '%s' "$1" | base64 -d; fi; }

tail_b64() { # the end of a step's output; the first, perhaps cut line is dropped, so that no secret is cut in two
  if [ "$(wc -c <"$1")" -gt 8192 ]; then tail -c 8192 "$1" | sed 1d | base64 | tr -d '\n'; else b64_file "$1"; fi
}

# ----------------------------------------------------------------------------------------------------------- files

sha() { # "absent" for a file that is not there
  if [ -f "$1" ]; then
    if hash=$(sha256sum <"$1" 2>/dev/null); then printf '%s' "${hash%% *}"; else printf unreadable; fi
  else
    printf absent
  fi
}

flush() { sync "$@" 2>/dev/null || sync; }

keep_copy() { cp -p -- "$1" "$2" && chmod 0600 "$2" && flush "$2"; }

# Why a file can't be replaced by a rename without losing something: empty when it can.
rename_trouble() {
  folder=$(dirname -- "$1")
  owner=$(stat -c %u -- "$1") group=$(stat -c %g -- "$1")
  if [ ! -w "$folder" ]; then
    echo folder
  elif [ "$(stat -c %h -- "$1")" != 1 ]; then
    echo links
  elif [ "$(stat -c %d -- "$1")" != "$(stat -c %d -- "$folder")" ] || grep -qs " $1 " /proc/self/mounts; then
    echo mount
  elif [ "$ME" != 0 ] && { [ "$owner" != "$ME" ] || ! id -G | tr ' ' '\n' | grep -qx "$group"; }; then
    echo owner
  else
    # shellcheck disable=SC2012 # only the mode column is read
    case $(ls -ld -- "$1") in ??????????+*) echo acl ;; esac
  fi
}

swap_in() { # new target: the new bytes under the target's name, owner and mode
  if [ -n "$(rename_trouble "$2")" ]; then
    cat -- "$1" 1<>"$2" && truncate -s "$(wc -c <"$1")" "$2" && flush "$2" # never empty in between, also on a full disk
    return
  fi
  mode=$(stat -c %a -- "$2") && owner=$(stat -c %u:%g -- "$2") && temporary=$(mktemp "$2.rolloutctl.XXXXXX") || return 1
  if cat -- "$1" >"$temporary" && chown "$owner" "$temporary" && chmod "$mode" "$temporary" && flush "$temporary" &&
    mv -f -- "$temporary" "$2"; then
    flush "$(dirname -- "$2")"
  else
    rm -f -- "$temporary"
    return 1
  fi
}

# ---------------------------------------------------------------------------------------------------- where we are

find_application() { # again at commit: `current` may have moved
  cd "$RC_APP" 2>/dev/null || return 1
  APP=$(pwd -P)
  case $RC_ENV_FILE in /*) env_path=$RC_ENV_FILE ;; *) env_path=$APP/$RC_ENV_FILE ;; esac
  ENV_FILE=$(readlink -f -- "$env_path") && [ -f "$ENV_FILE" ]
}

find_state() {
  if [ -n "$RC_STATE" ]; then
    case $RC_STATE in "~/"*) base=$HOME/${RC_STATE#??} ;; *) base=$RC_STATE ;; esac
  else
    owner=$(stat -c %u -- "$APP")
    home=$HOME
    [ "$owner" = "$ME" ] || home=$( (getent passwd "$owner" || grep "^[^:]*:[^:]*:$owner:" /etc/passwd) 2>/dev/null | head -n 1 | cut -d: -f6)
    base=${home:-/nonexistent}/.local/state/rolloutctl
  fi
  MACHINE=$(cat /etc/machine-id 2>/dev/null || hostname)
  # the path as configured, for `current` moves; but one way of writing it
  slug=$(cd "$(dirname -- "$RC_APP")" && printf '%s/%s' "$(pwd -P)" "$(basename -- "$RC_APP")")
  slug=$(printf '%s' "$slug" | tr -c 'A-Za-z0-9._\n' - | sed 's/^-*//')
  STATE=$base/$slug/$(printf %.8s "$MACHINE")
  LOG=$STATE/audit.jsonl
}

# Make the state folder, and trust it only when nobody else could have put something there. Says what is wrong.
open_state() {
  if ! mkdir -p -- "$STATE" 2>/dev/null; then
    printf 'the folder %s cannot be made by %s' "$STATE" "$(id -un)"
    return 1
  fi
  state_trouble || return
  # `true`, not `:`, whose failed redirection would end the shell
  if ! { true >>"$LOG" && true >>"$STATE/lock"; } 2>/dev/null; then
    printf 'the folder %s cannot be written by %s' "$STATE" "$(id -un)"
    return 1
  fi
  has_room "$STATE" || printf 'the disk that holds %s is full' "$STATE"
}

# Whether the state folder can be trusted, or where it is yet to be made the first folder above it that stands.
state_trouble() {
  place=$STATE
  while [ ! -e "$place" ] && [ ! -L "$place" ]; do place=$(dirname -- "$place"); done
  if [ ! -d "$place" ] || { [ "$place" != "$STATE" ] && [ ! -w "$place" ]; }; then
    printf 'the folder %s cannot be made by %s' "$STATE" "$(id -un)"
    return 1
  fi
  place=$(readlink -f -- "$place")
  if [ -L "$LOG" ] || [ -L "$STATE/lock" ] || [ -L "$STATE" ]; then
    printf 'something in %s is a symbolic link' "$place"
    return 1
  fi
  while [ "$place" != / ]; do
    owner=$(stat -c %u -- "$place") mode=$(stat -c %a -- "$place")
    if [ "$owner" != 0 ] && [ "$owner" != "$ME" ] && [ "$owner" != "$(stat -c %u -- "$APP")" ]; then
      printf 'the folder %s belongs to another user' "$place"
      return 1
    fi
    case $mode in
      1???) ;; # sticky: others can't replace what is ours
      *[2367] | *[2367]?)
        printf 'the folder %s can be written by others (mode %s): chmod go-w %s' "$place" "$mode" "$place"
        return 1
        ;;
    esac
    place=$(dirname -- "$place")
  done
}

has_room() { # FOLDER: a megabyte, as a test and not as a figure that quotas don't know
  head -c 1048576 /dev/zero >"$1/room.$$" 2>/dev/null
  room=$?
  rm -f -- "$1/room.$$"
  return "$room"
}

make_scratch() { # FOLDER...: our private folder in the first that has room
  for folder in "$@"; do
    if [ -w "$folder" ] && SCRATCH=$(mktemp -d "$folder/rolloutctl.XXXXXX" 2>/dev/null) && has_room "$SCRATCH"; then return; fi
    [ -z "$SCRATCH" ] || rm -rf -- "$SCRATCH"
    SCRATCH=
  done
  return 1
}

open_change() { # DIRECTION: a change needs the state folder; a switch-off goes on without
  [ -z "$STATELESS" ] || return
  problem=$(open_state)
  if [ -z "$problem" ]; then
    sweep
  elif [ "$1" = narrow ]; then
    STATELESS=1 STATE=$SCRATCH/state LOG=$SCRATCH/state/audit.jsonl
    mkdir -p "$STATE"
    emit stateless "$(b64 "$problem")"
    return
  else
    emit refused state 0 "$(b64 "$problem")"
    return
  fi
  outer=$SCRATCH
  make_scratch "$STATE" && cp -- "$outer"/* "$SCRATCH/" && printf '%s %s\n' "$$" "$(started_at $$)" >"$SCRATCH/owner"
  rm -rf -- "$outer"
}

sweep() { # private folders of sessions that were killed
  for folder in "$STATE"/rolloutctl.*/; do
    [ -s "$folder/owner" ] || continue
    read -r pid start <"$folder/owner"
    alive "$pid" "$start" || rm -rf -- "$folder"
  done
}

clean_up() {
  stop_ticks
  [ -z "$PUMP" ] || kill -KILL "$PUMP" 2>/dev/null
  if [ -n "$HOLDING" ]; then release; fi
  [ -z "$SCRATCH" ] || rm -rf -- "$SCRATCH"
}

forget() { # the change's folder; a switch-off without a log works in the private one
  if [ "$CHANGE" != "$SCRATCH" ]; then
    rm -f -- "$CHANGE/vars" # first: what is left of it must not look like a change without an outcome
    rm -rf -- "$CHANGE"
  fi
  CHANGE=
}

# ------------------------------------------------------------------------------------------------------- processes

# Steps get a bare environment: a variable of the login shell would beat .env inside config:cache (FACTS 6).
bare() { env -i PATH="$PATH" HOME="$HOME" LANG=C.UTF-8 SSH_CONNECTION="${SSH_CONNECTION:-}" "$@"; }

centiseconds() {
  up=0.00
  [ -r /proc/uptime ] && IFS=' ' read -r up _ </proc/uptime
  printf '%s' "${up%.*}${up#*.}"
}

kill_group() { [ -z "$1" ] || kill -TERM -- "-$1" 2>/dev/null; }

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
  ) </dev/null >"$out" 2>&1 3<&- 9>&- &
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
        kill -KILL -- "-$STEP_GROUP" 2>/dev/null
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
  bounded "${EYES_LIMIT:-30}" "$SCRATCH/eyes.out" env -i PATH="$PATH" HOME="$HOME" LANG=C.UTF-8 "$@" "$RC_PHP" "$SCRATCH/host.php" "$command" "$in" "$answer" && [ -s "$answer" ]
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

# ------------------------------------------------------------------------------------------------------------ lock

holder_alive() {
  [ -s "$STATE/holder" ] || return 1
  { read -r holder_pid holder_start && read -r holder_phase && read -r holder_who; } <"$STATE/holder"
  alive "$holder_pid" "$holder_start"
}

phase() { # waiting | executing | holding: what a switch-off may end, and what it must wait for
  printf '%s %s\n%s\n%s\n' "$$" "$(started_at $$)" "$1" "$WHO" >"$STATE/holder.$$" && mv -f "$STATE/holder.$$" "$STATE/holder"
}

take_lock() { # DIRECTION SECONDS
  [ -z "$HOLDING" ] || return 0
  join_ticks && true >>"$STATE/lock" || return 1
  exec 9>>"$STATE/lock"
  if ! flock -n 9; then
    tries=0
    while [ "$tries" -lt "$2" ]; do
      tries=$((tries + 1))
      # An executing holder finishes first; one that only waits makes room for a switch-off.
      [ "$1" = widen ] || printf '%s %s\n' "$$" "$(started_at $$)" >"$STATE/preempt"
      if timeout 1 flock 9; then tries=locked; break; fi
    done
    [ "$1" = widen ] || rm -f -- "$STATE/preempt"
    if [ "$tries" != locked ]; then
      exec 9>&-
      return 1
    fi
  fi
  HOLDING=1
  start_ticks
  find_leftovers
}

whole() { [ -s "$1/vars" ] && sh -n "$1/vars" 2>/dev/null; } # change folder

release() {
  stop_ticks
  rm -f -- "$STATE/holder"
  HOLDING=
  exec 9>&-
}

find_leftovers() { # a change that nobody carries any more; the lock is ours, so its session is dead
  LEFTOVER=
  for folder in "$STATE"/change/*/; do
    [ -d "$folder" ] || continue
    if ! whole "$folder"; then # cut off while intent was being written: nothing was touched
      rm -rf -- "$folder"
      continue
    fi
    LEFTOVER=$(basename -- "$folder")
    if [ -s "$folder/group" ]; then
      read -r group start <"$folder/group"
      if [ -n "$start" ] && [ "$(started_at "$group")" = "$start" ]; then kill -KILL -- "-$group" 2>/dev/null; fi
    fi
  done
}

# ------------------------------------------------------------------------------------------------------- audit log

append() { # the rest of a record, without its opening brace
  previous=
  if [ -s "$LOG" ]; then
    # A torn last line (a power cut) is ended, so that it can be told from tampering.
    [ -z "$(tail -c 1 "$LOG")" ] || printf '\n' >>"$LOG" || return 1
    previous=$(tail -n 1 "$LOG" | tr -d '\n' | sha256sum)
  fi
  line=$(printf '{"prev":"%s","time":"%s",%s' "${previous%% *}" "$(date -u +%Y-%m-%dT%H:%M:%SZ)" "$1")
  printf '%s\n' "$line" >>"$LOG" && flush "$LOG" && [ "$(tail -n 1 "$LOG")" = "$line" ]
}

show_last_record() { emit record "$(tail -n 1 "$LOG" | base64 | tr -d '\n')"; }

write_outcome() { # EVENT CAUSE: durable by a rename that needs no space, then into the log
  body=$(printf '"event":"%s","cause":"%s","steps":[%s],%s' "$1" "$2" "$STEPS_DONE" "$BASE")
  if ! { printf '%s\n' "$body" >"$CHANGE/outcome.new" && flush "$CHANGE/outcome.new"; } 2>/dev/null; then
    cp -f -- "$CHANGE/$1.ready" "$CHANGE/outcome.new" 2>/dev/null || mv -f -- "$CHANGE/$1.ready" "$CHANGE/outcome.new"
  fi
  mv -f -- "$CHANGE/outcome.new" "$CHANGE/outcome" && flush "$CHANGE"
  settle_outcome
}

settle_outcome() {
  if [ -z "$RECORDED" ]; then # a switch-off without a log: the client keeps the record
    emit unrecorded "$(b64_file "$CHANGE/outcome")"
    forget
  elif append "$(cat "$CHANGE/outcome")"; then
    show_last_record
    forget
  else
    CHANGE= # decided and durable; the next session writes it into the log
  fi
}

# --------------------------------------------------------------------------------------------------------- reading

show_env() {
  emit env "$(sha "$ENV_FILE")" "$(stat -c '%a %u %g' -- "$ENV_FILE")" "$(rename_trouble "$ENV_FILE")" "$([ -w "$ENV_FILE" ] && echo writable)"
}

show_lock() {
  if holder_alive; then emit lock "$holder_phase" "$holder_who"; else emit lock free -; fi
}

show_pending() {
  for folder in "$STATE"/change/*/; do
    whole "$folder" || continue
    living=dead
    if holder_alive && [ "$(cat "$folder/session" 2>/dev/null)" = "$holder_pid" ]; then living=alive; fi
    emit pending "$(basename -- "$folder")" "$living" "$(b64_file "$folder/base")" "$([ -f "$folder/outcome" ] && echo decided || echo open)"
  done
}

show_locks_of_deployments() { # PATTERN...: relative to the application, or ~/
  for pattern in "$@"; do
    case $pattern in "~/"*) pattern=$HOME/${pattern#??} ;; /*) ;; *) pattern=$RC_APP/$pattern ;; esac
    (
      IFS= # names may hold blanks
      # shellcheck disable=SC2231 # the pattern is meant to expand
      for found in $pattern; do
        if [ -e "$found" ]; then (IFS=' ' && emit deploying "$(b64 "$found")"); fi
      done
    )
  done
}

look() { # RECORDS [content] : the state of this host
  show_env
  if [ "${2:-}" = content ] && [ -r "$ENV_FILE" ]; then emit content "$(b64_file "$ENV_FILE")"; fi
  emit_eyes live state "$SCRATCH/state.in" "$SCRATCH/state.out"
  show_lock
  show_pending
  if [ -s "$LOG" ]; then emit records "$(tail -n "$1" "$LOG" | base64 | tr -d '\n')"; fi
  while IFS= read -r pattern; do show_locks_of_deployments "$pattern"; done <"$SCRATCH/deploy_locks"
}

# -------------------------------------------------------------------------------------------------------- preparing

refuse() { # WHY [EXIT] [OUTPUT-TOKEN]
  emit refused "$1" "${2:-0}" "${3:--}"
  return 1
}

build_aside() { # TO [NAME=VALUE...]
  to=$1
  shift
  rm -f -- "$to"
  bounded "$BUILD_LIMIT" "$SCRATCH/build.out" env -i PATH="$PATH" HOME="$HOME" LANG=C.UTF-8 "$@" APP_CONFIG_CACHE="$to" "$RC_PHP" artisan config:cache --no-interaction --no-ansi && [ -s "$to" ]
}

prepare() { # DIRECTION: stage, build aside, prove. Nothing live is touched
  DIRECTION=$1
  ENV_SHA=$(sha "$ENV_FILE") PREPARED_APP=$APP PREPARED_ENV=$ENV_FILE
  NEW_ENV_SHA=$(sha "$SCRATCH/env.new")
  if [ "$ENV_SHA" != "$EXPECTED_ENV" ]; then
    emit drift env
    return
  fi
  UNSTAGED='' NO_ASIDE=''
  if [ "$NEW_ENV_SHA" != "$EXPECTED_NEW" ]; then
    UNSTAGED=1 NEW_ENV_SHA=$ENV_SHA # .env stays; the cache can still be switched
    refuse staging || [ "$DIRECTION" = narrow ] || return
  fi
  CACHE='' CACHE_SHA=absent NEW_CACHE_SHA=absent BUILT=
  [ -w "$ENV_FILE" ] || [ -z "$(rename_trouble "$ENV_FILE")" ] || refuse unwritable || [ "$DIRECTION" = narrow ] || return
  if ! find_cache; then
    NO_ASIDE=1 # a build would replace the live cache; a switch-off patches it
    [ "$DIRECTION" = narrow ] || return
  fi
  if [ "$CACHE_SHA" != absent ]; then
    [ -w "$CACHE" ] || [ -z "$(rename_trouble "$CACHE")" ] || refuse unwritable-cache 0 "$(b64 "$CACHE")" ||
      [ "$DIRECTION" = narrow ] || return
    keep_copy "$CACHE" "$SCRATCH/cache.old"
    CACHE_MODE=$(stat -c %a -- "$CACHE")
    if [ "$HAS_BUILD" = 1 ]; then build_new_cache || return; fi
  elif [ "$HAS_BUILD" = 1 ]; then
    emit uncached
  fi
  if [ "$CACHE_SHA" = absent ] && [ "$(rename_trouble "$ENV_FILE")" ] && [ "$DIRECTION" = widen ]; then
    refuse in-place 0 "$(b64 "$(rename_trouble "$ENV_FILE")")" || return
  fi
  check_steps || return
  emit prepared
}

still_proved() { # what was proved has to be what stands: somebody may have changed it in the middle
  [ "$(sha "$ENV_FILE")" = "$EXPECTED_ENV" ] || emit drift env
  [ -z "$CACHE" ] || [ "$(sha "$CACHE")" = "$CACHE_SHA" ] || emit drift cache
}

find_cache() { # ask the application, in the environment of the build, where its cache is and which file it reads
  if ! emit_eyes proof check "$SCRATCH/check.in" "$SCRATCH/check.out" APP_CONFIG_CACHE="$SCRATCH/aside.php"; then
    refuse no-php "$result" "$(tail_b64 "$SCRATCH/eyes.out")"
    guess_cache
    return 1
  fi
  if ! [ -s "$SCRATCH/state.out" ] && ! eyes state "$SCRATCH/state.in" "$SCRATCH/state.out"; then
    guess_cache
    refuse no-php "$result" "$(tail_b64 "$SCRATCH/eyes.out")"
    return 1
  fi
  CACHE=$(from_json cache "$SCRATCH/state.out")
  [ -n "$CACHE" ] || guess_cache
  [ ! -e "$CACHE" ] || CACHE=$(readlink -f -- "$CACHE")
  CACHE_SHA=$(sha "$CACHE")
  if [ "$HAS_BUILD" = 1 ] && [ "$(from_json cache "$SCRATCH/check.out")" != "$SCRATCH/aside.php" ]; then
    refuse not-aside 0 "$(b64 "$CACHE")"
    return 1
  fi
  found=$(from_json env "$SCRATCH/check.out")
  [ "$found" = "$ENV_FILE" ] || refuse other-env 0 "$(b64 "$found")"
}

guess_cache() { # the application can't say; for a switch-off Laravel's usual place is better than nothing
  CACHE=$APP/bootstrap/cache/config.php
  CACHE_SHA=$(sha "$CACHE")
}

from_json() { # NAME FILE: a top-level string without escapes, as json_encode writes it
  grep -o '"'"$1"'":"[^"\\]*"' "$2" | head -n 1 | cut -d'"' -f4
}

build_new_cache() {
  # shellcheck disable=SC2046 # one NAME=VALUE a line; the values are flags': no blanks in them
  if [ -z "$NO_ASIDE" ] && build_aside "$SCRATCH/aside.php" $(cat "$SCRATCH/inject"); then
    BUILT=1
    emit_eyes difference diff "$(caches_in aside.php)" "$SCRATCH/diff.out" || { refuse no-php "$result"; return 1; }
  elif [ "$DIRECTION" = narrow ]; then
    [ -n "$NO_ASIDE" ] || emit build-failed "$result" "$(tail_b64 "$SCRATCH/build.out")"
    patch_cache
  else
    refuse build "$result" "$(tail_b64 "$SCRATCH/build.out")"
    return 1
  fi
  NEW_CACHE_SHA=$(sha "$SCRATCH/aside.php")
}

caches_in() { # NEW [CONTROL] -> a request for diff, with the settings that the client named
  control=
  [ -z "${2:-}" ] || control='"control":"'$SCRATCH/$2'",'
  printf '{"live":"%s","new":"%s",%s%s' "$CACHE" "$SCRATCH/$1" "$control" "$(cut -c2- "$SCRATCH/settings")" >"$SCRATCH/diff.in"
  printf '%s' "$SCRATCH/diff.in"
}

control_build() { # more than the flag differs: what differs without the flag's change as well is somebody's edit
  if build_aside "$SCRATCH/control.php"; then
    emit_eyes difference diff "$(caches_in aside.php control.php)" "$SCRATCH/diff.out" &&
      names_in volatile "$SCRATCH/diff.out" >>"$SCRATCH/volatile"
  fi
}

names_in() { # LIST FILE: the names in a top-level list of json_encode's, one a line
  sed -n 's/.*"'"$1"'":\[\([^]]*\)\].*/\1/p' "$2" | tr ',' '\n' | tr -d '"'
  echo # json_encode ends without a newline
}

patch_cache() {
  printf '{"live":"%s","to":"%s",%s' "$CACHE" "$SCRATCH/aside.php" "$(cut -c2- "$SCRATCH/patch")" >"$SCRATCH/patch.in"
  if eyes patch "$SCRATCH/patch.in" "$SCRATCH/patch.out"; then emit patched "$(b64_file "$answer")"; else rm -f -- "$SCRATCH/aside.php"; fi
}

check_steps() {
  checks=0
  while IFS="$TAB" read -r _ run _ _ check; do
    checks=$((checks + 1))
    sudo_allows "$(unb64 "$run")" || { [ "$DIRECTION" = narrow ] || refuse "$why" "$checks" "$(tail_b64 "$SCRATCH/check_$checks.out")" || return; }
    check_passes "$check" || [ "$DIRECTION" = narrow ] || refuse check "$checks" "$(tail_b64 "$SCRATCH/check_$checks.out")" || return
  done <"$SCRATCH/steps"
  return 0
}

check_passes() { # CHECK of the step number $checks
  [ "$1" = - ] || bounded 30 "$SCRATCH/check_$checks.out" env -i PATH="$PATH" HOME="$HOME" LANG=C.UTF-8 sh -c "$(unb64 "$1")"
}

sudo_allows() { # COMMAND: whether `sudo -n ...` may run it without a password
  case $1 in "sudo -n "*) ;; *) return 0 ;; esac
  why=sudo
  # shellcheck disable=SC2086 # split as the step's shell will
  set -f && set -- ${1#sudo -n } && set +f
  if ! command -v sudo >/dev/null 2>&1; then
    why=no-sudo
    return 1
  fi
  bare sudo -n -l "$@" >"$SCRATCH/check_$checks.out" 2>&1 </dev/null || return 1
  [ "$ME" = 0 ] || needs_no_password "$(tail -n 1 "$SCRATCH/check_$checks.out")" "$@"
}

# `sudo -l COMMAND` says yes to a command that wants a password too, once any other wants none. Of the rules that cover
# the command the last one counts; where sudo words them in a way that we can't read, one without a password has to do.
needs_no_password() { # COMMAND as sudo names it, then sudo's words
  wanted=$1 run_as=root everywhere=asks rule='' verdict=''
  case $2 in -u) run_as=$3 ;; esac
  bare sudo -n -l -l </dev/null >"$SCRATCH/sudo.rules" 2>/dev/null
  while IFS= read -r line; do
    line=${line#"${line%%[! "$TAB"]*}"}
    case $line in
      "Sudoers entry:"*) rule=begins users=root password=$everywhere ;;
      "RunAsUsers: "*) users=${line#*: } ;;
      *'!authenticate'*) if [ -n "$rule" ]; then password=free; else everywhere=free; fi ;;
      "Options: "*" authenticate"*) password=asks ;;
      "Commands:"*) rule=commands ;;
      ?*) if [ "$rule" = commands ] && covers "$line"; then verdict=$password; fi ;;
    esac
  done <"$SCRATCH/sudo.rules"
  [ -n "$verdict" ] || ! grep -q -e NOPASSWD -e '!authenticate' "$SCRATCH/sudo.rules" || verdict=free
  [ "$verdict" = free ]
}

covers() { # COMMAND of a rule for some $users, against $wanted as $run_as
  case ", $users," in *", ALL,"* | *", $run_as,"*) ;; *) return 1 ;; esac
  # shellcheck disable=SC2254 # sudoers has the shell's patterns
  case $1 in
    ALL) ;;
    *" "*) case $wanted in $1) ;; *) return 1 ;; esac ;;
    */) case ${wanted%% *} in "$1"*) ;; *) return 1 ;; esac ;;
    *) case ${wanted%% *} in $1) ;; *) return 1 ;; esac ;;
  esac
}

ask() { # KIND REQUESTS-FILE: emits the answers; fails when one is not as expected
  [ -s "$2" ] || return 0
  EYES_LIMIT=$ASK_LIMIT
  emit_eyes "$1" ask "$2" "$SCRATCH/ask.out"
  asked=$?
  EYES_LIMIT=30
  [ "$asked" = 0 ] && ! grep -q '"ok":false' "$SCRATCH/ask.out"
}

# ------------------------------------------------------------------------------------------------------- committing

lock() { # DIRECTION SECONDS
  DIRECTION=$1
  if ! take_lock "$1" "$2"; then
    holder_alive
    emit busy "${holder_phase:-unknown}" "${holder_who:--}"
    return 1
  fi
  phase waiting
  if [ "$DIRECTION" = narrow ]; then supersede; fi
  drifted=$(drift)
  if [ -z "$drifted" ]; then
    emit locked
    return 0
  fi
  emit drift "$drifted"
  release
  return 1
}

drift() { # what is no longer as it was in prepare
  if [ -n "$LEFTOVER" ]; then
    echo "pending $LEFTOVER"
  elif ! find_application || [ "$APP" != "$PREPARED_APP" ] || [ "$ENV_FILE" != "$PREPARED_ENV" ]; then
    echo release
  elif [ "$(sha "$ENV_FILE")" != "$ENV_SHA" ]; then
    echo env
  elif [ -n "$CACHE" ] && [ "$(sha "$CACHE")" != "$CACHE_SHA" ]; then
    echo cache
  elif [ "$DIRECTION" = widen ] && [ -n "$(show_all_deployments)" ]; then
    echo deploying
  fi
}

supersede() { # a switch-off doesn't wait for what could not be settled: it plans from what stands
  for folder in "$STATE"/change/*/; do
    [ -f "$folder/base" ] || continue
    append '"event":"reverted","cause":"superseded by a switch-off","steps":[],'"$(cat "$folder/base")" && show_last_record
    CHANGE=$folder
    forget
  done
  LEFTOVER=
}

show_all_deployments() { while IFS= read -r pattern; do show_locks_of_deployments "$pattern"; done <"$SCRATCH/deploy_locks"; }

begin() { # ID: intent first, durable, with everything that going back needs
  [ -z "$STATELESS" ] || return 1
  mkdir -p "$STATE/change" && CHANGE=$STATE/change/$1 && mkdir "$CHANGE" || return 1
  STEPS_DONE='' RECORDED=1
  printf '%s' "$$" >"$CHANGE/session"
  keep_copy "$ENV_FILE" "$CHANGE/env.old" && [ "$(sha "$CHANGE/env.old")" = "$ENV_SHA" ] || return 1
  for file in cache.old aside.php env.new base steps requests requests_old inject settings edits host.php state.in; do
    [ ! -f "$SCRATCH/$file" ] || cp -- "$SCRATCH/$file" "$CHANGE/$file" || return 1
  done
  for name in DIRECTION APP ENV_FILE CACHE ENV_SHA NEW_ENV_SHA CACHE_SHA NEW_CACHE_SHA CACHE_MODE BUILT HAS_BUILD REBUILD RC_PHP BUILD_LIMIT ASK_LIMIT; do
    value='' && eval "value=\$$name"
    printf "%s='%s'\n" "$name" "$(printf '%s' "$value" | sed "s/'/'\\\\''/g")"
  done >"$CHANGE/vars.new" || return 1
  for event in kept reverted; do
    printf '"event":"%s","cause":"disk full","steps":[],%s\n' "$event" "$BASE" >"$CHANGE/$event.ready" || return 1
  done
  [ ! -f "$CHANGE/cache.old" ] || [ "$(sha "$CHANGE/cache.old")" = "$CACHE_SHA" ] || return 1
  # `vars` comes last: without it the folder counts for nothing.
  flush "$CHANGE"/* && mv -f -- "$CHANGE/vars.new" "$CHANGE/vars" && flush "$CHANGE" && append '"event":"started",'"$BASE" && show_last_record
}

commit() { # ID HOLD-SECONDS
  HOLD=$2
  BASE=$(cat "$SCRATCH/base")
  phase executing
  if [ -n "$(drift)" ]; then # since the lock was taken; nobody else's edit is written over
    fail drift 0
    release
    return 1
  fi
  if ! begin "$1" 2>/dev/null; then
    if [ "$DIRECTION" = widen ]; then
      [ -z "$CHANGE" ] || forget
      release
      emit failed "$(b64 record)" 0 -
      emit untouched
      return 1
    fi
    [ -z "$CHANGE" ] || rm -rf -- "$CHANGE"
    RECORDED='' CHANGE=$SCRATCH
    emit unrecorded "$(b64 '"event":"started",'"$BASE")"
  fi
  if apply; then
    emit committed
  elif [ "$DIRECTION" = narrow ]; then
    emit incomplete # a switch-off never goes back
  else
    go_back "$FAILED"
    return
  fi
  phase holding
}

fail() { # STEP EXIT OUTPUT-FILE
  FAILED=$1
  emit failed "$(b64 "$1")" "$2" "$([ -f "${3:-}" ] && tail_b64 "$3" || printf '%s' -)"
  return 1
}

# Idempotent, so that an interrupted switch-off is finished by running it again. Narrowing goes on past a failure.
apply() {
  trouble=0
  true >"$CHANGE/touched" && flush "$CHANGE/touched" "$CHANGE" # from here on going back has to restart, whoever does it
  if [ "$(sha "$ENV_FILE")" != "$NEW_ENV_SHA" ]; then swap_in "$CHANGE/env.new" "$ENV_FILE" || trouble=1; fi
  [ -z "$UNSTAGED" ] || trouble=1
  [ "$trouble" = 0 ] || fail '.env' 1 || [ "$DIRECTION" = narrow ] || return
  if [ "$REBUILD" = 1 ] && [ -n "$BUILT" ]; then rebuild_from_file || [ "$DIRECTION" = narrow ] || return; fi
  if [ -f "$CHANGE/aside.php" ] && [ "$CACHE_SHA" != absent ] && [ "$(sha "$CACHE")" != "$NEW_CACHE_SHA" ]; then
    swap_in "$CHANGE/aside.php" "$CACHE" || { trouble=1; fail 'config cache' 1; } || [ "$DIRECTION" = narrow ] || return
  elif [ "$HAS_BUILD" = 1 ] && [ "$CACHE_SHA" != absent ] && [ ! -f "$CHANGE/aside.php" ]; then
    trouble=1
    fail 'config cache' 1 # a switch-off that could neither build nor patch one
  fi
  emit swapped
  if [ "$DIRECTION" = widen ] && [ -n "$BUILT" ] && [ "$REBUILD" != 1 ] && [ -z "$RECOVERING" ]; then start_twin; fi
  if ! run_steps 0 "$CHANGE/steps"; then
    trouble=1
    [ "$DIRECTION" = narrow ] || return
  fi
  judge_twin || return
  ask answers "$CHANGE/requests" || { trouble=1; fail health 0 "$SCRATCH/eyes.out" || [ "$DIRECTION" = narrow ] || return; }
  [ -z "$TERMINATED" ] || [ "$DIRECTION" = narrow ] || fail terminated 0 || return
  return "$trouble"
}

rebuild_from_file() { # a key that goes away can't be passed to a build: build from the file that now stands
  if ! build_aside "$SCRATCH/rebuilt.php"; then
    fail 'config cache' "$result" "$SCRATCH/build.out"
    return
  fi
  cp -- "$SCRATCH/rebuilt.php" "$CHANGE/aside.php" && NEW_CACHE_SHA=$(sha "$CHANGE/aside.php") &&
    printf "NEW_CACHE_SHA='%s'\n" "$NEW_CACHE_SHA" >>"$CHANGE/vars"
}

start_twin() { # the same build from the .env that now stands must give the same bytes; made beside the restart
  (
    trap - HUP PIPE TERM INT EXIT
    umask "$STEPS_UMASK"
    exec setsid timeout -k 5 "$BUILD_LIMIT" env -i PATH="$PATH" HOME="$HOME" LANG=C.UTF-8 APP_CONFIG_CACHE="$SCRATCH/twin.php" "$RC_PHP" artisan config:cache --no-interaction --no-ansi
  ) </dev/null >"$SCRATCH/twin.out" 2>&1 9>&- &
  TWIN=$!
}

wait_twin() {
  [ -n "$TWIN" ] || return 0
  wait "$TWIN"
  built=$?
  TWIN=
}

judge_twin() {
  [ -n "$TWIN" ] || return 0
  wait_twin
  [ "$built" = 0 ] || { fail 'config cache' "$built" "$SCRATCH/twin.out"; return 1; }
  [ "$(sha "$SCRATCH/twin.php")" = "$NEW_CACHE_SHA" ] || only_volatile || { fail override 0; return 1; }
}

only_volatile() { # a value that is another at each build
  eyes diff "$(CACHE=$SCRATCH/twin.php caches_in aside.php)" "$SCRATCH/twin.diff" || return 1
  for name in $(names_in changed "$SCRATCH/twin.diff"); do below_volatile "$name" || return 1; done
}

below_volatile() { # NAME: whether it is a volatile setting, or in one
  while IFS= read -r path; do
    case $1 in "${path:-/}" | "${path:-/}".*) return 0 ;; esac
  done <"$SCRATCH/volatile"
  return 1
}

run_steps() { # ONCE(0|1) FILE: name, run, seconds, once, check: tokens with tabs between
  number=0
  outcome=0
  while IFS="$TAB" read -r name run seconds once _ <&3; do
    if [ "$once" != "$1" ] || [ "$run" = - ]; then continue; fi
    number=$((number + 1))
    emit step "$name" begins
    bounded "$seconds" "$SCRATCH/step.out" env -i PATH="$PATH" HOME="$HOME" LANG=C.UTF-8 sh -c "$(unb64 "$run")"
    ended=$result
    emit step "$name" ended "$ended" "$MS" "$(tail_b64 "$SCRATCH/step.out")"
    note_step "$name" "$ended"
    if [ "$ended" != 0 ]; then
      outcome=1
      fail "$(unb64 "$name")" "$ended" "$SCRATCH/step.out"
      [ "$DIRECTION" = narrow ] || break
    fi
    [ -z "$TERMINATED" ] || [ "$DIRECTION" = narrow ] || { outcome=1; fail terminated 0; break; }
  done 3<"$2"
  return "$outcome"
}

note_step() { # for the record: a step's name is JSON-safe, the client saw to that
  STEPS_DONE=$STEPS_DONE${STEPS_DONE:+,}$(printf '{"name":"%s","ok":%s,"ms":%s}' "$(unb64 "$1")" "$([ "$2" = 0 ] && echo true || echo false)" "$MS")
}

# -------------------------------------------------------------------------------------------------------- going back

go_back() { # CAUSE: cache first, then .env, then the steps that make it live again
  emit going-back "$(b64 "$1")"
  was_terminated=$TERMINATED TERMINATED='' touched='' stuck='' FOREIGN_CACHE='' before=$APP
  [ ! -e "$CHANGE/touched" ] || touched=1
  phase executing
  wait_twin
  find_application || APP=$before # a deployment may have put another release live
  restore_cache
  restore_env
  [ "$APP" = "$before" ] || rebuild_in_new_release
  if [ -n "$touched" ] && ! run_steps 0 "$CHANGE/steps"; then
    run_steps 0 "$CHANGE/steps" || stuck=1
  fi
  if [ -n "$stuck" ]; then # no outcome: what was kept stays, and the next command tries again
    append '"event":"stuck","cause":"'"$FAILED"'","steps":['"$STEPS_DONE"'],'"$BASE" && show_last_record
    CHANGE=
    emit stuck "$(b64 "$FAILED")"
  else
    write_outcome reverted "$1"
    emit reverted "$(b64 "$1")"
  fi
  TERMINATED=$was_terminated
  release
  ask answers "$SCRATCH/requests_old" || : # only to tell; nobody has to wait for the lock meanwhile
}

rebuild_in_new_release() { # built while our .env stood, its cache may hold the flag
  if ! eyes state "$CHANGE/state.in" "$SCRATCH/state.out"; then
    stuck=1 FAILED='config cache of the new release'
    return
  fi
  CACHE=$(from_json cache "$SCRATCH/state.out")
  [ -f "$CACHE" ] || return 0
  touched=1
  { build_aside "$SCRATCH/back.php" && swap_in "$SCRATCH/back.php" "$(readlink -f -- "$CACHE")"; } ||
    { stuck=1 && FAILED='config cache of the new release'; }
}

restore_cache() {
  [ "$CACHE_SHA" != absent ] && [ -f "$CHANGE/cache.old" ] && [ -d "$(dirname -- "$CACHE")" ] || return 0
  now=$(sha "$CACHE")
  if [ "$now" = "$CACHE_SHA" ]; then return 0; fi
  touched=1
  if [ "$now" = "$NEW_CACHE_SHA" ] || [ "$now" = absent ] || [ -z "$BUILT" ]; then
    [ "$(sha "$CHANGE/cache.old")" = "$CACHE_SHA" ] || { stuck=1; FAILED='the kept config cache is not the one that was kept'; return; }
    if [ "$now" = absent ]; then cp -p -- "$CHANGE/cache.old" "$CACHE" && chmod "${CACHE_MODE:-0644}" "$CACHE"; else swap_in "$CHANGE/cache.old" "$CACHE"; fi || { stuck=1; FAILED='config cache'; }
  else
    emit foreign cache
    FOREIGN_CACHE=1
  fi
}

restore_env() {
  now=$(sha "$ENV_FILE")
  if [ "$now" = "$NEW_ENV_SHA" ] && [ "$now" != "$ENV_SHA" ]; then
    [ -n "$touched" ] || [ "$CACHE_SHA" != absent ] || touched=1
    [ "$(sha "$CHANGE/env.old")" = "$ENV_SHA" ] || { stuck=1; FAILED='the kept .env is not the one that was kept'; return; }
    swap_in "$CHANGE/env.old" "$ENV_FILE" || { stuck=1; FAILED=.env; }
  elif [ "$now" != "$ENV_SHA" ]; then
    emit foreign env
    unedit || { stuck=1; FAILED='.env was changed by somebody else'; }
  fi
  if [ -n "${FOREIGN_CACHE:-}" ]; then
    if build_aside "$SCRATCH/back.php"; then swap_in "$SCRATCH/back.php" "$CACHE"; else stuck=1 FAILED='config cache'; fi
  fi
}

unedit() { # only the flag's own keys go back in a file that is no longer ours
  printf '{"from":"%s","to":"%s",%s' "$ENV_FILE" "$SCRATCH/env.unedited" "$(cut -c2- "$CHANGE/edits")" >"$SCRATCH/unedit.in"
  eyes unedit "$SCRATCH/unedit.in" "$SCRATCH/unedit.out" && grep -q '"ok":true' "$SCRATCH/unedit.out" &&
    swap_in "$SCRATCH/env.unedited" "$ENV_FILE" && touched=1
}

# ---------------------------------------------------------------------------------------------------------- deciding

keep() { # CAUSE
  write_outcome kept "$1"
  emit kept
  release
}

decide() { # keep | revert
  if [ -z "$CHANGE" ]; then
    if [ -n "$HOLDING" ]; then release; fi
    emit released
  elif [ "$1" = keep ] || [ "$DIRECTION" = narrow ]; then
    keep "$2"
  else
    go_back "$2"
  fi
}

settle() { # ID WANT(keep|revert): deliver a decision to a session that waits, or finish what a dead one left
  folder=$STATE/change/$1
  if [ ! -d "$folder" ]; then
    emit settled absent
    return
  fi
  if holder_alive && [ "$(cat "$folder/session" 2>/dev/null)" = "$holder_pid" ]; then
    printf '%s\n' "$2" >"$folder/decision.new" && mv -f "$folder/decision.new" "$folder/decision"
    waits=0
    while [ -d "$folder" ] && [ "$waits" -lt 60 ] && holder_alive; do
      waits=$((waits + 1))
      timeout 1 flock "$STATE/lock" true && break
    done
    [ -d "$folder" ] || { emit settled delivered; return; }
  fi
  exec 9>>"$STATE/lock"
  if ! timeout 10 flock 9; then
    emit settled busy
    return
  fi
  HOLDING=1 # no ticks: nothing is waited for here
  recover "$1" "$2"
  RECOVERING=''
  find_application # what the interrupted change knew is of no use for the next one
  if [ -n "$HOLDING" ]; then release; fi
  emit settled recovered
}

recover() { # ID WANT, under the lock
  CHANGE=$STATE/change/$1
  find_leftovers
  if ! whole "$CHANGE"; then
    CHANGE=
    return
  fi
  BASE=$(cat "$CHANGE/base") STEPS_DONE='' RECORDED=1 RECOVERING=1
  # shellcheck source=/dev/null
  . "$CHANGE/vars"
  for file in host.php settings requests_old; do [ ! -f "$CHANGE/$file" ] || cp -- "$CHANGE/$file" "$SCRATCH/"; done
  rm -f -- "$ENV_FILE".rolloutctl.?????? "$CACHE".rolloutctl.??????
  phase executing
  if [ -f "$CHANGE/outcome" ]; then
    if grep -qF "$(cat "$CHANGE/outcome")" "$LOG"; then rm -rf -- "$CHANGE"; CHANGE=; else settle_outcome; fi
  elif { [ "$2" = keep ] || [ "$DIRECTION" = narrow ]; } && is_ours; then
    if apply || [ "$DIRECTION" = narrow ]; then write_outcome kept "interrupted, finished later"; else go_back "$FAILED"; fi
  elif [ "$DIRECTION" = narrow ]; then
    write_outcome reverted "interrupted, and somebody changed .env or the cache since"
  else
    go_back "interrupted"
  fi
}

is_ours() { # .env and the cache are as the change found them or made them: nobody's edit is written over
  case $(sha "$ENV_FILE") in "$ENV_SHA" | "$NEW_ENV_SHA") ;; *) return 1 ;; esac
  case $(sha "$CACHE") in "$CACHE_SHA" | "$NEW_CACHE_SHA") ;; *) return 1 ;; esac
}

# ---------------------------------------------------------------------------------------------------------- the loop

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
  ) <&7 >&8 2>/dev/null 9>&- &
  PUMP=$!
}

start_ticks() {
  (while kill -0 $$ && sleep 1; do echo tick; done) </dev/null >&8 2>/dev/null 9>&- &
  TICKER=$!
}

stop_ticks() {
  [ -n "$TICKER" ] || return 0
  kill -KILL "$TICKER" 2>/dev/null # TERM is lost on a subshell that has not yet let go of our trap
  wait "$TICKER" 2>/dev/null
  TICKER=
}

listen() {
  if [ -z "$PUMP" ]; then
    [ -z "$TERMINATED" ] && IFS= read -r LINE
    return
  fi
  waited=0
  while [ -n "$HOLDING" ] || { [ -z "$GONE" ] && [ -z "$TERMINATED" ]; }; do
    IFS= read -r LINE <&8 || LINE=tick # a signal interrupted it
    case $LINE in
      tick) waited=$((waited + 1)) ;;
      gone) GONE=1 ;;
      *) return 0 ;;
    esac
    if [ -n "$HOLDING" ] && own_decision; then return 0; fi
  done
  return 1
}

own_decision() { # into LINE: what the session decides without its client
  if [ -n "$CHANGE" ] && [ -s "$CHANGE/decision" ]; then
    LINE="decide $(cat "$CHANGE/decision") by-another-session"
  elif switch_off_waits; then
    LINE="decide revert preempted"
  elif [ -n "$TERMINATED" ]; then
    LINE="decide revert terminated"
  elif [ -n "$GONE" ]; then
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

serve() {
  while listen; do
    # shellcheck disable=SC2086 # tokens without blanks, patterns are off
    set -f && set -- $LINE && set +f
    verb=${1:-}
    [ $# = 0 ] || shift
    case $verb in
      put) unb64 "$2" >"$SCRATCH/$1" ;;
      set) eval "$1=\$2" ;; # names and values are the client's own constants and numbers
      open) open_change "$@" ;;
      look) look "$@" ;;
      ask) ask answers "$SCRATCH/$1" ;;
      prepare) prepare "$@" || :; still_proved ;;
      control) control_build ;;
      lock) lock "$@" ;;
      commit) if [ -n "$HOLDING" ]; then commit "$@"; fi ;;
      keep) decide keep "${1:-}" ;;
      revert) decide revert "${1:-asked}" ;;
      decide) decide "$@" ;;
      once) run_steps 1 "$SCRATCH/steps" ;;
      settle) settle "$@" ;;
      append) if [ -z "$STATELESS" ] && take_lock widen 10; then append "$(unb64 "$1")" && show_last_record; release; fi ;;
      still) [ -z "$CHANGE" ] || emit holding ;;
      examine) . "$SCRATCH/examine.sh" ;; # doctor's; it travels with nobody else
      log) [ ! -s "$LOG" ] || emit records "$(b64_file "$LOG")" ;;
      hold) continue ;;
      bye) return ;;
      *) emit unknown "$(b64 "$verb")" ;;
    esac
    emit "done" "$verb"
  done
}

ME=$(id -u)
EYES_LIMIT=30 ASK_LIMIT=60 BUILD_LIMIT=60 HAS_BUILD=1 REBUILD=0 WHO=- RECORDED=1 STEPS_DONE='' TWIN='' PUMP='' TICKER='' GONE='' SCRATCH='' RECOVERING='' UNSTAGED='' NO_ASIDE='' CACHE_MODE=''
missing=
for tool in base64 flock timeout sha256sum setsid mktemp stat readlink sync; do
  command -v "$tool" >/dev/null 2>&1 || missing="$missing $tool"
done
unfit=$missing # all that is wrong is told at once
[ -z "$missing" ] || emit fatal no-tool "$(b64 "${missing# }")"
case $missing in *readlink*) ;; *)
  if ! find_application; then
    unfit=1
    if [ -n "${APP:-}" ]; then emit fatal no-env "$(b64 "$env_path")"; else emit fatal no-app "$(b64 "$RC_APP")"; fi
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
# shellcheck disable=SC2086 # client, its port, server, its port
set -- ${SSH_CONNECTION:-}
echo # ends a line that a login shell left open
emit hello 1 "$ME" "$(b64 "$(id -un)")" "$(b64 "$MACHINE")" "$(b64 "$APP")" "$(b64 "$ENV_FILE")" "$(b64 "$STATE")" "${3:--}"
serve
if [ -n "$CHANGE" ]; then decide revert client-gone; fi
