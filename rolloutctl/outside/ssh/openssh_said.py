"""What OpenSSH's client said on its stderr, read: its own words, its remarks at DEBUG1, and what the host wrote."""

from __future__ import annotations

import re

from msgspec import Struct

from rolloutctl.outside.ssh.dropped import SAYS

# The session is open: logged in, or let in by somebody's ControlMaster.
OPEN = (b"Authenticated to ", b"mux_client_request_session: master session id")
# What ssh remarks on its own work; all else is its reasons, and what the host wrote to stderr.
_REMARK = re.compile(r"debug1: |Authenticated (to|using) |Transferred: sent |Bytes per second: ")
_DROPPED = re.compile(rf"^debug1: kex_exchange_identification: banner line \d+: {SAYS}", re.MULTILINE)
_HUNG_UP = re.compile(r"(kex|ssh)_exchange_identification: |Connection (closed|reset) by ")
_PEER = re.compile(r"^debug1: Connecting to (?P<name>\S+) (?:\[\S+\] )?port (?P<port>\d+)", re.MULTILINE)
_PROXY = re.compile(
    r"kex_exchange_identification: |Connection (?:closed|reset) by UNKNOWN port |"
    r"banner exchange: Connection to UNKNOWN port 65535: Broken pipe"
)
_KEY = re.compile(r"^debug1: Server host (?:key|certificate): (\S+ [^\s,]+)", re.MULTILINE)
_INVALID = re.compile(r"^Certificate invalid: (.+)$", re.MULTILINE)
_ACCEPTS = re.compile(r"^debug1: Authentications that can continue: (.+)$", re.MULTILINE)
_OFFERED = re.compile(r"^debug1: Offering public key: (.+)$", re.MULTILINE)
_TAKEN = re.compile(r"^debug1: Server accepts key: (.+)$", re.MULTILINE)
_OFFER = re.compile(r"(?P<name>.+?) (?P<kind>[A-Z0-9-]+) (?P<print>SHA256:\S+)(?: (?P<rest>.*))?")
_MISSING = re.compile(
    r"^(?:Warning: Identity file|no such identity:) (.+?)(?: not accessible)?: No such file", re.MULTILINE
)
_UNREAD = re.compile(r'^Load key "(.+)": (.+)$', re.MULTILINE)
_OPEN_TO_OTHERS = re.compile(r"^Permissions \S+ for '(.+)' are too open", re.MULTILINE)
_UNSIGNED = re.compile(r'^sign_and_send_pubkey: signing failed for \S+ "(.+)" from agent: (.+)$', re.MULTILINE)


class Said(Struct, frozen=True):
    """How one `ssh` ended before anything ran: its exit status (negative: a signal), and its stderr."""

    status: int
    text: str

    @classmethod
    def of(cls, status: int, stderr: bytes) -> Said:
        """From what was read; its lines end as a terminal wants them."""
        return cls(status, stderr.decode(errors="replace").replace("\r\n", "\n"))

    @property
    def lines(self) -> tuple[str, ...]:
        """Its words without its remarks, oldest first."""
        return tuple(others_words(self.text).splitlines())

    @property
    def last(self) -> str:
        """Its last word, as it stands."""
        return self.lines[-1] if self.lines else ""

    @property
    def before(self) -> str:
        """Its last word on what lies before the host: what a jump host or a proxy command said."""
        said = [line for line in self.lines if not _PROXY.match(line)]
        return said[-1].rstrip(".") if said else "it hung up"

    @property
    def dropped(self) -> bool:
        """Whether sshd had too many connections at once; nothing has happened on the host."""
        return bool(_DROPPED.search(self.text))

    @property
    def perhaps_dropped(self) -> bool:
        """Whether the other side hung up before it greeted: an sshd before 8.5 does not say that it is too many."""
        greeting = any("_exchange_identification: " in line for line in self.lines)
        return greeting and all(_HUNG_UP.match(line) for line in self.lines)

    @property
    def peer(self) -> str:
        """Name and port that were connected to; empty behind a proxy."""
        found = _PEER.search(self.text)
        return f"{found['name']} port {found['port']}" if found else ""

    @property
    def host_key(self) -> str:
        """The key that the host showed, as type and fingerprint; empty when it came to none."""
        return _last(_KEY, self.text).replace("-cert-v01@openssh.com ", " ")

    @property
    def invalid(self) -> str:
        """What is wrong with the certificate that the host showed; empty when nothing is, or it has none."""
        return _last(_INVALID, self.text)

    @property
    def accepts(self) -> str:
        """The ways to log in that the server left open last."""
        return _last(_ACCEPTS, self.text).replace(",", ", ")

    @property
    def tried(self) -> tuple[str, ...]:
        """What was offered, and what could not be."""
        missing = (f"{path} (there is no such file)" for path in _MISSING.findall(self.text))
        unread = (f"{path} ({why})" for path, why in _UNREAD.findall(self.text))
        return tuple(dict.fromkeys((*map(_offer, _OFFERED.findall(self.text)), *missing, *unread)))

    @property
    def open_to_others(self) -> str:
        """The key file that was left out because others may read it."""
        return _last(_OPEN_TO_OTHERS, self.text)

    @property
    def locked(self) -> str:
        """The key file that the server would take, and that could not be used without its passphrase."""
        taken = _OFFER.match(_last(_TAKEN, self.text))
        if taken is None or "agent" in (taken["rest"] or "") or "partial success" in self.text:
            return ""
        return taken["name"]

    @property
    def agent_refused(self) -> str:
        """The key that the agent did not use, and why."""
        found = _UNSIGNED.findall(self.text)
        return ": ".join(found[-1]) if found else ""


def others_words(text: str) -> str:
    """All that is not a remark of ssh on its own work."""
    return "\n".join(line for line in text.splitlines() if line.strip() and not _REMARK.match(line))


def _last(pattern: re.Pattern[str], text: str) -> str:
    found = pattern.findall(text)
    return str(found[-1]) if found else ""


def _offer(offered: str) -> str:
    found = _OFFER.match(offered)
    if found is None:
        return offered
    if "agent" not in (found["rest"] or ""):
        return found["name"]
    return f"{found['name']} {found['kind']} {found['print'][:15]} from the agent"
