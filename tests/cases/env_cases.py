"""The tricky `.env` files: pairs of before and after, for the editor alone and for whole commands."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

KEY = "FEATURE_CUSTOMER_PORTAL"
_FOLDER = Path(__file__).parent / "env_text"


@dataclass(frozen=True, slots=True)
class EnvCase:
    """One file, and what setting `key` to `value` has to make of it.

    `after` is None where the edit must be refused; `line` is the line that the refusal names. `phpdotenv` says what
    the file's real reader thinks of `before`: `reads`, or `rejects`, so that a host refuses to go on. `mended` says
    that it reads `after` all the same. `also` names other keys whose value changes, since they quote `key`.
    """

    name: str
    before: bytes
    after: bytes | None
    key: str = KEY
    value: str = "true"
    phpdotenv: str = "reads"
    mended: bool = False
    line: int | None = None
    also: tuple[str, ...] = ()

    def __str__(self) -> str:
        return self.name


def env_cases() -> list[EnvCase]:
    """All pairs under `env_text`, and a file of 1 MB."""
    return [_case(folder) for folder in sorted(_FOLDER.iterdir()) if folder.is_dir()] + [one_megabyte()]


def one_megabyte() -> EnvCase:
    """A file of 1 MB with the key in its middle, amid keys that begin with it."""
    lines = list(_many_lines())
    middle = len(lines) // 2
    before, after = (
        "\n".join([*lines[:middle], f"{KEY}={value} # pilot", *lines[middle:], ""]).encode()
        for value in ("false", "true")
    )
    return EnvCase("one_megabyte", before, after)


def _many_lines() -> Iterator[str]:
    for number in range(1000):
        yield f'{KEY}_{number}="{"x" * 450} # {number}"'
        yield f"#{KEY}=true, commented out {number} {'y' * 450}"


def _case(folder: Path) -> EnvCase:
    about = folder / "case.json"
    told = json.loads(about.read_text()) if about.exists() else {}
    after = folder / "after.env"
    return EnvCase(
        folder.name,
        (folder / "before.env").read_bytes(),
        after.read_bytes() if after.exists() else None,
        **{**told, "also": tuple(told.get("also", ()))},
    )
