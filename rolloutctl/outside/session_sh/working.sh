# Long work, the verbs `enter`, `define`, `work`, `build`, `swap` and `leave`: a deployment, or a task of minutes.
#
# A switch-off never waits for minutes, so they are not spent under the lock. They have a sign of their own, the file
# `work`, which a widening takes for what it is: a deployment that runs. The lock is held for moments, while that sign is
# put up, and while .env or the config cache takes the place of another.

enter() { # SECONDS: nobody else is at work here, and all is as it was prepared, where something was
  if ! take_lock widen "$1"; then
    say_busy
    return 1
  fi
  if [ -n "${PREPARED_APP:-}" ]; then
    drifted=$(drift)
  elif [ -n "$LEFTOVER" ]; then
    drifted="pending $LEFTOVER"
  else
    drifted=$([ -z "$(show_all_deployments)" ] || echo deploying)
  fi
  if work_runs; then
    emit busy working "$work_who"
  elif [ -n "$drifted" ]; then
    emit drift "$drifted"
  elif WORKING=1 && note_work; then
    emit entered
  else
    WORKING=''
    emit refused unwritable 0 -
  fi
  release
}

note_work() { # [GROUP START]: who is at work, and the step that runs
  started_at "$SELF"
  printf '%s %s\n%s\n%s\n' "$SELF" "$STARTED" "${1:-- -}" "$WHO" >"$STATE/work.new" && mv -f -- "$STATE/work.new" "$STATE/work"
}

work_runs() { # of another session; or a step that goes on though its session was killed
  [ -z "$WORKING" ] && [ -s "$STATE/work" ] || return 1
  { read -r work_pid work_start && read -r step_pid step_start && read -r work_who; } <"$STATE/work"
  alive "$work_pid" "$work_start" || alive "${step_pid#-}" "$step_start"
}

show_work() { if trusted && work_runs; then emit working "$work_who"; fi; }

define() { # SECONDS: the .env that was prepared takes the place of the one that was read
  [ -n "$WORKING" ] || return
  MUST=''
  if ! take_lock widen "$1"; then
    say_busy
    return 1
  fi
  phase executing
  swap_in "$SCRATCH/env.new" "$ENV_FILE" "$ENV_SHA"
  case $? in
    0) emit defined ;;
    2) emit drift env ;;
    *) fail .env 1 ;;
  esac
  release
}

work() { # the step in the file `step`: name, run, seconds; what it says is told while it runs
  [ -n "$WORKING" ] || return
  IFS="$TAB" read -r name run seconds _ <"$SCRATCH/step"
  emit step "$name" begins
  text_of "$run"
  true >"$SCRATCH/step.out"
  (tell "$SCRATCH/step.out") </dev/null 2>/dev/null 4<&- 6>&- 7<&- 8>&- 9>&- &
  teller=$!
  bounded "$seconds" "$SCRATCH/step.out" env -i PATH="$PATH" HOME="$HOME" LANG=C.UTF-8 sh -c "$TEXT"
  ended=$result
  kill -KILL "$teller" 2>/dev/null
  wait "$teller" 2>/dev/null
  tail_token "$SCRATCH/step.out"
  emit step "$name" ended "$ended" "$MS" "$TOKEN"
}

tell() { # FILE: what is new in it, once a second; of much, the end
  told=0
  while kill -0 "$SELF" && sleep 1 >/dev/null; do
    length=$(stat -c %s -- "$1") || return
    new=$((length - told)) told=$length
    [ "$new" -gt 0 ] || continue
    [ "$new" -le 2048 ] || new=2048
    emit said "$length" "$(tail -c +$((length - new + 1)) -- "$1" | head -c "$new" | base64 | tr -d '\n')"
  done
}

build() { # the config cache, aside: by the code that stands now, from the .env that stands now
  [ -n "$WORKING" ] || return
  CACHE='' CACHE_SHA=absent NEW_CACHE_SHA=absent
  rm -f -- "$SCRATCH/state.out" "$SCRATCH/aside.php" # another release's
  find_application || { refuse other-env 0 "$(b64 "$RC_APP/$RC_ENV_FILE")"; return; }
  sha "$ENV_FILE" && ENV_SHA=$SHA
  find_cache || return
  if [ "$CACHE_SHA" = absent ]; then
    emit uncached
    return
  fi
  CACHE_MODE=$(stat -c %a -- "$CACHE")
  build_aside "$SCRATCH/aside.php" || { refuse build "$result" "$(tail_b64 "$SCRATCH/build.out")"; return; }
  emit_eyes difference diff "$(caches_in aside.php)" "$SCRATCH/diff.out"
}

swap() { # SECONDS: what was built becomes the cache, if neither that nor .env is another since: a switch-off stays
  [ -n "$WORKING" ] && [ -s "$SCRATCH/aside.php" ] || return
  MUST=''
  if ! take_lock widen "$1"; then
    say_busy
    return 1
  fi
  phase executing
  if ! still_is "$ENV_FILE" "$ENV_SHA"; then
    emit drift env
  else
    swap_in "$SCRATCH/aside.php" "$CACHE" "$CACHE_SHA"
    case $? in
      0) emit swapped ;;
      2) emit drift cache ;;
      *) fail 'config cache' 1 ;;
    esac
  fi
  release
}

leave() {
  [ -n "$WORKING" ] || return 0
  rm -f -- "$STATE/work"
  WORKING=''
  emit left
}
