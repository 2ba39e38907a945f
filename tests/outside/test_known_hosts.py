"""known_hosts as OpenSSH reads it; a line that can't be read never makes a key known."""

from __future__ import annotations

import subprocess
from pathlib import Path

import paramiko
import pytest

from rolloutctl.outside.ssh.known_hosts import KnownHosts, Verdict, fingerprint, name_of


def generated(folder: Path, name: str, kind: str) -> paramiko.PKey:
    path = folder / name
    # paramiko can't load some keys whose comment is empty: it takes the comment's last byte for padding.
    subprocess.run(["ssh-keygen", "-q", "-t", kind, "-N", "", "-C", "a comment", "-f", str(path)], check=True)
    return paramiko.PKey.from_path(path)


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> dict[str, paramiko.PKey]:
    folder = tmp_path_factory.mktemp("keys")
    return {name: generated(folder, name, name.split("-")[0]) for name in ("ed25519", "ed25519-other", "ecdsa", "rsa")}


def line(key: paramiko.PKey, names: str, *, before: str = "", behind: str = "") -> str:
    return f"{before}{names} {key.get_name()} {key.get_base64()}{behind}"


def known(tmp_path: Path, *lines: str | bytes, ending: bytes = b"\n") -> KnownHosts:
    path = tmp_path / "known_hosts"
    path.write_bytes(b"".join((each.encode() if isinstance(each, str) else each) + ending for each in lines))
    return KnownHosts([path])


def test_a_name_holds_its_port_only_when_it_is_not_22() -> None:
    assert name_of("web-1", 22) == "web-1"
    assert name_of("web-1", 2222) == "[web-1]:2222"
    assert name_of("::1", 2222) == "[::1]:2222"


@pytest.mark.parametrize(
    ("names", "asked", "verdict"),
    [
        ("web-1", "web-1", "known"),
        ("web-1", "web-2", "unknown"),
        ("web-1", "web-11", "unknown"),
        ("a,web-1,10.0.0.1", "10.0.0.1", "known"),
        ("Web-1.Example.COM", "web-1.example.com", "known"),
        ("web-1.example.com", "WEB-1.example.com", "known"),
        ("[web-1]:2222", "[web-1]:2222", "known"),
        ("[web-1]:2222", "web-1", "unknown"),
        ("web-1", "[web-1]:2222", "unknown"),
        ("[::1]:2222", "[::1]:2222", "known"),
        ("*.example.com", "web-1.example.com", "known"),
        ("*.example.com", "example.com", "unknown"),
        ("web-?", "web-1", "known"),
        ("web-?", "web-10", "unknown"),
        ("web-[12]", "web-1", "unknown"),
        ("[*.example.com]:2222", "[web-1.example.com]:2222", "known"),
        ("*.example.com,!db.example.com", "db.example.com", "unknown"),
        ("!db.example.com,*.example.com", "db.example.com", "unknown"),
        ("*.example.com,!db.example.com", "web.example.com", "known"),
        ("!web-1", "web-2", "unknown"),
    ],
)
def test_names_match_as_in_openssh(
    tmp_path: Path, keys: dict[str, paramiko.PKey], names: str, asked: str, verdict: Verdict
) -> None:
    assert known(tmp_path, line(keys["ed25519"], names)).judge(asked, keys["ed25519"]) == verdict


def test_a_hashed_name_is_found(tmp_path: Path, keys: dict[str, paramiko.PKey]) -> None:
    path = tmp_path / "known_hosts"
    path.write_text(line(keys["ed25519"], "web-1") + "\n" + line(keys["ecdsa"], "[web-1]:2222") + "\n")
    subprocess.run(["ssh-keygen", "-q", "-H", "-f", str(path)], check=True, capture_output=True)
    assert "web-1" not in path.read_text()
    found = KnownHosts([path])
    assert found.judge("web-1", keys["ed25519"]) == "known"
    assert found.judge("Web-1", keys["ed25519"]) == "known"
    assert found.judge("[web-1]:2222", keys["ecdsa"]) == "known"
    assert found.judge("web-2", keys["ed25519"]) == "unknown"
    assert found.judge("web-1", keys["ecdsa"]) == "changed"


def test_another_key_has_changed(tmp_path: Path, keys: dict[str, paramiko.PKey]) -> None:
    found = known(tmp_path, line(keys["ed25519"], "web-1"))
    assert found.judge("web-1", keys["ed25519-other"]) == "changed"
    assert found.judge("web-1", keys["rsa"]) == "changed"


def test_a_host_may_have_several_keys_also_of_one_type(tmp_path: Path, keys: dict[str, paramiko.PKey]) -> None:
    found = known(tmp_path, *(line(key, "web-1") for key in keys.values()), line(keys["ed25519"], "web-2"))
    assert {found.judge("web-1", key) for key in keys.values()} == {"known"}
    assert found.types("web-1") == ("ssh-ed25519", "ecdsa-sha2-nistp256", "ssh-rsa")
    assert found.types("web-3") == ()


def test_a_revoked_key_is_refused_even_where_it_is_known(tmp_path: Path, keys: dict[str, paramiko.PKey]) -> None:
    lines = [line(keys["ed25519"], "web-1"), line(keys["ed25519"], "*", before="@revoked ")]
    for each in (lines, lines[::-1]):
        assert known(tmp_path, *each).judge("web-1", keys["ed25519"]) == "revoked"
    assert known(tmp_path, *lines).judge("web-1", keys["ecdsa"]) == "changed"


def test_a_revoked_key_is_none_to_ask_the_server_for(tmp_path: Path, keys: dict[str, paramiko.PKey]) -> None:
    found = known(tmp_path, line(keys["ed25519"], "web-1", before="@revoked\t"), line(keys["ecdsa"], "web-1"))
    assert found.types("web-1") == ("ecdsa-sha2-nistp256",)


@pytest.mark.parametrize("marker", ["@cert-authority ", "@cert-authority\t", "@Revoked ", "@new-marker "])
def test_an_authority_s_line_makes_no_key_known(tmp_path: Path, keys: dict[str, paramiko.PKey], marker: str) -> None:
    found = known(tmp_path, line(keys["ed25519"], "*", before=marker), line(keys["ecdsa"], "web-1"))
    assert found.judge("web-2", keys["ed25519"]) == "unknown"
    assert found.judge("web-1", keys["ecdsa"]) == "known"


def test_an_authority_is_known_by_the_names_that_it_vouches_for(tmp_path: Path, keys: dict[str, paramiko.PKey]) -> None:
    found = known(tmp_path, line(keys["ed25519"], "*.example.com,!db.example.com", before="@cert-authority "))
    assert found.has_authority("web-1.example.com")
    assert not found.has_authority("db.example.com")
    assert not found.has_authority("web-1")
    assert found.types("web-1.example.com") == ()


def test_a_file_of_revoked_keys_has_a_key_a_line(tmp_path: Path, keys: dict[str, paramiko.PKey]) -> None:
    host, revoked = tmp_path / "known", tmp_path / "revoked"
    host.write_text(line(keys["ed25519"], "web-1"))
    revoked.write_text("".join(f"{key.get_name()} {key.get_base64()} a comment\n" for key in keys.values()))
    assert KnownHosts([host], [revoked]).judge("web-1", keys["ed25519"]) == "revoked"


@pytest.mark.parametrize(
    "broken",
    [
        "",
        "   ",
        "# web-1 a comment",
        "web-1",
        "web-1 ssh-ed25519",
        "web-1 ssh-ed25519 not*base64",
        "web-1 ssh-ed25519 =",
        "@revoked",
        "@revoked web-1",
        "|1|x ssh-ed25519 AAAA",
        "|1|*|* ssh-ed25519 AAAA",
        "|2|a|b ssh-ed25519 AAAA",
        b"\xff\xfe web-1 \x00",
        "web-1 2048 65537 1234567",
    ],
)
def test_a_broken_line_says_nothing_and_the_next_is_read(
    tmp_path: Path, keys: dict[str, paramiko.PKey], broken: str | bytes
) -> None:
    found = known(tmp_path, broken, line(keys["ed25519"], "web-2"))
    assert found.judge("web-1", keys["ed25519"]) == "unknown"
    assert found.judge("web-2", keys["ed25519"]) == "known"


@pytest.mark.parametrize("ending", [b"\n", b"\r\n"])
def test_comments_blanks_and_line_endings_do_not_matter(
    tmp_path: Path, keys: dict[str, paramiko.PKey], ending: bytes
) -> None:
    spread = line(keys["ed25519"], "  web-1", behind=" root@web-1 # a comment").replace(" ssh-", " \t ssh-")
    assert known(tmp_path, spread, ending=ending).judge("web-1", keys["ed25519"]) == "known"


def test_a_file_that_is_not_there_knows_no_host(tmp_path: Path, keys: dict[str, paramiko.PKey]) -> None:
    found = KnownHosts([tmp_path / "none", tmp_path])
    assert found.judge("web-1", keys["ed25519"]) == "unknown"
    assert found.types("web-1") == ()


def test_all_files_are_read(tmp_path: Path, keys: dict[str, paramiko.PKey]) -> None:
    one, other = tmp_path / "one", tmp_path / "other"
    one.write_text(line(keys["ed25519"], "web-1"))
    other.write_text(line(keys["ecdsa"], "web-1"))
    assert KnownHosts([one, other]).types("web-1") == ("ssh-ed25519", "ecdsa-sha2-nistp256")


def test_a_fingerprint_is_written_as_openssh_does(tmp_path: Path) -> None:
    key = generated(tmp_path, "shown", "ed25519")
    said = subprocess.run(
        ["ssh-keygen", "-lf", str(tmp_path / "shown.pub")], check=True, capture_output=True, text=True
    ).stdout
    assert said.split()[1] == fingerprint(key)
