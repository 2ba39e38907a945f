"""The companies that a percentage is of, read from what a file or a command lists."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping

from msgspec import Struct

_LINE_END = re.compile(r"\r\n|\n|\r")
_BETWEEN = r"(?:[ \t]*[,;][ \t]*|[ \t]+)"
_NUMBER = r'"?([0-9]{1,18})"?'
_NAME = r'"?[A-Za-z][A-Za-z0-9_.]*"?'
_COMPANY = re.compile(rf"{_NUMBER}(?:{_BETWEEN}(?:{_NUMBER})?)?")
_BEGINNING = re.compile(rf"{_NUMBER}(?:[ \t,;]|$)")
_HEADER = re.compile(rf"{_NAME}(?:{_BETWEEN}{_NAME})?")


class Population(Struct, frozen=True):
    """All companies (ids above 0), each with its weight: the number of its users, or 1 where none is given.

    Raises:
        ValueError: there is no company, or none has a user.
    """

    weights: Mapping[int, int]
    weighted: bool

    def __post_init__(self) -> None:
        if not self.weights:
            raise ValueError("no company is listed")
        if min(self.weights) < 1 or min(self.weights.values()) < 0:
            raise ValueError("an id is below 1, or a number of users below 0")
        if not self.total:
            raise ValueError("no company has a user")

    @property
    def total(self) -> int:
        """The weight of all companies."""
        return sum(self.weights.values())

    def people(self, companies: Iterable[int]) -> int:
        """How many users the companies have together; a company that is not listed has none."""
        return sum(self.weights.get(company, 0) for company in set(companies))


def read_population(text: str) -> Population:
    """The companies in a text with a line for each: its id and perhaps the number of its users.

    Between the two stand blanks, a tab, a comma or a semicolon; either may stand in double quotes. The first line may
    be a header.

    Raises:
        ValueError: a line is something else, with its number; or there are no companies. It repeats nothing of the
            text, which may be whatever a command printed.
    """
    weights: dict[int, int] = {}
    lines: dict[int, int] = {}
    weighted = False
    for number, line in _lines(text):
        company, users = _company(number, line)
        if company in weights:
            raise ValueError(f"line {number} lists the company of line {lines[company]} again")
        lines[company], weights[company] = number, 1 if users is None else users
        weighted = weighted or users is not None
    return Population(weights, weighted)


def _lines(text: str) -> Iterator[tuple[int, str]]:
    written = enumerate(_LINE_END.split(text.removeprefix("\ufeff")), 1)
    filled = ((number, bare) for number, line in written if (bare := line.strip(" \t")))
    for number, line in filled:
        if not _HEADER.fullmatch(line):
            yield number, line
        break
    yield from filled


def _company(number: int, line: str) -> tuple[int, int | None]:
    found = _COMPANY.fullmatch(line)
    if found and (company := int(found[1])):
        return company, None if found[2] is None else int(found[2])
    begins = _BEGINNING.match(line)
    if begins is None or int(begins[1]) == 0:
        raise ValueError(f"line {number} does not begin with a company's id, a whole number above 0")
    raise ValueError(f"line {number} has something else behind the company's id than the number of its users")
