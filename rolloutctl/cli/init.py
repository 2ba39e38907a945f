"""init: a first environments.yaml, from a look at a host and a few answers; or what is made of one that is there."""

from __future__ import annotations

import os
import sys
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from rolloutctl.cli.init_github import Github, write_workflows
from rolloutctl.cli.interview import Asker
from rolloutctl.cli.invocation import Invocation, invocation_of
from rolloutctl.cli.terminal import TERMINAL

if TYPE_CHECKING:
    from rolloutctl.rules.config import Host
    from rolloutctl.workflows.init import Outside

Hosts = Annotated[
    list[str] | None,
    typer.Argument(metavar="HOST", help="user@name:port, or local for this machine; the first is looked at."),
]
Named = Annotated[str, typer.Option("--environment", metavar="NAME", help="The environment's name; else production.")]
App = Annotated[str, typer.Option("--app", metavar="PATH", help="The application's folder; else found.")]
Url = Annotated[str, typer.Option("--url", metavar="URL", help="Where people reach it: https://www.example.com")]
Flags = Annotated[
    list[str] | None,
    typer.Option("--flag", metavar="NAME", help="A flag; may be repeated. Else every FEATURE_ switch in .env."),
]
Restart = Annotated[str, typer.Option("--restart", metavar="COMMAND", help="What restarts php-fpm; else found.")]
Health = Annotated[str, typer.Option("--health", metavar="PATH", help="The page that tells whether it is well.")]
Output = Annotated[
    Path | None, typer.Option("--output", metavar="PATH", help="The file; else --config, or ./environments.yaml.")
]
NoLook = Annotated[bool, typer.Option("--no-look", "--offline", help="Don't look at the host.")]
Rollout = Annotated[
    str, typer.Option("--rollout", metavar="FLAG", help="Plan this flag's rollout, in the environments.yaml there is.")
]
Pilot = Annotated[str, typer.Option("--pilot", metavar="15,42", help="The companies that see it first.")]
CompaniesRun = Annotated[
    str, typer.Option("--companies-run", metavar="COMMAND", help="What prints all companies on the first host.")
]
CompaniesFile = Annotated[str, typer.Option("--companies-file", metavar="PATH", help="Where all companies are listed.")]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Ask nothing: take what is found.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Print what would be written, and write nothing.")]


def init(  # noqa: PLR0913 - each is an option of its own
    context: typer.Context,
    *,
    hosts: Hosts = None,
    environment: Named = "",
    app: App = "",
    url: Url = "",
    flag: Flags = None,
    restart: Restart = "",
    health: Health = "",
    output: Output = None,
    no_look: NoLook = False,
    rollout: Rollout = "",
    pilot: Pilot = "",
    companies_run: CompaniesRun = "",
    companies_file: CompaniesFile = "",
    github: Github = False,
    yes: Yes = False,
    dry_run: DryRun = False,
) -> None:
    """Write environments.yaml, a plan in it, or GitHub workflows.

    Looks at a host over SSH for the application, php-fpm's unit and the FEATURE_ switches, asks what it can't find,
    and changes nothing there. Never overwrites a file.

    With --rollout it adds a plan to the file that is there, which else stays as it is; with --github it writes GitHub
    workflows beside that file. Both ask no host.
    """
    from rolloutctl.cli.init_rollout import PlanOptions, plan_rollout  # noqa: PLC0415 - not for --help

    for_a_host: dict[str, object] = {"HOST": hosts, "--app": app, "--url": url, "--flag": flag, "--restart": restart}
    for_a_host |= {"--health": health, "--output": output, "--no-look": no_look}
    options = PlanOptions(flag=rollout, pilot=pilot, companies_run=companies_run, companies_file=companies_file)
    options.check(option for option, value in for_a_host.items() if value)
    if github:
        others = for_a_host | {"--rollout": rollout, "--environment": environment}
        write_workflows(others, invocation_of(context), dry_run=dry_run)
        return
    if rollout:
        plan_rollout(options, environment, invocation_of(context), silent=yes, dry_run=dry_run)
        return
    from rolloutctl.workflows.init import Request  # noqa: PLC0415 - not for --help
    from rolloutctl.workflows.init import init as draft  # noqa: PLC0415

    request = Request(
        hosts=tuple(hosts or ()),
        environment=environment,
        app=app,
        url=url.rstrip("/"),
        flags=tuple(flag or ()),
        restart=restart,
        health=health,
        look=not no_look,
        dry_run=dry_run,
    )
    drafted = draft(request, _outside(invocation_of(context), output, silent=yes))
    if dry_run:
        sys.stdout.write(drafted.text)
        return
    from rolloutctl.cli.render import answer_page  # noqa: PLC0415 - rich only where somebody reads
    from rolloutctl.cli.render_init import show_drafted  # noqa: PLC0415

    show_drafted(drafted, _found_without_options(drafted.path, invocation_of(context)), answer_page())


def _outside(invocation: Invocation, output: Path | None, *, silent: bool) -> Outside:
    from rolloutctl.outside.new_file import NewYamlFile  # noqa: PLC0415
    from rolloutctl.outside.opening import SessionOpener  # noqa: PLC0415
    from rolloutctl.outside.ssh.keyring import Keyring  # noqa: PLC0415 - not for --help
    from rolloutctl.outside.survey import survey  # noqa: PLC0415
    from rolloutctl.workflows.init import Outside  # noqa: PLC0415

    file = NewYamlFile(Path.cwd() / (output or _place(invocation)).expanduser())
    keyring = Keyring(TERMINAL.passphrase)
    return Outside(
        surveys=partial(survey, keyring=keyring),
        sessions=SessionOpener(keyring),
        interview=Asker(silent),
        file=file,
        introduce=_introduce,
    )


def _introduce(host: Host) -> bool:
    from rolloutctl.cli.trust import introduce  # noqa: PLC0415 - only where a key is unknown
    from rolloutctl.rules.config import Environment  # noqa: PLC0415

    return introduce(Environment(name=host.name, hosts=(host,))).all_known


def _place(invocation: Invocation) -> Path:
    """Where every other command would look first."""
    from rolloutctl.outside.places import NAME, VARIABLE  # noqa: PLC0415 - not for --help

    return invocation.config or Path(os.environ.get(VARIABLE) or NAME)


def _found_without_options(path: str, invocation: Invocation) -> bool:
    return Path(path) == Path.cwd() / _place(Invocation())
