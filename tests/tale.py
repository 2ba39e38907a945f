"""A rollout of five weeks to tell: records as three hosts write them, and samples as a monitor keeps them.

It has what happens on such a way: a phase that begins late, a guard that switches the feature off, a way back, a hold,
one slow host, a machine that slept, names and reasons that are hostile text.
"""

from __future__ import annotations

import json
import math
import random
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache
from itertools import count
from pathlib import Path
from typing import Any

from rolloutctl.contracts import Samples, Session
from rolloutctl.errors import Unreachable
from rolloutctl.outside.mirror import FileMirror
from rolloutctl.outside.yaml_file import parse
from rolloutctl.rules.checklists import Checklist, Group, Item
from rolloutctl.rules.config import Configuration, Host
from rolloutctl.rules.metrics import Sample
from rolloutctl.rules.records import Record, read_record
from rolloutctl.rules.work import Asked, Origin
from rolloutctl.workflows.absent import NoFiles, NoSamples
from rolloutctl.workflows.tools import Tools

FLAG, PLACE = "customer_portal", "production"
HOSTS = ("web-1", "web-2", "web-3")
BEGIN = datetime(2025, 10, 27, 8, tzinfo=UTC)  # a Monday, 09:00 in Berlin
NOW = datetime(2025, 11, 26, 8, 30, tzinfo=UTC)
DAY = timedelta(days=1)
ASLEEP = (BEGIN + 15.6 * DAY, BEGIN + 16.2 * DAY)
HOSTILE = '<script>alert("1")</script> & <img src=x onerror=alert(2)> | [a](javascript:b) `c` \x1b[31m @team'
PLAN = """\
version: 1
defaults: {app: /var/www/api-gateway, health: {path: /health, json: {status: ok}}}
flags:
  customer_portal:
    description: Customers see their calls and appointments at /portal
    companies_key: FEATURE_CUSTOMER_PORTAL_TEST_COMPANIES
environments:
  staging: {url: "https://staging.example.com", hosts: [staging]}
  production: {url: "https://www.example.com", hosts: [web-1, web-2, web-3]}
metrics:
  health: {source: request, path: /health, description: Whether the health check fails, limit: "<= 0", guard: true}
  portal_errors:
    {source: log, level: error, pattern: portal, limit: "<= 0.5", worse: 2x, guard: true, unit: per minute,
     description: "Errors of the portal in Laravel's log", environments: [production]}
  error_rate:
    {source: log, level: error, limit: "<= 2", worse: 2x, unit: per minute, description: "Errors in Laravel's log"}
  p95:
    {source: request, path: /portal, value: ms, limit: "< 3000", worse: 1.5x, for: 2 of 20,
     description: How long /portal takes to answer}
  hit_ratio: {source: redis, limit: ">= 80", description: How much of what is looked up Redis has}
  calls:
    {source: mysql, query: SELECT 1, unit: per hour, worse: 0.5x, description: Telephone calls of the last hour}
rollouts:
  customer_portal:
    environment: production
    start: 2025-10-27
    zone: Europe/Berlin
    companies: {file: companies.csv, exclude: [7]}
    timeline: [{name: development, days: 10}, {name: staging, days: 2, validation: true}]
    validate: {environment: staging, checklist: checklist.yaml, signoffs: [qa, product]}
    phases:
      - {name: dark, audience: nobody, soak: 24h}
      - {name: pilot, companies: [15, 42], soak: 7d, gates: {signoffs: [product], metrics: [portal_errors]}}
      - {name: 10%, percent: 10, soak: 7d}
      - {name: 50%, percent: 50, soak: 7d, gates: {signoffs: [product]}}
      - {name: full, audience: everyone}
"""
COMPANIES = tuple(range(3, 603, 2))
ITEMS = ("history", "calendar", "isolation", "off")


@dataclass
class Tale:
    """What was recorded, by host; one thing after the other, on the clock `at`."""

    at: datetime = BEGIN
    logs: dict[str, list[Record]] = field(default_factory=lambda: {host: [] for host in HOSTS})
    seen: dict[str, Any] = field(default_factory=lambda: {"enabled": False, "companies": []})
    _ids: Iterator[int] = field(default_factory=lambda: count(1))

    def on(self, day: int, hour: int = 9, minute: int = 0) -> Tale:
        """So many days after the first one, on the clock of Berlin in winter."""
        self.at = datetime(2025, 10, 27, hour - 1, minute, tzinfo=UTC) + day * DAY
        return self

    def said(self, event: str, action: str, actor: str = "anna@example.com", /, **more: object) -> str:
        """A mark on every host."""
        entry = f"m{next(self._ids)}"
        for host in HOSTS:
            self._write(host, {"event": event, "action": action, "entry": entry, **self._by(actor), **more})
        return entry

    def changed(
        self, companies: Iterable[int] | None, reason: str, *, outcome: str = "kept", about: object = None
    ) -> None:
        """A change on every host; None for nobody, nothing listed for everyone."""
        to = {"enabled": companies is not None, "companies": sorted(companies or ())}
        fields = {
            **self._by("anna@example.com"),
            "change": f"c{next(self._ids)}",
            "arbiter": HOSTS[0],
            "hosts": list(HOSTS),
            "from": self.seen,
            "to": to,
            "narrow": companies is None,
            "reason": reason,
            **({"rollout": about} if about else {}),
        }
        for event in ("started", outcome):
            for host in HOSTS:
                self._write(host, {"event": event, **fields})
        self.seen = to if outcome == "kept" else self.seen

    def entered(self, phase: str, companies: Iterable[int] | None, reason: str, about: Mapping[str, object]) -> None:
        """A phase, by a change."""
        self.changed(companies, reason, about={"run": "r1", "phase": phase, "onward": True, **about})

    def signed(self, role: str, phase: str, by: str, note: str = "") -> None:
        """A sign-off."""
        self.said("sign-off", "signed", by, role=role, phase=phase, signer=by, note=note)

    def _by(self, actor: str) -> dict[str, Any]:
        return {
            "flag": FLAG,
            "environment": PLACE,
            "actor": actor,
            "at": self.at.isoformat(),
            "time": self.at.isoformat(),
        }

    def _write(self, host: str, fields: Mapping[str, object]) -> None:
        self.logs[host].append(read_record(json.dumps({**fields, "host": host})))


TENTH, HALF = (15, 42, *COMPANIES[20:48]), (15, 42, *COMPANIES[20:168])
OF_PILOT = {"of": 300, "people": 53, "people_of": 20_100, "share": 0.26}
OF_TENTH = {"of": 300, "people": 2_010, "people_of": 20_100, "asked": 10.0, "share": 10.0}
OF_HALF = {"of": 300, "people": 10_050, "people_of": 20_100, "asked": 50.0, "share": 50.0}
PAST = {"gate": "metric-portal_errors", "evidence": "3 of the newest 5 are beyond the limit <= 0.5 per minute"}


def five_weeks() -> Tale:
    """From the validation to half of the companies, on day 31."""
    tale = Tale()
    _to_the_pilots(tale)
    _through_an_incident(tale)
    tale.on(18, 9).changed(HALF, "too early", outcome="reverted", about={"run": "r1", "phase": "50%", "onward": True})
    tale.on(21, 9, 15).entered("50%", HALF, "rollout: 50%", OF_HALF)
    tale.on(23, 17).said("rollout", "held", "ben@example.com", phase="50%", reason="web-2 is slow, we look at its disk")
    tale.on(24, 11, 30).said("rollout", "resumed", phase="50%", reason=HOSTILE)
    return tale


def _to_the_pilots(tale: Tale) -> None:
    tale.on(-4, 15)
    for item in ITEMS:
        tale.said("check", "passed", "quinn@example.com", item=item, phase="validate")
    tale.on(-3, 10).signed("qa", "validate", "quinn@example.com", "all of it, twice")
    tale.on(-3, 16).signed("product", "validate", "pam@example.com")
    about = {"run": "r1", "phase": "dark", "onward": True}
    tale.on(0).said("rollout", "entered", rollout=about, to={"enabled": False, "companies": []}, reason="rollout: dark")
    tale.on(1, 9, 10).entered("pilot", (15, 42), "pilot, week 1", OF_PILOT)
    tale.on(8, 11).signed("product", "pilot", "pam@example.com", "two calls with each pilot, no complaint")


def _through_an_incident(tale: Tale) -> None:
    tale.on(10, 10, 5).entered("10%", TENTH, "errors were the test account's", {**OF_TENTH, "overridden": [PAST]})
    tale.on(12, 14, 3)
    detected = (tale.at - timedelta(seconds=90)).isoformat()
    tale.changed(None, "guard: portal_errors on web-2: 3 of the newest 5 are beyond the limit <= 0.5 per minute")
    facts = {"severity": "high", "symptom": "Class Portal\\Calls not found", "affected": 12.5, "detected": detected}
    incident = tale.on(12, 14, 4).said("incident", "opened", decision="switch-off", **facts)
    tale.on(12, 14, 40).said("incident", "noted", "ben@example.com", incident=incident, note=HOSTILE)
    tale.on(13, 18).said("incident", "recovered", "ben@example.com", incident=incident, note="fixed in 3f2c1ab")
    tale.on(14, 9, 20).entered("10%", TENTH, "fixed, as before", {**OF_TENTH, "onward": False})


@dataclass
class Measured(NoSamples):
    """Samples that a monitor would have kept, every so many seconds from a day before the rollout on."""

    every: float = 300.0
    since: datetime = BEGIN - 6 * DAY
    told: tuple[str, ...] = ()
    hosts: tuple[str | None, ...] = (*HOSTS, None)

    def of(
        self, metric: str, environment: str, host: str | None, since: datetime, until: datetime
    ) -> tuple[Sample, ...]:
        """Each in its turn; none while the machine slept."""
        if environment != PLACE or host not in self.hosts:
            return ()
        return tuple(each for each in _all(metric, host, self.every, self.since) if since <= each.at < until)


@cache
def _all(metric: str, host: str | None, every: float, since: datetime) -> tuple[Sample, ...]:
    chance = random.Random(f"{metric} {host}")  # noqa: S311 - noise, the same each time
    moments = (
        since + timedelta(seconds=every * number) for number in range(int((NOW - since).total_seconds() / every))
    )
    values = ((at, _value(metric, host, at, chance)) for at in moments)
    return tuple(Sample(metric, host, at, value) for at, value in values if not ASLEEP[0] < at < ASLEEP[1])


def _value(metric: str, host: str | None, at: datetime, chance: random.Random) -> float | None:
    day = 0.5 - 0.5 * math.cos((at.hour + at.minute / 60 - 4) / 24 * 2 * math.pi)  # 0 at night, 1 in the afternoon
    broken = BEGIN + 12.202 * DAY < at < BEGIN + 12.22 * DAY
    slow = host == "web-2" and BEGIN + 23 * DAY < at < BEGIN + 24.1 * DAY
    if metric == "health":
        return float(broken and host == "web-2" and chance.random() < 0.3)
    if metric == "portal_errors":
        return 4.0 + chance.random() * 3 if broken else 0.2 if chance.random() < 0.004 else 0.0
    if metric == "error_rate":
        return round(chance.expovariate(4) * (0.4 + day), 2) + (5.0 if broken else 0.0)
    if metric == "p95":
        spike = 9_800.0 if chance.random() < 0.0001 else 0.0
        return chance.lognormvariate(5.35, 0.18) * (1 + day / 2) * (9 if slow and chance.random() < 0.4 else 1) + spike
    if metric == "hit_ratio":
        return min(99.5, chance.gauss(93, 1.2))
    return max(0.0, chance.gauss(60 * day, 6))


class Lost:
    """Hosts of which none can be reached."""

    def __call__(self, host: Host, progress: object) -> Session:
        """Raises Unreachable."""
        raise Unreachable("no route to host", subject=host.name)


@dataclass
class Still:
    """A clock that stands."""

    at: datetime = NOW

    def now(self) -> datetime:
        return self.at

    def monotonic(self) -> float:
        return 0.0

    def wait(self, seconds: float) -> None:
        """It does not pass."""


class Files(NoFiles):
    """The checklist of the plan."""

    def checklist(self, path: str) -> Checklist:
        items = tuple(Item(id=name, what=name) for name in ITEMS)
        return Checklist(path=path, title="The portal", groups=(Group(name="all", items=items),))


def configuration(text: str = PLAN) -> Configuration:
    return parse(text, Path("environments.yaml"), {})


def tools(folder: Path, tale: Tale, *, plan: str = PLAN, samples: Samples | None = None) -> Tools:
    """What a report may use: no host, and what this machine has seen of the hosts' records."""
    mirror = FileMirror(folder)
    for host, log in tale.logs.items():
        mirror.saw(PLACE, host, log)
    return Tools(
        sessions=Lost(),
        clock=Still(),
        mirror=mirror,
        outsider=_nobody,
        origin=Origin("anna@example.com", "laptop", "1"),
        configuration=configuration(plan),
        new_id=lambda: "x1",
        files=Files(),
        samples=samples or Measured(),
    )


def _nobody(url: str, requests: object) -> tuple[Asked, ...]:
    return ()
