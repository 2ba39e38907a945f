"""Where a case is played: hosts in the state before the change, the configuration, the place of the fault."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from tests.faults.client import Client
from tests.faults.matrix import Case, Moment, Place
from tests.lab.disks import Disk
from tests.lab.lab import Lab, LabHost
from tests.lab.pausing import Moment as Stop
from tests.lab.relays import Relay

KEY = "FEATURE_CUSTOMER_PORTAL"
_INDEX: dict[Place, int] = {"alone": 0, "canary": 0, "rest": 1}
_HOLD = "6s"


@dataclass(slots=True)
class Stage:
    """One case on its lab. `stack` is unwound when the case is over."""

    case: Case
    lab: Lab
    configuration: Path
    stack: ExitStack
    undo: ExitStack = field(default_factory=ExitStack)  # what a person mends
    client: Client = field(init=False)
    disk: Disk = field(init=False)
    pids: dict[str, int] = field(default_factory=dict)  # of php-fpm, before the change
    relays: list[Relay] = field(default_factory=list)  # to the host that is struck
    texts: list[str] = field(default_factory=list)  # all that was shown

    @property
    def host(self) -> LabHost:
        """The host that the fault strikes."""
        return self.lab.hosts[_INDEX[self.case.place]]

    @property
    def stopping(self) -> tuple[LabHost, Stop] | None:
        """Which host stops where, so that this is the moment of the case."""
        return _stop(self.case.moment, self.host, self.lab.hosts)

    @property
    def words(self) -> tuple[str, ...]:
        """The command."""
        return ("toggle", "lab", "customer_portal", "true" if self.case.direction == "widen" else "false")

    @property
    def undoing(self) -> tuple[str, ...]:
        """The command that puts a change back which is done."""
        return ("toggle", "lab", "customer_portal", "false" if self.case.direction == "widen" else "true")

    def set(self) -> None:
        """Every host as it is before the change."""
        self.lab.restore()
        self.configure()
        if self.case.direction == "narrow":
            self.lab.on_all(_switch_on)
        self.pids = {host.name: host.fpm_pid() for host in self.lab.hosts}

    def configure(self, relays: dict[str, int] | None = None) -> None:
        """Write environments.yaml, with little patience; `relays` are other ports for hosts."""
        path = self.configuration
        restart = {"name": "restart php-fpm", "run": self.lab.hosts[0].restart_command, "timeout": "5s"}
        self.lab.environments_yaml(
            path,
            steps=[{"name": "config cache", "builtin": "config-cache", "timeout": "8s"}, restart],
            health={"path": "/health", "expect": [200], "json": {"status": "ok"}, "within": "2s"},
            hold=_HOLD,
        )
        document = yaml.safe_load(path.read_text())
        hosts: list[dict[str, Any]] = document["environments"]["lab"]["hosts"]
        for host in hosts:
            host["port"] = (relays or {}).get(host["name"], host["port"])
        path.write_text(yaml.safe_dump(document, sort_keys=False))


def _stop(moment: Moment, host: LabHost, hosts: list[LabHost]) -> tuple[LabHost, Stop] | None:
    if moment == "before":
        return None
    if moment == "holding":
        return hosts[1], "asking"
    if moment == "keeps":
        return hosts[0], "decided"
    return host, moment


def _switch_on(host: LabHost) -> None:
    host.edit_env(f"{KEY}=false", f"{KEY}=true")
    host.rebuild_cache()
    host.age_cache()
    host.restart_fpm()
    assert host.portal() == 200  # a site has visitors, so php-fpm holds the old state
