"""rollback --code and rollback --database: what a flag's rollback does not reach, with the safer step named first."""

from __future__ import annotations

import sys
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, NamedTuple, NoReturn, Self

import typer

from rolloutctl.cli import options
from rolloutctl.cli.asking import Answer
from rolloutctl.cli.deploy_desk import agrees_to_work
from rolloutctl.cli.invocation import Invocation
from rolloutctl.cli.wiring import configuration_for, tools_for
from rolloutctl.errors import UsageError

if TYPE_CHECKING:
    from rolloutctl.cli.render_following import Following
    from rolloutctl.rules.host import Event
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

    answer = Answer(invocation, said.yes, said.confirm, said.dry_run)
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
    if invocation.json:
        from rolloutctl.cli import documents, documents_deploy  # noqa: PLC0415

        documents.write(documents_deploy.of_code_back(done))
    else:
        from rolloutctl.cli.render import answer_page, side_page  # noqa: PLC0415
        from rolloutctl.cli.render_error import show_error  # noqa: PLC0415
        from rolloutctl.cli.render_going_back import show_code_back  # noqa: PLC0415

        show_code_back(done, answer_page())
        if done.error is not None:
            show_error(done.error, side_page())
    raise typer.Exit(done.error.exit_status if done.error else 0)


def _database_back(invocation: Invocation, request: DatabaseRequest, answer: Answer) -> NoReturn:
    """Take the last batch back, tell how it ended, and exit."""
    from rolloutctl.workflows.database_rollback import roll_back_database  # noqa: PLC0415 - not for --help

    configuration = configuration_for(invocation)
    configuration.environment(request.environment)
    with _Desk(invocation, answer) as desk:
        done = roll_back_database(request, tools_for(configuration), desk)
    if invocation.json:
        from rolloutctl.cli import documents, documents_deploy  # noqa: PLC0415

        documents.write(documents_deploy.of_database_back(done))
    else:
        from rolloutctl.cli.render import answer_page, side_page  # noqa: PLC0415 - rich only where somebody reads
        from rolloutctl.cli.render_error import show_error  # noqa: PLC0415
        from rolloutctl.cli.render_going_back import show_database_back  # noqa: PLC0415

        show_database_back(done, answer_page())
        if done.error is not None:
            show_error(done.error, side_page())
    raise typer.Exit(done.error.exit_status if done.error else 0)


class _Desk:
    """`workflows.database_rollback.DatabaseDesk` for the command line."""

    def __init__(self, invocation: Invocation, answer: Answer) -> None:
        self._invocation = invocation
        self._answer = answer
        self._following: Following | None = None

    def __enter__(self) -> Self:
        if not self._invocation.json or sys.stderr.isatty():
            from rolloutctl.cli.render_following import Following  # noqa: PLC0415 - rich only where somebody looks

            self._following = Following()
            self._following.look()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._following is not None:
            self._following.end()

    def show(self, plan: DatabasePlan) -> None:
        """Show what goes back, and what is lost."""
        if self._following is not None:
            self._following.end()
        if self._invocation.json and self._answer.given:
            return
        from rolloutctl.cli.render import answer_page, side_page  # noqa: PLC0415 - rich only where somebody looks
        from rolloutctl.cli.render_going_back import show_database_plan  # noqa: PLC0415

        show_database_plan(plan, side_page() if self._invocation.json else answer_page())

    def agrees(self, plan: DatabasePlan) -> bool:
        """Ask for the environment's name, whatever environment it is."""
        reason = plan.reason if plan.environment.protected else None
        what = "take migrations back"
        agreed = agrees_to_work(self._answer, plan.environment, guarded=True, reason=reason, what=what)
        if agreed and self._following is not None:
            self._following.begin([host.name for host in plan.environment.hosts], plan.environment)
        return agreed

    def notice(self, host: str, event: Event) -> None:
        """Follow a host."""
        if self._following is not None:
            self._following.notice(host, event)
