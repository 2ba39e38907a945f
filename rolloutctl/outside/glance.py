"""What completion reads: names in environments.yaml, changes and schedules in the mirror, at a glance, unjudged."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from rolloutctl.outside.places import find, mirror_folder

_MOST = 400_000  # bytes that are looked at: of a log about a thousand records, of environments.yaml all


class Glance:
    """The environments.yaml that applies here; `explicit` is what `--config` says. Asks no host."""

    def __init__(self, explicit: str | None, environ: Mapping[str, str], cwd: Path) -> None:
        self._environ = environ
        self._path = find(Path(explicit) if explicit else None, environ, cwd)

    def names(self, section: str, about: str) -> dict[str, str]:
        """The names in `environments` or `flags`, each with the text of one of its keys."""
        return {name: _text(entries.get(about)) for name, entries in self._entries(section).items()}

    def changes(self, environment: str | None) -> list[tuple[str, Mapping[str, Any]]]:
        """The ids and newest records of the changes that this machine knows of, the newest change first."""
        found: dict[str, dict[str, Any]] = {}
        for record in self._records(environment):
            change, event = record.get("change"), record.get("event")
            if isinstance(change, str) and event in ("started", "kept", "reverted"):
                found.setdefault(change, record).update(event=event)
        return sorted(found.items(), key=lambda item: str(item[1].get("time")), reverse=True)

    def schedules(self, environment: str | None) -> list[tuple[str, Mapping[str, Any]]]:
        """The ids and records of what is scheduled and not over, as far as this machine knows, the next first."""
        found: dict[str, dict[str, Any]] = {}
        over = set()
        for record in self._records(environment):
            entry, of = record.get("entry"), record.get("schedule")
            if isinstance(of, str) and record.get("event") in ("schedule", "kept", "reverted"):
                over.add(of)
            elif isinstance(entry, str) and (record.get("event"), record.get("action")) == ("schedule", "scheduled"):
                found[entry] = record
        waiting = [item for item in found.items() if item[0] not in over]
        return sorted(waiting, key=lambda item: str(item[1].get("due")))

    def _entries(self, section: str) -> dict[str, dict[str, Any]]:
        # Not outside/yaml_tree.py: that one tells every fault with its line, and takes twice as long to be there.
        import yaml  # noqa: PLC0415 - only where names are asked for

        loader = yaml.CBaseLoader if yaml.__with_libyaml__ else yaml.BaseLoader
        tree = yaml.load(_head(self._path), Loader=loader)  # noqa: S506 - makes texts, lists and mappings only
        return {name: entries if isinstance(entries, dict) else {} for name, entries in tree[section].items()}

    def _records(self, environment: str | None) -> Iterator[dict[str, Any]]:
        for log in sorted(mirror_folder(self._environ, self._path).glob("*/*.jsonl")):
            for line in _newest(log).splitlines() if environment in (None, log.parent.name) else ():
                try:
                    record = json.loads(line)
                except ValueError:  # cut off, here or on the host
                    continue
                if isinstance(record, dict):
                    yield record


def _head(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(_MOST)


def _newest(path: Path) -> bytes:
    with path.open("rb") as file:
        file.seek(max(0, file.seek(0, os.SEEK_END) - _MOST))
        return file.read()


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""
