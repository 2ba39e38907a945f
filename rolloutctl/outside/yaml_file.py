"""Reads environments.yaml, together with the secrets that it names."""

from __future__ import annotations

import os
from collections.abc import Mapping
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
    secrets = secrets_for(text, path.parent, environ)
    return read_configuration(root, path=path, secrets=secrets, faults=faults)


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
        line = raw.count(b"\n", 0, error.start) + 1
        raise faulty(path, [Fault(line, f"not UTF-8: the byte 0x{raw[error.start]:02x}")]) from None


def secrets_for(text: str, folder: Path, environ: Mapping[str, str] | None = None) -> Mapping[str, str]:
    """What `${NAME}` in a text may stand for: the environment's values, and those of `.env` in the folder.

    Raises:
        ConfigurationError: there is such a file, and it can't be read.
    """
    return _secrets(folder / ".env", os.environ if environ is None else environ) if "${" in text else {}


def _bytes(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(_MOST_BYTES + 1)
    except OSError as error:
        raise ConfigurationError(
            f"{path.name} can't be read: {error.strerror}.", subject=str(path), hint=f"See: ls -ld {path}"
        ) from None


def _secrets(beside: Path, environ: Mapping[str, str]) -> dict[str, str]:
    from dotenv import dotenv_values  # noqa: PLC0415 - only a file that names secrets needs it

    if not beside.is_file():
        return dict(environ)
    try:
        values = dotenv_values(beside, interpolate=False)
    except (OSError, UnicodeDecodeError):
        raise ConfigurationError(
            "The file of rolloutctl's own secrets can't be read.", subject=str(beside), hint=f"See: ls -ld {beside}"
        ) from None
    return {name: value for name, value in values.items() if value is not None} | dict(environ)
