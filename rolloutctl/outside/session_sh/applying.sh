# What a commit does to the live application: the two swaps, the steps, the questions; and the twin that checks the cache.

fail() { # STEP EXIT OUTPUT-FILE
  FAILED=$1
  TOKEN=-
  [ ! -f "${3:-}" ] || tail_token "$3"
  emit failed "$(b64 "$1")" "$2" "$TOKEN"
  return 1
}

# Idempotent, so that an interrupted switch-off is finished by running it again. Narrowing goes on past a failure.
apply() {
  trouble=0
  true >"$CHANGE/touched" && flush "$CHANGE/touched" "$CHANGE" # from here on going back has to restart, whoever does it
  MUST=
  [ "$DIRECTION" = widen ] || MUST=1
  if ! still_is "$ENV_FILE" "$NEW_ENV_SHA"; then
    swap_in "$CHANGE/env.new" "$ENV_FILE" "$ENV_SHA"
    case $? in
      0) ;;
      2)
        OVERTAKEN=1
        fail drift 0
        return
        ;;
      *) trouble=1 ;;
    esac
  fi
  [ -z "$UNSTAGED" ] || trouble=1
  [ "$trouble" = 0 ] || fail '.env' 1 || [ "$DIRECTION" = narrow ] || return
  if [ "$REBUILD" = 1 ] && [ -n "$BUILT" ]; then rebuild_from_file || [ "$DIRECTION" = narrow ] || return; fi
  if [ -f "$CHANGE/aside.php" ] && [ "$CACHE_SHA" != absent ] && ! still_is "$CACHE" "$NEW_CACHE_SHA"; then
    swap_in "$CHANGE/aside.php" "$CACHE" "$([ "$DIRECTION" = narrow ] || echo "$CACHE_SHA")"
    case $? in
      0) ;;
      2) fail drift 0 || return ;;
      *) { trouble=1; fail 'config cache' 1; } || [ "$DIRECTION" = narrow ] || return ;;
    esac
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
  cp -- "$SCRATCH/rebuilt.php" "$CHANGE/aside.php" && sha "$CHANGE/aside.php" ours && NEW_CACHE_SHA=$SHA &&
    printf "NEW_CACHE_SHA='%s'\n" "$NEW_CACHE_SHA" >>"$CHANGE/vars"
}

start_twin() { # the same build from the .env that now stands must give the same bytes; made beside the restart
  (
    trap - HUP PIPE TERM INT EXIT
    umask "$STEPS_UMASK"
    exec setsid timeout -k 5 "$BUILD_LIMIT" env -i PATH="$PATH" HOME="$HOME" LANG=C.UTF-8 APP_CONFIG_CACHE="$SCRATCH/twin.php" "$RC_PHP" -d opcache.enable_cli=0 artisan config:cache --no-interaction --no-ansi
  ) </dev/null >"$SCRATCH/twin.out" 2>&1 3<&- 4<&- 6>&- 7<&- 8>&- 9>&- &
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
  sha "$SCRATCH/twin.php" ours
  [ "$SHA" = "$NEW_CACHE_SHA" ] || only_volatile || { fail override 0; return 1; }
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
    run_step
    if [ "$ended" != 0 ] && [ "$DIRECTION" = narrow ]; then run_step; fi # a switch-off that is not live is none
    if [ "$ended" != 0 ]; then
      outcome=1
      text_of "$name" && fail "$TEXT" "$ended" "$SCRATCH/step.out"
      [ "$DIRECTION" = narrow ] || break
    fi
    [ -z "$TERMINATED" ] || [ "$DIRECTION" = narrow ] || { outcome=1; fail terminated 0; break; }
  done 3<"$2"
  return "$outcome"
}

run_step() { # the one that `run_steps` has read
  emit step "$name" begins
  text_of "$run"
  bounded "$seconds" "$SCRATCH/step.out" env -i PATH="$PATH" HOME="$HOME" LANG=C.UTF-8 sh -c "$TEXT"
  ended=$result
  tail_token "$SCRATCH/step.out"
  emit step "$name" ended "$ended" "$MS" "$TOKEN"
  note_step "$name" "$ended"
}

note_step() { # for the record: a step's name is JSON-safe, the client saw to that
  ok=false
  [ "$2" != 0 ] || ok=true
  text_of "$1"
  STEPS_DONE=$STEPS_DONE${STEPS_DONE:+,}'{"name":"'$TEXT'","ok":'$ok',"ms":'$MS'}'
}
