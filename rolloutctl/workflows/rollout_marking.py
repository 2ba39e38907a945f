"""rollout signoff, hold, resume and checklist: what somebody says of a rollout, recorded on every host."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from msgspec import Struct

from rolloutctl.errors import Refused, UsageError
from rolloutctl.rules.config import closest
from rolloutctl.rules.rollout_dates import told
from rolloutctl.rules.rollout_gates import phase_of
from rolloutctl.rules.rollout_standing import CHECK, ROLLOUT, SIGN_OFF, VALIDATE, Standing
from rolloutctl.rules.rollouts import Rollout
from rolloutctl.workflows.rollout_bench import bench
from rolloutctl.workflows.tools import Tools

_UNSAID = "Nothing was recorded."


class Said(Struct, frozen=True):
    """What was recorded, in words, and what to know of it."""

    message: str
    notes: tuple[str, ...] = ()
    phase: str = VALIDATE


class Signature(Struct, frozen=True):
    """A sign-off that somebody gives, or takes back; `signer` where it is not the actor."""

    flag: str
    role: str
    signer: str = ""
    note: str = ""
    withdraw: bool = False


def sign(signature: Signature, tools: Tools) -> Said:
    """Give a sign-off for the phase that the rollout is in, or take it back.

    Raises:
        UsageError: no phase asks for that role.
        Refused: this phase does not ask for it, it stands or is missing already, or the same person signed before.
    """
    rollout, role = tools.configuration.rollout(signature.flag), signature.role
    _check_role(rollout, role)
    signer = signature.signer or tools.origin.actor
    with bench(rollout, tools) as opened:
        now = opened.standing
        given = now.signed.get(role)
        if signature.withdraw and given is None:
            raise _refused(rollout, f"{role} has not signed for {now.phase}.")
        if not signature.withdraw:
            _may_sign(rollout, now, role, signer)
        notes = opened.write(
            {
                "event": SIGN_OFF,
                "action": "withdrawn" if signature.withdraw else "signed",
                "role": role,
                "phase": now.phase,
                "signer": signer,
                "note": signature.note,
            }
        )
    if signature.withdraw:
        return Said(f"The sign-off by {role} for {now.phase} is withdrawn.", notes, now.phase)
    return Said(f"{role} signed off {now.phase}: {signer}.", notes, now.phase)


def hold(flag: str, note: str, tools: Tools) -> Said:
    """Stop the clock of the soak; nothing goes on before somebody resumes it.

    Raises:
        Refused: the rollout runs not, or is held already.
    """
    rollout = tools.configuration.rollout(flag)
    with bench(rollout, tools) as opened:
        now = _running(rollout, opened.standing)
        if now.held is not None:
            raise _refused(rollout, f"{flag} is held already, by {now.held.actor}.")
        notes = opened.write({"event": ROLLOUT, "action": "held", "phase": now.phase, "reason": note})
    return Said(f"{flag} is held in {now.phase}: the clock of its soak stands.", notes, now.phase)


def resume(flag: str, note: str, tools: Tools) -> Said:
    """Let the clock of the soak go on.

    Raises:
        Refused: nobody holds it.
    """
    rollout = tools.configuration.rollout(flag)
    with bench(rollout, tools) as opened:
        now = _running(rollout, opened.standing)
        if now.held is None:
            raise _refused(rollout, f"Nobody holds {flag}.")
        notes = opened.write({"event": ROLLOUT, "action": "resumed", "phase": now.phase, "reason": note})
    return Said(f"{flag} goes on in {now.phase}.", notes, now.phase)


def check(flag: str, verdicts: Mapping[str, tuple[str, str]], tools: Tools) -> Said:
    """Record what became of checklist items: by id the action (passed, failed, cleared) and a note."""
    rollout = tools.configuration.rollout(flag)
    notes: dict[str, None] = {}
    with bench(rollout, tools) as opened:
        for item, (action, note) in verdicts.items():
            fields: dict[str, Any] = {"event": CHECK, "action": action, "item": item, "note": note}
            notes.update(dict.fromkeys(opened.write({**fields, "phase": opened.standing.phase})))
    return Said(f"{len(verdicts)} recorded.", tuple(notes), opened.standing.phase)


def _check_role(rollout: Rollout, role: str) -> None:
    asked = [*(rollout.validate.signoffs if rollout.validate else ())]
    asked += [each for phase in rollout.phases for each in phase.gates.signoffs]
    roles = tuple(dict.fromkeys(asked))
    if role in roles:
        return
    meant = closest(role, roles)
    raise UsageError(
        f"Nothing in the rollout of {rollout.flag} asks for a sign-off by '{role}'."
        + (f" Did you mean '{meant}'?" if meant else ""),
        subject=rollout.environment,
        state=_UNSAID,
        hint=f"Asked for: {', '.join(roles)}." if roles else "Add signoffs: to a phase's gates in environments.yaml.",
    )


def _may_sign(rollout: Rollout, now: Standing, role: str, signer: str) -> None:
    phase = phase_of(rollout, now.phase)
    validation = rollout.validate.signoffs if rollout.validate else ()
    roles = validation if now.stay is None else phase.gates.signoffs if phase else ()
    if role not in roles:
        asked = f"it asks for {', '.join(roles)}" if roles else "it asks for no sign-off"
        raise _refused(rollout, f"{now.phase} needs no sign-off by {role}: {asked}.")
    given = now.signed.get(role)
    if given is not None:
        raise _refused(rollout, f"{given.actor} signed for {role} already, on {told(given.at)}.")
    other = next((name for name, mark in now.signed.items() if mark.actor == signer and name in roles), None)
    if other is not None and not rollout.shared_roles:
        raise Refused(
            f"{signer} signed {now.phase} for {other} already, and one person does not sign for two roles.",
            subject=rollout.environment,
            state=_UNSAID,
            hint="Somebody else has to sign; or allow it for this rollout: shared_roles: true in environments.yaml.",
        )


def _running(rollout: Rollout, now: Standing) -> Standing:
    if now.stay is None:
        word = "was aborted" if now.aborted else "has not begun"
        raise Refused(
            f"The rollout of {rollout.flag} {word}.",
            subject=rollout.environment,
            state=_UNSAID,
            hint=f"rolloutctl rollout start {rollout.flag}",
        )
    return now


def _refused(rollout: Rollout, message: str) -> Refused:
    return Refused(
        message, subject=rollout.environment, state=_UNSAID, hint=f"rolloutctl rollout status {rollout.flag}"
    )
