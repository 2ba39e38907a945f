"""What environments.yaml may hold: each key with its type, default and description, for the reader and for editors."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any, Literal

import msgspec
from msgspec import UNSET, Meta, Struct, UnsetType

from rolloutctl.rules import written
from rolloutctl.rules.config import DEPLOY_LOCKS

NAME_WANTS = "letters, digits, '.', '_' and '-', a letter or digit first"
NAME = "^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$"
ENV_KEY = "^[A-Za-z_][A-Za-z0-9_.]*$"
SETTING = r"^[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*$"


def _type(wants: str, *, check: Callable[[Any], str | None] | None = None, secrets: bool = False) -> Meta:
    """What a person is told to write there; `check` looks closer than a schema can, `secrets` lets ${NAME} in."""
    return Meta(extra={"wants": wants, "check": check, "secrets": secrets})


def _about(description: str) -> Meta:
    return Meta(description=description)


Text = Annotated[str, Meta(pattern=r"\S"), _type("text (put a number in quotes)")]
Switch = Annotated[bool, _type("true or false")]
Name = Annotated[str, Meta(pattern=NAME), _type(NAME_WANTS)]
EnvKey = Annotated[str, Meta(pattern=ENV_KEY), _type("the name of a variable: letters, digits, '_' and '.'")]
Setting = Annotated[str, Meta(pattern=SETTING), _type("a setting's dotted name such as features.customer_portal")]
Settings = Annotated[list[Setting], _type("a list of settings' dotted names")]
Texts = Annotated[list[Text], _type("a list of texts")]
Names = Annotated[list[Name], _type("a list of names")]
AbsolutePath = Annotated[str, Meta(pattern="^(/|~/)"), _type("a path that begins with / or ~/")]
RequestPath = Annotated[str, Meta(pattern=r"^/\S*$"), _type("a path that begins with /")]
Port = Annotated[int, Meta(ge=1, le=65535), _type("a port, 1 to 65535")]
User = Annotated[str, Meta(pattern=r"^[A-Za-z0-9_][A-Za-z0-9_.@+\\-]*\$?$"), _type("a user's name")]
Address = Annotated[
    str, Meta(pattern=r"^[A-Za-z0-9_:][A-Za-z0-9_.:%-]*$"), _type("a name or an address", check=written.address)
]
Fingerprints = Annotated[
    list[Annotated[str, Meta(pattern="^SHA256:[A-Za-z0-9+/]{43}=?$")]],
    _type("a list of fingerprints: SHA256: and 43 characters, as `ssh-keygen -lf` shows them"),
]
_Status = Annotated[int, Meta(ge=100, le=599)]
Statuses = Annotated[_Status | list[_Status], _type("an HTTP status or a list of them: 200, or [200, 302]")]
Duration = Annotated[
    Annotated[str, Meta(pattern=r"^[0-9.]+\s*[smhd]?$")] | Annotated[float, Meta(gt=0)],
    _type("a duration such as 30s, 10m, 24h or 7d", check=written.duration),
]
WeekTime = Annotated[
    str,
    Meta(pattern="^[A-Za-z]+ +[0-9]{1,2}:[0-9]{2}$"),
    _type('a weekday and a time such as "Fri 15:00"', check=written.week_time),
]
Zone = Annotated[str, _type("a time zone such as Europe/Berlin", check=written.zone)]
Url = Annotated[str, _type("a scheme and a name such as https://api.example.com", check=written.url, secrets=True)]
LocalAddress = Annotated[str, _type("an address such as 10.0.0.5:8080", check=written.local_address, secrets=True)]
Headers = Annotated[
    dict[str, str], _type("names of headers with their values as text", check=written.headers, secrets=True)
]
Connection = Annotated[
    Literal["paramiko", "openssh", "local", "embedded"], _type("paramiko, openssh, local or embedded")
]


class Keys(Struct, kw_only=True, forbid_unknown_fields=True):
    """A mapping in the file, whose keys are the fields."""


class StepKeys(Keys):
    """A command that makes an edit take effect: `run` or `builtin`."""

    name: Annotated[Text, _about("What the step is called on the screen and in the records")]
    run: Annotated[Text | None, _about("A shell line, run on the host in the folder of the application")] = None
    builtin: Annotated[
        Annotated[Literal["config-cache"], _type("config-cache")] | None,
        _about("config-cache: the config cache is built aside and swapped in"),
    ] = None
    timeout: Annotated[Duration, _about("How long the step may take")] = "60s"
    once: Annotated[Switch, _about("Run on one host only, after all hosts are kept")] = False
    check: Annotated[Text | None, _about("A shell line that must succeed before anything live is touched")] = None


class HealthKeys(Keys):
    """A request that tells whether the application is well."""

    path: Annotated[RequestPath, _about("The path, asked on each host of itself")]
    expect: Annotated[Statuses, _about("The HTTP statuses of a healthy application")] = 200
    json: Annotated[
        Annotated[dict[str, Any], _type("a mapping")],
        _about("What the JSON body must hold; more may be there"),
    ] = {}
    within: Annotated[Duration, _about("How long the application may take to get well after a restart")] = "30s"
    outside: Annotated[Switch, _about("Ask once more from the operator's side, through `url`")] = False
    headers: Annotated[Headers, _about("Headers of the request; ${NAME} stands for a secret")] = {}


class ProbeKeys(Keys):
    """A request whose status tells who sees the feature."""

    path: Annotated[RequestPath, _about("The path, asked on each host of itself; redirects are not followed")]
    off: Annotated[Statuses, _about("The statuses while nobody sees the feature")] = []
    limited: Annotated[Statuses | UnsetType, _about("The statuses while companies are listed; default: as `on`")] = (
        UNSET
    )
    on: Annotated[Statuses, _about("The statuses while everyone sees the feature")] = []
    always: Annotated[Statuses | UnsetType, _about("The statuses whoever sees the feature")] = UNSET
    headers: Annotated[
        Headers,
        _about("Headers; {company} stands for a listed company, {other} for one that isn't, ${NAME} for a secret"),
    ] = {}
    outside: Annotated[Switch, _about("Ask once more from the operator's side, through `url`")] = False


class FlagKeys(Keys):
    """A feature switch: a key in `.env`, and optionally a second key that limits it to companies."""

    description: Annotated[
        Annotated[str, _type("text (put a number in quotes)")], _about("What people see when it is on")
    ] = ""
    key: Annotated[EnvKey | UnsetType, _about("The key in .env; default: FEATURE_ and the name in capitals")] = UNSET
    companies_key: Annotated[EnvKey | None, _about("The key in .env that lists the companies")] = None
    config: Annotated[
        Setting | UnsetType | None,
        _about("Where the cached config holds it; default: features. and the name; null: don't compare"),
    ] = UNSET
    companies_config: Annotated[
        Setting | UnsetType | None,
        _about("Where the cached config holds the list; default: features. and companies_key without FEATURE_"),
    ] = UNSET
    probes: Annotated[list[ProbeKeys], _about("Requests whose answers tell whether the flag is on")] = []


class FreezeKeys(Keys, rename={"start": "from", "end": "to"}):
    """A window of every week in which no flag is widened."""

    start: Annotated[WeekTime, _about("When it begins")]
    end: Annotated[WeekTime, _about("When it ends")]
    zone: Annotated[Zone, _about("The zone of both times")]


class MachineKeys(Keys):
    """How to reach a host, and where the application stands on it."""

    connection: Annotated[Connection, _about("How to reach the host")] = "paramiko"
    user: Annotated[User | None, _about("The login; default: what ~/.ssh/config says, else yours")] = None
    port: Annotated[Port | None, _about("The SSH port; default: what ~/.ssh/config says, else 22")] = None
    key: Annotated[Text | None, _about("A private key's path: absolute, below ~, or relative to this file")] = None
    app: Annotated[AbsolutePath | None, _about("The folder of the application")] = None
    env_file: Annotated[Text, _about("The .env file, relative to app")] = ".env"
    state_dir: Annotated[
        AbsolutePath | None, _about("Locks and records; default: ~/.local/state/rolloutctl/<app> of app's owner")
    ] = None
    shell: Annotated[Text | None, _about("A prefix for the session, such as `sudo -n -u deploy`")] = None
    php: Annotated[Text, _about("The application's PHP, such as php8.2")] = "php"
    local_address: Annotated[
        LocalAddress | None, _about("Where the application listens on the host; default: its loopback address")
    ] = None
    known_hosts: Annotated[Fingerprints, _about("Pinned host keys, so that no known_hosts file is needed")] = []


class HostKeys(MachineKeys):
    """One server; what it leaves out is the environment's."""

    name: Annotated[Name | None, _about("What the host is called; default: its address")] = None
    address: Annotated[Address | None, _about("Where it is; default: its name")] = None


class SourceKeys(Keys):
    """Where hosts are listed: what a shell line prints (`run`), or an Ansible inventory."""

    run: Annotated[
        Text | None, _about("A shell line that prints the hosts as JSON, run on this machine beside this file")
    ] = None
    inventory: Annotated[Text | None, _about("An Ansible inventory's path: INI or YAML, relative to this file")] = None
    group: Annotated[Name, _about("The group of hosts that is meant")] = "all"
    timeout: Annotated[Duration, _about("How long `run` may take")] = "30s"


class SharedKeys(MachineKeys):
    """What `defaults` says for all environments, and an environment may override."""

    steps: Annotated[list[StepKeys], _about("What makes an edit take effect, in this order")] = []
    health: Annotated[HealthKeys | None, _about("What tells whether the application is well")] = None
    hold: Annotated[Duration, _about("How long a host waits for word before it goes back by itself")] = "60s"
    volatile: Annotated[Settings, _about("Settings that differ with each build of the config cache")] = []
    deploy_locks: Annotated[
        Texts,
        _about(f"Files of a running deployment, relative to app; * is a wildcard; default: {', '.join(DEPLOY_LOCKS)}"),
    ] = msgspec.field(default_factory=lambda: list(DEPLOY_LOCKS))
    protected: Annotated[Switch, _about("Enabling asks for the environment's name and a reason")] = False
    freeze: Annotated[list[FreezeKeys], _about("No widening in these windows; narrowing always")] = []


class EnvironmentKeys(SharedKeys):
    """One application on one or more hosts."""

    url: Annotated[Url | None, _about("Where people reach the application; no path")] = None
    hosts: Annotated[
        list[Text | HostKeys] | SourceKeys,
        _about('"user@name:port", or a mapping; the first is the arbiter. Or where such a list comes from'),
    ] = []
    requires: Annotated[Names, _about("Environments in which a flag must be on before it goes on here")] = []


class FileKeys(Keys):
    """The whole file."""

    version: Annotated[Annotated[Literal[1], _type("1")], _about("The version of this format")]
    environments: Annotated[dict[Name, EnvironmentKeys | None], _about("The environments, by name")]
    defaults: Annotated[SharedKeys | None, _about("What all environments share")] = None
    flags: Annotated[dict[Name, FlagKeys | None] | None, _about("The flags, by name")] = None


def build_schema() -> dict[str, Any]:
    """The JSON Schema of the file (draft 2020-12)."""
    about = {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": "environments.yaml of rolloutctl"}
    return about | msgspec.json.schema(FileKeys)
