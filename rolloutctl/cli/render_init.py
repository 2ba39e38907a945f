"""How the end of `init` looks: what was found, what is to be known about it, the file, the next commands."""

from __future__ import annotations

from collections.abc import Iterator

from rolloutctl.cli import words
from rolloutctl.cli.render import Page
from rolloutctl.rules.proposal import Proposal, ProposedFlag
from rolloutctl.workflows.init import Drafted
from rolloutctl.workflows.surveying import Seen


def show_drafted(drafted: Drafted, found_without_options: bool, page: Page) -> None:
    """What was found, and what to do next; `found_without_options`: other commands find the file by themselves."""
    proposal = drafted.proposal
    page.gap()
    page.columns([list(row) for row in _found(drafted)])
    page.gap()
    for remark in _remarks(drafted):
        page.line(("! ", "yellow"), remark, indent=2, hang=2)
    page.line(("✓ ", "green"), f"Written: {drafted.path}", hang=2)
    if proposal.flags:
        names = words.listed(flag.name for flag in proposal.flags)
        page.line(f"Add a probe for {names}: only a page that answers differently proves a change.", indent=2)
    config = () if found_without_options else ("--config", drafted.path)
    page.advice(f"Next: {words.command(*config, 'doctor', proposal.environment)}", indent=2)
    page.advice(f"Then: {words.command(*config, 'status', proposal.environment)}", indent=2)


def _found(drafted: Drafted) -> Iterator[tuple[str, str]]:
    proposal, seen = drafted.proposal, drafted.seen
    where = words.listed(proposal.hosts) or "this machine"
    yield "environment", f"{proposal.environment} on {where}{', protected' if proposal.protected else ''}"
    yield "application", " · ".join(filter(None, (proposal.app, *(_application(seen) if seen else ()))))
    yield "url", proposal.url or "not known"
    yield "php-fpm", proposal.restart or "not found"
    yield "health", _health(drafted)
    for number, flag in enumerate(proposal.flags):
        yield ("flags" if number == 0 else ""), _flag(flag)
    if not proposal.flags:
        yield "flags", "none"


def _application(seen: Seen) -> Iterator[str]:
    found = seen.closer.application
    if found and found.deployed_by:
        yield "by Deployer" if found.deployed_by == "Deployer" else "in releases"
    if seen.closer.laravel:
        yield f"Laravel {seen.closer.laravel}"
    if seen.closer.php:
        yield f"PHP {seen.closer.php}"


def _health(drafted: Drafted) -> str:
    health = drafted.proposal.health
    if health is None:
        return "not found"
    if not drafted.well.proved:
        return health.path
    return f"{health.path} answers 200" + (" with status ok" if health.json else "")


def _flag(flag: ProposedFlag) -> str:
    limit = f", limited by {flag.companies_key}" if flag.companies_key else ""
    return f"{flag.name}: {flag.key}{limit}{'' if flag.found else ', not seen in .env'}"


def _remarks(drafted: Drafted) -> Iterator[str]:
    """What a person should know before the first change."""
    proposal, seen = drafted.proposal, drafted.seen
    if seen is None:
        yield "Nobody looked at the host: compare what is written with the server."
        return
    yield from _access(proposal, seen)
    if not proposal.restart:
        yield "No php-fpm was found: complete the step that restarts it, or a change won't take effect."
    if not proposal.url:
        yield "Without url: a host can't ask itself for its health, nor a probe."
    if drafted.well.error:
        yield f"No session begins on the host yet: {drafted.well.error}"
    elif proposal.health is None and proposal.url:
        yield "Neither /health nor /up answers 200: without a health check, an ill application isn't noticed."
    elif proposal.health and proposal.url and not drafted.well.proved:
        yield f"{proposal.health.path} does not answer 200 on the host."
    if len(proposal.hosts) > 1:
        yield f"Only {proposal.hosts[0]} was looked at."


def _access(proposal: Proposal, seen: Seen) -> Iterator[str]:
    found, user = seen.closer.application, seen.machine.user
    if found and found.env == "absent":
        yield f"There is no .env in {proposal.app}: set env_file:"
    elif found and found.env == "closed":
        yield f"{user} can't read .env, so its flags are not known."
    elif found and found.env == "readable" and not proposal.shell:
        yield f"{user} can't write .env."
    unasked = proposal.restart != seen.restart or proposal.shell  # another command, or another user to run it
    if seen.unit and seen.unit.allowed == "no" and not unasked:
        yield f"{user} may not run `{proposal.restart}` without a password yet; doctor shows the line for sudoers."
    yield from _php(proposal, seen)


def _php(proposal: Proposal, seen: Seen) -> Iterator[str]:
    if seen.closer.fault:
        key, line = seen.closer.fault
        yield f".env is invalid to phpdotenv{f' at line {line}' if line else ''}{f' ({key})' if key else ''}."
    elif seen.closer.boot_error:
        yield f"The application doesn't start for {proposal.php}: {seen.closer.boot_error}"
    elif seen.closer.mute:
        why = "was not found" if seen.closer.mute == "127" else f"ended with exit {seen.closer.mute}"
        yield f"{proposal.php} {why}: set php: to the application's."
