"""Logs in on one leg of the way: offers what there is until the server is content, and tells what was tried if not."""

from __future__ import annotations

import getpass
from collections.abc import Iterator
from contextlib import closing

import paramiko
from msgspec import Struct, field

from rolloutctl.errors import NotLetIn
from rolloutctl.outside.ssh.agents import Agent
from rolloutctl.outside.ssh.asking_transport import AskingTransport
from rolloutctl.outside.ssh.key_files import shown
from rolloutctl.outside.ssh.keyring import Encrypted, Keyring, TooLate, Unusable, WrongPassphrase
from rolloutctl.outside.ssh.offers import Offer, offers_for
from rolloutctl.outside.ssh.ssh_route import Leg
from rolloutctl.outside.ssh.ssh_words import said, sentence

NOTHING = "nothing: the server asks for none"
_OWN_WORDS = "user: or key: in environments.yaml"
_OPENSSH = "in environments.yaml, set connection: openssh"


def log_in(leg: Leg, transport: AskingTransport, keyring: Keyring) -> str:
    """Log in; which key did it, in words.

    Raises:
        NotLetIn: with what was offered, what the server accepts, and the one thing to do.
    """
    attempt = _Attempt(leg, leg.user or getpass.getuser(), transport)
    with closing(Agent(leg.agent)) as agent:
        offers = offers_for(leg, agent, keyring)
        for offer in offers:
            if attempt.succeeds_with(offer):
                return offer.label
            if attempt.over:
                break
        attempt.tried += offers.passed_over
        if attempt.succeeds_with_nothing():
            return NOTHING
    raise attempt.refusal()


class _Attempt(Struct):
    """One login, as far as it got."""

    leg: Leg
    user: str
    transport: AskingTransport
    tried: list[str] = field(default_factory=list)
    shown: int = 0  # keys that the server has judged
    wanted_more: tuple[str, ...] = ()  # what it wants besides a key that it took
    takes_keys: bool = True
    unopened: Unusable | None = None  # a key file that would do, if it could be opened

    @property
    def over(self) -> bool:
        """Whether there is no sense in offering more."""
        return not self.takes_keys or bool(self.wanted_more) or not self.transport.is_active()

    def succeeds_with(self, offer: Offer) -> bool:
        """Whether this key lets us in; what it was that kept it from that is noted."""
        willing = ""
        try:
            if offer.blob is not None and not offer.ready():
                self._ask(offer.blob)
                willing = "the server would take it; "
            self._show(offer, judged=bool(willing))
        except Unusable as error:
            self.tried.append(f"{offer.label} ({willing}{error})")
            if willing or offer.blob is None:
                self.unopened = self.unopened or error
        except paramiko.BadAuthenticationType:
            self.takes_keys = False
            self.tried.append(offer.label)
        except paramiko.AuthenticationException as error:
            # An answer that comes late would be taken for the next key's.
            self.takes_keys = "timeout" not in str(error)
            self.tried.append(f"{offer.label}{'' if self.takes_keys else ' (no answer in time)'}")
        except (paramiko.SSHException, OSError, EOFError) as error:
            self.tried.append(f"{offer.label} ({willing}{_unsigned(error)})")
        else:
            return not self.wanted_more
        return False

    def succeeds_with_nothing(self) -> bool:
        """Whether the server knows who we are without any key; in any case it says what it accepts."""
        if self.over:
            return False
        try:
            return not self.transport.show_nothing(self.user)
        except (paramiko.SSHException, OSError, EOFError):
            return False

    def refusal(self) -> NotLetIn:
        """What was offered, what the server accepts, and the one thing to do."""
        leg = self.leg
        if self.wanted_more:
            return NotLetIn(
                sentence(f"{leg.where} takes the key of {self.user} ({self.tried_last}), and wants ")
                + f"{_listed(self.wanted_more)} besides.",
                hint=f"Only ssh itself can answer that: open a shared connection (ControlMaster) with `{leg.ssh}`, "
                f"and {_OPENSSH}.",
            )
        return NotLetIn(self._message(), hint=self._hint())

    def _ask(self, blob: bytes) -> None:
        self.shown += 1
        if not self.transport.would_take(self.user, blob):
            raise paramiko.AuthenticationException

    def _show(self, offer: Offer, *, judged: bool) -> None:
        key = offer.key()
        if not self.transport.is_active():
            raise TooLate
        self.shown += not judged
        self.wanted_more = tuple(self.transport.show(self.user, key))
        if self.wanted_more:
            self.tried.append(offer.label)

    @property
    def tried_last(self) -> str:
        """The newest thing that was tried."""
        return self.tried[-1] if self.tried else "a key"

    def _message(self) -> str:
        tried = "; ".join(self.tried) or "no key was found: no agent, no key file"
        ended = "" if self.transport.is_active() else f" It ended the connection{self._after()}."
        accepts = f" It accepts {_listed(self.transport.accepts)}." if self.transport.accepts else ""
        return sentence(f"{self.leg.where} does not let {self.user} in. Tried: {tried}.{ended}{accepts}")

    def _after(self) -> str:
        return f" after {self.shown} keys" if self.shown > 1 else ""

    def _hint(self) -> str:
        return next(self._hints())

    def _hints(self) -> Iterator[str]:
        accepts = self.transport.accepts
        if self.unopened is not None:
            yield _opening(self.unopened)
        if not self.transport.is_active() and self.shown > 1:
            own = "" if self.leg.hop else "key: in environments.yaml, or "
            yield f"Offer fewer: set {own}IdentityFile and IdentitiesOnly yes in ~/.ssh/config."
        if accepts and "publickey" not in accepts:
            yield (
                f"{_OPENSSH[0].upper()}{_OPENSSH[1:]}, as keys are of no use there."
                if set(accepts) & {"gssapi-with-mic", "hostbased"}
                else "rolloutctl sends no passwords: let sshd take keys (PubkeyAuthentication yes), and add yours: "
                f"ssh-copy-id {self.leg.ssh.removeprefix('ssh ')}"
            )
        also = f"; if that lets you in, {_OPENSSH}" if self.leg.pkcs11 or "gssapi-with-mic" in accepts else ""
        where = f"User or IdentityFile of {self.leg.name} in ~/.ssh/config" if self.leg.hop else _OWN_WORDS
        yield f"Try: {self.leg.ssh}{also}; then set {where}, or ssh-add the key."


def _opening(problem: Unusable) -> str:
    if isinstance(problem, Encrypted | WrongPassphrase):
        return f"ssh-add {shown(problem.path)}"
    if isinstance(problem, TooLate):
        return "Type it sooner, or ssh-add the key before."
    text = str(problem)
    return f"{text[0].upper()}{text[1:]} ({shown(problem.path)})."


def _unsigned(error: Exception) -> str:
    text = said(error)
    return "the agent does not sign with it" if "cannot be used for signing" in text else text


def _listed(words: tuple[str, ...]) -> str:
    return " and ".join(filter(None, (", ".join(words[:-1]), words[-1])))
