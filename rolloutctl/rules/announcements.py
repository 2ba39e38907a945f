"""Whether an announcement says what is true: what the hosts and the records have to show before it may go out."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime

from msgspec import Struct, field

from rolloutctl.errors import UsageError
from rolloutctl.rules.channels import Kind
from rolloutctl.rules.config import Configuration, Environment, Flag
from rolloutctl.rules.flags import Audience, same_people
from rolloutctl.rules.incidents import Incident, newest_open
from rolloutctl.rules.rollout_standing import Standing
from rolloutctl.rules.rollouts import Rollout

_NEVER = datetime(1970, 1, 1, tzinfo=UTC)


class Scene(Struct, frozen=True, kw_only=True):
    """What is known of a feature in the environment of which something is said.

    Args:
        flag: the flag.
        environment: where.
        seen: by host, who sees the feature there; None: it can't say, file and config cache differ, or
            what was written last may not be live.
        lost: by host, why it can't be reached.
        rollout: the plan for this flag in this environment, if there is one.
        standing: where that stands.
        incidents: those of the flag there, oldest first.
        now: the time, UTC.
    """

    flag: Flag
    environment: Environment
    seen: Mapping[str, Audience | None] = field(default_factory=dict)
    lost: Mapping[str, str] = field(default_factory=dict)
    rollout: Rollout | None = None
    standing: Standing = field(default_factory=Standing)
    incidents: tuple[Incident, ...] = ()
    now: datetime = _NEVER

    @property
    def audience(self) -> Audience | None:
        """Who sees the feature, where every host says the same; None where one doesn't."""
        found = list(self.seen.values())
        first = found[0] if found and not self.lost else None
        alike = first is not None and all(each is not None and same_people(each, first) for each in found)
        return first if alike else None

    def others(self, wanted: Callable[[Audience], bool]) -> tuple[str, ...]:
        """A line for each host that does not show what is wanted, or can't be asked."""
        lines = [f"{name} cannot be reached: {why}" for name, why in self.lost.items()]
        for name, audience in self.seen.items():
            if audience is None:
                lines.append(
                    f"{name} can't say who sees it: .env and config cache differ, can't be read, or may not be live"
                )
            elif not wanted(audience):
                several = len(audience.companies) > 1 and audience.enabled
                lines.append(f"on {name} {audience} {'see' if several else 'sees'} it")
        return tuple(lines)


class Untrue(Struct, frozen=True):
    """Why something can't be said: a sentence, a line for each host that differs, and the next command."""

    message: str
    details: tuple[str, ...]
    hint: str


def where(kind: Kind, flag: Flag, configuration: Configuration, named: str | None) -> str:
    """The environment of which something is said: the named one, else that of the flag's rollout.

    Raises:
        UsageError: nothing tells which one is meant.
    """
    if named is not None:
        return configuration.environment(named).name
    rollout = configuration.rollouts.get(flag.name)
    if kind == "staging-ready":
        tried = rollout.validate.environment if rollout and rollout.validate else None
        found = [tried] if tried else _required(configuration)
    else:
        guarded = [each.name for each in configuration.environments.values() if each.protected]
        found = [rollout.environment] if rollout else guarded
    if len(found) == 1:
        return found[0]
    raise UsageError(
        f"In which environment? Nothing tells where {kind} is meant.",
        subject=configuration.path,
        state="Nothing was sent.",
        hint=f"Say it: --in {' or --in '.join(found or configuration.environments)}",
    )


def untrue(kind: Kind, scene: Scene, phase: str | None = None) -> Untrue | None:
    """Why the announcement would not be true; None when it is. `phase` is the one that somebody has named."""
    judges: Mapping[Kind, Callable[[Scene, str | None], Untrue | None]] = {
        "staging-ready": _not_on,
        "production": _not_off,
        "phase": _other_phase,
        "incident": _no_incident,
        "recovered": _not_over,
        "done": _not_done,
    }
    return judges[kind](scene, phase)


def _required(configuration: Configuration) -> list[str]:
    """The environments that others require."""
    return list(dict.fromkeys(name for each in configuration.environments.values() for name in each.requires))


def _not_on(scene: Scene, _: str | None) -> Untrue | None:
    others = scene.others(lambda audience: audience.enabled)
    if not others:
        return None
    name, flag = scene.environment.name, scene.flag.name
    off = not scene.lost and any(each is not None and each.nobody for each in scene.seen.values())
    return Untrue(
        f"{flag} is not on in {name}, on every host.",
        others,
        f"rolloutctl toggle {name} {flag} true" if off else _look(scene),
    )


def _not_off(scene: Scene, _: str | None) -> Untrue | None:
    others = scene.others(lambda audience: audience.nobody)
    if not others:
        return None
    flag, name = scene.flag.name, scene.environment.name
    on = any(each is not None and each.enabled for each in scene.seen.values())
    message = (
        f"{flag} is on in {name}, so its code does not come switched off."
        if on
        else (f"Nobody can tell whether {flag} is off in {name}, on every host.")
    )
    begun = scene.standing.stay is not None
    return Untrue(message, others, f"rolloutctl announce phase {flag}" if on and begun else _look(scene))


def _other_phase(scene: Scene, named: str | None) -> Untrue | None:
    stay, flag, rollout = scene.standing.stay, scene.flag.name, scene.rollout
    if stay is None or rollout is None:
        word = "was aborted" if scene.standing.aborted else "has not begun"
        return Untrue(f"The rollout of {flag} {word}.", (), f"rolloutctl rollout status {flag}")
    if named is not None and named != stay.phase:
        onward = named in _behind(rollout.names, stay.phase)[:1]
        way = (
            f"rolloutctl rollout advance {flag}" if onward else f"rolloutctl announce phase {flag} --phase {stay.phase}"
        )
        return Untrue(f"The rollout of {flag} is in {stay.phase}, and not in {named}.", (), way)
    if stay.phase not in rollout.names:
        return Untrue(f"The plan has no phase {stay.phase} any more.", (), f"rolloutctl rollout status {flag}")
    others = scene.others(lambda audience: same_people(audience, stay.audience))
    if others:
        told = f"{stay.phase} is for {stay.audience}, and not every host shows that."
        return Untrue(told, others, f"rolloutctl rollout status {flag}")
    return None


def _no_incident(scene: Scene, _: str | None) -> Untrue | None:
    if newest_open(scene.incidents):
        return None
    name, flag = scene.environment.name, scene.flag.name
    return Untrue(f"No incident of {flag} is open in {name}.", (), f"rolloutctl triage {name} {flag}")


def _not_over(scene: Scene, _: str | None) -> Untrue | None:
    name, flag = scene.environment.name, scene.flag.name
    if not scene.incidents:
        return Untrue(f"There was no incident of {flag} in {name}.", (), _look(scene))
    return _still_open(scene)


def _still_open(scene: Scene) -> Untrue | None:
    """An incident that nobody has ended."""
    if (found := newest_open(scene.incidents)) is None:
        return None
    name, flag = scene.environment.name, scene.flag.name
    return Untrue(
        f"An incident of {flag} in {name} is still open.",
        (f"{found.symptom} ({found.severity}, opened by {found.actor})",),
        f"rolloutctl incident recovered {name}",
    )


def _not_done(scene: Scene, _: str | None) -> Untrue | None:
    flag, stay, rollout = scene.flag.name, scene.standing.stay, scene.rollout
    if rollout is not None and (stay is None or stay.phase != rollout.names[-1]):
        now = f"is in {stay.phase}" if stay else "was aborted" if scene.standing.aborted else "has not begun"
        told = f"The rollout of {flag} {now}; its last phase is {rollout.names[-1]}."
        return Untrue(told, (), f"rolloutctl rollout status {flag}")
    others = scene.others(lambda audience: audience.everyone)
    if others:
        told = f"Not everyone sees {flag} in {scene.environment.name}, on every host."
        return Untrue(told, others, f"rolloutctl rollout status {flag}" if rollout else _look(scene))
    return _still_open(scene)


def _behind(names: Sequence[str], phase: str) -> Sequence[str]:
    return names[names.index(phase) + 1 :] if phase in names else ()


def _look(scene: Scene) -> str:
    return f"rolloutctl status {scene.environment.name} {scene.flag.name}"


def named(things: Iterable[str], *, most: int = 6) -> str:
    """`web-1`, `web-1 and web-2`, `web-1, web-2 ... and 8 more`."""
    all_of = list(things)
    if len(all_of) > most:
        return f"{', '.join(all_of[:most])} and {len(all_of) - most:,} more"
    return " and ".join(filter(None, (", ".join(all_of[:-1]), *all_of[-1:])))
