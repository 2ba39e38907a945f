"""From a plan to the work of one host, and from a host's answers back to what was proved."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from msgspec import Struct

from rolloutctl.rules.config import Environment, Flag, Host
from rolloutctl.rules.flags import Audience
from rolloutctl.rules.hiding import repr_without
from rolloutctl.rules.host import Work
from rolloutctl.rules.plans import HostPlan, Plan
from rolloutctl.rules.requests import HEALTH, requests_for

_BEFORE = 5.0  # seconds that health may take before the change; it has nothing to come up from
_BRAKE = 2.0  # seconds that a switch-off waits for a good answer: an ill application may never give one
OVER = 124  # timeout's exit status


class Origin(Struct, frozen=True):
    """Who makes a change: the actor, the actor's machine, rolloutctl's version; and since when (UTC)."""

    actor: str
    machine: str
    version: str
    since: str = ""

    def fields(self) -> dict[str, str]:
        """As a record holds it."""
        at = {"at": self.since} if self.since else {}
        return {"actor": self.actor, "actor_machine": self.machine, "version": self.version, **at}


class Asked(Struct, frozen=True):
    """One request that a host asked of itself, and the answer, in words that hold no value of the application's."""

    id: str
    ok: bool
    status: int | None
    ms: int
    error: str | None = None
    number: float | None = None  # in the body, where one was asked for

    def __str__(self) -> str:
        if self.ok:
            return str(self.status)
        return ", ".join(str(part) for part in (self.status, self.error) if part is not None)


class StepRun(Struct, frozen=True):
    """One step as it ran on one host; `ms` is 0 on hosts without /proc/uptime, which has 10 ms resolution."""

    name: str
    status: int
    ms: int
    output: str = ""

    __repr__ = repr_without("output")

    @property
    def ok(self) -> bool:
        """Whether the step succeeded."""
        return self.status == 0


class Ran(Struct, frozen=True):
    """A shell line that ran on a host to be asked something, and changed nothing.

    Args:
        status: its exit status; 124: its time was over.
        ms: how long it took; 0 on hosts without /proc/uptime.
        output: all that it printed, as it is: to be parsed, and never shown. It may quote a secret.
        shown: the end of that, to be shown: without the values of `.env`, so nothing before they are known.
        trouble: the end of what it wrote to stderr, likewise.
        lost: why there is no output: it is `too-much`, or found `no-room` on the host; empty when all of it is there.
    """

    status: int
    ms: int
    output: str = ""
    shown: str = ""
    trouble: str = ""
    lost: str = ""

    __repr__ = repr_without("output")

    @property
    def ok(self) -> bool:
        """Whether it succeeded, and all that it printed is there."""
        return self.status == 0 and not self.lost

    @property
    def problem(self) -> str:
        """What went wrong, in words that follow its name; empty when nothing did."""
        if self.lost:
            return {"too-much": "prints too much", "no-room": "prints more than the host's disk has room for"}.get(
                self.lost, "did not run"
            )
        if self.status == OVER:
            return "takes too long"
        return f"fails with exit {self.status}" if self.status else ""


def work_for(plan: Plan, host: HostPlan, target: Host, server: str, origin: Origin) -> Work:
    """What one host is to do for a plan."""
    flag, environment = plan.flag, plan.environment
    settings = tuple(path for path in (flag.config, flag.companies_config) if path)
    new = _requests(environment, target, flag, plan.target, server)
    old = () if plan.narrow else _requests(environment, target, flag, host.effective or host.before, server)
    return Work(
        narrow=plan.narrow,
        old_sha=host.state.sha,
        new_env=host.new_env,
        inject=host.inject,
        rebuild=host.rebuild,
        lines=host.lines(),
        keys=flag.keys,
        settings=settings,
        patch=_patch(flag, plan.target),
        steps=environment.steps,
        requests=_at_most(_BRAKE, _health_last(new)) if plan.narrow else new,
        requests_old=_at_most(_BEFORE, old),
        volatile=environment.volatile,
        deploy_locks=environment.deploy_locks,
        record=plan.record(host, origin.fields()),
        who={
            "actor": origin.actor,
            "change": plan.change,
            "environment": environment.name,
            "flag": flag.name,
            "what": f"{flag.name} for {plan.target}",
            "since": origin.since,
        },
    )


def read_answers(data: Mapping[str, Any]) -> tuple[Asked, ...]:
    """The answers to health and probes, as host.php reports them; a host may have written anything."""
    answers = data.get("answers")
    return tuple(_asked(each) for each in answers if isinstance(each, Mapping)) if isinstance(answers, list) else ()


def failures(asked: Iterable[Asked]) -> tuple[Asked, ...]:
    """The requests that were not answered as expected."""
    return tuple(each for each in asked if not each.ok)


def _asked(answer: Mapping[str, Any]) -> Asked:
    status, ms, error, number = (answer.get(name) for name in ("status", "ms", "error", "number"))
    return Asked(
        id=str(answer.get("id", "")),
        ok=answer.get("ok") is True,
        status=status if isinstance(status, int) else None,
        ms=ms if isinstance(ms, int) else 0,
        error=None if error is None else str(error),
        number=float(number) if isinstance(number, int | float) and not isinstance(number, bool) else None,
    )


def _requests(
    environment: Environment, host: Host, flag: Flag, audience: Audience, server: str
) -> tuple[Mapping[str, Any], ...]:
    return requests_for(environment, host, [(flag, audience)], server)


def _at_most(seconds: float, requests: Iterable[Mapping[str, Any]]) -> tuple[Mapping[str, Any], ...]:
    return tuple({**request, "within": min(request["within"], seconds)} for request in requests)


def _health_last(requests: Iterable[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """A switch-off wants to know first whether the feature is gone; an ill application may take all the time."""
    return sorted(requests, key=lambda request: request["id"] == HEALTH)


def _patch(flag: Flag, target: Audience) -> dict[str, Any]:
    patch: dict[str, Any] = {}
    if flag.config:
        patch[flag.config] = target.enabled
    if flag.companies_config and target.enabled:
        patch[flag.companies_config] = list(target.companies)
    return patch
