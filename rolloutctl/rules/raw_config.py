"""What environments.yaml may hold: each key with its type, default and description, for the reader and for editors."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec
from msgspec import UNSET, Meta, UnsetType

from rolloutctl.rules.config import DEPLOY_LOCKS
from rolloutctl.rules.raw_announce import AnnounceKeys, HooksKeys
from rolloutctl.rules.raw_deploy import DeployKeys, TaskKeys
from rolloutctl.rules.raw_metrics import MetricKeys
from rolloutctl.rules.raw_rollouts import RolloutKeys
from rolloutctl.rules.raw_types import (
    AbsolutePath,
    Address,
    Connection,
    Duration,
    EnvKey,
    Fingerprints,
    Headers,
    Keys,
    LocalAddress,
    Name,
    Names,
    Port,
    RequestPath,
    Setting,
    Settings,
    Statuses,
    Switch,
    Text,
    Texts,
    Url,
    User,
    WeekTime,
    Zone,
    about,
    type_of,
)

_SOCKET = r"^(/[^\s]+|[A-Za-z0-9.:\[\]-]+:[0-9]{1,5})$"


class StepKeys(Keys):
    """A command that makes an edit take effect: `run` or `builtin`."""

    name: Annotated[Text, about("What the step is called on the screen and in the records")]
    run: Annotated[Text | None, about("A shell line, run on the host in the folder of the application")] = None
    builtin: Annotated[
        Annotated[Literal["config-cache", "opcache-forget"], type_of("config-cache or opcache-forget")] | None,
        about(
            "config-cache: the config cache is built aside and swapped in; opcache-forget: php-fpm forgets the old "
            "one, without a restart"
        ),
    ] = None
    socket: Annotated[
        Annotated[str, Meta(pattern=_SOCKET), type_of("an absolute path, or an address with a port")] | None,
        about("opcache-forget: where php-fpm listens: /run/php/php8.2-fpm.sock, 127.0.0.1:9000"),
    ] = None
    timeout: Annotated[Duration, about("How long the step may take")] = "60s"
    once: Annotated[Switch, about("Run on one host only, after all hosts are kept")] = False
    check: Annotated[Text | None, about("A shell line that must succeed before anything live is touched")] = None


class HealthKeys(Keys):
    """A request that tells whether the application is well."""

    path: Annotated[RequestPath, about("The path, asked on each host of itself")]
    expect: Annotated[Statuses, about("The HTTP statuses of a healthy application")] = 200
    json: Annotated[
        Annotated[dict[str, Any], type_of("a mapping")],
        about("What the JSON body must hold; more may be there"),
    ] = {}
    within: Annotated[Duration, about("How long the application may take to get well after a restart")] = "30s"
    outside: Annotated[Switch, about("Ask once more from the operator's side, through `url`")] = False
    headers: Annotated[Headers, about("Headers of the request; ${NAME} stands for a secret")] = {}


class ProbeKeys(Keys):
    """A request whose status tells who sees the feature."""

    path: Annotated[RequestPath, about("The path, asked on each host of itself; redirects are not followed")]
    off: Annotated[Statuses, about("The statuses while nobody sees the feature")] = []
    limited: Annotated[Statuses | UnsetType, about("The statuses while companies are listed; default: as `on`")] = UNSET
    on: Annotated[Statuses, about("The statuses while everyone sees the feature")] = []
    always: Annotated[Statuses | UnsetType, about("The statuses whoever sees the feature")] = UNSET
    headers: Annotated[
        Headers,
        about("Headers; {company} stands for a listed company, {other} for one that isn't, ${NAME} for a secret"),
    ] = {}
    outside: Annotated[Switch, about("Ask once more from the operator's side, through `url`")] = False


class FlagKeys(Keys):
    """A feature switch: a key in `.env`, and optionally a second key that limits it to companies."""

    description: Annotated[
        Annotated[str, type_of("text (put a number in quotes)")], about("What people see when it is on")
    ] = ""
    key: Annotated[EnvKey | UnsetType, about("The key in .env; default: FEATURE_ and the name in capitals")] = UNSET
    companies_key: Annotated[EnvKey | None, about("The key in .env that lists the companies")] = None
    config: Annotated[
        Setting | UnsetType | None,
        about("Where the cached config holds it; default: features. and the name; null: don't compare"),
    ] = UNSET
    companies_config: Annotated[
        Setting | UnsetType | None,
        about("Where the cached config holds the list; default: features. and companies_key without FEATURE_"),
    ] = UNSET
    probes: Annotated[list[ProbeKeys], about("Requests whose answers tell whether the flag is on")] = []


class FreezeKeys(Keys, rename={"start": "from", "end": "to"}):
    """A window of every week in which no flag is widened."""

    start: Annotated[WeekTime, about("When it begins")]
    end: Annotated[WeekTime, about("When it ends")]
    zone: Annotated[Zone, about("The zone of both times")]


class MachineKeys(Keys):
    """How to reach a host, and where the application stands on it."""

    connection: Annotated[Connection, about("How to reach the host")] = "paramiko"
    user: Annotated[User | None, about("The login; default: what ~/.ssh/config says, else yours")] = None
    port: Annotated[Port | None, about("The SSH port; default: what ~/.ssh/config says, else 22")] = None
    key: Annotated[Text | None, about("A private key's path: absolute, below ~, or relative to this file")] = None
    app: Annotated[AbsolutePath | None, about("The folder of the application")] = None
    env_file: Annotated[Text, about("The .env file, relative to app")] = ".env"
    state_dir: Annotated[
        AbsolutePath | None, about("Locks and records; default: ~/.local/state/rolloutctl/<app> of app's owner")
    ] = None
    shell: Annotated[Text | None, about("A prefix for the session, such as `sudo -n -u deploy`")] = None
    php: Annotated[Text, about("The application's PHP, such as php8.2")] = "php"
    local_address: Annotated[
        LocalAddress | None, about("Where the application listens on the host; default: its loopback address")
    ] = None
    known_hosts: Annotated[Fingerprints, about("Pinned host keys, so that no known_hosts file is needed")] = []


class HostKeys(MachineKeys):
    """One server; what it leaves out is the environment's."""

    name: Annotated[Name | None, about("What the host is called; default: its address")] = None
    address: Annotated[Address | None, about("Where it is; default: its name")] = None


class SourceKeys(Keys):
    """Where hosts are listed: what a shell line prints (`run`), or an Ansible inventory."""

    run: Annotated[
        Text | None, about("A shell line that prints the hosts as JSON, run on this machine beside this file")
    ] = None
    inventory: Annotated[Text | None, about("An Ansible inventory's path: INI or YAML, relative to this file")] = None
    group: Annotated[Name, about("The group of hosts that is meant")] = "all"
    timeout: Annotated[Duration, about("How long `run` may take")] = "30s"


class SharedKeys(MachineKeys):
    """What `defaults` says for all environments, and an environment may override."""

    steps: Annotated[list[StepKeys], about("What makes an edit take effect, in this order")] = []
    health: Annotated[HealthKeys | None, about("What tells whether the application is well")] = None
    hold: Annotated[Duration, about("How long a host waits for word before it goes back by itself")] = "60s"
    volatile: Annotated[Settings, about("Settings that differ with each build of the config cache")] = []
    deploy_locks: Annotated[
        Texts,
        about(f"Files of a running deployment, relative to app; * is a wildcard; default: {', '.join(DEPLOY_LOCKS)}"),
    ] = msgspec.field(default_factory=lambda: list(DEPLOY_LOCKS))
    protected: Annotated[Switch, about("Enabling asks for the environment's name and a reason")] = False
    freeze: Annotated[list[FreezeKeys], about("No widening in these windows; narrowing always")] = []


class EnvironmentKeys(SharedKeys):
    """One application on one or more hosts."""

    url: Annotated[Url | None, about("Where people reach the application; no path")] = None
    hosts: Annotated[
        list[Text | HostKeys] | SourceKeys,
        about('"user@name:port", or a mapping; the first is the arbiter. Or where such a list comes from'),
    ] = []
    requires: Annotated[Names, about("Environments in which a flag must be on before it goes on here")] = []
    deploy: Annotated[DeployKeys | None, about("How code comes here: what `rolloutctl deploy` does")] = None


class FileKeys(Keys):
    """The whole file."""

    version: Annotated[Annotated[Literal[1], type_of("1")], about("The version of this format")]
    environments: Annotated[dict[Name, EnvironmentKeys | None], about("The environments, by name")]
    defaults: Annotated[SharedKeys | None, about("What all environments share")] = None
    flags: Annotated[dict[Name, FlagKeys | None] | None, about("The flags, by name")] = None
    metrics: Annotated[dict[Name, MetricKeys] | None, about("What is watched, by name")] = None
    rollouts: Annotated[
        dict[Name, RolloutKeys] | None, about("How flags are rolled out, phase by phase, by the name of the flag")
    ] = None
    tasks: Annotated[
        dict[Name, TaskKeys] | None, about("Commands by name, for `rolloutctl run`, and where each may run")
    ] = None
    announce: Annotated[AnnounceKeys | None, about("What announcements say, and where they go")] = None
    hooks: Annotated[HooksKeys | None, about("What is done at the moments of a change")] = None


def build_schema() -> dict[str, Any]:
    """The JSON Schema of the file (draft 2020-12)."""
    head = {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": "environments.yaml of rolloutctl"}
    return head | msgspec.json.schema(FileKeys)
