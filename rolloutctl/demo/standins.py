"""The texts that an embedded host begins with: its `.env`, and its stand-ins for php, sudo and systemctl."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Callable
from pathlib import Path

_ENV = """\
# The demo's application. Comments, blank lines and order are to survive every change.
APP_NAME="Demo Gateway"
APP_ENV=production
APP_KEY=base64:{}=
APP_DEBUG=false
APP_URL=http://demo.test

LOG_CHANNEL=single

# --- Database ---
DB_HOST=127.0.0.1
DB_USERNAME=gateway
DB_PASSWORD="{} # {}"   # ask ops before changing

export CACHE_DRIVER=file

SLACK_WEBHOOK_URL=${{APP_URL}}/hooks/{}

# --- Feature flags ---
# Off until the pilot begins: FEATURE_CUSTOMER_PORTAL=true
FEATURE_CUSTOMER_PORTAL=false
FEATURE_CUSTOMER_PORTAL_TEST_COMPANIES=
"""

# Isolated and without site-packages: the stand-in needs none of them, and starts faster.
_PHP = """\
#!/bin/sh
# php, as far as the demo's application needs it.
exec {python} -I -S -c 'import sys
sys.path.append(sys.argv.pop(1))
from rolloutctl.demo.php import main
sys.exit(main(sys.argv[1:]))' {package} "$@"
"""

_SUDO = """\
#!/bin/sh
# sudo for a user who may do everything without a password: `sudo -n COMMAND`, `sudo -n -l [COMMAND]`.
listing=
while :; do
  case ${1:-} in
    -n) shift ;;
    -l) listing=1; shift ;;
    --) shift; break ;;
    -*) echo "sudo: the demo's stand-in does not know the option $1" >&2; exit 1 ;;
    *) break ;;
  esac
done
if [ -z "$listing" ]; then
  [ $# -gt 0 ] || { echo "usage: sudo -n COMMAND" >&2; exit 1; }
  exec "$@"
elif [ $# -eq 0 ]; then
  echo "User demo may run the following commands on demo:"
  echo "    (ALL) NOPASSWD: ALL"
else
  path=$(command -v -- "$1") || { echo "sudo: $1: command not found" >&2; exit 1; }
  shift
  echo "$path${*:+ $*}"
fi
"""

_SYSTEMCTL = """\
#!/bin/sh
# systemctl, as far as the demo needs it: a restart makes the application take the config cache that stands now.
folder=$(dirname -- "$0")/..
case ${1:-} in
  restart | reload) ;;
  is-active) echo active; exit 0 ;;
  *) echo "Unknown command verb ${1:-}." >&2; exit 1 ;;
esac
case ${2:-} in
  php*fpm | php*fpm.service) ;;
  *) echo "Failed to $1 ${2:-}: Unit ${2:-} not found." >&2; exit 5 ;;
esac
if [ -e "$folder/break/restart" ]; then
  cat -- "$folder/break/restart" >&2
  exit 1
elif [ -e "$folder/break/restart-once" ]; then
  cat -- "$folder/break/restart-once" >&2
  rm -f -- "$folder/break/restart-once"
  exit 1
fi
cache=$folder/app/bootstrap/cache/config.php
if [ -e "$cache" ]; then
  taken=$(mktemp "$folder/running/config.XXXXXX") && cat -- "$cache" >"$taken" &&
    mv -f -- "$taken" "$folder/running/config.php"
else
  rm -f -- "$folder/running/config.php"
fi
"""


def env(secret: Callable[[], str]) -> str:
    """The `.env` of a new application; `secret` gives another secret each time."""
    return _ENV.format(*(secret() for _ in range(_ENV.count("{}"))))


def scripts(package: Path) -> dict[str, str]:
    """The stand-ins by name; `package` is the folder that rolloutctl is imported from."""
    php = _PHP.format(python=shlex.quote(sys.executable), package=shlex.quote(str(package)))
    return {"php": php, "sudo": _SUDO, "systemctl": _SYSTEMCTL}
