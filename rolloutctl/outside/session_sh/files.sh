# Files: their hashes, their owners and modes, and how one takes the place of another.
#
# Whoever may write the folder of .env or of the config cache may put a link or a fifo in a file's place, at any moment.
# So nothing here follows a link at the end of a path that was resolved before, and no open waits for ever.

patiently() { timeout -k 1 10 "$@"; } # COMMAND: it opens what may have become a fifo meanwhile

# Into SHA: "absent" for a file that is not there, "strange" for something that is no file. Where a file is OURS, in a
# folder of our own, nobody can make a fifo of it.
sha() { # FILE [OURS]
  if [ -L "$1" ] || { [ -e "$1" ] && [ ! -f "$1" ]; }; then
    SHA=strange
  elif [ ! -f "$1" ]; then
    SHA=absent
  elif [ "${1#/}" != "$1" ] && heard sha "$1" && [ "${#SAID}" = 64 ]; then
    SHA=$SAID
  elif [ -n "${2:-}" ]; then
    SHA=$(sha256sum -- "$1" 2>/dev/null) || SHA=unreadable
  else
    SHA=$(timeout -k 1 10 sha256sum -- "$1" 2>/dev/null) || SHA=unreadable
  fi
  SHA=${SHA#\\} SHA=${SHA%% *}
}

flush() { # FILE|FOLDER...: onto the disk
  case $1 in /*) if heard flush "$@" && [ "$SAID" = flushed ]; then return; fi ;; esac
  sync "$@" 2>/dev/null || sync
}

keep_copy() { [ ! -L "$1" ] && patiently cp -f -- "$1" "$2" && flush "$2"; } # readable by us alone, as our umask has it

# What stands at a path, never followed, and its folder: one call for both. Fails when it is no regular file.
what_stands() { # FILE -> MODE OWNER GROUP LINKS DEVICE INODE SIZE ROOM FOLDER_DEVICE; SEEN is all of the file's
  SEEN=$(stat -c '%f %a %u %g %h %d %i %s %b %B %z' -- "$1" "${1%/*}/" 2>/dev/null)
  # shellcheck disable=SC2086 # numbers only
  set -- ${SEEN#*"$NEWLINE"}
  [ $# -gt 10 ] || return 1
  FOLDER_DEVICE=$6 SEEN=${SEEN%%"$NEWLINE"*}
  # shellcheck disable=SC2086
  set -- $SEEN
  case $1 in 8???) ;; *) return 1 ;; esac
  MODE=$2 OWNER=$3 GROUP=$4 LINKS=$5 DEVICE=$6 INODE=$7 SIZE=$8 ROOM=$(($9 * ${10}))
}

# Into TROUBLE: why a file can't be replaced by a rename without losing something; empty when it can. What stands there
# is known then, and STANDS empty where it is no regular file.
rename_trouble() { # FILE
  TROUBLE='' STANDS=1
  what_stands "$1" || STANDS=''
  if [ ! -w "${1%/*}/" ]; then
    TROUBLE=folder
  elif [ -z "$STANDS" ]; then
    : # whatever it is, a rename takes its place
  elif [ "$LINKS" != 1 ] && ! linked_for_a_moment "$1"; then
    TROUBLE=links
  elif [ "$1 $SEEN" = "$FIT" ]; then
    : # nothing about it has changed since
  elif [ "$DEVICE" != "$FOLDER_DEVICE" ] || grep -qs " $1 " /proc/self/mounts; then
    TROUBLE=mount
  elif [ "$ME" != 0 ] && { [ "$OWNER" != "$ME" ] || not_ours "$GROUP"; }; then
    TROUBLE=owner
  else
    # shellcheck disable=SC2012 # only the mode column is read
    case $(ls -ld -- "$1") in ??????????+*) TROUBLE=acl ;; *) FIT="$1 $SEEN" ;; esac
  fi
}

linked_for_a_moment() { # FILE: another session's swap holds what it replaces by a second name
  for _ in 1 2 3; do
    sleep 0.1 2>/dev/null || sleep 1
    if what_stands "$1" && [ "$LINKS" = 1 ]; then return; fi
  done
  return 1
}

not_ours() { case " $(id -G) " in *" $1 "*) return 1 ;; esac; } # GROUP

may_write() { # FILE: in place, or by a rename
  [ -w "$1" ] && return
  rename_trouble "$1"
  [ -z "$TROUBLE" ]
}

# planted PATH: whether the link that stands there was made by somebody else: not by us, nor by root, nor by the owner
# of what it leads to. Such a link would make us read and write what its maker may not.
planted() {
  at=$1 hops=0
  while [ -L "$at" ] && [ "$hops" -lt 40 ]; do
    maker=$(stat -c %u -- "$at") hops=$((hops + 1))
    [ "$maker" = 0 ] || [ "$maker" = "$ME" ] || [ "$maker" = "$(stat -L -c %u -- "$at" 2>/dev/null)" ] || return 0
    next=$(readlink -- "$at")
    case $next in /*) at=$next ;; *) at=${at%/*}/$next ;; esac
  done
  return 1
}

# swap_in NEW TARGET WAS: the new bytes under the target's name, owner and mode, while the target is what WAS says (a
# sha256, or absent; empty: whatever it is). 2: it is not, and was left alone. With MUST, where there is no room for a
# second file, into the room that the target has: a switch-off and a way back may not fail for a full disk.
swap_in() {
  rename_trouble "$2"
  if [ -z "$STANDS" ]; then
    case $3 in '' | absent) ;; *) return 2 ;; esac
    MODE=${CACHE_MODE:-0644} OWNER=$ME GROUP=$(id -g) ROOM=0
  fi
  if [ -n "$TROUBLE" ]; then
    still_is "$2" "$3" || return 2
    write_in_place "$1" "$2"
    return
  fi
  beside=$(mktemp -d "$2.rolloutctl.XXXXXX" 2>/dev/null)
  renamed=1
  [ -z "$beside" ] || {
    rename_from "$beside" "$1" "$2" "$3"
    renamed=$?
    rm -rf -- "$beside"
  }
  case $renamed in
    0) flush "${2%/*}/" ;;
    2) return 2 ;;
    *) [ -n "$MUST" ] && still_is "$2" "$3" && write_in_place "$1" "$2" ;;
  esac
}

sweep_beside() { # FILE, with the lock: what killed sessions left beside it
  for beside in "$1".rolloutctl.??????; do [ ! -e "$beside" ] || rm -rf -- "$beside"; done
}

still_is() { # FILE WAS
  [ -z "$2" ] || { sha "$1" && [ "$SHA" = "$2" ]; }
}

# In a folder of our own, that nobody else can put anything into: once inside, it does not matter what its name is made
# to mean. The old file is held by a second name, so that an edit in the last moment is seen, and not lost.
rename_from() ( # FOLDER NEW TARGET WAS
  cd "$1" && ours=$(stat -c '%a %u %g' .) || exit 1
  case $ours in "700 $ME "* | "2700 $ME "*) ;; *) exit 1 ;; esac # 2: of the folder that it lies in
  set -C # what is there already is not ours
  read -r inside _ </proc/self/stat && inside=/proc/$inside/cwd || inside=.
  cat -- "$2" >new || exit 1
  [ "$OWNER $GROUP" = "$ME ${ours##* }" ] || chown "$OWNER:$GROUP" new || exit 1
  chmod "$MODE" new && flush "$inside/new" || exit 1
  held=''
  [ -z "$4" ] || [ -L "$3" ] || ! ln -- "$3" old 2>/dev/null || held=1
  still_is "$3" "$4" || exit 2
  # shellcheck disable=SC3013 # dash, bash and busybox have -ef
  [ -z "$held" ] || [ old -ef "$3" ] || exit 2
  mv -f -T -- new "$3" || exit 1
  if [ -n "$held" ] && ! still_is "$inside/old" "$4"; then # somebody wrote into it between the two lines above
    mv -f -T -- old "$3"
    exit 2
  fi
)

# write_in_place NEW TARGET: never empty in between, and never longer than the room that the file has. What is open has
# to be what stands under that name: a link that was put there meanwhile leads elsewhere.
write_in_place() (
  what_stands "$2" || exit 1
  size=$(wc -c <"$1")
  [ "$size" -le "$ROOM" ] || has_room "${2%/*}" || [ ! -w "${2%/*}/" ] || exit 1
  exec 5<>"$2" || exit 1
  [ "$(stat -L -c '%d:%i' /proc/self/fd/5)" = "$DEVICE:$INODE" ] || exit 1
  { cat -- "$1" && if [ "$size" -lt "$SIZE" ]; then head -c $((SIZE - size)) /dev/zero | tr '\0' '\n'; fi; } >&5 &&
    truncate -s "$size" /proc/self/fd/5 && flush "$2"
)
