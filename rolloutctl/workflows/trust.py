"""trust: the host keys that nobody knows yet, shown to a person, and remembered after a yes."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from msgspec import Struct

from rolloutctl.contracts import HostKeys
from rolloutctl.errors import Unreachable
from rolloutctl.rules.config import Environment, Host
from rolloutctl.rules.host_keys import Stranger
from rolloutctl.workflows.side_by_side import side_by_side

_AT_ONCE = 10  # connections that are opened at the same time: sshd's MaxStartups is 10:30:100

Strangers = Mapping[Stranger, tuple[str, ...]]  # with the hosts whose way leads past them
Agrees = Callable[[Strangers], bool]


class Trusted(Struct, frozen=True):
    """What came of it: the keys remembered, those that were declined, and the hosts that could not be asked."""

    environment: Environment
    added: Strangers
    declined: Strangers
    problems: Mapping[str, Unreachable]

    @property
    def all_known(self) -> bool:
        """Whether each host can be reached without meeting an unknown key."""
        return not self.declined and not self.problems


def trust(environment: Environment, host_keys: HostKeys, agrees: Agrees) -> Trusted:
    """Ask about each unknown key on the way to the hosts; what stands behind a jump host is seen once that is known."""
    added: dict[Stranger, tuple[str, ...]] = {}
    while True:
        met = _look(environment.hosts, host_keys)
        problems = {name: found for name, found in met.items() if isinstance(found, Unreachable)}
        strangers = _by_key(met)
        # A key that is met again although it was remembered would be asked about for ever.
        if not strangers or strangers.keys() & added.keys() or not agrees(strangers):
            return Trusted(environment, added, strangers, problems)
        for stranger in strangers:
            host_keys.remember(stranger)
        added |= strangers


def _look(hosts: Iterable[Host], host_keys: HostKeys) -> dict[str, Stranger | Unreachable | None]:
    def one(host: Host) -> Stranger | Unreachable | None:
        try:
            return host_keys.stranger(host)
        except Unreachable as error:
            return error

    asked = [host for host in hosts if host.connection in ("paramiko", "openssh")]
    found = side_by_side(one, asked, most=_AT_ONCE)
    return {host.name: each for host, each in zip(asked, found, strict=True)}


def _by_key(met: Mapping[str, Stranger | Unreachable | None]) -> dict[Stranger, tuple[str, ...]]:
    """Several hosts behind one jump host meet the same stranger."""
    found: dict[Stranger, tuple[str, ...]] = {}
    for name, stranger in met.items():
        if isinstance(stranger, Stranger):
            found[stranger] = (*found.get(stranger, ()), name)
    return found
