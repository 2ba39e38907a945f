"""rollback --code: a revert of what was deployed last, prepared on a branch of the clone beside environments.yaml."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

from msgspec import Struct

from rolloutctl.errors import PersonNeeded, Refused, RolloutctlError, Unlisted, UsageError
from rolloutctl.fleet import Fleet
from rolloutctl.rules.deploy_history import Arrival, last_arrival
from rolloutctl.rules.deploys import check_ref, short
from rolloutctl.rules.reverts import Reverted
from rolloutctl.workflows.looking import look_at
from rolloutctl.workflows.safer_step import SaferStep, naming, safer_step
from rolloutctl.workflows.tools import Tools

_RECORDS = 1_000  # that are read to find a deployment
_UNTOUCHED = "Nothing was changed, here or on any host."


class Clone(Protocol):
    """The clone; what is checked out in it is never touched."""

    @property
    def trouble(self) -> str:
        """Why there is none; empty where there is."""

    @property
    def has_remote(self) -> bool:
        """Whether it knows where the team's branches are."""

    def fetch(self) -> str:
        """Learn what is new on the remote; why that did not work."""

    def commit_of(self, ref: str) -> str:
        """The commit that a ref means; empty where git does not know."""

    def branch_for(self, ref: str) -> str:
        """The branch on the remote that a ref names, else the remote's main one."""

    def holds(self, branch: str, commit: str) -> bool:
        """Whether the remote's branch has a commit."""

    def between(self, before: str, commit: str) -> tuple[str, ...]:
        """The commits that came after one up to another, the newest first."""

    def told(self, commit: str) -> str:
        """The first line of a commit's message."""

    def revert(self, commits: Sequence[str], onto: str) -> Reverted:
        """Revert commits on a new branch."""

    def push(self, branch: str) -> str:
        """Push a branch; why that did not work."""


class Request(Struct, frozen=True):
    """What somebody asked for: a commit (None: what was deployed last), and whether the branch is pushed."""

    environment: str
    commit: str | None = None
    push: bool = False
    dry_run: bool = False


class CodePlan(Struct, frozen=True):
    """What is to be reverted, the newest first, each commit with its first line; `onto` is the remote's branch."""

    environment: str
    commits: tuple[tuple[str, str], ...]
    onto: str
    arrival: Arrival | None
    safer: SaferStep
    notes: tuple[str, ...] = ()


class CodeRolledBack(Struct, frozen=True):
    """How it ended; `error` tells the exit status."""

    plan: CodePlan
    reverted: Reverted | None = None  # None: a dry run
    pushed: bool = False
    error: RolloutctlError | None = None


def roll_back_code(request: Request, tools: Tools, clone: Clone, show: Callable[[CodePlan], None]) -> CodeRolledBack:
    """Prepare the revert; push it only when that was asked for. The hosts are only read.

    Raises:
        UsageError: nobody knows the commit.
        Refused: there is no clone, no deployment is recorded, or the branch does not have the commit.
    """
    name = request.environment
    arrival, safer, notes = _looked(name, tools)
    with naming(safer):
        plan = _planned(request, clone, arrival, safer, notes)
    show(plan)
    if request.dry_run:
        return CodeRolledBack(plan)
    reverted = clone.revert([commit for commit, _ in plan.commits], plan.onto)
    if reverted.trouble:
        raise Refused(
            f"The revert could not be prepared: {reverted.trouble}.",
            subject=name,
            state=_UNTOUCHED,
            hint="\n".join((*safer.commands, f"By hand: git revert {short(plan.commits[0][0])}")),
        )
    if reverted.conflicts:
        return CodeRolledBack(plan, reverted, error=_conflict(plan, reverted))
    if not request.push:
        return CodeRolledBack(plan, reverted)
    trouble = clone.push(reverted.branch)
    error = PersonNeeded(
        f"The branch {reverted.branch} is ready here, and was not pushed: {trouble}.",
        subject=name,
        state="Nothing was changed on any host.",
        hint=f"git push origin {reverted.branch}",
    )
    return CodeRolledBack(plan, reverted, pushed=not trouble, error=error if trouble else None)


def _looked(name: str, tools: Tools) -> tuple[Arrival | None, SaferStep, tuple[str, ...]]:
    """What the hosts' records and flags say; a host that can't be asked is a note, for the clone is here."""
    flags = tuple(tools.configuration.flags.values())
    try:
        environment = tools.environment(name)
    except Unlisted as error:
        return None, safer_step(name, flags, {}), (error.message,)
    with Fleet(environment, tools.sessions, tools.clock) as fleet:
        away = fleet.open(flags)
        states = look_at(fleet, None, away, tools, records=_RECORDS)
    notes = tuple(f"{host} cannot be reached: {error.message}" for host, error in away.items())
    first = next(iter(states.values()), None)
    return (last_arrival(first.records) if first else None), safer_step(name, flags, states), notes


def _planned(
    request: Request, clone: Clone, arrival: Arrival | None, safer: SaferStep, notes: tuple[str, ...]
) -> CodePlan:
    name = request.environment
    if clone.trouble:
        raise Refused(
            f"There is no clone beside environments.yaml: {clone.trouble}.",
            subject=name,
            state=_UNTOUCHED,
            hint="Keep environments.yaml in the application's repository, or revert by hand: git revert COMMIT",
        )
    wanted = check_ref(request.commit) if request.commit else (arrival.commit if arrival else "")
    if not wanted:
        raise Refused(
            f"No record tells which commit was deployed to {name} last.",
            subject=name,
            state=_UNTOUCHED,
            hint=f"Name it; git log --oneline shows them: rolloutctl rollback {name} --code COMMIT",
        )
    away = clone.fetch()
    told = (f"What is new on the remote is not known: {away}.",) if away else ()
    commit = clone.commit_of(wanted)
    if not commit:
        raise UsageError(
            f"The clone beside environments.yaml does not know {short(wanted)}.",
            subject=name,
            state=_UNTOUCHED,
            hint=f"See what was deployed: rolloutctl audit {name}",
        )
    onto = clone.branch_for(arrival.ref if arrival else "")
    if not onto:
        raise _without_branch(name, clone, commit, away)
    if not clone.holds(onto, commit):
        raise Refused(
            f"{short(commit)} is not on the branch {onto}.",
            subject=name,
            state=_UNTOUCHED,
            hint=f"Where another commit is meant: rolloutctl rollback {name} --code COMMIT",
        )
    since = clone.between(arrival.before, commit) if arrival and not request.commit else ()
    commits = tuple((each, clone.told(each)) for each in since or (commit,))
    migrated = arrival.migrated if arrival and commit == arrival.commit else ()
    if migrated:
        ran = "a migration ran" if len(migrated) == 1 else f"{len(migrated)} migrations ran"
        meets = f"With it {ran}: the old code will meet the new database."
        notes = (*notes, f"{meets} To take them back first: rolloutctl rollback {name} --database")
    return CodePlan(name, commits, onto, arrival, safer, (*notes, *told))


def _without_branch(name: str, clone: Clone, commit: str, away: str) -> Refused:
    """A revert begins at a branch of the remote: nobody can merge it elsewhere."""
    by_hand = f"or revert here, by hand: git revert {short(commit)}"
    if not clone.has_remote:
        return Refused(
            "The clone beside environments.yaml has no remote named origin, on whose branch the revert could begin.",
            subject=name,
            state=_UNTOUCHED,
            hint=f"git remote add origin URL; {by_hand}",
        )
    return Refused(
        f"No branch of the remote is known here: {away or 'it has none that is called main or master'}.",
        subject=name,
        state=_UNTOUCHED,
        hint=f"git fetch origin && git remote set-head origin BRANCH; {by_hand}",
    )


def _conflict(plan: CodePlan, reverted: Reverted) -> PersonNeeded:
    commit, branch, place = reverted.commit, reverted.branch, reverted.place
    count = len(reverted.conflicts)
    conflict = "one file conflicts" if count == 1 else f"{count} files conflict"
    rest = f"\nThen the others: git -C {place} revert --no-edit {' '.join(map(short, reverted.rest))}"
    return PersonNeeded(
        f"The revert of {short(commit)} meets later changes: {conflict}.",
        subject=plan.environment,
        state=f"It waits on the branch {branch} in {place}. What you have checked out, and every host, is as it was.",
        hint=f"Mend the files there, then: git -C {place} add -A && git -C {place} revert --continue"
        f"{rest if reverted.rest else ''}\nThen: git push origin {branch}\n"
        f"Or leave it: git worktree remove --force {place} && git branch -D {branch}",
        details=tuple(reverted.conflicts),
    )
