# The audit log: one line a record, chained by hashes, durable before anybody hears of it.

append() { # the rest of a record, without its opening brace
  previous=
  if [ -s "$LOG" ]; then
    # A torn last line (a power cut) is ended, so that it can be told from tampering.
    [ -z "$(tail -c 1 "$LOG")" ] || printf '\n' >>"$LOG" || return 1
    previous=$(tail -n 1 "$LOG" | tr -d '\n' | sha256sum)
  fi
  line=$(printf '{"prev":"%s","time":"%s",%s' "${previous%% *}" "$(date -u +%Y-%m-%dT%H:%M:%SZ)" "$1")
  printf '%s\n' "$line" >>"$LOG" && flush "$LOG" && [ "$(tail -n 1 "$LOG")" = "$line" ]
}

show_last_record() { emit record "$(tail -n 1 "$LOG" | base64 | tr -d '\n')"; }

write_outcome() { # EVENT CAUSE: durable by a rename that needs no space, then into the log
  body=$(printf '"event":"%s","cause":"%s","steps":[%s],%s' "$1" "$2" "$STEPS_DONE" "$BASE")
  if ! { printf '%s\n' "$body" >"$CHANGE/outcome.new" && flush "$CHANGE/outcome.new"; } 2>/dev/null; then
    cp -f -- "$CHANGE/$1.ready" "$CHANGE/outcome.new" 2>/dev/null || mv -f -- "$CHANGE/$1.ready" "$CHANGE/outcome.new"
  fi
  mv -f -- "$CHANGE/outcome.new" "$CHANGE/outcome" && flush "$CHANGE"
  settle_outcome
}

settle_outcome() {
  if [ -z "$RECORDED" ]; then # a switch-off without a log: the client keeps the record
    emit unrecorded "$(b64_file "$CHANGE/outcome")"
    forget
  elif append "$(cat "$CHANGE/outcome")"; then
    show_last_record
    forget
  else
    CHANGE= # decided and durable; the next session writes it into the log
  fi
}
