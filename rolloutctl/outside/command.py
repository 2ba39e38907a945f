"""The one place where a command for a host is put together and quoted: the session script with its settings."""

from __future__ import annotations

import base64
import shlex
from functools import cache
from importlib.resources import files

from rolloutctl.rules.config import Host

_SCRIPT = files("rolloutctl.outside") / "session.sh"
_EYES = files("rolloutctl.outside") / "host.php"


def session_command(host: Host) -> str:
    """The exec command that starts a session: one shell word of base64, so that no login shell's quoting matters."""
    settings = {
        "RC_APP": host.app,
        "RC_ENV_FILE": host.env_file,
        "RC_STATE": host.state_dir or "",
        "RC_PHP": host.php,
    }
    script = "".join(f"{name}={shlex.quote(value)}\n" for name, value in settings.items()) + _session_script()
    encoded = base64.b64encode(script.encode()).decode()
    command = shlex.join(["sh", "-c", f'eval "$(printf %s {encoded} | base64 -d)"'])
    return f"{host.shell} {command}" if host.shell else command


@cache
def eyes() -> bytes:
    """The PHP program that a session asks."""
    return _EYES.read_bytes()


@cache
def _session_script() -> str:
    """The host's side without comments and indentation: it travels with each command."""
    lines = (line.strip() for line in _SCRIPT.read_text(encoding="utf-8").splitlines())
    return "\n".join(line for line in lines if line and not line.startswith("#")) + "\n"
