"""Private keys and certificates in files: what stands in them, and why one cannot be used."""

from __future__ import annotations

import base64
import binascii
import copy
import io
import os
import shlex
import stat
from pathlib import Path

import paramiko
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
    load_ssh_private_key,
)

from rolloutctl.outside.ssh.keyring import Encrypted, Unusable, WrongPassphrase

_CERTIFIED = "-cert-v01@openssh.com"
_MAGIC = b"openssh-key-v1\x00"
_KINDS = (paramiko.Ed25519Key, paramiko.ECDSAKey, paramiko.RSAKey)
_MALFORMED = (ValueError, TypeError, IndexError, paramiko.SSHException, UnsupportedAlgorithm, binascii.Error)


def public_half(path: Path) -> bytes | None:
    """The public half of a key file, from what stands unencrypted in it or in the `.pub` beside it.

    None where neither says: a file in the old format, say, without a `.pub`.
    """
    for file in (path, path.with_name(f"{path.name}.pub")):
        try:
            text = file.read_bytes()
        except OSError:
            continue
        if (blob := _inside(text) or public_line(text)) is not None:
            return blob
    return None


def public_line(text: bytes) -> bytes | None:
    """The key or certificate in a line as `.pub` files have it."""
    try:
        kind, blob = text.split(None, 2)[:2]
        decoded = base64.b64decode(blob, validate=True)
        return decoded if decoded[4:].startswith(kind) else None
    except ValueError:
        return None


def certificate_in(path: Path) -> bytes | None:
    """The certificate in a file; None where there is none."""
    try:
        blob = public_line(path.read_bytes())
    except OSError:
        return None
    return blob if blob is not None and kind_of(blob).endswith(_CERTIFIED) else None


def shown(path: Path) -> str:
    """A path as a person writes it, and may paste it into a shell."""
    home = Path.home()
    if shlex.quote(str(path)) != str(path) or not path.is_relative_to(home):
        return shlex.quote(str(path))
    return f"~/{path.relative_to(home)}"


def kind_of(blob: bytes) -> str:
    """The type of a key or certificate: `ssh-ed25519`."""
    return paramiko.Message(blob).get_string().decode(errors="replace")


def certified(blob: bytes) -> bytes | None:
    """The public half of the key that a certificate is about."""
    kind = kind_of(blob).removesuffix(_CERTIFIED)
    for each in _KINDS:
        if kind in each.identifiers():
            try:
                return each(data=blob).asbytes()
            except _MALFORMED:
                return None
    return None


def with_certificate(key: paramiko.PKey, blob: bytes) -> paramiko.PKey:
    """The same key, which shows a certificate."""
    shown = copy.copy(key)
    shown.public_blob = paramiko.pkey.PublicBlob(kind_of(blob), blob)
    return shown


def load(path: Path, passphrase: str | None = None) -> paramiko.PKey:
    """The private key in a file.

    Raises:
        Encrypted: it needs a passphrase, and none was given.
        WrongPassphrase: that one does not fit.
        Unusable: with the reason.
    """
    text = _private(path)
    encrypted = _is_encrypted(text)
    if encrypted and passphrase is None:
        raise Encrypted(path)
    secret = passphrase.encode(errors="surrogateescape") if encrypted and passphrase is not None else None
    try:
        return _key(_loaded(text, secret))
    except _MALFORMED as error:
        if encrypted and not isinstance(error, UnsupportedAlgorithm):
            raise WrongPassphrase(path) from error
        raise Unusable(_of_what_kind(text), path) from error


def _private(path: Path) -> bytes:
    try:
        seen = path.stat()
        text = path.read_bytes()
    except OSError as error:
        raise Unusable((error.strerror or "cannot be read").lower(), path) from error
    if b"PRIVATE KEY" in text and seen.st_uid == os.getuid() and stat.S_IMODE(seen.st_mode) & 0o077:
        # ssh passes such a file over, and so do we: whoever may read it may be us.
        raise Unusable(f"others may read it: chmod 600 {shown(path)}", path)
    return text


def _loaded(text: bytes, secret: bytes | None) -> object:
    return load_ssh_private_key(text, secret) if b"OPENSSH" in text[:64] else load_pem_private_key(text, secret)


def _key(loaded: object) -> paramiko.PKey:
    """A key of paramiko for one of cryptography: paramiko itself stumbles over an empty comment behind an ECDSA key."""
    if isinstance(loaded, RSAPrivateKey):
        return paramiko.RSAKey(key=loaded)
    if isinstance(loaded, EllipticCurvePrivateKey):
        return paramiko.ECDSAKey(vals=(loaded, loaded.public_key()))
    if isinstance(loaded, Ed25519PrivateKey):
        plain = loaded.private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption())
        return paramiko.Ed25519Key(file_obj=io.StringIO(plain.decode()))
    raise UnsupportedAlgorithm(type(loaded).__name__)


def _inside(text: bytes) -> bytes | None:
    """The public half that OpenSSH's format leaves readable, also where the private one is encrypted."""
    body = _body(text)
    return body[1] if body else None


def _is_encrypted(text: bytes) -> bool:
    body = _body(text)
    return body[0] != "none" if body else b"ENCRYPTED" in text


def _body(text: bytes) -> tuple[str, bytes] | None:
    """The cipher and the public half in a file of OpenSSH's format (PROTOCOL.key)."""
    if b"BEGIN OPENSSH PRIVATE KEY" not in text:
        return None
    try:
        decoded = base64.b64decode(b"".join(text.split(b"-----")[2].split()))
        message = paramiko.Message(decoded.removeprefix(_MAGIC))
        cipher = message.get_string().decode()
        for _ in range(2):  # how the passphrase becomes a key, and with what
            message.get_string()
        message.get_int()
        half = message.get_string()
    except _MALFORMED:
        return None
    return (cipher, half) if half else None


def _of_what_kind(text: bytes) -> str:
    half = _inside(text)
    kind = kind_of(half) if half else ""
    if kind.startswith("sk-"):
        return "a security key, which only ssh itself can use from a file: set connection: openssh"
    if kind == "ssh-dss":
        return "a DSA key, which no server takes any more: make another one"
    if public_line(text) is not None:
        return "only its public half is here, and the agent does not have the other"
    return "it holds no key that can be read"
