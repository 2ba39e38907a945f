"""A hostile host: stands in front of `sh` as `shell:` of environments.yaml does, and says what its first word means.

    python host.py KIND [what environments.yaml puts behind it]

Nothing here imports from the project: it runs as a program of its own.
"""

from __future__ import annotations

import base64
import json
import os
import sys
from collections.abc import Callable, Iterator

NASTY = (
    "\x1b]0;pwned\x07\x1b[2J\x9b31m[bold]x[/bold][link=file:///etc]y[/link]\u202e\u2028\x7f\r"
    "$(touch pwned)`touch pwned`"
)


def text(words: str | bytes) -> str:
    """One token."""
    data = words if isinstance(words, bytes) else words.encode(errors="surrogateescape")
    return base64.b64encode(data).decode() or "-"


def document(value: object) -> str:
    """One token that holds JSON."""
    return text(json.dumps(value))


def say(words: str) -> None:
    """A line or several."""
    sys.stdout.write(words + "\n")
    sys.stdout.flush()


def hello() -> str:
    """The first answer; it differs with each process, so that no two are the same application."""
    place = f"{os.getcwd()}-{os.getpid()}"
    return f"@rc1 hello 1 0 {text('root')} {text(place)} {text('/app')} {text('/app/.env')} {text('/state')} -"


def for_ever(line: str) -> None:
    """Say it until nobody listens."""
    many = (line + "\n").encode() * (1 + 65536 // (len(line) + 1))
    while True:
        sys.stdout.buffer.write(many)


def endless_bytes() -> None:
    while True:
        sys.stdout.buffer.write(b"x" * 65536)


def endless_noise() -> None:
    for_ever("Welcome to the machine")


def endless_base64() -> None:
    sys.stdout.write(f"{hello()}\n@rc1 content ")
    sys.stdout.flush()
    while True:
        sys.stdout.buffer.write(b"QUFB" * 16384)


def endless_answers() -> None:
    say(hello())
    for_ever(f"@rc1 step {text('a')} begins")


def endless_records() -> None:
    say(hello())
    for_ever(f"@rc1 record {text(json.dumps({'change': 'x', 'event': 'kept', 'flag': 'customer_portal'}))}")


def endless_logs() -> None:
    say(hello())
    for_ever(f"@rc1 records {text(b'{}' + chr(10).encode() * 300_000)}")


def wrong_protocol() -> None:
    say("HTTP/1.1 400 Bad Request\r\n\r\nThis is no shell\x1b[31m!")


def wrong_words() -> None:
    say(hello() + "\n@rc1 done look\n@rc1 done\n@rc1 \xff\n@rc1 env\n@rc1 done look")
    sys.stdin.read()  # else it may be gone before it has been asked anything


def broken_php() -> None:
    """A host whose sessions are all right, but for what its php says: every kind of nonsense in turn."""
    converse(nonsense())


def nonsense() -> Iterator[object]:
    deep: object = 1
    for _ in range(400):
        deep = [deep]
    while True:
        yield from (None, [], {}, "x", 1e308, {"file": {"values": {NASTY: {}}}, "settings": {"a": deep}}, deep)


def nasty() -> None:
    """A host that answers as it should, with nasty words in every place."""
    record = {
        "prev": "",
        "time": NASTY,
        "change": "abcd2345",
        "environment": "one",
        "host": NASTY,
        "hosts": [NASTY, 1, None],
        "arbiter": "web-1",
        "flag": "customer_portal",
        "event": "kept",
        "cause": NASTY,
        "actor": NASTY,
        "reason": NASTY,
        "undoes": [],
        "narrow": "x",
        "from": NASTY,
        "to": {"enabled": NASTY, "companies": [NASTY, 1]},
        "steps": [{"name": NASTY, "ms": NASTY}, NASTY, 1],
        "edits": [{"key": "DB_PASSWORD", "before": "=x", "after": "=y"}],
    }
    started = {**record, "change": NASTY, "event": "started"}
    lines = "".join(json.dumps(each, ensure_ascii=each is record) + "\n" for each in (record, started)) + NASTY + "\n"
    live = {
        "php": NASTY,
        "laravel": NASTY,
        "boot_error": NASTY,
        "cache": NASTY,
        "settings": {"features.customer_portal": NASTY},
        "file": {"values": {"FEATURE_CUSTOMER_PORTAL": NASTY}, "undeclared": [NASTY], "error": {"what": NASTY}},
    }
    said = [
        f"@rc1 env {'0' * 64} 640 0 0  writable",
        f"@rc1 content {text('FEATURE_CUSTOMER_PORTAL=false' + chr(10) + 'DB_PASSWORD=s3cret-of-the-host')}",
        f"@rc1 live {document(live)}",
        f"@rc1 lock executing {document({'actor': NASTY, 'what': NASTY, 'since': NASTY})}",
        f"@rc1 pending {text(NASTY)} dead {text(json.dumps(record)[1:])} open",
        f"@rc1 records {text(lines)}",
        f"@rc1 head {len(lines.encode(errors='surrogateescape'))} {text(NASTY)}",
        f"@rc1 deploying {text(NASTY)}",
        f"@rc1 refused build 1 {text(NASTY)}",
        f"@rc1 proof-failed 1 {text(NASTY)}",
        f"@rc1 fact app-env {text(NASTY)}",
        f"@rc1 trouble {text(NASTY)} 1 {text(NASTY)}",
        f"@rc1 answers {document({'answers': [{'id': 'customer_portal 99', 'error': NASTY}, {'id': NASTY}]})}",
    ]
    converse(iter(()), said)


def converse(values: Iterator[object], said: list[str] | None = None) -> None:
    """Answer each verb: with `said`, or with a value for each place where JSON is expected."""
    say(hello())
    for line in sys.stdin:
        verb = line.split()[0] if line.split() else ""
        if verb == "bye":
            return
        if verb not in {"put", "set", "hold"}:
            say(f"@rc1 env {'0' * 64} 640 0 0  writable")
            say(f"@rc1 content {text('FEATURE_CUSTOMER_PORTAL=false' + chr(10))}")
            for each in said or (
                f"@rc1 {kind} {document(next(values))}"
                for kind in ("live", "proof", "records", "answers", "difference", "lock free")
            ):
                say(each)
        if verb != "hold":
            say(f"@rc1 done {verb}")


KINDS: dict[str, Callable[[], None]] = {
    each.__name__: each
    for each in (
        endless_bytes,
        endless_noise,
        endless_base64,
        endless_answers,
        endless_records,
        endless_logs,
        wrong_protocol,
        wrong_words,
        broken_php,
        nasty,
    )
}

if __name__ == "__main__":
    try:
        KINDS[sys.argv[1]]()
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
