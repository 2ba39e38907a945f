"""What of a host's text may be shown: no value of its `.env`, and nothing that drives the terminal."""

from __future__ import annotations

import html
import json
import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from urllib.parse import quote

from msgspec import Struct

from rolloutctl.rules.env_text import EnvText, secrets_of

_MARK = "•••"
_ANYWHERE = 4  # characters from which a secret is replaced also inside a word
_SHORTEST = 2
_TRACE_LIMIT = 15  # PHP cuts strings in stack traces there (zend.exception_string_param_max_len)
_HARMLESS = frozenset({"true", "false", "null", "empty", "(true)", "(false)", "(null)", "(empty)"})
_SAFE_IN_URLS = ("", "/", "/:@!$&'()*+,;=")
_HEX = re.compile("%[0-9A-F]{2}")
_BEGIN_OF_WORD = re.compile(r"(?<!\w)(?=\S)")
_WORD = re.compile(r"\w")
_LAST_OF_ONE_BYTE = 0xFF
_WRAP = re.compile(r"[ \t]*\r?\n[ \t]*")
_UNPRINTABLE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")


class Redactor(Struct, frozen=True):
    """Replaces every secret of some `.env` texts by `•••`.

    Secrets of four characters or more are found anywhere, shorter ones as whole words; single characters and the
    booleans stay. `lengths` says for the first four characters of secrets how long these are, longest first.
    """

    secrets: frozenset[str]
    lengths: Mapping[str, tuple[int, ...]]

    @classmethod
    def of(cls, *texts: EnvText, except_keys: Collection[str]) -> Redactor:
        """Know the secrets of these texts: every value but those of `except_keys`."""
        return _redactor(frozenset(secret for text in texts for secret in secrets_of(text, except_keys)))

    def clean(self, text: str) -> str:
        """The text with `•••` for each secret, escaped or wrapped over lines though it may be."""
        unwrapped, origin = _unwrap(text)
        spans = [(origin[start], origin[end - 1] + 1) for start, end in self._anywhere(unwrapped)]
        return _with_marks(text, sorted([*spans, *self._anywhere(text), *self._words(text)]))

    def __repr__(self) -> str:
        return f"Redactor({len(self.secrets)} secrets)"

    def _anywhere(self, text: str) -> Iterator[tuple[int, int]]:
        """The longest secret at each place; where they overlap, all of them."""
        lengths, secrets = self.lengths, self.secrets
        for start in range(len(text) - _ANYWHERE + 1):
            for length in lengths.get(text[start : start + _ANYWHERE], ()):
                end = min(start + length, len(text))
                if text[start:end] in secrets:
                    yield start, end
                    break

    def _words(self, text: str) -> Iterator[tuple[int, int]]:
        for word in _BEGIN_OF_WORD.finditer(text):
            for end in range(word.start() + _SHORTEST, word.start() + _ANYWHERE):
                if text[word.start() : end] in self.secrets and not _WORD.match(text, end):
                    yield word.start(), end


@lru_cache(maxsize=16)  # the hosts of an environment mostly have the same ones
def _redactor(plain: frozenset[str]) -> Redactor:
    worth = (secret for secret in plain if len(secret) >= _SHORTEST and secret.lower() not in _HARMLESS)
    secrets = frozenset(form for secret in worth for form in _escaped(secret))
    lengths: dict[str, set[int]] = {}
    for secret in secrets:
        if len(secret) >= _ANYWHERE:
            lengths.setdefault(secret[:_ANYWHERE], set()).add(len(secret))
    return Redactor(secrets, {start: tuple(sorted(known, reverse=True)) for start, known in lengths.items()})


def printable(text: str) -> str:
    r"""The text with its control characters made visible (`\x1b`); newline and tab stay, CRLF becomes a newline."""
    return _UNPRINTABLE.sub(_visible, text.replace("\r\n", "\n"))


def escaped(document: str) -> str:
    r"""A JSON document whose texts drive no terminal either: what is left of control characters as `\u009b`."""
    return _UNPRINTABLE.sub(lambda control: f"\\u{ord(control[0]):04x}", document)


def one_line(text: str) -> str:
    """The text as one line that shows something: control characters and line ends become blanks, ends are cut."""
    return " ".join(_UNPRINTABLE.sub(" ", text).split())


def _escaped(secret: str) -> Iterator[str]:
    """The secret as it stands in JSON, URLs, PHP source, HTML, and cut short in PHP's stack traces."""
    yield secret
    if len(secret) > _TRACE_LIMIT:
        yield secret[:_TRACE_LIMIT] + "..."
    if secret.isascii() and secret.isalnum():
        return
    for as_json in {json.dumps(secret)[1:-1], json.dumps(secret, ensure_ascii=False)[1:-1]}:
        yield from (as_json, as_json.replace("/", "\\/"))
    for safe in _SAFE_IN_URLS:
        in_url = quote(secret, safe, errors="surrogateescape")
        yield from (
            in_url,
            in_url.replace("%20", "+").replace("~", "%7E"),
            _HEX.sub(lambda code: code[0].lower(), in_url),
        )
    yield secret.replace("\\", "\\\\").replace("'", "\\'")
    yield html.escape(secret).replace("&#x27;", "&#039;")


def _unwrap(text: str) -> tuple[str, Sequence[int]]:
    """The text as one line, and for each of its characters the place it came from."""
    kept: list[str] = []
    origin: list[int] = []
    start = 0
    for wrap in [*((w.start(), w.end()) for w in _WRAP.finditer(text)), (len(text), len(text))]:
        kept.append(text[start : wrap[0]])
        origin.extend(range(start, wrap[0]))
        start = wrap[1]
    return "".join(kept), origin


def _with_marks(text: str, spans: Iterable[tuple[int, int]]) -> str:
    shown: list[str] = []
    done = 0
    for start, end in spans:
        if start > done or not shown:
            shown += [text[done:start], _MARK]
        done = max(done, end)
    return "".join([*shown, text[done:]])


def _visible(control: re.Match[str]) -> str:
    code = ord(control[0])
    return f"\\x{code:02x}" if code <= _LAST_OF_ONE_BYTE else f"\\u{code:04x}"
