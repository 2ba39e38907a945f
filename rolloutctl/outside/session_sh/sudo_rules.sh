# What sudo's own list of rules says of a command; a session asks it, and so does a survey.

# `sudo -l COMMAND` says yes to a command that wants a password too, once any other wants none. Of the rules that cover
# the command the last one counts; where sudo words them in a way that we can't read, one without a password has to do.
needs_no_password() { # COMMAND as sudo names it, then sudo's words
  rules=$(timeout 10 sudo -n -l -l </dev/null 2>/dev/null) # never into a file, where sudo breaks its lines
  wanted=$(below_usr "$1") run_as=root everywhere=asks rule='' verdict=''
  case $2 in -u) run_as=$3 ;; -*) verdict=unread ;; esac
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
  done <<RULES
$rules
RULES
  case $verdict in
    '' | unread) printf '%s\n' "$rules" | grep -q -e NOPASSWD -e '!authenticate' ;;
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
