# The verb `sample`: what a watch asks for again and again, for days, in as few processes as it takes.

sample() { # LINE REQUESTS SECONDS: runs the shell line in the one file; "$@" in it asks the requests in the other
  [ -n "$PHP_STARTS" ] || find_php_start
  set -- "$3" "$SCRATCH/$1" "$RC_PHP" "$PHP_STARTS" "$SCRATCH/host.php" ask "$SCRATCH/$2" php://stdout
  limit=$1
  shift
  bounded "$limit" "$SCRATCH/sampled" env -i PATH="$PATH" HOME="$HOME" LANG=C.UTF-8 sh "$@"
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

# Without php.ini it starts in half the time, where all that requests need is built in.
find_php_start() {
  PHP_STARTS=-n
  bounded 10 /dev/null env -i PATH="$PATH" HOME="$HOME" "$RC_PHP" -n -r \
    'exit((int) !(function_exists("json_decode") && extension_loaded("openssl")));' || PHP_STARTS=-dopcache.enable_cli=0
}
