# Answers to the client, and what a text has to go through to be one token of it.
#
# A process for each token would be most of what a session costs. So a text of printable ASCII travels as it is, behind
# a "=" and with %20 for a blank, %09, %0A and %25 for a tab, a newline and a "%"; only any other one takes base64.
# `token_of` and `text_of` leave what they made in a variable, as $(...) starts a process, too.

emit() { printf '@rc1 %s\n' "$*" || :; } # nobody listening is no failure

token_of() { # TEXT, into TOKEN
  # shellcheck disable=SC2101 # a class beside others
  case $1 in
    '')
      TOKEN=-
      return
      ;;
    *[!"$TAB$NEWLINE"[:print:]]*) ;;
    *)
      if [ "${#1}" -le 4096 ]; then # each blank copies the whole of it
        TOKEN='=' more=$1
        while :; do
          case $more in *[%"$BLANKS"]*) ;; *) break ;; esac
          TOKEN=$TOKEN${more%%[%"$BLANKS"]*} more=${more#"${more%%[%"$BLANKS"]*}"}
          case $more in
            ' '*) TOKEN=$TOKEN%20 ;;
            "$NEWLINE"*) TOKEN=$TOKEN%0A ;;
            "$TAB"*) TOKEN=$TOKEN%09 ;;
            *) TOKEN=$TOKEN%25 ;;
          esac
          more=${more#?}
        done
        TOKEN=$TOKEN$more
        return
      fi
      ;;
  esac
  join_lines "$(printf '%s' "$1" | base64)"
}

text_of() { # TOKEN, into TEXT, without the newlines at its end
  case $1 in
    -) TEXT='' ;;
    =*)
      TEXT='' more=${1#=}
      while :; do
        case $more in *%*) ;; *) break ;; esac
        TEXT=$TEXT${more%%%*} more=${more#*%}
        case $more in
          20*) TEXT="$TEXT " ;;
          0A*) TEXT=$TEXT$NEWLINE ;;
          09*) TEXT=$TEXT$TAB ;;
          *) TEXT=$TEXT% ;;
        esac
        more=${more#??}
      done
      TEXT=$TEXT$more
      ;;
    *) TEXT=$(printf '%s' "$1" | base64 -d) ;;
  esac
}

file_token() { # FILE, into TOKEN; one that nobody else could have made a fifo of
  if [ -s "$1" ]; then join_lines "$(base64 <"$1")"; else TOKEN=-; fi
}

join_lines() { # BASE64, into TOKEN
  # shellcheck disable=SC2086 # a word a line
  set -- $1
  IFS=
  TOKEN="$*"
  IFS=$BLANKS
}

tail_token() { # FILE, into TOKEN: the end of a step's output; the first, perhaps cut line is dropped, so that no secret is cut in two
  if [ -s "$1" ] && [ "$(wc -c <"$1")" -gt 8192 ]; then
    join_lines "$(tail -c 8192 "$1" | sed 1d | base64)"
  else
    file_token "$1"
  fi
}

# The same in the words of a pipe.
b64() { token_of "$1" && printf '%s' "$TOKEN"; }
b64_file() { file_token "$1" && printf '%s' "$TOKEN"; }
tail_b64() { tail_token "$1" && printf '%s' "$TOKEN"; }

unb64() { # every byte, also newlines at its end
  case $1 in
    - | =*) text_of "$1" && printf '%s' "$TEXT" ;;
    *) printf '%s' "$1" | base64 -d ;;
  esac
}
