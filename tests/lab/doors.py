"""Doors: real sshds without anything behind them but a folder, each with its own way of letting people in."""

from __future__ import annotations

import os
import pwd
import shlex
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from rolloutctl.rules.config import Host
from tests.lab.servers import Server, program

LOOPBACK = "127.0.0.1"
LOOPBACK_6 = "::1"

# sshd runs a command as `SHELL -c COMMAND`, with the shell of the user's account. A forced command does the same with
# any shell, and no user has to be made on this machine.
NOISY = (
    "echo 'Welcome to the machine'; echo 'stty: standard input: Inappropriate ioctl' >&2; "
    'exec sh -c "$SSH_ORIGINAL_COMMAND"'
)


def login_shell(shell: str) -> str:
    """The line of sshd_config that makes this program everybody's login shell."""
    return f'ForceCommand exec {shell} -c "$SSH_ORIGINAL_COMMAND"'


def noisy_login_shell() -> str:
    """The line of sshd_config for a login shell whose profile prints on stdout and on stderr."""
    return f"ForceCommand {NOISY}"


def login_name() -> str:
    """Whom a door lets in: the user of this process, as an sshd without root can become nobody else."""
    return pwd.getpwuid(os.geteuid()).pw_name


def keygen(*arguments: str | Path) -> str:
    """Run the real ssh-keygen; gives what it printed."""
    command = [program("ssh-keygen"), *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=30, stdin=subprocess.DEVNULL, check=False)
    assert done.returncode == 0, f"{shlex.join(command)}: {done.stdout}{done.stderr}"
    return done.stdout


def make_key(path: Path, kind: str = "ed25519", passphrase: str = "") -> Path:
    """A key as ssh-keygen makes it: ed25519, ecdsa or rsa (2048 bits, which takes a quarter of a second)."""
    size = ("-b", "2048") if kind == "rsa" else ()
    rounds = ("-a", "1") if passphrase else ()  # no attacker waits for it, and tests do
    keygen("-q", "-t", kind, *size, *rounds, "-N", passphrase, "-C", f"{path.name}@lab", "-f", path)
    return path


def public_half(key: Path) -> str:
    """The public half of a key, as one line: type, key, comment."""
    return key.with_name(f"{key.name}.pub").read_text(encoding="utf-8").strip()


def fingerprint(key: Path) -> str:
    """SHA256:... of a key, as ssh-keygen says it."""
    return keygen("-l", "-E", "sha256", "-f", key.with_name(f"{key.name}.pub")).split()[1]


@dataclass(frozen=True, slots=True)
class Authority:
    """A key that signs other keys: hosts', or people's."""

    key: Path

    @classmethod
    def made(cls, folder: Path, name: str) -> Authority:
        """A new authority, with its key in a folder."""
        folder.mkdir(parents=True, exist_ok=True)
        return cls(make_key(folder / name))

    @property
    def public(self) -> str:
        """Its public half: type, key, comment."""
        return public_half(self.key)

    def sign_host(self, key: Path, *names: str) -> Path:
        """A host certificate for these names; gives its file."""
        return self._sign(key, "-h", "-n", ",".join(names))

    def sign_user(self, key: Path, *names: str, valid: str = "always:forever") -> Path:
        """A certificate that lets its holder in as one of these users; `valid` as in ssh-keygen(1)."""
        return self._sign(key, "-n", ",".join(names or (login_name(),)), "-V", valid)

    def _sign(self, key: Path, *arguments: str) -> Path:
        keygen("-q", "-s", self.key, "-I", f"{key.name}@lab", *arguments, key.with_name(f"{key.name}.pub"))
        return key.with_name(f"{key.name}-cert.pub")


@dataclass(slots=True, kw_only=True)
class Door:
    """One sshd on loopback in a folder of its own; behind it is a folder with an `.env` and no application.

    Args:
        folder: all that belongs to it; made when it starts.
        host_keys: kinds of key that it shows: ed25519, ecdsa, rsa.
        host_authority: signs each host key, for the name 127.0.0.1, ::1 and localhost.
        user_authority: whose certificates it takes.
        lines: further lines of sshd_config; they stand first, and there the first word counts.
        ipv6: whether it listens on ::1 too, at the same port.
    """

    folder: Path
    host_keys: tuple[str, ...] = ("ed25519",)
    host_authority: Authority | None = None
    user_authority: Authority | None = None
    lines: tuple[str, ...] = ()
    ipv6: bool = False
    server: Server = field(init=False)

    def __post_init__(self) -> None:
        command = (program("sshd"), "-D", "-f", f"{self.folder}/sshd.conf", "-E", f"{self.folder}/sshd.log")
        self.server = Server("sshd", self.folder, command, self._configuration)

    @property
    def port(self) -> int:
        """Where it listens; the same for all its life."""
        return self.server.port

    @property
    def home(self) -> Path:
        """$HOME of what runs behind it; what a login shell reads goes in here."""
        return self.folder / "home"

    @property
    def app(self) -> Path:
        """A folder with an `.env`: enough for a session to begin."""
        return self.folder / "app"

    @property
    def log(self) -> str:
        """What sshd wrote so far."""
        return (self.folder / "sshd.log").read_text(encoding="utf-8", errors="replace")

    def host_key(self, kind: str = "") -> Path:
        """The file of a host key; the first kind's, unless it is named."""
        return self.folder / f"host_{kind or self.host_keys[0]}"

    def known(self, kind: str = "", *, address: str = LOOPBACK) -> str:
        """The line of known_hosts for a host key."""
        return f"[{address}]:{self.port} {' '.join(public_half(self.host_key(kind)).split()[:2])}"

    def let_in(self, *lines: str) -> None:
        """Add lines to authorized_keys; they count from the next login on."""
        with (self.folder / "authorized_keys").open("a", encoding="utf-8") as file:
            file.writelines(f"{line}\n" for line in lines)

    def host(self, name: str = "door", **settings: object) -> Host:
        """The host as environments.yaml would describe it; `settings` replace its fields."""
        own = {"address": LOOPBACK, "port": self.port, "user": login_name(), "app": str(self.app)}
        return Host(name=name, **{**own, "state_dir": str(self.home / "state"), **settings})  # type: ignore[arg-type]

    def start(self) -> None:
        """Make what is not there yet, and listen."""
        if os.geteuid() == 0:
            Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)  # where sshd keeps its unprivileged part
        if not self.folder.exists():
            self._furnish()
        self.server.start()

    def stop(self) -> None:
        """Kill it with all that runs behind it."""
        self.server.stop()

    def show_new_host_keys(self) -> None:
        """Set up anew: the same address, other keys."""
        self.stop()
        for file in self.folder.glob("host_*"):
            file.unlink()
        self._make_host_keys()
        self.start()

    def _furnish(self) -> None:
        for folder in (self.folder, self.home, self.app):
            folder.mkdir(mode=0o700, parents=folder is self.folder)
        (self.folder / "authorized_keys").touch(mode=0o600)
        (self.app / ".env").write_text("APP_NAME=door\nFEATURE_CUSTOMER_PORTAL=false\n", encoding="utf-8")
        self._make_host_keys()
        if self.user_authority:
            (self.folder / "user_authorities").write_text(f"{self.user_authority.public}\n", encoding="utf-8")

    def _make_host_keys(self) -> None:
        for kind in self.host_keys:
            key = make_key(self.host_key(kind), kind)
            if self.host_authority:
                self.host_authority.sign_host(key, LOOPBACK, LOOPBACK_6, "localhost")

    def _configuration(self, port: int) -> str:
        keys = [self.host_key(kind) for kind in self.host_keys]
        lines = [
            *self.lines,
            "KexAlgorithms curve25519-sha256,curve25519-sha256@libssh.org",  # a tenth of a second faster
            f"ListenAddress {LOOPBACK}:{port}",
            *([f"ListenAddress [{LOOPBACK_6}]:{port}"] if self.ipv6 else []),
            *(f"HostKey {key}" for key in keys),
            *(f"HostCertificate {key}-cert.pub" for key in keys if self.host_authority),
            *([f"TrustedUserCAKeys {self.folder}/user_authorities"] if self.user_authority else []),
            f"PidFile {self.folder}/sshd.pid",
            f"AuthorizedKeysFile {self.folder}/authorized_keys",
            *("StrictModes no", "UsePAM no", "PasswordAuthentication no", "KbdInteractiveAuthentication no"),
            *("PermitRootLogin prohibit-password", "PrintMotd no", "LogLevel VERBOSE", f"SetEnv HOME={self.home}"),
        ]
        return "".join(f"{line}\n" for line in lines)


class Doors:
    """The doors of several tests: one with the same settings is opened once, and they all use it.

    Args:
        folder: where they get their folders.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._doors: dict[str, Door] = {}

    def __call__(self, *lines: str, **settings: object) -> Door:
        """An open door with these lines of sshd_config and settings of `Door`; don't change what others use."""
        asked = repr((lines, sorted(settings.items())))
        if asked not in self._doors:
            self._doors[asked] = self.new(*lines, **settings)
        self._doors[asked].start()
        return self._doors[asked]

    def new(self, *lines: str, **settings: object) -> Door:
        """An open door of one's own, also ended with the others."""
        number = len(self._doors) + 1
        door = Door(folder=self._folder / f"door-{number}", lines=lines, **settings)  # type: ignore[arg-type]
        self._doors[f"door-{number}"] = door
        door.start()
        return door

    def close(self) -> None:
        """End them all."""
        for door in self._doors.values():
            door.stop()


@contextmanager
def opened(folder: Path) -> Iterator[Doors]:
    """Doors that are closed at the end."""
    doors = Doors(folder)
    try:
        yield doors
    finally:
        doors.close()
