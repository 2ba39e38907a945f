"""What the rooms above may ask of the outside: each a Protocol, all on this page."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any, Protocol

from rolloutctl.errors import Unreachable
from rolloutctl.rules.checklists import Checklist
from rolloutctl.rules.config import Configuration, Environment, Flag, Host
from rolloutctl.rules.decisions import Decision
from rolloutctl.rules.host import Event, HostState, Work
from rolloutctl.rules.host_keys import Stranger
from rolloutctl.rules.incidents import Severity
from rolloutctl.rules.insertion import Insertion
from rolloutctl.rules.metrics import Sample
from rolloutctl.rules.plans import Plan
from rolloutctl.rules.questions import Question
from rolloutctl.rules.records import Log, Record
from rolloutctl.rules.redact import Redactor
from rolloutctl.rules.survey import Closer, Machine
from rolloutctl.rules.triage import Suggestion
from rolloutctl.rules.triage_evidence import Measured
from rolloutctl.rules.triage_steps import Judgement, Scene
from rolloutctl.rules.work import Asked, Ran

if TYPE_CHECKING:  # what only a file that announces something, or has hooks, needs
    from rolloutctl.rules.channels import Channel as Way
    from rolloutctl.rules.channels import Kind
    from rolloutctl.rules.hooks import Hook
    from rolloutctl.rules.letters import Letter


class Channel(Protocol):
    """One command that runs on a host: its stdin and stdout."""

    def send(self, data: bytes) -> None:
        """Write all of `data` to the command's stdin.

        Raises:
            Unreachable: the connection is gone.
        """

    def receive(self, timeout: float) -> bytes:
        """What the command wrote next; empty when it has ended.

        Args:
            timeout: seconds without a byte before it raises.

        Raises:
            TimeoutError: nothing came within `timeout`.
            Unreachable: the connection is gone.
        """

    def noise(self) -> str:
        """The end of what the command wrote to stderr so far; for error messages."""

    def close(self) -> None:
        """End the conversation; the command sees the end of its stdin."""


class Connection(Protocol):
    """A way to a host that has let us in. The whole seam: start one command, hand over its stdin and stdout."""

    @property
    def way(self) -> str:
        """How we came in, in words: over what, as whom, by which key; for doctor."""

    def start(self, command: str) -> Channel:
        """Start a command under the host's login shell.

        Raises:
            Unreachable: the connection is gone, or the host refuses to run commands. Over `openssh` also what keeps
                the host from being reached, for that connects as a command starts.
        """

    def close(self) -> None:
        """Hang up."""


class Connector(Protocol):
    """Opens connections, for one kind of `connection:` in environments.yaml."""

    def __call__(self, host: Host) -> Connection:
        """Connect and authenticate.

        Raises:
            Unreachable: with what was tried, what the other side answered, and the one thing to do.
        """


class Passphrases(Protocol):
    """Asks the person for the passphrase of a private key; may be called from any thread."""

    def __call__(self, path: str, *, again: bool) -> str | None:
        """The passphrase of the key in this file; None: there is nobody to ask, or no answer.

        Args:
            path: the key's file.
            again: whether the last answer was wrong.
        """


class HostKeys(Protocol):
    """The host keys on the ways to hosts, and the known_hosts file of whoever runs this."""

    def stranger(self, host: Host) -> Stranger | None:
        """The first key on the way to a host that nobody knows; None when all are known.

        Raises:
            Unreachable: the way ends before, or a key is not the known one: that is never mended here.
        """

    def remember(self, stranger: Stranger) -> None:
        """Append the key to the known_hosts file.

        Raises:
            Refused: the file can't be written.
        """


class LongWork(Protocol):
    """Minutes of work on a host, a deployment or a task: it keeps widenings away, and never a switch-off.

    Each verb returns the host's answers; every method raises Unreachable when the connection is lost.
    """

    def enter(self, who: Mapping[str, Any], wait: float) -> tuple[Event, ...]:
        """Put up the sign that somebody is at work: `entered`, or `busy` or `drift`. `wait` in seconds for the lock."""

    def define(self, wait: float) -> tuple[Event, ...]:
        """Put the prepared `.env` in the place of the one that was read: `defined`, or `drift`, `busy` or `failed`."""

    def step(self, name: str, line: str, seconds: float) -> tuple[Event, ...]:
        """Run a shell line in the application's folder, for so long at most; what it says is told meanwhile."""

    def forget(self, name: str, socket: str, seconds: float) -> tuple[Event, ...]:
        """Have the php-fpm that listens there forget the old config cache, as a step."""

    def build(self, seconds: float) -> tuple[Event, ...]:
        """Build the config cache aside, by the code and .env that stand now: `difference`, `uncached` or `refused`."""

    def swap(self, wait: float) -> tuple[Event, ...]:
        """Put what was built in the place of the cache: `swapped`; `drift` when that or `.env` is another by now."""

    def leave(self) -> tuple[Event, ...]:
        """Take the sign down."""


class Session(Protocol):
    """One conversation with one host, as the fleet and the workflows see it.

    Each verb returns the host's answers; every method raises Unreachable when the connection is lost.
    """

    host: Host
    said: list[Event]  # all answers so far, also when a verb was cut off

    @property
    def long_work(self) -> LongWork:
        """What takes minutes."""

    @property
    def server(self) -> str:
        """The host's own address as the connection knows it; empty when it doesn't."""

    def prime(self, environment: Environment, flags: Iterable[Flag], *, content: bool | None = None) -> None:
        """Say what the session is about: which flags, which steps, where a deployment leaves its lock.

        With `content` the host is asked at once for the `look` that follows. Raises Unfit where no session begins.
        """

    def look(self, *, content: bool, records: int = 200) -> HostState:
        """Read the state of the host; with `content` the whole `.env`, for an edit."""

    def prepare(self, work: Work) -> tuple[Event, ...]:
        """Stage the new .env, build the new config cache aside, prove both; nothing live is touched."""

    def lock(self, wait: float) -> tuple[Event, ...]:
        """Take the host's lock for a widening, and see that nothing changed since prepare; `wait` in seconds."""

    def commit(self, change: str, hold: float) -> tuple[Event, ...]:
        """Swap, restart, ask; a widening that fails has gone back when this returns. `hold` in seconds."""

    def widen_at_once(self, change: str, hold: float) -> tuple[tuple[Event, ...] | Unreachable, tuple[Event, ...]]:
        """`lock` and `commit` of a widening in one round trip; the answers to both. Nothing where the lock isn't free.

        No lock is waited for: a host whose client is lost meanwhile might commit all the same. Where the connection is
        found to be gone before anything was sent, that is the answer to `lock`.
        """

    def narrow_at_once(
        self, wait: float, change: str, hold: float, causes: tuple[str, str]
    ) -> tuple[tuple[Event, ...], tuple[Event, ...], tuple[Event, ...]]:
        """`lock`, `commit` and `keep` of a narrowing in one round trip; the answers to each.

        A host without the lock commits nothing. `causes` go into the record: of one that is done, and of one that is
        not in all.
        """

    def decide(self, keep: bool, cause: str) -> tuple[Event, ...]:
        """Keep or revert what was committed; releases the lock."""

    def provide(self, seconds: int) -> tuple[Event, ...]:
        """Let the host keep what was committed by itself, for so long unless it is confirmed; ends the session."""

    def extend(self, change: str, seconds: int) -> bool:
        """Whether the host holds a provisional change, and for so long at least from now on."""

    def still(self) -> bool:
        """Whether the host still holds a committed change."""

    def once(self) -> tuple[Event, ...]:
        """Run the steps that one host runs for all."""

    def settle(self, change: str, decision: Decision) -> tuple[Event, ...]:
        """Deliver a decision to whoever waits for it, or finish what a dead session left."""

    def append(self, fields: Mapping[str, Any]) -> tuple[Event, ...]:
        """Write a record that is of no change now: one that the host owes, or a mark on a rollout's way.

        No change that is under way keeps it waiting. `record`, or `refused`: see `why_unrecorded`.
        """

    def open(self) -> tuple[Event, ...]:
        """Make the state folder where there is none; `refused` where no record could be written."""

    def log(self) -> Log:
        """The host's whole audit log."""

    def records_of(self, flag: str) -> tuple[Record, ...]:
        """Every record of its audit log that is about a flag, oldest first."""

    def ask(self, requests: Sequence[Mapping[str, Any]]) -> tuple[Event, ...]:
        """Ask requests on the host, of itself."""

    def run(self, command: str, seconds: float) -> Ran:
        """Run a shell line in the application's folder, to be told something; it needs no lock, and ends with us.

        Call it behind `look` with content to be shown what it said: that is free of secrets only then.
        """

    def sample(self, line: str, requests: Sequence[Mapping[str, Any]], seconds: float) -> Ran:
        """All that a watch asks of the host, in one go: a shell line in which `"$@"` prints the requests' answers.

        The output is never to be shown. See rules/round_line.py.
        """

    @property
    def secrets(self) -> Redactor | None:
        """What knows the values of `.env`, to clean a text of them; None before a `look` with content."""

    def examine(self) -> tuple[Event, ...]:
        """All that doctor has to know of the host, as facts; changes nothing. Call it behind `look` with content."""

    @property
    def way(self) -> str:
        """How we came in, in words."""

    @property
    def noise(self) -> str:
        """What the login shell said on stdout before the session did."""

    def hold(self) -> None:
        """Tell the host that others are still at work; sent every few seconds."""

    def close(self) -> None:
        """End the session."""


class Sessions(Protocol):
    """Opens a session with a host, whatever its connection."""

    def __call__(self, host: Host, progress: Callable[[Event], None]) -> Session:
        """Connect, start the host's side, and read its first answer.

        Raises:
            Unreachable: the host can't be reached, lets nobody in, or is not fit.
        """


class HostLists(Protocol):
    """Knows which hosts an environment has, wherever they are listed."""

    def __call__(self, environment: Environment) -> Environment:
        """The environment with its hosts.

        Raises:
            Unlisted: what lists them can't be asked, or does not tell.
        """

    def last(self, environment: Environment) -> tuple[Environment, datetime] | None:
        """The environment with the hosts that it had when they could be listed last, and when that was (UTC)."""


class PlanFiles(Protocol):
    """The files that a rollout's plan names. Both raise ConfigurationError for what can't be read."""

    def text(self, path: str) -> str:
        """The text of a file."""

    def checklist(self, path: str) -> Checklist:
        """The checklist in a file."""


class Clock(Protocol):
    """The operator's clock."""

    def now(self) -> datetime:
        """The time, in UTC."""

    def monotonic(self) -> float:
        """Seconds since some moment, to measure by: never set forward or back, as the time may be."""

    def wait(self, seconds: float) -> None:
        """Let time pass."""


class Mirror(Protocol):
    """What the operator's machine remembers of the hosts' audit logs, and the records that a host still owes."""

    def saw(self, environment: str, host: str, records: Iterable[Record]) -> None:
        """Remember records that a host showed."""

    def seen(self, environment: str, host: str) -> tuple[str, ...]:
        """Every line that was ever seen, in that order."""

    def place(self, environment: str, host: str) -> str:
        """Where a person finds what was seen of a host."""

    def owe(self, environment: str, host: str, fields: Mapping[str, Any]) -> None:
        """Keep a record that the host could not write."""

    def owed(self, environment: str, host: str) -> tuple[Mapping[str, Any], ...]:
        """The records that the host still has to write."""

    def paid(self, environment: str, host: str) -> None:
        """The host has written what it owed."""


class Samples(Protocol):
    """The samples of metrics that this machine has taken; several commands may write and read them at once.

    Every call raises Refused where the samples can't be kept or read.
    """

    @property
    def told(self) -> tuple[str, ...]:
        """What a person should know of them: that a damaged file was set aside."""

    def add(
        self, environment: str, samples: Iterable[Sample], memories: Mapping[tuple[str, str | None], str] | None = None
    ) -> None:
        """Keep samples, and by metric and host what the next ones have to know: all or nothing, from when this returns.

        It is kept whatever happens to this process.
        """

    def recall(self, metric: str, environment: str, host: str | None) -> str:
        """What was kept with the newest sample for the next one; empty for nothing."""

    def of(
        self, metric: str, environment: str, host: str | None, since: datetime, until: datetime
    ) -> tuple[Sample, ...]:
        """The samples from `since` on and before `until`, in the order of their times."""

    def prune(self, before: datetime) -> None:
        """Forget what is older."""


class Outsider(Protocol):
    """Asks an environment's `url` from the operator's side."""

    def __call__(self, url: str, requests: Sequence[Mapping[str, Any]]) -> tuple[Asked, ...]:
        """Ask each request once it is due, with its patience."""


class Post(Protocol):
    """Writes announcements from templates, and sends them."""

    def letter(self, kind: Kind, facts: Mapping[str, Any], folder: str | None) -> Letter:
        """The announcement, by the template of that kind: the one in the folder, else the shipped one.

        Raises:
            ConfigurationError: the template is wrong, or needs a fact that is not there.
        """

    def deliver(self, way: Way, letter: Letter, about: Mapping[str, Any]) -> str:
        """Send it; why not everybody gets it, in words without secrets, or nothing. `about` goes with it as data."""


class Hooks(Protocol):
    """Runs what somebody wants done at a moment of a change."""

    def __call__(self, hook: Hook, document: Mapping[str, Any]) -> str:
        """Hand it the change as JSON; why it failed, in words without secrets, or nothing."""


class Desk(Protocol):
    """The person in front of the change: sees the plan, answers the question, follows each host."""

    def show(self, plan: Plan, notes: Sequence[str]) -> None:
        """Show what will change, before anything does."""

    def agrees(self, plan: Plan) -> bool:
        """Whether to go on."""

    def notice(self, host: str, event: Event) -> None:
        """One host said something."""


class Witness(Protocol):
    """Whoever reports that something is wrong, and can be asked about it. Nobody there: what is measured has to do."""

    def which(self, flags: Sequence[str]) -> str:
        """Which of several flags, that somebody sees, it is about.

        Raises:
            UsageError: nobody can be asked.
        """

    def how_bad(self, scene: Scene, measured: Measured, suggestion: Suggestion | None) -> Severity:
        """How bad it is; by what was measured alone where nobody can be asked.

        Raises:
            UsageError: nobody can be asked, and nothing that is measured is wrong.
        """

    def how_many(self) -> float | None:
        """How many percent of the feature's users are affected; None: nobody knows."""

    def hear(self, judgement: Judgement) -> None:
        """Hear what is to be done, and why."""

    def lets_record(self) -> bool:
        """Whether an incident that changes nothing is to be recorded."""


class Survey(Protocol):
    """A look at a host that no environments.yaml knows yet; changes nothing there.

    Each method raises Unreachable when the connection is lost, or the host can't answer.
    """

    def machine(self) -> Machine:
        """The server as a whole, with the applications on it."""

    def application(self, path: str, *, php: str, shell: str | None) -> Closer:
        """One application, by its own PHP, as whoever `shell` makes us."""

    def close(self) -> None:
        """Hang up."""


class Surveys(Protocol):
    """Opens surveys, whatever the host's connection."""

    def __call__(self, host: Host) -> Survey:
        """Connect.

        Raises:
            Unreachable: the host can't be reached, or lets nobody in.
        """


class Interview(Protocol):
    """Whoever describes a project that has no environments.yaml yet."""

    @property
    def present(self) -> bool:
        """Whether there is a person who can be asked."""

    def ask(self, question: Question) -> str:
        """The answer, well written.

        Raises:
            Refused: nobody can be asked, and there is nothing to take instead.
        """

    def tell(self, words: str) -> None:
        """Say what goes on meanwhile."""


class EditedFile(Protocol):
    """The environments.yaml that is there, and takes in a further entry."""

    @property
    def path(self) -> str:
        """Where it is."""

    def read(self) -> Configuration:
        """What it says.

        Raises:
            ConfigurationError: something in it is wrong.
        """

    def check(self, text: str) -> Configuration:
        """What it would say with another text.

        Raises:
            ConfigurationError: something in that is wrong.
        """

    def insert(self, section: str, name: str, lines: Sequence[str]) -> Insertion:
        """The file with one more entry in a section, and nothing else that is new.

        Raises:
            Refused: it is written in a way that does not allow that.
        """

    def write(self, insertion: Insertion) -> None:
        """Put the new text in the place of the old one, at once.

        Raises:
            Refused: somebody changed it meanwhile, or it can't be written.
        """


class NewFile(Protocol):
    """The environments.yaml that is to be made."""

    @property
    def path(self) -> str:
        """Where it will be."""

    @property
    def taken(self) -> bool:
        """Whether something is there already."""

    @property
    def environments(self) -> tuple[str, ...]:
        """The environments in the file that is there already."""

    def check(self, text: str) -> Configuration:
        """Read the text as the file would be read.

        Raises:
            ConfigurationError: something in it is wrong.
        """

    def write(self, text: str) -> None:
        """Make the file, whole or not at all; never in the place of another.

        Raises:
            Refused: something is there already, or it can't be written.
        """
