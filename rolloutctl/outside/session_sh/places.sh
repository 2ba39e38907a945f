# Where things are on this host: the application, the state folder, our private folder, the change's folder.

find_application() { # again at commit: `current` may have moved
  cd "$RC_APP" 2>/dev/null || return 1
  APP=$(pwd -P)
  case $RC_ENV_FILE in /*) env_path=$RC_ENV_FILE ;; *) env_path=$APP/$RC_ENV_FILE ;; esac
  ! planted "$env_path" && ENV_FILE=$(readlink -f -- "$env_path") && [ -f "$ENV_FILE" ]
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
  if [ -L "$LOG" ] || [ -L "$STATE/audit.head" ] || [ -L "$STATE/lock" ] || [ -L "$STATE" ]; then
    printf 'something in %s is a symbolic link' "$place"
    return 1
  fi
  set --
  while [ -n "$place" ]; do set -- "$@" "$place" && place=${place%/*}; done
  stat -c '%u %a %n' -- "$APP" "$@" | judge_folders && judge_entries
}

judge_folders() { # stdin: owner, mode and name; the first is the application's, whose owner may own all that is ours
  IFS=' ' read -r APP_OWNER _
  while IFS=' ' read -r owner mode place; do
    if [ "$owner" != 0 ] && [ "$owner" != "$ME" ] && [ "$owner" != "$APP_OWNER" ]; then
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
  done
}

judge_entries() { # what lies in the state folder, but for sessions' private folders: it may be older than its mode
  [ -d "$STATE" ] || return 0
  strange=$(find "$STATE" -name 'rolloutctl.??????' -prune -o \( ! -type d ! -type f -o -perm -020 -o -perm -002 \
    -o ! -user "$ME" ! -user 0 ! -user "$(stat -c %u -- "$APP")" \) -print 2>/dev/null | head -n 1)
  [ -z "$strange" ] || printf '%s is a link or a fifo, belongs to another user, or can be written by others' "$strange"
  [ -z "$strange" ]
}

trusted() { # nothing is read from a state folder that others could have written in; one that is yet to be made is empty
  [ -n "$TRUSTED$STATELESS" ] || [ ! -e "$STATE" ] || state_trouble >/dev/null || return 1
  TRUSTED=1
}

has_room() { # FOLDER: a megabyte, as a test and not as a figure that quotas don't know
  head -c 1048576 /dev/zero >"$1/room.$$" 2>/dev/null
  room=$?
  rm -f -- "$1/room.$$"
  return "$room"
}

make_scratch() { # FOLDER...: our private folder in the first that has room
  for folder in "$@"; do
    if [ -w "$folder" ] && SCRATCH=$(mktemp -d "$folder/rolloutctl.XXXXXX" 2>/dev/null) && has_room "$SCRATCH"; then
      own_scratch
      return
    fi
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
  make_scratch "$STATE" && cp -- "$outer"/* "$SCRATCH/"
  rm -rf -- "$outer"
}

own_scratch() { printf '%s %s\n' "$SELF" "$(started_at "$SELF")" >"$SCRATCH/owner"; }

sweep() { # what sessions that were killed left: private folders, in /tmp of those that never came to a change, and drafts
  for folder in "$STATE"/rolloutctl.* "${TMPDIR:-/tmp}"/rolloutctl.* /tmp/rolloutctl.* /dev/shm/rolloutctl.*; do
    if [ ! -L "$folder" ] && [ "$(stat -c %u -- "$folder" 2>/dev/null)" = "$ME" ] && [ -s "$folder/owner" ]; then
      read -r pid start <"$folder/owner"
      alive "$pid" "$start" || rm -rf -- "$folder"
    fi
  done
  if [ -s "$STATE/preempt" ] && read -r pid start <"$STATE/preempt" && ! alive "$pid" "$start"; then rm -f -- "$STATE/preempt"; fi
  for file in "$STATE"/holder.* "$STATE"/room.*; do
    [ ! -f "$file" ] || kill -0 "${file##*.}" 2>/dev/null || rm -f -- "$file"
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
