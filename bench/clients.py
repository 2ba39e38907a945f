"""What is compared: rolloutctl, bare ssh, and other tools, each doing the same on every host.

The same is: write the flag into `.env`, build the config cache, restart php-fpm, ask for health. That is all that bare
ssh does. rolloutctl proves before that nothing else changes, asks the feature itself too, and keeps a record.
"""

from __future__ import annotations

import shlex
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from bench.ground import FLAG, KEY, Ground
from bench.meter import Cost, Order, Runner, WentWrong, run

ROOT = Path(__file__).parents[1]
OURS = "rolloutctl"
BARE = "ssh"
OLDER = "-o KexAlgorithms=curve25519-sha256"

Ordered = Callable[[bool], Order]
"""The command that switches the feature on or off."""


def ours(ground: Ground, *words: str, configuration: Path | None = None) -> Order:
    """A command of rolloutctl."""
    return Order(
        (str(Path(sys.executable).with_name("rolloutctl")), *words),
        {**ground.env, "ROLLOUTCTL_CONFIG": str(configuration or ground.configuration()), "PYTHONPATH": str(ROOT)},
    )


def toggle(ground: Ground, configuration: Path | None = None) -> Ordered:
    """What rolloutctl is measured with."""
    path = configuration or ground.configuration()
    return lambda on: ours(ground, "toggle", "lab", FLAG, str(on).lower(), "--yes", configuration=path)


def bare(ground: Ground, *options: str, step: str = "") -> Ordered:
    """Ssh to each host, and curl to see its health; by xargs to all of them at once, where there are several."""
    ssh = shlex.join(("ssh", "-F", str(ground.ssh_config()), *options))
    health = "curl -fsS -o /dev/null -H 'Host: lab.test' \"http://127.0.0.1:$2/health\""
    each = ("sh", "-c", f'{ssh} "$1" "$0" && {health}')  # $0: what to do there; then the host's name, and its port
    if len(ground.hosts) == 1:
        (host,) = ground.hosts
        return lambda on: Order((*each, job(ground, on, step), host.name, str(host.visited)), ground.env)
    names = ground.client / f"names-{len(ground.hosts)}"
    names.write_text("".join(f"{host.name} {host.visited}\n" for host in ground.hosts), encoding="utf-8")
    every = ("xargs", "-a", str(names), "-P", str(len(ground.hosts)), "-n", "2", *each)
    return lambda on: Order((*every, job(ground, on, step)), ground.env)


def job(ground: Ground, on: bool, step: str = "") -> str:
    """The shell line that does it on a host, the same for all of them."""
    value = str(on).lower()
    return (
        f'cd "$HOME/../app" && sed -i "s/^{KEY}=.*/{KEY}={value}/" .env && php artisan config:cache'
        f" && {step or ground.hosts[0].restart}"
    )


def job_and_health(ground: Ground, on: bool) -> str:
    """The same, and the host asks for health itself."""
    asked = """curl -fsS -o /dev/null -H 'Host: lab.test' "http://127.0.0.1:$port/health\""""
    return f"{job(ground, on)} && read -r port <../http_port && {asked}"


@dataclass(frozen=True, slots=True)
class Flips:
    """A contestant that switches on and then off, and is held to it: each host has to answer as it should."""

    ground: Ground
    ordered: Ordered

    def __call__(self) -> dict[str, Cost]:
        """One turn of it."""
        return {part: self.flip(on) for part, on in (("on", True), ("off", False))}

    def flip(self, on: bool) -> Cost:
        """One change.

        Raises:
            WentWrong: the command failed, or a host answers as before.
        """
        cost = run(self.ordered(on))
        expected = 200 if on else 404
        wrong = [host.name for host in self.ground.hosts if host.status_of("/portal") != expected]
        if wrong:
            raise WentWrong(f"not {expected} on {', '.join(wrong)}:\n{cost.said}")
        return cost


def contestants(ground: Ground) -> dict[str, Runner]:
    """Ssh first, to which the others are compared."""
    return {
        BARE: Flips(ground, bare(ground)),
        OURS: Flips(ground, toggle(ground)),
        f"{BARE} {OLDER}": Flips(ground, bare(ground, *OLDER.split())),
    }


def connected(ground: Ground) -> dict[str, Runner]:
    """The same over connections that ssh has kept open since the last command (ControlPersist)."""
    options = (word for option, value in ground.shared().items() for word in ("-o", f"{option}={value}"))
    return {
        f"{BARE}, connected": Flips(ground, bare(ground, *options)),
        f"{OURS}, connected": Flips(ground, toggle(ground, ground.configuration(connected=True))),
    }
