"""How code comes to an environment, as the configuration has it; refs, and how they are filled into steps."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Final, Literal

from msgspec import Struct
from msgspec.structs import replace

from rolloutctl.errors import UsageError

if TYPE_CHECKING:
    from rolloutctl.rules.config import Step

COMMIT: Final = "git rev-parse HEAD 2>/dev/null || cat REVISION"
# Narrower than git's own rule: nothing in it means anything to a shell, and none is an option.
REF: Final = r"^[A-Za-z0-9_][A-Za-z0-9._/+-]{0,199}$"
_RESTARTS = re.compile(r"\b(restart|reload|USR2)\b")
_NOT_IN_A_REF = ("..", "//", "/.", "@{")
_NOT_AT_ITS_END = ("/", ".", ".lock")
_PLACE = re.compile(r"(?<!\$)\{(ref|release)\}")  # ${ref} is a variable of the shell's


class DeployStep(Struct, frozen=True, kw_only=True):
    """A step of a deployment. `when` names files: it runs only where one is another than when it succeeded last."""

    name: str
    run: str | None = None
    builtin: Literal["config-cache", "opcache-forget", "steps"] | None = None
    socket: str = ""  # of opcache-forget
    timeout: float = 300.0  # seconds
    once: bool = False  # on the first host only
    last: bool = False  # on the first host only, once all hosts are through
    when: tuple[str, ...] = ()
    check: str | None = None  # a shell line that must succeed before anything begins

    @property
    def builds(self) -> bool:
        """Whether it is the config cache, which is built aside and swapped in."""
        return self.builtin == "config-cache"

    @property
    def places(self) -> frozenset[str]:
        """What has to be filled in: ref, release."""
        return frozenset(_PLACE.findall(self.run or ""))


class Deploy(Struct, frozen=True, kw_only=True):
    """How code comes to an environment: by steps, or by somebody else; then `deploy` only looks."""

    steps: tuple[DeployStep, ...] = ()
    verify_only: bool = False
    ref: str | None = None  # what is deployed when nobody names one
    commit: str = COMMIT  # a shell line
    add_flags: bool = True  # a declared flag that `.env` does not have is added as false


def ref_problem(ref: str) -> str | None:
    """What is wrong with a ref, in words that follow what is wanted there; None when nothing is."""
    if not re.fullmatch(REF, ref):
        return ""
    wrong = next((each for each in _NOT_IN_A_REF if each in ref), None)
    wrong = wrong or next((each for each in _NOT_AT_ITS_END if ref.endswith(each)), None)
    return f", without '{wrong}'" if wrong else None


def files_problem(files: str | Sequence[str]) -> str | None:
    """What is wrong with files that a step depends on, in words that follow what is wanted there."""
    named = [files] if isinstance(files, str) else files
    sound = all(file.strip() and file[0] not in "/~" and ".." not in file.split("/") for file in named)
    return None if named and sound else ""


def check_ref(ref: str) -> str:
    """The ref.

    Raises:
        UsageError: it is none that a shell line could safely hold.
    """
    problem = ref_problem(ref)
    if problem is None:
        return ref
    raise UsageError(
        f"That is no branch, tag or commit: a ref has letters, digits and . _ / + -, 200 at most{problem}.",
        hint="Name what git knows, such as develop, feature/customer-portal or a commit.",
    )


def filled(step: DeployStep, *, ref: str, release: str) -> DeployStep:
    """The step with the values in its line, quoted for the shell."""
    values = {"ref": ref, "release": release}
    return replace(step, run=step.run and _PLACE.sub(lambda found: shlex.quote(values[found[1]]), step.run))


def steps_of(deploy: Deploy, own: Iterable[Step], *, ref: str, release: str) -> tuple[DeployStep, ...]:
    """What a deployment does, in order: `builtin: steps` stands for the environment's own steps."""
    effect = tuple(_as_deploy_step(step) for step in own)
    found: list[DeployStep] = []
    for step in deploy.steps:
        found.extend(effect if step.builtin == "steps" else (filled(step, ref=ref, release=release),))
    return tuple(found)


def keeps_old_code(steps: Iterable[DeployStep]) -> bool:
    """Whether php-fpm is only told to forget its config: then it may go on with the code that it had."""
    every = tuple(steps)
    forgets = any(step.builtin == "opcache-forget" for step in every)
    return forgets and not any(_RESTARTS.search(step.run or "") for step in every)


def chosen_ref(deploy: Deploy, ref: str | None, *, environment: str) -> str:
    """The ref to deploy; empty where no step wants one.

    Raises:
        UsageError: there is none and a step needs one, or one was named and no step has a place for it.
    """
    wanted = any("ref" in step.places for step in deploy.steps)
    if ref is not None and not wanted:
        raise UsageError(
            f"No step of {environment} has a place for a ref: {ref} would not be deployed.",
            hint=f"Write {{ref}} into the step that fetches the code, or: rolloutctl deploy {environment}",
        )
    if ref is None and deploy.ref is None and wanted:
        raise UsageError(
            f"Which branch, tag or commit is to be deployed to {environment}?",
            hint=f"rolloutctl deploy {environment} REF, or set ref: below its deploy: in environments.yaml.",
        )
    return check_ref(ref or deploy.ref or "") if wanted else ""


def same_commit(commits: Sequence[str]) -> bool:
    """Whether all of them are known, and one and the same."""
    return all(commits) and len(set(commits)) <= 1


def is_commit(live: str, wanted: str) -> bool:
    """Whether a live commit is the one that somebody names, perhaps by its beginning."""
    return bool(wanted) and live.lower().startswith(wanted.lower())


def short(commit: str) -> str:
    """A commit as people read it; `unknown` for none."""
    return (commit[:9] if re.fullmatch("[0-9a-f]{40,64}", commit) else commit) or "unknown"


def _as_deploy_step(step: Step) -> DeployStep:
    return DeployStep(
        name=step.name,
        run=step.run,
        builtin=step.builtin,
        socket=step.socket,
        timeout=step.timeout,
        last=step.once,
        check=step.check,
    )
