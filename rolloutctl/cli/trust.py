"""trust: remember the host keys that are not known yet, after a look at their fingerprints."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from rolloutctl.cli import options, words
from rolloutctl.cli.asking import prompt
from rolloutctl.cli.invocation import invocation_of
from rolloutctl.cli.streams import STREAMS
from rolloutctl.cli.wiring import configuration_for, host_keys_for, tools_for
from rolloutctl.errors import Refused, WrongHostKey

if TYPE_CHECKING:
    from rolloutctl.rules.config import Environment
    from rolloutctl.workflows.trust import Strangers, Trusted

_UNSEEN = "Not every host key could be looked at."
Fingerprints = Annotated[
    list[str] | None,
    typer.Option("--fingerprint", metavar="SHA256:...", help="Don't ask: trust a key with this one. May be repeated."),
]


def trust(
    context: typer.Context,
    *,
    environment: options.Environment,
    fingerprint: Fingerprints = None,
    json: options.Json = False,
) -> None:
    """Remember the servers' host keys that are not known yet.

    Shows each fingerprint, asks, and appends the keys to known_hosts; jump hosts come first. A key that has changed or
    was revoked is never accepted.
    """
    chosen = tools_for(configuration_for(invocation_of(context))).environment(environment)
    compared = frozenset(each.rstrip("=") for each in fingerprint or ())
    done = introduce(chosen, compared, quiet=json)
    if json:
        from rolloutctl.cli import documents, documents_trust  # noqa: PLC0415

        documents.write(documents_trust.of_trust(done))
        raise typer.Exit(0 if done.all_known else Refused.exit_status)
    _tell(done)
    if not done.all_known:
        raise _refusal(done, words.command("trust", chosen.name), compared=bool(compared))


def introduce(environment: Environment, compared: frozenset[str] = frozenset(), *, quiet: bool = False) -> Trusted:
    """Show the unknown keys and ask about them, unless their fingerprints are among those `compared` already."""
    from rolloutctl.workflows.trust import trust as remember  # noqa: PLC0415 - not for --help

    def agrees(strangers: Strangers) -> bool:
        if not quiet:
            _show(strangers, environment.name)
        if compared:
            return all(stranger.fingerprint in compared for stranger in strangers)
        return not quiet and STREAMS.can_ask and prompt("Type yes to trust them: ").strip() == "yes"

    return remember(environment, host_keys_for(), agrees)


def _show(strangers: Strangers, environment: str) -> None:
    from rolloutctl.cli.render import side_page  # noqa: PLC0415 - rich only where somebody reads
    from rolloutctl.cli.render_trust import show_strangers  # noqa: PLC0415

    show_strangers(strangers, environment, side_page())


def _tell(done: Trusted) -> None:
    from rolloutctl.cli.render import answer_page  # noqa: PLC0415 - rich only where somebody reads
    from rolloutctl.cli.render_trust import show_trusted  # noqa: PLC0415

    show_trusted(done, answer_page())


def _refusal(done: Trusted, command: str, *, compared: bool) -> Refused:
    """What keeps the environment from being reached, as an error with one next command."""
    details = tuple(
        line
        for name, error in done.problems.items()
        for line in (f"{name}: {error.message}", *(f"  {hint}" for hint in error.hint.splitlines()))
    )
    if not done.declined:
        wrong = any(isinstance(error, WrongHostKey) for error in done.problems.values())
        message = "A host key is not the known one, and that is never accepted." if wrong else _UNSEEN
        return Refused(message, subject=done.environment.name, details=details)
    shown = " ".join(f"--fingerprint {stranger.fingerprint}" for stranger in done.declined)
    if compared:
        message, hint = "A key has another fingerprint than those given.", "Ask whoever set the server up."
    elif STREAMS.can_ask:
        message, hint = "The keys were not trusted.", f"Once you have compared them: {command}"
    else:
        message = "There is no terminal to ask on."
        hint = f"Once you have compared them: {command} {shown}"
    state = "known_hosts has none of them."
    return Refused(message, subject=done.environment.name, state=state, hint=hint, details=details)
