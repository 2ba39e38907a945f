"""init --rollout: from a flag and a few answers to a plan of its rollout, in the environments.yaml that is there."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import PurePath

from msgspec import Struct
from msgspec.structs import replace

from rolloutctl.contracts import EditedFile, Interview
from rolloutctl.errors import Refused, UsageError
from rolloutctl.rules.config import Configuration, Flag
from rolloutctl.rules.flags import parse_companies
from rolloutctl.rules.insertion import Insertion
from rolloutctl.rules.questions import COMPANIES, PILOT, which_environment, wrong_companies
from rolloutctl.rules.rollout_draft import Draft, lines_of, target_of, tried_in
from rolloutctl.rules.rollouts import Rollout

_NOTHING = "Nothing was written."


class Request(Struct, frozen=True, kw_only=True):
    """What the command line says; empty where it says nothing. A companies file is absolute, or below ~."""

    flag: str
    environment: str = ""
    pilot: str = ""
    companies_run: str = ""
    companies_file: str = ""
    dry_run: bool = False


class Outside(Struct, frozen=True):
    """What `init --rollout` may ask of the outside."""

    interview: Interview
    file: EditedFile
    checklist: Callable[[str, str, str | None], bool]  # writes one: path, flag, page; False where something is there


class Planned(Struct, frozen=True, kw_only=True):
    """The plan, the text that went into the file, and whether its checklist was made (None: it has none)."""

    draft: Draft
    rollout: Rollout
    inserted: str
    path: str
    checklist_made: bool | None


def init_rollout(request: Request, outside: Outside) -> Planned:
    """Read, ask, and write.

    Raises:
        Refused: there is a plan already, something is missing and nobody can be asked, or it can't be written.
        UsageError: an option is ill written, or names what is not there.
    """
    configuration = outside.file.read()
    flag = _unplanned(request.flag, configuration)
    _check_options(request, flag)
    draft = _draft(request, flag, configuration, outside.interview)
    insertion = outside.file.insert("rollouts", flag.name, lines_of(draft))
    rollout = outside.file.check(insertion.text).rollout(flag.name)
    made = None if request.dry_run else _write(insertion, rollout, flag, outside)
    return Planned(
        draft=draft, rollout=rollout, inserted=insertion.inserted, path=outside.file.path, checklist_made=made
    )


def _unplanned(name: str, configuration: Configuration) -> Flag:
    flag = configuration.flag(name)
    if name in configuration.rollouts:
        raise Refused(
            f"A rollout is planned for {name} already.",
            subject=configuration.path,
            state=_NOTHING,
            hint=f"Next: rolloutctl rollout plan {name}",
        )
    return flag


def _check_options(request: Request, flag: Flag) -> None:
    given = {
        "--pilot": request.pilot,
        "--companies-run": request.companies_run,
        "--companies-file": request.companies_file,
    }
    named = [option for option, value in given.items() if value]
    if named and flag.companies_key is None:
        raise UsageError(
            f"{named[0]}: {flag.name} can't be limited to companies, for it has no companies_key.",
            state=_NOTHING,
            hint=f"Add companies_key below flags.{flag.name}, or leave the option out: from nobody to everyone, then.",
        )
    if request.companies_run and request.companies_file:
        raise UsageError("The companies are listed in one place: --companies-run or --companies-file.", state=_NOTHING)
    if request.pilot and (fault := wrong_companies(request.pilot)):
        raise UsageError(f"--pilot {request.pilot}: {fault}", state=_NOTHING)


def _draft(request: Request, flag: Flag, configuration: Configuration, interview: Interview) -> Draft:
    name = request.environment or target_of(configuration)
    target = configuration.environment(name or interview.ask(which_environment(tuple(configuration.environments))))
    draft = Draft(
        flag=flag.name,
        limitable=flag.companies_key is not None,
        environment=target.name,
        validate=tried_in(configuration, target.name),
        zone=target.freeze[0].zone if target.freeze else "",
    )
    if not draft.limitable:
        return draft
    pilots = parse_companies(request.pilot or interview.ask(PILOT))
    file = _beside(request.companies_file, PurePath(configuration.path).parent)
    run = request.companies_run or ("" if file else interview.ask(COMPANIES))
    return replace(draft, pilots=pilots, run=run, file=file)


def _beside(path: str, folder: PurePath) -> str:
    """A path as environments.yaml would have it: relative, where it leads into its folder."""
    return str(PurePath(path).relative_to(folder)) if PurePath(path).is_relative_to(folder) else path


def _write(insertion: Insertion, rollout: Rollout, flag: Flag, outside: Outside) -> bool | None:
    """First the checklist, so that no plan names one that is not there; tells whether it was made."""
    checklist = rollout.validate.checklist if rollout.validate is not None else None
    page = next((probe.path for probe in flag.probes if not probe.always), None)
    made = outside.checklist(checklist, flag.name, page) if checklist is not None else None
    try:
        outside.file.write(insertion)
    except Refused as error:
        error.state += f" The checklist was written: {checklist}" if made else ""
        raise
    return made
