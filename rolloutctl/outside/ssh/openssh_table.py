"""The words in which OpenSSH's client says why it ends, each with what it means and the one thing to do.

The client's exit status is 255 for all of them, so this goes by its texts; they are fixed, and in English only.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from msgspec import Struct

from rolloutctl.errors import NoAnswer, NotLetIn, Unfit, Unreachable

if TYPE_CHECKING:  # it brings paramiko, which nobody needs here
    from rolloutctl.outside.ssh.known_hosts import Verdict

_SH = "{line} sh -c true"


class Row(Struct, frozen=True):
    """One way to end.

    `message` and `hint` may name the pattern's groups, and: `found` (the matched text), `line` (what a person types to
    try the same), `address`, `peer` (address and port), `before` (ssh's last words before its own end), `tried`,
    `mend` (what lets a login succeed), `seconds`.
    """

    pattern: re.Pattern[str]
    kind: type[Unreachable]
    message: str
    hint: str


def _row(pattern: str, kind: type[Unreachable], message: str, hint: str) -> Row:
    return Row(re.compile(pattern, re.MULTILINE), kind, message, hint)


_UNUSABLE = ("ssh cannot use its configuration: {found}.", "Mend that line; try: {line}")
_FOREIGN = (
    "The ssh that is installed here does not understand what it is asked: {found}.",
    "connection: openssh needs OpenSSH's own client, 7.6 or newer; or use connection: paramiko.",
)
_HUNG_UP = (
    "{peer} hung up before the login was over: {found}.",
    "The server's log tells why (a ban, a limit, a crash); try: {line}",
)
_NO_GREETING = ("{peer} answers, but not as an SSH server should: {found}.", "Try: {line}")
_LEFT_OPEN = "{address} does not let {user} in. Tried: {tried}."

# What is wrong with a host's key; `name` is the host as known_hosts has it.
KEYS: tuple[tuple[re.Pattern[str], Verdict], ...] = (
    (re.compile(r"^.* host key for (?P<name>\S+) was revoked and you", re.MULTILINE), "revoked"),
    (re.compile(r"^Host key for (?P<name>\S+) has changed and you", re.MULTILINE), "changed"),
    (re.compile(r"^No \S+ host key is known for (?P<name>\S+) and you", re.MULTILINE), "unknown"),
    (re.compile(r"^Host key verification failed", re.MULTILINE), "unknown"),
)

# The first row that fits counts: what says more stands higher.
ROWS = (
    _row(
        r"^command-line.*: Bad configuration option: knownhostscommand",
        Unreachable,
        "This ssh is too old for known_hosts: in environments.yaml, which needs OpenSSH 8.5.",
        "Use connection: paramiko for the host, or put its key into ~/.ssh/known_hosts instead.",
    ),
    _row(r"^KnownHostsCommand.*", Unreachable, "ssh could not compare the host's key: {found}.", "Try: {line}"),
    _row(r"^(?:\S+: )?(?:unknown|illegal|invalid) option -- .*", Unreachable, *_FOREIGN),
    _row(r"^command-line.*: (?:Bad configuration|[Uu]nsupported) option.*", Unreachable, *_FOREIGN),
    _row(r"^.*: (?:Bad configuration option: |terminating, ).*", Unreachable, *_UNUSABLE),
    _row(r"^Bad owner or permissions on .*", Unreachable, *_UNUSABLE),
    _row(r"^Can't open user config file .*", Unreachable, *_UNUSABLE),
    _row(
        r"^(?:Connection (?:closed|reset) by UNKNOWN port 65535|banner exchange: .* UNKNOWN port 65535: Broken pipe)",
        NoAnswer,
        "The way to {address}, over a jump host or a proxy command, ends early: {before}.",
        "Mend ProxyJump or ProxyCommand in ~/.ssh/config; try: {line}",
    ),
    _row(
        r"^(?:ssh: )?Could not resolve hostname (?P<name>\S+): .*",
        NoAnswer,
        "The name {name} is not known.",
        "Check hosts: in environments.yaml; try: {line}",
    ),
    _row(
        r"connect to (?:host|address) (?P<at>\S+) port (?P<port>\d+): .*timed out",
        NoAnswer,
        "{at} port {port} did not answer within {seconds} s.",
        "Is the host up, and no firewall between?",
    ),
    _row(
        r"connect to (?:host|address) (?P<at>\S+) port (?P<port>\d+): (?P<reason>.+)",
        NoAnswer,
        "{at} port {port}: {reason}.",
        "Is the host up, and sshd on that port?",
    ),
    _row(
        r"^Unable to negotiate with .*: no matching (?P<what>.+) found\. Their offer: (?P<offer>\S+)",
        NoAnswer,
        "{peer} and this ssh have no {what} in common; it offers {offer}.",
        "Update the server, or allow one for it in ~/.ssh/config: KexAlgorithms, HostKeyAlgorithms, Ciphers, MACs.",
    ),
    _row(r"^Connection timed out during banner exchange", NoAnswer, *_NO_GREETING),
    _row(r"^(?:kex_exchange|ssh_exchange)_identification: .*|^banner exchange: .*", NoAnswer, *_NO_GREETING),
    _row(
        r"Too many authentication failures",
        NotLetIn,
        "{address} does not let us in: too many keys were offered (MaxAuthTries). Tried: {tried}.",
        "Name the one that fits in ~/.ssh/config: IdentityFile, with IdentitiesOnly yes.",
    ),
    _row(r"^(?P<user>[^@\s]+)@\S+: Permission denied \(.*", NotLetIn, _LEFT_OPEN, "{mend}"),
    _row(
        r"^.*(?:open failed: |Session open refused|(?:exec|shell|subsystem) request failed on channel).*",
        Unfit,
        "The host lets us in, but does not run commands: {found}.",
        f"Its sshd_config decides that (MaxSessions, ForceCommand); try: {_SH}",
    ),
    _row(r"^Received disconnect from .*", NoAnswer, *_HUNG_UP),
    _row(r"^(?:Connection (?:closed|reset) by|Disconnected from|Connection to) \S+ port .*", NoAnswer, *_HUNG_UP),
    _row(r"^ssh_dispatch_run_fatal: .*", NoAnswer, *_HUNG_UP),
)

# What an exit status means when nothing of a session was heard.
STATUSES = {
    127: "the login shell does not find the command",
    126: "the login shell may not run the command",
}
EXITED = (
    "No session begins on the host: {meaning} (exit {status}){said}.",
    f"Its login shell, or shell: in environments.yaml, has to run `sh`; try: {_SH}",
)
