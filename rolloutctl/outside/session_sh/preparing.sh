# The verbs `prepare` and `control`: stage, build aside, prove. Nothing live is touched.

refuse() { # WHY [EXIT] [OUTPUT-TOKEN]
  emit refused "$1" "${2:-0}" "${3:--}"
  return 1
}

build_aside() { # TO [NAME=VALUE...]
  to=$1
  shift
  [ ! -e "$to" ] || rm -f -- "$to"
  bounded "$BUILD_LIMIT" "$SCRATCH/build.out" env -i PATH="$PATH" HOME="$HOME" LANG=C.UTF-8 "$@" APP_CONFIG_CACHE="$to" "$RC_PHP" -d opcache.enable_cli=0 artisan config:cache --no-interaction --no-ansi && [ -s "$to" ]
}

prepare() { # DIRECTION: stage, build aside, prove. Nothing live is touched
  DIRECTION=$1
  sha "$ENV_FILE" && ENV_SHA=$SHA PREPARED_APP=$APP PREPARED_ENV=$ENV_FILE
  sha "$SCRATCH/env.new" ours && NEW_ENV_SHA=$SHA
  if [ "$ENV_SHA" != "$EXPECTED_ENV" ]; then
    emit drift env
    return
  fi
  UNSTAGED='' NO_ASIDE=''
  if [ "$NEW_ENV_SHA" != "$EXPECTED_NEW" ]; then
    UNSTAGED=1 NEW_ENV_SHA=$ENV_SHA # .env stays; the cache can still be switched
    refuse staging || [ "$DIRECTION" = narrow ] || return
  fi
  CACHE='' CACHE_SHA=absent NEW_CACHE_SHA=absent BUILT=
  may_write "$ENV_FILE" || refuse unwritable || [ "$DIRECTION" = narrow ] || return
  if ! find_cache; then
    NO_ASIDE=1 # a build would replace the live cache; a switch-off patches it
    [ "$DIRECTION" = narrow ] || return
  fi
  if [ "$CACHE_SHA" != absent ]; then
    may_write "$CACHE" || refuse unwritable-cache 0 "$(b64 "$CACHE")" ||
      [ "$DIRECTION" = narrow ] || return
    if [ "$CACHE_SHA" != strange ]; then
      keep_copy "$CACHE" "$SCRATCH/cache.old"
      CACHE_MODE=$(stat -c %a -- "$CACHE")
    fi
    if [ "$HAS_BUILD" = 1 ]; then build_new_cache || return; fi
  elif [ "$HAS_BUILD" = 1 ]; then
    emit uncached
  fi
  if [ "$CACHE_SHA" = absent ] && [ "$DIRECTION" = widen ]; then
    rename_trouble "$ENV_FILE"
    [ -z "$TROUBLE" ] || refuse in-place 0 "$(b64 "$TROUBLE")" || return
  fi
  # Nothing that sudo or a check says would stop a switch-off, so it does not wait for them.
  [ "$DIRECTION" = narrow ] || check_steps || return
  emit prepared
}

still_proved() { # what was proved has to be what stands: somebody may have changed it in the middle
  still_is "$ENV_FILE" "$EXPECTED_ENV" || emit drift env
  [ -z "$CACHE" ] || still_is "$CACHE" "$CACHE_SHA" || emit drift cache
}

find_cache() { # ask the application, in the environment of the build, where its cache is and which file it reads
  if ! emit_eyes proof check "$SCRATCH/check.in" "$SCRATCH/check.out" APP_CONFIG_CACHE="$SCRATCH/aside.php"; then
    refuse no-php "$result" "$(tail_b64 "$SCRATCH/eyes.out")"
    guess_cache
    return 1
  fi
  if ! [ -s "$SCRATCH/state.out" ] && ! eyes state "$SCRATCH/state.in" "$SCRATCH/state.out"; then
    guess_cache
    refuse no-php "$result" "$(tail_b64 "$SCRATCH/eyes.out")"
    return 1
  fi
  CACHE=$(from_json cache "$SCRATCH/state.out")
  [ -n "$CACHE" ] || guess_cache
  planted "$CACHE" || [ ! -e "$CACHE" ] || CACHE=$(readlink -f -- "$CACHE")
  sha "$CACHE" && CACHE_SHA=$SHA
  if [ "$CACHE_SHA" = strange ]; then refuse strange-cache 0 "$(b64 "$CACHE")" || [ "$DIRECTION" = narrow ] || return; fi
  if [ "$HAS_BUILD" = 1 ] && [ "$(from_json cache "$SCRATCH/check.out")" != "$SCRATCH/aside.php" ]; then
    refuse not-aside 0 "$(b64 "$CACHE")"
    return 1
  fi
  found=$(from_json env "$SCRATCH/check.out")
  [ "$found" = "$ENV_FILE" ] || refuse other-env 0 "$(b64 "$found")"
}

guess_cache() { # the application can't say; for a switch-off Laravel's usual place is better than nothing
  CACHE=$APP/bootstrap/cache/config.php
  sha "$CACHE" && CACHE_SHA=$SHA
}

from_json() { # NAME FILE: a top-level string without escapes, as json_encode writes it, in one line
  json=
  IFS= read -r json <"$2"
  case $json in *'"'"$1"'":"'*) ;; *) return ;; esac
  value=${json#*'"'"$1"'":"'}
  value=${value%%'"'*}
  case $value in *\\*) ;; *) printf '%s\n' "$value" ;; esac
}

build_new_cache() {
  set -- # one NAME=VALUE a line
  while IFS= read -r each; do set -- "$@" "$each"; done <"$SCRATCH/inject"
  if [ -z "$NO_ASIDE" ] && build_aside "$SCRATCH/aside.php" "$@"; then
    BUILT=1
    [ "$CACHE_SHA" = strange ] || show_difference || { refuse no-php "$result"; return 1; }
  elif [ "$DIRECTION" = narrow ]; then
    [ -n "$NO_ASIDE" ] || emit build-failed "$result" "$(tail_b64 "$SCRATCH/build.out")"
    patch_cache
  else
    refuse build "$result" "$(tail_b64 "$SCRATCH/build.out")"
    return 1
  fi
  sha "$SCRATCH/aside.php" ours && NEW_CACHE_SHA=$SHA
}

caches_in() { # NEW [CONTROL] -> a request for diff, with the settings that the client named
  control=
  [ -z "${2:-}" ] || control='"control":"'$SCRATCH/$2'",'
  IFS= read -r settings <"$SCRATCH/settings"
  printf '{"live":"%s","new":"%s",%s%s' "$CACHE" "$SCRATCH/$1" "$control" "${settings#?}" >"$SCRATCH/diff.in"
  printf '%s' "$SCRATCH/diff.in"
}

show_difference() { # more than the flag differs: what differs without the flag's change as well is somebody's edit
  emit_eyes difference diff "$(caches_in aside.php)" "$SCRATCH/diff.out" || return
  IFS= read -r json <"$SCRATCH/diff.out" || : # json_encode ends without a newline
  case ${json%%'"got":'*} in *'"left":[]'*) return ;; esac
  if build_aside "$SCRATCH/control.php"; then
    emit_eyes difference diff "$(caches_in aside.php control.php)" "$SCRATCH/diff.out" &&
      names_in volatile "$SCRATCH/diff.out" >>"$SCRATCH/volatile"
  fi
  :
}

names_in() { # LIST FILE: the names in a top-level list of json_encode's, one a line
  sed -n 's/.*"'"$1"'":\[\([^]]*\)\].*/\1/p' "$2" | tr ',' '\n' | tr -d '"'
  echo # json_encode ends without a newline
}

patch_cache() {
  printf '{"live":"%s","to":"%s",%s' "$CACHE" "$SCRATCH/aside.php" "$(cut -c2- "$SCRATCH/patch")" >"$SCRATCH/patch.in"
  if eyes patch "$SCRATCH/patch.in" "$SCRATCH/patch.out"; then file_token "$answer" && emit patched "$TOKEN"; else rm -f -- "$SCRATCH/aside.php"; fi
}

ask() { # KIND REQUESTS-FILE: emits the answers; fails when one is not as expected
  [ -s "$2" ] || return 0
  EYES_LIMIT=$ASK_LIMIT
  emit_eyes "$1" ask "$2" "$SCRATCH/ask.out"
  asked=$?
  EYES_LIMIT=30
  [ "$asked" = 0 ] || return
  IFS= read -r json <"$SCRATCH/ask.out" || : # json_encode ends without a newline
  case $json in *'"ok":false'*) return 1 ;; esac
}
