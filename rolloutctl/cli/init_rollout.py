"""init --rollout: the plan of a flag's rollout, in the environments.yaml that is there."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable
from pathlib import Path

from msgspec import Struct

from rolloutctl.cli.interview import Asker
from rolloutctl.cli.invocation import Invocation
from rolloutctl.errors import UsageError


class PlanOptions(Struct, frozen=True, kw_only=True):
    """The options of `init` that are about a rollout."""

    flag: str
    pilot: str
    companies_run: str
    companies_file: str

    def check(self, others: Iterable[str]) -> None:
        """See to it that options about a rollout and the `others`, about a host, are not mixed.

        Raises:
            UsageError: they are.
        """
        mine = {"--pilot": self.pilot, "--companies-run": self.companies_run, "--companies-file": self.companies_file}
        if not self.flag and (strays := [option for option, value in mine.items() if value]):
            raise UsageError(f"{strays[0]} is about a rollout.", hint="Say of which flag: --rollout FLAG")
        if self.flag and (strays := list(others)):
            raise UsageError(
                f"{strays[0]} is about a host, and --rollout plans in the environments.yaml that is there.",
                state="Nothing was written.",
                hint="Do one after the other. Another file: rolloutctl --config PATH init --rollout FLAG",
            )


def plan_rollout(
    options: PlanOptions, environment: str, invocation: Invocation, *, silent: bool, dry_run: bool
) -> None:
    """Plan, and say what was planned and what comes next."""
    from rolloutctl.outside.edited_file import EditedYamlFile  # noqa: PLC0415 - not for --help
    from rolloutctl.outside.places import find  # noqa: PLC0415
    from rolloutctl.workflows.init_rollout import Outside, Request, init_rollout  # noqa: PLC0415

    request = Request(
        flag=options.flag,
        environment=environment,
        pilot=options.pilot,
        companies_run=options.companies_run,
        companies_file=_absolute(options.companies_file),
        dry_run=dry_run,
    )
    file = EditedYamlFile(find(invocation.config, os.environ, Path.cwd()))
    planned = init_rollout(request, Outside(interview=Asker(silent), file=file, checklist=_write_checklist))
    if dry_run:
        sys.stdout.write(planned.inserted)
        return
    from rolloutctl.cli.render import answer_page  # noqa: PLC0415 - rich only where somebody reads
    from rolloutctl.cli.render_init_rollout import show_planned  # noqa: PLC0415

    show_planned(planned, invocation, answer_page())


def _absolute(path: str) -> str:
    return os.path.normpath(Path.cwd() / path) if path and not path.startswith("~") else path


def _write_checklist(path: str, flag: str, page: str | None) -> bool:
    from rolloutctl.outside.checklist_files import write_template  # noqa: PLC0415 - not for --help

    if os.path.lexists(path):
        return False
    write_template(Path(path), flag, page)
    return True
