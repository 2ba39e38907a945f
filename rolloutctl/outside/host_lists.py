"""Asks where hosts are listed that are not in environments.yaml: runs a shell line, reads an inventory; each once."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import threading
from datetime import UTC, datetime
from pathlib import Path

from rolloutctl.errors import Unlisted
from rolloutctl.outside.places import private
from rolloutctl.outside.yaml_tree import TAGGED, Unreadable, read_tree
from rolloutctl.rules.config import Environment, HostSource
from rolloutctl.rules.config_tree import shown
from rolloutctl.rules.inventory import Inventory, Unusable
from rolloutctl.rules.inventory_files import from_ini, from_yaml
from rolloutctl.rules.listed_hosts import faulty, in_inventory, in_printed, node_of, unlisted, with_listed

_YAML = (".yaml", ".yml", ".json")


class HostLists:
    """Knows the hosts of each environment that was asked about, from the first time on.

    `folder` keeps, for each environment, the list that was good last: as it was listed, so without any secret.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._found: dict[str, Environment | Unlisted] = {}
        self._locks: dict[str, threading.Lock] = {}

    def __call__(self, environment: Environment) -> Environment:
        """The environment with its hosts.

        Raises:
            Unlisted: its source failed; the same again for whoever asks again.
        """
        if environment.source is None:
            return environment
        with self._locks.setdefault(environment.name, threading.Lock()):
            found = self._found.get(environment.name) or self._asked(environment, environment.source)
            self._found[environment.name] = found
        if isinstance(found, Unlisted):
            raise found
        return found

    def last(self, environment: Environment) -> tuple[Environment, datetime] | None:
        """The environment with the hosts that it had when they could be listed last, and when that was."""
        path = self._path(environment)
        if environment.source is None:
            return None
        try:
            listed = node_of(json.loads(path.read_bytes()))
            listed_at = datetime.fromtimestamp(path.stat().st_mtime, UTC)
            return with_listed(environment, environment.source, listed), listed_at
        except (OSError, ValueError, Unlisted):
            return None

    def _asked(self, environment: Environment, source: HostSource) -> Environment | Unlisted:
        try:
            if source.run is not None:
                listed = in_printed(environment, source, _printed(environment, source, source.run))
            else:
                listed = in_inventory(environment, source, _inventory(environment, source))
            found = with_listed(environment, source, listed)
        except Unlisted as error:
            return error
        with contextlib.suppress(OSError):  # a machine that can't remember is no reason to stop
            self._remember(self._path(environment), json.dumps(listed.plain()))
        return found

    def _path(self, environment: Environment) -> Path:
        return self._folder / environment.name / "hosts.json"

    def _remember(self, path: Path, text: str) -> None:
        new = private(path.parent) / f"{path.stem}.{os.getpid()}"
        new.touch(mode=0o600)
        new.write_text(text, encoding="utf-8")
        new.replace(path)


def _printed(environment: Environment, source: HostSource, line: str) -> object:
    status, out, noise = _run(environment, source, line)
    if status != 0:
        how = f"exit {status}" if status > 0 else f"ended by signal {-status}"
        last = next((each for each in reversed(noise.splitlines()) if each.strip()), "")
        raise unlisted(environment, source, f"{how}, {shown(last, most=200) or 'and nothing on stderr'}")
    try:
        return json.loads(out)
    except (ValueError, RecursionError):
        raise unlisted(environment, source, f"it printed no JSON: {shown(out) or 'nothing'}") from None


def _run(environment: Environment, source: HostSource, line: str) -> tuple[int, str, str]:
    """Run the line in a session of its own, so that what it started ends with it when it takes too long."""
    with subprocess.Popen(
        ["/bin/sh", "-c", line],
        cwd=source.layers.folder,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        errors="replace",
        start_new_session=True,
    ) as process:
        try:
            out, noise = process.communicate(timeout=source.timeout)
        except BaseException as error:  # a Ctrl-C too
            os.killpg(process.pid, signal.SIGKILL)
            if isinstance(error, subprocess.TimeoutExpired):
                raise unlisted(environment, source, f"no end after {source.timeout:g} s") from None
            raise
    return process.returncode, out, noise


def _inventory(environment: Environment, source: HostSource) -> Inventory:
    path = Path(source.inventory or "").expanduser()
    try:
        text = path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise unlisted(environment, source, f"{error.strerror}") from None
    except UnicodeDecodeError:
        raise unlisted(environment, source, "it is not UTF-8") from None
    try:
        if path.suffix not in _YAML:
            return from_ini(text)
        root, faults = read_tree(text)
        if telling := [fault for fault in faults if not fault.text.startswith(TAGGED)]:
            raise faulty(environment, source, telling)
        return from_yaml(root)
    except (Unusable, Unreadable) as error:
        raise faulty(environment, source, [error.fault]) from None
