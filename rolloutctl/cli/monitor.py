"""monitor: what is measured of an environment, and whether it is worse than it should be."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Annotated

import typer

from rolloutctl.cli import options, words
from rolloutctl.cli.asking import Answer, prompt
from rolloutctl.cli.desk import FrontDesk
from rolloutctl.cli.invocation import invocation_of
from rolloutctl.cli.wiring import configuration_for, tools_for
from rolloutctl.errors import Refused, Unhealthy, UsageError

if TYPE_CHECKING:
    from collections.abc import Callable

    from rolloutctl.rules.config import Configuration
    from rolloutctl.workflows.guarding import Guard
    from rolloutctl.workflows.monitor import Round

For = Annotated[
    str, typer.Option("--for", metavar="TIME", show_default=False, help="How long: 24h, 7d; else until Ctrl-C.")
]
Every = Annotated[str, typer.Option("--every", metavar="TIME", help="How often: 30s, 5m.")]
Once = Annotated[bool, typer.Option("--once", help="One sample, for cron and CI; exit 6 when a metric fails.")]
MayGuard = Annotated[
    bool,
    typer.Option("--guard", help="Switch FLAG off, once, when a metric with guard: true fails."),
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
    guard: MayGuard = False,
    yes: options.Yes = False,
    json: options.Json = False,
) -> None:
    """Measure an environment again and again, and tell what is worse than before the change.

    Samples are kept on this machine, so it goes on where it was ended. Exit 6 when a metric fails at the end, or the
    guard has switched the flag off; 5 when it did not reach every host.
    """
    from rolloutctl.workflows.guarding import Guard  # noqa: PLC0415 - not for --help
    from rolloutctl.workflows.monitor import Watch  # noqa: PLC0415
    from rolloutctl.workflows.monitor import monitor as watch  # noqa: PLC0415

    invocation = invocation_of(context)
    configuration = configuration_for(invocation)
    pause = options.seconds(every, "--every")
    _check(configuration, environment, flag, pause)
    if json and not once:
        raise UsageError("--json is one document: it can only stand together with --once.")
    if guard:
        _check_guard(configuration, environment, flag, Answer(invocation, yes))
    tools = tools_for(configuration)
    ago = options.seconds(since, "--since")
    what = Watch(environment, flag, pause, tools.clock.now() - timedelta(seconds=ago) if ago else None)
    length_ = options.seconds(length, "--for") or None
    with FrontDesk(invocation, Answer(invocation, yes=True)) as desk:
        shown = _Shown(_shower(json=json), Guard(environment, flag, tools, desk) if guard and flag else None)
        try:
            watch(what, tools, shown, seconds=length_, once=once)
        except KeyboardInterrupt:
            if shown.last is None:
                raise
    raise typer.Exit(shown.status)


class _Shown:
    """Shows each round, and lets the guard see it."""

    def __init__(self, show: Callable[[Round], None], guard: Guard | None) -> None:
        self.last: Round | None = None
        self._show, self._guard = show, guard

    def __call__(self, round_: Round) -> None:
        self.last = round_
        self._show(round_)
        if self._guard is not None:
            from rolloutctl.cli.render import side_page  # noqa: PLC0415 - rich only where somebody reads
            from rolloutctl.cli.render_monitor import show_guard  # noqa: PLC0415

            fired = self._guard.see(round_)
            show_guard(self._guard, side_page(), fired=fired)

    @property
    def status(self) -> int:
        """The exit status."""
        guard = self._guard
        done = guard.done if guard else None
        error = (guard.error if guard else None) or (done.error if done else None)
        if error is not None:
            return error.exit_status
        return 0 if done is None and self.last is not None and self.last.well else Unhealthy.exit_status


def _check_guard(configuration: Configuration, environment: str, flag: str | None, answer: Answer) -> None:
    """See that there is something to guard, and that somebody allows it.

    Raises:
        UsageError: there is not.
        Refused: nobody does.
    """
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


def _check(configuration: Configuration, environment: str, flag: str | None, pause: float) -> None:
    """See that there is something to watch.

    Raises:
        UsageError: there is not.
    """
    configuration.environment(environment)
    if flag is not None:
        configuration.flag(flag)
    if not pause:
        raise UsageError("--every says how often, so it can't be 0.", hint="Say --every 30s.")
    if not any(metric.measured_in(environment) for metric in configuration.metrics.values()):
        raise UsageError(
            f"Nothing is measured in {environment}.",
            subject=configuration.path,
            hint="Declare what is to be watched below metrics: see docs/monitoring.md.",
        )


def _shower(*, json: bool) -> Callable[[Round], None]:
    """How each round is shown: as JSON, as a table that stands for itself, or as one line where nobody looks on."""
    if json:
        from rolloutctl.cli import documents, documents_monitor  # noqa: PLC0415 - not for --help

        return lambda round_: documents.write(documents_monitor.of_round(round_))
    from rolloutctl.cli.render import answer_page  # noqa: PLC0415 - rich only where somebody reads
    from rolloutctl.cli.render_monitor import show_line, show_round  # noqa: PLC0415

    page = answer_page()
    return lambda round_: (show_round if page.terminal else show_line)(round_, page)
