"""triage: what is wrong with a feature, and what to do; the switch-off is an ordinary one, and an incident is recorded.

Git and database are never touched: what belongs to them is told, and a person does it.
"""

from __future__ import annotations

from datetime import datetime

from msgspec import Struct, field
from msgspec.structs import replace

from rolloutctl.contracts import Desk, Witness
from rolloutctl.errors import PersonNeeded, UsageError
from rolloutctl.rules.flags import Audience
from rolloutctl.rules.incidents import KEEP, NOTHING, SWITCH_OFF, Decision, Severity
from rolloutctl.rules.plans import Wish
from rolloutctl.rules.triage import suggested
from rolloutctl.rules.triage_evidence import Measured
from rolloutctl.rules.triage_steps import Judgement, Scene, judgement
from rolloutctl.workflows.announcing import announced
from rolloutctl.workflows.incidents import Facts, Opened, open_incident
from rolloutctl.workflows.monitor import metrics_of
from rolloutctl.workflows.toggle import Request, toggle
from rolloutctl.workflows.tools import Done, Options, Tools
from rolloutctl.workflows.triage_measuring import Look, look_around, measured_of, numbers_of

_SECONDS = 10.0  # for all that is measured: whoever waits for it could switch off meanwhile
_PATIENCE = 10.0  # seconds for a lock; a switch-off ends whoever only waits
_LONGEST = 1_000  # characters of a reason


class Report(Struct, frozen=True, kw_only=True):
    """What somebody says of it.

    Args:
        environment: where.
        flag: the feature; None: the one that somebody sees there.
        severity: how bad it is; None: to be found out.
        affected: percent of the feature's users; None: nobody knows.
        symptom: what people see.
        detected: when it was seen first.
        at_once: whether a critical one is switched off before anything is measured.
        dry_run: whether nothing is changed.
    """

    environment: str
    flag: str | None = None
    severity: Severity | None = None
    affected: float | None = None
    symptom: str = ""
    detected: datetime
    at_once: bool = False
    dry_run: bool = False


class Triaged(Struct, frozen=True):
    """How it ended. `judgement`: None where nobody sees any feature; `after`: it was measured behind the switch-off."""

    environment: str
    judgement: Judgement | None = None
    done: Done | None = None
    opened: Opened | None = None
    after: bool = False
    notes: tuple[str, ...] = ()

    @property
    def is_off(self) -> bool:
        """Whether it was switched off on every host, or was off already."""
        return self.done is not None and self.done.result in ("kept", "unchanged")


def triage(report: Report, tools: Tools, desk: Desk, witness: Witness) -> Triaged:
    """Measure, decide, switch off where that is the answer, and record the incident on every host.

    Raises:
        UsageError: nothing says which feature, or how bad it is, and nobody can be asked.
        PersonNeeded: no host can be reached to switch off.
        Refused: the person did not agree; nothing was touched.
    """
    flags = tuple(tools.configuration.flags)
    flag = report.flag or (flags[0] if len(flags) == 1 else None)
    if flag and report.severity == "critical" and report.at_once and not report.dry_run:
        return _off_first(_Case(report, flag, tools), desk)
    look = look_around(tools.configuration.environment(report.environment), flag, tools, _SECONDS)
    flag = flag or _flag_in(look, report.environment, witness)
    if flag is None:
        return Triaged(report.environment, notes=look.notes)
    case = _Case(report, flag, tools, look).asked(witness)
    judged = case.judged(case.measured.audience)
    witness.hear(judged)
    if judged.verdict.decision == SWITCH_OFF:
        return Triaged(report.environment, judged, *case.switch_off(desk), notes=look.notes)
    told = (judged.verdict.decision == KEEP or report.symptom) and not report.dry_run
    opened = case.record(judged.verdict.decision) if told and witness.lets_record() else None
    return Triaged(report.environment, case.judged(case.measured.audience, opened), opened=opened, notes=look.notes)


def tell_channels(triaged: Triaged, tools: Tools) -> tuple[str, ...]:
    """Announce an incident that was just opened, where `automatic` says so; what to know of that, in words.

    Apart from the rest, for a channel that hangs takes a minute, and how it ended has to be told before.
    """
    opened = triaged.opened
    return announced(opened, tools).notes[len(opened.notes) :] if opened else ()


def _off_first(case: _Case, desk: Desk) -> Triaged:
    """Seconds count: what is wrong is measured once nobody sees it any more."""
    done, opened = case.switch_off(desk)
    look = look_around(done.plan.environment, case.flag, case.tools, _SECONDS)
    sure = done.plan.before.enabled or done.result == "unchanged"  # else what was written before may not be live yet
    judged = replace(case, look=look).judged(done.plan.before if sure else None, opened)
    return Triaged(case.report.environment, judged, done, opened, after=True, notes=look.notes)


def _flag_in(look: Look, environment: str, witness: Witness) -> str | None:
    """The feature that somebody sees; None: nobody sees any.

    Raises:
        UsageError: that can't be told, or there are several and nobody can be asked.
    """
    seen = look.flags_seen
    if len(seen) > 1:
        return witness.which(seen)
    if not seen and look.unsure:
        raise UsageError(
            f"Not every host of {environment} can say who sees what: name the flag.",
            subject=environment,
            state="Nothing was changed on any host.",
            hint=f"rolloutctl triage {environment} FLAG --severity critical",
        )
    return seen[0] if seen else None


class _Case(Struct, frozen=True):
    """A report about one feature, and what was measured."""

    report: Report
    flag: str
    tools: Tools
    look: Look = field(default_factory=Look)

    @property
    def measured(self) -> Measured:
        return measured_of(self.look, self.tools.configuration.flag(self.flag))

    @property
    def severity(self) -> Severity:
        return self.report.severity or "critical"

    def asked(self, witness: Witness) -> _Case:
        """The same, with what was not said: how bad it is, and how many are affected where that decides."""
        measured = self.measured
        severity = self.report.severity or witness.how_bad(
            self._scene(measured.audience), measured, suggested(measured, self.flag)
        )
        report = replace(self.report, severity=severity)
        is_seen = measured.audience is None or measured.audience.enabled
        if severity == "high" and report.affected is None and is_seen:
            report = replace(report, affected=witness.how_many())
        return replace(self, report=report)

    def judged(self, audience: Audience | None, opened: Opened | None = None) -> Judgement:
        """What to do; `opened`: the incident that was recorded. Where nothing is switched off there may be none."""
        known = self.look.status.incidents if self.look.status else ()
        incident = bool(opened and opened.incident) or any(each.flag == self.flag for each in known)
        scene = replace(self._scene(audience), incident=incident)
        return judgement(self.severity, self.report.affected, self.measured, scene)

    def switch_off(self, desk: Desk) -> tuple[Done, Opened | None]:
        """As `toggle` does it; the incident is recorded behind it, and owed where no host can be reached."""
        report = self.report
        reason = ": ".join(filter(None, ("triage", self.severity, report.symptom)))
        request = Request(report.environment, self.flag, Wish(enabled=False), reason[:_LONGEST])
        try:
            done = toggle(request, Options(dry_run=report.dry_run, wait=_PATIENCE), self.tools, desk)
        except PersonNeeded:
            announced(self.record(SWITCH_OFF), self.tools)
            raise
        if report.dry_run:
            return done, None
        if done.result == "unchanged" and done.error is None:
            return done, self.record(NOTHING) if report.symptom else None
        return done, self.record(SWITCH_OFF)

    def record(self, decision: Decision) -> Opened:
        measured = self.measured
        suggestion = suggested(measured, self.flag)
        facts = Facts(
            severity=self.severity,
            symptom=self.report.symptom or (suggestion.why if suggestion else ""),
            detected=self.report.detected,
            affected=self.report.affected,
            decision=decision,
            numbers=numbers_of(measured),
        )
        return open_incident(self.report.environment, self.flag, self.tools, facts)

    def _scene(self, audience: Audience | None) -> Scene:
        configuration, name = self.tools.configuration, self.report.environment
        environment, rollout = configuration.environment(name), configuration.rollouts.get(self.flag)
        metrics, tried_in = metrics_of(name, self.tools), next(iter(environment.requires), "")
        deploy = configuration.environment(tried_in).deploy if tried_in else None
        return Scene(
            environment=name,
            flag=self.flag,
            audience=audience,
            limitable=configuration.flag(self.flag).companies_key is not None,
            tried_in=tried_in,
            deployable=deploy is not None and not deploy.verify_only,
            recorded=environment.deploy is not None,
            rollout=rollout is not None and rollout.environment == name,
            measured=bool(metrics),
            guarded=any(metric.guard for metric in metrics),
        )
