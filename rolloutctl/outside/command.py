"""The one place where a command for a host is put together and quoted: a script with its settings."""

from __future__ import annotations

import base64
import gzip
import shlex
from collections.abc import Mapping
from functools import cache
from pathlib import Path

from rolloutctl.rules.config import Host

_HERE = Path(__file__).parent  # importlib.resources is slower to import than to read these
_SESSION = _HERE / "session_sh"
_ENDS = ("begin.sh", "serving.sh")  # the first part and the last; the others only define what these use


def session_command(host: Host, first: bytes = b"") -> str:
    """The exec command that starts a session: one shell word of base64, so that no login shell's quoting matters.

    Args:
        host: which application, and which PHP.
        first: the lines that the session is to read first. stdin may be written to a round trip later only.
    """
    settings = {
        "RC_FIRST": first.decode(),
        "RC_APP": host.app,
        "RC_ENV_FILE": host.env_file,
        "RC_STATE": host.state_dir or "",
        "RC_PHP": host.php,
    }
    return _command(host, settings, _session())


def survey_command(host: Host, tree: str = "") -> str:
    """The exec command that looks at a host for `init`; at one application where the host names its folder.

    Args:
        host: whom to ask, and with which PHP.
        tree: a folder that stands in front of the usual places.
    """
    settings = {
        "RC_APP": host.app,
        "RC_PHP": host.php,
        "RC_TREE": tree,
        "RC_PROGRAM": base64.b64encode(survey_program()).decode(),
    }
    parts = (_SESSION / "sudo_rules.sh", _HERE / "survey.sh")
    return _command(host, settings, _bare("\n".join(part.read_text(encoding="utf-8") for part in parts)))


@cache
def session_script() -> str:
    """The host's side of a session, its parts joined."""
    between = sorted(part.name for part in _SESSION.glob("*.sh") if part.name not in _ENDS)
    names = (_ENDS[0], *between, _ENDS[1])
    return "\n".join((_SESSION / name).read_text(encoding="utf-8") for name in names)


@cache
def _session() -> str:
    """The script, and the PHP program that it asks as one of its settings."""
    return f"RC_EYES={shlex.quote(eyes().decode())}\n{_bare(session_script())}"


@cache
def eyes() -> bytes:
    """The PHP program that a session asks."""
    return (_HERE / "host.php").read_bytes()


def forget_line(php: str, socket: str, seconds: float) -> str:
    """The shell line of a step `builtin: opcache-forget`, run in the application's folder; it ends before `seconds`."""
    code = base64.b64encode((_HERE / "forget.php").read_bytes().removeprefix(b"<?php\n")).decode()
    about = f"{shlex.quote(socket)} {max(1, int(seconds) - 1)}"
    return f'{shlex.quote(php)} -d opcache.enable_cli=0 -r "$(printf %s {code} | base64 -d)" {about}'


@cache
def examiner() -> bytes:
    """What a session reads in for doctor."""
    return _bare((_HERE / "examine.sh").read_text(encoding="utf-8")).encode()


def survey_program() -> bytes:
    """The PHP program of a survey: survey.php's `survey` in the place of host.php's `main`."""
    more = (_HERE / "survey.php").read_bytes().removeprefix(b"<?php\n")
    return eyes().replace(b"\nmain($argv);\n", b"\nsurvey();\n", 1) + more


def _command(host: Host, settings: Mapping[str, str], script: str) -> str:
    assignments = "".join(f"{name}={shlex.quote(value)}\n" for name, value in settings.items())
    encoded = base64.b64encode(gzip.compress(assignments.encode(), mtime=0) + _packed(script)).decode()
    command = shlex.join(["sh", "-c", f'eval "$(printf %s {encoded} | base64 -d | gzip -dc)"'])
    return f"{host.shell} {command}" if host.shell else command


@cache
def _packed(script: str) -> bytes:
    """A member of its own in what is gzipped for each host: to pack it takes longer than all that is said of one."""
    return gzip.compress(script.encode(), mtime=0)


@cache
def _bare(script: str) -> str:
    """A script without comments and indentation: it travels with each command."""
    lines = (line.strip() for line in script.splitlines())
    return "\n".join(line for line in lines if line and not line.startswith("#")) + "\n"
