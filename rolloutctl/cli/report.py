"""report: the story of a rollout, on a page of its own, as Markdown, as JSON, or in short."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from rolloutctl.cli import options
from rolloutctl.cli.invocation import invocation_of
from rolloutctl.cli.wiring import configuration_for, tools_for
from rolloutctl.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable

    from rolloutctl.rules.reporting import Story

_STDOUT = "-"

Html = Annotated[
    str, typer.Option("--html", metavar="FILE", help="A page that needs no network, with plots; - for stdout.")
]
Markdown = Annotated[str, typer.Option("--md", metavar="FILE", help="Markdown, for a pull request; - for stdout.")]
Force = Annotated[bool, typer.Option("--force", help="Replace FILE also when it is no report.")]


def report(  # noqa: PLR0913 - each is a word of the command line
    context: typer.Context,
    *,
    flag: options.Flag,
    html: Html = "",
    md: Markdown = "",
    force: Force = False,
    json: options.Json = False,
) -> None:
    """Tell a rollout: phases as planned and real, success metrics, changes, incidents, what was measured.

    Read from the audit logs of the hosts and the samples of this machine; where something isn't known it says so.
    """
    from rolloutctl.outside.report_file import check_place  # noqa: PLC0415 - not for --help
    from rolloutctl.workflows.report import tell  # noqa: PLC0415

    files = {name for name in (html, md) if name not in {"", _STDOUT}}
    if [html, md].count(_STDOUT) + json > 1:
        raise UsageError("Only one of --html, --md and --json can go to stdout.", hint="Name a file for the others.")
    if html == md and files:
        raise UsageError("--html and --md name the same file.", hint="Name two.")
    configuration = configuration_for(invocation_of(context))
    configuration.rollout(flag)
    for name in files:
        check_place(Path(name).expanduser(), force=force)
    with _at_work("Reading records and samples …"):
        story = tell(flag, tools_for(configuration))
    if json:
        from rolloutctl.cli import documents, documents_report  # noqa: PLC0415 - not for --help

        documents.write(documents_report.of_story(story))
    _write(html, lambda: _html(story), force=force)
    _write(md, lambda: _markdown(story), force=force)
    if not (json or html or md):
        from rolloutctl.cli.render import answer_page  # noqa: PLC0415 - rich only where somebody reads
        from rolloutctl.cli.render_report import show_story  # noqa: PLC0415

        show_story(story, answer_page())


@contextmanager
def _at_work(told: str) -> Iterator[None]:
    """Of months, and many hosts, it takes a while: a terminal shows so."""
    if not sys.stderr.isatty():
        yield
        return
    from rolloutctl.cli.render_progress import looking  # noqa: PLC0415 - rich only where somebody looks

    with looking(told):
        yield


def _write(name: str, made: Callable[[], str], *, force: bool) -> None:
    """To a file, or to stdout; nowhere for no name."""
    if not name:
        return
    with _at_work("Writing the report …"):
        text = made()
    if name == _STDOUT:
        sys.stdout.write(text)
    else:
        from rolloutctl.cli.render import side_page  # noqa: PLC0415 - rich only where somebody reads
        from rolloutctl.cli.render_report import show_written  # noqa: PLC0415
        from rolloutctl.outside.report_file import write_report  # noqa: PLC0415

        size = write_report(Path(name).expanduser(), text, force=force)
        show_written(name, size, side_page())


def _html(story: Story) -> str:
    from rolloutctl.cli.report_page import page  # noqa: PLC0415 - jinja2 only for this

    return page(story)


def _markdown(story: Story) -> str:
    from rolloutctl.cli.report_markdown import markdown  # noqa: PLC0415 - not for --help

    return markdown(story)
