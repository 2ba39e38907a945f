"""The front desk's door: builds the app, runs it, and turns whatever went wrong into words and an exit status."""

from __future__ import annotations

import atexit
import os
import sys
import threading
import traceback
from collections.abc import Sequence
from contextlib import suppress
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

from rolloutctl import __version__
from rolloutctl.cli.interrupts import heed_interrupts
from rolloutctl.cli.invocation import Invocation, invocation_of
from rolloutctl.cli.streams import STREAMS
from rolloutctl.cli.terminal import TERMINAL
from rolloutctl.errors import PersonNeeded, Refused, RolloutctlError, UsageError

if TYPE_CHECKING:
    from rolloutctl.cli.setting_out import Departure

_NAME = "rolloutctl"
# In the order of --help. Each stands in the module of its name: a function of that name, or of a group's commands.
_COMMANDS = (
    "toggle",
    "confirm",
    "due",
    "unschedule",
    "status",
    "rollback",
    "deploy",
    "run",
    "audit",
    "health",
    "monitor",
    "triage",
    "timeline",
    "report",
    "announce",
    "init",
    "trust",
    "doctor",
    "schema",
)
_GROUPS = ("rollout", "incident")
_INTERRUPTED = 130  # what typer makes of a KeyboardInterrupt
_AT_WORK = "Interrupted while hosts were at work."

Config = Annotated[
    Path | None,
    typer.Option("--config", metavar="PATH", help="environments.yaml; else ROLLOUTCTL_CONFIG, else found upward."),
]
Debug = Annotated[bool, typer.Option("--debug", help="Show where an error comes from (also ROLLOUTCTL_DEBUG=1).")]
Version = Annotated[bool, typer.Option("--version", help="Show the version.")]


class Interrupted(Refused):
    """Ctrl-C, or the end of the terminal, before anything was changed."""

    code = "interrupted"


def main(departure: Departure | None = None, *, interrupted: bool = False) -> NoReturn:
    """Run the command that sys.argv names, and exit; somebody may have set out for its hosts, or pressed Ctrl-C."""
    argv = tuple(sys.argv[1:])
    debug = bool(os.environ.get("ROLLOUTCTL_DEBUG")) or "--debug" in argv
    invocation = Invocation(argv, debug=debug, departure=departure, interrupted=interrupted)
    status = run(invocation)
    if not (invocation.interrupted or invocation.hasty):
        with suppress(KeyboardInterrupt):
            threading._shutdown()  # type: ignore[attr-defined]  # what Python does at an exit
    _leave(STREAMS.end(status, shows=invocation.shows))


def run(invocation: Invocation) -> int:
    """Run a command; gives its exit status."""
    argv = invocation.argv
    status = _INTERRUPTED
    _prepare()
    try:
        if not invocation.interrupted:
            app = command_line(_command_in(argv))
            status = int(app(args=list(argv), prog_name=_NAME, standalone_mode=False, obj=invocation) or 0)
        TERMINAL.leave()
    except RolloutctlError as error:
        return _tell(error, invocation)
    except KeyboardInterrupt:
        status = _INTERRUPTED
    except Exception as error:  # noqa: BLE001 - the one place where a defect becomes words
        return _tell(_usage(error) or _defect(error), invocation)
    invocation.interrupted = status == _INTERRUPTED
    return _tell(interrupted(invocation), invocation) if invocation.interrupted else status


def interrupted(invocation: Invocation) -> RolloutctlError:
    """What an interruption means, by how far the command got."""
    plan = invocation.plan
    if not invocation.begun:
        return Interrupted(
            "Interrupted.",
            state="Nothing was changed on any host.",
            hint="The same command again begins anew; how things stand: rolloutctl status",
        )
    if plan is None:
        return PersonNeeded(
            _AT_WORK,
            subject=invocation.where,
            state="The step that ran may still run there, to its end; no other begins.",
            hint=f"rolloutctl status {invocation.where}".rstrip(),
        )
    return PersonNeeded(
        _AT_WORK,
        subject=plan.environment.name,
        state=f"A widening goes back by itself within {plan.environment.hold:.0f} s; a switch-off stays.",
        hint=f"rolloutctl status {plan.environment.name} {plan.flag.name}",
    )


def command_line(only: str = "") -> typer.Typer:
    """Every command, with its options; or only the one that is to run, as it costs some milliseconds to add each."""
    app = typer.Typer(
        name=_NAME,
        help="Open a Laravel feature carefully on several servers, and close it fast.",
        rich_markup_mode=None,
        pretty_exceptions_enable=False,
        pretty_exceptions_show_locals=False,
        context_settings={"help_option_names": ["--help", "-h"]},
    )
    app.callback(invoke_without_command=True)(_begin)
    for name in (only,) if only else (*_COMMANDS, *_GROUPS):
        module = import_module(f"rolloutctl.cli.{name}")
        if name in _GROUPS:
            app.add_typer(getattr(module, f"{name}_commands")())
        else:
            app.command()(getattr(module, name))
    return app


def _command_in(argv: Sequence[str]) -> str:
    """The command that the words name; empty where it isn't sure."""
    words = iter(argv)
    for word in words:
        if word == "--config":
            next(words, "")
        elif not word.startswith("-"):
            return word if word in (*_COMMANDS, *_GROUPS) else ""
    return ""


def _begin(context: typer.Context, config: Config = None, debug: Debug = False, version: Version = False) -> None:
    invocation = invocation_of(context)
    invocation.config = config
    invocation.debug = invocation.debug or debug
    invocation.command = context.invoked_subcommand or ""
    if version:
        typer.echo(f"{_NAME} {__version__}")
        raise typer.Exit
    if not invocation.command:
        typer.echo(context.get_help())


def _leave(status: int) -> NoReturn:
    """Wait for no thread: one may hang in a connect, or in a host's answer, for a minute.

    And take nothing apart that ends with the process: Python would, for a tenth of a second.
    """
    TERMINAL.leave()
    atexit._run_exitfuncs()  # the embedded hosts' end
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
    os._exit(status)


def _prepare() -> None:
    """Every ending by signal is a Ctrl-C."""
    heed_interrupts()
    TERMINAL.heed_signals()


def _tell(error: RolloutctlError, invocation: Invocation) -> int:
    TERMINAL.leave()
    if invocation.debug and not isinstance(error, Interrupted):
        _trace(error.__cause__ or error)
    with suppress(OSError):  # a terminal that is gone
        if invocation.json:
            from rolloutctl.cli import documents  # noqa: PLC0415 - not for --help

            documents.write(documents.of_failure(error, invocation))
        else:
            from rolloutctl.cli.render import side_page  # noqa: PLC0415 - rich only where somebody reads
            from rolloutctl.cli.render_error import show_error  # noqa: PLC0415

            show_error(error, side_page())
        if invocation.on_github:
            from rolloutctl.cli import github, github_summaries  # noqa: PLC0415

            github.tell(github_summaries.of_error(error, invocation))
    return error.exit_status


def _trace(error: BaseException) -> None:
    """Where it comes from; a message may quote what somebody typed, or a host said."""
    from rolloutctl.rules.redact import printable  # noqa: PLC0415 - not for --help

    with suppress(OSError):
        sys.stderr.write(printable("".join(traceback.format_exception(error))))


def _usage(error: Exception) -> UsageError | None:
    """What is wrong with the command line; its exceptions are click's, which some versions of typer bring along."""
    if not hasattr(error, "format_message"):
        return None
    context = getattr(error, "ctx", None)
    path = context.command_path if context is not None else _NAME
    return UsageError(error.format_message().replace("\n\t", " "), hint=f"See: {path} --help")


def _defect(error: Exception) -> RolloutctlError:
    """Without the exception's own words, which may hold what stands in a file."""
    frames = traceback.extract_tb(error.__traceback__)
    where = f"{Path(frames[-1].filename).name}:{frames[-1].lineno}" if frames else "an unknown place"
    defect = RolloutctlError(
        f"This is a defect of rolloutctl: {type(error).__name__} in {where}.",
        state="What hosts had begun, they end or put back by themselves.",
        hint="See how things stand: rolloutctl status. Where the defect is: the same command with --debug first.",
    )
    defect.__cause__ = error
    return defect
