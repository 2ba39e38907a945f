"""monitor: what is measured of an environment, and whether it is worse than it should be."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Annotated

import typer

from rolloutctl.cli import options, words
from rolloutctl.cli.asking import Answer, prompt
from rolloutctl.cli.invocation import Invocation, invocation_of
from rolloutctl.cli.wiring import configuration_for, tools_for
from rolloutctl.errors import Refused, UsageError

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


@dataclass(frozen=True, slots=True)
class _Asked:
    """The command line, read."""

    environment: str
    flag: str | None
    every: float  # seconds
    length: float | None  # seconds
    since: float  # seconds ago
    once: bool
    baseline: bool
    guard: bool | None
    strict: bool


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
    asked = _Asked(
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
    _check(configuration, asked, json=json)
    if learning and (once or guard or length != "0" or since != "0"):
        raise UsageError("--baseline says how long, and is before any change: without --for, --once, --since, --guard.")
    if guard:
        _check_guard(configuration, asked, Answer(invocation, yes))
    raise typer.Exit(_watch(invocation, configuration, asked))


def _watch(invocation: Invocation, configuration: Configuration, asked: _Asked) -> int:
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
    return watching.status


def _guard(asked: _Asked, tools: Tools, desk: WatchDesk) -> Guard | None:
    from rolloutctl.workflows.guard_phases import rollout_that_guards  # noqa: PLC0415 - not for --help
    from rolloutctl.workflows.guarding import Guard  # noqa: PLC0415

    if asked.flag is None or asked.baseline or asked.guard is False or (asked.once and not asked.guard):
        return None
    planned = rollout_that_guards(asked.environment, asked.flag, tools.configuration)
    return Guard(asked.environment, asked.flag, tools, desk) if asked.guard or planned else None


def _watching(
    invocation: Invocation, asked: _Asked, desk: WatchDesk, guard: Guard | None, there: ExitStack
) -> Watching:
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


def _conclude(invocation: Invocation, what: Watch, watching: Watching, asked: _Asked, tools: Tools) -> None:
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
    from rolloutctl.cli.render_monitor import show_hint, show_learnt  # noqa: PLC0415

    if asked.baseline:
        show_learnt(found, what.every, what.environment, answer_page())
    elif asked.once and not last.known:
        show_hint(last, side_page())


def _check_guard(configuration: Configuration, asked: _Asked, answer: Answer) -> None:
    """See that there is something to guard, and that somebody allows it.

    Raises:
        UsageError: there is not.
        Refused: nobody does.
    """
    environment, flag = asked.environment, asked.flag
    if flag is None:
        raise UsageError("--guard has to know which flag it may switch off.", hint="Name it behind the environment.")
    measured = (metric for metric in configuration.metrics.values() if metric.measured_in(environment))
    names = [metric.name for metric in measured if metric.guard]
    if not names:
        raise UsageError(
            f"No metric that is measured in {environment} is marked guard: true.",
            subject=configuration.path,
            hint="Mark those whose failure is to switch the flag off: see docs/monitoring.md.",
        )
    answer.check(environment)
    question = f"Switch {flag} off in {environment} without asking, when {words.listed(names)} fails? [y/N] "
    if not answer.given and prompt(question).strip().lower() not in {"y", "yes"}:
        raise Refused("You did not agree.", subject=environment, state="Nothing is watched.")


def _check(configuration: Configuration, asked: _Asked, *, json: bool) -> None:
    """See that there is something to watch.

    Raises:
        UsageError: there is not.
    """
    configuration.environment(asked.environment)
    if asked.flag is not None:
        configuration.flag(asked.flag)
    if not asked.every:
        raise UsageError("--every says how often, so it can't be 0.", hint="Say --every 30s.")
    if json and not (asked.once or asked.baseline):
        raise UsageError("--json is one document: it can only stand together with --once or --baseline.")
    if not any(metric.measured_in(asked.environment) for metric in configuration.metrics.values()):
        raise UsageError(
            f"Nothing is measured in {asked.environment}.",
            subject=configuration.path,
            hint="Declare what is to be watched below metrics: see docs/monitoring.md.",
        )
