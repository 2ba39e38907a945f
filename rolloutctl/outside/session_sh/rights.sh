# What the steps may do here: their checks, and whether sudo lets them run without a password.

check_steps() {
  checks=0
  while IFS="$TAB" read -r _ run _ _ check; do
    checks=$((checks + 1))
    text_of "$run"
    sudo_allows "$TEXT" || refuse "$why" "$checks" "$(tail_b64 "$SCRATCH/check_$checks.out")" || return
    check_passes "$check" || refuse check "$checks" "$(tail_b64 "$SCRATCH/check_$checks.out")" || return
  done <"$SCRATCH/steps"
}

check_passes() { # CHECK of the step number $checks
  [ "$1" = - ] && return
  text_of "$1"
  bounded 30 "$SCRATCH/check_$checks.out" env -i PATH="$PATH" HOME="$HOME" LANG=C.UTF-8 sh -c "$TEXT"
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
