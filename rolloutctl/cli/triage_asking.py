"""Who is asked in a triage: as little as can be, and nobody where a script runs; then what is measured has to do."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from rolloutctl.cli import words
from rolloutctl.cli.asking import prompt
from rolloutctl.cli.streams import STREAMS
from rolloutctl.errors import UsageError

if TYPE_CHECKING:
    from rolloutctl.cli.desk import FrontDesk
    from rolloutctl.rules.config import Configuration
    from rolloutctl.rules.incidents import Severity
    from rolloutctl.rules.triage import Suggestion
    from rolloutctl.rules.triage_evidence import Measured
    from rolloutctl.rules.triage_steps import Judgement, Scene

_ALL = 100.0  # percent
_YES = {"", "y", "yes"}


class FrontWitness:
    """`contracts.Witness` for the command line."""

    def __init__(self, desk: FrontDesk, *, yes: bool, silent: bool) -> None:
        self._desk, self._yes, self._silent = desk, yes, silent
        self._seen = False  # whether what was measured stands on the screen

    @property
    def _asks(self) -> bool:
        return _may_ask(yes=self._yes)

    def which(self, flags: Sequence[str]) -> str:
        """Which flag it is about."""
        if not self._asks:
            raise UsageError(
                f"Somebody sees {words.listed(flags)}: say which one it is about.",
                hint="Name it behind the environment.",
            )
        self._desk.pause()
        return _one_of("Which feature is it about", flags)

    def how_bad(self, scene: Scene, measured: Measured, suggestion: Suggestion | None) -> Severity:
        """How bad it is; the suggestion where nobody can be asked."""
        from rolloutctl.rules.incidents import SEVERITIES, severity_of  # noqa: PLC0415 - not for --help
        from rolloutctl.rules.triage_evidence import evidence  # noqa: PLC0415

        if not self._asks:
            if suggestion is None and measured.audience is not None and measured.audience.nobody:
                return "low"  # whatever it is: there is nothing to switch off
            if suggestion is None:
                raise UsageError(
                    "Nothing that is measured is wrong, so it is for you to say how bad it is.",
                    hint="--severity critical: nobody can use it; high: part of it is broken; medium; low.",
                    details=evidence(measured, scene.flag),
                )
            return suggestion.severity
        self._desk.pause()
        self._show_measured(scene, measured, suggestion)
        usual = suggestion.severity if suggestion else ""
        found = severity_of(_one_of("How bad is it", SEVERITIES, usual))
        assert found is not None  # noqa: S101 - it is one of them
        return found

    def how_many(self) -> float | None:
        """What share of its users is affected; nothing where nobody can be asked."""
        if not self._asks:
            return None
        self._desk.pause()
        while True:
            try:
                return percent(prompt("How many percent of its users are affected? [nobody knows] "))
            except UsageError as error:
                sys.stderr.write(f"{error.message}\n")

    def hear(self, judgement: Judgement) -> None:
        """Show what is to be done, and why."""
        self._desk.pause()
        if self._silent:
            return
        from rolloutctl.cli.render import answer_page  # noqa: PLC0415 - rich only where somebody reads
        from rolloutctl.cli.render_triage import show_judgement  # noqa: PLC0415

        show_judgement(judgement, answer_page(), seen=self._seen)

    def lets_record(self) -> bool:
        """Whether an incident that changes nothing is to be recorded."""
        return not self._asks or prompt("Record it on the hosts? [Y/n] ").strip().lower() in _YES

    def _show_measured(self, scene: Scene, measured: Measured, suggestion: Suggestion | None) -> None:
        from rolloutctl.cli.render import answer_page, side_page  # noqa: PLC0415 - rich only where somebody reads
        from rolloutctl.cli.render_triage import show_measured, show_scene, show_suggestion  # noqa: PLC0415

        page = side_page() if self._silent else answer_page()
        show_scene(scene, page)
        show_measured(measured, scene.flag, page)
        show_suggestion(suggestion, page)
        self._seen = True


def environment_for(configuration: Configuration, given: str | None, *, yes: bool) -> str:
    """The environment that is meant: the named one, else the only protected one, else the one that somebody chooses.

    Raises:
        UsageError: there is none of that name; or nobody can be asked which one.
    """
    if given is not None:
        return configuration.environment(given).name
    everywhere = tuple(configuration.environments)
    guarded = tuple(name for name, each in configuration.environments.items() if each.protected)
    likely = guarded or tuple(name for name in everywhere if name.lower().startswith("prod")) or everywhere
    if len(likely) == 1:
        return likely[0]
    if not _may_ask(yes=yes) or not likely:
        raise UsageError(
            f"Say where: {words.listed(likely)}." if likely else "No environments are declared.",
            subject=configuration.path,
            hint="Name it behind triage." if likely else "Add one below environments: in environments.yaml.",
        )
    return _one_of("Where is it", likely)


def severity_in(text: str) -> str:
    """A severity as it was typed; empty for none.

    Raises:
        UsageError: it is none.
    """
    from rolloutctl.rules.incidents import SEVERITIES  # noqa: PLC0415 - not for --help

    found = text.strip().lower()
    if found and found not in SEVERITIES:
        raise UsageError(f"--severity {text} is none.", hint=f"One of: {', '.join(SEVERITIES)}.")
    return found


def percent(text: str) -> float | None:
    """A share as it was typed: `12%`, `12.5`; None for nothing.

    Raises:
        UsageError: it is none.
    """
    written = text.strip().removesuffix("%").strip()
    if not written:
        return None
    try:
        found = float(written)
    except ValueError:
        found = -1.0
    if not 0 <= found <= _ALL:
        raise UsageError(
            f"{text.strip()} is no share of the users.", hint="Say a number from 0 to 100: --affected 12%."
        )
    return found


def _may_ask(*, yes: bool) -> bool:
    return not yes and STREAMS.can_ask


def _one_of(question: str, choices: Iterable[str], usual: str = "") -> str:
    """One of several words, or the beginning of one; asked again until it is.

    Raises:
        UsageError: nothing was answered, twice.
    """
    each = tuple(choices)
    for _ in range(5):
        answer = prompt(f"{question}: {words.either(each)}? {f'[{usual}] ' if usual else ''}").strip().lower() or usual
        fitting = [choice for choice in each if choice == answer] or [
            c for c in each if answer and c.startswith(answer)
        ]
        if len(fitting) == 1:
            return fitting[0]
    raise UsageError(f"{question}? There was no answer.", hint=f"One of: {', '.join(each)}.")
