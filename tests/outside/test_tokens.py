"""One token, made and read on either side: the client's and the host's, under each shell that may be a sh."""

from __future__ import annotations

import shutil
import subprocess

import pytest

from rolloutctl.outside.wire import decode, encode, plainly
from tests.outside.host_script import FUNCTIONS

SHELLS = [shell for shell in ("dash", "bash --posix", "busybox sh") if shutil.which(shell.partition(" ")[0])]
PRINTABLE = "".join(map(chr, range(0x20, 0x7F)))
TEXTS = [
    "",
    " ",
    "sh restart-fpm.sh",
    "  two  blanks at  both ends  ",
    r'-n -e \n \\ $(id) `id` "$HOME" * ? [a-z] ~ =',
    PRINTABLE.replace("%", ""),
    PRINTABLE,
    "100% %20",
    "Grüße an \N{PARTY POPPER}",
    "a\ttab",
    "two\nlines",
    "x y" * 1365 + "z",
    "x y" * 1365 + "zz",
    "long " * 30_000,
]


def said(shell: str, script: str, fed: str) -> str:
    """What a session's functions say with this script behind them."""
    ran = subprocess.run(
        [*shell.split(), "-c", f"{FUNCTIONS}\n{script}"],
        input=fed.encode(),
        capture_output=True,
        timeout=30,
        check=True,
    )
    assert ran.stderr == b""
    return ran.stdout.decode()


@pytest.mark.parametrize("shell", SHELLS)
def test_a_host_reads_what_a_client_writes(shell: str) -> None:
    tokens = "".join(f"{plainly(text.encode())}\n{encode(text.encode())}\n" for text in TEXTS)

    read = said(shell, 'while read -r token; do unb64 "$token"; text_of "$token"; printf "|%s|" "$TEXT"; done', tokens)

    assert read == "".join(f"{text}|{text}|" * 2 for text in TEXTS)


@pytest.mark.parametrize("shell", SHELLS)
def test_a_client_reads_what_a_host_writes(shell: str) -> None:
    tokens = "".join(f"{encode(text.encode())}\n" for text in TEXTS)

    script = 'while read -r token; do text_of "$token"; token_of "$TEXT"; printf "%s\\n" "$TOKEN"; done'
    written = said(shell, script, tokens).splitlines()

    assert [decode(token).decode() for token in written] == TEXTS
    assert [len(token.split()) for token in written] == [1] * len(TEXTS)
    assert written == [
        plainly(text.encode()) for text in TEXTS
    ]  # neither side starts a process where the other doesn't


@pytest.mark.parametrize("shell", SHELLS)
def test_printable_text_needs_no_process(shell: str) -> None:
    asked = 'base64() { echo CALLED; }; tr() { echo CALLED; }; text_of "=a%20b"; token_of "$TEXT"; printf %s "$TOKEN"'
    assert said(shell, asked, "") == "=a%20b"
