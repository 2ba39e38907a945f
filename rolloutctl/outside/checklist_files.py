"""Staging checklists on this machine's disk: reading one, and writing a first one from those that are shipped."""

from __future__ import annotations

import re
from collections.abc import Mapping
from importlib.resources import files
from pathlib import Path

from rolloutctl.errors import ConfigurationError, Refused
from rolloutctl.outside.new_file import write_new
from rolloutctl.outside.yaml_file import secrets_for, text_of
from rolloutctl.outside.yaml_tree import Unreadable, read_tree
from rolloutctl.rules.checklist_reading import as_checklist, read_checklist
from rolloutctl.rules.checklists import Checklist
from rolloutctl.rules.config_reading import faulty

_SHIPPED = files("rolloutctl.outside") / "checklists"
_FOR_ANY = "any_feature"  # whose list is written for a flag that has none of its own
_PAGES = {"customer_portal": "/portal", _FOR_ANY: "/any-feature"}  # where each shipped list has its feature


def load_checklist(path: Path, secrets_in: Path | None = None, environ: Mapping[str, str] | None = None) -> Checklist:
    """The checklist in the file; `${NAME}` in it stands for what it does in environments.yaml.

    Args:
        path: the file.
        secrets_in: the folder of environments.yaml, with the `.env` of secrets; None: the file's own.
        environ: instead of this process's environment.

    Raises:
        ConfigurationError: it can't be read, or something in it is wrong; `details` has a line for each fault.
    """
    path = path.expanduser()
    try:
        text = text_of(path)
        return _parsed(text, path, *secrets_for(text, secrets_in or path.parent, environ))
    except ConfigurationError as error:
        raise as_checklist(error) from None


def write_template(path: Path, flag: str, page: str | None = None) -> None:
    """Write a first checklist for a flag, to be read and changed by people; the folders above it are made.

    Args:
        path: the file that is to be.
        flag: the flag's name. One that has a shipped list of its own gets that, any other one the list for any feature.
        page: where the feature is, as `/portal`; None: the flag's name as a path.

    Raises:
        Refused: something is there already, or it can't be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_new(path, template(flag, page))
    except FileExistsError:
        raise Refused(
            "There is a checklist already, or something else.", subject=str(path), state="It was left as it is."
        ) from None
    except OSError as error:
        raise Refused(
            f"The checklist can't be written: {(error.strerror or str(error)).lower()}.",
            subject=str(path),
            state="Nothing was written.",
            hint=f"See: ls -ld {path.parent}",
        ) from error


def template(flag: str, page: str | None = None) -> str:
    """The text of a first checklist for a flag."""
    shipped = flag if flag in _PAGES else _FOR_ANY
    text = (_SHIPPED / f"{shipped}.yaml").read_text(encoding="utf-8")
    if flag != shipped or page is not None:
        there = page or ("/" + flag.replace("_", "-") if flag != shipped else _PAGES[shipped])
        text = re.sub(
            rf"(?<=[ :]){re.escape(_PAGES[shipped])}(?=[\s,.;:}}]|$)", lambda _: there, text, flags=re.MULTILINE
        )
        text = text.replace(shipped, flag)
    return text


def _parsed(text: str, path: Path, secrets: Mapping[str, str], unread: str) -> Checklist:
    try:
        root, faults = read_tree(text)
    except Unreadable as error:
        raise faulty(path, [error.fault]) from None
    return read_checklist(root, path=path, secrets=secrets, unread=unread, faults=faults)
