# The audit log: one line a record, chained by hashes, durable before anybody hears of it; and its head, beside it.

# The log has a lock of its own, for the moment of writing: whoever signs off need not wait for a deployment of minutes,
# and two lines never follow the same one. It is the log itself, and closed again before anything else is started.
append() { # the rest of a record, without its opening brace; 75: somebody else has the log, and keeps it
  moment=5
  [ "${DIRECTION:-}" != narrow ] || moment=2 # a switch-off goes on without
  {
    flock -n 5 || timeout "$moment" flock 5 || return 75
    append_line "$1" || { rm -f -- "$HEAD.new" && return 1; }
  } 5>>"$LOG"
}

# The head names the last line: how many lines there are, and its hash. A chain alone can't tell what became of its end.
# It is written ahead and renamed once the line is durable, so a power cut leaves the log at most one line longer.
append_line() {
  HEAD=${LOG%.jsonl}.head
  look_at_end && agree_with_head || return 1
  line='{"prev":"'$previous'","line":'$((lines + 1))',"time":"'$time'",'$1
  if heard digest "$line"; then hash=$SAID; else hash=$(printf '%s' "$line" | sha256sum); fi
  write_head $((lines + 1)) "${hash%% *}" || return 1
  printf '%s\n' "$line" >>"$LOG" && flush "$LOG" && [ "$(tail -n 1 "$LOG")" = "$line" ] || return 1
  take_head || : # it is recorded; the next record finds the head one line behind
}

end_torn_line() { # a power cut's, so that it can be told from tampering; it may end in zeros, which $() would drop
  [ ! -s "$LOG" ] || [ -z "$(tail -c 1 "$LOG" | tr '\0' x)" ] || printf '\n' >>"$LOG"
}

look_at_end() { # sets lines and previous, what a new line follows, and the time
  if heard end "$LOG" && [ "$SAID" != - ]; then
    lines=${SAID%% *} previous=${SAID#* } time=${SAID##* }
  else
    end_torn_line && lines=$(($(wc -l <"$LOG"))) previous='' time=$(date -u +%Y-%m-%dT%H:%M:%SZ) || return
    [ "$lines" = 0 ] || previous=$(tail -n 1 "$LOG" | tr -d '\n' | sha256sum)
  fi
  previous=${previous%% *}
}

agree_with_head() { # the line before is the one that it names, or previous is set to what it says
  known='' head_lines=''
  [ ! -s "$HEAD" ] || { read -r head_lines known <"$HEAD"; } 2>/dev/null
  case $known in *[!0-9a-f]*) known=$(printf '%s' "$known" | tr -cd 0-9a-f) ;; esac
  [ "$head_lines $known" != "$lines $previous" ] || return 0
  if follows_head "$(tail -n 1 "$LOG" | tr -d '\0')"; then
    write_head "$lines" "$previous" && take_head
  else
    previous=$known # so that the chain goes on to show where the log was changed
  fi
}

follows_head() { # LINE: one more than the head knows, perhaps a torn one: its own was not written
  if [ ! -s "$HEAD" ]; then # none was ever written, or it was removed
    case $1 in '{"prev":"'*'","line":'*) return 1 ;; *) return 0 ;; esac
  fi
  [ "$head_lines" = $((lines - 1)) ] || return 1
  start='{"prev":"'$known'"'
  case $1 in "$start"*) return 0 ;; esac
  case $start in "$1"*) ;; *) return 1 ;; esac
}

write_head() { # LINES HASH
  if [ -e "$HEAD" ] && ! { [ -f "$HEAD" ] && [ -w "$HEAD" ]; }; then return 1; fi
  printf '%s %s\n' "$1" "$2" >"$HEAD.new" && flush "$HEAD.new"
}

take_head() { mv -f -T -- "$HEAD.new" "$HEAD" && flush "$STATE"; }

show_log() { # [PIECE BYTES]: how long it is and its head, or a piece of it, in the order that records came
  if [ $# = 2 ]; then
    emit records "$(dd if="$LOG" bs=524288 skip="$1" count=1 2>/dev/null | head -c "$2" | base64 | tr -d '\n')"
    return
  fi
  bytes=-1
  until [ "$bytes" = "$(length_of_log)" ]; do # a record that comes meanwhile: both have to be of one moment
    bytes=$(length_of_log)
    head=$(b64_file "${LOG%.jsonl}.head")
  done
  emit head "$bytes" "$head"
}

# Ticks of a checklist and sign-offs may be many, and must hide no change, and nothing else that counts beside one.
newest_of_changes() { # RECORDS
  tail -n 5000 "$LOG" | grep -aE '"change":"|"event":"(rollout|incident|schedule|deploy|task)"' | tail -n "$1"
}

length_of_log() { if [ -s "$LOG" ]; then stat -c %s -- "$LOG"; else echo 0; fi; }

show_last_record() { token_of "$line" && emit record "$TOKEN"; } # the one that `append` has just written

append_record() { # RECORD: of no change of this session: one that was owed, or a mark on a rollout's way
  if [ -n "$STATELESS" ] || ! trusted; then
    token_of "${problem:-$(state_trouble)}" && emit refused state 0 "$TOKEN"
    return
  fi
  append "$(unb64 "$1")" 2>/dev/null
  case $? in
    0) show_last_record ;;
    75) emit refused busy 0 - ;;
    *) emit refused unwritable 0 - ;;
  esac
}

write_outcome() { # EVENT CAUSE: durable by a rename that needs no space, then into the log
  body='"event":"'$1'","cause":"'$2'",'$DECIDER'"steps":['$STEPS_DONE'],'$BASE
  if [ -z "$RECORDED" ]; then # a switch-off without a log, perhaps on a full disk: the client keeps the record
    token_of "$body" && emit unrecorded "$TOKEN"
    forget
    return
  fi
  if ! { printf '%s\n' "$body" >"$CHANGE/outcome.new" && flush "$CHANGE/outcome.new"; } 2>/dev/null; then
    cp -f -- "$CHANGE/$1.ready" "$CHANGE/outcome.new" 2>/dev/null || mv -f -- "$CHANGE/$1.ready" "$CHANGE/outcome.new"
  fi
  mv -f -- "$CHANGE/outcome.new" "$CHANGE/outcome" && flush "$CHANGE"
  settle_outcome
}

settle_decided() { # of a session that is dead, perhaps since it had written it into the log
  if grep -qF "$(cat "$CHANGE/outcome")" "$LOG"; then forget; else settle_outcome; fi
}

settle_outcome() {
  IFS= read -r body <"$CHANGE/outcome"
  if append "$body"; then
    show_last_record
    forget
  else
    CHANGE= # decided and durable; the next session writes it into the log
  fi
}
