"""The client's side of a session with one host; session_sh/ is the host's."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from typing import Any

from rolloutctl.contracts import Connection
from rolloutctl.errors import Unfit, Unreachable
from rolloutctl.outside.answers import OUTPUTS, state_from, texts_of, unfit_from
from rolloutctl.outside.command import examiner, eyes, session_command
from rolloutctl.outside.wire import Wire, encode
from rolloutctl.rules.config import Environment, Flag, Host, Step
from rolloutctl.rules.decisions import Decision
from rolloutctl.rules.env_lines import EnvText
from rolloutctl.rules.host import Event, HostState, Work
from rolloutctl.rules.records import Log, body
from rolloutctl.rules.redact import Redactor, printable
from rolloutctl.rules.requests import limit_for

_PIECE = 512 * 1024  # bytes of the log that a host sends in one answer, as show_log has it
_LONGEST_LOG = 128 * 2**20  # bytes; in base64 it has to fit what a session may say, see wire.py
_LONGEST_NUMBER = 12  # digits
_SHORT = 45.0  # seconds for an answer that takes no step; the host's php may take 30
_SHOWN = 20  # lines of what a login shell said instead of a session
_BUILD = 60.0  # seconds for artisan config:cache, unless the step says otherwise


class RemoteSession:
    """One conversation with one host: one command, one lock, at most one change.

    Each method sends a verb and returns the answers to it; `progress` sees each answer as it comes. Every method
    raises Unreachable when the connection is lost; `said` then holds what came before.
    """

    def __init__(self, host: Host, connection: Connection, progress: Callable[[Event], None]) -> None:
        self.host = host
        self.said: list[Event] = []
        self._connection = connection
        self._progress = progress
        self._content: EnvText | None = None
        self._secrets: Redactor | None = None
        self._keys: tuple[str, ...] = ()
        self._settings: tuple[str, ...] = ()
        self._steps: Sequence[Step] = ()
        self._asking = 0  # seconds that health and probes may take
        self._wire = Wire(connection.start(session_command(host)))
        self.hello = self._greet()
        self._put("host.php", eyes())

    def prime(self, environment: Environment, flags: Iterable[Flag]) -> None:
        """Say what this session is about: which flags, which steps, where a deployment leaves its lock."""
        known = tuple(flags)
        self._keys = tuple(key for flag in known for key in flag.keys)
        self._steps = environment.steps
        self._settings = tuple(path for flag in known for path in (flag.config, flag.companies_config) if path)
        env_file = self.hello.text(5)
        self._put_json("state.in", {"env_file": env_file, "keys": self._keys, "settings": self._settings})
        self._put("deploy_locks", "".join(f"{pattern}\n" for pattern in environment.deploy_locks).encode())

    def look(self, *, content: bool, records: int = 200) -> HostState:
        """Read the state of the host; with `content` the whole `.env`, for an edit."""
        if content:
            self._content = None  # a file that can't be read is not shown
        answers = self._ask("look", str(records), *(["content"] if content else []))
        return state_from(self.host, self.hello, answers, self._content if content else None)

    def prepare(self, work: Work) -> tuple[Event, ...]:
        """Stage the new .env, build the new config cache aside, prove both; nothing live is touched."""
        direction = "narrow" if work.narrow else "widen"
        self._wire.send("open", direction)
        self._stage(work)
        self._wire.send("prepare", direction)
        self._wire.send("ask", "requests_old")
        seconds = _SHORT * 2 + 2 * self._build_limit() + 30 * len(work.steps) + limit_for(work.requests_old)
        return (
            *self._until("open", _SHORT),
            *self._until("prepare", seconds),
            *self._until("ask", seconds),
        )

    def control(self) -> tuple[Event, ...]:
        """Build once more without the change, to tell somebody's waiting edit from the flag's own effect."""
        return self._ask("control", seconds=self._build_limit() + _SHORT)

    def lock(self, narrow: bool, wait: float) -> tuple[Event, ...]:
        """Take the host's lock and see that nothing changed since prepare; `wait` in seconds."""
        return self._ask("lock", "narrow" if narrow else "widen", str(math.ceil(wait)), seconds=wait + _SHORT)

    def commit(self, change: str, hold: float) -> tuple[Event, ...]:
        """Swap, restart, ask; a widening that fails has gone back when this returns. `hold` in seconds."""
        steps = sum(step.timeout + 5 for step in self._steps)
        return self._ask(
            "commit", change, str(math.ceil(hold)), seconds=3 * steps + 2 * self._asking + 3 * self._build_limit()
        )

    def decide(self, keep: bool, cause: str) -> tuple[Event, ...]:
        """Keep or revert what was committed; releases the lock."""
        steps = sum(step.timeout + 5 for step in self._steps)
        return self._ask("keep" if keep else "revert", cause, seconds=2 * steps + self._asking + _SHORT)

    def provide(self, seconds: int) -> tuple[Event, ...]:
        """Let the host keep what was committed by itself, for so long unless it is confirmed; ends the session."""
        return self._ask("provide", str(seconds))

    def extend(self, change: str, seconds: int) -> bool:
        """Whether the host holds a provisional change, and for so long at least from now on."""
        return any(event.kind == "provisional" for event in self._ask("extend", change, str(seconds)))

    def still(self) -> bool:
        """Whether the host still holds a committed change."""
        return any(event.kind == "holding" for event in self._ask("still"))

    def once(self) -> tuple[Event, ...]:
        """Run the steps that one host runs for all."""
        self._put_steps(self._steps)  # the session may be another than the one that committed
        return self._ask("once", seconds=sum(step.timeout + 5 for step in self._steps if step.once) + _SHORT)

    def settle(self, change: str, decision: Decision) -> tuple[Event, ...]:
        """Deliver a decision to whoever waits for it, or finish what a dead session left."""
        self._wire.send("open", "widen")
        steps = sum(step.timeout + 5 for step in self._steps)
        opened = self._until("open", _SHORT)
        words = ("keep" if decision.keep else "revert", decision.cause, encode(decision.fragment().encode()))
        return (*opened, *self._ask("settle", change, *words, seconds=3 * steps + 120))

    def append(self, fields: Mapping[str, Any]) -> tuple[Event, ...]:
        """Write a record that could not be written when it was made."""
        self._wire.send("open", "widen")
        opened = self._until("open", _SHORT)
        return (*opened, *self._ask("append", encode(body(fields).encode())))

    def log(self) -> Log:
        """The host's whole audit log, piece by piece: one line of the protocol could not hold it."""
        kept = len(self.said)
        head = next((event for event in self._ask("log") if event.kind == "head"), Event("head"))
        size = head.text(0)
        if not (size.isascii() and size.isdigit() and len(size) < _LONGEST_NUMBER) or int(size) > _LONGEST_LOG:
            raise Unreachable("its audit log has no length, or is too long to be read", subject=self.host.name)
        text = "".join(self._piece_of_log(number, int(size)) for number in range(-(-int(size) // _PIECE)))
        del self.said[kept:]  # tens of megabytes that nobody asks for again
        return Log(text, head.text(1))

    def ask(self, requests: Sequence[Mapping[str, Any]]) -> tuple[Event, ...]:
        """Ask requests on the host, of itself."""
        limit = limit_for(requests)
        self._put_json("requests", {"requests": requests} if requests else None)
        self._wire.send("set", "ASK_LIMIT", str(limit))
        self._until("set", _SHORT)
        return self._ask("ask", "requests", seconds=limit + _SHORT)

    def examine(self) -> tuple[Event, ...]:
        """All that doctor has to know of the host, as facts; behind `look`, as output is free of secrets only then."""
        self._put("examine.sh", examiner())
        self._put("keys", "".join(f"{key}\n" for key in self._keys).encode())
        self._put_json("settings", {"settings": self._settings})
        self._put_steps(self._steps)
        self._wire.send("set", "BUILD_LIMIT", str(math.ceil(self._build_limit())))
        return self._ask("examine", seconds=2 * self._build_limit() + 30 * len(self._steps) + 6 * _SHORT)

    @property
    def way(self) -> str:
        """How we came in, in words."""
        return self._connection.way

    @property
    def noise(self) -> str:
        """What the login shell said on stdout before the session did, without secrets; nothing before a look."""
        return self._clean(self._wire.noise.decode(errors="replace"))

    @property
    def server(self) -> str:
        """The host's own address as the connection knows it; empty when it doesn't."""
        return self.hello.text(7).removeprefix("-")

    def hold(self) -> None:
        """Tell the host that others are still at work."""
        with suppress(Unreachable):  # whoever waits for an answer will notice
            self._wire.nudge("hold")

    def close(self) -> None:
        """End the session and hang up; what is committed and undecided goes back, a narrowing stays."""
        with suppress(Unreachable):  # gone already, which is what closing wants
            self._wire.send("bye")
        self._wire.close()
        self._connection.close()

    def _greet(self) -> Event:
        try:
            return self._first_answer()
        except Unreachable as error:
            if error.hint:
                raise
            said = printable(self._wire.last_words())
            raise Unfit(
                "No session begins on the host: " + (said.splitlines()[-1] if said else f"{error.message}") + ".",
                subject=self.host.name,
                hint="Its login shell, or shell: in environments.yaml, has to run `sh`; try: ssh HOST sh -c true",
                details=tuple(said.splitlines()[-_SHOWN:]),
            ) from error

    def _first_answer(self) -> Event:
        fatal: list[Event] = []
        try:
            for tokens in self._wire.answers(_SHORT):
                event = self._event(tokens)
                if event.kind == "fatal":
                    fatal.append(event)
                if event.kind == "hello":
                    return event
        except Unreachable as error:
            if fatal:
                raise unfit_from(self.host, fatal) from error
            raise
        raise AssertionError("answers() ends by raising only")  # pragma: no cover

    def _stage(self, work: Work) -> None:
        self._secrets = None
        self._put("env.new", work.new_env.data)
        env_file = self.hello.text(5)
        old_env = {"old": env_file, "new": "env.new", "keys": work.keys}
        self._put_json("check.in", old_env)
        self._put_json("settings", {"settings": work.settings})
        self._put_json("patch", {"set": work.patch})
        pairs = [{"now": encode(now), "back": encode(back)} for now, back in work.lines]
        self._put_json("edits", {"edits": pairs, "keys": work.keys})
        self._put("inject", "".join(f"{key}={value}\n" for key, value in work.inject.items()).encode())
        self._put("volatile", "".join(f"{path}\n" for path in work.volatile).encode())
        self._put_steps(work.steps)
        self._put_json("requests", {"requests": work.requests, "stop": not work.narrow} if work.requests else None)
        self._put_json("requests_old", {"requests": work.requests_old} if work.requests_old else None)
        self._put("base", body(work.record).encode())
        self._asking = max(limit_for(work.requests), limit_for(work.requests_old))
        build = next((step for step in work.steps if step.builtin), None)
        for name, value in {
            "EXPECTED_ENV": work.old_sha,
            "EXPECTED_NEW": hashlib.sha256(work.new_env.data).hexdigest(),
            "HAS_BUILD": "1" if build else "0",
            "REBUILD": "1" if work.rebuild else "0",
            "BUILD_LIMIT": str(math.ceil(self._build_limit())),
            "ASK_LIMIT": str(self._asking),
            "WHO": encode(json.dumps(work.who).encode()),
        }.items():
            self._wire.send("set", name, value)

    def _piece_of_log(self, number: int, size: int) -> str:
        left = min(_PIECE, size - number * _PIECE)
        answers = self._ask("log", str(number), str(left))
        return "".join(event.text(0) for event in answers if event.kind == "records")

    def _build_limit(self) -> float:
        return next((step.timeout for step in self._steps if step.builtin), _BUILD)

    def _put_steps(self, steps: Iterable[Step]) -> None:
        self._put("steps", "".join(_step_line(step) for step in steps).encode())

    def _put(self, name: str, data: bytes) -> None:
        self._wire.send("put", name, encode(data))

    def _put_json(self, name: str, value: object) -> None:
        self._put(name, b"" if value is None else json.dumps(value).encode())

    def _ask(self, *words: str, seconds: float = _SHORT) -> tuple[Event, ...]:
        self._wire.send(*words)
        return self._until(words[0], seconds)

    def _until(self, verb: str, seconds: float) -> tuple[Event, ...]:
        """The answers up to the end of one verb's; `put` and `set` answer too, and are passed over."""
        events: list[Event] = []
        for tokens in self._wire.answers(seconds):
            event = self._event(tokens)
            if event.kind == "unknown":
                raise Unreachable(f"the host did not understand '{event.text(0)}'")
            if event.kind == "done":
                if event.text(0) == verb:
                    return tuple(events)
                continue
            events.append(event)
            self.said.append(event)
            self._progress(event)
        raise AssertionError("answers() ends by raising only")  # pragma: no cover

    def _event(self, tokens: tuple[str, ...]) -> Event:
        texts = texts_of(tokens)
        if tokens[0] == "content":
            self._content, self._secrets = EnvText(texts[0] if texts else b""), None
            return Event("content")
        decoded = [text.decode(errors="replace") for text in texts]
        output = OUTPUTS.get(tokens[0])
        if output is not None and output < len(decoded):
            decoded[output] = self._clean(decoded[output])
        return Event(tokens[0], tuple(decoded))

    def _clean(self, text: str) -> str:
        """Text without secrets; nothing at all while the secrets are not known."""
        if not text or self._content is None:
            return ""
        if self._secrets is None:
            self._secrets = Redactor.of(self._content, except_keys=self._keys)
        return printable(self._secrets.clean(text)).strip()


def _step_line(step: Step) -> str:
    # JSON-safe, as the name goes into the host's record as it is.
    name = json.dumps(step.name)[1:-1]
    fields = [name, step.run or "", str(math.ceil(step.timeout)), "1" if step.once else "0", step.check or ""]
    return "\t".join(f if i in (2, 3) else encode(f.encode()) for i, f in enumerate(fields)) + "\n"
