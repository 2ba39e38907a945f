"""announce: say what happened with a feature, to whom it concerns, and only what is true."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from msgspec import Struct

from rolloutctl.cli import options, words
from rolloutctl.cli.asking import prompt
from rolloutctl.cli.invocation import Invocation, invocation_of
from rolloutctl.cli.streams import STREAMS
from rolloutctl.cli.wiring import configuration_for, tools_for
from rolloutctl.errors import PersonNeeded, Refused, UsageError

if TYPE_CHECKING:
    from rolloutctl.rules.channels import Announcing, Channel, Kind
    from rolloutctl.workflows.announce import Draft, Sent

_UNSENT = "Nothing was sent."

WhatKind = Annotated[
    str, typer.Argument(metavar="KIND", help="staging-ready, production, phase, incident, recovered or done.")
]
To = Annotated[
    list[str] | None,
    typer.Option("--to", metavar="WHERE", help="A channel, terminal, or a new file: FILE.md. May be repeated."),
]
In = Annotated[str | None, typer.Option("--in", metavar="ENV", help="The environment; default: the rollout's.")]
InPhase = Annotated[str | None, typer.Option("--phase", metavar="PHASE", help="The phase that is meant.")]
FactOption = Annotated[
    list[str] | None,
    typer.Option("--fact", metavar="NAME=TEXT", help="A fact for the template. May be repeated."),
]
NoSending = Annotated[bool, typer.Option("--dry-run", help="Show it and where it would go, and send nothing.")]
Sending = Annotated[bool, typer.Option("--yes", "-y", help="Send without asking.")]


def announce(  # noqa: PLR0913 - each is a word of the command line
    context: typer.Context,
    *,
    kind: WhatKind,
    flag: options.Flag,
    to: To = None,
    environment: In = None,
    phase: InPhase = None,
    fact: FactOption = None,
    dry_run: NoSending = False,
    yes: Sending = False,
    json: options.Json = False,
) -> None:
    """Announce what happened with a feature, if it is true.

    Looks at every host first, shows the text, and asks for each channel. What it is filled with comes from the plan,
    the records, and announce: facts in environments.yaml.
    """
    from rolloutctl.workflows.announce import Announcement, channels_of, draft, send  # noqa: PLC0415 - not for --help

    invocation = invocation_of(context)
    configuration = configuration_for(invocation)
    targets = _targets(to or [], channels_of(configuration))
    asks = not (yes or dry_run)
    if asks and targets.named and not STREAMS.can_ask:
        raise _nobody_to_ask(invocation)
    tools = tools_for(configuration)
    drafted = draft(Announcement(_kind(kind), flag, environment, phase, _facts(fact or [])), tools)
    if asks or not json:
        _show(drafted, aside=json)
    channels = tuple(each for each in targets.channels if not asks or _agrees(each))
    for number, file in enumerate(() if dry_run else targets.files):
        _write(file, drafted, targets.files[:number])
    sent = send(drafted, () if dry_run else channels, tools)
    _end(_Ended(drafted, targets, channels, sent, dry_run=dry_run), invocation)


class _Targets(Struct, frozen=True):
    """Where it is to go; without a word all channels, each with a question of its own."""

    files: tuple[Path, ...]
    channels: tuple[Channel, ...]
    named: bool  # whether somebody named a channel


class _Ended(Struct, frozen=True):
    """How it ended."""

    draft: Draft
    targets: _Targets
    channels: tuple[Channel, ...]  # those that it was, or would be, sent to
    sent: Sent
    dry_run: bool


def _targets(said: Sequence[str], announcing: Announcing) -> _Targets:
    from rolloutctl.rules.channels import TERMINAL  # noqa: PLC0415 - not for --help

    if not said:
        return _Targets((), tuple(announcing.channels.values()), named=False)
    files = [Path(each) for each in said if each.endswith(".md")]
    names = dict.fromkeys(each for each in said if each != TERMINAL and not each.endswith(".md"))
    return _Targets(tuple(files), tuple(announcing.channel(name) for name in names), named=bool(names))


def _kind(said: str) -> Kind:
    from rolloutctl.rules.channels import KINDS  # noqa: PLC0415 - not for --help
    from rolloutctl.rules.config import closest  # noqa: PLC0415

    found = next((kind for kind in KINDS if kind == said), None)
    if found is not None:
        return found
    meant = closest(said, KINDS)
    raise UsageError(
        f"Nothing is announced as '{said}'." + (f" Did you mean '{meant}'?" if meant else ""),
        hint=f"There are: {', '.join(KINDS)}.",
    )


def _facts(said: Sequence[str]) -> dict[str, str]:
    found = {}
    for each in said:
        name, equals, text = each.partition("=")
        if not equals or not name.isidentifier() or not text.strip():
            raise UsageError(f"--fact {each} is no fact.", hint='Say it so: --fact when="Thu 20 Nov 14:00 UTC"')
        found[name] = options.said(text, "--fact")
    return found


def _nobody_to_ask(invocation: Invocation) -> Refused:
    return Refused(
        "There is no terminal to ask on, and --yes was not given.",
        state=_UNSENT,
        hint=f"To see what it says: {words.command(*invocation.argv, '--dry-run')}",
    )


def _agrees(channel: Channel) -> bool:
    """Whether to send it there; nobody is asked where there is no terminal."""
    if not STREAMS.can_ask:
        return False
    return prompt(f"Send it to {channel.name} ({channel.place})? [y/N] ").strip().lower() in {"y", "yes"}


def _show(drafted: Draft, *, aside: bool) -> None:
    from rolloutctl.cli.render import answer_page, side_page  # noqa: PLC0415 - rich only where somebody reads
    from rolloutctl.cli.render_announce import show_letter  # noqa: PLC0415

    show_letter(drafted.letter, side_page() if aside else answer_page())


def _write(file: Path, drafted: Draft, written: Sequence[Path]) -> None:
    """Make the file; never in the place of another. `written` are there already.

    Raises:
        Refused: something is there, or it can't be written.
    """
    from rolloutctl.outside.new_file import write_new  # noqa: PLC0415 - only where one is wanted

    try:
        write_new(file, drafted.letter.markdown)
    except FileExistsError:
        raise Refused(
            "There is such a file already.",
            subject=str(file),
            state=f"It was left as it is. {_said(written)}{_UNSENT}",
            hint="Name another one, or remove it.",
        ) from None
    except OSError as error:
        raise Refused(
            f"The file can't be written: {(error.strerror or str(error)).lower()}.",
            subject=str(file),
            state=f"{_said(written)}{_UNSENT}",
            hint=f"See: ls -ld {file.parent}",
        ) from error


def _said(written: Sequence[Path]) -> str:
    return f"It was written to {words.listed(map(str, written))}. " if written else ""


def _end(ended: _Ended, invocation: Invocation) -> None:
    """Tell where it went.

    Raises:
        PersonNeeded: a channel has not taken it.
    """
    error = _missed(ended, invocation)
    if invocation.json:
        from rolloutctl.cli import documents, documents_announce  # noqa: PLC0415 - not for --help

        document = documents_announce.of_announcement(
            ended.draft, ended.sent, _results(ended), list(map(str, ended.targets.files))
        )
        documents.write(document | {"error": documents.of_error(error) if error else None})
        raise typer.Exit(error.exit_status if error else 0)
    from rolloutctl.cli.render import answer_page  # noqa: PLC0415 - rich only where somebody reads
    from rolloutctl.cli.render_announce import show_end  # noqa: PLC0415

    show_end(_results(ended), ended.sent, [] if ended.dry_run else ended.targets.files, answer_page())
    if error is not None:
        raise error


def _results(ended: _Ended) -> dict[str, tuple[Channel, str]]:
    """By channel, what became of it: sent, failed, declined, or planned."""
    missed = {each.channel.name for each in ended.sent.missed}
    chosen = {each.name for each in ended.channels}
    found = {}
    for channel in ended.targets.channels:
        if channel.name not in chosen:
            result = "declined"
        elif ended.dry_run:
            result = "planned"
        else:
            result = "failed" if channel.name in missed else "sent"
        found[channel.name] = (channel, result)
    return found


def _missed(ended: _Ended, invocation: Invocation) -> PersonNeeded | None:
    missed = ended.sent.missed
    if not missed:
        return None
    names = [each.channel.name for each in missed]
    reached = [each.channel.name for each in ended.sent.deliveries if not each.why]
    written = () if ended.dry_run else ended.targets.files
    sent = f"It was sent to {words.listed(reached)}." if reached else "It was sent nowhere."
    command = words.command(*_again(invocation.argv, names))
    mend = "Mend that there, or below announce.channels in environments.yaml."
    if any(each.channel.lacks for each in missed):
        mend = "Set the secret in the environment, or in .env beside environments.yaml."
    return PersonNeeded(
        f"Not everybody got it: {words.listed(names)}.",
        subject=ended.draft.environment,
        state=f"{_said(written)}{sent}",
        hint=f"{mend}\n{command}",
        details=tuple(f"{each.channel.name} ({each.channel.place}): {each.why}" for each in missed),
    )


def _again(argv: Sequence[str], channels: Sequence[str]) -> list[str]:
    """What was typed, for these channels alone."""
    values = {place + 1 for place, word in enumerate(argv) if word == "--to"}
    kept = [word for place, word in enumerate(argv) if place not in values and word.partition("=")[0] != "--to"]
    return [*kept, *(word for name in channels for word in ("--to", name))]
