"""The table of ssh's last words: each row has a text as ssh wrote it, and no text of ssh is without a row."""

from __future__ import annotations

import pytest

from rolloutctl.errors import NoAnswer, NotLetIn, Unfit, Unreachable, WrongHostKey
from rolloutctl.outside.ssh.openssh_endings import Attempt, error_from, from_table
from rolloutctl.outside.ssh.openssh_said import Said
from rolloutctl.outside.ssh.openssh_table import KEYS, ROWS, STATUSES
from rolloutctl.rules.config import Host

HOST = Host(name="web-1", address="web-1.test", user="deploy", connection="openssh")
LINE = "ssh deploy@web-1.test"
CONNECTED = "debug1: Connecting to web-1.test [192.0.2.7] port 22.\n"
SHOWN = "debug1: Server host key: ssh-ed25519 SHA256:abc\n"

# As OpenSSH 9.2 writes them; where another version has other words, those too.
WORDS: list[tuple[str, type[Unreachable], str]] = [
    (
        "ssh: Could not resolve hostname web-1.test: Name or service not known",
        NoAnswer,
        "The name web-1.test is not known.",
    ),
    (
        "ssh: Could not resolve hostname web-1.test: Temporary failure in name resolution",
        NoAnswer,
        "The name web-1.test is not known.",
    ),
    (
        "ssh: connect to host web-1.test port 22: Connection refused",
        NoAnswer,
        "web-1.test port 22: connection refused.",
    ),
    (
        "ssh: connect to host web-1.test port 22: No route to host",
        NoAnswer,
        "web-1.test port 22: no route to host.",
    ),
    (
        "ssh: connect to host web-1.test port 22: Network is unreachable",
        NoAnswer,
        "web-1.test port 22: network is unreachable.",
    ),
    (
        "ssh: connect to host web-1.test port 22: Connection timed out",
        NoAnswer,
        "web-1.test port 22 did not answer within 10 s.",
    ),
    (
        "ssh: connect to host web-1.test port 22: Operation timed out",
        NoAnswer,
        "web-1.test port 22 did not answer within 10 s.",
    ),
    (
        f"{CONNECTED}Connection timed out during banner exchange\nConnection to 192.0.2.7 port 22 timed out",
        NoAnswer,
        "web-1.test port 22 answers, but not as an SSH server should: Connection timed out during banner exchange.",
    ),
    (
        f"{CONNECTED}kex_exchange_identification: read: Connection reset by peer\nConnection reset by 192.0.2.7",
        NoAnswer,
        "web-1.test port 22 answers, but not as an SSH server should: kex_exchange_identification: read: "
        "Connection reset by peer.",
    ),
    (
        f"{CONNECTED}ssh_exchange_identification: Connection closed by remote host",
        NoAnswer,
        "web-1.test port 22 answers, but not as an SSH server should: ssh_exchange_identification: Connection "
        "closed by remote host.",
    ),
    (
        f"{CONNECTED}Protocol major versions differ: 2 vs. 1\n"
        "banner exchange: Connection to 192.0.2.7 port 22: could not read protocol version",
        NoAnswer,
        "web-1.test port 22 answers, but not as an SSH server should: banner exchange: Connection to 192.0.2.7 "
        "port 22: could not read protocol version.",
    ),
    (
        "debug1: kex_exchange_identification: banner line 0: Exceeded MaxStartups\n"
        "kex_exchange_identification: read: Connection reset by peer\nConnection reset by 192.0.2.7",
        NoAnswer,
        "web-1.test drops new connections: too many come at once (MaxStartups).",
    ),
    (
        "ssh: connect to host jump.example port 22: Connection refused\n"
        "kex_exchange_identification: Connection closed by remote host\nConnection closed by UNKNOWN port 65535",
        NoAnswer,
        "The way to web-1.test, over a jump host or a proxy command, ends early: ssh: connect to host jump.example "
        "port 22: Connection refused.",
    ),
    (  # the proxy command has ended before ssh could write to it
        "/bin/sh: 1: exec: nonsense-proxy: not found\nbanner exchange: Connection to UNKNOWN port 65535: Broken pipe",
        NoAnswer,
        "The way to web-1.test, over a jump host or a proxy command, ends early: /bin/sh: 1: exec: nonsense-proxy: not "
        "found.",
    ),
    (  # the jump host's own ssh, and then ours
        "banner exchange: Connection to UNKNOWN port 65535: invalid format\n"
        "kex_exchange_identification: Connection closed by remote host\nConnection closed by UNKNOWN port 65535",
        NoAnswer,
        "The way to web-1.test, over a jump host or a proxy command, ends early: banner exchange: Connection to "
        "UNKNOWN port 65535: invalid format.",
    ),
    (  # a line that is gone already, of which ssh does not know where it led
        f"{CONNECTED}banner exchange: Connection to UNKNOWN port -1: Broken pipe",
        NoAnswer,
        "web-1.test port 22 answers, but not as an SSH server should: banner exchange: Connection to UNKNOWN port -1: "
        "Broken pipe.",
    ),
    (
        "banner exchange: Connection to UNKNOWN port 65535: invalid format",
        NoAnswer,
        "web-1.test answers, but not as an SSH server should: banner exchange: Connection to UNKNOWN port 65535: "
        "invalid format.",
    ),
    (
        f"{CONNECTED}Unable to negotiate with 192.0.2.7 port 22: no matching host key type found. "
        "Their offer: ssh-rsa,ssh-dss",
        NoAnswer,
        "web-1.test port 22 and this ssh have no host key type in common; it offers ssh-rsa,ssh-dss.",
    ),
    (
        f"{CONNECTED}Received disconnect from 192.0.2.7 port 22:11: Bye Bye\nDisconnected from 192.0.2.7 port 22",
        NoAnswer,
        "web-1.test port 22 hung up before the login was over: Received disconnect from 192.0.2.7 port 22:11: Bye Bye.",
    ),
    (
        f"{CONNECTED}Connection closed by 192.0.2.7 port 22",
        NoAnswer,
        "web-1.test port 22 hung up before the login was over: Connection closed by 192.0.2.7 port 22.",
    ),
    (
        f"{CONNECTED}ssh_dispatch_run_fatal: Connection to 192.0.2.7 port 22: message authentication code incorrect",
        NoAnswer,
        "web-1.test port 22 hung up before the login was over: ssh_dispatch_run_fatal: Connection to 192.0.2.7 "
        "port 22: message authentication code incorrect.",
    ),
    (
        f"{SHOWN}ED25519 host key for web-1.test was revoked and you have requested strict checking.\n"
        "Host key verification failed.",
        WrongHostKey,
        "The host key of web-1.test is revoked: ssh-ed25519 SHA256:abc.",
    ),
    (
        f"{SHOWN}@    WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED!     @\n"
        "Host key for web-1.test has changed and you have requested strict checking.\nHost key verification failed.",
        WrongHostKey,
        "THE HOST KEY OF web-1.test HAS CHANGED: it now shows ssh-ed25519 SHA256:abc. Somebody may stand in between.",
    ),
    (
        f"{SHOWN}No ED25519 host key is known for web-1.test and you have requested strict checking.\n"
        "Host key verification failed.",
        WrongHostKey,
        "The host key of web-1.test is not known: ssh-ed25519 SHA256:abc.",
    ),
    (
        f"{SHOWN}Host key verification failed.",
        WrongHostKey,
        "The host key of web-1.test is not known: ssh-ed25519 SHA256:abc.",
    ),
    (
        "Host key verification failed.\nConnection closed by UNKNOWN port 65535",
        WrongHostKey,
        "The host key of a jump host on the way to web-1.test is not known.",
    ),
    (
        "debug1: Authentications that can continue: publickey,password\n"
        "debug1: Offering public key: /home/a/.ssh/id ED25519 SHA256:abcdefghijklmno explicit\n"
        "debug1: Offering public key: a@laptop RSA SHA256:abcdefghijklmno agent\n"
        "deploy@web-1.test: Permission denied (publickey,password).",
        NotLetIn,
        "web-1.test does not let deploy in. Tried: /home/a/.ssh/id; a@laptop RSA SHA256:abcdefgh from the agent. It "
        "accepts publickey, password.",
    ),
    (
        "Received disconnect from 192.0.2.7 port 22:2: Too many authentication failures\n"
        "Disconnected from 192.0.2.7 port 22",
        NotLetIn,
        "web-1.test does not let us in: too many keys were offered (MaxAuthTries). Tried: no key was found: no "
        "agent, no key file.",
    ),
    (
        "channel 0: open failed: connect failed: open failed",
        Unfit,
        "The host lets us in, but does not run commands: channel 0: open failed: connect failed: open failed.",
    ),
    (
        "exec request failed on channel 0",
        Unfit,
        "The host lets us in, but does not run commands: exec request failed on channel 0.",
    ),
    (
        "mux_client_request_session: session request failed: Session open refused by peer",
        Unfit,
        "The host lets us in, but does not run commands: mux_client_request_session: session request failed: Session "
        "open refused by peer.",
    ),
    (
        "/home/a/.ssh/config: line 3: Bad configuration option: nonsense\n"
        "/home/a/.ssh/config: terminating, 1 bad configuration options",
        Unreachable,
        "ssh cannot use its configuration: /home/a/.ssh/config: line 3: Bad configuration option: nonsense.",
    ),
    (
        "Bad owner or permissions on /home/a/.ssh/config",
        Unreachable,
        "ssh cannot use its configuration: Bad owner or permissions on /home/a/.ssh/config.",
    ),
    (
        "Can't open user config file /nonexistent: No such file or directory",
        Unreachable,
        "ssh cannot use its configuration: Can't open user config file /nonexistent: No such file or directory.",
    ),
    (
        "command-line: line 0: Bad configuration option: knownhostscommand",
        Unreachable,
        "This ssh is too old for known_hosts: in environments.yaml, which needs OpenSSH 8.5.",
    ),
    (
        "KnownHostsCommand-ORDER /bin/sh failed, status 1\nKnownHostsCommand failed",
        Unreachable,
        "ssh could not compare the host's key: KnownHostsCommand-ORDER /bin/sh failed, status 1.",
    ),
    (
        "unknown option -- e\nusage: ssh [-46AaCfGgKkMNnqsTtVvXxYy] [-B bind_interface]",
        Unreachable,
        "The ssh that is installed here does not understand what it is asked: unknown option -- e.",
    ),
    (
        "command-line: line 0: Bad configuration option: updatehostkeys",
        Unreachable,
        "The ssh that is installed here does not understand what it is asked: command-line: line 0: Bad configuration "
        "option: updatehostkeys.",
    ),
]


def attempt(text: str, status: int = 255, *, let_in: bool = False) -> Attempt:
    return Attempt(HOST, LINE, Said(status, text), let_in, 10.0)


@pytest.mark.parametrize(("text", "kind", "message"), WORDS, ids=[message[:50] for _, _, message in WORDS])
def test_what_ssh_says_has_its_kind_and_its_words(text: str, kind: type[Unreachable], message: str) -> None:
    error = error_from(attempt(text))

    assert (type(error), error.message, error.subject) == (kind, message, "web-1")
    assert error.hint
    assert "{" not in error.hint


def test_no_row_of_the_table_is_without_a_text_of_ssh() -> None:
    texts = ["\n".join(Said(255, text).lines) for text, _, _ in WORDS]
    used = {next((row for row in ROWS if row.pattern.search(text)), None) for text in texts}

    assert [row.pattern.pattern for row in ROWS if row not in used] == []
    assert all(any(pattern.search(text) for text in texts) for pattern, _ in KEYS)


def test_no_text_of_ssh_is_without_a_row() -> None:
    unmapped = [text for text, _, _ in WORDS if from_table(attempt(text)) is None]

    assert unmapped == []


@pytest.mark.parametrize("status", STATUSES)
def test_a_shell_that_does_not_run_the_command_is_named_with_its_exit_status(status: int) -> None:
    error = error_from(attempt("bash: nonsense: command not found", status, let_in=True))

    assert isinstance(error, Unfit)
    assert error.message == (
        f"No session begins on the host: {STATUSES[status]} (exit {status}): bash: nonsense: command not found."
    )


def test_a_signal_that_ended_ssh_is_named() -> None:
    assert error_from(attempt("", -9)).message == "ssh was ended by signal 9."


def test_words_that_nobody_knows_are_shown_as_they_stand() -> None:
    said = "debug1: something\nIt is raining.\n"

    before, behind = error_from(attempt(said)), error_from(attempt(said, let_in=True))

    assert (type(before), before.message) == (Unreachable, "ssh says: It is raining.")
    assert (type(behind), behind.message) == (Unfit, "The host lets us in, but no session begins: It is raining.")


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        (
            "Permissions 0644 for '/k/id' are too open.\n",
            "The key was left out, as others may read it: chmod 600 /k/id",
        ),
        (
            "debug1: Server accepts key: /k/id ED25519 SHA256:abc explicit\n",
            "The server takes a key that is encrypted: ssh-add /k/id",
        ),
        (
            'sign_and_send_pubkey: signing failed for ED25519 "a@laptop" from agent: agent refused operation\n'
            "debug1: Server accepts key: a@laptop ED25519 SHA256:abc agent\n",
            "The server takes a key that the agent did not use: a@laptop: agent refused operation.",
        ),
        ("", f"Try: {LINE}; then set user: or key: in environments.yaml, or ssh-add the key."),
    ],
    ids=["mode", "encrypted", "agent", "else"],
)
def test_a_refused_login_comes_with_the_one_thing_to_do(text: str, hint: str) -> None:
    assert error_from(attempt(f"{text}deploy@web-1.test: Permission denied (publickey).")).hint == hint
