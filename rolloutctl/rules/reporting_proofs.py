"""What the records alone tell of a phase: its gates and sign-offs with evidence, how long it was, for whom."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import tzinfo
from itertools import pairwise

from rolloutctl.rules.cohorts import Cohort
from rolloutctl.rules.durations import in_days
from rolloutctl.rules.flags import Audience
from rolloutctl.rules.reporting import Goal, Judged, Leg, Proof, Proved
from rolloutctl.rules.reporting_words import people, percent, when
from rolloutctl.rules.rollout_gates import Gate
from rolloutctl.rules.rollout_standing import Mark, Standing, Stay
from rolloutctl.rules.rollouts import Phase, Validation
from rolloutctl.rules.ticks import Progress

_LONGEST = 1_500  # characters of a piece of evidence: a host may have written more


def gates_now(leg: Leg, gates: Sequence[Gate], zone: tzinfo) -> Iterator[Proof]:
    """The gates behind the current phase as they stand; where nobody looked at them, its sign-offs."""
    for gate in gates:
        word: Proved = "ok" if gate.passed else "no data" if gate.verdict == "no data" else "shut"
        opens = f", opens {when(gate.opens, zone)}" if gate.opens is not None and not gate.passed else ""
        yield Proof(gate.name, word, f"{gate.evidence}{opens}")
    if not gates:
        yield from _signatures(leg.phase.gates.signoffs, leg.stay.signed if leg.stay else {}, zone)


def gates_then(leg: Leg, now: Standing, zone: tzinfo) -> Iterator[Proof]:
    """How the gates behind a phase were passed when it was left for the next one."""
    stay, soak = leg.stay, leg.phase.soak
    if stay is None:
        return
    following = _following(stay, now)
    passed = _overridden(following)
    if soak:
        word: Proved = "ok" if leg.soak >= soak else "overridden" if "soak" in passed else "missing"
        yield Proof("soak", word, f"{in_days(leg.soak)} of {in_days(soak)}")
    for proof in _signatures(leg.phase.gates.signoffs, stay.signed, zone):
        yield Proof(proof.name, "overridden", proof.evidence) if proof.name in passed else proof
    told = {"soak", *(f"signoff-{role}" for role in leg.phase.gates.signoffs)}
    for name, evidence in passed.items():
        if name not in told:
            yield Proof(name, "overridden", evidence)
    if following is not None and following.fields.get("onward"):
        others = "every other gate let it through" if passed else "every gate let it through"
        yield Proof("left", "ok", f"{when(following.at, zone)} by {following.actor}: {others}")


def gates_of_validation(
    asked: Validation, progress: Progress | None, signed: Mapping[str, Mark], zone: tzinfo
) -> Iterator[Proof]:
    """The checklist and the sign-offs in front of the first phase."""
    if progress is not None:
        failed = f", {progress.failed} failed" if progress.failed else ""
        told = f"{progress.passed} of {progress.total} items passed{failed}"
        yield Proof("checklist", "ok" if progress.complete else "missing", told)
    yield from _signatures(asked.signoffs, signed, zone)


def goals_of_records(leg: Leg) -> Iterator[Goal]:
    """For how long a phase was, for whom, and who agreed."""
    over, soak = leg.state != "current", leg.phase.soak
    if soak:
        verdict: Judged = "met" if leg.soak >= soak else "missed" if over else "open"
        yield Goal("Lasted", f"at least {in_days(soak)}", in_days(leg.soak), verdict)
    if leg.cohort is not None and leg.phase.audience is None:
        yield Goal("For whom", _asked(leg.phase), in_numbers(leg.cohort), "met")
    yield from _signed(leg.phase.gates.signoffs, leg.stay.signed if leg.stay else {}, over=over)


def goals_of_validation(
    asked: Validation, progress: Progress | None, signed: Mapping[str, Mark], *, over: bool
) -> Iterator[Goal]:
    """What was to be seen before the first phase."""
    if progress is None:
        yield Goal("Checklist", "every required item", "the plan has none, or it can't be read", "not measured")
    else:
        told = f"{progress.passed} of {progress.total} passed, {progress.required_open} required ones open"
        verdict: Judged = "met" if progress.complete else "missed" if over else "open"
        yield Goal("Checklist", "every required item", told, verdict)
    yield from _signed(asked.signoffs, signed, over=over)


def in_numbers(cohort: Cohort) -> str:
    """`31 of 312 companies, 2,010 of 20,100 people: 10 %`."""
    many = f"{len(cohort.companies):,}" + (f" of {cohort.population:,}" if cohort.population else "")
    told = f"{many} {'company' if many == '1' else 'companies'}"
    if cohort.people is not None and cohort.people_in_all is not None:
        told += f", {cohort.people:,} of {cohort.people_in_all:,} people"
    return told if cohort.share is None else f"{told}: {percent(cohort.share / 100)}"


def _following(stay: Stay, now: Standing) -> Stay | None:
    return next((other for one, other in pairwise((*now.earlier, *now.stays)) if one is stay), None)


def _overridden(stay: Stay | None) -> Mapping[str, str]:
    """The gates that were passed by on the way into a phase, with their evidence; a host may have written anything."""
    found = stay.fields.get("overridden") if stay else None
    each = (gate for gate in found if isinstance(gate, Mapping)) if isinstance(found, list) else ()
    return {str(gate.get("gate"))[:_LONGEST]: str(gate.get("evidence") or "")[:_LONGEST] for gate in each}


def _signatures(roles: Iterable[str], signed: Mapping[str, Mark], zone: tzinfo) -> Iterator[Proof]:
    for role in roles:
        mark = signed.get(role)
        if mark is None:
            yield Proof(f"signoff-{role}", "missing", "nobody has signed")
        else:
            note = f": {mark.note}" if mark.note else ""
            yield Proof(f"signoff-{role}", "ok", f"{mark.actor}, {when(mark.at, zone)}{note}"[:_LONGEST])


def _signed(roles: Sequence[str], signed: Mapping[str, Mark], *, over: bool) -> Iterator[Goal]:
    if not roles:
        return
    missing = [role for role in roles if role not in signed]
    told = "; ".join(f"{role}: {signed[role].actor if role in signed else 'missing'}" for role in roles)
    verdict: Judged = "met" if not missing else "missed" if over else "open"
    yield Goal("Signed off", " and ".join(roles), told, verdict)


def _asked(phase: Phase) -> str:
    return f"{phase.percent:g} %" if phase.percent is not None else people(Audience(True, phase.companies))
