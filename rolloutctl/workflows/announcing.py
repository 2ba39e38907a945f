"""What is announced without a question, where `automatic` in environments.yaml says so: best effort, raises nothing.

What writes and sends is loaded only where something is to be sent: a switch-off passes here.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from msgspec.structs import replace

from rolloutctl.errors import RolloutctlError
from rolloutctl.workflows.tools import Tools

if TYPE_CHECKING:
    from rolloutctl.rules.channels import Kind
    from rolloutctl.rules.incidents import Incident
    from rolloutctl.workflows.announce import Draft
    from rolloutctl.workflows.incidents import Opened


def announce_incident(incident: Incident, tools: Tools) -> tuple[str, ...]:
    """Announce an incident that was opened just now; what to know of that, in words.

    Call it behind the switch-off and `open_incident`. It asks no host before it sends, and records afterwards; it takes
    a minute at most for a channel that hangs, and no time where `automatic` names none.
    """

    def write() -> Draft:
        from rolloutctl.workflows.announce import draft_incident  # noqa: PLC0415 - see above

        return draft_incident(incident, tools)

    return _announced("incident", write, tools)


def announced(opened: Opened, tools: Tools) -> Opened:
    """An incident that was opened just now, announced; one that was open before has been."""
    if opened.incident is None or opened.joined:
        return opened
    return replace(opened, notes=(*opened.notes, *announce_incident(opened.incident, tools)))


def announce_recovered(incident: Incident, tools: Tools) -> tuple[str, ...]:
    """Announce that an incident is over, if the hosts show that; what to know of that, in words."""
    return _of_the_hosts("recovered", incident.flag, tools, environment=incident.environment)


def announce_phase(flag: str, phase: str, tools: Tools) -> tuple[str, ...]:
    """Announce the phase that a rollout has just entered, the last one as done where that is wanted."""
    if tools.configuration.rollout(flag).names[-1] == phase and _channels("done", tools):
        return _of_the_hosts("done", flag, tools)
    return _of_the_hosts("phase", flag, tools, phase=phase)


def _of_the_hosts(
    kind: Kind, flag: str, tools: Tools, environment: str | None = None, phase: str | None = None
) -> tuple[str, ...]:
    """Announce what the hosts show now."""

    def write() -> Draft:
        from rolloutctl.workflows.announce import Announcement, draft  # noqa: PLC0415 - see above

        return draft(Announcement(kind, flag, environment, phase), tools)

    return _announced(kind, write, tools)


def _channels(kind: Kind, tools: Tools) -> tuple[str, ...]:
    announcing = tools.configuration.announcing
    return announcing.automatic.get(kind, ()) if announcing else ()


def _announced(kind: Kind, write: Callable[[], Draft], tools: Tools) -> tuple[str, ...]:
    if not (names := _channels(kind, tools)):
        return ()
    from rolloutctl.workflows.announce import channels_of, send, words_of  # noqa: PLC0415 - see above

    try:
        sent = send(write(), map(channels_of(tools.configuration).channel, names), tools)
    except RolloutctlError as error:
        return (f"{kind} is not announced: {error.message}",)
    except KeyboardInterrupt:  # what is announced has happened: nobody has to wait for that
        return (f"Interrupted: whether {kind} is announced everywhere is not known.",)
    return (*words_of(sent, kind), *sent.notes)
