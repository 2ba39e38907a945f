"""The questions to somebody who sets up a project, and what makes an answer to them well written."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from msgspec import Struct

from rolloutctl.errors import UsageError
from rolloutctl.rules import written
from rolloutctl.rules.flags import parse_companies
from rolloutctl.rules.raw_types import NAME, NAME_WANTS

LOCAL = frozenset({"local", "localhost"})


def _nothing_wrong(_: str) -> str:
    return ""


class Question(Struct, frozen=True, kw_only=True):
    """What is asked, and what is taken where nobody answers; `option` gives the answer on the command line.

    `choices` are answers with a word on each; `wrong` says what an answer must be, and nothing for a good one.
    """

    words: str
    option: str
    default: str = ""
    needed: bool = True
    choices: tuple[tuple[str, str], ...] = ()
    wrong: Callable[[str], str] = _nothing_wrong


def wrong_host(text: str) -> str:
    """What a host must be, unless it is one."""
    if text in LOCAL:
        return ""
    try:
        written.split_host(text)
    except ValueError:
        return "A host is user@name:port, where user and port may be left out; or local, for this machine."
    return ""


def wrong_name(text: str) -> str:
    """What an environment's name must be, unless it is one."""
    return "" if re.search(NAME, text) else f"A name is {NAME_WANTS}."


def wrong_folder(text: str) -> str:
    """What an application's folder must be, unless it is one."""
    return "" if text.startswith("/") else "A folder on a host begins with /."


def wrong_url(text: str) -> str:
    """What a url must be, unless it is one."""
    fault = written.url(text)
    return "" if fault is None else f"It is a scheme and a name such as https://www.example.com{fault}."


def wrong_path(text: str) -> str:
    """What the path of a request must be, unless it is one."""
    return "" if re.search(r"^/\S*$", text) else "A path begins with / and has no blanks."


def wrong_flags(text: str) -> str:
    """What names of flags must be, unless they are some."""
    odd = [word for word in split_flags(text) if not re.search(NAME, word)]
    return f"No flag has this name: {odd[0]}. It is {NAME_WANTS}." if odd else ""


def wrong_companies(text: str) -> str:
    """What a list of companies must be, unless it is one."""
    try:
        parse_companies(text)
    except UsageError as error:
        return error.message
    return ""


def split_flags(text: str) -> tuple[str, ...]:
    """The names in a list with commas or blanks between."""
    return tuple(dict.fromkeys(text.replace(",", " ").split()))


HOST = Question(words="Where does it run? user@host:", option="HOST", wrong=wrong_host)
ENVIRONMENT = Question(
    words="What is this environment called?", option="--environment NAME", default="production", wrong=wrong_name
)
PILOT = Question(words="Which companies see it first? 15,42", option="--pilot 15,42", wrong=wrong_companies)
COMPANIES = Question(
    words="What prints all companies with their users, on the first host? A shell line:",
    option="--companies-run COMMAND, or --companies-file PATH",
    needed=False,
)
UNSEEN = Question(words="Write the file without looking? y/n", option="--no-look", default="n")


def folder_on(host: str) -> Question:
    """The application's folder, where nobody looked for it."""
    return Question(words=f"In which folder is the application on {host}?", option="--app PATH", wrong=wrong_folder)


def which_environment(known: Sequence[str]) -> Question:
    """One of the environments that there are."""
    return Question(
        words="Where is it rolled out?",
        option="--environment NAME",
        default=known[0] if len(known) == 1 else "",
        choices=tuple((name, "") for name in known),
        wrong=lambda text: "" if text in known else f"It is one of {', '.join(known)}.",
    )


def which_folder(host: str, found: Sequence[tuple[str, str]], default: str) -> Question:
    """The application's folder, among those that were found."""
    words = f"Which application on {host}?" if found else f"Where is the application on {host}?"
    return Question(words=words, option="--app PATH", default=default, choices=tuple(found), wrong=wrong_folder)


def url_question(default: str) -> Question:
    """Where people reach the application; it need not be known yet."""
    return Question(
        words="Where do people reach it? https://...",
        option="--url URL",
        default=default,
        needed=False,
        wrong=wrong_url,
    )


def which_flags(found: Sequence[str]) -> Question:
    """Some of the flags that were found, or names of others."""
    words = f"Which flags? {', '.join(found)}" if found else "Which flags? Names with commas between"
    return Question(words=words, option="--flag NAME", default="all" if found else "none", wrong=wrong_flags)
