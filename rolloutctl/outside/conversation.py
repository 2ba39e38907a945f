"""The talk with a host's side of a session: files put, verbs sent, answers heard; what they quote is cleaned here."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection
from contextlib import suppress

from rolloutctl.contracts import Channel
from rolloutctl.errors import Unfit, Unreachable
from rolloutctl.outside.answers import OUTPUTS, texts_of, unfit_from
from rolloutctl.outside.speech import Speech
from rolloutctl.outside.wire import Wire, plainly
from rolloutctl.rules.config import Host
from rolloutctl.rules.env_lines import EnvText
from rolloutctl.rules.host import Event
from rolloutctl.rules.redact import Redactor, printable

SHORT = 45.0  # seconds for an answer that takes no step; the host's php may take 30
_SHOWN = 20  # lines of what a login shell said instead of a session
_OWN_WORDS = "state"  # what is refused for the state folder's sake: the reason quotes no output
_OUTPUT = 2  # where a `ran` or a `sampled` has what a command printed
_LONGEST_NUMBER = 15  # digits
_TAIL = 8192  # bytes at the end of a command's output that are looked at, to show some of it
_SHOWN_TAIL = 2048  # characters of them that are shown


class Conversation:
    """Verbs out, events in. `said` has every event so far, also when the connection was lost; `progress` sees each.

    No event quotes a value of the host's `.env`: what a command printed and what `.env` holds are kept aside.
    """

    def __init__(self, host: Host, channel: Channel, progress: Callable[[Event], None]) -> None:
        self.host = host
        self.said: list[Event] = []
        self.content: EnvText | None = None  # all of `.env`, once it was shown
        self.output = b""  # of the command that ran last
        self._progress = progress
        self._keys: Collection[str] = ()
        self._secrets: Redactor | None = None
        self._there: dict[str, bytes] = {}
        self._speech = Speech()
        self._wire = Wire(channel)
        self._hello: Event | None = None

    @property
    def hello(self) -> Event:
        """The host's first answer. What was sent before it came is read behind it, and saves a round trip.

        Raises:
            Unreachable: the host falls silent, or is not fit.
        """
        if self._hello is None:
            self._hello = self._greet()
        return self._hello

    @property
    def noise(self) -> str:
        """What the login shell said on stdout before the session did, without secrets; nothing before a look."""
        return self.clean(self._wire.noise.decode(errors="replace"))

    def know(self, keys: Collection[str]) -> None:
        """The values of these keys are no secrets."""
        self._keys, self._secrets = keys, None

    def put(self, name: str, data: bytes) -> None:
        """Put a file into the session's private folder; it goes along with the next verb."""
        self.queue("put", name, plainly(data))

    def keep(self, name: str, data: bytes) -> None:
        """Put a file, unless it is there already as it is: a host reads a long line slowly."""
        if self._there.get(name) != data:
            self.put(name, data)
            self._there[name] = data

    def put_json(self, name: str, value: object) -> None:
        """Put a JSON document; an empty file for None."""
        self.put(name, b"" if value is None else json.dumps(value, separators=(",", ":")).encode())

    def queue(self, *words: str) -> None:
        """Have a verb go along with the next one that is sent."""
        self._wire.queue(*words)

    def send(self, *words: str) -> None:
        """Send a verb, whose answers are awaited later.

        Raises:
            Unreachable: the connection is gone; or why no session has begun, where the host has said that.
        """
        try:
            self._wire.send(*words)
        except Unreachable:
            _ = self.hello  # what it said before it hung up tells more
            raise

    def ask(self, *words: str, seconds: float = SHORT) -> tuple[Event, ...]:
        """Send a verb, and await the answers to it."""
        self.send(*words)
        return self.until(words[0], seconds)

    def until(self, verb: str, seconds: float = SHORT) -> tuple[Event, ...]:
        """The answers up to the end of one verb's; `put` and `set` answer too, and are passed over."""
        events: list[Event] = []
        _ = self.hello
        for tokens in self._wire.answers(seconds):
            event = self._event(tokens)
            if event.kind == "unknown":
                raise Unreachable(f"the host did not understand '{event.text(0)}'")
            if event.kind == "done":
                if event.text(0) == verb:
                    return tuple(events)
                continue
            events.append(event)
            self.said.append(event)
            self._progress(event)
        raise AssertionError("answers() ends by raising only")  # pragma: no cover

    def forget(self, kept: int) -> None:
        """Forget what was said behind the first `kept` events: tens of megabytes that nobody asks for again."""
        del self.said[kept:]

    @property
    def secrets(self) -> Redactor | None:
        """What knows the values of `.env`; None while it has not been shown."""
        if self._secrets is None and self.content is not None:
            self._secrets = Redactor.of(self.content, except_keys=self._keys)
        return self._secrets

    def clean(self, text: str) -> str:
        """Text without secrets; nothing at all while the secrets are not known."""
        secrets = self.secrets
        return printable(secrets.clean(text)).strip() if text and secrets else ""

    def nudge(self) -> None:
        """Give a sign of life."""
        with suppress(Unreachable):  # whoever waits for an answer will notice
            self._wire.nudge("hold")

    def close(self) -> None:
        """Say goodbye, and hang up."""
        with suppress(Unreachable):  # gone already, which is what closing wants
            self._wire.send("bye")
        self._wire.close()

    def _greet(self) -> Event:
        try:
            return self._first_answer()
        except Unreachable as error:
            if error.hint:
                raise
            said = printable(self._wire.last_words())
            raise Unfit(
                "No session begins on the host: " + (said.splitlines()[-1] if said else f"{error.message}") + ".",
                subject=self.host.name,
                hint="Its login shell, or shell: in environments.yaml, has to run `sh`; try: ssh HOST sh -c true",
                details=tuple(said.splitlines()[-_SHOWN:]),
            ) from error

    def _first_answer(self) -> Event:
        fatal: list[Event] = []
        try:
            for tokens in self._wire.answers(SHORT):
                event = self._event(tokens)
                if event.kind == "fatal":
                    fatal.append(event)
                if event.kind == "hello":
                    return event
        except Unreachable as error:
            if fatal:
                raise unfit_from(self.host, fatal) from error
            raise
        raise AssertionError("answers() ends by raising only")  # pragma: no cover

    def _event(self, tokens: tuple[str, ...]) -> Event:
        texts = texts_of(tokens)
        if tokens[0] == "content":
            self.content, self._secrets = EnvText(texts[0] if texts else b""), None
            return Event("content")
        if tokens[0] in {"ran", "sampled"} and len(texts) > _OUTPUT:
            self.output = texts[_OUTPUT]
            texts[_OUTPUT] = self._end_of(self.output) if tokens[0] == "ran" else b""  # nobody is shown a sample
        if tokens[0] == "said":
            return Event("said", (self._heard(texts),))
        if tokens[0] == "step":
            self._speech.begin()
        decoded = [text.decode(errors="replace") for text in texts]
        output = OUTPUTS.get(tokens[0])
        if output is not None and output < len(decoded) and decoded[0] != _OWN_WORDS:
            decoded[output] = self.clean(decoded[output])
        return Event(tokens[0], tuple(decoded))

    def _heard(self, texts: list[bytes]) -> str:
        """What a step says, as far as it makes whole lines; a host may send anything."""
        end, piece = (*texts, b"", b"")[:2]
        number = end.decode(errors="replace")
        known = number.isascii() and number.isdigit() and len(number) <= _LONGEST_NUMBER
        return self._speech.add(int(number), piece, self.secrets) if known else ""

    def _end_of(self, output: bytes) -> bytes:
        """What may be shown of a command's output; the line that the cut is in is left out, a secret may be as well."""
        end = output if len(output) <= _TAIL else output[-_TAIL:].partition(b"\n")[2]
        return self.clean(end.decode(errors="replace"))[-_SHOWN_TAIL:].encode()
