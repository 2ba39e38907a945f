"""`deploy` and `tasks` of environments.yaml: what they mean, how each mistake is told, and what is filled in."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from rolloutctl.errors import ConfigurationError, Refused, UsageError
from rolloutctl.outside.yaml_tree import read_tree
from rolloutctl.rules.config import Configuration, Step
from rolloutctl.rules.config_reading import read_configuration
from rolloutctl.rules.deploys import (
    COMMIT,
    Deploy,
    DeployStep,
    check_ref,
    chosen_ref,
    filled,
    keeps_old_code,
    short,
    steps_of,
)
from rolloutctl.rules.tasks import Task, asks_for_name, task_for

SHIPPED = Path(__file__).parents[2] / "environments.yaml"
HEAD = """\
version: 1
flags: {portal: {}}
"""
ENVIRONMENTS = """\
environments:
  staging:
    connection: embedded
    deploy:
      ref: develop
      steps:
        - {name: code, run: "git fetch origin && git checkout {ref}", timeout: 2m}
        - {name: composer, run: composer install, when: composer.lock}
        - {name: migrate, run: php artisan migrate --force, once: true, timeout: 10m}
        - {builtin: steps}
  production: {connection: embedded, protected: true, deploy: {verify_only: true, commit: cat REVISION}}
"""
TASKS = """\
tasks:
  sync: {run: ./sync, environments: [staging], confirm: true, timeout: 20m, description: Copies}
  cache: {run: make cache, on: here, environments: [staging, production], confirm: true}
"""


def read(text: str) -> Configuration:
    root, faults = read_tree(HEAD + text)
    return read_configuration(root, path=Path("/team/environments.yaml"), secrets={}, faults=faults)


def told(text: str) -> list[str]:
    with pytest.raises(ConfigurationError) as caught:
        read(text)
    return [line.split(": ", 1)[1] for line in caught.value.details]


def test_both_ways_to_deploy_and_both_kinds_of_tasks_are_read() -> None:
    found = read(ENVIRONMENTS + TASKS)
    assert found.environments["staging"].deploy == Deploy(
        steps=(
            DeployStep(name="code", run="git fetch origin && git checkout {ref}", timeout=120.0),
            DeployStep(name="composer", run="composer install", when=("composer.lock",)),
            DeployStep(name="migrate", run="php artisan migrate --force", once=True, timeout=600.0),
            DeployStep(name="steps", builtin="steps"),
        ),
        ref="develop",
        commit=COMMIT,
    )
    assert found.environments["production"].deploy == Deploy(verify_only=True, commit="cat REVISION")
    assert found.tasks == {
        "sync": Task(
            name="sync", run="./sync", environments=("staging",), confirm=True, timeout=1200.0, description="Copies"
        ),
        "cache": Task(name="cache", run="make cache", on="here", environments=("staging", "production"), confirm=True),
    }


def test_the_shipped_file_deploys_to_staging_and_verifies_production() -> None:
    root, faults = read_tree(SHIPPED.read_text(encoding="utf-8"))
    found = read_configuration(root, path=SHIPPED, secrets={}, faults=faults)
    staging, production = (found.environments[name].deploy for name in ("staging", "production"))
    assert staging is not None
    assert production is not None
    assert production.verify_only
    steps = steps_of(staging, found.environments["staging"].steps, ref="feature/customer-portal", release="r1")
    assert [step.name for step in steps] == [
        "fetch",
        "check out",
        "composer install",
        "migrate",
        "config cache",
        "restart php-fpm",
    ]
    assert "feature/customer-portal" in (steps[1].run or "")
    assert steps[2].when == ("composer.lock",)
    assert [step.once for step in steps] == [False, False, False, True, False, False]
    assert found.tasks["sync-database"].environments == ("staging",)


@pytest.mark.parametrize(
    ("written", "fault"),
    [
        ("deploy: {}", "environments.x.deploy needs steps, or verify_only: true"),
        (
            "deploy: {verify_only: true, steps: [{builtin: steps}]}",
            "environments.x.deploy has steps beside verify_only",
        ),
        ("deploy: {steps: [{name: a}]}", "environments.x.deploy.steps[0] needs run or builtin, and only one of them"),
        (
            "deploy: {steps: [{name: a, run: b, builtin: steps}]}",
            "environments.x.deploy.steps[0] needs run or builtin, and only one of them",
        ),
        (
            "deploy: {steps: [{run: b}]}",
            "environments.x.deploy.steps[0] needs a name: it stands on the screen and in the records",
        ),
        (
            "deploy: {steps: [{name: a, run: b}, {name: a, run: c}]}",
            "environments.x.deploy.steps has two of one name: a",
        ),
        (
            "deploy: {steps: [{builtin: steps, once: true}]}",
            "environments.x.deploy.steps[0] has once or when beside builtin: steps, whose steps say that themselves",
        ),
        (
            "deploy: {steps: [{name: a, run: b, when: ../c}]}",
            "environments.x.deploy.steps[0].when must be a file in the application's folder, or a list of them: ../c",
        ),
        ("deploy: {stepz: []}", "unknown key in environments.x.deploy: stepz; did you mean 'steps'?"),
        (
            "deploy: {ref: a..b, steps: [{builtin: steps}]}",
            "environments.x.deploy.ref must be a branch, a tag or a commit: "
            "letters, digits and . _ / + -, without '..': a..b",
        ),
        (
            "deploy: {verify_only: true, flags: {default: on}}",
            "environments.x.deploy.flags.default must be off or keep: on",
        ),
    ],
)
def test_each_mistake_below_deploy_is_told(written: str, fault: str) -> None:
    assert fault in told(f"environments: {{x: {{connection: embedded, {written}}}}}\n")


@pytest.mark.parametrize(
    ("written", "fault"),
    [
        ("{run: a, environments: []}", "tasks.t.environments names none: it could run nowhere"),
        (
            "{run: a, environments: [stagin]}",
            "tasks.t.environments names no environment: stagin; did you mean 'staging'?",
        ),
        (
            "{run: a, environments: [staging, production]}",
            "tasks.t may run in production, which is protected: that needs confirm: true",
        ),
        ("{run: a}", "tasks.t needs the key environments"),
        ("{environments: [staging]}", "tasks.t needs the key run"),
        (
            "{run: a, on: hosts, environments: [staging]}",
            "tasks.t.on must be host or here: hosts; did you mean 'host'?",
        ),
    ],
)
def test_each_mistake_below_tasks_is_told(written: str, fault: str) -> None:
    assert told(ENVIRONMENTS + f"tasks: {{t: {written}}}\n") == [fault]


@pytest.mark.parametrize(
    "ref", ["develop", "feature/customer-portal", "v1.2.3", "0a1b2c3", "release_1", "dependabot/npm+yarn/x-1.0"]
)
def test_what_git_knows_is_a_ref(ref: str) -> None:
    assert check_ref(ref) == ref


@pytest.mark.parametrize(
    "ref",
    ["", "-f", "--upload-pack=x", "a b", "a;b", "$(id)", "`id`", "a..b", "a/", "a.lock", "a//b", "/a", "x@{1}", "a\n",
     "ä", "HEAD^", "a:b", "~/x", ".a", "a/.b", "x" * 201],
)  # fmt: skip
def test_what_a_shell_or_git_could_take_for_something_else_is_no_ref(ref: str) -> None:
    with pytest.raises(UsageError, match="no branch, tag or commit"):
        check_ref(ref)


def test_values_are_filled_in_wherever_they_stand_and_a_variable_of_the_shell_stays() -> None:
    step = DeployStep(name="a", run='git checkout "origin/{ref}" && mv x {release} && echo ${ref} {refs}')
    assert filled(step, ref="feature/x", release="20261126").run == (
        'git checkout "origin/feature/x" && mv x 20261126 && echo ${ref} {refs}'
    )


@given(st.text(max_size=20))
def test_what_is_filled_in_is_one_word_to_the_shell(ref: str) -> None:
    line = filled(DeployStep(name="a", run="echo {ref}"), ref=ref, release="")
    import shlex  # noqa: PLC0415 - by the shell's own rules

    assert shlex.split(line.run or "") == ["echo", ref]


def test_the_environments_own_steps_take_their_place_and_those_for_all_hosts_come_last() -> None:
    deploy = Deploy(steps=(DeployStep(name="code", run="x {ref}"), DeployStep(name="s", builtin="steps")))
    own = (Step(name="cache", builtin="config-cache"), Step(name="workers", run="y", once=True, check="z"))
    assert steps_of(deploy, own, ref="a", release="r") == (
        DeployStep(name="code", run="x a"),
        DeployStep(name="cache", builtin="config-cache", timeout=60.0),
        DeployStep(name="workers", run="y", last=True, check="z", timeout=60.0),
    )


def test_the_ref_is_the_one_that_was_named_else_that_of_the_file() -> None:
    deploy = Deploy(steps=(DeployStep(name="code", run="x {ref}"),), ref="develop")
    assert chosen_ref(deploy, None, environment="staging") == "develop"
    assert chosen_ref(deploy, "main", environment="staging") == "main"
    with pytest.raises(UsageError, match="Which branch"):
        chosen_ref(replace(deploy, ref=None), None, environment="staging")
    nowhere = Deploy(steps=(DeployStep(name="code", run="git pull"),), ref="develop")
    assert chosen_ref(nowhere, None, environment="staging") == ""
    with pytest.raises(UsageError, match="has a place for a ref"):
        chosen_ref(nowhere, "main", environment="staging")


def test_a_commit_is_shown_short_and_anything_else_as_it_is() -> None:
    assert (short("a" * 40), short("v1.2"), short("")) == ("a" * 9, "v1.2", "unknown")


def test_a_task_runs_where_the_file_says_and_nowhere_else() -> None:
    found = read(ENVIRONMENTS + TASKS)
    staging, production = found.environments["staging"], found.environments["production"]
    assert task_for(found.tasks, "sync", staging, found.path).run == "./sync"
    with pytest.raises(Refused, match="may not run in production") as refused:
        task_for(found.tasks, "sync", production, found.path)
    assert "staging" in refused.value.hint
    with pytest.raises(UsageError, match="Did you mean 'sync'"):
        task_for(found.tasks, "snyc", staging, found.path)
    assert asks_for_name(found.tasks["cache"], production)


@pytest.mark.parametrize(
    ("run", "old"), [("true", True), ("sudo -n systemctl restart php8.2-fpm", False), ("kill -USR2 1", False)]
)
def test_steps_that_only_forget_the_config_keep_the_old_code(run: str, old: bool) -> None:
    forget = DeployStep(name="forget", builtin="opcache-forget", socket="/run/php.sock")
    assert keeps_old_code([forget, DeployStep(name="it", run=run)]) is old
    assert not keeps_old_code([DeployStep(name="it", run=run)])
