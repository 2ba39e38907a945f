"""Where announcements go, as environments.yaml says it: channels, facts, and what is sent without being asked."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, get_args
from urllib.parse import urlsplit

from msgspec import Struct, field

from rolloutctl.errors import UsageError
from rolloutctl.rules.config import closest
from rolloutctl.rules.hiding import repr_without

Kind = Literal["staging-ready", "production", "phase", "incident", "recovered", "done"]
Tls = Literal["starttls", "tls", "none"]
KINDS: tuple[Kind, ...] = get_args(Kind)
AUTOMATIC: tuple[Kind, ...] = ("phase", "incident", "recovered", "done")  # what a command of ours brings about
TERMINAL = "terminal"  # stands for no channel, but for the screen


class Slack(Struct, frozen=True, kw_only=True):
    """An incoming webhook of Slack, or of whatever takes the same JSON. The whole URL is a secret."""

    url: str

    __repr__ = repr_without("url")

    @property
    def place(self) -> str:
        """Where it goes, without what must not be seen."""
        return f"Slack, {host_of(self.url)}"

    @property
    def secrets(self) -> tuple[str, ...]:
        """What no message may repeat."""
        return secret_parts(self.url)


class Webhook(Struct, frozen=True, kw_only=True):
    """A URL that gets everything as JSON."""

    url: str
    headers: Mapping[str, str] = field(default_factory=dict)

    __repr__ = repr_without("url", "headers")

    @property
    def place(self) -> str:
        """Where it goes, without what must not be seen."""
        return f"webhook, {host_of(self.url)}"

    @property
    def secrets(self) -> tuple[str, ...]:
        """What no message may repeat."""
        return (*secret_parts(self.url), *self.headers.values())


class Mail(Struct, frozen=True, kw_only=True):
    """A mail server, with sender and recipients."""

    host: str
    port: int
    sender: str
    to: tuple[str, ...]
    tls: Tls = "starttls"
    user: str = ""
    password: str = ""

    __repr__ = repr_without("password")

    @property
    def place(self) -> str:
        """Where it goes."""
        more = f" and {len(self.to) - 1} more" if len(self.to) > 1 else ""
        return f"mail to {self.to[0]}{more}"

    @property
    def secrets(self) -> tuple[str, ...]:
        """What no message may repeat."""
        return (self.password,) if self.password else ()


Way = Slack | Webhook | Mail


class Channel(Struct, frozen=True, kw_only=True):
    """A name for a way out. `lacks`: what is wrong with its secret, in words; then nothing can be sent there."""

    name: str
    way: Way | None
    lacks: str = ""

    @property
    def place(self) -> str:
        """Where it goes, without what must not be seen."""
        return self.way.place if self.way else "a secret is missing, or does not fit"


class Announcing(Struct, frozen=True, kw_only=True):
    """What `announce` of environments.yaml says."""

    facts: Mapping[str, str] = field(default_factory=dict)
    templates: str | None = None  # a folder, absolute or below ~
    channels: Mapping[str, Channel] = field(default_factory=dict)
    automatic: Mapping[Kind, tuple[str, ...]] = field(default_factory=dict)

    def channel(self, name: str) -> Channel:
        """The channel of that name.

        Raises:
            UsageError: there is none.
        """
        if name in self.channels:
            return self.channels[name]
        meant = closest(name, (*self.channels, TERMINAL))
        raise UsageError(
            f"There is no channel '{name}'." + (f" Did you mean '{meant}'?" if meant else ""),
            hint=f"Known: {', '.join((*self.channels, TERMINAL))}; or a file: {name}.md. "
            "Channels stand in environments.yaml, below announce:",
        )


def host_of(url: str) -> str:
    """The name of the host in a URL: all that may be shown of it."""
    try:
        return urlsplit(url).hostname or "nowhere"
    except ValueError:
        return "nowhere"


def secret_parts(url: str) -> tuple[str, ...]:
    """What of a URL must not be repeated: all of it, and its path and query by themselves."""
    parts = urlsplit(url)
    path = parts.path + (f"?{parts.query}" if parts.query else "")
    credentials = parts.netloc.rpartition("@")[0]
    return tuple(part for part in (url, path, parts.path, parts.query, credentials) if len(part) > 1)
