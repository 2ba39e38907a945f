"""What may begin while a change is provisional, and what may not become provisional itself."""

from __future__ import annotations

from rolloutctl.errors import Refused
from rolloutctl.rules.locks import Busy
from rolloutctl.rules.plans import Plan
from rolloutctl.rules.provisional import Provisional, provisional_in, ways_on


def provisional_meanwhile(plan: Plan) -> Busy | None:
    """Who holds a provisional change, until when, and the ways on; None where the plan may begin.

    A narrowing may: it ends the provisional change. A widening would begin upon what may go back in a moment, and what
    is so already is so only until then.
    """
    found = _provisional(plan)
    if found is None or (plan.narrow and not (plan.nothing_to_write and plan.target.enabled)):
        return None
    return until_confirmed(found)


def until_confirmed(found: Provisional) -> Busy:
    """Somebody's change stands until its time is over, and what would begin upon it can't."""
    until, ways = ways_on(found.environment, found.flag, found.seconds_left)
    return Busy(
        f"{found.flag} for {found.after} is provisional, by {found.actor}.",
        subject=found.environment,
        state=f"Nothing was changed. {until}",
        hint=ways,
    )


def told_meanwhile(plan: Plan) -> tuple[str, ...]:
    """What a narrowing does to a provisional change, whichever flag that is about."""
    found = _provisional(plan)
    return (f"This ends a provisional change, which goes back first: {found}.",) if found else ()


def refuse_provisional_narrowing(plan: Plan) -> None:
    """A narrowing never goes back, so it can't wait for a confirmation.

    Raises:
        Refused: nothing was touched.
    """
    if plan.confirm_within:
        raise Refused(
            f"That takes {plan.flag.name} from somebody, and what makes an audience smaller never goes back by itself:"
            " --confirm-within is for letting more people see it.",
            subject=plan.environment.name,
            state="Nothing was changed on any host.",
            hint="The same without --confirm-within.",
        )


def _provisional(plan: Plan) -> Provisional | None:
    return provisional_in({host.name: host.state for host in plan.hosts})
