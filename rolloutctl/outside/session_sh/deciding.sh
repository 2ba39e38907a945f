# The verbs `keep`, `revert` and `settle`: outcomes, of this session's change and of one that a dead session left.

keep() { # CAUSE
  write_outcome kept "$1"
  emit kept
  release
}

decide() { # keep | revert, CAUSE, WHO: fields of the record, JSON with a comma behind
  text_of "${3:--}" && DECIDER=$TEXT
  if [ -z "$CHANGE" ]; then
    if [ -n "$HOLDING" ]; then release; fi
    emit released
  elif [ "$1" = keep ] || [ "$DIRECTION" = narrow ]; then
    keep "$2"
  else
    go_back "$2"
  fi
}

settle() { # ID WANT(keep|revert) CAUSE WHO: deliver a decision to whoever waits for it, or finish what a dead one left
  if ! trusted; then # nothing there is read in, or put back
    emit stuck "$(b64 "$(state_trouble)")"
    return
  fi
  folder=$STATE/change/$1
  if [ ! -d "$folder" ]; then
    emit settled absent
    return
  fi
  if holder_alive && carried_by "$holder_pid" "$folder"; then
    printf '%s %s %s\n' "$2" "${3:-by-another-session}" "${4:--}" >"$folder/decision.new" && mv -f "$folder/decision.new" "$folder/decision" && wake
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
  IFS= read -r BASE <"$CHANGE/base"
  STEPS_DONE='' RECORDED=1 RECOVERING=1
  # shellcheck source=/dev/null
  . "$CHANGE/vars"
  for file in host.php settings requests_old; do [ ! -f "$CHANGE/$file" ] || cp -- "$CHANGE/$file" "$SCRATCH/"; done
  end_eyes # what was prepared is for the host.php that came with it
  sweep_beside "$ENV_FILE"
  sweep_beside "$CACHE"
  phase executing
  if [ -f "$CHANGE/outcome" ]; then
    settle_decided
  elif { [ "$2" = keep ] || [ "$DIRECTION" = narrow ]; } && is_ours; then
    OVERTAKEN=
    if apply || { [ "$DIRECTION" = narrow ] && [ -z "$OVERTAKEN" ]; }; then
      write_outcome kept "interrupted, finished later"
    elif [ "$DIRECTION" = narrow ]; then
      write_outcome reverted "interrupted, and somebody changed .env since"
    else
      go_back "$FAILED"
    fi
  elif [ "$DIRECTION" = narrow ]; then
    write_outcome reverted "interrupted, and somebody changed .env or the cache since"
  else
    go_back "interrupted"
  fi
}

is_ours() { # .env and the cache are as the change found them or made them: nobody's edit is written over
  sha "$ENV_FILE"
  case $SHA in "$ENV_SHA" | "$NEW_ENV_SHA") ;; *) return 1 ;; esac
  sha "$CACHE"
  case $SHA in "$CACHE_SHA" | "$NEW_CACHE_SHA") ;; *) return 1 ;; esac
}
