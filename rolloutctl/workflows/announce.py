"""announce: what happened with a feature is looked up, held against what is to be said, written, sent and recorded."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from msgspec import Struct, field

from rolloutctl.errors import ConfigurationError, Refused, RolloutctlError
from rolloutctl.rules.announced import Facts, facts_for
from rolloutctl.rules.announced_way import Told
from rolloutctl.rules.announcements import Scene, named, untrue, where
from rolloutctl.rules.channels import Announcing, Channel, Kind
from rolloutctl.rules.config import Configuration
from rolloutctl.rules.incidents import Incident
from rolloutctl.rules.letters import Letter
from rolloutctl.rules.redact import one_line
from rolloutctl.rules.rollout_standing import ANNOUNCE
from rolloutctl.workflows.announce_looking import scene_of, told_of
from rolloutctl.workflows.rollout_bench import host_bench
from rolloutctl.workflows.side_by_side import side_by_side
from rolloutctl.workflows.tools import Tools

_UNSENT = "Nothing was sent."


class Announcement(Struct, frozen=True):
    """What somebody wants to be said; `facts` beside those of environments.yaml."""

    kind: Kind
    flag: str
    environment: str | None = None
    phase: str | None = None
    facts: Mapping[str, str] = field(default_factory=dict)


class Draft(Struct, frozen=True):
    """An announcement as it would be sent. `facts` are what it was written from."""

    kind: Kind
    flag: str
    environment: str
    letter: Letter
    phase: str = ""
    facts: Mapping[str, Any] = field(default_factory=dict)

    @property
    def about(self) -> dict[str, Any]:
        """What it is of, as data."""
        return {
            "kind": self.kind,
            "flag": self.flag,
            "environment": self.environment,
            "phase": self.phase or None,
            "facts": dict(self.facts),
        }


class Delivery(Struct, frozen=True):
    """How it went with one channel; `why` not everybody there got it, or nothing."""

    channel: Channel
    why: str = ""


class Sent(Struct, frozen=True):
    """Where an announcement went, and what to know of its record."""

    deliveries: tuple[Delivery, ...]
    notes: tuple[str, ...] = ()

    @property
    def missed(self) -> tuple[Delivery, ...]:
        """The channels that did not take it."""
        return tuple(each for each in self.deliveries if each.why)


def channels_of(configuration: Configuration) -> Announcing:
    """What environments.yaml says of announcements."""
    return configuration.announcing or Announcing()


def draft(asked: Announcement, tools: Tools) -> Draft:
    """Look at the hosts and at what they recorded, and write the announcement. Changes nothing.

    Raises:
        UsageError: nothing tells in which environment, or there is no such flag.
        Refused: it would not be true; with what differs, and the next command.
        ConfigurationError: a fact is missing, or a template is wrong.
    """
    flag = tools.configuration.flag(asked.flag)
    scene = scene_of(flag, where(asked.kind, flag, tools.configuration, asked.environment), tools)
    wrong = untrue(asked.kind, scene, asked.phase)
    if wrong is not None:
        raise Refused(
            wrong.message,
            subject=f"{scene.environment.name} · {flag.name}",
            state=_UNSENT,
            hint=wrong.hint,
            details=wrong.details,
        )
    return written(asked, scene, told_of(asked.kind, scene, tools), tools)


def draft_incident(incident: Incident, tools: Tools) -> Draft:
    """Write that an incident was opened, without a look at the hosts: they were looked at just now.

    Raises:
        ConfigurationError: a fact is missing, or a template is wrong.
    """
    scene = Scene(
        flag=tools.configuration.flag(incident.flag),
        environment=tools.configuration.environment(incident.environment),
        rollout=tools.configuration.rollouts.get(incident.flag),
        incidents=(incident,),
        now=tools.clock.now(),
    )
    return written(Announcement("incident", incident.flag, incident.environment), scene, Told(), tools)


def written(asked: Announcement, scene: Scene, told: Told, tools: Tools) -> Draft:
    """The announcement of a scene, by the template of its kind.

    Raises:
        ConfigurationError: a fact is missing or says what rolloutctl says itself, or a template is wrong.
    """
    announcing, own = channels_of(tools.configuration), facts_for(asked.kind, scene, told)
    given = {**announcing.facts, **{name: one_line(text) for name, text in asked.facts.items()}}
    _check_facts(given, own)
    facts: Facts = {**own, **given}
    letter = tools.post.letter(asked.kind, facts, announcing.templates)
    phase = scene.standing.phase if asked.kind in ("phase", "done") and scene.rollout else ""
    return Draft(asked.kind, scene.flag.name, scene.environment.name, letter, phase, facts)


def send(drafted: Draft, channels: Iterable[Channel], tools: Tools) -> Sent:
    """Send an announcement to all channels at once, and record on the hosts where it went: not what it says."""

    def deliver(channel: Channel) -> Delivery:
        return Delivery(channel, one_line(tools.post.deliver(channel, drafted.letter, drafted.about)))

    deliveries = tuple(side_by_side(deliver, channels))
    return Sent(deliveries, _recorded(drafted, deliveries, tools) if deliveries else ())


def words_of(sent: Sent, kind: Kind) -> tuple[str, ...]:
    """Where it went, and where not and why: a line each."""
    reached = [each.channel.name for each in sent.deliveries if not each.why]
    said = (f"{kind} is announced to {named(reached)}.",) if reached else ()
    return said + tuple(f"{kind} is not announced to {each.channel.name}: {each.why}." for each in sent.missed)


def _recorded(drafted: Draft, deliveries: Iterable[Delivery], tools: Tools) -> tuple[str, ...]:
    """It went out all the same where no host could record it."""
    fields = {
        "event": ANNOUNCE,
        "action": "announced",
        "kind": drafted.kind,
        **({"phase": drafted.phase} if drafted.phase else {}),
        "channels": [_end(each) for each in deliveries],
    }
    try:
        with host_bench(drafted.environment, drafted.flag, tools) as opened:
            return opened.record(opened.mark(fields), owe=True)
    except RolloutctlError as error:
        return (f"It is not recorded: {error.message}",)


def _end(delivery: Delivery) -> dict[str, str]:
    outcome = {"outcome": "failed", "error": delivery.why} if delivery.why else {"outcome": "sent"}
    return {"name": delivery.channel.name, **outcome}


def _check_facts(given: Mapping[str, str], own: Facts) -> None:
    """What rolloutctl knows nobody else says; the feature's name is people's own."""
    for name in given:
        if name in own and name != "feature":
            raise ConfigurationError(
                f"The fact {name} is told by rolloutctl itself.",
                subject="announce.facts",
                state=_UNSENT,
                hint="Give yours another name, in environments.yaml below announce: facts, or behind --fact.",
            )
