"""init: from a host, or from a few answers, to a commented environments.yaml that passes its own check."""

from __future__ import annotations

from collections.abc import Callable

from msgspec import Struct
from msgspec.structs import replace

from rolloutctl.contracts import Interview, NewFile, Sessions, Surveys
from rolloutctl.errors import Refused, Unreachable, UsageError, WrongHostKey
from rolloutctl.rules.config import Health, Host
from rolloutctl.rules.proposal import Proposal, ProposedFlag, flag_named, flags_from, url_of, volatile_of
from rolloutctl.rules.proposal_text import further_environment, text_of
from rolloutctl.rules.questions import (
    ENVIRONMENT,
    HOST,
    LOCAL,
    UNSEEN,
    folder_on,
    split_flags,
    url_question,
    which_flags,
    wrong_flags,
    wrong_folder,
    wrong_host,
    wrong_name,
    wrong_path,
    wrong_url,
)
from rolloutctl.rules.written import split_host
from rolloutctl.workflows.surveying import Seen, Well, find_health, see

_NOTHING = "Nothing was written."


class Request(Struct, frozen=True, kw_only=True):
    """What the command line says; empty where it says nothing."""

    hosts: tuple[str, ...] = ()
    environment: str = ""
    app: str = ""
    url: str = ""
    flags: tuple[str, ...] = ()
    restart: str = ""
    health: str = ""
    look: bool = True
    dry_run: bool = False


class Outside(Struct, frozen=True):
    """What `init` may ask of the outside."""

    surveys: Surveys
    sessions: Sessions
    interview: Interview
    file: NewFile
    introduce: Callable[[Host], bool]  # shows an unknown host key, asks, and remembers it after a yes


class Drafted(Struct, frozen=True, kw_only=True):
    """The file's text and where it came from; `seen` is None where nobody looked."""

    proposal: Proposal
    text: str
    seen: Seen | None
    well: Well
    path: str


def init(request: Request, outside: Outside) -> Drafted:
    """Ask, look, ask, and write.

    Raises:
        Refused: the file is there already, or something is missing and nobody can be asked.
        Unreachable: the host can't be looked at, and nobody says to go on without.
        UsageError: an option is ill written, or what came together is no configuration.
    """
    _check_options(request)
    if outside.file.taken and not request.dry_run:
        raise _taken(request, outside.file)
    drafted = _draft(request, outside)
    outside.file.check(drafted.text)
    if not request.dry_run:
        outside.file.write(drafted.text)
    return drafted


def _draft(request: Request, outside: Outside) -> Drafted:
    ask = outside.interview.ask
    hosts = request.hosts or (ask(HOST),)
    environment = request.environment or ask(ENVIRONMENT)
    host = _host(hosts[0])
    seen = _look(host, request, outside) if request.look else None
    app = seen.app if seen else request.app or ask(folder_on(host.name))
    url = request.url or ask(url_question(url_of(seen.site) if seen else ""))
    flags, left_out = _flags(request, outside.interview, seen)
    named = Health(path=request.health) if request.health else None
    well = find_health(outside.sessions, host, url, seen, request.health) if seen and url else Well(health=named)
    proposal = Proposal(
        environment=environment, hosts=_remote(hosts), app=app, url=url, restart=request.restart, flags=flags
    )
    proposal = replace(proposal, left_out=left_out, health=well.health, local_address=well.local_address)
    proposal = _with(proposal, seen) if seen else proposal
    return Drafted(proposal=proposal, text=text_of(proposal), seen=seen, well=well, path=outside.file.path)


def _with(proposal: Proposal, seen: Seen) -> Proposal:
    return replace(
        proposal,
        php=seen.php,
        shell=seen.shell,
        shell_hint=seen.shell_hint,
        restart=proposal.restart or seen.restart,
        workers=seen.closer.workers,
        volatile=volatile_of(seen.closer),
    )


def _check_options(request: Request) -> None:
    given = [("HOST", host, wrong_host) for host in request.hosts]
    given += [("--environment", request.environment, wrong_name), ("--app", request.app, wrong_folder)]
    given += [("--url", request.url, wrong_url), ("--health", request.health, wrong_path)]
    given += [("--flag", flag, wrong_flags) for flag in request.flags]
    for option, value, wrong in given:
        if value and (fault := wrong(value)):
            raise UsageError(f"{option} {value}: {fault}", state=_NOTHING)
    if len(request.hosts) > 1 and LOCAL & set(request.hosts):
        raise UsageError("This machine stands alone: local can't be one of several hosts.", state=_NOTHING)


def _taken(request: Request, file: NewFile) -> Refused:
    name = request.environment or "production"
    if name in file.environments:
        return Refused(
            f"{name} is in this file already, and init never overwrites one.",
            subject=file.path,
            state=_NOTHING,
            hint=f"Next: rolloutctl doctor {name}",
        )
    lines = tuple(further_environment(name, _remote(request.hosts), request.app, request.url))
    return Refused(
        "This file is there already, and init never overwrites one.",
        subject=file.path,
        state=f"Nothing was written. For {name} in it, add below `environments:`, by hand:"
        if request.hosts
        else _NOTHING,
        details=lines if request.hosts else (),
        hint="To see what init would write: the same command with --dry-run. Into another file: --output PATH",
    )


def _look(host: Host, request: Request, outside: Outside) -> Seen | None:
    outside.interview.tell(f"Looking at {host.name} …")
    try:
        return _see(host, request, outside)
    except Unreachable as error:
        error.state = f"{_NOTHING} To write it without looking: --no-look"
        if not outside.interview.present:
            raise
        if isinstance(error, WrongHostKey) and error.verdict == "unknown" and outside.introduce(host):
            return _look(host, request, outside)
        _agree_to_go_on(error, outside.interview)
        return None


def _see(host: Host, request: Request, outside: Outside) -> Seen:
    survey = outside.surveys(host)
    try:
        return see(survey, host, request.app, outside.interview)
    finally:
        survey.close()


def _agree_to_go_on(error: Unreachable, interview: Interview) -> None:
    for line in filter(None, (error.message, error.hint)):
        interview.tell(line)
    if interview.ask(UNSEEN).lower() not in {"y", "yes"}:
        raise error


def _flags(
    request: Request, interview: Interview, seen: Seen | None
) -> tuple[tuple[ProposedFlag, ...], tuple[str, ...]]:
    found, left_out = flags_from(seen.closer.keys) if seen else ((), ())
    words = request.flags or split_flags(interview.ask(which_flags([flag.name for flag in found])))
    if words == ("all",):
        return found, left_out
    chosen = tuple(flag_named(word, found) for word in words if word != "none")
    return tuple({flag.key: flag for flag in chosen}.values()), left_out


def _host(text: str) -> Host:
    if text in LOCAL:
        return Host(name="localhost", address="localhost", connection="local")
    user, address, port = split_host(text)
    return Host(name=address, address=address, user=user, port=port)


def _remote(hosts: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(host for host in hosts if host not in LOCAL)
