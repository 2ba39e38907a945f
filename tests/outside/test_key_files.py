"""Key files of every format that ssh-keygen writes: what can be said without a passphrase, and what goes wrong."""

from __future__ import annotations

import shutil
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from rolloutctl.outside.ssh.key_files import (
    certificate_in,
    certified,
    kind_of,
    load,
    public_half,
    shown,
    with_certificate,
)
from rolloutctl.outside.ssh.keyring import Encrypted, Keyring, Unusable, WrongPassphrase
from tests.lab.doors import Authority, keygen, make_key

SECRET = "correct horse"  # noqa: S105 - of keys that live as long as a test
KINDS = ("ed25519", "ecdsa", "rsa")


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("keys")
    return {kind: make_key(folder / kind, kind) for kind in KINDS}


@pytest.fixture
def keys(made: dict[str, Path], tmp_path: Path) -> dict[str, Path]:
    """A plain key of each kind, to be changed at will."""
    for key in made.values():
        for file in (key, key.with_name(f"{key.name}.pub")):
            shutil.copy2(file, tmp_path)
    return {kind: tmp_path / kind for kind in KINDS}


def lock(key: Path, *options: str) -> Path:
    keygen("-q", "-p", "-a", "1", *options, "-P", "", "-N", SECRET, "-f", key)
    return key


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("style", ["RFC4716", "PEM", "PKCS8"])
def test_a_key_is_read_in_every_format_plain_and_encrypted(keys: dict[str, Path], kind: str, style: str) -> None:
    key = keys[kind]
    half = public_half(key)
    keygen("-q", "-p", "-m", style, "-P", "", "-N", "", "-f", key)
    plain = load(key)
    lock(key, "-m", style)

    with pytest.raises(Encrypted):
        load(key)
    for wrong in ("wrong", "typed in another encoding: \udce4"):
        with pytest.raises(WrongPassphrase):
            load(key, wrong)
    assert plain.asbytes() == load(key, SECRET).asbytes() == half
    assert load(key, SECRET).can_sign()


@pytest.mark.parametrize("kind", KINDS)
def test_the_public_half_of_an_encrypted_key_needs_no_pub_beside_it(keys: dict[str, Path], kind: str) -> None:
    half = public_half(keys[kind])
    lock(keys[kind]).with_name(f"{kind}.pub").unlink()

    assert public_half(keys[kind]) == half
    assert half is not None


def test_an_old_encrypted_key_has_a_public_half_only_in_the_pub_beside_it(keys: dict[str, Path]) -> None:
    key = lock(keys["ecdsa"], "-m", "PEM")
    beside = key.with_name("ecdsa.pub")

    assert public_half(key) is not None
    beside.unlink()
    assert public_half(key) is None


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "it holds no key that can be read"),
        (b"-----BEGIN OPENSSH PRIVATE KEY-----\nAAAA\n-----END OPENSSH PRIVATE KEY-----\n", "it holds no key"),
        (b"ssh-ed25519 AAAA a public key", "it holds no key that can be read"),
        (None, "no such file or directory"),
    ],
    ids=["empty", "cut off", "text", "missing"],
)
def test_why_a_file_is_of_no_use_is_told(tmp_path: Path, content: bytes | None, reason: str) -> None:
    path = tmp_path / "key"
    if content is not None:
        path.touch(mode=0o600)
        path.write_bytes(content)

    with pytest.raises(Unusable, match=reason):
        load(path)
    assert public_half(path) is None


def test_a_public_half_alone_is_told_from_a_broken_key(keys: dict[str, Path]) -> None:
    half = keys["ed25519"].with_name("ed25519.pub")

    with pytest.raises(Unusable, match="only its public half is here"):
        load(half)
    assert public_half(half) == public_half(keys["ed25519"])


@pytest.mark.parametrize("kind", KINDS)
def test_a_certificate_is_matched_with_its_key(keys: dict[str, Path], tmp_path: Path, kind: str) -> None:
    file = Authority.made(tmp_path / "authority", "people").sign_user(keys[kind])
    certificate = certificate_in(file)

    assert certificate is not None
    assert kind_of(certificate).endswith("-cert-v01@openssh.com")
    assert certified(certificate) == public_half(keys[kind])
    key = load(keys[kind])
    both = with_certificate(key, certificate)
    assert both.public_blob is not None
    assert key.public_blob is None
    assert certificate_in(keys[kind]) is None


def test_a_path_is_shown_as_one_may_paste_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))

    assert shown(tmp_path / ".ssh" / "id_rsa") == "~/.ssh/id_rsa"
    assert shown(Path("/keys/a b")) == "'/keys/a b'"
    assert shown(tmp_path / "a b") == f"'{tmp_path}/a b'"


def test_many_hosts_ask_once_and_all_get_the_key(keys: dict[str, Path]) -> None:
    key = lock(keys["ed25519"])
    asked: list[str] = []
    together = threading.Barrier(5)

    def person(path: str, *, again: bool) -> str:
        asked.append(f"{path} {again}")
        return SECRET

    keyring = Keyring(person)

    def open_it(_host: int) -> bytes:
        together.wait(10)
        return keyring.key(key, load).asbytes()

    with ThreadPoolExecutor(5) as pool:
        found = set(pool.map(open_it, range(5)))

    assert found == {public_half(key)}
    assert asked == [f"{key} False"]


def test_who_gave_three_wrong_answers_is_not_asked_by_the_next_host(keys: dict[str, Path]) -> None:
    key = lock(keys["ed25519"])
    asked: list[bool] = []

    def person(path: str, *, again: bool) -> str:
        asked.append(again)
        return "wrong"

    keyring = Keyring(person)
    for _ in range(2):
        with pytest.raises(WrongPassphrase):
            keyring.key(key, load)

    assert asked == [False, True, True]
