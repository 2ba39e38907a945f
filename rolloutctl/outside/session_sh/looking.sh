# The verb `look`: the state of this host, read and never changed.

show_env() {
  sha "$ENV_FILE"
  rename_trouble "$ENV_FILE"
  if [ -n "$STANDS" ]; then owned="$MODE $OWNER $GROUP"; else owned=$(stat -c '%a %u %g' -- "$ENV_FILE"); fi
  writable=
  [ ! -w "$ENV_FILE" ] || writable=writable
  emit env "$SHA" "$owned" "$TROUBLE" "$writable"
}

show_content() {
  if [ -s "$ENV_FILE" ]; then join_lines "$(timeout -k 1 10 base64 -- "$ENV_FILE")"; else TOKEN=-; fi
  emit content "$TOKEN"
}

show_lock() {
  if holder_alive; then emit lock "$holder_phase" "$holder_who"; else emit lock free -; fi
}

show_pending() {
  for folder in "$STATE"/change/*/; do
    whole "$folder" || continue
    living=dead
    if holder_alive && carried_by "$holder_pid" "$folder"; then living=alive; fi
    left=
    if [ "$living" = alive ] && [ "$holder_phase" = provisional ]; then left=$(seconds_left "$folder"); fi
    file_token "$folder/base"
    folder=${folder%/}
    emit pending "${folder##*/}" "$living" "$TOKEN" "$([ -f "$folder/outcome" ] && echo decided || echo open)" "$left"
  done
}

show_locks_of_deployments() { # PATTERN...: relative to the application, or ~/
  for pattern in "$@"; do
    case $pattern in "~/"*) pattern=$HOME/${pattern#??} ;; /*) ;; *) pattern=$RC_APP/$pattern ;; esac
    IFS= # names may hold blanks
    # shellcheck disable=SC2086 # the pattern is meant to expand
    set -- $pattern
    IFS=$BLANKS
    for found in "$@"; do
      if [ -e "$found" ]; then token_of "$found" && emit deploying "$TOKEN"; fi
    done
  done
}

ask_for_flags() { # the client named them before it knew which file is meant
  IFS= read -r wanted <"$SCRATCH/wanted"
  path=$ENV_FILE
  case $path in *[\"\\]*) path=$(printf '%s' "$path" | sed 's/["\\]/\\&/g') ;; esac
  printf '{"env_file":"%s",%s\n' "$path" "${wanted#?}" >"$SCRATCH/state.in"
}

look() { # RECORDS [content] : the state of this host
  ask_for_flags
  start_eyes || :
  show_env
  if [ "${2:-}" = content ] && [ -r "$ENV_FILE" ] && [ ! -L "$ENV_FILE" ]; then show_content; fi
  emit_eyes live state "$SCRATCH/state.in" "$SCRATCH/state.out"
  if trusted; then
    show_lock
    show_pending
    if [ -s "$LOG" ]; then join_lines "$(newest_of_changes "$1" | base64)" && emit records "$TOKEN"; fi
  fi
  show_all_deployments
}
