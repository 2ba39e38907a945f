# The verb `look`: the state of this host, read and never changed.

show_env() {
  emit env "$(sha "$ENV_FILE")" "$(stat -c '%a %u %g' -- "$ENV_FILE")" "$(rename_trouble "$ENV_FILE")" "$([ -w "$ENV_FILE" ] && echo writable)"
}

b64_env() { if [ -s "$ENV_FILE" ]; then patiently cat -- "$ENV_FILE" | base64 | tr -d '\n'; else printf '%s' -; fi; }

show_lock() {
  if holder_alive; then emit lock "$holder_phase" "$holder_who"; else emit lock free -; fi
}

show_pending() {
  for folder in "$STATE"/change/*/; do
    whole "$folder" || continue
    living=dead
    if holder_alive && [ "$(cat "$folder/session" 2>/dev/null)" = "$holder_pid" ]; then living=alive; fi
    left=
    if [ "$living" = alive ] && [ "$holder_phase" = provisional ]; then left=$(seconds_left "$folder"); fi
    emit pending "$(basename -- "$folder")" "$living" "$(b64_file "$folder/base")" "$([ -f "$folder/outcome" ] && echo decided || echo open)" "$left"
  done
}

show_locks_of_deployments() { # PATTERN...: relative to the application, or ~/
  for pattern in "$@"; do
    case $pattern in "~/"*) pattern=$HOME/${pattern#??} ;; /*) ;; *) pattern=$RC_APP/$pattern ;; esac
    (
      IFS= # names may hold blanks
      # shellcheck disable=SC2231 # the pattern is meant to expand
      for found in $pattern; do
        if [ -e "$found" ]; then (IFS=' ' && emit deploying "$(b64 "$found")"); fi
      done
    )
  done
}

look() { # RECORDS [content] : the state of this host
  show_env
  if [ "${2:-}" = content ] && [ -r "$ENV_FILE" ] && [ ! -L "$ENV_FILE" ]; then emit content "$(b64_env)"; fi
  emit_eyes live state "$SCRATCH/state.in" "$SCRATCH/state.out"
  if trusted; then
    show_lock
    show_pending
    if [ -s "$LOG" ]; then emit records "$(tail -n "$1" "$LOG" | base64 | tr -d '\n')"; fi
  fi
  while IFS= read -r pattern; do show_locks_of_deployments "$pattern"; done <"$SCRATCH/deploy_locks"
}
