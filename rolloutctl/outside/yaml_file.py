"""Reads environments.yaml, together with the secrets that it names."""

from __future__ import annotations

import os
from collections.abc import Mapping
from io import StringIO
from pathlib import Path

from rolloutctl.errors import ConfigurationError
from rolloutctl.outside.yaml_tree import Unreadable, read_tree
from rolloutctl.rules.config import Configuration
from rolloutctl.rules.config_reading import faulty, read_configuration
from rolloutctl.rules.config_tree import Fault

_MOST_BYTES = 1_000_000


def load(path: Path, environ: Mapping[str, str] | None = None) -> Configuration:
    """The configuration in the file; `${NAME}` in it stands for `environ`'s value, else that of `.env` beside it.

    Raises:
        ConfigurationError: it can't be read, or something in it is wrong; `details` has a line for each fault.
    """
    return parse(text_of(path), path, environ)


def parse(text: str, path: Path, environ: Mapping[str, str] | None = None) -> Configuration:
    """The configuration in a text that stands, or is to stand, in the file at `path`.

    Raises:
        ConfigurationError: something in it is wrong; `details` has a line for each fault.
    """
    try:
        root, faults = read_tree(text)
    except Unreadable as error:
        raise faulty(path, [error.fault]) from None
    secrets, unread = secrets_for(text, path.parent, environ)
    return read_configuration(root, path=path, secrets=secrets, unread=unread, faults=faults)


def text_of(path: Path) -> str:
    """The text of a file that people write.

    Raises:
        ConfigurationError: it can't be read, is too large, or is not UTF-8.
    """
    raw = _bytes(path)
    if len(raw) > _MOST_BYTES:
        raise faulty(path, [Fault(1, f"larger than any such file: {len(raw):,} bytes")])
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise faulty(path, [Fault(_line_of(error), f"not UTF-8: the byte 0x{raw[error.start]:02x}")]) from None


def secrets_for(text: str, folder: Path, environ: Mapping[str, str] | None = None) -> tuple[Mapping[str, str], str]:
    """What `${NAME}` in a text may stand for: the environment's values, and those of `.env` in the folder.

    And why that file could not be read, in words, or nothing: only what needs one of its secrets has to know.
    """
    return _secrets(folder / ".env", os.environ if environ is None else environ) if "${" in text else ({}, "")


def _bytes(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(_MOST_BYTES + 1)
    except OSError as error:
        raise ConfigurationError(
            f"{path.name} can't be read: {error.strerror}.", subject=str(path), hint=f"See: ls -ld {path}"
        ) from None


def _secrets(beside: Path, environ: Mapping[str, str]) -> tuple[dict[str, str], str]:
    try:
        values = _values(beside.read_bytes().decode()) if beside.is_file() else {}
    except OSError as error:
        return dict(environ), f"can't be read ({(error.strerror or str(error)).lower()})"
    except UnicodeDecodeError as error:
        return dict(environ), f"is not UTF-8 (line {_line_of(error)})"
    return {name: value for name, value in values.items() if value is not None} | dict(environ), ""


def _values(text: str) -> Mapping[str, str | None]:
    from dotenv import dotenv_values  # noqa: PLC0415 - only a file that names secrets needs it

    return dotenv_values(stream=StringIO(text, newline=None), interpolate=False)


def _line_of(error: UnicodeDecodeError) -> int:
    return error.object.count(b"\n", 0, error.start) + 1
