"""What each exception of paramiko and of the network means: one table, from the class to a sentence and what to do."""

from __future__ import annotations

import errno
import socket
from collections.abc import Mapping

import paramiko
from msgspec import Struct
from paramiko import auth_strategy, ber, buffered_pipe, hostkeys, packet, pkey, sftp, ssh_exception

from rolloutctl.errors import NoAnswer, NotLetIn, Unfit, Unreachable, WrongHostKey
from rolloutctl.outside.ssh.dial import ProxyEnded
from rolloutctl.outside.ssh.ssh_route import Leg

_OPENSSH = "In environments.yaml, set connection: openssh for this host; ssh itself may know more."


class Words(Struct, frozen=True):
    """What is said of one class of exceptions; `{where}` and the like stand for the leg's own."""

    kind: type[Unreachable]
    message: str
    hint: str


def in_words(leg: Leg, error: BaseException) -> Unreachable:
    """The error that a person reads: what was tried, what the other side answered, the one thing to do."""
    words = _of_os(error) or next(WORDS[each] for each in type(error).__mro__ if each in WORDS)
    marks = {
        "where": leg.where,
        "address": leg.address,
        "named": f"{leg.address} of the jump host {leg.name}" if leg.hop else leg.address,
        "written": "ProxyJump in ~/.ssh/config" if leg.hop else "hosts: in environments.yaml",
        "name": leg.name,
        "port": leg.port,
        "ssh": leg.ssh,
        "said": said(error),
        "seconds": f"{leg.patience:.0f}",
        "over": leg.over,
        "user": leg.user or "",
    }
    return words.kind(sentence(words.message.format_map(marks)), hint=words.hint.format_map(marks))


def sentence(text: str) -> str:
    """With a capital where it begins with a word; the address of a host stays as it is."""
    return f"T{text[1:]}" if text.startswith("the ") else text


def said(error: BaseException) -> str:
    """An exception's own words, on one line."""
    text = error.text if isinstance(error, paramiko.ChannelException) else ""
    text = text or (error.strerror if isinstance(error, OSError) else "") or _text(error) or type(error).__name__
    return " ".join(text.split()).rstrip(".")


def _text(error: BaseException) -> str:
    try:
        return str(error)
    except TypeError:  # UnknownKeyType measures bytes that it may not have
        return ""


def _of_os(error: BaseException) -> Words | None:
    """A jump host's answer, or the operating system's, which have numbers and not classes."""
    if isinstance(error, paramiko.ChannelException):
        return _FORWARDING.get(error.code)
    if isinstance(error, OSError):
        return _NUMBERS.get(error.errno or 0)
    return None


_IS_IT_UP = "Is the host up, and no firewall between?"
_NOT_SSH = Words(NoAnswer, "{where} answers, but not as an SSH server should: {said}.", "Try: {ssh}")
_PARAMIKO_S_OWN = Words(NoAnswer, "{where} does not answer as it should: {said}.", "Try: {ssh}")
_REFUSED = Words(NotLetIn, "{where} does not let {user} in: {said}.", "Try: {ssh}")
_BAD_KEY = Words(NotLetIn, "A key for {where} can't be read: {said}.", "Try: {ssh}")
_CONFIGURATION = Words(NoAnswer, "~/.ssh/config can't be read for {where}: {said}.", "Try: ssh -G {address}")

WORDS: Mapping[type[BaseException], Words] = {
    # The network
    socket.gaierror: Words(
        NoAnswer,
        "The name {named} is not known.",
        "Check {written}; try: {ssh}",
    ),
    TimeoutError: Words(NoAnswer, "{where} did not answer within {seconds} s.", _IS_IT_UP),
    ConnectionRefusedError: Words(NoAnswer, "{where}: connection refused.", "Is the host up, and sshd on that port?"),
    ConnectionError: Words(
        NoAnswer, "{where} ended the connection: {said}.", "Does sshd let this address in (MaxStartups, a firewall)?"
    ),
    PermissionError: Words(
        NoAnswer, "{where}: this machine may not go there ({said}).", "Is a firewall on this machine?"
    ),
    ProxyEnded: Words(
        NoAnswer,
        "The proxy command for {address} ended before a server greeted us: {said}.",
        "See ProxyCommand for {name} in ~/.ssh/config; try: {ssh}",
    ),
    OSError: Words(NoAnswer, "{where}: {said}.", _IS_IT_UP),
    EOFError: Words(
        NoAnswer, "{where} ended the connection.", "Does sshd let this address in (MaxStartups, a firewall)?"
    ),
    # paramiko: the conversation
    paramiko.SSHException: _NOT_SSH,
    ssh_exception.IncompatiblePeer: Words(
        NoAnswer, "{where} and paramiko have no algorithm in common: {said}.", _OPENSSH
    ),
    ssh_exception.MessageOrderError: Words(
        NoAnswer,
        "{where} sent what does not belong in a key exchange; somebody may stand in between: {said}.",
        "Look at the network between. Try: {ssh}",
    ),
    paramiko.ChannelException: Words(
        Unfit, "{where} opens no session: {said}.", "Is MaxSessions 0 in its sshd_config?"
    ),
    packet.NeedRekeyException: _NOT_SSH,
    buffered_pipe.PipeTimeout: Words(NoAnswer, "{where} did not answer in time.", _IS_IT_UP),
    sftp.SFTPError: Words(Unfit, "{where} answers a question that nobody asked: {said}.", "Try: {ssh}"),
    # paramiko: what it would do by itself and we do instead, so that these never come
    paramiko.ProxyCommandFailure: Words(
        NoAnswer, "The proxy command for {address} failed: {said}.", "See ProxyCommand in ~/.ssh/config."
    ),
    ssh_exception.NoValidConnectionsError: Words(NoAnswer, "{where} can't be reached: {said}.", _IS_IT_UP),
    paramiko.CouldNotCanonicalize: _CONFIGURATION,
    paramiko.ConfigParseError: _CONFIGURATION,
    paramiko.BadHostKeyException: Words(WrongHostKey, "THE HOST KEY OF {where} HAS CHANGED: {said}.", "Try: {ssh}"),
    hostkeys.InvalidHostKey: Words(WrongHostKey, "The host key of {where} can't be read: {said}.", "Try: {ssh}"),
    # paramiko: the login
    paramiko.AuthenticationException: _REFUSED,
    paramiko.BadAuthenticationType: _REFUSED,
    ssh_exception.PartialAuthentication: Words(
        NotLetIn, "{where} wants more than a key: {said}.", "In environments.yaml, set connection: openssh."
    ),
    ssh_exception.UnableToAuthenticate: _REFUSED,
    auth_strategy.AuthFailure: _REFUSED,
    paramiko.PasswordRequiredException: Words(NotLetIn, "A key for {where} is encrypted: {said}.", "ssh-add the key."),
    pkey.UnknownKeyType: Words(
        NotLetIn,
        "A key for {where} is of a kind that paramiko does not know.",
        "In environments.yaml, set connection: openssh.",
    ),
    ber.BERException: _BAD_KEY,
    # What is left: paramiko hands on whatever its thread stumbled over.
    Exception: _PARAMIKO_S_OWN,
}

_NUMBERS: Mapping[int, Words] = {
    errno.EHOSTUNREACH: Words(NoAnswer, "{where}: no route to host.", _IS_IT_UP),
    errno.ENETUNREACH: Words(NoAnswer, "{where}: the network is unreachable.", "Is this machine in the network (VPN)?"),
    errno.EADDRNOTAVAIL: Words(
        NoAnswer, "{where}: this machine has not the address to go there from.", "See BindAddress in ~/.ssh/config."
    ),
    errno.EMFILE: Words(
        NoAnswer, "{where}: this machine opens no further connection: {said}.", "Raise the limit: ulimit -n 4096"
    ),
}

# RFC 4254, 5.1: why a jump host does not lead on.
_FORWARDING: Mapping[int, Words] = {
    1: Words(
        NoAnswer,
        "The jump host {over} does not lead on to {address} port {port}: {said}.",
        "Allow it in sshd_config of {over}: AllowTcpForwarding yes, PermitOpen any",
    ),
    2: Words(
        NoAnswer,
        "The jump host {over} does not reach {address} port {port}: {said}.",
        "Is the host up, and its name known on {over}?",
    ),
    3: Words(NoAnswer, "The jump host {over} knows no forwarding: {said}.", "Is it an OpenSSH server?"),
    4: Words(NoAnswer, "The jump host {over} is short of resources: {said}.", "Try again; see to the jump host."),
}
