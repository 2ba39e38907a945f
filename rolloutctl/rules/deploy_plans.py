"""A deployment as a value, before it happens; and how it ended on each host."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from shlex import quote
from typing import Any, Literal

from msgspec import Struct, field

from rolloutctl.rules.config import Environment, Flag, Step
from rolloutctl.rules.deploys import DeployStep
from rolloutctl.rules.env_lines import EnvText
from rolloutctl.rules.env_text import assign, definitions
from rolloutctl.rules.flags import Audience
from rolloutctl.rules.host import FileFault, HostState, Work
from rolloutctl.rules.migrations import Migrated, migrated_in, together
from rolloutctl.rules.proof import read_fault
from rolloutctl.rules.records import Record, texts_in
from rolloutctl.rules.rollout_standing import DEPLOY
from rolloutctl.rules.work import Asked, StepRun

_GOOD = ("finished", "verified")
Ending = Literal["done", "failed", "lost", "untouched"]
_COMMIT = re.compile(r"\S[^\n]{0,99}")
_LOG = re.compile(r"log +([0-9]{1,15}) (\S[^\n]{0,300})")
_NEWEST_LOG = "f=$(ls -t storage/logs/*.log 2>/dev/null | head -n 1)"
_MOST_OF_A_LOG = 65_536  # bytes


class Facts(Struct, frozen=True):
    """What a host's files say: which commit is live (empty: unknown), and the digests of files that steps depend on."""

    commit: str = ""
    files: Mapping[str, str] = field(default_factory=dict)
    log: tuple[str, int] = ("", 0)  # the log that was written last, and how many bytes it had


class HostDeploy(Struct, frozen=True, kw_only=True):
    """One host before a deployment: what is live, which keys `.env` gets, and who sees what."""

    state: HostState
    facts: Facts
    added: tuple[str, ...] = ()
    new_env: EnvText
    audiences: Mapping[str, Audience] = field(default_factory=dict)  # by flag; one that nobody can tell is not there

    @property
    def name(self) -> str:
        """The host's name."""
        return self.state.name

    @property
    def commit(self) -> str:
        """Which commit was live; empty where nobody knows."""
        return self.facts.commit


class DeployPlan(Struct, frozen=True, kw_only=True):
    """One deployment: its steps with the values filled in, on these hosts, the first of which goes first."""

    id: str
    environment: Environment
    ref: str  # empty where no step wants one
    release: str
    steps: tuple[DeployStep, ...]
    hosts: tuple[HostDeploy, ...]
    flags: tuple[Flag, ...] = ()
    keep_on: tuple[str, ...] = ()  # flags that may stay on though no record says who opened them
    reason: str = ""

    @property
    def title(self) -> str:
        """What is done, in words: `deployment of develop`."""
        return f"deployment of {self.ref}" if self.ref else "deployment"

    @property
    def good(self) -> str:
        """The commit to go back to: of the last deployment that went through, else the one that was live before."""
        first = self.hosts[0]
        ended = (record for record in reversed(first.state.records) if record.event == DEPLOY)
        finished = (str(record.data.get("commit") or "") for record in ended if record.data.get("action") in _GOOD)
        return next(filter(None, finished), first.commit)

    def once_on(self, step: DeployStep) -> str:
        """The host on which a step runs; empty for all of them."""
        return self.hosts[0].name if step.once or step.last else ""

    def record(self, action: str, host: HostDeploy, **said: object) -> dict[str, Any]:
        """What a record of this deployment says of one host."""
        return {
            "event": DEPLOY,
            "action": action,
            "deployment": self.id,
            "ref": self.ref,
            "release": self.release,
            "commit_before": host.commit,
            "added": list(host.added),
            "kept_on": list(self.keep_on),
            "reason": self.reason,
            **said,
        }


class HostRun(Struct):
    """What a deployment has done on one host so far; it grows while it runs."""

    name: str
    ending: Ending = "untouched"
    steps: list[StepRun] = field(default_factory=list)
    skipped: list[str] = field(default_factory=list)
    failed: tuple[str, str, str] | None = None  # (step, exit status or why, output)
    asked: tuple[Asked, ...] = ()
    after: Facts = field(default_factory=Facts)
    files: dict[str, str] = field(default_factory=dict)  # by step: what it depended on when it succeeded
    running: str = ""  # the step that runs; where the connection was lost, it may go on
    defined: bool = False  # the missing flags stand in .env
    lost: str = ""
    audiences: Mapping[str, Audience] = field(default_factory=dict)  # by flag, after the steps
    log: str = ""  # the newest error of the application's log, where it is a new one

    @property
    def begun(self) -> bool:
        """Whether anything was done there."""
        return bool(self.steps or self.running or self.defined or self.failed)

    @property
    def migrated(self) -> Migrated:
        """What the steps said of migrations."""
        return together(migrated_in(step.output) for step in self.steps)

    @property
    def unclear(self) -> bool:
        """Whether a migration may have run that nobody has heard of: the step was cut off."""
        return any(not step.ok and "migrat" in f"{step.name} {step.output}".lower() for step in self.steps) or (
            "migrat" in self.running.lower()
        )


def facts_line(commit: str, files: Iterable[str]) -> str:
    """The shell line that asks a host for its facts; each on a line of its own, behind what it is."""
    asked = [f"printf 'commit %s\\n' \"$({commit}\n)\""]
    asked += [f"printf 'file %s\\n' \"$(sha256sum -- {quote(file)} 2>/dev/null | cut -c 1-64)\"" for file in files]
    asked += [_NEWEST_LOG, '[ -z "$f" ] || printf \'log %s %s\\n\' "$(wc -c <"$f")" "$f"']
    return "\n".join(asked)


def log_line(facts: Facts) -> str:
    """The shell line that prints what the application has written into its log since the facts were told."""
    name, size = facts.log
    known = f'[ "$f" != {quote(name)} ] || n={size + 1}' if name else ":"
    return f'{_NEWEST_LOG}\nn=1\n{known}\n[ -z "$f" ] || tail -c "+$n" -- "$f" | tail -c {_MOST_OF_A_LOG}'


def read_facts(output: str, files: Sequence[str]) -> Facts:
    """What a host answered; `absent` for a file that is not there."""
    lines = output.splitlines()
    commit = next((line[len("commit ") :].strip() for line in lines if line.startswith("commit ")), "")
    found = [line[len("file ") :].strip() or "absent" for line in lines if line.startswith("file")]
    log = next((match for line in lines if (match := _LOG.fullmatch(line))), None)
    return Facts(
        commit if _COMMIT.fullmatch(commit) else "",
        dict(zip(files, found, strict=False)),
        (log[2], int(log[1])) if log else ("", 0),
    )


def files_of(steps: Iterable[DeployStep]) -> tuple[str, ...]:
    """The files that steps depend on, each once."""
    return tuple(dict.fromkeys(file for step in steps for file in step.when))


def digest_of(step: DeployStep, facts: Facts) -> str:
    """What a step depends on, as one text."""
    return " ".join(f"{file}={facts.files.get(file, 'unknown')}" for file in step.when)


def last_digest(step: DeployStep, records: Iterable[Record]) -> str:
    """What it depended on when it last succeeded on a host, by the records there; empty for never, or unknown."""
    for record in reversed([*records]):
        files = record.data.get("files") if record.event == DEPLOY else None
        if isinstance(files, Mapping) and isinstance(files.get(step.name), str):
            return str(files[step.name])
    return ""


def with_flags_off(state: HostState, flags: Iterable[Flag]) -> tuple[EnvText, tuple[str, ...]]:
    """The host's `.env` with every declared flag in it, and the keys that were added: each as `false`.

    Raises:
        UnsafeEdit: a line can't be added without doubt.
    """
    text = state.content or EnvText(b"")
    added = tuple(flag.key for flag in flags if not definitions(text, flag.key))
    for key in added:
        text = assign(text, key, "false")
    return text, added


def audiences_of(state: HostState, flags: Iterable[Flag]) -> dict[str, Audience]:
    """Who sees each flag's feature there, as far as one can tell."""
    found = {flag.name: state.effective(flag) or state.in_file(flag) for flag in flags}
    return {name: audience for name, audience in found.items() if audience is not None}


def turned_on_by_a_build(state: HostState, flags: Iterable[Flag]) -> tuple[str, ...]:
    """The flags that a new config cache would switch on: `.env` has them on, and the live cache does not."""
    return tuple(
        flag.name
        for flag in flags
        if (effective := state.effective(flag)) is not None
        and effective.nobody
        and (file := state.in_file(flag)) is not None
        and not file.nobody
    )


def staging_work(plan: DeployPlan, host: HostDeploy) -> Work:
    """What a host is to prove before anything begins: the new `.env`, and that its steps may run."""
    return Work(
        narrow=False,
        old_sha=host.state.sha,
        new_env=host.new_env,
        inject={},
        rebuild=False,
        lines=(),
        keys=host.added,
        settings=tuple(path for flag in plan.flags for path in (flag.config, flag.companies_config) if path),
        patch={},
        steps=shell_steps(plan),
        requests=(),
        requests_old=(),
        volatile=plan.environment.volatile,
        deploy_locks=plan.environment.deploy_locks,
        record={},
        who={},
    )


def shell_steps(plan: DeployPlan) -> tuple[Step, ...]:
    """The steps that are shell lines, for their rights to be looked at."""
    return tuple(
        Step(name=step.name, run=step.run, timeout=step.timeout, check=step.check) for step in plan.steps if step.run
    )


def judge_added(host: HostDeploy, check: Mapping[str, Any]) -> str:
    """Why phpdotenv would not read the new `.env` as the old one with its new keys; empty where it would."""
    fault: FileFault | None = read_fault(check.get("old_error")) or read_fault(check.get("new_error"))
    if fault is not None:
        return f"{fault}"
    got = check.get("got")
    others = sorted(set(texts_in(check.get("changed"))) - set(host.added))
    if others:
        return f"adding flags to .env would change {', '.join(others)} too"
    wrong = [key for key in host.added if not isinstance(got, Mapping) or got.get(key) != "false"]
    return f"phpdotenv would not read {wrong[0]} as it is written" if wrong else ""


def now_on(before: Mapping[str, Audience], after: Mapping[str, Audience]) -> tuple[str, ...]:
    """The flags that somebody sees now, and nobody saw before."""
    return tuple(
        name for name, audience in after.items() if not audience.nobody and (name not in before or before[name].nobody)
    )
