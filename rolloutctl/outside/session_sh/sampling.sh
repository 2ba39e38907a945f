# The verb `sample`: what a watch asks for again and again, for days, in as few processes as it takes.

sample() { # LINE REQUESTS SECONDS: runs the shell line in the one file; its arguments ask the requests in the other
  if [ "$2" = - ]; then
    set -- "$3" "$SCRATCH/$1"
  elif asker_lives; then
    set -- "$3" "$SCRATCH/$1" asker "$SCRATCH/$2" "$SCRATCH/asks" "$SCRATCH/asked"
  else
    set -- "$3" "$SCRATCH/$1" "$RC_PHP" "$PHP_STARTS" "$SCRATCH/host.php" ask "$SCRATCH/$2" php://stdout
  fi
  limit=$1
  shift
  bounded "$limit" "$SCRATCH/sampled" env -i PATH="$PATH" HOME="$HOME" LANG=C.UTF-8 sh "$@"
  [ "$result" = 0 ] || end_asker # its next answer would be one to this question
  printf '@rc1 sampled %s %s ' "$result" "$MS"
  # Not every base64 can leave the line breaks out; an empty token is none.
  if [ ! -s "$SCRATCH/sampled" ]; then
    printf '%s' -
  else
    base64 -w 0 <"$SCRATCH/sampled" 2>/dev/null || long_token "$SCRATCH/sampled"
  fi
  echo
  true >"$SCRATCH/sampled"
}

# To start php is most of what a request costs. Where it starts without php.ini, one process asks for a whole session;
# it ends with it, be that killed.
asker_lives() {
  [ -n "$PHP_STARTS" ] || find_php_start
  [ "$PHP_STARTS" = -n ] && [ -r /proc/self/stat ] || return
  [ -z "$ASKER" ] || started_at "$ASKER"
  if [ -z "$ASKER" ] || [ -z "$STARTED" ]; then start_asker; fi
}

start_asker() {
  rm -f -- "$SCRATCH/asks" "$SCRATCH/asked" && mkfifo "$SCRATCH/asks" "$SCRATCH/asked" || return
  (
    trap - HUP PIPE TERM INT EXIT
    exec setsid env -i PATH="$PATH" HOME="$HOME" LANG=C.UTF-8 \
      "$RC_PHP" -n "$SCRATCH/host.php" serve "$SCRATCH/asks" "$SCRATCH/asked" "$SELF"
  ) </dev/null >/dev/null 2>&1 3<&- 4<&- 6>&- 7<&- 8>&- 9>&- &
  ASKER=$!
}

end_asker() {
  [ -z "$ASKER" ] || kill -KILL "$ASKER" 2>/dev/null
  ASKER=
}

find_php_start() {
  PHP_STARTS=-n
  bounded 10 /dev/null env -i PATH="$PATH" HOME="$HOME" "$RC_PHP" -n -r \
    'exit((int) !(function_exists("json_decode") && extension_loaded("openssl")));' || PHP_STARTS=-dopcache.enable_cli=0
}
