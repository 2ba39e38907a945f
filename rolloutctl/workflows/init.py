"""init: from a host, or from a few answers, to a commented environments.yaml that passes its own check."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rolloutctl.contracts import Interview, NewFile, Sessions, Surveys
from rolloutctl.errors import Refused, Unreachable, UsageError
from rolloutctl.rules.config import Health, Host
from rolloutctl.rules.proposal import Proposal, ProposedFlag, flag_named, flags_from, url_of, volatile_of
from rolloutctl.rules.proposal_text import further_environment, text_of
from rolloutctl.rules.questions import (
    LOCAL,
    Question,
    split_flags,
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
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


@dataclass(frozen=True, slots=True)
class Outside:
    """What `init` may ask of the outside."""

    surveys: Surveys
    sessions: Sessions
    interview: Interview
    file: NewFile


@dataclass(frozen=True, slots=True, kw_only=True)
class Drafted:
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
    interview = outside.interview
    hosts = request.hosts or (_ask_host(interview),)
    environment = request.environment or _ask_environment(interview)
    host = _host(hosts[0])
    seen = _look(host, request, outside) if request.look else None
    app = seen.app if seen else request.app or _ask_app(interview, host)
    url = request.url or _ask_url(interview, seen)
    flags, left_out = _flags(request, interview, seen)
    named = Health(path=request.health) if request.health else None
    well = find_health(outside.sessions, host, url, seen, request.health) if seen and url else Well(health=named)
    look = seen or Seen()
    proposal = Proposal(
        environment=environment,
        hosts=_remote(hosts),
        app=app,
        url=url,
        php=look.php,
        shell=look.shell,
        shell_hint=look.shell_hint,
        local_address=well.local_address,
        restart=request.restart or look.restart,
        workers=look.closer.workers,
        volatile=volatile_of(look.closer),
        health=well.health,
        flags=flags,
        left_out=left_out,
    )
    text = text_of(proposal)
    outside.file.check(text)
    if not request.dry_run:
        outside.file.write(text)
    return Drafted(proposal=proposal, text=text, seen=seen, well=well, path=outside.file.path)


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


def _ask_host(interview: Interview) -> str:
    return interview.ask(Question(words="Where does it run? user@host:", option="HOST", wrong=wrong_host))


def _ask_environment(interview: Interview) -> str:
    return interview.ask(
        Question(
            words="What is this environment called?",
            option="--environment NAME",
            default="production",
            wrong=wrong_name,
        )
    )


def _ask_app(interview: Interview, host: Host) -> str:
    return interview.ask(
        Question(words=f"In which folder is the application on {host.name}?", option="--app PATH", wrong=wrong_folder)
    )


def _ask_url(interview: Interview, seen: Seen | None) -> str:
    return interview.ask(
        Question(
            words="Where do people reach it? https://...",
            option="--url URL",
            default=url_of(seen.site) if seen else "",
            needed=False,
            wrong=wrong_url,
        )
    )


def _look(host: Host, request: Request, outside: Outside) -> Seen | None:
    outside.interview.tell(f"Looking at {host.name} …")
    try:
        survey = outside.surveys(host)
        try:
            return see(survey, host, request.app, outside.interview)
        finally:
            survey.close()
    except Unreachable as error:
        error.state = f"{_NOTHING} To write it without looking: --no-look"
        if not outside.interview.present:
            raise
        _agree_to_go_on(error, outside.interview)
        return None


def _agree_to_go_on(error: Unreachable, interview: Interview) -> None:
    interview.tell(f"{error.message} {error.hint}".strip())
    question = Question(words="Write the file without looking? y/n", option="--no-look", default="n")
    if interview.ask(question).lower() not in {"y", "yes"}:
        raise error


def _flags(
    request: Request, interview: Interview, seen: Seen | None
) -> tuple[tuple[ProposedFlag, ...], tuple[str, ...]]:
    found, left_out = flags_from(seen.closer.keys) if seen else ((), ())
    words = request.flags or _ask_flags(interview, found)
    if words == ("all",):
        return found, left_out
    chosen = tuple(flag_named(word, found) for word in words if word != "none")
    return tuple({flag.key: flag for flag in chosen}.values()), left_out


def _ask_flags(interview: Interview, found: Sequence[ProposedFlag]) -> tuple[str, ...]:
    names = ", ".join(flag.name for flag in found)
    answer = interview.ask(
        Question(
            words=f"Which flags? {names}" if names else "Which flags? Names with commas between",
            option="--flag NAME",
            default="all" if names else "none",
            wrong=wrong_flags,
        )
    )
    return split_flags(answer)


def _host(text: str) -> Host:
    if text in LOCAL:
        return Host(name="localhost", address="localhost", connection="local")
    user, address, port = split_host(text)
    return Host(name=address, address=address, user=user, port=port)


def _remote(hosts: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(host for host in hosts if host not in LOCAL)
