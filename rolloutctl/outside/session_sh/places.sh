# Where things are on this host: the application, the state folder, our private folder, the change's folder.

find_application() { # again at commit: `current` may have moved
  cd "$RC_APP" 2>/dev/null && cd -P . || return 1
  APP=$PWD
  case $RC_ENV_FILE in /*) env_path=$RC_ENV_FILE ;; *) env_path=$APP/$RC_ENV_FILE ;; esac
  planted "$env_path" && return 1
  case $RC_ENV_FILE in
    */*) ENV_FILE=$(readlink -f -- "$env_path") ;;
    *) if [ -L "$env_path" ]; then ENV_FILE=$(readlink -f -- "$env_path"); else ENV_FILE=$env_path; fi ;;
  esac
  [ -f "$ENV_FILE" ]
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
  if [ -r /etc/machine-id ]; then IFS= read -r MACHINE </etc/machine-id; else MACHINE=$(hostname); fi
  beyond=${MACHINE#????????}
  [ "$beyond" != "$MACHINE" ] || beyond=
  STATE=$base/$(slug)/${MACHINE%"$beyond"}
  LOG=$STATE/audit.jsonl
}

# The path as configured, for `current` moves; but one way of writing it.
slug() { # in a process of its own
  app=$RC_APP
  while [ "$app" != "${app%/}" ]; do app=${app%/}; done
  case $app in */*) cd "${app%/*}/" && cd -P . || return ;; esac
  sed -e 's/[^A-Za-z0-9._]/-/g' -e 's/^-*//' <<PATH_OF_APP
$PWD/${app##*/}
PATH_OF_APP
}

# Make the state folder, and trust it only when nobody else could have put something there. Says what is wrong.
open_state() {
  if [ -z "$JUDGED" ]; then
    if ! mkdir -p -- "$STATE" 2>/dev/null; then
      printf 'the folder %s cannot be made by %s' "$STATE" "$(id -un)"
      return 1
    fi
    state_trouble || return
  fi
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
  judge_folders <<FOLDERS && judge_entries
$(stat -c '%u %a %n' -- "$APP" "$@")
FOLDERS
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
    -o ! -user "$ME" ! -user 0 ! -user "$APP_OWNER" \) -print 2>/dev/null)
  [ -z "$strange" ] || printf '%s is a link or a fifo, belongs to another user, or can be written by others' "${strange%%"$NEWLINE"*}"
  [ -z "$strange" ]
}

trusted() { # nothing is read from a state folder that others could have written in; one that is yet to be made is empty
  [ -z "$TRUSTED$STATELESS" ] || return 0
  if [ -e "$STATE" ]; then
    state_trouble >/dev/null || return
    JUDGED=1 # from here on nobody else can have put something there
  fi
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
    if [ -w "$folder" ] && new_scratch "$folder" && has_room "$SCRATCH"; then return; fi
    [ -z "$SCRATCH" ] || rm -rf -- "$SCRATCH"
    SCRATCH=
  done
  return 1
}

new_scratch() { # FOLDER
  SCRATCH=$(mktemp -d "$1/rolloutctl.XXXXXX" 2>/dev/null) || return
  own_scratch || { rm -rf -- "$SCRATCH" && return 1; } # one that nobody owns would never be swept
}

open_change() { # DIRECTION: a change needs the state folder; a switch-off goes on without
  [ -z "$STATELESS" ] || return
  problem=$(open_state)
  if [ -z "$problem" ]; then
    sweep
    move_scratch
  elif [ "$1" = narrow ]; then
    STATELESS=1 STATE=$SCRATCH/state LOG=$SCRATCH/state/audit.jsonl
    mkdir -p "$STATE"
    token_of "$problem" && emit stateless "$TOKEN"
  else
    token_of "$problem" && emit refused state 0 "$TOKEN"
  fi
}

move_scratch() { # into the state folder, where it can be
  outer=$SCRATCH
  if ! new_scratch "$STATE"; then
    SCRATCH=$outer
  elif cp -- "$outer"/* "$SCRATCH/"; then
    rm -rf -- "$outer"
  else
    rm -rf -- "$SCRATCH"
    SCRATCH=$outer
  fi
}

own_scratch() { started_at "$SELF" && printf '%s %s\n' "$SELF" "$STARTED" >"$SCRATCH/owner"; }

sweep() { # what sessions that were killed left: private folders, in /tmp of those that never came to a change, and drafts
  sweep_folders "$STATE"/rolloutctl.* "${TMPDIR:-/tmp}"/rolloutctl.* /tmp/rolloutctl.* /dev/shm/rolloutctl.*
  if [ -s "$STATE/preempt" ] && read -r pid start <"$STATE/preempt" && ! alive "$pid" "$start"; then rm -f -- "$STATE/preempt"; fi
  for file in "$STATE"/holder.* "$STATE"/room.*; do
    [ ! -f "$file" ] || kill -0 "${file##*.}" 2>/dev/null || rm -f -- "$file"
  done
}

# Where many applications share a machine there are many, and `read` takes a system call for each byte of /proc: so of
# whoever may be alive, all at once are asked about; the sed is for many what `started_at` is for one. Nobody counts as
# dead for want of an answer: /proc may hide somebody, and who dies meanwhile is for the next sweep.
sweep_folders() { # FOLDER...
  asked=$NEWLINE stats=
  for folder in "$@"; do
    read_owner "$folder" || continue
    if ! kill -0 "$pid" 2>/dev/null; then
      gone=$pid
      if read_owner "$folder" && [ "$pid" = "$gone" ]; then rm -rf -- "$folder"; fi # or it has just been handed over
    elif [ -n "$start" ]; then
      asked="$asked$pid $start$NEWLINE" stats="$stats /proc/$pid/stat"
    fi
  done
  [ -n "$stats" ] || return 0
  # shellcheck disable=SC2086 # a word each
  told=$NEWLINE$(cat -- $stats 2>/dev/null | sed -n 's/^\([0-9]*\) (.*) \(.\)\( [-0-9]*\)\{18\} \([0-9]*\) .*/\1 \2 \4/p')$NEWLINE
  for folder in "$@"; do
    read_owner "$folder" || continue
    case $asked in *"$NEWLINE$pid $start$NEWLINE"*) ;; *) continue ;; esac # a session that has just begun
    case $told in
      *"$NEWLINE$pid "[!Z]" $start$NEWLINE"*) ;;
      *"$NEWLINE$pid "*) rm -rf -- "$folder" ;;
    esac
  done
}

read_owner() { # FOLDER, into pid and start: whose it is, where it is one of our account's, and not this session's own
  # shellcheck disable=SC3067 # dash, bash and busybox have -O
  [ "$1" != "$SCRATCH" ] && [ ! -L "$1" ] && [ -O "$1" ] && [ -s "$1/owner" ] || return
  pid=''
  read -r pid start <"$1/owner" || [ -n "$pid" ] # a full disk may have cut the line off
}

clean_up() {
  stop_ticks
  end_asker
  end_eyes
  [ -z "$PUMP" ] || kill -KILL "$PUMP" 2>/dev/null
  if [ -n "$HOLDING" ]; then release; fi
  leave >/dev/null
  [ -z "$SCRATCH" ] || rm -rf -- "$SCRATCH"
}

forget() { # the change's folder; a switch-off without a log works in the private one
  if [ "$CHANGE" != "$SCRATCH" ]; then
    rm -f -- "$CHANGE/vars" # first: what is left of it must not look like a change without an outcome
    rm -rf -- "$CHANGE"
  fi
  CHANGE=
}
