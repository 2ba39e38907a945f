"""Flags and audiences: who sees a feature, in values and in words."""

from __future__ import annotations

import re
from collections.abc import Iterable

from msgspec import Struct
from msgspec.structs import force_setattr

from rolloutctl.errors import UsageError

# Laravel's env() turns only these spellings into booleans, and takes off one pair of quotes within the value
# (Illuminate\Support\Env::get, which compares lower-cased and trims nothing).
_TRUE = frozenset({"true", "(true)"})
_FALSE = frozenset({"false", "(false)", "null", "(null)", "empty", "(empty)"})
_FALSE_TO_PHP = frozenset({"", "0"})
_QUOTED = re.compile(r"""(['"])(.*)\1""")
NO_COMPANY = 0  # for a word that is no number, as PHP's (int)"abc"; nobody's number is 0
_LONGEST_NUMBER = 18  # digits; beyond it is no company, and PHP's integers end soon
_YES = frozenset({"true", "on", "yes", "1"})
_NO = frozenset({"false", "off", "no", "0"})


class Audience(Struct, frozen=True):
    """Who sees a feature: nobody, the listed companies, or everyone.

    `enabled` with an empty `companies` means everyone, as the application reads it. A list may also stand behind a
    flag that is off: nobody sees the feature, and the list waits.
    """

    enabled: bool
    companies: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        force_setattr(self, "companies", tuple(sorted(set(self.companies))))

    @property
    def nobody(self) -> bool:
        """Whether no one sees the feature."""
        return not self.enabled

    @property
    def everyone(self) -> bool:
        """Whether no list limits the feature."""
        return self.enabled and not self.companies

    @property
    def limited(self) -> bool:
        """Whether only the listed companies see the feature."""
        return self.enabled and bool(self.companies)

    def within(self, other: Audience) -> bool:
        """Whether nobody sees the feature here who does not see it in `other`."""
        if self.nobody or other.everyone:
            return True
        return self.limited and other.limited and set(self.companies) <= set(other.companies)

    def __str__(self) -> str:
        if self.nobody:
            return "nobody"
        return companies_in_words(self.companies) if self.companies else "everyone"


NOBODY = Audience(enabled=False)
EVERYONE = Audience(enabled=True)


def same_people(one: Audience, other: Audience) -> bool:
    """Whether the same people see the feature: a list behind a flag that is off does not count."""
    return one == other or (one.nobody and other.nobody)


def companies_in_words(companies: Iterable[int], *, most: int = 12) -> str:
    """`company 15`, `companies 15 and 42`, `companies 1, 2, 3 ... and 188 more`."""
    numbers = [str(number) for number in companies]
    if len(numbers) == 1:
        return f"company {numbers[0]}"
    if len(numbers) > most:
        return f"companies {', '.join(numbers[:most])} and {len(numbers) - most:,} more"
    return f"companies {', '.join(numbers[:-1])} and {numbers[-1]}"


def parse_switch(word: str) -> bool:
    """Read true/false as people write it.

    Raises:
        UsageError: for any other word.
    """
    lowered = word.strip().lower()
    if lowered in _YES:
        return True
    if lowered in _NO:
        return False
    raise UsageError(
        f"'{word}' is neither true nor false.", hint="Say true or false (on, off, yes, no, 1 and 0 are understood too)."
    )


def parse_companies(text: str) -> tuple[int, ...]:
    """Read a company list as people write it: numbers with commas or blanks between; sorted, each once.

    Raises:
        UsageError: for anything that is not a positive whole number, or for an empty list.
    """
    words = text.replace(",", " ").split()
    wrong = [word for word in words if not (_is_number(word) and int(word) > 0)]
    if wrong or not words:
        what = f"'{wrong[0]}' is not a company's number." if wrong else "The list of companies is empty."
        raise UsageError(
            what,
            hint="Companies are whole numbers with commas between: --companies 15,42. "
            "For everyone: --companies all. For nobody: toggle ... false.",
        )
    return tuple(sorted({int(word) for word in words}))


def write_companies(companies: Iterable[int]) -> str:
    """The list as it stands in `.env`: digits, sorted, unique, without spaces."""
    return ",".join(str(number) for number in sorted(set(companies)))


def read_enabled(value: str | None) -> bool:
    """Whether a value in `.env` switches a feature on, as Laravel's ``env()`` and PHP's truth see it.

    `off` and `no` are strings to Laravel, and true; so are `" false "` with its blanks and `'"false"'` in two quotes.
    """
    if value is None or value.lower() in _FALSE:
        return False
    quoted = _QUOTED.fullmatch(value)
    return is_true(quoted[2] if quoted else value)


def is_true(value: object) -> bool:
    """PHP's truth of a cached setting, which ``env()`` has seen already: the text `0` is false, `false` is true."""
    return value not in _FALSE_TO_PHP if isinstance(value, str) else bool(value)


def odd_spelling(value: str | None) -> bool:
    """Whether a value is a text that switches a feature on, though it is not one of Laravel's spellings of true."""
    return value is not None and value.lower() not in _TRUE and read_enabled(value)


def read_companies(value: str | None) -> tuple[int, ...]:
    """The companies in a value of `.env` or a cached setting; what is no number counts as NO_COMPANY.

    So a list with nothing else in it is not empty: to the application it hardly means everyone.
    """
    if value is None or value.lower() in _FALSE:
        return ()
    words = value.replace(",", " ").split()
    return tuple(sorted({int(word) if _is_number(word) else NO_COMPANY for word in words}))


def _is_number(word: str) -> bool:
    return word.isascii() and word.isdigit() and len(word) <= _LONGEST_NUMBER
