"""What comes next in an incident, in order: commands of rolloutctl, and lines that a person runs elsewhere."""

from __future__ import annotations

import shlex

from msgspec import Struct
from msgspec.structs import replace

from rolloutctl.rules.flags import Audience
from rolloutctl.rules.incidents import KEEP, NOTHING, Decision, Severity
from rolloutctl.rules.triage import Verdict, decide
from rolloutctl.rules.triage_evidence import Measured


class Step(Struct, frozen=True):
    """One step. `elsewhere`: a line for git, that is only printed, never run."""

    what: str
    command: str = ""
    elsewhere: bool = False
    warning: str = ""


class Scene(Struct, frozen=True, kw_only=True):
    """Where it happened.

    Args:
        environment: the environment.
        flag: the feature.
        audience: who saw it; None: nobody knows.
        limitable: whether the flag has a list of companies.
        tried_in: the environment in which it is tried first; empty for none.
        deployable: whether `rolloutctl deploy` brings code there.
        recorded: whether the records tell which commit was deployed last.
        rollout: whether a rollout opens it there.
        measured: whether metrics are declared there; `guarded`: whether one of them guards.
        incident: whether one of the feature is open there, or recorded with the decision.
    """

    environment: str
    flag: str
    audience: Audience | None = None
    limitable: bool = False
    tried_in: str = ""
    deployable: bool = False
    recorded: bool = False
    rollout: bool = False
    measured: bool = False
    guarded: bool = False
    incident: bool = True

    def command(self, *words: str) -> str:
        """A command of ours about this flag in this environment."""
        return shlex.join(["rolloutctl", words[0], self.environment, self.flag, *words[1:]])


class Judgement(Struct, frozen=True):
    """How bad it is, what speaks for that, what to do, and what comes next."""

    scene: Scene
    severity: Severity
    measured: Measured
    verdict: Verdict
    steps: tuple[Step, ...]


def judgement(severity: Severity, affected: float | None, measured: Measured, scene: Scene) -> Judgement:
    """What to do, and why; `affected` in percent, None: nobody knows. Who saw it is as the scene says."""
    verdict = decide(severity, affected, replace(measured, audience=scene.audience), scene.flag)
    return Judgement(scene, severity, measured, verdict, next_steps(verdict.decision, severity, scene))


def next_steps(decision: Decision, severity: Severity, scene: Scene) -> tuple[Step, ...]:
    """The steps, the one that is to be done now first."""
    if decision == NOTHING:
        return (*_undone(scene), _over(scene)) if scene.incident else _undone(scene)
    if decision == KEEP:
        return _kept(severity, scene)
    return (
        Step(f"Switch {scene.flag} off", scene.command("toggle", "false")),
        Step("See that it is gone", scene.command("status")),
        *_undone(scene),
        _branch(scene),
        *_staging(scene),
        _opened_again(scene),
        _over(scene),
        _watched(scene),
    )


def _kept(severity: Severity, scene: Scene) -> tuple[Step, ...]:
    if severity == "high":
        return (
            _branch(scene),
            *_staging(scene),
            Step("Deploy it at once, ahead of all else"),
            _watched(scene),
            Step("If it gets worse, switch off", scene.command("triage", "--severity", "critical", "--yes")),
            _over(scene),
        )
    when = "the next deployment" if severity == "medium" else "the next release"
    mended = (_branch(scene), *_staging(scene)) if severity == "medium" else ()
    return (Step("Write it down where work is planned"), *mended, Step(f"Mend it with {when}"), _over(scene))


def _undone(scene: Scene) -> tuple[Step, ...]:
    """What a deployment brought can be taken back, where being off is not enough."""
    audit = f"rolloutctl audit {scene.environment} --flag {scene.flag}"
    back = f"rolloutctl rollback {scene.environment}"
    code = "If a commit is the cause, prepare its revert, have it merged, and let it be deployed"
    return (
        Step("Find the cause: who changed what, when", audit),
        Step(code, f"{back} --code")
        if scene.recorded
        else Step(f"{code}; `git log --oneline` finds it", f"{back} --code COMMIT"),
        Step(
            "Only if a migration is the cause, and nothing else helps",
            f"{back} --database",
            warning="It undoes the whole last batch of migrations, not one, and what was written since may be lost. "
            "Switching the feature off is safer.",
        ),
    )


def _branch(scene: Scene) -> Step:
    return Step("Mend it on a branch", f"git switch -c {_fix(scene)}", elsewhere=True)


def _fix(scene: Scene) -> str:
    return f"fix/{scene.flag.replace('_', '-')}"


def _staging(scene: Scene) -> tuple[Step, ...]:
    if not scene.tried_in:
        return (Step("Try it where it hurts nobody"),)
    tried = Step(f"Try it in {scene.tried_in}", f"rolloutctl toggle {scene.tried_in} {scene.flag} true")
    if not scene.deployable:
        return (tried,)
    return (Step(f"Bring it to {scene.tried_in}", f"rolloutctl deploy {scene.tried_in} {_fix(scene)}"), tried)


def _opened_again(scene: Scene) -> Step:
    if scene.rollout:
        return Step("Once the fix is deployed, go on with its rollout", f"rolloutctl rollout status {scene.flag}")
    companies: tuple[str, ...] = ()
    if scene.limitable and scene.audience is not None and scene.audience.enabled:
        companies = ("--companies", ",".join(map(str, scene.audience.companies)) or "all")
    return Step("Once the fix is deployed, open it again", scene.command("toggle", "true", *companies))


def _over(scene: Scene) -> Step:
    command = f"rolloutctl incident recovered {scene.environment} --flag {scene.flag}"
    return Step("Say that it is over", command)


def _watched(scene: Scene) -> Step:
    if not scene.measured:
        return Step("Watch it for 24 hours", f"rolloutctl health {scene.environment} --watch 1m")
    guard = ("--guard",) if scene.guarded else ()
    return Step("Watch it for 24 hours", scene.command("monitor", "--for", "24h", *guard))
