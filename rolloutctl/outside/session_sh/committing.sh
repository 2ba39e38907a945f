# The verbs `lock` and `commit`: see that nothing changed, write intent, swap, run the steps, ask.

lock() { # DIRECTION SECONDS
  DIRECTION=$1
  if ! take_lock "$1" "$2"; then
    say_busy
    return 1
  fi
  phase waiting
  sweep_beside "$ENV_FILE"
  sweep_beside "$CACHE"
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
  elif ! still_is "$ENV_FILE" "$ENV_SHA"; then
    echo env
  elif [ -n "$CACHE" ] && ! still_is "$CACHE" "$CACHE_SHA"; then
    echo cache
  elif [ "$DIRECTION" = widen ] && [ -n "$(show_all_deployments)" ]; then
    echo deploying
  fi
}

supersede() { # a switch-off doesn't wait for what could not be settled: it plans from what stands
  for folder in "$STATE"/change/*/; do
    [ -f "$folder/base" ] || continue
    CHANGE=${folder%/}
    if [ -f "$CHANGE/outcome" ]; then # decided, and only the log had no room for it
      settle_decided
    else
      append '"event":"reverted","cause":"superseded by a switch-off","steps":[],'"$(cat "$CHANGE/base")" && show_last_record
      forget
    fi
  done
  LEFTOVER=
}

say_busy() {
  holder_alive
  emit busy "${holder_phase:-unknown}" "${holder_who:--}" "$(provisional_left)"
}

show_all_deployments() {
  while IFS= read -r pattern; do show_locks_of_deployments "$pattern"; done <"$SCRATCH/deploy_locks"
  show_work
}

begin() { # ID: intent first, durable, with everything that going back needs
  [ -z "$STATELESS" ] || return 1
  { [ -d "$STATE/change" ] || mkdir -p "$STATE/change"; } && CHANGE=$STATE/change/$1 && mkdir "$CHANGE" || return 1
  STEPS_DONE='' RECORDED=1
  printf '%s' "$SELF" >"$CHANGE/session"
  keep_copy "$ENV_FILE" "$CHANGE/env.old" && sha "$CHANGE/env.old" ours && [ "$SHA" = "$ENV_SHA" ] || return 1
  set --
  for file in cache.old aside.php env.new base steps requests requests_old inject settings edits host.php state.in; do
    [ ! -f "$SCRATCH/$file" ] || set -- "$@" "$SCRATCH/$file"
  done
  cp -- "$@" "$CHANGE/" || return 1
  for name in DIRECTION APP ENV_FILE CACHE ENV_SHA NEW_ENV_SHA CACHE_SHA NEW_CACHE_SHA CACHE_MODE BUILT HAS_BUILD REBUILD RC_PHP BUILD_LIMIT ASK_LIMIT; do
    value='' && eval "value=\$$name"
    case $value in *\'*) value=$(printf '%s' "$value" | sed "s/'/'\\\\''/g") ;; esac
    printf "%s='%s'\n" "$name" "$value"
  done >"$CHANGE/vars.new" && only_values "$CHANGE/vars.new" || return 1
  for event in kept reverted; do
    printf '"event":"%s","cause":"disk full","steps":[],%s\n' "$event" "$BASE" >"$CHANGE/$event.ready" || return 1
  done
  [ ! -f "$CHANGE/cache.old" ] || { sha "$CHANGE/cache.old" ours && [ "$SHA" = "$CACHE_SHA" ]; } || return 1
  # `vars` comes last: without it the folder counts for nothing.
  flush "$CHANGE"/* && mv -f -- "$CHANGE/vars.new" "$CHANGE/vars" && flush "$CHANGE" && append '"event":"started",'"$BASE" && show_last_record
}

commit() { # ID HOLD-SECONDS
  HOLD=$2
  if [ "$DIRECTION" = widen ] && client_is_gone; then # it sends a commit along with the lock
    release
    return 1
  fi
  IFS= read -r BASE <"$SCRATCH/base"
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
  INCOMPLETE=''
  OVERTAKEN='' # until the last moment somebody may edit .env: theirs stays, and nothing has been begun
  if apply; then
    emit committed
  elif [ -n "$OVERTAKEN" ]; then
    write_outcome reverted drift
    release
    return 1
  elif [ "$DIRECTION" = narrow ]; then
    emit incomplete # a switch-off never goes back
    INCOMPLETE=1
  else
    go_back "$FAILED"
    return
  fi
  phase holding
}
