"""What is announced without a question, where `automatic` in environments.yaml says so: best effort, raises nothing."""

from __future__ import annotations

from collections.abc import Callable

from rolloutctl.errors import RolloutctlError
from rolloutctl.rules.announced_way import Told
from rolloutctl.rules.announcements import Scene
from rolloutctl.rules.channels import Kind
from rolloutctl.rules.incidents import Incident
from rolloutctl.workflows.announce import Announcement, Draft, channels_of, draft, send, words_of, written
from rolloutctl.workflows.tools import Tools


def announce_incident(incident: Incident, tools: Tools) -> tuple[str, ...]:
    """Announce an incident that was opened just now; what to know of that, in words.

    Call it behind the switch-off and `open_incident`. It asks no host before it sends, and records afterwards; it takes
    a minute at most for a channel that hangs, and no time where `automatic` names none.
    """
    return _announced("incident", lambda: _of(incident, tools), tools)


def announce_recovered(incident: Incident, tools: Tools) -> tuple[str, ...]:
    """Announce that an incident is over, if the hosts show that; what to know of that, in words."""
    asked = Announcement("recovered", incident.flag, incident.environment)
    return _announced("recovered", lambda: draft(asked, tools), tools)


def announce_phase(flag: str, phase: str, tools: Tools) -> tuple[str, ...]:
    """Announce the phase that a rollout has just entered, the last one as done where that is wanted."""
    last = tools.configuration.rollout(flag).names[-1] == phase
    done = last and "done" in channels_of(tools.configuration).automatic
    kind: Kind = "done" if done else "phase"
    asked = Announcement(kind, flag, phase=None if done else phase)
    return _announced(kind, lambda: draft(asked, tools), tools)


def _announced(kind: Kind, write: Callable[[], Draft], tools: Tools) -> tuple[str, ...]:
    announcing = channels_of(tools.configuration)
    names = announcing.automatic.get(kind, ())
    if not names:
        return ()
    try:
        sent = send(write(), [announcing.channel(name) for name in names], tools)
    except RolloutctlError as error:
        return (f"{kind} is not announced: {error.message}",)
    except KeyboardInterrupt:  # what is announced has happened: nobody has to wait for that
        return (f"Interrupted: whether {kind} is announced everywhere is not known.",)
    return (*words_of(sent, kind), *sent.notes)


def _of(incident: Incident, tools: Tools) -> Draft:
    scene = Scene(
        flag=tools.configuration.flag(incident.flag),
        environment=tools.configuration.environment(incident.environment),
        rollout=tools.configuration.rollouts.get(incident.flag),
        incidents=(incident,),
        now=tools.clock.now(),
    )
    return written(Announcement("incident", incident.flag, incident.environment), scene, Told(), tools)
