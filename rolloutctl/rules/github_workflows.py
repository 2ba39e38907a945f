"""Which GitHub workflows an environments.yaml asks for, what fills their templates, and what GitHub has to be told."""

from __future__ import annotations

import math
import re
import shlex
from collections.abc import Iterator, Mapping, Sequence
from pathlib import PurePath
from typing import Any, Final, Literal

from msgspec import Struct

from rolloutctl.rules.config import Configuration, Environment, Host
from rolloutctl.rules.deploys import Deploy, steps_of

# Whole commits, as a tag can be moved; and the version that each of them is.
PINS: Final = {
    "checkout": "actions/checkout@08c6903cd8c0fde910a37f88322edcfb5dd907a8 # v5.0.0",
    "python": "actions/setup-python@e797f83bcb11b83ae66e0230d6156d7c80228e7c # v6.0.0",
    "php": "shivammathur/setup-php@bf6b4fbd49ca58e4608c9c89fba0b8d90bd2a39f # 2.35.5",
}
ACTION: Final = ".github/actions/rolloutctl/action.yml"
PACKAGE, KNOWN_HOSTS, KEY = "ROLLOUTCTL_PACKAGE", "SSH_KNOWN_HOSTS", "SSH_PRIVATE_KEY"
_FOLDER = ".github/workflows"
_DEFAULT = "main"
_FEATURES = "feature/**"
_UNATTENDED = "-unattended"
_SSH = {"paramiko", "openssh"}
_SECRET = re.compile("[A-Za-z_][A-Za-z0-9_]*")
_PHP = re.compile(r"php-?([78]\.[0-9])")
_USUAL_PHP = "8.2"
_MINUTE = 60.0  # seconds
_LEAST, _MOST = 15, 350  # minutes of a job; GitHub ends one after 360


class Workflow(Struct, frozen=True):
    """A file to be: its path in the repository, the template and its facts, and what it does, in words."""

    path: str
    template: str
    facts: Mapping[str, Any]
    purpose: str


class Setting(Struct, frozen=True):
    """What a person has to set on GitHub: for the whole repository, or for some of its environments."""

    kind: Literal["variable", "secret", "environment"]
    name: str
    what: str
    environments: tuple[str, ...] = ()


class Workflows(Struct, frozen=True):
    """All files, all settings, and what is not as one might expect."""

    files: tuple[Workflow, ...]
    settings: tuple[Setting, ...]
    remarks: tuple[str, ...]


def workflows_for(configuration: Configuration, secrets: Sequence[str], root: PurePath) -> Workflows:
    """The workflows for the environments that have servers.

    Args:
        configuration: without the values of its secrets, so that none can get into a file.
        secrets: the names that stand in it as ${NAME}.
        root: the repository's folder, which has environments.yaml in it, or in a folder below.
    """
    reached = tuple(each for each in configuration.environments.values() if _has_servers(each))
    if not reached:
        return Workflows((), (), ())
    deployed = tuple(each for each in reached if each.deploy is not None)
    shared: dict[str, Any] = {
        "pins": PINS,
        "secrets": tuple(name for name in secrets if _SECRET.fullmatch(name)),
        "config": _below(PurePath(configuration.path), root),
    }
    flags = tuple(configuration.flags)
    files = [_tests(configuration, deployed, shared)]
    files += [_deployment(each, configuration, shared) for each in deployed]
    files += [_toggle(reached, flags, shared), _due(reached, configuration, shared)] if flags else []
    files.append(
        Workflow(ACTION, _template("action"), {**shared, "key_files": _key_files(reached, root)}, "their setup")
    )
    return Workflows(
        tuple(files), tuple(_settings(reached, shared["secrets"])), tuple(_remarks(configuration, reached))
    )


def unattended(environment: Environment) -> str:
    """GitHub's environment for jobs that nobody waits for: one that asks nobody to approve."""
    return environment.name + (_UNATTENDED if environment.protected else "")


def branches_of(environment: Environment) -> tuple[str, ...]:
    """The branches whose pushes are deployed: main where it is protected, else the feature branches."""
    ref = environment.deploy.ref if environment.deploy else None
    if environment.protected:
        return (ref or _DEFAULT,)
    return (_FEATURES, *([ref] if ref else []))


def _has_servers(environment: Environment) -> bool:
    """Whether a runner could reach it: one that is embedded, or on the operator's machine, is not there."""
    return environment.source is not None or any(host.connection in _SSH for host in environment.hosts)


def _tests(configuration: Configuration, deployed: Sequence[Environment], shared: Mapping[str, Any]) -> Workflow:
    branches = dict.fromkeys(branch for each in deployed for branch in branches_of(each))
    flags = tuple(configuration.flags.values())
    facts = {"flags": flags, "deployed_branches": tuple(branches), "php": _php(configuration)}
    return _workflow("tests", "tests", {**shared, **facts}, "every push: pest, with MySQL 8 and Redis 7")


def _deployment(environment: Environment, configuration: Configuration, shared: Mapping[str, Any]) -> Workflow:
    name, deploy = environment.name, environment.deploy or Deploy()
    guarded = f'--confirm {name} --reason "$GITHUB_REF_NAME at $GITHUB_SHA"'
    facts = {
        "environment": name,
        "github": unattended(environment),
        "branches": branches_of(environment),
        "protected": environment.protected,
        "verify_only": deploy.verify_only,
        "takes_ref": any("ref" in step.places for step in deploy.steps),
        "minutes": _minutes(deploy, environment),
        "agreement": guarded if environment.protected else "--yes",
        "channels": _channels(configuration),
        "notices": _notices(environment, configuration),
    }
    told = "then verified" if deploy.verify_only else "by its steps"
    pushes = " and ".join(branches_of(environment))
    return _workflow(f"deploy-{name}", "deploy", {**shared, **facts}, f"pushes to {pushes}: tested, deployed, {told}")


def _toggle(reached: Sequence[Environment], flags: Sequence[str], shared: Mapping[str, Any]) -> Workflow:
    facts = {"environments": tuple(each.name for each in reached), "flags": flags}
    return _workflow("toggle", "toggle", {**shared, **facts}, "by hand, once somebody has approved: a flag on or off")


def _due(reached: Sequence[Environment], configuration: Configuration, shared: Mapping[str, Any]) -> Workflow:
    measured = [any(each.measured_in(one.name) for each in configuration.metrics.values()) for one in reached]
    rows = [
        {"name": each.name, "github": unattended(each), "measured": known}
        for each, known in zip(reached, measured, strict=True)
    ]
    facts = {"environments": rows, "measured": any(measured)}
    return _workflow("due", "due", {**shared, **facts}, "each 10 minutes: what toggle --at has scheduled")


def _workflow(name: str, template: str, facts: Mapping[str, Any], purpose: str) -> Workflow:
    return Workflow(f"{_FOLDER}/{name}.yml", _template(template), facts, purpose)


def _template(name: str) -> str:
    return f"github/{name}.yml.j2"


def _settings(reached: Sequence[Environment], secrets: Sequence[str]) -> Iterator[Setting]:
    everywhere = tuple(dict.fromkeys(name for each in reached for name in (each.name, unattended(each))))
    for each in reached:
        if each.protected:
            others = " and ".join(dict.fromkeys((*branches_of(each), _DEFAULT)))
            yield Setting("environment", each.name, f"for toggle; with required reviewers, from {_DEFAULT} alone")
            yield Setting("environment", unattended(each), f"for the others; without reviewers, from {others} alone")
        else:
            yield Setting("environment", each.name, "for all workflows; without reviewers")
    yield Setting("variable", PACKAGE, "what pip installs: git+https://..., with a commit, or the URL of a wheel")
    if any(each.source is not None or not all(host.known_hosts for host in each.hosts) for each in reached):
        yield Setting("variable", KNOWN_HOSTS, "the hosts' lines of a known_hosts file that you trust")
    yield Setting("secret", KEY, "the private key of a login with least rights", everywhere)
    for name in secrets:
        yield Setting("secret", name, f"what ${{{name}}} in environments.yaml stands for", everywhere)


def _remarks(configuration: Configuration, reached: Sequence[Environment]) -> Iterator[str]:
    left_out = [name for name in configuration.environments if name not in {each.name for each in reached}]
    if left_out:
        yield f"Not for {', '.join(left_out)}: no runner of GitHub's reaches it."
    for each in reached:
        if each.deploy is None:
            yield f"No workflow deploys to {each.name}: it has no deploy: in environments.yaml."
        elif each.deploy.verify_only:
            yield f"deploy-{each.name}.yml runs scripts/deploy-{each.name}.sh: put your own deployment in its place."
    if not configuration.flags:
        yield "No workflow toggles anything: environments.yaml declares no flag."


def _minutes(deploy: Deploy, environment: Environment) -> int:
    """How long a deployment may take: the first host goes through all steps, then the others do."""
    seconds = sum(step.timeout for step in steps_of(deploy, environment.steps, ref="", release=""))
    return max(_LEAST, min(_MOST, math.ceil(2 * seconds / _MINUTE) + 5))


def _channels(configuration: Configuration) -> tuple[str, ...]:
    """Who is told of a deployment: those who are told of phases without a question, else the first channel."""
    announcing = configuration.announcing
    if announcing is None:
        return ()
    return announcing.automatic.get("phase") or tuple(announcing.channels)[:1]


def _notices(environment: Environment, configuration: Configuration) -> tuple[str, ...]:
    """The flags of which a deployment tells: those that are rolled out here, else all."""
    planned = [each.flag for each in configuration.rollouts.values() if each.environment == environment.name]
    return tuple(planned or configuration.flags) if _channels(configuration) else ()


def _php(configuration: Configuration) -> str:
    """The version of PHP that the servers have, as far as their configuration says."""
    for environment in configuration.environments.values():
        lines = [*(host.php for host in environment.hosts), *(step.run or "" for step in environment.steps)]
        for found in filter(None, map(_PHP.search, lines)):
            return found[1]
    return _USUAL_PHP


def _key_files(reached: Sequence[Environment], root: PurePath) -> tuple[str, ...]:
    """Where environments.yaml expects private keys, as words of a shell's on the runner."""
    hosts: list[Host] = [host for each in reached for host in each.hosts]
    return tuple(dict.fromkeys(_on_the_runner(host.key, root) for host in hosts if host.key))


def _on_the_runner(path: str, root: PurePath) -> str:
    if path.startswith("~/"):
        return f'"$HOME"/{shlex.quote(path[2:])}'
    if PurePath(path).is_relative_to(root):
        return f'"$GITHUB_WORKSPACE"/{shlex.quote(str(PurePath(path).relative_to(root)))}'
    return shlex.quote(path)


def _below(path: PurePath, root: PurePath) -> str:
    """The path in the repository; empty where it is found without being named."""
    return "" if path.parent == root and path.name == "environments.yaml" else str(path.relative_to(root))
