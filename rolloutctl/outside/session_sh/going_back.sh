# Putting back what a change did: the cache first, then .env, then the steps that make it live again.

go_back() { # CAUSE: cache first, then .env, then the steps that make it live again
  emit going-back "$(b64 "$1")"
  was_terminated=$TERMINATED TERMINATED='' touched='' stuck='' FOREIGN_CACHE='' before=$APP
  [ ! -e "$CHANGE/touched" ] || touched=1
  MUST=1
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
  { build_aside "$SCRATCH/back.php" && swap_in "$SCRATCH/back.php" "$(readlink -f -- "$CACHE")" ''; } ||
    { stuck=1 && FAILED='config cache of the new release'; }
}

restore_cache() {
  [ "$CACHE_SHA" != absent ] && [ -f "$CHANGE/cache.old" ] && [ -d "$(dirname -- "$CACHE")" ] || return 0
  sha "$CACHE"
  now=$SHA
  if [ "$now" = "$CACHE_SHA" ]; then return 0; fi
  touched=1
  if [ "$now" = "$NEW_CACHE_SHA" ] || [ "$now" = absent ] || [ -z "$BUILT" ]; then
    sha "$CHANGE/cache.old" ours
    [ "$SHA" = "$CACHE_SHA" ] || { stuck=1; FAILED='the kept config cache is not the one that was kept'; return; }
    swap_in "$CHANGE/cache.old" "$CACHE" "$now"
    case $? in 0) ;; 2) foreign_cache ;; *) stuck=1 FAILED='config cache' ;; esac
  else
    foreign_cache
  fi
}

foreign_cache() {
  emit foreign cache
  FOREIGN_CACHE=1
}

restore_env() {
  sha "$ENV_FILE"
  now=$SHA
  if [ "$now" = "$NEW_ENV_SHA" ] && [ "$now" != "$ENV_SHA" ]; then
    [ -n "$touched" ] || [ "$CACHE_SHA" != absent ] || touched=1
    sha "$CHANGE/env.old" ours
    [ "$SHA" = "$ENV_SHA" ] || { stuck=1; FAILED='the kept .env is not the one that was kept'; return; }
    swap_in "$CHANGE/env.old" "$ENV_FILE" "$now"
    case $? in 0) ;; 2) foreign_env ;; *) stuck=1 FAILED=.env ;; esac
  elif [ "$now" != "$ENV_SHA" ]; then
    foreign_env
  fi
  if [ -n "${FOREIGN_CACHE:-}" ]; then
    if build_aside "$SCRATCH/back.php"; then swap_in "$SCRATCH/back.php" "$CACHE" ''; else stuck=1 FAILED='config cache'; fi
  fi
}

foreign_env() {
  emit foreign env
  unedit || { stuck=1; FAILED='.env was changed by somebody else'; }
}

unedit() { # only the flag's own keys go back in a file that is no longer ours
  sha "$ENV_FILE"
  now=$SHA
  printf '{"from":"%s","to":"%s",%s' "$ENV_FILE" "$SCRATCH/env.unedited" "$(cut -c2- "$CHANGE/edits")" >"$SCRATCH/unedit.in"
  eyes unedit "$SCRATCH/unedit.in" "$SCRATCH/unedit.out" && grep -q '"ok":true' "$SCRATCH/unedit.out" &&
    swap_in "$SCRATCH/env.unedited" "$ENV_FILE" "$now" && touched=1
}
