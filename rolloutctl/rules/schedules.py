"""Changes that somebody has scheduled, folded from the records of the hosts: which wait, and what became of the others.

A schedule is a mark on every host; so is its cancellation, and what `due` says of one that it does not carry out. The
change that carries one out names it in its records: where one is, nobody carries it out again.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Literal

from msgspec import Struct
from msgspec.structs import replace

from rolloutctl.rules.durations import in_words
from rolloutctl.rules.flags import Audience, same_people
from rolloutctl.rules.history import Change, fold
from rolloutctl.rules.records import Record, audience_of, texts_in
from rolloutctl.rules.rollout_dates import told
from rolloutctl.rules.rollout_log import is_of, marks_in, order_of
from rolloutctl.rules.rollout_standing import SCHEDULE, Mark, moment_of

SCHEDULED, CANCELLED, REFUSED, FULFILLED = "scheduled", "cancelled", "refused", "fulfilled"
GRACE = 3600.0  # seconds that letting more people in may be late, unless it is said otherwise
State = Literal["pending", "under way", "done", "failed", "cancelled", "refused"]
_ENDS: Mapping[str, State] = {CANCELLED: "cancelled", REFUSED: "refused", FULFILLED: "done"}


class Schedule(Struct, frozen=True, kw_only=True):
    """A change that is to come. `departed` is a change that came between: `after` was not meant to follow that."""

    id: str
    flag: str
    environment: str
    before: Audience
    after: Audience
    due: datetime
    written: str  # the moment as it was asked for
    at: datetime
    actor: str
    reason: str
    state: State = "pending"
    change: str = ""  # the one that carried it out, or tried to
    why: str = ""  # it was cancelled or refused
    departed: Change | None = None
    lacking: tuple[str, ...] = ()  # hosts whose log does not have it
    knew: frozenset[str] = frozenset()  # the schedules of the flag that were there before it: it may follow them

    @property
    def off(self) -> bool:
        """Whether nobody is to see the feature: that is carried out whatever has happened."""
        return self.after.nobody

    @property
    def narrow(self) -> bool:
        """Whether nobody is to see it who did not before."""
        return self.after.within(self.before)

    def __str__(self) -> str:
        return f"{self.flag} for {self.after} at {self.written}"


def schedules_in(logs: Mapping[str, Sequence[Record]], *, flag: str, environment: str) -> tuple[Schedule, ...]:
    """The schedules of a flag, in the order in which they were written.

    Args:
        logs: each host's records, oldest first; the arbiter first. They may be only the newest ones.
        flag: the flag.
        environment: the environment.
    """
    ours = {host: [r for r in log if is_of(r, flag, environment)] for host, log in logs.items()}
    marks = {mark.entry: mark for mark in marks_in(r for log in ours.values() for r in log)}
    changes = {change.id: change for change in fold(ours)}
    found: dict[str, Schedule] = {}
    for name, late in order_of(ours.values()):
        if name in marks:
            _take(found, marks[name])
        elif name in changes and not (late and _before_all(changes[name], found)):
            _follow(found, changes[name])
    holders = {
        entry: {h for h, log in ours.items() if any(r.data.get("entry") == entry for r in log)} for entry in found
    }
    return tuple(
        replace(each, lacking=tuple(host for host in logs if host not in holders[name])) for name, each in found.items()
    )


def pending(schedules: Sequence[Schedule]) -> tuple[Schedule, ...]:
    """Those that wait, the first to come first."""
    return tuple(sorted((each for each in schedules if each.state == "pending"), key=lambda each: each.due))


def standing_before(schedules: Sequence[Schedule], due: datetime, now: Audience) -> Audience:
    """Who is expected to see the feature at a moment: what the last schedule before it says, else who does now."""
    earlier = [each for each in pending(schedules) if each.due <= due]
    return earlier[-1].after if earlier else now


def is_due(schedule: Schedule, now: datetime) -> bool:
    """Whether its moment has come."""
    return schedule.state == "pending" and schedule.due <= now


def is_overdue(schedule: Schedule, now: datetime, grace: float) -> bool:
    """Whether nobody has carried it out within the grace (seconds)."""
    return is_due(schedule, now) and (now - schedule.due).total_seconds() > grace


def objection(schedule: Schedule, now: datetime, grace: float) -> str:
    """Why a due schedule is not to be carried out any more, in words; empty where it is: so for every switch-off."""
    if schedule.off:
        return ""
    if schedule.lacking and not schedule.narrow:
        return f"{', '.join(schedule.lacking)} knows nothing of it"
    if schedule.departed is not None:
        change = schedule.departed
        who = str(change.fields.get("actor") or "somebody")
        when = told(moment_of(change.outcome_fields or change.fields))
        return f"{who} changed {schedule.flag} since it was scheduled: {change.after}, on {when} (change {change.id})"
    if not schedule.narrow and is_overdue(schedule, now, grace):
        return f"it was due at {told(schedule.due)}, and later than {in_words(grace)} nobody more is let in"
    return ""


def disagreement(schedule: Schedule, seen: Mapping[str, Audience]) -> str:
    """What the hosts say against a schedule, by who sees the feature there; empty where nothing does."""
    for host, audience in seen.items():
        if not schedule.off and not any(same_people(audience, each) for each in (schedule.before, schedule.after)):
            return f"on {host} {audience} sees it, and it was scheduled to follow {schedule.before}"
    return ""


def _take(found: dict[str, Schedule], mark: Mark) -> None:
    fields = mark.fields
    if fields.get("event") != SCHEDULE:
        return
    if mark.action == SCHEDULED:
        due = moment_of({"at": fields.get("due")})
        if due <= moment_of({}) or not (_is_audience(fields.get("from")) and _is_audience(fields.get("to"))):
            return  # nobody can tell what it would be
        found[mark.entry] = Schedule(
            id=mark.entry,
            flag=str(fields.get("flag", "")),
            environment=str(fields.get("environment", "")),
            before=audience_of(fields.get("from")),
            after=audience_of(fields.get("to")),
            due=due,
            written=str(fields.get("written") or due.isoformat()),
            at=mark.at,
            actor=mark.actor,
            reason=str(fields.get("reason") or ""),
            knew=frozenset(found),
        )
        return
    meant = found.get(str(fields.get("schedule")))
    if meant is not None and mark.action in _ENDS and meant.state in ("pending", "under way"):
        found[meant.id] = replace(meant, state=_ENDS[mark.action], why=mark.note)


def _is_audience(fields: object) -> bool:
    """Whether a record says whole and clearly who is to see the feature: what is left out must not mean everyone."""
    if not isinstance(fields, Mapping) or not isinstance(fields.get("enabled"), bool):
        return False
    companies = fields.get("companies")
    return isinstance(companies, list) and all(type(each) is int for each in companies)


def _follow(found: dict[str, Schedule], change: Change) -> None:
    """What a change means for the schedules before it: it carries one out, or departs from what they build upon."""
    own = str(change.fields.get("schedule") or "")
    if own in found:
        found[own] = _carried(found[own], change)
    if change.outcome != "kept":
        return
    for name, each in found.items():
        if name == own or own in each.knew or each.state != "pending":
            continue
        half_done = each.off and bool(each.change)
        found[name] = replace(each, state="done") if half_done else replace(each, departed=change)


def _carried(schedule: Schedule, change: Change) -> Schedule:
    """A switch-off waits for every host that it was for; anything else is tried once."""
    if schedule.state not in ("pending", "under way"):
        return schedule
    if schedule.off:
        whole = all(change.ends.get(host) == "kept" for host in texts_in(change.fields.get("hosts")))
        kept = "kept" in change.ends.values()
        return replace(schedule, state="done" if kept and whole else "pending", change=change.id if kept else "")
    ends: Mapping[str, State] = {"kept": "done", "reverted": "failed"}
    return replace(schedule, state=ends.get(change.outcome, "under way"), change=change.id)


def _before_all(change: Change, found: Mapping[str, Schedule]) -> bool:
    """Whether a change of which only late records tell was made before anything was scheduled."""
    return all(moment_of(change.fields) < each.at for each in found.values())
