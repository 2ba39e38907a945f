"""What doctor says of one thing that it looked at: how it is, in a sentence, and the line that mends it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

from msgspec import Struct
from msgspec.structs import replace

SUDOERS = "in /etc/sudoers.d/rolloutctl on the host, with sudo visudo -f"
Status = Literal["ok", "info", "warn", "fail", "skipped"]


class Fix(Struct, frozen=True):
    """One line that mends something, to be pasted, and where it belongs; empty when nothing is to do."""

    line: str = ""
    where: str = ""  # empty where the line itself says it


NOTHING = Fix()


def on_host(line: str) -> Fix:
    """A command for a shell on the host."""
    return Fix(line, "on the host")


def in_yaml(line: str, below: str = "") -> Fix:
    """A line for the configuration."""
    return Fix(line, "in environments.yaml" + (f", below {below}" if below else ""))


def here(line: str) -> Fix:
    """A command of ours."""
    return Fix(line, "here")


class Verdict(Struct, frozen=True):
    """One check's result: how it is, in a sentence, with what the host said in `details`."""

    check: str
    status: Status
    text: str
    fix: Fix = NOTHING
    details: tuple[str, ...] = ()


def ok(text: str) -> Verdict:
    """It is as it should be."""
    return Verdict("", "ok", text)


def info(text: str, fix: Fix = NOTHING) -> Verdict:
    """It is in order, and worth knowing."""
    return Verdict("", "info", text, fix)


def warn(text: str, fix: Fix) -> Verdict:
    """It stops no change, and may hurt."""
    return Verdict("", "warn", text, fix)


def fail(text: str, fix: Fix, details: tuple[str, ...] = ()) -> Verdict:
    """It would stop a change."""
    return Verdict("", "fail", text, fix, details)


def skipped(why: str) -> Verdict:
    """It was not looked at."""
    return Verdict("", "skipped", f"not looked at: {why}")


def named(check: str, verdicts: Iterable[Verdict]) -> tuple[Verdict, ...]:
    """Verdicts of one check, each with its name."""
    return tuple(replace(verdict, check=check) for verdict in verdicts)


def would_stop(verdicts: Iterable[Verdict]) -> bool:
    """Whether something here would stop a change."""
    return any(verdict.status == "fail" for verdict in verdicts)
