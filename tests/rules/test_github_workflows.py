"""The workflows of init --github: what GitHub makes of them, and that nothing typed or secret reaches a shell line."""

from __future__ import annotations

import json
import re
import shlex
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path, PurePath
from typing import Any

import pytest
import yaml

from rolloutctl.outside.github_files import load_without_secrets
from rolloutctl.outside.templates import render
from rolloutctl.rules.github_workflows import ACTION, Workflows, workflows_for
from tests.docs.pages import PACKAGE, ROOT

PIN = "SHA256:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU"
TEAM = """\
version: 1
defaults: {user: deploy, app: /var/www/app, key: ~/.ssh/deploy, steps: [{name: fpm, run: systemctl restart php8.3-fpm}]}
flags:
  customer_portal: {companies_key: FEATURE_COMPANIES}
  bulk_export: {key: BULK_EXPORT}
environments:
  qa: {url: "${QA_URL}", hosts: [qa.example.com], deploy: {verify_only: true}}
  eu-1:
    url: https://eu.example.com
    hosts: [{name: web-1, key: keys/of web}, web-2]
    protected: true
    deploy: {ref: release, steps: [{name: migrate, run: "bin/deploy {ref}", timeout: 20m}, {builtin: steps}]}
  us: {hosts: [us.example.com], protected: true}
  here: {connection: local}
metrics:
  errors: {source: log, limit: "<= 1", environments: [qa]}
announce:
  channels: {team: {slack: "${SLACK_WEBHOOK}"}, mail: {webhook: "https://hooks.example.com/${HOOK TOKEN}"}}
"""

Job = dict[str, Any]


class Written:
    """What is written for an environments.yaml, as text and as GitHub reads it."""

    def __init__(self, path: Path, root: PurePath) -> None:
        configuration, self.secrets = load_without_secrets(path)
        self.workflows: Workflows = workflows_for(configuration, self.secrets, root)
        self.texts = {each.path: render(each.template, each.facts, html=False) for each in self.workflows.files}
        # BaseLoader, to which `on` is no truth.
        self.read: dict[str, Job] = {path: yaml.load(text, yaml.BaseLoader) for path, text in self.texts.items()}  # noqa: S506

    def __getitem__(self, name: str) -> Job:
        return self.read[f".github/workflows/{name}.yml"]

    def jobs(self) -> Iterator[tuple[str, Job, Job]]:
        for path, workflow in self.read.items():
            for name, job in workflow.get("jobs", {}).items():
                yield f"{path}: {name}", workflow, job

    def steps(self) -> Iterator[tuple[str, Job]]:
        for place, _, job in self.jobs():
            for step in job.get("steps", ()):
                yield f"{place}: {step.get('name')}", step
        for step in self.read[ACTION]["runs"]["steps"]:
            yield f"{ACTION}: {step.get('name')}", step

    def settings(self, kind: str) -> list[str]:
        return [each.name for each in self.workflows.settings if each.kind == kind]


@pytest.fixture(scope="module")
def team(tmp_path_factory: pytest.TempPathFactory) -> Written:
    root = tmp_path_factory.mktemp("team")
    file = root / "ops" / "environments.yaml"
    file.parent.mkdir()
    file.write_text(TEAM, encoding="utf-8")
    (file.parent / ".env").write_text(
        "SLACK_WEBHOOK=https://hooks.example.com/tell-nobody\nQA_URL=https://tell-nobody\n"
    )
    return Written(file, root)


@pytest.fixture(scope="module")
def shipped() -> Written:
    return Written(ROOT / "environments.yaml", ROOT)


@pytest.fixture(params=["team", "shipped"])
def written(request: pytest.FixtureRequest) -> Written:
    found = request.getfixturevalue(request.param)
    assert isinstance(found, Written)
    return found


def test_the_shipped_environments_get_the_five_workflows_and_their_setup(shipped: Written) -> None:
    names = [PurePath(path).name for path in shipped.texts]
    assert names == ["tests.yml", "deploy-staging.yml", "deploy-production.yml", "toggle.yml", "due.yml", "action.yml"]
    assert "Not for demo: no runner of GitHub's reaches it." in shipped.workflows.remarks


def test_nothing_is_filled_into_a_shell_line(written: Written) -> None:
    assert [place for place, step in written.steps() if "${{" in step.get("run", "")] == []


def test_each_action_is_pinned_to_a_whole_commit_and_says_which_version_that_is(written: Written) -> None:
    used = [line.strip() for text in written.texts.values() for line in text.splitlines() if "uses:" in line]
    foreign = [line for line in used if "uses: ./" not in line]
    pinned = re.compile(r"- uses: (actions|shivammathur)/[a-z-]+@[0-9a-f]{40} # v?[0-9]+\.[0-9]+\.[0-9]+")
    assert foreign
    assert [line for line in foreign if not pinned.fullmatch(line)] == []


def test_each_workflow_may_only_read_and_each_job_ends(written: Written) -> None:
    for place, workflow, job in written.jobs():
        assert workflow["permissions"] == {"contents": "read"}, place
        assert "permissions" not in job, place
        assert job.get("uses") == "./.github/workflows/tests.yml" or 0 < int(job["timeout-minutes"]) < 360, place


def test_no_checkout_leaves_its_token_behind(written: Written) -> None:
    checkouts = [step for _, step in written.steps() if step.get("uses", "").startswith("actions/checkout@")]
    assert len(checkouts) >= 5
    assert all(step["with"]["persist-credentials"] == "false" for step in checkouts)


def test_whatever_reaches_the_hosts_names_its_environment_and_waits_for_its_like(written: Written) -> None:
    for place, workflow, job in written.jobs():
        if any(step.get("uses") == "./.github/actions/rolloutctl" for step in job.get("steps", ())):
            assert job["environment"], place
            concurrency = job.get("concurrency") or workflow["concurrency"]
            assert concurrency["cancel-in-progress"] == "false", place


def test_secrets_are_given_to_single_steps_and_only_where_rolloutctl_runs(written: Written) -> None:
    for place, workflow, job in written.jobs():
        assert "secrets." not in json.dumps([workflow.get("env"), job.get("env")]), place
    for place, step in written.steps():
        if "secrets." in json.dumps(step):
            assert "rolloutctl" in step.get("run", "") or step["uses"] == "./.github/actions/rolloutctl", place


def test_a_secret_is_passed_by_its_name_and_its_value_is_nowhere(team: Written) -> None:
    assert "tell-nobody" not in "".join(team.texts.values())
    env = team["deploy-eu-1"]["jobs"]["deploy"]["steps"][2]["env"]
    assert env["SLACK_WEBHOOK"] == "${{ secrets.SLACK_WEBHOOK }}"
    assert team.settings("secret") == ["SSH_PRIVATE_KEY", "QA_URL", "SLACK_WEBHOOK"]  # and no name that is none


def test_every_command_and_option_in_a_workflow_exists(written: Written) -> None:
    commands = json.loads((PACKAGE / "cli" / "commands.json").read_text(encoding="utf-8"))["commands"]
    lines = [line for _, step in written.steps() for line in re.findall(r"rolloutctl [a-z].*", step.get("run", ""))]
    assert len(lines) >= 6
    for line in lines:
        words = shlex.split(line.partition("||")[0])
        known = {name for option in commands[words[1]]["options"] for name in option["names"]}
        assert {word.partition("=")[0] for word in words if re.match("--[a-z]", word)} <= known, line


def test_every_push_is_tested_once_and_is_tested_before_it_is_deployed(team: Written) -> None:
    deployed = [team[f"deploy-{name}"] for name in ("qa", "eu-1")]
    assert [each["on"]["push"]["branches"] for each in deployed] == [["feature/**"], ["release"]]
    assert team["tests"]["on"]["push"]["branches-ignore"] == ["feature/**", "release"]
    assert all(each["jobs"]["deploy"]["needs"] == "tests" for each in deployed)
    assert {"workflow_call", "pull_request"} <= set(team["tests"]["on"])


def test_the_tests_have_mysql_and_redis_and_every_flag_off(team: Written) -> None:
    job = team["tests"]["jobs"]["pest"]
    assert {name: each["image"] for name, each in job["services"].items()} == {"mysql": "mysql:8.0", "redis": "redis:7"}
    flags = {name: job["env"][name] for name in ("FEATURE_CUSTOMER_PORTAL", "FEATURE_COMPANIES", "BULK_EXPORT")}
    assert flags == {"FEATURE_CUSTOMER_PORTAL": "false", "FEATURE_COMPANIES": "", "BULK_EXPORT": "false"}
    assert job["steps"][1]["with"]["php-version"] == "8.3"
    assert "vendor/bin/pest --coverage --min=80" in [step.get("run") for step in job["steps"]]


def test_staging_is_deployed_by_its_steps_and_production_is_verified_behind_its_pipeline(shipped: Written) -> None:
    staging, production = (shipped[f"deploy-{name}"]["jobs"]["deploy"] for name in ("staging", "production"))
    assert runs(staging) == ['rolloutctl deploy staging "$GITHUB_SHA" --wait 5m --yes']
    assert runs(production) == [
        'bash scripts/deploy-production.sh "$GITHUB_SHA"',
        'rolloutctl deploy production "$GITHUB_SHA"',
        "rolloutctl health production\nrolloutctl status production --check\n",
    ]
    assert "rolloutctl monitor production --for 24h" in shipped.texts[".github/workflows/deploy-production.yml"]


def test_a_protected_environment_with_steps_is_deployed_by_name_and_told_to_the_channel(team: Written) -> None:
    deploy, smoke, notice = runs(team["deploy-eu-1"]["jobs"]["deploy"])
    assert deploy == (
        'rolloutctl deploy eu-1 "$GITHUB_SHA" --wait 5m --confirm eu-1 --reason "$GITHUB_REF_NAME at $GITHUB_SHA"'
    )
    assert smoke == "rolloutctl health eu-1\nrolloutctl status eu-1 --check\n"
    assert [line for line in notice.splitlines() if "announce" in line] == [
        f'rolloutctl announce production {flag} --in eu-1 --fact when="$when" --to team --yes || failed=$?'
        for flag in ("customer_portal", "bulk_export")
    ]
    assert team["deploy-eu-1"]["jobs"]["deploy"]["timeout-minutes"] == "47"


def test_a_toggle_asks_for_approval_and_a_switch_off_waits_for_no_other(team: Written) -> None:
    inputs = team["toggle"]["on"]["workflow_dispatch"]["inputs"]
    assert list(inputs) == ["environment", "flag", "state", "companies", "reason"]
    assert inputs["environment"]["options"] == ["qa", "eu-1", "us"]
    assert inputs["flag"]["options"] == ["customer_portal", "bulk_export"]
    job = team["toggle"]["jobs"]["toggle"]
    assert job["environment"] == "${{ inputs.environment }}"
    assert job["concurrency"]["group"] == (
        "toggle-${{ inputs.environment }}-${{ inputs.state == 'false' && github.run_id || 'on' }}"
    )


TYPED = {
    "ENVIRONMENT": "eu-1",
    "FLAG": "--json",
    "STATE": "true",
    "COMPANIES": "15,42; id",
    "REASON": '$(id) "`id`" --json',
}
GIVEN = ["toggle", "--confirm=eu-1", '--reason=$(id) "`id`" --json', "--wait=2m", "--companies=15,42; id"]


@pytest.mark.parametrize(
    ("state", "given"),
    [("true", [*GIVEN, "--", "eu-1", "--json", "true"]), ("false", [*GIVEN[:-1], "--", "eu-1", "--json", "false"])],
)
def test_what_is_typed_into_a_toggle_arrives_as_it_was_typed(team: Written, state: str, given: list[str]) -> None:
    (script,) = runs(team["toggle"]["jobs"]["toggle"])
    shown = "rolloutctl() { printf '%s\\n' \"$@\"; }\n" + script
    ran = subprocess.run(
        ["bash", "-eu", "-c", shown], env=TYPED | {"STATE": state}, capture_output=True, text=True, check=True
    )
    assert ran.stdout.splitlines() == given


def test_what_is_due_is_carried_out_where_nobody_has_to_approve(team: Written) -> None:
    assert team["due"]["on"]["schedule"] == [{"cron": "*/10 * * * *"}]
    rows = team["due"]["jobs"]["due"]["strategy"]["matrix"]["include"]
    assert [(each["name"], each["github"], each["measured"]) for each in rows] == [
        ("qa", "qa", "true"),
        ("eu-1", "eu-1-unattended", "false"),
        ("us", "us-unattended", "false"),
    ]
    assert runs(team["due"]["jobs"]["due"]) == [
        'rolloutctl due "$ENVIRONMENT"',
        'rolloutctl monitor "$ENVIRONMENT" --for 3m --every 30s',
    ]
    assert team.settings("environment") == ["qa", "eu-1", "eu-1-unattended", "us", "us-unattended"]


def test_the_key_is_put_where_environments_yaml_looks_for_it(team: Written, tmp_path: Path) -> None:
    step = team.read[ACTION]["runs"]["steps"][-1]
    places = {"HOME": str(tmp_path / "home"), "GITHUB_WORKSPACE": str(tmp_path / "clone")}
    subprocess.run(
        ["bash", "-eu", "-c", step["run"]], env={"PATH": "/usr/bin:/bin", "SSH_KEY": "a\r\nkey", **places}, check=True
    )
    files = [tmp_path / "home" / ".ssh" / "deploy", tmp_path / "clone" / "ops" / "keys" / "of web"]
    assert [file.read_text() for file in files] == ["a\nkey\n"] * 2
    assert {file.stat().st_mode & 0o777 for file in files} == {0o600}


def test_a_file_that_is_not_at_the_root_is_named(team: Written, shipped: Written) -> None:
    assert team["due"]["env"] == {"ROLLOUTCTL_CONFIG": "ops/environments.yaml"}
    assert "env" not in shipped["due"]


def test_known_hosts_are_asked_for_unless_every_key_is_pinned(team: Written, tmp_path: Path) -> None:
    assert team.settings("variable") == ["ROLLOUTCTL_PACKAGE", "SSH_KNOWN_HOSTS"]
    file = tmp_path / "environments.yaml"
    file.write_text(
        f'version: 1\ndefaults: {{app: /srv, known_hosts: ["{PIN}"]}}\nenvironments: {{eu: {{hosts: [a, b]}}}}\n'
    )
    pinned = Written(file, tmp_path)
    assert pinned.settings("variable") == ["ROLLOUTCTL_PACKAGE"]
    assert [PurePath(path).name for path in pinned.texts] == ["tests.yml", "action.yml"]
    assert pinned.workflows.remarks == (
        "No workflow deploys to eu: it has no deploy: in environments.yaml.",
        "No workflow toggles anything: environments.yaml declares no flag.",
    )


@pytest.mark.skipif(not shutil.which("shellcheck"), reason="shellcheck is not installed")
def test_shellcheck_finds_nothing_in_the_scripts(team: Written, shipped: Written, tmp_path: Path) -> None:
    scripts = {step["run"] for each in (team, shipped) for _, step in each.steps() if "run" in step}
    files = []
    for number, script in enumerate(sorted(scripts)):
        files.append(tmp_path / f"{number}.sh")
        files[-1].write_text(script, encoding="utf-8")
    ran = subprocess.run(["shellcheck", "-s", "bash", *files], capture_output=True, text=True, check=False)
    assert (ran.returncode, ran.stdout) == (0, "")


def runs(job: Job) -> list[str]:
    return [step["run"] for step in job["steps"] if "run" in step]
