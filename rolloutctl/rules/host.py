"""What a host says of itself, and the work it is given, as values."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from msgspec import Struct, field

from rolloutctl.rules.config import Flag, Step
from rolloutctl.rules.env_lines import EnvText
from rolloutctl.rules.flags import Audience, is_true, read_companies, read_enabled
from rolloutctl.rules.records import Record


class Event(Struct, frozen=True):
    """One answer of a host during a session: a kind, and its texts, already decoded and free of secrets."""

    kind: str
    texts: tuple[str, ...] = ()

    def text(self, position: int) -> str:
        """The text at a position; empty when the host sent fewer."""
        return self.texts[position] if position < len(self.texts) else ""


class FileFault(Struct, frozen=True):
    """Why phpdotenv can't read a .env: `what` is unreadable, invalid or "no phpdotenv"; never the text itself."""

    what: str
    key: str | None = None
    line: int | None = None

    def __str__(self) -> str:
        if self.what != "invalid":
            return (
                f".env is {self.what}" if self.what == "unreadable" else "the application has no phpdotenv 4 or newer"
            )
        where = f"line {self.line}" if self.line else "a line"
        return f".env is invalid to phpdotenv at {where}" + (f" ({self.key})" if self.key else "")


class Live(Struct, frozen=True):
    """What the application's own PHP sees: the flags' keys in the file, and their settings in the cached config."""

    php: str
    laravel: str
    boot_error: str
    cache: str  # path of the cached config, where the application would look for it
    settings: Mapping[str, Any] | None  # by dotted path; None while no cache stands
    values: Mapping[str, str | None]
    undeclared: tuple[str, ...]
    fault: FileFault | None


class Holder(Struct, frozen=True):
    """Who has a host's lock."""

    phase: str  # waiting | executing | holding | provisional; working: without the lock
    fields: Mapping[str, Any] = field(default_factory=dict)

    def __str__(self) -> str:
        who, what = self.fields.get("actor", "somebody"), self.fields.get("what", "a change")
        since = self.fields.get("since")
        return f"{who} ({what}" + (f", since {since})" if since else ")")


class Pending(Struct, frozen=True):
    """A change that has begun on a host and has no outcome in its log yet.

    `decided`: it has one, which the log had no room for.
    """

    change: str
    alive: bool  # a session still carries it
    fields: Mapping[str, Any] = field(default_factory=dict)
    seconds_left: int | None = None  # until it goes back by itself; None: it is not provisional
    decided: bool = False

    @property
    def provisional(self) -> bool:
        """Whether it stands, and goes back unless somebody confirms it."""
        return self.alive and self.seconds_left is not None


class HostState(Struct, frozen=True):
    """One host as it was when it was looked at."""

    name: str
    place: str  # machine and folder: the same for a host that is listed twice
    app: str
    user: str
    state_dir: str
    sha: str  # of .env, sha256 in hex; "unreadable" when it is
    writable: bool
    trouble: str  # why .env can't be replaced by a rename; empty when it can
    content: EnvText | None = None
    live: Live | None = None
    live_error: str = ""
    holder: Holder | None = None
    pending: tuple[Pending, ...] = ()
    records: tuple[Record, ...] = ()
    deploying: tuple[str, ...] = ()
    working: Holder | None = None  # who deploys, or runs a task, by rolloutctl

    def in_file(self, flag: Flag) -> Audience | None:
        """Who sees the feature according to `.env`; None when phpdotenv can't say."""
        if self.live is None or self.live.fault is not None:
            return None
        return audience_from(flag, self.live.values)

    def effective(self, flag: Flag) -> Audience | None:
        """Who sees it according to the cached config; None when it can't be known.

        Without a cache the application reads `.env` at each request, so the file is what is effective.
        """
        if self.live is None or flag.config is None:
            return None
        if self.live.settings is None:
            return self.in_file(flag)
        if flag.config not in self.live.settings:
            return None
        return audience_in_settings(flag, self.live.settings, self.in_file(flag))

    @property
    def unfinished(self) -> bool:
        """Whether what the newest change wrote may not be live: a step failed for good, or it was still seen."""
        ended = next((record for record in reversed(self.records) if "steps" in record.data), None)
        return ended is not None and ended.unfinished

    def in_sync(self, flag: Flag) -> bool:
        """Whether the cached config says what `.env` says, as far as both can be known."""
        return self.effective(flag) in (None, self.in_file(flag))


class Work(Struct, frozen=True):
    """All that a host needs for one change: what to write, how to make it live, how to prove it, how to go back."""

    narrow: bool
    old_sha: str
    new_env: EnvText
    inject: Mapping[str, str]  # the flag's keys for the build aside
    rebuild: bool  # a key goes away, or holds a value that can't be passed: build again from the file
    lines: tuple[tuple[bytes, bytes], ...]  # (as it now stands, as it was), for a file that somebody else changed since
    keys: tuple[str, ...]
    settings: tuple[str, ...]
    patch: Mapping[str, Any]
    steps: tuple[Step, ...]
    requests: tuple[Mapping[str, Any], ...]
    requests_old: tuple[Mapping[str, Any], ...]
    volatile: tuple[str, ...]
    deploy_locks: tuple[str, ...]
    record: Mapping[str, Any]
    who: Mapping[str, Any]


def audience_from(flag: Flag, values: Mapping[str, str | None]) -> Audience:
    """The audience that a file's values mean."""
    companies = read_companies(values.get(flag.companies_key)) if flag.companies_key else ()
    return Audience(read_enabled(values.get(flag.key)), companies)


def audience_in_settings(flag: Flag, settings: Mapping[str, Any], file: Audience | None) -> Audience | None:
    """The audience that cached settings mean; a list that the cache doesn't show is taken from the file."""
    value = settings.get(flag.config or "")
    if isinstance(value, Mapping):
        value = value.get("enabled")
    enabled = is_true(value)
    companies = file.companies if file else ()
    if flag.companies_config and flag.companies_config in settings:
        companies = companies_in(settings[flag.companies_config])
    return Audience(enabled, companies)


def companies_in(value: object) -> tuple[int, ...]:
    """The companies in a cached setting, which may be a list or a text."""
    if isinstance(value, Mapping):
        value = list(value.values())
    if isinstance(value, list):
        return read_companies(",".join(str(item) for item in value if type(item) in (int, str)))
    return read_companies(str(value)) if type(value) in (int, str) else ()
