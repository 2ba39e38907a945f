"""rollback --code and rollback --database: what a flag's rollback does not reach, with the safer step named first."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, NoReturn

from rolloutctl.cli import options
from rolloutctl.cli.asking import Answer
from rolloutctl.cli.ending import Ending
from rolloutctl.cli.following_desk import FollowingDesk
from rolloutctl.cli.invocation import Invocation
from rolloutctl.cli.wiring import configuration_for, tools_for
from rolloutctl.errors import UsageError

if TYPE_CHECKING:
    from rolloutctl.workflows.code_rollback import CodePlan
    from rolloutctl.workflows.code_rollback import Request as CodeRequest
    from rolloutctl.workflows.database_rollback import DatabasePlan
    from rolloutctl.workflows.database_rollback import Request as DatabaseRequest


class Words(NamedTuple):
    """What the command line says; `others`: also what is only about flags."""

    environment: str | None
    commit: str | None
    code: bool
    database: bool
    push: bool
    others: bool
    reason: str
    dry_run: bool
    yes: bool
    confirm: str
    wait: str


def go_back(invocation: Invocation, said: Words) -> NoReturn:
    """See that the words fit together, and go.

    Raises:
        UsageError: they don't.
    """
    if said.code == said.database:
        if not said.code:
            raise UsageError("A commit and --push belong to --code.", hint="rolloutctl rollback ENV --code COMMIT")
        hint = "The database goes back first, while its code is still there."
        raise UsageError("--code and --database are two steps, one after the other.", hint=hint)
    if said.environment is None:
        which = "--code" if said.code else "--database"
        raise UsageError("Where? --code and --database need an environment.", hint=f"rolloutctl rollback ENV {which}")
    if said.others or (said.database and (said.push or said.commit is not None)):
        raise UsageError("--code and --database go back by themselves: no option for flags stands beside them.")
    if said.code:
        from rolloutctl.workflows.code_rollback import Request as OfCode  # noqa: PLC0415 - not for --help

        _code_back(invocation, OfCode(said.environment, said.commit, said.push, said.dry_run))
    from rolloutctl.workflows.database_rollback import Request as OfDatabase  # noqa: PLC0415

    answer = Answer(invocation, said.yes, said.confirm, said.dry_run, needs=said.environment)
    guarded = configuration_for(invocation).environment(said.environment).protected
    answer.check(said.environment)
    reason = answer.reason(said.reason, needed=guarded and not said.dry_run)
    wait = options.seconds(said.wait, "--wait")
    _database_back(invocation, OfDatabase(said.environment, reason, said.dry_run, wait), answer)


def _code_back(invocation: Invocation, request: CodeRequest) -> NoReturn:
    """Prepare the revert, tell what it changes, and exit."""
    from rolloutctl.outside.git import Clone  # noqa: PLC0415 - not for --help
    from rolloutctl.workflows.code_rollback import roll_back_code  # noqa: PLC0415

    configuration = configuration_for(invocation)
    configuration.environment(request.environment)
    clone = Clone(Path(configuration.path).parent)

    def show(plan: CodePlan) -> None:
        if not invocation.json:
            from rolloutctl.cli.render import answer_page  # noqa: PLC0415 - rich only where somebody reads
            from rolloutctl.cli.render_going_back import show_code_plan  # noqa: PLC0415

            show_code_plan(plan, answer_page())

    done = roll_back_code(request, tools_for(configuration), clone, show)
    from rolloutctl.cli import documents_deploy, github_summaries_deploy, render_going_back  # noqa: PLC0415

    Ending(invocation, done.error).tell(
        lambda: documents_deploy.of_code_back(done),
        lambda page: render_going_back.show_code_back(done, page),
        lambda: github_summaries_deploy.of_code_back(done),
    )


def _database_back(invocation: Invocation, request: DatabaseRequest, answer: Answer) -> NoReturn:
    """Take the last batch back, tell how it ended, and exit."""
    from rolloutctl.workflows.database_rollback import roll_back_database  # noqa: PLC0415 - not for --help

    configuration = configuration_for(invocation)
    configuration.environment(request.environment)
    with _Desk(invocation, answer) as desk:
        done = roll_back_database(request, tools_for(configuration), desk)
    from rolloutctl.cli import documents_deploy, github_summaries_deploy, render_going_back  # noqa: PLC0415

    Ending(invocation, done.error).tell(
        lambda: documents_deploy.of_database_back(done),
        lambda page: render_going_back.show_database_back(done, page),
        lambda: github_summaries_deploy.of_database_back(done),
    )


class _Desk(FollowingDesk):
    """`workflows.database_rollback.DatabaseDesk` for the command line."""

    def show(self, plan: DatabasePlan) -> None:
        """Show what goes back, and what is lost."""
        page = self._page()
        if page is not None:
            from rolloutctl.cli.render_going_back import show_database_plan  # noqa: PLC0415 - rich where somebody looks

            show_database_plan(plan, page)

    def agrees(self, plan: DatabasePlan) -> bool:
        """Ask for the environment's name, whatever environment it is."""
        where = plan.environment
        reason = plan.reason if where.protected else None
        agreed = self._agrees(where, guarded=True, reason=reason, what="take migrations back")
        if agreed:
            self._begin([host.name for host in where.hosts], where)
        return agreed
