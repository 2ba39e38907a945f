# What the steps may do here: their checks, and whether sudo lets them run without a password.

check_steps() {
  checks=0
  while IFS="$TAB" read -r _ run _ _ check; do
    checks=$((checks + 1))
    sudo_allows "$(unb64 "$run")" || refuse "$why" "$checks" "$(tail_b64 "$SCRATCH/check_$checks.out")" || return
    check_passes "$check" || refuse check "$checks" "$(tail_b64 "$SCRATCH/check_$checks.out")" || return
  done <"$SCRATCH/steps"
}

check_passes() { # CHECK of the step number $checks
  [ "$1" = - ] || bounded 30 "$SCRATCH/check_$checks.out" env -i PATH="$PATH" HOME="$HOME" LANG=C.UTF-8 sh -c "$(unb64 "$1")"
}

sudo_allows() { # COMMAND: whether `sudo -n ...` may run it without a password
  case $1 in "sudo -n "*) ;; *) return 0 ;; esac
  why=sudo
  # shellcheck disable=SC2086 # split as the step's shell will
  set -f && set -- ${1#sudo -n } && set +f
  if ! command -v sudo >/dev/null 2>&1; then
    why=no-sudo
    return 1
  fi
  bare timeout 10 sudo -n -l "$@" >"$SCRATCH/check_$checks.out" 2>&1 </dev/null || return 1
  [ "$ME" = 0 ] || needs_no_password "$(tail -n 1 "$SCRATCH/check_$checks.out")" "$@"
}

# `sudo -l COMMAND` says yes to a command that wants a password too, once any other wants none. Of the rules that cover
# the command the last one counts; where sudo words them in a way that we can't read, one without a password has to do.
needs_no_password() { # COMMAND as sudo names it, then sudo's words
  wanted=$(below_usr "$1") run_as=root everywhere=asks rule='' verdict=''
  case $2 in -u) run_as=$3 ;; -*) verdict=unread ;; esac
  # Through a pipe, for into a file sudo breaks its lines.
  bare timeout 10 sudo -n -l -l </dev/null 2>/dev/null | cat >"$SCRATCH/sudo.rules"
  while IFS= read -r line && [ "$verdict" != unread ]; do
    line=${line#"${line%%[! "$TAB"]*}"}
    case $line in
      "Sudoers entry:"*) rule=begins users=root password=$everywhere ;;
      "RunAsUsers: "*) users=${line#*: } ;;
      *'!authenticate'*) if [ -n "$rule" ]; then password=free; else everywhere=free; fi ;;
      "Options: "*" authenticate"*) password=asks ;;
      "Commands:"*) rule=commands ;;
      ?*) if [ "$rule" = commands ] && covers "$(below_usr "$line")"; then verdict=$password; fi ;;
    esac
  done <"$SCRATCH/sudo.rules"
  case $verdict in
    '' | unread) grep -q -e NOPASSWD -e '!authenticate' "$SCRATCH/sudo.rules" ;;
    *) [ "$verdict" = free ] ;;
  esac
}

below_usr() { case $1 in /bin/* | /sbin/*) printf '/usr%s' "$1" ;; *) printf '%s' "$1" ;; esac; } # one file, as /usr is merged

covers() { # COMMAND of a rule for some $users, against $wanted as $run_as
  case ", $users," in *", ALL,"* | *", $run_as,"* | *'#'*) ;; *) return 1 ;; esac
  # shellcheck disable=SC2254 # sudoers has the shell's patterns
  case $1 in
    ALL) ;;
    *'^'* | *'""'* | sha[0-9]*:*) # a regular expression, no arguments, a digest: not ours to read
      case $1 in *"${wanted%% *}"* | *^*) verdict=unread ;; esac
      return 1
      ;;
    *" "*) case $wanted in $1) ;; *) return 1 ;; esac ;;
    */) case ${wanted%% *} in "$1"*) ;; *) return 1 ;; esac ;;
    *) case ${wanted%% *} in $1) ;; *) return 1 ;; esac ;;
  esac
}
