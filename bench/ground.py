"""The servers on which it is measured, and what a client needs in order to reach them.

Real ones are those of tests/lab: sshd, nginx, php-fpm and Laravel each. Thin ones have a real sshd, and behind it the
tiny application of `make demo`, so that there is room for hundreds; one process answers for all of them.
"""

from __future__ import annotations

import pwd
import selectors
import shutil
import tempfile
import threading
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from functools import cached_property
from http.client import HTTPConnection
from pathlib import Path
from typing import Any, Self

import yaml

from rolloutctl.demo.application import Application, WebServer
from rolloutctl.demo.host import EmbeddedHost
from tests.lab.host import write_key
from tests.lab.lab import FLAGS, Lab
from tests.lab.processes import end, processes, strangers_in
from tests.lab.servers import program, sshd

FLAG = "customer_portal"
KEY = "FEATURE_CUSTOMER_PORTAL"
_PATIENCE = 30.0  # seconds for one answer of a host that has much to do


@dataclass(frozen=True)
class Host:
    """A server as its clients see it."""

    name: str
    folder: Path
    ssh_port: int
    http_port: int
    public_key: str
    restart: str
    reload: str
    visitors_port: int = 0  # where visitors come in, if that is another one

    @property
    def visited(self) -> int:
        """The port at which somebody elsewhere sees the application."""
        return self.visitors_port or self.http_port

    @property
    def app(self) -> Path:
        """The folder of the application."""
        return self.folder / "app"

    @property
    def state(self) -> Path:
        """Where rolloutctl keeps its records."""
        return self.folder / "home" / "state"

    def status_of(self, path: str) -> int:
        """What it answers."""
        connection = HTTPConnection("127.0.0.1", self.http_port, timeout=_PATIENCE)
        try:
            connection.request("GET", path, headers={"Host": "lab.test"})
            return connection.getresponse().status
        finally:
            connection.close()


@dataclass(frozen=True)
class Ground:
    """Servers, and the folder of a client of theirs with its key."""

    hosts: tuple[Host, ...]
    client: Path
    env: Mapping[str, str]

    @cached_property
    def user(self) -> str:
        """Whom they let in."""
        return pwd.getpwuid(self.client.stat().st_uid).pw_name

    @property
    def key(self) -> Path:
        """The key that opens them."""
        return self.client / "id_ed25519"

    @property
    def known_hosts(self) -> Path:
        """The keys by which they are known."""
        return self.client / ".ssh" / "known_hosts"

    def first(self, count: int) -> Self:
        """The same with its first hosts alone."""
        return replace(self, hosts=self.hosts[:count])

    def through(self, ports: Mapping[int, int]) -> Self:
        """The same with other ways in, by the ports to which they lead."""
        hosts = tuple(
            replace(host, ssh_port=ports[host.ssh_port], visitors_port=ports[host.http_port]) for host in self.hosts
        )
        return replace(self, hosts=hosts)

    def know(self) -> None:
        """Write down by which keys these hosts are known, beside what stands there."""
        with self.known_hosts.open("a", encoding="utf-8") as file:
            file.writelines(f"[127.0.0.1]:{host.ssh_port} {host.public_key}\n" for host in self.hosts)

    def ssh_config(self) -> Path:
        """A config for ssh, with these hosts and no others, and without anything of the machine's own."""
        path = self.client / f"config-{self.hosts[0].ssh_port}-{len(self.hosts)}"
        lines = [
            f"Host {host.name}\n  HostName 127.0.0.1\n  Port {host.ssh_port}\n  User {self.user}\n"
            for host in self.hosts
        ]
        always = (
            f"Host *\n  IdentityFile {self.key}\n  IdentitiesOnly yes\n  UserKnownHostsFile {self.known_hosts}\n"
            "  GlobalKnownHostsFile none\n  StrictHostKeyChecking yes\n  BatchMode yes\n  LogLevel ERROR\n"
        )
        path.write_text("".join((*lines, always)), encoding="utf-8")
        return path

    def configuration(
        self,
        name: str = "lab",
        *,
        step: str = "",
        forget: bool = False,
        connected: bool = False,
        **more: Any,  # noqa: ANN401 - as YAML has it
    ) -> Path:
        """An environments.yaml with these hosts as `lab`; `step`: what makes the application read its cache anew.

        With `forget` php-fpm is only told to forget the old one; of the first host, as each has a socket of its own.
        With `connected` ssh keeps each connection for the next command.
        """
        effect = {"name": "restart php-fpm", "run": step or self.hosts[0].restart, "timeout": "120s"}
        if forget:
            socket = str(self.hosts[0].folder / "fpm.sock")
            effect = {"name": "forget the config", "builtin": "opcache-forget", "socket": socket}
        settings: dict[str, Any] = {
            "url": "http://lab.test",
            "hosts": [self._settings(host) for host in self.hosts],
            "steps": [
                {"name": "config cache", "builtin": "config-cache", "timeout": "120s"},
                effect,
            ],
            "health": {"path": "/health", "expect": [200], "json": {"status": "ok"}, "within": "30s"},
        }
        if connected:
            name, settings["connection"] = f"{name}-connected", "openssh"
            shared = "".join(f"  {option} {value}\n" for option, value in self.shared().items())
            (self.client / ".ssh" / "config").write_text(f"Host *\n{shared}", encoding="utf-8")
        document = {"version": 1, "flags": {FLAG: FLAGS[FLAG]}, "environments": {"lab": settings}, **more}
        path = self.client / f"{name}-{self.hosts[0].ssh_port}-{len(self.hosts)}.yaml"
        path.write_text(yaml.safe_dump(document, sort_keys=False), encoding="utf-8")
        return path

    def shared(self) -> dict[str, str]:
        """What makes ssh keep a connection open for the next command."""
        return {"ControlMaster": "auto", "ControlPath": str(self.client / "m-%p"), "ControlPersist": "30s"}

    def _settings(self, host: Host) -> dict[str, Any]:
        return {
            "name": host.name,
            "address": "127.0.0.1",
            "port": host.ssh_port,
            "user": self.user,
            "key": str(self.key),
            "app": str(host.app),
            "state_dir": str(host.state),
            "local_address": f"127.0.0.1:{host.http_port}",
        }


@contextmanager
def real(count: int) -> Iterator[Ground]:
    """So many of the lab's hosts; nothing of them is left behind."""
    with _folder() as base, Lab(base / "l", hosts=count) as lab:
        hosts = tuple(
            Host(
                name=host.name,
                folder=host.folder,
                ssh_port=host.ssh_port,
                http_port=host.http_port,
                public_key=host.public_key,
                restart=host.restart_command,
                reload=host.reload_command,
            )
            for host in lab.hosts
        )
        yield _told_their_ports(Ground(hosts, lab.client, lab.client_env()))


@contextmanager
def thin(count: int) -> Iterator[Ground]:
    """So many thin hosts; nothing of them is left behind."""
    with _folder() as base, ExitStack() as stack:
        client = base / "client"
        (client / ".ssh").mkdir(parents=True, mode=0o700)
        keys = client / "authorized_keys"
        keys.write_text(f"{write_key(client / 'id_ed25519')}\n", encoding="utf-8")
        stack.callback(lambda: end(process.pid for process in strangers_in(base, processes())))
        web = stack.enter_context(_Web().serving())
        hosts = tuple(_thin_host(base / f"web-{number}", keys, web) for number in range(1, count + 1))
        ground = Ground(hosts, client, Lab(base, hosts=0).client_env())
        ground.know()
        yield _told_their_ports(ground)


def _thin_host(folder: Path, keys: Path, web: _Web) -> Host:
    embedded = EmbeddedHost(folder)
    embedded._furnish()  # all but its own servers
    public_key = write_key(folder / "host_key")
    server = sshd(folder, authorized_keys=keys, home=folder / "home")
    server.start()
    return Host(
        name=folder.name,
        folder=folder,
        ssh_port=server.port,
        http_port=web.add(folder),
        public_key=public_key,
        restart="sudo -n systemctl restart php8.2-fpm",
        reload="sudo -n systemctl reload php8.2-fpm",
    )


class _Web:
    """The web servers of all thin hosts, in one thread that sleeps until somebody asks."""

    def __init__(self) -> None:
        self._selector = selectors.DefaultSelector()
        self._over = False

    def add(self, folder: Path) -> int:
        """Serve the application in a folder; gives the port."""
        server = WebServer(Application(folder))
        self._selector.register(server, selectors.EVENT_READ, server)
        return server.port

    @contextmanager
    def serving(self) -> Iterator[Self]:
        """For as long as the block lasts."""
        thread = threading.Thread(target=self._serve, name="thin web", daemon=True)
        thread.start()
        try:
            yield self
        finally:
            self._over = True
            thread.join()
            for key in list(self._selector.get_map().values()):
                key.data.server_close()
            self._selector.close()

    def _serve(self) -> None:
        while not self._over:
            for key, _ in self._selector.select(0.2):
                key.data.handle_request()


def _told_their_ports(ground: Ground) -> Ground:
    """On a server the port would be 80; here it stands in a file, for those who know nothing else."""
    for host in ground.hosts:
        (host.folder / "http_port").write_text(f"{host.http_port}\n", encoding="utf-8")
    return ground


@contextmanager
def _folder() -> Iterator[Path]:
    """A folder with a short path, for a socket's path has at most 107 bytes."""
    base = Path(tempfile.mkdtemp(prefix="b-"))
    try:
        yield base
    finally:
        shutil.rmtree(base, ignore_errors=True)


def absent() -> tuple[str, ...]:
    """The programs that are needed beside those of the lab, and not installed here."""
    return tuple(name for name in ("curl", "xargs", "sed") if not program(name))
