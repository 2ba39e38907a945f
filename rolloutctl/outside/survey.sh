# The host's side of `init`: what stands on a server that no environments.yaml knows yet. Reads, and writes nothing.
# POSIX sh with coreutils, grep, sed and awk; every answer starts with @rc1, as those of a session do.
#
# It arrives inside the exec command behind these assignments: RC_APP (one application; empty: find them all), RC_PHP
# (its PHP), RC_PROGRAM (base64 of host.php and survey.php), RC_TREE (a folder in front of the usual places; empty).
# Of `.env` only the names of keys that begin with FEATURE_ leave the host, and of what kind their values are.
# shellcheck shell=sh disable=SC2153

LC_ALL=C
export LC_ALL
unset CDPATH ENV BASH_ENV GREP_OPTIONS
trap '' PIPE
MOST=20 # applications
TAB=$(printf '\t')
NEWLINE='
'

emit() { printf '@rc1 %s\n' "$*" || exit 0; } # nobody listens any more

b64() { # text -> one token
  if [ -z "$1" ]; then printf '%s' -; else printf '%s' "$1" | base64 | tr -d '\n'; fi
}

limited() { # SECONDS COMMAND...: its stdout
  timeout "$@" </dev/null 2>/dev/null
}

may() { # WHAT FOLLOWS sudo -n: whether it asks for no password
  command -v sudo >/dev/null 2>&1 || return 1
  named=$(limited 10 sudo -n -l "$@") || return 1
  [ "$(id -u)" = 0 ] || needs_no_password "$(printf '%s\n' "$named" | tail -n 1)" "$@" # session_sh/sudo_rules.sh
}

# ------------------------------------------------------------------------------------------------------ the machine

look_around() {
  sites=$(web_sites)
  units=$(fpm_units)
  show_sites
  show_units
  show_phps
  show_listeners
  show_applications
}

# A line for each site of the web servers: root, name, tls or plain, php-fpm's socket; "-" for what it does not say.
web_sites() {
  # shellcheck disable=SC2016,SC2046 # awk's own words; names without blanks, one a line
  limited 5 awk '
    function clean(text) { gsub(/[;"{]/, "", text); return text }
    function flush() {
      if (root != "") print root "\t" (name == "" ? "-" : name) "\t" (tls ? "tls" : "plain") "\t" (fpm == "" ? "-" : fpm)
      root = ""; name = ""; fpm = ""; tls = 0
    }
    FNR == 1 { flush() }
    { sub(/^[ \t]+/, ""); sub(/[ \t\r]+$/, ""); word = tolower($1) }
    word ~ /^#/ { next }
    word == "server" || word == "server{" || word == "<virtualhost" { flush() }
    word == "<virtualhost" && /:443/ { tls = 1 }
    (word == "root" || word == "documentroot") && root == "" { root = clean($2) }
    (word == "server_name" || word == "servername") && name == "" {
      for (i = 2; i <= NF && name == ""; i++) { each = clean($i); if (each ~ /^[A-Za-z0-9][A-Za-z0-9.-]*$/) name = each }
    }
    word == "listen" && /443|ssl/ { tls = 1 }
    word == "ssl_certificate" || (word == "sslengine" && tolower($2) == "on") { tls = 1 }
    match($0, /php[0-9][0-9.]*-fpm/) { fpm = substr($0, RSTART, RLENGTH) }
    END { flush() }
  ' $(readable "$RC_TREE"/etc/nginx/nginx.conf "$RC_TREE"/etc/nginx/conf.d/*.conf "$RC_TREE"/etc/nginx/sites-enabled/* \
    "$RC_TREE"/etc/apache2/sites-enabled/* "$RC_TREE"/etc/httpd/conf.d/*.conf)
}

readable() { # FILE...: those that can be read and have no blank in their name; at least one, or awk would wait
  echo /dev/null
  for file in "$@"; do
    case $file in *[[:space:]]*) continue ;; esac
    if [ -f "$file" ] && [ -r "$file" ]; then printf '%s\n' "$file"; fi
  done
}

show_sites() {
  printf '%s\n' "$sites" | while IFS=$TAB read -r root name tls fpm; do
    if [ -n "$root" ]; then (IFS=' ' && emit site "$(b64 "$root")" "$(b64 "${name#-}")" "$tls" "$(b64 "${fpm#-}")"); fi
  done
}

fpm_units() {
  {
    limited 5 systemctl list-units --type=service --no-legend --plain --all 'php*fpm*' | sed -n 's/^ *\([A-Za-z0-9._@-]*\)\.service .*/\1/p'
    for folder in "$RC_TREE"/etc/php/*/fpm; do
      if [ -f "$folder/php-fpm.conf" ]; then printf 'php%s-fpm\n' "$(basename -- "$(dirname -- "$folder")")"; fi
    done
    if [ -f "$RC_TREE/etc/php-fpm.conf" ]; then echo php-fpm; fi
  } | sort -u | grep -x '[A-Za-z0-9._@-]*'
}

show_units() { # php-fpm's units, and whether this user may restart them without a password
  for unit in $units; do
    restart="systemctl restart $unit"
    command -v systemctl >/dev/null 2>&1 || restart="service $unit restart"
    allowed=no
    # shellcheck disable=SC2086 # split as the step's shell will
    if [ "$(id -u)" = 0 ]; then allowed=root; elif may $restart; then allowed=yes; fi
    emit unit "$(b64 "$unit")" "$(b64 "$restart")" "$allowed"
  done
}

show_phps() {
  for name in php $(printf '%s\n' "$units" | sed -n 's/^\(php[0-9][0-9.]*\)-fpm$/\1/p'); do
    if command -v "$name" >/dev/null 2>&1; then
      version=$(limited 5 "$name" -n -r 'echo PHP_MAJOR_VERSION, ".", PHP_MINOR_VERSION;')
      emit php "$(b64 "$name")" "$(b64 "$(printf '%s' "$version" | tr -dc 0-9.)")"
    fi
  done
}

show_listeners() { # ports in hexadecimal, as the kernel writes them; 0A: it listens
  for pair in 80:0050 443:01BB 8000:1F40 8080:1F90; do
    if grep -qs ":${pair#*:} 0*:0000 0A " /proc/net/tcp /proc/net/tcp6; then emit listens "${pair%%:*}"; fi
  done
}

show_applications() { # where web servers point first, then the usual places; `current` before what it points to
  seen=$NEWLINE found=0
  while IFS= read -r root; do
    case $root in /*/*) show_if_application "$(dirname -- "$root")" ;; esac
  done <<ROOTS
$(printf '%s\n' "$sites" | cut -f1)
ROOTS
  for folder in "$RC_TREE"/var/www/*/current "$RC_TREE"/srv/*/current "$RC_TREE"/home/*/*/current \
    "$RC_TREE"/opt/*/current "$HOME"/*/current "$RC_TREE"/var/www/html "$RC_TREE"/var/www/* "$RC_TREE"/var/www \
    "$RC_TREE"/srv/* "$RC_TREE"/home/*/* "$RC_TREE"/opt/* "$RC_TREE"/app "$HOME"/* "$RC_TREE"/usr/share/nginx/*; do
    show_if_application "$folder"
  done
}

show_if_application() { # FOLDER: each application once
  if [ "$found" -ge "$MOST" ] || ! [ -f "$1/artisan" ]; then return; fi
  place=$1
  case $1 in
    */releases/*) if [ -f "${1%/releases/*}/current/artisan" ]; then place=${1%/releases/*}/current; fi ;;
  esac
  real=$(cd "$place" 2>/dev/null && pwd -P) || return
  case $seen in *"$NEWLINE$real$NEWLINE"*) return ;; esac
  seen=$seen$real$NEWLINE found=$((found + 1))
  show_application "$place"
}

# -------------------------------------------------------------------------------------------------- one application

show_application() { # FOLDER: what can be said without its php
  env=absent
  if [ -L "$1/.env" ] || [ -e "$1/.env" ]; then env=closed; fi
  if [ -r "$1/.env" ]; then env=readable; fi
  if [ -r "$1/.env" ] && [ -w "$1/.env" ]; then env=writable; fi
  owner=$(stat -L -c %U -- "$1/artisan" 2>/dev/null)
  become=no
  if [ -n "$owner" ] && [ "$owner" != "$ME" ] && [ "$env" != writable ] && may -u "$owner" sh -c true; then become=yes; fi
  emit application "$(b64 "$1")" "$env" "$(b64 "$owner")" "$become" "$(b64 "$(deployed_by "$1")")"
}

deployed_by() { # FOLDER: what a deploy tool left there
  for base in "$1" "$(dirname -- "$1")"; do
    if [ -d "$base/.dep" ]; then
      echo Deployer
      return
    fi
  done
  if [ -d "$base/releases" ]; then echo releases; fi
}

look_closely() {
  if ! cd -- "$RC_APP" 2>/dev/null; then
    emit absent folder
    return
  fi
  if ! [ -f artisan ]; then
    emit absent artisan
    return
  fi
  show_application "$RC_APP"
  show_workers
  if [ -r .env ]; then show_keys; fi
}

show_keys() { # what the application's own PHP says of them; without it, their names
  ended=127
  if command -v "$RC_PHP" >/dev/null 2>&1; then
    printf '%s' "$RC_PROGRAM" | base64 -d | timeout 30 env -i PATH="$PATH" HOME="$HOME" LANG=C.UTF-8 "$RC_PHP" -- survey 2>/dev/null
    ended=$?
  fi
  [ "$ended" != 0 ] || return 0
  emit mute "$ended"
  grep -E '^[[:space:]]*(export[[:space:]]+)?FEATURE_[A-Za-z0-9_.]+[[:space:]]*=' .env |
    sed 's/^[[:space:]]*//; s/^export[[:space:]]*//; s/[[:space:]]*=.*//' | sort -u |
    while IFS= read -r key; do emit key "$(b64 "$key")" unknown; done
}

show_workers() { # long-lived processes of this application: they know of a flag only after a restart
  here=$(pwd -P)
  base=${RC_APP%/current}
  # The pattern's brackets keep grep from finding itself.
  grep -ls '[a]rtisan' /proc/[0-9]*/cmdline 2>/dev/null | while IFS= read -r file; do
    words=$(tr '\0' ' ' 2>/dev/null <"$file")
    place=$(readlink "${file%/cmdline}/cwd" 2>/dev/null)
    case "$words " in *"$base/"* | *"$here/"*) ;; *) [ "$place" = "$here" ] || continue ;; esac
    case "$words " in
      *"artisan horizon "*) echo horizon ;;
      *"artisan queue:work "* | *"artisan queue:listen "*) echo queue ;;
      *"artisan octane:start "*) echo octane ;;
    esac
  done | sort -u | while IFS= read -r kind; do emit worker "$kind"; done
}

ME=$(id -un)
echo # ends a line that a login shell left open
for tool in base64 timeout awk grep sed stat; do
  command -v "$tool" >/dev/null 2>&1 || { emit missing "$tool" && exit 0; }
done
emit hello "$(b64 "$ME")"
if [ -z "$RC_APP" ]; then look_around; else look_closely; fi
emit "done" survey
