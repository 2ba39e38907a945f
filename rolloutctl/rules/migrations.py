"""What artisan says of migrations: which ran or went back, what stands in which batch; and what a `down` does."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Literal

from msgspec import Struct

_NAME = r"\d{4}_\d{2}_\d{2}_\d{6}_\w+"
# Laravel 8: "Migrating: NAME", "Migrated:  NAME (12.34ms)". From 9 on: "NAME ..... 12ms DONE", or FAIL.
_OLD = re.compile(rf"^\s*(Migrating|Migrated|Rolling back|Rolled back):\s+({_NAME})", re.MULTILINE)
_NEW = re.compile(rf"^\s*({_NAME})\s*\.{{2,}}\s*(?:([\d.,hmns\s]+)\s)?\s*(DONE|FAIL|RUNNING)?\s*$", re.MULTILINE)
# migrate:status. Laravel 8: "| Yes  | NAME | 1 |". From 9 on: "NAME ..... [1] Ran".
_OLD_ROW = re.compile(rf"^\|\s*Yes\s*\|\s*({_NAME})\s*\|\s*(\d+)\s*\|\s*$", re.MULTILINE)
_NEW_ROW = re.compile(rf"^\s*({_NAME})\s*\.{{2,}}\s*\[(\d+)\]\s+Ran\s*$", re.MULTILINE)
_STATUS = re.compile(r"Ran\?|\b(?:Ran|Pending)\s*$|No migrations found|Batch / Status", re.MULTILINE)
_BEGINNINGS = ("Migrating", "Rolling back")
_COMMENT_OR_TEXT = re.compile(r"//[^\n]*|\#(?!\[)[^\n]*|/\*.*?\*/|'(?:[^'\\]|\\.)*'|\"(?:[^\"\\]|\\.)*\"", re.DOTALL)
_DOWN = re.compile(r"\bfunction\s+down\s*\([^)]*\)\s*(?::\s*\??\w+\s*)?\{")
_LOSES = re.compile(
    r"(?:Schema\s*::\s*(?:connection\s*\([^)]*\)\s*->\s*)?(?P<table>drop|dropIfExists|dropAllTables)"
    r"|->\s*(?P<column>dropColumn|dropColumns|dropTimestamps|dropSoftDeletes|dropMorphs)|->\s*(?P<rows>delete|truncate)"
    r"|->\s*(?P<self>drop|dropIfExists))\s*\(\s*(?P<what>'[^']*'|\"[^\"]*\"|\[[^\]]*\])?"
)

Way = Literal["yes", "no", "nothing", "unknown"]


class Migrated(Struct, frozen=True):
    """What one run of artisan did: the migrations that it finished, and those that it began and did not finish."""

    done: tuple[str, ...] = ()
    unfinished: tuple[str, ...] = ()

    @property
    def any(self) -> bool:
        """Whether the database may be another than before."""
        return bool(self.done or self.unfinished)


class Down(Struct, frozen=True):
    """Whether a migration can go back. `nothing`: its `down` is there and does nothing. `loses`: what is dropped."""

    way: Way
    why: str = ""
    loses: tuple[str, ...] = ()


def migrated_in(output: str) -> Migrated:
    """What artisan's output tells of migrations, or of their going back. The output may lack its beginning."""
    done: dict[str, None] = {}
    begun: dict[str, None] = {}
    for word, name in _OLD.findall(output):
        (begun if word in _BEGINNINGS else done)[name] = None
    for name, took, end in _NEW.findall(output):
        (done if end == "DONE" or (took.strip() and end != "FAIL") else begun)[name] = None
    return Migrated(tuple(done), tuple(name for name in begun if name not in done))


def together(runs: Iterable[Migrated]) -> Migrated:
    """Several runs as one."""
    each = tuple(runs)
    return Migrated(
        tuple(name for run in each for name in run.done), tuple(name for run in each for name in run.unfinished)
    )


def batches_in(status: str) -> dict[str, int] | None:
    """Which migrations have run, by name, and in which batch; None where it is no answer of `migrate:status`."""
    rows = _OLD_ROW.findall(status) or _NEW_ROW.findall(status)
    if not rows and not _STATUS.search(status):
        return None
    return {name: int(batch) for name, batch in rows}


def last_batch(batches: dict[str, int]) -> tuple[str, ...]:
    """What `migrate:rollback` takes back, in the order in which it does."""
    newest = max(batches.values(), default=0)
    return tuple(sorted((name for name, batch in batches.items() if batch == newest), reverse=True))


def down_of(source: str | None) -> Down:
    """What the text of a migration says of going back. One without a `down` Laravel forgets, and undoes nothing.

    It is read, not run: what a `down` does through other functions is not seen.
    """
    if source is None:
        return Down("unknown", "its file was not found in database/migrations")
    code = _COMMENT_OR_TEXT.sub(_kept, source)
    begun = _DOWN.search(code)
    if begun is None:
        return Down("no", "it has no down(): Laravel would forget it, and undo nothing")
    body = _body(code, begun.end())
    if re.match(r"\s*throw\b", body):
        return Down("no", "its down() throws")
    if not body.strip().rstrip(";").strip() or re.fullmatch(r"\s*return\s*;\s*", body):
        return Down("nothing", "its down() does nothing")
    return Down("yes", loses=_losses(body))


def _kept(found: re.Match[str]) -> str:
    """A text stays, without the brackets in it; a comment goes."""
    text = found[0]
    return text.replace("{", "(").replace("}", ")") if text[0] in "'\"" else " "


def _body(code: str, start: int) -> str:
    depth = 1
    for place in range(start, len(code)):
        depth += {"{": 1, "}": -1}.get(code[place], 0)
        if depth == 0:
            return code[start:place]
    return code[start:]


def _losses(body: str) -> tuple[str, ...]:
    """What goes with its data, in words: `the table calls`, `columns note, tag`."""
    found: dict[str, None] = {}
    for match in _LOSES.finditer(body):
        names = ", ".join(re.findall(r"['\"]([^'\"]+)['\"]", match["what"] or ""))
        if match["table"] or match["self"]:
            found[f"the table {names}" if names else "tables"] = None
        elif match["column"]:
            noun = "columns" if "," in names or not names else "the column"
            found[f"{noun} {names}".strip()] = None
        else:
            found["rows"] = None
    return tuple(found)
