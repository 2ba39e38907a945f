"""The client's side of a session with one host; session_sh/ is the host's."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from msgspec import Struct

from rolloutctl.contracts import Channel, Connection
from rolloutctl.errors import Unreachable
from rolloutctl.outside import reading
from rolloutctl.outside.answers import state_from
from rolloutctl.outside.command import examiner, forget_line
from rolloutctl.outside.conversation import SHORT, Conversation
from rolloutctl.outside.long_work import LongWork
from rolloutctl.outside.wire import encode, line, plainly
from rolloutctl.rules.config import Environment, Flag, Host, Step
from rolloutctl.rules.decisions import Decision
from rolloutctl.rules.host import Event, HostState, Work
from rolloutctl.rules.records import Log, Record, body
from rolloutctl.rules.redact import Redactor
from rolloutctl.rules.requests import limit_for
from rolloutctl.rules.work import Ran

_RECORDS = 200  # of the log's newest, that a look is shown
_BUILD = 60.0  # seconds for artisan config:cache, unless the step says otherwise


class Opening(Struct, frozen=True):
    """What a session is told first: what it is about, and perhaps to look."""

    keys: tuple[str, ...]
    settings: tuple[str, ...]
    deploy_locks: tuple[str, ...]
    look: tuple[str, ...]

    @classmethod
    def of(cls, environment: Environment, flags: Iterable[Flag], *, content: bool | None = None) -> Opening:
        """Of a session with a host of the environment; with `content` it is to look at once."""
        known = tuple(flags)
        return cls(
            tuple(key for flag in known for key in flag.keys),
            tuple(path for flag in known for path in (flag.config, flag.companies_config) if path),
            environment.deploy_locks,
            () if content is None else _look(content, _RECORDS),
        )

    @property
    def puts(self) -> tuple[tuple[str, ...], ...]:
        """The verbs that tell it."""
        wanted = json.dumps({"keys": self.keys, "settings": self.settings}, separators=(",", ":"))
        locks = "".join(f"{pattern}\n" for pattern in self.deploy_locks)
        return tuple(
            ("put", name, plainly(text.encode())) for name, text in (("wanted", wanted), ("deploy_locks", locks))
        )

    @property
    def lines(self) -> bytes:
        """All of it, as it is sent."""
        return b"".join(line(words) for words in (*self.puts, self.look) if words)


class RemoteSession:
    """One conversation with one host: one command, one lock, at most one change.

    Each method sends a verb and returns the answers to it; `progress` sees each answer as it comes. Every method
    raises Unreachable when the connection is lost; `said` then holds what came before.
    """

    def __init__(
        self,
        host: Host,
        connection: Connection,
        channel: Channel,
        progress: Callable[[Event], None],
        first: Opening | None = None,
    ) -> None:
        """With `first` it was begun with that, in the command that started it."""
        self.host = host
        self._connection = connection
        self._keys: tuple[str, ...] = ()
        self._settings: tuple[str, ...] = ()
        self._steps: Sequence[Step] = ()
        self._opened = False
        self._asking = 0  # seconds that health and probes may take
        self._first = first
        self._ahead = first.look if first else ()  # the words of a look whose answers nobody has read yet
        self._talk = Conversation(host, channel, progress)
        self.said = self._talk.said
        self.long_work = LongWork(self._talk)

    @property
    def hello(self) -> Event:
        """What the host said of itself at first."""
        return self._talk.hello

    def prime(self, environment: Environment, flags: Iterable[Flag], *, content: bool | None = None) -> None:
        """Say what this session is about: which flags, which steps, where a deployment leaves its lock.

        With `content` the host is asked at once for the `look` that follows. Sees that the host is fit for a session.
        """
        opening = Opening.of(environment, flags, content=content)
        self._keys, self._settings, self._steps = opening.keys, opening.settings, environment.steps
        self._talk.know(self._keys)
        if opening != self._first:
            if self._ahead:
                self._talk.until("look")  # it was about something else
            for words in opening.puts:
                self._talk.queue(*words)
            self._ahead = opening.look
            if self._ahead:
                self._talk.send(*self._ahead)
        _ = self.hello

    def look(self, *, content: bool, records: int = _RECORDS) -> HostState:
        """Read the state of the host; with `content` the whole `.env`, for an edit."""
        if content:
            self._talk.content = None  # a file that can't be read is not shown
        words = _look(content, records)
        ahead, self._ahead = self._ahead, ()
        answers = self._talk.until("look") if ahead else ()
        if ahead != words:
            answers = self._talk.ask(*words)
        return state_from(self.host, self.hello, answers, self._talk.content if content else None)

    def prepare(self, work: Work) -> tuple[Event, ...]:
        """Stage the new .env, build the new config cache aside, prove both; nothing live is touched."""
        direction = "narrow" if work.narrow else "widen"
        self._talk.queue("open", direction)
        self._stage(work)
        self._talk.queue("prepare", direction)
        self._talk.send("ask", "requests_old")
        seconds = SHORT * 2 + 2 * self._build_limit() + 30 * len(work.steps) + limit_for(work.requests_old)
        return (
            *self._talk.until("open", SHORT),
            *self._talk.until("prepare", seconds),
            *self._talk.until("ask", seconds),
        )

    def lock(self, wait: float) -> tuple[Event, ...]:
        """Take the host's lock for a widening, and see that nothing changed since prepare; `wait` in seconds."""
        return self._talk.ask("lock", "widen", str(math.ceil(wait)), seconds=wait + SHORT)

    def commit(self, change: str, hold: float) -> tuple[Event, ...]:
        """Swap, restart, ask; a widening that fails has gone back when this returns. `hold` in seconds."""
        return self._talk.ask("commit", change, str(math.ceil(hold)), seconds=self._committing())

    def widen_at_once(self, change: str, hold: float) -> tuple[tuple[Event, ...] | Unreachable, tuple[Event, ...]]:
        """`lock` and `commit` of a widening in one round trip; the answers to both. Nothing where the lock isn't free.

        No lock is waited for: a host whose client is lost meanwhile might commit all the same. Where the connection is
        found to be gone before anything was sent, that is the answer to `lock`.
        """
        self._talk.queue("lock", "widen", "0")
        try:
            self._talk.send("commit", change, str(math.ceil(hold)))
        except Unreachable as error:
            return error, ()
        return self._talk.until("lock"), self._talk.until("commit", self._committing())

    def narrow_at_once(
        self, wait: float, change: str, hold: float, causes: tuple[str, str]
    ) -> tuple[tuple[Event, ...], tuple[Event, ...], tuple[Event, ...]]:
        """`lock`, `commit` and `keep` of a narrowing in one round trip; the answers to each.

        A host without the lock commits nothing. `causes` go into the record: of one that is done, and of one that is
        not in all.
        """
        self._talk.queue("lock", "narrow", str(math.ceil(wait)))
        self._talk.queue("commit", change, str(math.ceil(hold)))
        self._talk.send("keep", *causes)
        seconds = self._committing()
        return self._talk.until("lock", wait + SHORT), self._talk.until("commit", seconds), self._talk.until("keep")

    def decide(self, keep: bool, cause: str) -> tuple[Event, ...]:
        """Keep or revert what was committed; releases the lock."""
        steps = sum(step.timeout + 5 for step in self._steps)
        return self._talk.ask("keep" if keep else "revert", cause, seconds=2 * steps + self._asking + SHORT)

    def provide(self, seconds: int) -> tuple[Event, ...]:
        """Let the host keep what was committed by itself, for so long unless it is confirmed; ends the session."""
        return self._talk.ask("provide", str(seconds))

    def extend(self, change: str, seconds: int) -> bool:
        """Whether the host holds a provisional change, and for so long at least from now on."""
        return any(event.kind == "provisional" for event in self._talk.ask("extend", change, str(seconds)))

    def still(self) -> bool:
        """Whether the host still holds a committed change."""
        return any(event.kind == "holding" for event in self._talk.ask("still"))

    def once(self) -> tuple[Event, ...]:
        """Run the steps that one host runs for all."""
        self._put_steps(self._steps)  # the session may be another than the one that committed
        return self._talk.ask("once", seconds=sum(step.timeout + 5 for step in self._steps if step.once) + SHORT)

    def settle(self, change: str, decision: Decision) -> tuple[Event, ...]:
        """Deliver a decision to whoever waits for it, or finish what a dead session left."""
        opened = self._open()
        steps = sum(step.timeout + 5 for step in self._steps)
        words = ("keep" if decision.keep else "revert", decision.cause, plainly(decision.fragment().encode()))
        return (*opened, *self._talk.ask("settle", change, *words, seconds=3 * steps + 120))

    def append(self, fields: Mapping[str, Any]) -> tuple[Event, ...]:
        """Write a record that is of no change now: one that the host owes, or a mark on a rollout's way.

        No change that is under way keeps it waiting. `record`, or `refused`: see `why_unrecorded`.
        """
        opened = self._open()
        if any(event.kind == "refused" for event in opened):
            return opened
        return (*opened, *self._talk.ask("append", plainly(body(fields).encode())))

    def open(self) -> tuple[Event, ...]:
        """Make the state folder where there is none; `refused` where no record could be written."""
        return self._open()

    def log(self) -> Log:
        """The host's whole audit log."""
        return reading.whole_log(self._talk)

    def records_of(self, flag: str) -> tuple[Record, ...]:
        """Every record of its audit log that is about a flag, oldest first."""
        return reading.records_of(self._talk, flag)

    def ask(self, requests: Sequence[Mapping[str, Any]]) -> tuple[Event, ...]:
        """Ask requests on the host, of itself."""
        limit = limit_for(requests)
        self._talk.put_json("requests", {"requests": requests} if requests else None)
        self._talk.queue("set", "ASK_LIMIT", str(limit))
        return self._talk.ask("ask", "requests", seconds=limit + SHORT)

    def run(self, command: str, seconds: float) -> Ran:
        """Run a shell line in the application's folder, to be told something; it needs no lock, and ends with us.

        What it said can be shown only behind a `look` with content.
        """
        return reading.run(self._talk, command, seconds)

    def sample(self, line: str, requests: Sequence[Mapping[str, Any]], seconds: float) -> Ran:
        """All that a watch asks of the host, in one go: a shell line in which `"$@"` prints the requests' answers."""
        return reading.sample(self._talk, line, requests, seconds)

    @property
    def secrets(self) -> Redactor | None:
        """What knows the values of `.env`; None before a `look` with content."""
        return self._talk.secrets

    def examine(self) -> tuple[Event, ...]:
        """All that doctor has to know of the host, as facts; behind `look`, as output is free of secrets only then."""
        self._talk.put("examine.sh", examiner())
        self._talk.put("keys", "".join(f"{key}\n" for key in self._keys).encode())
        self._talk.put_json("settings", {"settings": self._settings})
        self._put_steps(self._steps)
        self._talk.queue("set", "BUILD_LIMIT", str(math.ceil(self._build_limit())))
        return self._talk.ask("examine", seconds=2 * self._build_limit() + 30 * len(self._steps) + 6 * SHORT)

    @property
    def way(self) -> str:
        """How we came in, in words."""
        return self._connection.way

    @property
    def noise(self) -> str:
        """What the login shell said on stdout before the session did, without secrets; nothing before a look."""
        return self._talk.noise

    @property
    def server(self) -> str:
        """The host's own address as the connection knows it; empty when it doesn't."""
        return self.hello.text(7).removeprefix("-")

    def hold(self) -> None:
        """Tell the host that others are still at work."""
        self._talk.nudge()

    def close(self) -> None:
        """End the session and hang up; what is committed and undecided goes back, a narrowing stays."""
        self._talk.close()
        self._connection.close()

    def _open(self) -> tuple[Event, ...]:
        """Make the state folder, and see that nobody else can have put anything there; once is enough."""
        if self._opened:
            return ()
        answers = self._talk.ask("open", "widen")
        self._opened = not any(event.kind == "refused" for event in answers)
        return answers

    def _stage(self, work: Work) -> None:
        self._talk.put("env.new", work.new_env.data)
        env_file = self.hello.text(5)
        old_env = {"old": env_file, "new": "env.new", "keys": work.keys}
        self._talk.put_json("check.in", old_env)
        self._talk.put_json("settings", {"settings": work.settings, "volatile": work.volatile})
        self._talk.put_json("patch", {"set": work.patch})
        pairs = [{"now": encode(now), "back": encode(back)} for now, back in work.lines]
        self._talk.put_json("edits", {"edits": pairs, "keys": work.keys})
        self._talk.put("inject", "".join(f"{key}={value}\n" for key, value in work.inject.items()).encode())
        self._talk.put("volatile", "".join(f"{path}\n" for path in work.volatile).encode())
        self._put_steps(work.steps)
        self._talk.put_json("requests", {"requests": work.requests, "stop": not work.narrow} if work.requests else None)
        self._talk.put_json("requests_old", {"requests": work.requests_old} if work.requests_old else None)
        self._talk.put("base", body(work.record).encode())
        self._asking = max(limit_for(work.requests), limit_for(work.requests_old))
        build = next((step for step in work.steps if step.builds), None)
        for name, value in {
            "EXPECTED_ENV": work.old_sha,
            "EXPECTED_NEW": hashlib.sha256(work.new_env.data).hexdigest(),
            "HAS_BUILD": "1" if build else "0",
            "REBUILD": "1" if work.rebuild else "0",
            "BUILD_LIMIT": str(math.ceil(self._build_limit())),
            "ASK_LIMIT": str(self._asking),
            "WHO": plainly(json.dumps(work.who).encode()),
        }.items():
            self._talk.queue("set", name, value)

    def _committing(self) -> float:
        steps = sum(step.timeout + 5 for step in self._steps)
        return 3 * steps + 2 * self._asking + 3 * self._build_limit()

    def _build_limit(self) -> float:
        return next((step.timeout for step in self._steps if step.builds), _BUILD)

    def _put_steps(self, steps: Iterable[Step]) -> None:
        self._talk.put("steps", "".join(_step_line(step, self.host) for step in steps).encode())


def _look(content: bool, records: int) -> tuple[str, ...]:
    return ("look", str(records), *(["content"] if content else []))


def _step_line(step: Step, host: Host) -> str:
    # JSON-safe, as the name goes into the host's record as it is.
    name = json.dumps(step.name)[1:-1]
    run, check = step.run, step.check
    if step.builtin == "opcache-forget":  # it changes nothing visible, so that it is its own check as well
        run = forget_line(host.php, step.socket, step.timeout)
        check = check or run
    fields = [name, run or "", str(math.ceil(step.timeout)), "1" if step.once else "0", check or ""]
    return "\t".join(f if i in (2, 3) else plainly(f.encode()) for i, f in enumerate(fields)) + "\n"
