"""The story of every change: look, plan, prove, ask, lock, commit, keep - or nothing at all.

toggle and rollback differ only in how they make the plan; a narrowing goes on in braking.py.
"""

from __future__ import annotations

from msgspec.structs import replace

from rolloutctl.contracts import Desk
from rolloutctl.errors import PersonNeeded, Refused, Unreachable
from rolloutctl.fleet import Fleet
from rolloutctl.rules.history import in_doubt, of_environment
from rolloutctl.rules.locks import Busy, Drifted, busy_with
from rolloutctl.rules.outcomes import HostOutcome, asked_in, untouched
from rolloutctl.rules.plans import Plan
from rolloutctl.rules.requests import describe, is_about_flag, requests_for
from rolloutctl.rules.work import failures
from rolloutctl.workflows.braking import PlanMaker, brake
from rolloutctl.workflows.closing import again, toggle_to
from rolloutctl.workflows.endings import conclude
from rolloutctl.workflows.gates import check_gates
from rolloutctl.workflows.hooking import check_hooks, tell_hooks
from rolloutctl.workflows.looking import look_at
from rolloutctl.workflows.meanwhile import provisional_meanwhile, refuse_provisional_narrowing, told_meanwhile
from rolloutctl.workflows.proving import prove
from rolloutctl.workflows.rollout_beside import beside_rollout
from rolloutctl.workflows.settling import comes_first, refuse_to_foresee, settle_leftovers
from rolloutctl.workflows.tools import Done, Options, Tools

_PAUSE = 0.5  # seconds before looking again at a change that somebody else has on its way
_STRAGGLERS = 2.0  # seconds that a switch-off gives slow hosts before it begins with the others


class _Change:
    """One change on its way: the plan may be made anew, the question is asked once."""

    def __init__(self, fleet: Fleet, make_plan: PlanMaker, options: Options, tools: Tools, desk: Desk) -> None:
        self.fleet = fleet
        self.make_plan = make_plan
        self.options = options
        self.tools = tools
        self.desk = desk
        self.lost: dict[str, Unreachable] = {}
        self.begun = tools.clock.monotonic()
        self._agreed: object = None
        self._doubts: tuple[str, ...] = ()
        self._settled: tuple[str, ...] = ()
        self._unsettled: tuple[Refused, ...] = ()
        self._in_doubt = False  # hosts have recorded other ends of this flag's last change; one more is to settle it

    def carry_out(self, *, hurry: bool) -> Done:
        """The whole story; `hurry`: it is known to switch off, so that hosts which hang are not waited for."""
        flags = self.tools.configuration.flags.values()
        self.lost = self.fleet.open(flags, _STRAGGLERS if hurry else None, content=True)
        if not self.fleet.sessions:
            self.lost.update(self.fleet.arrivals())
        deadline = self.begun + self.options.wait
        while (done := self._tried(self._planned(), deadline)) is None:
            pass
        return done

    def _tried(self, plan: Plan, deadline: float) -> Done | None:
        """One plan carried out; None when it has to be made anew, because somebody else was faster."""
        undecided = provisional_meanwhile(plan) or _undecided(plan)
        if undecided is not None and not plan.target.nobody:
            self._wait_for(undecided, deadline)
            return None
        settled = not (undecided or self.fleet.arriving or self._unsettled or self._in_doubt)
        if plan.nothing_to_write and settled and (done := self._already_so(plan)):
            return done
        if plan.narrow:
            refuse_provisional_narrowing(plan)
            return self._narrowed(plan)
        try:
            return self._widened(plan, deadline)
        except Drifted as drifted:
            if self.tools.clock.monotonic() > deadline:
                raise
            if drifted.moved:
                self.lost.update(self.fleet.renew([drifted.subject]))
            return None

    def _wait_for(self, undecided: Busy, deadline: float) -> None:
        left = deadline - self.tools.clock.monotonic()
        if left <= 0:
            raise undecided
        self.tools.clock.wait(min(left, _PAUSE))

    def _planned(self) -> Plan:
        """Look, settle what was interrupted, and plan.

        Raises:
            Refused: what was interrupted can't be settled, and the plan is to widen; or it is a dry run, which may not.
        """
        states = look_at(self.fleet, None, self.lost, self.tools)
        self._unsettled = ()
        if not self.options.dry_run:
            settled, self._unsettled = settle_leftovers(self.fleet, states, self.tools)
            self._settled += settled
            if settled:
                states = look_at(self.fleet, None, self.lost, self.tools)
        plan = self.make_plan(states, self.lost)
        if self.options.dry_run:
            if not plan.target.nobody:
                refuse_to_foresee(states, "--dry-run")
            self._settled = comes_first(states)
        if self._unsettled and (not plan.narrow or (plan.nothing_to_write and plan.target.enabled)):
            raise self._unsettled[0]
        known = self.tools.configuration.flags
        doubted = in_doubt(of_environment(states))
        self._in_doubt = any(change.flag == plan.flag.name for change in doubted)
        self._doubts = tuple(
            f"{change.flag} is IN DOUBT since {change.id}: the hosts ended it differently. "
            f"Settle it: {toggle_to(plan.environment.name, known[change.flag], change.meant)}"
            for change in doubted
            if change.flag != plan.flag.name and change.flag in known
        )
        return plan

    def _widened(self, plan: Plan, deadline: float) -> Done:
        notes = self._settled + self._doubts + check_gates(plan, self.lost, self.tools)
        notes += beside_rollout(self.fleet, plan, self.tools)
        notes += prove(self.fleet, plan, self.tools, with_pending=self.options.with_pending)
        if (planned := self._asked(plan, notes)) is not None:
            return planned
        begun = self.tools.clock.monotonic()
        names = [host.name for host in plan.hosts]
        outcomes = self.fleet.take(plan.change, names, seconds=max(0.0, deadline - begun))
        return self._ended(conclude(self.fleet, plan, outcomes, self.tools), notes, begun)

    def _narrowed(self, plan: Plan) -> Done:
        notes = self._settled + self._doubts + check_gates(plan, self.lost, self.tools) + told_meanwhile(plan)
        notes += beside_rollout(self.fleet, plan, self.tools)
        if self.options.dry_run:
            notes += prove(self.fleet, plan, self.tools, with_pending=True)
        if (planned := self._asked(plan, notes)) is not None:
            return planned
        begun = self.tools.clock.monotonic()
        return self._ended(brake(self.fleet, plan, self.lost, self.make_plan, self.tools), notes, begun)

    def _asked(self, plan: Plan, notes: tuple[str, ...]) -> Done | None:
        """Show and ask; the same again needs no second question. A dry run ends here.

        Raises:
            Refused: the person did not agree.
        """
        essence = (plan.target, *((host.name, host.writes) for host in plan.hosts))
        if self._agreed == essence:
            return None
        self.desk.show(plan, notes)
        if self.options.dry_run:
            return Done(plan, "planned", _nobody_touched(plan), notes)
        if not self.desk.agrees(plan):
            raise Refused("You did not agree.", subject=plan.environment.name, state="Nothing was changed on any host.")
        check_hooks(plan, self.tools)
        self._agreed = essence
        return None

    def _ended(self, done: Done, notes: tuple[str, ...], begun: float) -> Done:
        seconds = self.tools.clock.monotonic() - begun
        return replace(done, notes=(*notes, *done.notes), seconds=seconds)

    def _already_so(self, plan: Plan) -> Done | None:
        """Files and caches say so on every host that can be reached; None when the application answers otherwise."""
        wrong = self._wrong_answers(plan)
        if any(is_about for is_about, _ in wrong):
            return None
        error = None
        if plan.unreachable:
            error = PersonNeeded(
                f"{plan.flag.name} is already set to {plan.target} on every host that can be reached; not reached:"
                f" {', '.join(plan.unreachable)}.",
                subject=plan.environment.name,
                state="Nothing was changed.",
                hint=again(plan),
            )
        notes = (*self._settled, *(note for _, note in wrong))
        return Done(plan, "unchanged", _nobody_touched(plan), notes, error)

    def _wrong_answers(self, plan: Plan) -> list[tuple[bool, str]]:
        """What the application answers otherwise than files and caches: whether it is about the flag, and in words."""
        wrong = []
        for host in plan.hosts:
            session = self.fleet.sessions[host.name]
            requests = requests_for(
                plan.environment, session.host, [(plan.flag, plan.target)], session.server, patient=False
            )
            for asked in failures(asked_in(session.ask(requests)) if requests else ()):
                name = describe(asked.id, self.tools.configuration.flags, plan.environment)
                wrong.append((is_about_flag(asked.id, plan.flag), f"{host.name}: {name} answers {asked}"))
        return wrong


def carry_out(  # noqa: PLR0913 - the whole of a change
    fleet: Fleet, make_plan: PlanMaker, options: Options, tools: Tools, desk: Desk, *, hurry: bool
) -> Done:
    """Carry out a change: a widening on all hosts of a fleet or on none, a narrowing on all it can reach.

    Hosts may have been reached already; in the end the fleet is closed.

    Raises:
        Refused: nothing was touched.
    """
    fleet.notice = desk.notice
    with fleet:
        done = _Change(fleet, make_plan, options, tools, desk).carry_out(hurry=hurry)
    return tell_hooks(done, tools)


def _undecided(plan: Plan) -> Busy | None:
    """Whose change of the same flag is on its way, where nothing seems to be left to do: what stands may go back."""
    for host in plan.hosts if plan.nothing_to_write else ():
        holder = host.state.holder
        closing = any(pending.alive and pending.fields.get("narrow") for pending in host.state.pending)
        if holder is not None and holder.fields.get("flag") == plan.flag.name and not closing:
            return busy_with(holder, host.name)
    return None


def _nobody_touched(plan: Plan) -> tuple[HostOutcome, ...]:
    return tuple(untouched(host.name) for host in plan.hosts)
