"""A look at a host for `init`: which application, which PHP, as whom, and which page tells whether it is well."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from msgspec import Struct, field
from msgspec.structs import replace

from rolloutctl.contracts import Interview, Session, Sessions, Survey
from rolloutctl.errors import Refused, Unreachable
from rolloutctl.rules.config import Environment, Health, Host
from rolloutctl.rules.outcomes import asked_in
from rolloutctl.rules.proposal import local_addresses, php_of, restart_of, shell_of, site_of
from rolloutctl.rules.questions import Question, which_folder
from rolloutctl.rules.requests import requests_for
from rolloutctl.rules.survey import Closer, Machine, Site, Unit

_PATHS = ("/health", "/up")
_NOWHERE = "/no-such-page-of-this-application"  # whoever answers 200 here, answers it everywhere
_WELL = {"status": "ok"}
_TRIES = 2


class _NotThere(Refused):
    """There is no application in a folder that somebody named."""


class Seen(Struct, frozen=True, kw_only=True):
    """What a host showed; empty where nobody looked."""

    machine: Machine = field(default_factory=Machine)
    closer: Closer = field(default_factory=Closer)
    app: str = ""
    site: Site | None = None
    unit: Unit | None = None
    php: str = "php"
    restart: str = ""
    shell: str = ""
    shell_hint: str = ""


class Well(Struct, frozen=True, kw_only=True):
    """The page that tells whether the application is well, and where it listens; `error` says why nobody asked.

    `proved`: it answered the host as a healthy application would.
    """

    health: Health | None = None
    local_address: str = ""
    error: str = ""
    proved: bool = False


def see(survey: Survey, host: Host, app: str, interview: Interview) -> Seen:
    """Find the application, and look at it closely.

    Raises:
        Refused: there are several or none, and nobody to ask.
        Unreachable: the connection is lost, or the host can't answer.
    """
    machine = survey.machine()
    if app:
        return _closely(survey, machine, host, app)
    for _ in range(_TRIES):
        try:
            return _closely(survey, machine, host, interview.ask(_which(machine, host)))
        except _NotThere as error:
            if not interview.present:
                raise
            interview.tell(error.message)
    return _closely(survey, machine, host, interview.ask(_which(machine, host)))


def find_health(sessions: Sessions, host: Host, url: str, seen: Seen, path: str) -> Well:
    """Ask the host, as a change will; `path` is the only page to ask, where somebody named one."""
    places = ("", *local_addresses(seen.machine, url))
    paths = (path,) if path else _PATHS
    try:
        session = sessions(replace(host, app=seen.app, php=seen.php, shell=seen.shell or None), lambda _: None)
    except Unreachable as error:
        return Well(health=_named(path), error=error.message)
    try:
        for place in places:
            found = _ask(session, replace(session.host, local_address=place or None), url, paths)
            if found is not None:
                return Well(health=found, local_address=place, proved=True)
    except Unreachable as error:
        return Well(health=_named(path), error=error.message)
    finally:
        session.close()
    return Well(health=_named(path))


def _closely(survey: Survey, machine: Machine, host: Host, app: str) -> Seen:
    site = site_of(machine, app)
    restart, unit = restart_of(machine, site)
    php = php_of(machine, unit)
    closer = survey.application(app, php=php, shell=None)
    if closer.absent:
        what = "There is no such folder" if closer.absent == "folder" else "There is no artisan in the folder"
        raise _NotThere(
            f"{what}: {app}.",
            subject=host.name,
            state="Nothing was written.",
            hint="Name the folder that has artisan and .env in it: --app PATH; or --no-look writes the file unseen.",
        )
    shell, hint = shell_of(closer, machine.user)
    return Seen(
        machine=machine,
        closer=survey.application(app, php=php, shell=shell) if shell else closer,
        app=app,
        site=site,
        unit=unit,
        php=php,
        restart=restart,
        shell=shell,
        shell_hint=hint,
    )


def _which(machine: Machine, host: Host) -> Question:
    found = machine.applications
    served = [each.path for each in found if site_of(machine, each.path)]
    known = [each.path for each in found]
    default = known if len(known) == 1 else served
    about = [(each.path, f"of {each.owner}" if each.owner else "") for each in found]
    return which_folder(host.name, about, default[0] if len(default) == 1 else "")


def _ask(session: Session, host: Host, url: str, paths: Sequence[str]) -> Health | None:
    """The page that says most: one whose body says ok, else one that is there while nonsense isn't."""
    telling = [Health(path=path, json=_WELL) for path in paths]
    plain = [Health(path=path) for path in (*paths, _NOWHERE)]
    asked = [request for health in (*telling, *plain) for request in _request(host, url, health, session.server)]
    answers = [answer.ok for answer in asked_in(session.ask(asked))]
    if len(answers) != len(asked):
        return None
    said_ok = next((health for health, ok in zip(telling, answers, strict=False) if ok), None)
    there = next((health for health, ok in zip(plain, answers[len(telling) :], strict=False) if ok), None)
    return said_ok or (None if answers[-1] else there)


def _request(host: Host, url: str, health: Health, server: str) -> tuple[dict[str, Any], ...]:
    environment = Environment(name="init", url=url, hosts=(host,), health=health)
    return requests_for(environment, host, (), server, patient=False)


def _named(path: str) -> Health | None:
    return Health(path=path) if path else None
