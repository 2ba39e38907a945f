# Files: their hashes, their owners and modes, and how one takes the place of another.

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
