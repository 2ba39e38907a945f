"""rollout start, advance and abort: from one phase to another, through the same transaction as every change."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from rolloutctl.contracts import Desk
from rolloutctl.errors import Refused, UsageError
from rolloutctl.rules.cohorts import Cohort, carried, cohort_fields, too_long
from rolloutctl.rules.flags import Audience
from rolloutctl.rules.host import HostState
from rolloutctl.rules.plans import Wish
from rolloutctl.rules.records import audience_fields
from rolloutctl.rules.rollout_dates import told
from rolloutctl.rules.rollout_gates import Gate, audience_in, next_phase, phase_of, renamed, shut
from rolloutctl.rules.rollout_log import standing
from rolloutctl.rules.rollout_standing import ROLLOUT, Standing
from rolloutctl.rules.rollouts import Phase
from rolloutctl.workflows.announcing import announce_phase
from rolloutctl.workflows.hooking import tell_phase
from rolloutctl.workflows.rollout_asking import Attentive
from rolloutctl.workflows.rollout_bench import bench
from rolloutctl.workflows.rollout_looking import Look, look
from rolloutctl.workflows.toggle import Request, toggle
from rolloutctl.workflows.tools import Done, Options, Tools

_UNTOUCHED = "Nothing was changed on any host."

_AT_TIMES = ("day", "freeze")  # gates that stand there on some days only: a script may always name them


class Step(Struct, frozen=True):
    """What somebody asked for: the next phase, or `to` another one, past the gates in `overrides`."""

    flag: str
    begin: bool = False  # `start`, and not `advance`
    to: str | None = None
    overrides: tuple[str, ...] = ()
    reason: str = ""


class Move(Struct, frozen=True):
    """A step that may be taken: where from, where to, and for whom."""

    look: Look
    phase: Phase
    audience: Audience
    cohort: Cohort | None
    overridden: tuple[Gate, ...] = ()
    skipped: tuple[str, ...] = ()  # phases in between
    notes: tuple[str, ...] = ()


def find_move(step: Step, tools: Tools) -> Move:
    """The move that a step means, once every gate lets it through.

    Raises:
        UsageError: there is no such phase or gate, or a reason is missing.
        Refused: it is not the time for it, or a gate is shut: which, by what evidence, when it could open, and how.
    """
    rollout = tools.configuration.rollout(step.flag)
    if step.to is not None and phase_of(rollout, step.to) is None:
        raise UsageError(
            f"The rollout of {step.flag} has no phase '{step.to}'.",
            subject=rollout.environment,
            state=_UNTOUCHED,
            hint=f"Its phases: {', '.join(rollout.names)}.",
        )
    found = look(rollout, tools, to=step.to)
    phase = _phase(step, found)
    aside = phase != next_phase(rollout, found.standing)
    if (aside or step.overrides) and not step.reason:
        what = f"--to {phase.name}" if aside else "--override"
        raise Refused(
            f"{what} leaves the plan's way, so it needs a reason for the record.",
            subject=rollout.environment,
            state=_UNTOUCHED,
            hint='Say it: --reason "..."',
        )
    overridden = () if found.back else _passed_by(step, found, phase)
    audience, cohort, notes = _audience(found, phase)
    _check_hold(found, phase, audience)
    return Move(found, phase, audience, cohort, overridden, _skipped(found, phase), notes)


def _check_hold(found: Look, phase: Phase, audience: Audience) -> None:
    """Back to a phase whose list has grown meets no gate; but nobody is let in while somebody holds the rollout.

    Raises:
        Refused: naming who holds it.
    """
    stay, held = found.standing.stay, found.standing.held
    if found.back and held is not None and stay is not None and not audience.within(stay.audience):
        raise Refused(
            f"{phase.name} would let more people see {found.rollout.flag}, and {held.actor} holds the rollout.",
            subject=found.rollout.environment,
            state=_UNTOUCHED,
            hint=f"rolloutctl rollout resume {found.rollout.flag}",
        )


def make_move(move: Move, step: Step, options: Options, tools: Tools, desk: Desk) -> Done:
    """Enter the phase: a change of the flag on every host or on none; only a mark where nothing has to be written."""
    done = _enter(move, step, options, tools, desk)
    if not move.phase.guard or options.dry_run or done.error is not None:
        return done
    guard = f"rolloutctl monitor {done.plan.environment.name} {done.plan.flag.name}"
    return replace(done, notes=(*done.notes, f"The plan has {move.phase.name} guarded. To guard it: {guard}"))


def _enter(move: Move, step: Step, options: Options, tools: Tools, desk: Desk) -> Done:
    rollout = move.look.rollout
    about = _about(move, tools)

    def as_it_was(states: Mapping[str, HostState]) -> None:
        """Somebody else may have moved the rollout meanwhile: then the gates were another phase's."""
        logs = {name: state.records for name, state in states.items()}
        _check_unmoved(move, standing(logs, flag=rollout.flag, environment=rollout.environment))

    def look_again() -> None:
        with bench(rollout, tools) as opened:
            _check_unmoved(move, opened.standing)

    request = Request(
        rollout.environment,
        rollout.flag,
        Wish(move.audience.enabled, move.audience.companies if move.audience.enabled else None),
        step.reason or f"rollout: {move.phase.name}",
        about=about,
        overridden=tuple(gate.name for gate in move.overridden),
        guard=as_it_was,
    )
    done = replace(toggle(request, options, tools, Attentive(desk, tools.clock, look_again)), word=_word(move, options))
    if done.result != "unchanged" or done.error is not None or options.dry_run:
        return _announced(done, move, tools) if done.result == "kept" and done.error is None else done
    mark = {
        "event": ROLLOUT,
        "action": "entered",
        "rollout": about,
        "to": audience_fields(move.audience),
        "reason": request.reason,
    }
    with bench(rollout, tools) as opened:
        _check_unmoved(move, opened.standing)
        notes = opened.write(mark)
    return _announced(tell_phase(replace(done, notes=(*done.notes, *notes)), tools), move, tools)


def _announced(done: Done, move: Move, tools: Tools) -> Done:
    return replace(done, notes=(*done.notes, *announce_phase(move.look.rollout.flag, move.phase.name, tools)))


def _check_unmoved(move: Move, fresh: Standing) -> None:
    if fresh.known - move.look.standing.known:
        flag = move.look.rollout.flag
        raise Refused(
            f"Somebody else changed {flag}, or said something of its rollout, in this moment.",
            subject=move.look.rollout.environment,
            state=_UNTOUCHED,
            hint=f"rolloutctl rollout status {flag}",
        )


def abort(flag: str, reason: str, options: Options, tools: Tools, desk: Desk) -> Done:
    """Switch the feature off, and end the rollout. It meets no gate, and asks no log before the feature is off."""
    rollout = tools.configuration.rollout(flag)
    request = Request(rollout.environment, flag, Wish(enabled=False), reason, about={"aborted": True})
    done = toggle(request, options, tools, desk)
    if done.result != "unchanged" or options.dry_run:
        return replace(done, word="Aborted") if done.result == "kept" else done
    with bench(rollout, tools) as opened:
        if opened.standing.stay is None:
            return replace(done, notes=(*done.notes, f"No rollout of {flag} was running."))
        notes = opened.write({"event": ROLLOUT, "action": "aborted", "reason": reason})
    return replace(done, notes=(*done.notes, *notes), word="Aborted")


def _word(move: Move, options: Options) -> str:
    """How a move that ended well is told."""
    if move.look.back:
        return f"{'It would be back' if options.dry_run else 'Back'} in {move.phase.name}"
    return f"{move.phase.name} {'would begin' if options.dry_run else 'has begun'}"


def _phase(step: Step, found: Look) -> Phase:
    """The phase that is meant.

    Raises:
        Refused: it has begun already, or not yet, or it is over.
    """
    stay, flag = found.standing.stay, step.flag
    if step.begin and stay is not None:
        raise _not_now(found, f"The rollout of {flag} is in its phase {stay.phase} already.", f"advance {flag}")
    if not step.begin and stay is None:
        word = "was aborted" if found.standing.aborted else "has not begun"
        raise _not_now(found, f"The rollout of {flag} {word}.", f"start {flag}")
    if found.target is not None:
        return found.target
    if stay is not None and phase_of(found.rollout, stay.phase) is None:
        raise Refused(
            f"The plan has no phase {stay.phase} any more, so nobody knows what comes next.",
            subject=found.rollout.environment,
            state=_UNTOUCHED,
            hint=renamed(found.rollout, found.standing, found.cohorts),
        )
    raise _not_now(found, f"{flag} is in its last phase: nothing comes after it.", f"status {flag}")


def _not_now(found: Look, message: str, command: str) -> Refused:
    return Refused(message, subject=found.rollout.environment, state=_UNTOUCHED, hint=f"rolloutctl rollout {command}")


def _skipped(found: Look, phase: Phase) -> tuple[str, ...]:
    """The phases between the next one and this one; where the plan has lost the current one, from the last it has."""
    names, now = found.rollout.names, found.standing
    following = next_phase(found.rollout, now)
    if following is not None:
        return names[names.index(following.name) : names.index(phase.name)]
    been = [names.index(stay.phase) for stay in now.stays if stay.phase in names]
    return names[been[-1] + 1 if been else 0 : names.index(phase.name)]


def _passed_by(step: Step, found: Look, phase: Phase) -> tuple[Gate, ...]:
    """The shut gates that were named to be passed by.

    Raises:
        Refused: another gate is shut, or one that nobody can pass by.
        UsageError: a name that is no gate's.
    """
    names = {gate.name: gate for gate in found.gates}
    for name in step.overrides:
        if name not in {*names, *_AT_TIMES}:
            raise UsageError(
                f"There is no gate '{name}' in front of {phase.name}.",
                subject=found.rollout.environment,
                state=_UNTOUCHED,
                hint=f"The gates: {', '.join(names)}.",
            )
    closed = shut(found.gates)
    left = [gate for gate in closed if gate.firm or gate.name not in step.overrides]
    if not left:
        return tuple(gate for gate in closed if gate.name in step.overrides)
    when = f" It could open on {told(found.opens)}." if found.opens else ""
    raise Refused(
        f"{phase.name} has to wait: {', '.join(gate.name for gate in left)}"
        f" {'does' if len(left) == 1 else 'do'} not let it through.{when}",
        subject=f"{found.rollout.environment} · {step.flag}",
        state=_UNTOUCHED,
        hint="\n".join(_ways(step, closed, left)),
        details=tuple(_evidence(gate) for gate in left),
    )


def _ways(step: Step, closed: Sequence[Gate], left: Sequence[Gate]) -> Iterator[str]:
    """The commands that open the gates, and the one that passes them by, where that can be."""
    firm = any(gate.firm for gate in left)
    mends = dict.fromkeys(gate.mend for gate in left if firm or gate.mend.startswith("rolloutctl "))
    for number, mend in enumerate(filter(None, mends)):
        yield f"Then: {mend}" if number and mend.startswith("rolloutctl ") else mend
    if not firm:
        words = ["rollout", "start" if step.begin else "advance", step.flag, *(("--to", step.to) if step.to else ())]
        words += [word for gate in closed for word in ("--override", gate.name)]
        yield f'To pass by what is shut: rolloutctl {" ".join(words)} --reason "..."'


def _evidence(gate: Gate) -> str:
    when = f" (opens {told(gate.opens)})" if gate.opens else ""
    firm = " This one can't be overridden." if gate.firm else ""
    return f"{gate.name}: {gate.evidence}{when}.{firm}"


def _audience(found: Look, phase: Phase) -> tuple[Audience, Cohort | None, tuple[str, ...]]:
    """Who is to see the feature in a phase.

    Raises:
        Refused: nobody can tell, or the list is too long to be set.
    """
    cohort = found.cohorts.get(phase.name)
    if phase.audience is not None:
        return audience_in(phase, cohort), cohort, ()
    if cohort is None or not cohort.companies:
        raise Refused(
            f"Nobody can tell who is in {phase.name}: {found.trouble or 'no companies are listed'}.",
            subject=found.rollout.environment,
            state=_UNTOUCHED,
            hint="See companies: below this rollout in environments.yaml.",
        )
    long = too_long(cohort.companies)
    if long and not carried(cohort.companies):
        raise Refused(
            long,
            subject=found.rollout.environment,
            state=_UNTOUCHED,
            hint="A smaller percentage, or audience: everyone, below phases: in environments.yaml.",
        )
    return audience_in(phase, cohort), cohort, (long,) if long else ()


def _about(move: Move, tools: Tools) -> dict[str, Any]:
    """What the records of the change tell of the phase."""
    now, cohort = move.look.standing, move.cohort
    return {
        "run": now.run if now.stay else tools.new_id(),
        "phase": move.phase.name,
        "onward": not move.look.back,
        **({} if cohort is None else cohort_fields(cohort)),
        **({"skipped": list(move.skipped)} if move.skipped else {}),
        **(
            {"overridden": [{"gate": gate.name, "evidence": gate.evidence} for gate in move.overridden]}
            if move.overridden
            else {}
        ),
    }
