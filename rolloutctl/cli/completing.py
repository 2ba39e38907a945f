"""Answers a TAB: reads what a shell says in the variables of typer's completion scripts, and tells it what fits."""

from __future__ import annotations

import json
import os
import shlex
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from rolloutctl.cli.offering import Offer, Typed, offers
from rolloutctl.outside.glance import Glance

VARIABLE = "_ROLLOUTCTL_COMPLETE"
_ACTION, _WHETHER = "_TYPER_COMPLETE_FISH_ACTION", "is-args"


def answer() -> None:
    """Answer the shell and exit; return where it is not a TAB in a shell that we answer."""
    if os.environ.get(VARIABLE) in _SHELLS:
        text, status = complete(os.environ, Path.cwd())
        sys.stdout.buffer.write(text.encode())
        sys.exit(status)


def complete(environ: Mapping[str, str], cwd: Path) -> tuple[str, int]:
    """What to print for the shell, and the exit status. Whatever goes wrong, the shell is told nothing."""
    typed_in, told = _SHELLS[environ[VARIABLE]]
    try:
        before, begun = typed_in(environ)
        typed = Typed(json.loads(Path(__file__).with_name("commands.json").read_bytes()), before)
        return told(offers(typed, begun, lambda: _glance(typed, environ, cwd)), environ)
    except Exception:  # noqa: BLE001 - in the middle of somebody's line no error can be told; the command will tell it
        return told([], environ)


def _glance(typed: Typed, environ: Mapping[str, str], cwd: Path) -> Glance:
    if environ.get(_ACTION) == _WHETHER:
        raise LookupError  # fish asks once more for the names themselves
    return Glance(typed.values.get("--config"), environ, cwd)


def _typed_in_bash(environ: Mapping[str, str]) -> tuple[list[str], str]:
    typed, at = _split(environ["COMP_WORDS"]), int(environ["COMP_CWORD"])
    return typed[1:at], typed[at] if at < len(typed) else ""


def _typed_elsewhere(environ: Mapping[str, str]) -> tuple[list[str], str]:
    line = environ["_TYPER_COMPLETE_ARGS"]
    typed = _split(line)[1:]
    return (typed[:-1], typed[-1]) if typed and not line[-1:].isspace() else (typed, "")


def _split(line: str) -> list[str]:
    """The words of a shell's line, of which the last one's quotes may still be open."""
    lexer = shlex.shlex(line, posix=True)
    lexer.whitespace_split, lexer.commenters = True, ""
    found: list[str] = []
    try:
        found.extend(lexer)
    except ValueError:
        found.append(lexer.token)
    return found


def _told_in_bash(found: Sequence[Offer] | None, _environ: Mapping[str, str]) -> tuple[str, int]:
    return "\n".join(each.word for each in found or ()), 0


def _told_in_zsh(found: Sequence[Offer] | None, _environ: Mapping[str, str]) -> tuple[str, int]:
    """A line that zsh evaluates; -V keeps our order."""
    if found is None:
        return "_files", 0
    each = (shlex.quote(_one_line(f"{offer.word}:{offer.about}" if offer.about else offer.word)) for offer in found)
    return (f"local -a offered; offered=({' '.join(each)}); _describe -V rolloutctl offered" if found else ""), 0


def _told_in_fish(found: Sequence[Offer] | None, environ: Mapping[str, str]) -> tuple[str, int]:
    """Fish asks twice: whether there is an answer (else it offers files), and for it."""
    if environ.get(_ACTION) == _WHETHER:
        return "", 1 if found is None else 0
    return "\n".join(
        _one_line(offer.word) + f"\t{_one_line(offer.about)}" * bool(offer.about) for offer in found or ()
    ), 0


def _one_line(text: str) -> str:
    return " ".join("".join(each if each.isprintable() else " " for each in text).split())


_TypedIn = Callable[[Mapping[str, str]], tuple[list[str], str]]
_Told = Callable[[Sequence[Offer] | None, Mapping[str, str]], tuple[str, int]]
_SHELLS: Mapping[str, tuple[_TypedIn, _Told]] = {
    "complete_bash": (_typed_in_bash, _told_in_bash),
    "complete_zsh": (_typed_elsewhere, _told_in_zsh),
    "complete_fish": (_typed_elsewhere, _told_in_fish),
}
