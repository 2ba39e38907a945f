"""The configuration as the other rooms use it: every value resolved, none left to guess."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any, Literal, TypeVar

from msgspec import Struct, field

from rolloutctl.errors import UsageError
from rolloutctl.rules.flags import Audience
from rolloutctl.rules.freeze import Freeze
from rolloutctl.rules.hiding import repr_without

if TYPE_CHECKING:
    from rolloutctl.rules.channels import Announcing
    from rolloutctl.rules.config_hosts import Layers
    from rolloutctl.rules.deploys import Deploy
    from rolloutctl.rules.hooks import Hook, Moment
    from rolloutctl.rules.metrics import Metric
    from rolloutctl.rules.rollouts import Rollout
    from rolloutctl.rules.tasks import Task

Connection = Literal["paramiko", "openssh", "local", "embedded"]
DEPLOY_LOCKS = (".dep/deploy.lock", "../.dep/deploy.lock", "~/.kamal/lock-*")
_T = TypeVar("_T")


class Step(Struct, frozen=True, kw_only=True):
    """A command that makes an edit take effect: `run` is a shell line, or `builtin` names one of rolloutctl's own."""

    name: str
    run: str | None = None
    builtin: Literal["config-cache", "opcache-forget"] | None = None
    socket: str = ""  # of opcache-forget: where php-fpm listens, a path or an address with a port
    timeout: float = 60.0  # seconds
    once: bool = False  # on one host, after all are kept
    check: str | None = None  # a shell line for prepare, which must succeed

    @property
    def builds(self) -> bool:
        """Whether it is the config cache, which is built aside and swapped in."""
        return self.builtin == "config-cache"


class Health(Struct, frozen=True, kw_only=True):
    """A request that tells whether the application is well; `within` is in seconds."""

    path: str
    expect: tuple[int, ...] = (200,)
    json: Mapping[str, object] = field(default_factory=dict)
    within: float = 30.0
    outside: bool = False
    headers: Mapping[str, str] = field(default_factory=dict)  # may hold secrets

    __repr__ = repr_without("headers")


class Probe(Struct, frozen=True, kw_only=True):
    """A request whose status tells who sees the feature; an empty expectation asks for nothing."""

    path: str
    off: tuple[int, ...] = ()
    limited: tuple[int, ...] = ()
    on: tuple[int, ...] = ()
    headers: Mapping[str, str] = field(default_factory=dict)  # may hold secrets
    outside: bool = False
    always: bool = False  # the same whoever sees the feature

    __repr__ = repr_without("headers")

    def expected(self, audience: Audience) -> tuple[int, ...]:
        """The statuses that prove this audience; empty when the probe says nothing about it."""
        if audience.nobody:
            return self.off
        return self.limited if audience.limited else self.on

    @property
    def label(self) -> str:
        """The path, and for whom it is asked; never a header's value, which may be secret."""
        asked = " ".join(self.headers.values())
        if "{company}" in asked:
            return f"{self.path} for a listed company"
        return f"{self.path} for another company" if "{other}" in asked else self.path


class Flag(Struct, frozen=True, kw_only=True):
    """A feature switch: its keys in `.env`, its settings in the cached config, its probes."""

    name: str
    description: str = ""
    key: str
    companies_key: str | None = None
    config: str | None = None  # dotted path in the cached config; None: don't compare
    companies_config: str | None = None
    probes: tuple[Probe, ...] = ()

    @property
    def keys(self) -> tuple[str, ...]:
        """The keys in `.env` that belong to the flag."""
        return (self.key,) if self.companies_key is None else (self.key, self.companies_key)


class Host(Struct, frozen=True, kw_only=True):
    """One server: how to reach it, and where the application stands on it."""

    name: str
    address: str
    port: int | None = None
    user: str | None = None
    key: str | None = None  # path of a private key, absolute or below ~
    connection: Connection = "paramiko"
    app: str = ""  # empty only where `connection` is embedded
    env_file: str = ".env"
    state_dir: str | None = None
    shell: str | None = None
    php: str = "php"
    local_address: str | None = None
    known_hosts: tuple[str, ...] = ()  # pinned fingerprints, SHA256:...


class HostSource(Struct, frozen=True, kw_only=True):
    """Where hosts are listed that are not in environments.yaml: what a shell line prints, or an Ansible inventory."""

    run: str | None = None
    inventory: str | None = None  # its path, absolute or below ~
    group: str = "all"
    timeout: float = 30.0  # seconds
    layers: Layers  # what stands beneath each host's own keys; may hold secrets

    __repr__ = repr_without("layers")

    def __str__(self) -> str:
        return self.inventory or f"`{self.run}`"


class Environment(Struct, frozen=True, kw_only=True):
    """One application on one or more hosts; the first host is the arbiter. `hold` is in seconds.

    Where the hosts have a `source`, there are none here until it was asked.
    """

    name: str
    url: str | None = None  # scheme, name and port; no slash at the end
    hosts: tuple[Host, ...]
    source: HostSource | None = None
    protected: bool = False
    requires: tuple[str, ...] = ()
    freeze: tuple[Freeze, ...] = ()
    steps: tuple[Step, ...] = ()
    health: Health | None = None
    hold: float = 60.0
    volatile: tuple[str, ...] = ()
    deploy_locks: tuple[str, ...] = DEPLOY_LOCKS
    deploy: Deploy | None = None
    unmet: tuple[str, ...] = ()  # the secrets that are missing or don't fit; what needs one of them is left out


class Configuration(Struct, frozen=True, kw_only=True):
    """What one environments.yaml says; what has names is in the order of the file."""

    path: str
    flags: Mapping[str, Flag]
    environments: Mapping[str, Environment]
    metrics: Mapping[str, Metric] = field(default_factory=dict)
    rollouts: Mapping[str, Rollout] = field(default_factory=dict)  # by the names of their flags
    tasks: Mapping[str, Task] = field(default_factory=dict)
    announcing: Announcing | None = None
    hooks: Mapping[Moment, tuple[Hook, ...]] = field(default_factory=dict)

    def environment(self, name: str) -> Environment:
        """The environment of that name.

        Raises:
            UsageError: there is none; the known names are named.
        """
        return _look_up(name, self.environments, "environment", self.path)

    def flag(self, name: str) -> Flag:
        """The flag of that name.

        Raises:
            UsageError: there is none; the known names are named.
        """
        return _look_up(name, self.flags, "flag", self.path)

    def rollout(self, flag: str) -> Rollout:
        """The rollout that is planned for the flag of that name.

        Raises:
            UsageError: there is no such flag, or no rollout is planned for it.
        """
        if flag in self.rollouts:
            return self.rollouts[flag]
        name = self.flag(flag).name
        planned = f"Planned: {', '.join(self.rollouts)}. " if self.rollouts else ""
        raise UsageError(
            f"No rollout is planned for the flag '{name}'.",
            subject=self.path,
            hint=f"{planned}To plan it: rolloutctl init --rollout {name}",
        )


def closest(name: str, known: Iterable[str]) -> str | None:
    """The known name that somebody who wrote `name` most likely meant, or None."""
    by_lowered = {each.lower(): each for each in known}
    begun = [each for each in by_lowered if name and each.startswith(name.lower())]
    found = begun if len(begun) == 1 else get_close_matches(name.lower(), by_lowered, n=1, cutoff=0.6)
    return by_lowered[found[0]] if found else None


def schema() -> dict[str, Any]:
    """The JSON Schema of environments.yaml, for editors."""
    from rolloutctl.rules.raw_config import build_schema  # noqa: PLC0415 - msgspec only where it is needed

    return build_schema()


def _look_up(name: str, known: Mapping[str, _T], noun: str, path: str) -> _T:
    if name in known:
        return known[name]
    meant = closest(name, known)
    raise UsageError(
        f"There is no {noun} '{name}'." + (f" Did you mean '{meant}'?" if meant else ""),
        subject=path,
        hint=f"Known: {', '.join(known)}." if known else f"{path} declares none; add it there below {noun}s:.",
    )
