"""ALL OR NONE: many hosts as one. Every host commits, or every host that did is put back."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable, Collection, Iterable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import suppress
from types import TracebackType
from typing import Self, TypeVar

from rolloutctl.contracts import Clock, Session, Sessions
from rolloutctl.errors import PersonNeeded, Unreachable, WrongHostKey
from rolloutctl.rules.config import Environment, Flag, Host
from rolloutctl.rules.decisions import Decision
from rolloutctl.rules.host import Event, HostState
from rolloutctl.rules.locks import Busy, lock_problem
from rolloutctl.rules.outcomes import HostOutcome, outcome_from, untouched

_T = TypeVar("_T")
_HEARTBEAT = 5.0  # seconds between signs of life to each host
_AT_ONCE = 10  # connections that are opened at the same time: sshd's MaxStartups is 10:30:100
_COLLISION = 3.0  # seconds for two who took some of the locks each to come apart, also without --wait
_NAP = 0.3  # seconds that a wait may overlook a signal
_TURN = 2.0  # seconds to wait for one's turn: a question for a passphrase, or a host that hangs, keeps nobody else
_LEAVING = 10.0  # seconds for whoever waits for a host to notice that we hung up
_PARTING = 1.0  # seconds for the hanging up itself: ssh may have to be told, and a local session ends behind its step
_PAUSES = (0.2, 1.0, 3.0, 6.0)  # seconds behind each attempt to reach a lost host again
_LONGEST = 30.0  # seconds after which none is begun: lines that stay silent take long, and somebody waits for the word


class Fleet:
    """The sessions with an environment's hosts. Use as a context manager: leaving it ends every session."""

    def __init__(
        self,
        environment: Environment,
        sessions: Sessions,
        clock: Clock,
        notice: Callable[[str, Event], None] = lambda _host, _event: None,
    ) -> None:
        self.environment = environment
        self.sessions: dict[str, Session] = {}
        self.arriving: dict[str, Future[Session]] = {}
        self.given_up: Mapping[str, Unreachable] = {}  # hosts that nobody is to reach any more, and why
        self._open = sessions
        self._clock = clock
        self.notice = notice
        self._pool = ThreadPoolExecutor(max_workers=max(len(environment.hosts), 1), thread_name_prefix="host")
        self._connecting = threading.Semaphore(_AT_ONCE)
        self._flags: tuple[Flag, ...] = ()
        self._running: list[Future[None]] = []
        self.transacting = False  # from the first commit on, Ctrl-C is an answer to wait for and not an end
        self.long_work = False  # minutes of a step that can't go back: a second Ctrl-C hangs up, and the host goes on
        self.interrupted = False
        self._over = threading.Event()
        self._heart = threading.Thread(target=self._beat, name="heartbeat", daemon=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """End every session."""
        self._over.set()
        for session in self.sessions.values():
            session.close()
        for late in self.arriving.values():
            late.add_done_callback(_hang_up)
        self._pool.shutdown(wait=False, cancel_futures=True)

    def open(
        self, flags: Iterable[Flag], patience: float | None = None, *, content: bool | None = None
    ) -> dict[str, Unreachable]:
        """Open a session with each host that has none, in parallel; the hosts that can't be reached, and why.

        Those that were given up are among them, and not tried.

        With `content` the next thing is to be a `look` with or without it: it is asked for at once.

        With `patience` (seconds) the hosts that are not there by then stay in `arriving`: a switch-off doesn't wait
        for a host that hangs.
        """
        self._flags = tuple(flags)
        if self._heart.ident is None:  # a thread can be started once
            self._heart.start()
        known = {*self.sessions, *self.given_up}
        missing = [host for host in self.environment.hosts if host.name not in known]
        self.arriving = {host.name: self._pool.submit(self._connect, host, content) for host in missing}
        return {**self.given_up, **self.arrivals(patience)}

    def give_up(self, lost: Mapping[str, Unreachable]) -> None:
        """Reach these hosts no more; why is told by whoever opens the others."""
        self.given_up = lost
        for name in lost:
            self._hang_up_on(name)

    def open_as(self, host: Host) -> None:
        """Open a session with a host that is reached otherwise than environments.yaml says.

        Raises:
            Unreachable: that is no way to it either.
        """
        self.sessions[host.name] = self._connect(host)

    def arrivals(self, patience: float | None = None) -> dict[str, Unreachable]:
        """Wait for hosts that are still arriving; those that turned out to be unreachable."""
        wait_for(self.arriving.values(), patience)
        lost = {}
        for name in [name for name, future in self.arriving.items() if future.done()]:
            try:
                self.sessions[name] = self.arriving.pop(name).result()
            except Unreachable as error:
                lost[name] = self._told(name, error)
        self._sort()
        return lost

    def renew(self, names: Iterable[str]) -> dict[str, Unreachable]:
        """Hang up on hosts and reach them again; those that can't be, and why.

        For a connection that was cut, and for a host where `current` has moved: what a session knows of its host it
        learns at its beginning.
        """
        hosts = {host.name: host for host in self.environment.hosts}
        said = self._each({name: hosts[name] for name in names}, self._reach_again)
        self._sort()
        return {name: self._told(name, error) for name, error in said.items() if isinstance(error, Unreachable)}

    def look(
        self, names: Iterable[str] | None = None, *, content: bool, records: int = 200
    ) -> dict[str, HostState | Unreachable]:
        """The state of each open host."""
        return self.each(lambda session: session.look(content=content, records=records), names)

    def each(self, act: Callable[[Session], _T], names: Iterable[str] | None = None) -> dict[str, _T | Unreachable]:
        """Do something with each open session, in parallel; a lost host's error stands in for its result."""
        wanted = self.sessions if names is None else {name: self.sessions[name] for name in names}
        return self._each(wanted, act)

    # ------------------------------------------------------------------------------------------------ the transaction

    def take(self, change: str, names: Iterable[str], *, seconds: float) -> dict[str, HostOutcome]:
        """Take every host's lock, and commit a widening on each; as `lock` and `commit` do."""
        wanted = list(names)
        outcomes = self._take_at_once(change, wanted[0]) if len(wanted) == 1 else None
        if outcomes is None:
            self.lock(wanted, seconds=seconds)
            outcomes = self.commit(change, wanted)
        return outcomes

    def lock(self, names: Iterable[str], *, seconds: float) -> None:
        """Take every host's lock, or none.

        Of two that collide, each with some of the locks, both give up theirs and try again, so that one gets them all.

        Raises:
            Busy: somebody holds a lock, and `seconds` are over.
            Drifted: a host is not as it was when the plan was made; every lock is released.
            Unreachable: a host was lost; every lock is released.
        """
        wanted = list(names)
        begun = self._clock.monotonic()
        while True:
            spent = self._clock.monotonic() - begun
            left = max(0.0, seconds - spent)
            patience = max(left, 1.0) if len(wanted) == 1 else 0.0
            said = self.each(lambda session: session.lock(patience), wanted)  # noqa: B023 - called before the next
            problems = {name: error for name, answer in said.items() if (error := lock_problem(name, answer))}
            if not problems:
                return
            self.decide([name for name in wanted if name not in problems], keep=False, cause="lock-not-complete")
            first = next((p for p in problems.values() if not isinstance(p, Busy)), next(iter(problems.values())))
            collided = spent < _COLLISION and all(isinstance(p, Busy) and p.passing for p in problems.values())
            if not isinstance(first, Busy) or (left <= 0 and not collided):
                raise first
            pause = random.uniform(0.1, 0.5)  # noqa: S311 - jitter, no secret
            self._clock.wait(pause if collided else min(left, pause))

    def commit(self, change: str, names: Iterable[str]) -> dict[str, HostOutcome]:
        """Commit a widening on each locked host: on the first as the canary, then on the rest.

        Stops behind the canary when that fails, and at a Ctrl-C, which `interrupted` then tells.
        """
        self.transacting = True
        wanted = list(names)
        outcomes = {name: untouched(name) for name in wanted}
        for batch in (wanted[:1], wanted[1:]):
            outcomes.update(self._commit_on(batch, change))
            if self.interrupted or any(not outcomes[name].committed for name in batch):
                break
        return outcomes

    def still_held(self, names: Iterable[str]) -> dict[str, bool]:
        """Whether hosts that committed still hold the change: a cut connection makes them go back by themselves."""
        said = self.each(lambda session: session.still(), names)
        return {name: answer is True for name, answer in said.items()}

    def decide(self, names: Iterable[str], *, keep: bool, cause: str) -> dict[str, HostOutcome]:
        """Tell hosts to keep or to go back."""
        said = self.each(lambda session: session.decide(keep, cause), names)
        return {name: outcome_from(name, answer) for name, answer in said.items()}

    def provide(self, names: Iterable[str], seconds: int) -> dict[str, HostOutcome]:
        """Let hosts hold what they committed by themselves, all from the same moment on; their sessions end."""
        said = self.each(lambda session: session.provide(seconds), names)
        return {name: outcome_from(name, answer) for name, answer in said.items()}

    def settle(self, names: Iterable[str], change: str, decision: Decision) -> dict[str, HostState | Unreachable]:
        """Reach hosts that were lost, deliver the decision, and see how it ended there."""
        hosts = {host.name: host for host in self.environment.hosts}
        return self._each({name: hosts[name] for name in names}, lambda host: self._settle(host, change, decision))

    # -------------------------------------------------------------------------------------------------------- helpers

    def _told(self, name: str, error: Unreachable) -> Unreachable:
        error.subject = name
        trust = f"rolloutctl trust {self.environment.name}"
        if isinstance(error, WrongHostKey) and error.verdict == "unknown":
            error.hint = f"To compare and remember it: {trust}"
        elif isinstance(error, WrongHostKey) and error.verdict == "changed" and not error.pinned:
            error.hint += f"\nThen: {trust}"
        return error

    def _sort(self) -> None:
        """The hosts in the order in which they are listed: the first is the canary."""
        order = [host.name for host in self.environment.hosts]
        self.sessions = dict(sorted(self.sessions.items(), key=lambda item: order.index(item[0])))

    def _hang_up_on(self, name: str) -> None:
        session = self.sessions.pop(name, None)
        if session is not None:
            session.close()

    def _reach_again(self, host: Host) -> Session:
        self._hang_up_on(host.name)
        session = self.sessions[host.name] = self._connect(host)
        return session

    def _settle(self, host: Host, change: str, decision: Decision) -> HostState:
        error = Unreachable("the connection is gone")
        deadline = self._clock.monotonic() + _LONGEST
        for pause in _PAUSES:
            if self._clock.monotonic() > deadline:
                break
            try:
                session = self._reach_again(host)
                session.settle(change, decision)
                return session.look(content=False, records=50)
            except Unreachable as again:
                error = again
                self._clock.wait(pause)
        raise error

    def _take_at_once(self, change: str, name: str) -> dict[str, HostOutcome] | None:
        """In one round trip, as there is no other host to be locked before; None: somebody has the lock."""
        self.transacting = True
        hold = self.environment.hold
        answer = self.each(lambda session: session.widen_at_once(change, hold), [name])[name]
        committed: tuple[Event, ...] | Unreachable
        if isinstance(answer, Unreachable):
            committed = answer
        else:
            locked, committed = answer
            if problem := lock_problem(name, locked):
                self.transacting = False
                if self.interrupted:  # and it may be: nothing has begun
                    raise KeyboardInterrupt
                if isinstance(problem, Busy):
                    return None
                raise problem
        return {name: outcome_from(name, committed, self.sessions[name].said)}

    def _commit_on(self, batch: list[str], change: str) -> dict[str, HostOutcome]:
        hold = self.environment.hold
        said = self.each(lambda session: session.commit(change, hold), batch)
        return {name: outcome_from(name, answer, self.sessions[name].said) for name, answer in said.items()}

    def _connect(self, host: Host, content: bool | None = None) -> Session:
        turn = self._connecting.acquire(timeout=_TURN)
        try:
            session = self._open(host, lambda event: self.notice(host.name, event))
        finally:
            if turn:
                self._connecting.release()
        try:
            session.prime(self.environment, self._flags, content=content)
        except BaseException:
            session.close()
            raise
        return session

    def _each(self, things: Mapping[str, object], act: Callable[..., _T]) -> dict[str, _T | Unreachable]:
        found: dict[str, _T | Unreachable] = {}

        def one(name: str, thing: object) -> None:
            try:
                found[name] = act(thing)
            except Unreachable as error:
                error.subject = name
                found[name] = error

        self._running = [self._pool.submit(one, name, thing) for name, thing in things.items()]
        self._finish(list(things))
        for future in self._running:
            future.result()
        return {name: found[name] for name in things}

    def _finish(self, names: list[str]) -> None:
        """See every host out. In a transaction a Ctrl-C is noted, a second one leaves; else it ends all at once."""
        try:
            wait_for(self._running)
        except KeyboardInterrupt:
            if not self.transacting:
                raise
            self.interrupted = True
            try:
                wait_for(self._running)
            except KeyboardInterrupt:
                if self.long_work:
                    self._leave_behind(names)
                    return
                raise PersonNeeded(
                    "You left while hosts were at work.",
                    subject=self.environment.name,
                    state=f"A widening goes back by itself within {self.environment.hold:.0f} s; a switch-off stays.",
                    hint=f"rolloutctl status {self.environment.name}",
                ) from None

    def _leave_behind(self, names: list[str]) -> None:
        """Hang up on the hosts that are still at work, all at once: whoever waits for them takes them for lost.

        A further Ctrl-C asks for just that, and the record of how it ended is still to come.
        """
        partings = []
        for name, run in zip(names, self._running, strict=True):
            session = None if run.done() else self.sessions.pop(name, None)
            if session is not None:
                partings.append(threading.Thread(target=session.close, name="parting", daemon=True))
                partings[-1].start()
        begun = time.monotonic()
        while (left := begun + _LEAVING - time.monotonic()) > 0:
            with suppress(KeyboardInterrupt):
                wait_for(self._running, left)
                for parting in partings:
                    parting.join(max(0.0, begun + _PARTING - time.monotonic()))
                return

    def _beat(self) -> None:
        pause = min(_HEARTBEAT, self.environment.hold / 3)  # a short hold time needs a faster heart
        while not self._over.wait(pause):
            for session in list(self.sessions.values()):
                session.hold()


def wait_for(futures: Collection[Future[_T]], patience: float | None = None) -> None:
    """Wait until all are done, for `patience` seconds at most.

    Wakes up now and then: a signal that came just before a wait began would else be noticed only at its end.
    """
    until = None if patience is None else time.monotonic() + patience
    while True:
        left = _NAP if until is None else min(_NAP, max(0.0, until - time.monotonic()))
        if not wait(futures, timeout=left).not_done or (until is not None and time.monotonic() >= until):
            return


def _hang_up(late: Future[Session]) -> None:
    if not late.cancelled() and late.exception() is None:
        late.result().close()
