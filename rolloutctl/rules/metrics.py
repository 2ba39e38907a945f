"""What is measured of an application, and what was measured: metrics, samples, and what a sample is held against."""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Literal

from msgspec import Struct, field
from msgspec.structs import force_setattr

from rolloutctl.rules.hiding import repr_without
from rolloutctl.rules.redact import one_line

MOST = 1e15  # beyond it a number is no measurement, and squares of it would still be finite
_LONGEST_NOTE = 500  # characters
LEVELS = ("debug", "info", "notice", "warning", "error", "critical", "alert", "emergency")  # RFC 5424, as Monolog's
Sign = Literal["<", "<=", ">", ">="]
Asked = Literal["every", "first", "none"]


class FromRequest(Struct, frozen=True, kw_only=True):
    """A request of the host to itself, or from the operator's side: whether it failed (1 or 0), or a number of it."""

    path: str
    value: Literal["failed", "ms", "status", "field"] = "failed"
    number: str = ""  # dotted place of a number in the JSON body, where `value` is field
    expect: tuple[int, ...] = (200,)
    json: Mapping[str, object] = field(default_factory=dict)  # what the body must hold, or it failed
    headers: Mapping[str, str] = field(default_factory=dict)  # may hold secrets
    outside: bool = False

    __repr__ = repr_without("headers")


class FromLog(Struct, frozen=True, kw_only=True):
    """New entries of a log, per minute. An entry with its stack trace counts once."""

    file: str  # relative to app, absolute, or below ~; * stands for what changes from day to day
    level: str | None = None  # of LEVELS: this one, or one that comes after it
    pattern: str | None = None  # an extended regular expression, whatever the case


class FromRedis(Struct, frozen=True, kw_only=True):
    """What changed in Redis' INFO between two samples, or one of its numbers."""

    value: Literal["hit_ratio", "evicted", "field"] = "hit_ratio"  # percent of the lookups; keys per minute
    number: str = ""  # its name in INFO, where `value` is field
    client: str = "redis-cli"  # the beginning of a shell line


class FromMysql(Struct, frozen=True, kw_only=True):
    """The number that a query yields, through the host's client."""

    query: str
    client: str = "mysql"  # the beginning of a shell line


class FromCommand(Struct, frozen=True, kw_only=True):
    """The number that a shell line prints, in the folder of the application."""

    run: str


class FromPrometheus(Struct, frozen=True, kw_only=True):
    """The number that an instant query yields, asked from the operator's side."""

    url: str
    query: str
    headers: Mapping[str, str] = field(default_factory=dict)  # may hold secrets

    __repr__ = repr_without("headers")


Source = FromRequest | FromLog | FromRedis | FromMysql | FromCommand | FromPrometheus


class Limit(Struct, frozen=True):
    """The bound that a value has to keep, whatever it was before."""

    sign: Sign
    bound: float

    @property
    def upper(self) -> bool:
        """Whether it is too much that breaks it, and not too little."""
        return self.sign in ("<", "<=")

    def broken_by(self, value: float) -> bool:
        """Whether a value is beyond it."""
        return {
            "<": value >= self.bound,
            "<=": value > self.bound,
            ">": value <= self.bound,
            ">=": value < self.bound,
        }[self.sign]

    def __str__(self) -> str:
        return f"{self.sign} {self.bound:.10g}"


class Sustained(Struct, frozen=True):
    """How many of the newest samples have to be beyond for a failure: at least 2, so that no single one is enough."""

    beyond: int = 3
    of: int = 5

    def __str__(self) -> str:
        return f"{self.beyond} of {self.of}"


class Metric(Struct, frozen=True, kw_only=True):
    """Something measured again and again, with a limit, or a factor against what it was before, or both."""

    name: str
    source: Source
    description: str = ""
    unit: str = ""
    limit: Limit | None = None
    worse: float | None = None  # a factor; below 1 it is a fall that is bad
    sustained: Sustained = field(default_factory=Sustained)
    guard: bool = False  # whether its failure switches the flag off
    hosts: Asked = "every"  # which hosts it is measured on; none: from the operator's side
    environments: tuple[str, ...] = ()  # where it is measured; empty: everywhere
    timeout: float = 10.0  # seconds for one sample
    lacks: str = ""  # the secret that is missing, in words; then it can't be measured

    def measured_in(self, environment: str) -> bool:
        """Whether it is measured in that environment."""
        return not self.environments or environment in self.environments


class Sample(Struct, frozen=True):
    """One measurement. None is a value that could not be had; `note` says why, or what was seen.

    What a host sends as a number may be anything: one that is not finite, or absurdly large, is None here.
    """

    metric: str
    host: str | None  # None: measured from the operator's side
    at: datetime
    value: float | None
    note: str = ""

    def __post_init__(self) -> None:
        if self.note:  # each is set only where it is another: a report makes a million of these
            force_setattr(self, "note", one_line(self.note)[:_LONGEST_NOTE])
        if self.value is not None and not (math.isfinite(self.value) and abs(self.value) <= MOST):
            force_setattr(self, "value", None)
            force_setattr(self, "note", self.note or "not a number that can be measured")
        if self.at.tzinfo is not UTC:
            force_setattr(self, "at", self.at.astimezone(UTC))
