"""The stand-in for host.php: the same commands, inputs and answers, for the tiny application.

docs/protocol.md describes each command's input and answer.
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
import re
import signal
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from rolloutctl.demo import configuration, phpdotenv
from rolloutctl.demo.php import VERSION

_Answer = dict[str, Any]
_KEY = re.compile(r"\s*(?:export\s+)?[\"']?([A-Za-z_][A-Za-z0-9_.]*)", re.ASCII)


def main(arguments: Sequence[str]) -> int:
    """`php host.php COMMAND IN.json OUT.json`, or `php host.php stay`; returns the exit status."""
    if arguments == ["stay"]:
        _stay()
        return 0
    command, source, target = arguments
    return _answer(command, source, target)


def _answer(command: str, source: str, target: str) -> int:
    request = json.loads(Path(source).read_text(encoding="utf-8"))
    answer = _COMMANDS[command](request | {"here": str(Path(source).parent)})
    # The session's script reads parts of it with sed: no blanks between.
    text = json.dumps(answer, separators=(",", ":"))
    if target == "php://stdout":
        sys.stdout.write(text)
    else:
        Path(target).write_text(text, encoding="utf-8")
    return 0


def _stay() -> None:
    """Answer one question after another, on descriptors 5 and 4, as host.php does."""
    with open(5, encoding="utf-8") as asks, open(4, "w", encoding="utf-8") as answers:
        for line in asks:
            ask, *words = line.removesuffix("\n").split("\t")
            print(_ANSWERS[ask](words), file=answers, flush=True)


def _answer_apart(words: Sequence[str]) -> str:
    seconds, folder, command, source, target, *variables = words
    child = os.fork()
    if child == 0:
        status = 1
        try:
            signal.alarm(int(seconds))
            for each in variables:
                name, _, os.environ[name] = each.partition("=")
            os.chdir(folder)
            status = _answer(command, source, target)
        finally:
            os._exit(status)
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    return str(status if status >= 0 else 124 if -status == signal.SIGALRM else 128 - status)


def _hash_of(words: Sequence[str]) -> str:
    try:
        return hashlib.sha256(Path(words[0]).read_bytes()).hexdigest()
    except OSError:
        return "-"


def _flush_all(words: Sequence[str]) -> str:
    for word in words:
        opened = os.open(word, os.O_RDONLY)
        os.fsync(opened)
        os.close(opened)
    return "flushed"


def _digest(words: Sequence[str]) -> str:
    return hashlib.sha256(words[0].encode()).hexdigest()


def _end_of(words: Sequence[str]) -> str:
    content = Path(words[0]).read_bytes()
    if not content.endswith(b"\n"):
        return "-"
    lines, last = content.count(b"\n"), hashlib.sha256(content[:-1].rpartition(b"\n")[2]).hexdigest()
    return f"{lines} {last} {time.strftime('%Y-%m-%dT%H:%M:%SZ', time.gmtime())}"


_ANSWERS: dict[str, Callable[[Sequence[str]], str]] = {
    "answer": _answer_apart,
    "sha": _hash_of,
    "flush": _flush_all,
    "digest": _digest,
    "end": _end_of,
}


def _state(request: _Answer) -> _Answer:
    cache = configuration.cache_path(Path.cwd(), os.environ)
    standing = Path(cache).is_file()
    return {
        "php": VERSION,
        "laravel": "demo",
        "boot_error": None,
        "cache": cache,
        "env": os.path.realpath(".env"),
        "settings": configuration.picked(configuration.read(Path(cache)), request["settings"]) if standing else None,
        "file": _flags_in(Path(request["env_file"]), request["keys"]),
    }


def _check(request: _Answer) -> _Answer:
    old, old_error = _parsed(Path(request["old"]))
    new, new_error = _parsed(Path(request["here"]) / request["new"])
    return {
        "cache": configuration.cache_path(Path.cwd(), os.environ),
        "env": os.path.realpath(".env"),
        "boot_error": None,
        "old_error": old_error,
        "new_error": new_error,
        "changed": [] if old is None or new is None else _differing(old, new),
        "got": [] if new is None else {key: new.get(key) for key in request["keys"]},
    }


def _diff(request: _Answer) -> _Answer:
    live = _flattened(configuration.read(Path(request["live"])))
    config = configuration.read(Path(request["new"]))
    new = _flattened(config)
    changed = _differing(live, new)
    known = [*request["settings"], *request.get("volatile", ())]
    left = [name for name in changed if not any(name == path or name.startswith(f"{path}.") for path in known)]
    answer: _Answer = {"changed": changed, "left": left, "got": configuration.picked(config, request["settings"])}
    if "control" in request:
        control = _flattened(configuration.read(Path(request["control"])))
        same = {name for name in changed if control.get(name) == new.get(name)}
        answer["pending"] = [name for name in changed if name in same]
        answer["volatile"] = [name for name in changed if name not in same and control.get(name) != live.get(name)]
    return answer


def _patch(request: _Answer) -> _Answer:
    config = configuration.read(Path(request["live"]))
    if not config or not request["set"]:
        raise SystemExit(1)  # nothing that would switch the flag
    for path, value in request["set"].items():
        *outer, last = path.split(".")
        place = configuration.at(config, outer)
        now = configuration.at(config, [*outer, last])
        if not isinstance(place, dict) or now is configuration.ABSENT:
            raise SystemExit(1)
        place[last] = ",".join(map(str, value)) if isinstance(value, list) and isinstance(now, str) else value
    configuration.write(Path(request["to"]), config)
    return {"got": configuration.picked(config, request["set"])}


def _unedit(request: _Answer) -> _Answer:
    source, target = Path(request["from"]), Path(request["to"])
    content = source.read_bytes()
    for edit in request["edits"]:
        pattern = _line_pattern(base64.b64decode(edit["now"]))
        back = base64.b64decode(edit["back"])
        there = len(re.findall(pattern, content))
        if there == 0 and (not back or len(re.findall(_line_pattern(back), content)) == 1):
            continue  # it stands as it did before
        if there != 1:
            return {"ok": False}
        content = re.sub(pattern, lambda _, back=back: back, content)  # type: ignore[misc] # a default binds it early
    target.write_bytes(content)
    before, _ = _parsed(source)
    after, _ = _parsed(target)
    return {"ok": before is None or (after is not None and set(_differing(before, after)) <= set(request["keys"]))}


def _line_pattern(line: bytes) -> bytes:
    return rb"(?<![^\r\n])" + re.escape(line) + rb"(?![^\r\n])"


def _ask(request: _Answer) -> _Answer:
    from rolloutctl.demo.asking import ask  # noqa: PLC0415 - sockets only where they are used

    return {"answers": ask(request["requests"], stop=bool(request.get("stop")))}


_COMMANDS: dict[str, Callable[[_Answer], _Answer]] = {
    "state": _state,
    "check": _check,
    "diff": _diff,
    "patch": _patch,
    "unedit": _unedit,
    "ask": _ask,
}


def _flags_in(path: Path, keys: Sequence[str]) -> _Answer:
    values, error = _parsed(path)
    found = values or {}
    return {
        "error": error,
        "values": {key: value for key, value in found.items() if key in keys},
        "undeclared": [key for key in found if key not in keys and key.startswith("FEATURE_")],
    }


def _parsed(path: Path) -> tuple[dict[str, str | None] | None, _Answer | None]:
    """What `.env` defines, or what is wrong with it: a key and a line, never a value."""
    try:
        content = path.read_bytes()
    except OSError:
        return None, {"what": "unreadable", "key": None, "line": None}
    try:
        values = phpdotenv.load(content, {})
    except phpdotenv.InvalidError:
        return None, _blame(content)
    return {name: None if value is None else _printable(value) for name, value in values.items()}, None


def _printable(value: str) -> str:
    return value.encode("utf-8", "surrogateescape").decode("utf-8", "replace")


def _blame(content: bytes) -> _Answer:
    for entry in phpdotenv.entries(content):
        try:
            phpdotenv.check(entry)
        except phpdotenv.InvalidError:
            key = _KEY.match(entry.text)
            return {"what": "invalid", "key": key[1] if key else None, "line": entry.line}
    return {"what": "invalid", "key": None, "line": None}


def _differing(one: Mapping[str, object], other: Mapping[str, object]) -> list[str]:
    return sorted(
        name for name in {*one, *other} if one.get(name, configuration.ABSENT) != other.get(name, configuration.ABSENT)
    )


def _flattened(config: Mapping[str, Any], prefix: str = "") -> dict[str, str]:
    """Each leaf under its dotted name, as JSON: Python finds 1 and True alike, PHP does not."""
    flat: dict[str, str] = {}
    for name, value in config.items():
        inner = dict(enumerate(value)) if isinstance(value, list) else value
        if isinstance(inner, dict) and inner:
            flat |= _flattened({str(key): each for key, each in inner.items()}, f"{prefix}{name}.")
        else:
            flat[prefix + name] = json.dumps(inner)
    return flat
