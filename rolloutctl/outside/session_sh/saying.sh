# Answers to the client, and what a text has to go through to be one token of it.

emit() { printf '@rc1 %s\n' "$*" || :; } # nobody listening is no failure

b64() { # text -> one token
  if [ -z "$1" ]; then printf '%s' -; else printf '%s' "$1" | base64 | tr -d '\n'; fi
}

b64_file() { if [ -s "$1" ]; then base64 <"$1" | tr -d '\n'; else printf '%s' -; fi; }

unb64() { if [ "$1" = - ]; then :; else printf '%s' "$1" | base64 -d; fi; }

tail_b64() { # the end of a step's output; the first, perhaps cut line is dropped, so that no secret is cut in two
  if [ "$(wc -c <"$1")" -gt 8192 ]; then tail -c 8192 "$1" | sed 1d | base64 | tr -d '\n'; else b64_file "$1"; fi
}
