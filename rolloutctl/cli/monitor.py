"""monitor: what is measured of an environment, and whether it is worse than it should be."""

from __future__ import annotations

from contextlib import ExitStack
from datetime import timedelta
from typing import TYPE_CHECKING, Annotated

import typer

from rolloutctl.cli import options
from rolloutctl.cli.asking import Answer
from rolloutctl.cli.invocation import Invocation, invocation_of
from rolloutctl.cli.monitor_asked import Asked, check, check_guard
from rolloutctl.cli.wiring import configuration_for, tools_for
from rolloutctl.errors import UsageError

if TYPE_CHECKING:
    from rolloutctl.cli.watching import WatchDesk, Watching
    from rolloutctl.rules.config import Configuration
    from rolloutctl.workflows.guarding import Guard
    from rolloutctl.workflows.monitor import Watch
    from rolloutctl.workflows.tools import Tools

For = Annotated[
    str, typer.Option("--for", metavar="TIME", show_default=False, help="How long: 24h, 7d; else until Ctrl-C.")
]
Every = Annotated[str, typer.Option("--every", metavar="TIME", help="How often: 30s, 5m.")]
Once = Annotated[bool, typer.Option("--once", help="One sample, for cron and CI; exit 6 when a metric fails.")]
Strict = Annotated[bool, typer.Option("--strict", help="Exit 6 also where there is not enough data.")]
Baseline = Annotated[
    str,
    typer.Option(
        "--baseline", metavar="TIME", show_default=False, help="Before a change: learn so long what is usual."
    ),
]
MayGuard = Annotated[
    bool | None,
    typer.Option(
        "--guard/--no-guard",
        show_default=False,
        help="Switch FLAG off, once, when a metric with guard: true fails; else as the phase of its rollout says.",
    ),
]
Since = Annotated[
    str,
    typer.Option(
        "--since", metavar="TIME", show_default=False, help="So long ago the change was made; else the flag's newest."
    ),
]


def monitor(  # noqa: PLR0913 - each is a word of the command line
    context: typer.Context,
    *,
    environment: options.Environment,
    flag: options.AnyFlag = None,
    length: For = "0",
    every: Every = "30s",
    since: Since = "0",
    once: Once = False,
    baseline: Baseline = "0",
    guard: MayGuard = None,
    strict: Strict = False,
    yes: options.Yes = False,
    json: options.Json = False,
) -> None:
    """Measure an environment again and again, and tell what is worse than before the change.

    Samples are kept on this machine, so it goes on where it was ended. Exit 6 when a metric fails at the end, the guard
    has switched the flag off, or sees nothing; 5 when it did not reach every host.
    """
    invocation = invocation_of(context)
    configuration = configuration_for(invocation)
    learning = options.seconds(baseline, "--baseline")
    asked = Asked(
        environment=environment,
        flag=flag,
        every=options.seconds(every, "--every"),
        length=learning or options.seconds(length, "--for") or None,
        since=options.seconds(since, "--since"),
        once=once,
        baseline=bool(learning),
        guard=guard,
        strict=strict,
    )
    check(configuration, asked, json=json)
    if learning and (length != "0" or since != "0"):
        raise UsageError("--baseline says how long, and is before any change: without --for and --since.")
    if guard:
        check_guard(configuration, asked, Answer(invocation, yes))
    raise typer.Exit(_watch(invocation, configuration, asked))


def _watch(invocation: Invocation, configuration: Configuration, asked: Asked) -> int:
    """Watch, and say how it ended; the exit status."""
    from rolloutctl.cli.watching import WatchDesk  # noqa: PLC0415 - not for --help
    from rolloutctl.workflows.monitor import Watch, monitor  # noqa: PLC0415

    tools = tools_for(configuration)
    before = tools.clock.now() - timedelta(seconds=asked.since) if asked.since else None
    what = Watch(asked.environment, asked.flag, asked.every, before, asked.baseline)
    desk = WatchDesk(invocation)
    with ExitStack() as there:
        watching = _watching(invocation, asked, desk, _guard(asked, tools, desk), there)
        try:
            monitor(what, tools, watching, seconds=asked.length, once=asked.once)
        except KeyboardInterrupt:
            if watching.last is None:
                raise
        watching.end()
    _conclude(invocation, what, watching, asked, tools)
    if invocation.on_github and watching.last is not None:
        from rolloutctl.cli import github, github_summaries  # noqa: PLC0415 - not for --help

        github.tell(github_summaries.of_watch(watching.last, watching.status))
    return watching.status


def _guard(asked: Asked, tools: Tools, desk: WatchDesk) -> Guard | None:
    from rolloutctl.workflows.guard_phases import rollout_that_guards  # noqa: PLC0415 - not for --help
    from rolloutctl.workflows.guarding import Guard  # noqa: PLC0415

    if asked.flag is None or asked.baseline or asked.guard is False or (asked.once and not asked.guard):
        return None
    planned = rollout_that_guards(asked.environment, asked.flag, tools.configuration)
    return Guard(asked.environment, asked.flag, tools, desk) if asked.guard or planned else None


def _watching(invocation: Invocation, asked: Asked, desk: WatchDesk, guard: Guard | None, there: ExitStack) -> Watching:
    """Whoever watches: a picture on a terminal, a line a round anywhere else, and nobody for JSON."""
    from rolloutctl.cli.watching import Nobody, Watching  # noqa: PLC0415 - not for --help

    if invocation.json:
        return Watching(Nobody(), guard, asked.guard, asked.strict)
    from rolloutctl.cli.render import answer_page, side_page  # noqa: PLC0415 - rich only where somebody reads
    from rolloutctl.cli.watch_screen import WatchScreen, can_draw  # noqa: PLC0415

    page = answer_page()
    if can_draw(page) and not asked.once:
        screen = there.enter_context(
            WatchScreen(page, asked.flag, "learning what is usual, " if asked.baseline else "")
        )
        desk.doing = screen.doing
        return Watching(screen, guard, asked.guard, asked.strict)
    from rolloutctl.cli.render_monitor import Lines, Table  # noqa: PLC0415

    sight = Table(page, asked.flag) if page.terminal and asked.once else Lines(page, side_page())
    return Watching(sight, guard, asked.guard, asked.strict)


def _conclude(invocation: Invocation, what: Watch, watching: Watching, asked: Asked, tools: Tools) -> None:
    """What is said at the end: what was learnt, or how to get enough data."""
    last = watching.last
    if last is None:
        return
    if asked.baseline:
        from rolloutctl.workflows.learning import learnt  # noqa: PLC0415 - not for --help

        found = learnt(last.metrics, last.environment, what.every, tools)
    else:
        found = ()
    if invocation.json:
        from rolloutctl.cli import documents, documents_monitor  # noqa: PLC0415

        documents.write(documents_monitor.of_watch(last, found))
        return
    from rolloutctl.cli.render import answer_page, side_page  # noqa: PLC0415 - rich only where somebody reads
    from rolloutctl.cli.render_learnt import show_hint, show_learnt  # noqa: PLC0415

    if asked.baseline:
        show_learnt(found, what.every, what.environment, answer_page())
    elif asked.once and not last.known:
        show_hint(last, side_page())
