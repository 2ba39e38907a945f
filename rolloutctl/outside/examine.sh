# What doctor has to know of a host and what only the host can tell, each as a fact. The verdicts are the client's.
#
# The verb `examine` of a session reads this file into the session, whose functions it uses. Nothing that outlives the
# session is written. Of processes, pools and variables only kinds and names are told, never what stands behind them.
# shellcheck shell=sh disable=SC2013,SC2030,SC2031,SC2154

fact() { emit fact "$1" "$(b64 "$2")"; }

trouble() { emit trouble "$(b64 "$1")" "$2" "$(tail_b64 "$3")"; } # NAME EXIT OUTPUT-FILE

examine() {
  fact clock "$(date -u +%s)" # first: the client knows best when it asked
  examine_tools
  examine_env
  examine_steps
  examine_state
  examine_room
  examine_overrides
  examine_php_fpm
  examine_workers
  examine_logind ''
  examine_cache
}

# ----------------------------------------------------------------------------------------------- tools, room, rights

examine_tools() {
  for tool in basename cat chmod chown cp cut date df dirname env grep head hostname id ls mkdir mkfifo mv rm sed sleep tail tr truncate wc; do
    command -v "$tool" >/dev/null 2>&1 || fact missing "$tool"
  done
  command -v "$RC_PHP" >/dev/null 2>&1 || examine_phps
}

examine_phps() { # where a host may have the php that PATH has not
  for each in /usr/bin/php /usr/bin/php[5-9]* /usr/local/bin/php /usr/local/bin/php[5-9]* /usr/local/php*/bin/php \
    /opt/*/bin/php /opt/plesk/php/*/bin/php /opt/remi/php*/root/usr/bin/php /opt/cpanel/ea-php*/root/usr/bin/php; do
    if [ -f "$each" ] && [ -x "$each" ]; then fact php-found "$each"; fi
  done
}

examine_env() {
  [ ! -L "$env_path" ] || fact env-link "$ENV_FILE"
  fact env-mode "$(stat -c %a -- "$ENV_FILE")"
  fact env-owner "$(stat -c %U:%G -- "$ENV_FILE")"
  fact groups "$(id -Gn)"
}

examine_steps() {
  checks=0
  while IFS="$TAB" read -r _ run _ _ check; do
    checks=$((checks + 1))
    sudo_allows "$(unb64 "$run")" || fact "$why" "$checks $(path_for_sudo "$(unb64 "$run")")"
    check_passes "$check" || trouble "check $checks" "$result" "$SCRATCH/check_$checks.out"
  done <"$SCRATCH/steps"
}

path_for_sudo() { # the program of a step, where sudo will find it
  set -f
  # shellcheck disable=SC2086 # split as the step's shell will
  set -- ${1#sudo -n }
  set +f
  [ "${1:-}" != -u ] || shift 2
  (
    PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
    command -v -- "${1:-}" 2>/dev/null
  )
}

examine_state() { # as open_state sees it, without making anything
  problem=$(state_trouble)
  if [ -z "$problem" ]; then
    for each in "$STATE" "$LOG" "$STATE/lock"; do
      if [ -e "$each" ] && [ ! -w "$each" ]; then problem="$each cannot be written by $(id -un)"; fi
    done
  fi
  [ -z "$problem" ] || fact state-trouble "$problem"
  [ ! -d "$STATE" ] || fact state-made "$STATE"
}

examine_room() {
  place=$STATE
  while [ ! -d "$place" ]; do place=$(dirname -- "$place"); done
  for each in "$APP" "$place" "$SCRATCH"; do
    free=$(df -Pk -- "$each" 2>/dev/null | sed -n '$s/.* \([0-9][0-9]*\)  *[0-9-]*%.*/\1/p')
    [ -z "$free" ] || fact room "$free $each"
  done
}

# --------------------------------------------------------------------------------------- what stands above the keys

names_of_keys() { sed -n 's/^\([A-Za-z_][A-Za-z0-9_.]*\)=.*/\1/p' | grep -Fx -f "$SCRATCH/keys"; }

examine_app_env() { # WHOSE VALUE: Laravel reads .env.VALUE instead, where there is such a file
  if [ -n "$2" ] && [ -e "$APP/.env.$2" ]; then fact app-env "$1$TAB.env.$2"; fi
}

examine_overrides() {
  for key in $(env | names_of_keys); do fact login-variable "$key"; done
  examine_app_env login "${APP_ENV:-}"
  [ -d config ] || return 0
  while IFS= read -r key; do
    [ -n "$key" ] || continue
    readers=
    for file in $(grep -ls -e "env( *['\"]${key}['\"]" config/*.php config/*/*.php); do
      readers="$readers $file:$(sed -n "s/^.*['\"]\([A-Za-z0-9_-]*\)['\"] *=> .*env( *['\"]${key}['\"].*/\1/p" "$file" | head -n 1)"
    done
    fact readers "$key$readers"
  done <"$SCRATCH/keys"
}

# ---------------------------------------------------------------------------------------------------------- php-fpm

examine_php_fpm() { # tokens with tabs between: the paths may hold blanks
  known=
  for each in $(grep -ls 'php-fpm: [m]aster' /proc/[0-9]*/cmdline 2>/dev/null); do
    conf=$(tr '\0' '\n' <"$each" 2>/dev/null | sed -n '1s/.*(\(.*\)).*/\1/p')
    version=$(fpm_version "$conf" "$(cat "${each%/cmdline}/comm" 2>/dev/null)")
    fact fpm-runs "$conf$TAB$version"
    examine_fpm_once "$conf" "$version"
    examine_environ "${each%/cmdline}" "$conf"
  done
  for conf in /etc/php/*/fpm/php-fpm.conf /etc/php-fpm.conf /usr/local/etc/php-fpm.conf; do
    if [ -e "$conf" ]; then examine_fpm_once "$conf" "$(fpm_version "$conf" '')"; fi
  done
}

fpm_version() { # CONF PROCESS-NAME: 8.2, or nothing where neither tells
  printf '%s\n%s\n' "$2" "$1" | sed -n -e 's/^php-fpm\([0-9]\.[0-9]*\).*/\1/p' -e 's,.*/php/\([0-9]\.[0-9]*\)/.*,\1,p' | head -n 1
}

examine_fpm_once() { # CONF VERSION
  case $known in *"|$1|"*) return ;; esac
  known="$known|$1|"
  fact fpm "$1$TAB$2"
  pools=$(pool_files "$1")
  printf '%s\n' "$1" "$pools" >"$SCRATCH/pools"
  while IFS= read -r file; do
    [ -r "$file" ] || continue
    for key in $(sed -n 's/^[[:space:]]*env\[\([^]]*\)\].*/\1=/p' "$file" | names_of_keys); do fact fpm-env "$1$TAB$key$TAB$file"; done
    examine_app_env "$1" "$(sed -n 's/^[[:space:]]*env\[APP_ENV\][[:space:]]*=[[:space:]]*\([^;[:space:]]*\).*/\1/p' "$file" | tail -n 1 | tr -d \"\')"
    sed -n -e 's/^[[:space:]]*\(process_control_timeout\)[[:space:]]*=[[:space:]]*\([^;[:space:]]*\).*/\1 \2/p' \
      -e 's/^[[:space:]]*\(clear_env\)[[:space:]]*=[[:space:]]*\([^;[:space:]]*\).*/\1 \2/p' \
      -e 's/^[[:space:]]*php_[a-z_]*\[\(opcache\.[a-z_]*\)\][[:space:]]*=[[:space:]]*\([^;[:space:]]*\).*/\1 \2/p' "$file" |
      while read -r name value; do fact fpm-set "$1$TAB$name$TAB$value$TAB$file"; done
  done <"$SCRATCH/pools"
  examine_ini "$1" "$2"
}

pool_files() { # CONF: the files that it includes
  sed -n 's/^[[:space:]]*include[[:space:]]*=[[:space:]]*//p' "$1" 2>/dev/null | while IFS= read -r pattern; do
    case $pattern in /*) ;; *) pattern=$(dirname -- "$1")/$pattern ;; esac
    (
      IFS=
      # shellcheck disable=SC2086 # the pattern is meant to expand
      printf '%s\n' $pattern
    )
  done
}

examine_ini() { # CONF VERSION: php-fpm's own php.ini; the command line's php reads another
  binary=$(PATH=$PATH:/usr/sbin:/usr/local/sbin && command -v "php-fpm$2")
  [ -n "$binary" ] && bounded 10 "$SCRATCH/fpm.ini" env -i PATH="$PATH" "$binary" -i || return 0
  sed -n 's/^\(opcache\.[a-z_]*\) => \([^ ]*\) => .*/\1 \2/p' "$SCRATCH/fpm.ini" | while read -r name value; do
    case $name in
      opcache.enable | opcache.validate_timestamps | opcache.revalidate_freq | opcache.preload) fact fpm-ini "$1$TAB$name$TAB$value" ;;
    esac
  done
  rm -f -- "$SCRATCH/fpm.ini"
}

examine_environ() { # /proc/PID CONF: names only
  [ -r "$1/environ" ] || return 0
  for key in $(tr '\0' '\n' <"$1/environ" 2>/dev/null | names_of_keys); do fact fpm-variable "$2$TAB$key"; done
}

# ---------------------------------------------------------------------------------------------------------- workers

examine_workers() { # which kinds of the application's own long-lived processes run
  for each in $(grep -ls '[a]rtisan' /proc/[0-9]*/cmdline 2>/dev/null); do
    line=$(tr '\0' ' ' <"$each" 2>/dev/null)
    case $line in
      *artisan*" queue:work"*) kind=queue ;;
      *artisan*" horizon "* | *artisan*" horizon:work"* | *artisan*" horizon:supervisor"*) kind=horizon ;;
      *artisan*" octane:"*) kind=octane ;;
      *artisan*" reverb:start"*) kind=reverb ;;
      *) continue ;;
    esac
    if is_the_applications "$line" "${each%/cmdline}"; then fact worker "$kind"; fi
  done
}

is_the_applications() { # COMMAND-LINE /proc/PID: also when it was started in an older release; unknown counts
  base=$APP
  case $APP in */releases/*) base=${APP%/releases/*} ;; esac
  case " $1" in
    *" $base/"*artisan* | *" $RC_APP/artisan"*) return 0 ;;
    *" /"*"/artisan "*) return 1 ;;
  esac
  folder=$(readlink -- "$2/cwd" 2>/dev/null) || return 0
  case $folder/ in "$base"/*) return 0 ;; esac
  return 1
}

# ----------------------------------------------------------------------------------------------------- systemd-logind

# Whether logind ends what a login leaves behind, as logind.conf(5) has it. Lingering does not count: it keeps the user's
# services, and no process of a session. Only what runs in a session's scope is logind's at all.
examine_logind() { # ROOT
  slice=$(sed -n 's,.*/user-\([0-9]*\)\.slice/session-[^/]*\.scope.*,\1,p' "$1/proc/self/cgroup" 2>/dev/null | head -n 1)
  [ -n "$slice" ] || return 0
  user=$(id -un "$slice" 2>/dev/null) || user=$slice
  case $(logind_says "$1" KillUserProcesses) in *yes | *true | *on | *1) ;; *) return 0 ;; esac
  excluded=$(logind_says "$1" KillExcludeUsers)
  case " ${excluded:-root} " in *" $user "*) return 0 ;; esac
  only=$(logind_says "$1" KillOnlyUsers)
  case " ${only:-$user} " in *" $user "*) fact logout-kills "$user" ;; esac
}

logind_says() { # ROOT SETTING: what stands last counts; of files with the same name the first
  {
    for folder in etc run usr/local/lib usr/lib; do
      if [ -r "$1/$folder/systemd/logind.conf" ]; then cat "$1/$folder/systemd/logind.conf" && break; fi
    done
    for folder in etc run usr/local/lib usr/lib; do
      for file in "$1/$folder"/systemd/logind.conf.d/*.conf; do [ ! -r "$file" ] || printf '%s %s\n' "${file##*/}" "$file"; done
    done | sort -s -u -k 1,1 | while read -r _ file; do cat "$file"; done
  } | sed -n "s/^[[:space:]]*$2[[:space:]]*=[[:space:]]*\\(.*[^[:space:]]\\)[[:space:]]*$/\\1/p" | tail -n 1
}

# ------------------------------------------------------------------------------------------------- the config cache

examine_cache() {
  eyes state "$SCRATCH/state.in" "$SCRATCH/aside.out" APP_CONFIG_CACHE="$SCRATCH/aside.php" || return
  fact reads "$(from_json env "$SCRATCH/aside.out")"
  aside=$(from_json cache "$SCRATCH/aside.out")
  if [ "$aside" = "$SCRATCH/aside.php" ]; then fact aside yes; else fact aside no; fi
  [ -s "$SCRATCH/state.out" ] || eyes state "$SCRATCH/state.in" "$SCRATCH/state.out" || return # look has asked
  CACHE=$(from_json cache "$SCRATCH/state.out")
  [ -f "$CACHE" ] || return 0
  CACHE=$(readlink -f -- "$CACHE")
  fact cache "$CACHE"
  may_write "$CACHE" || fact cache-unwritable "$CACHE"
  [ "$aside" = "$SCRATCH/aside.php" ] || return 0
  if examine_build "$SCRATCH/aside.php" && examine_build "$SCRATCH/control.php"; then
    emit_eyes difference diff "$(caches_in aside.php control.php)" "$SCRATCH/diff.out"
  else
    trouble build "$result" "$SCRATCH/build.out"
  fi
}

examine_build() { # TO: what a booting application would write beside its config cache is written aside too
  build_aside "$1" APP_SERVICES_CACHE="$SCRATCH/services.php" APP_PACKAGES_CACHE="$SCRATCH/packages.php"
}

examine
