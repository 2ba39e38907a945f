"""The questions of `init` on the terminal, or the answers that are taken where nobody is asked."""

from __future__ import annotations

from msgspec import Struct

from rolloutctl.cli.asking import prompt
from rolloutctl.cli.streams import STREAMS
from rolloutctl.errors import Refused
from rolloutctl.rules.questions import Question

_TRIES = 3


class Asker(Struct, frozen=True):
    """`contracts.Interview` at the front desk; `silent` takes what was found and asks nothing."""

    silent: bool

    @property
    def present(self) -> bool:
        """Whether somebody sits there, who did not say that nothing shall be asked."""
        return not self.silent and STREAMS.can_ask

    def ask(self, question: Question) -> str:
        """Ask, with the default in brackets; an ill written answer is asked for again."""
        if not self.present:
            return self._taken(question)
        self._show_choices(question)
        for _ in range(_TRIES):
            answer = _meant(prompt(_line(question)).strip(), question)
            fault = question.wrong(answer) if answer else "An answer is needed." if question.needed else ""
            if not fault:
                return answer
            self.tell(fault)
        raise self._missing(question, "There was no answer that can be used.")

    def tell(self, words: str) -> None:
        """Say what goes on meanwhile, to the side."""
        from rolloutctl.cli.render import side_page  # noqa: PLC0415 - rich only where somebody reads

        side_page().advice(words)

    def _taken(self, question: Question) -> str:
        if self.silent and (question.default or not question.needed):
            return question.default
        why = "--yes asks nothing, and nothing was found to take" if self.silent else "There is no terminal to ask on"
        raise self._missing(question, f"{why}: {question.words.rstrip(':')}")

    def _missing(self, question: Question, message: str) -> Refused:
        told = tuple(f"{value}   {about}".rstrip() for value, about in question.choices)
        more = "" if self.silent else "; --yes takes what is found, and asks nothing"
        return Refused(message, state="Nothing was written.", hint=f"Give it: {question.option}{more}", details=told)

    def _show_choices(self, question: Question) -> None:
        from rolloutctl.cli.render import side_page  # noqa: PLC0415 - rich only where somebody reads

        if len(question.choices) > 1:
            rows = [[str(number), *choice] for number, choice in enumerate(question.choices, 1)]
            side_page().columns(rows)


def _line(question: Question) -> str:
    if question.default:
        return f"{question.words} [{question.default}] "
    return f"{question.words} " if question.needed else f"{question.words} [not known yet] "


def _meant(answer: str, question: Question) -> str:
    """The answer, or what its number stands for."""
    numbered = {str(number): value for number, (value, _) in enumerate(question.choices, 1)}
    return numbered.get(answer, answer) or question.default
