# The lock of the host: who has it, what a switch-off may end, what a dead holder left.

holder_alive() {
  [ -s "$STATE/holder" ] || return 1
  { read -r holder_pid holder_start && read -r holder_phase && read -r holder_who; } <"$STATE/holder"
  alive "$holder_pid" "$holder_start"
}

phase() { # waiting | executing | holding | provisional: what a switch-off may end, and what it must wait for
  started_at "$SELF"
  if ! { printf '%s %s\n%s\n%s\n' "$SELF" "$STARTED" "$1" "$WHO" >"$STATE/holder.$SELF" && mv -f "$STATE/holder.$SELF" "$STATE/holder"; }; then
    rm -f -- "$STATE/holder.$SELF" # the disk is full
    return 1
  fi
}

carried_by() { # PID FOLDER: whether that process carries the change in the folder
  session=
  { read -r session <"$2/session"; } 2>/dev/null
  [ "$session" = "$1" ]
}

wake() { # one that holds a provisional change looks around once a second; with this at once
  if holder_alive && [ "$holder_phase" = provisional ]; then kill -USR1 "$holder_pid" 2>/dev/null; fi
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
      [ "$1" = widen ] || { started_at $$ && printf '%s %s\n' "$$" "$STARTED" >"$STATE/preempt" && wake; }
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

whole() { [ -s "$1/vars" ] && only_values "$1/vars"; } # change folder

only_values() { ! grep -qvE "^[A-Z_]+='([^']|'\\\\'')*'\$" "$1"; } # it is read in as a part of this script

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
    folder=${folder%/} LEFTOVER=${folder##*/}
    if [ -s "$folder/group" ]; then
      read -r group start <"$folder/group"
      started_at "$group"
      if [ -n "$start" ] && [ "$STARTED" = "$start" ]; then kill -KILL "-$group" 2>/dev/null; fi
    fi
  done
}
