"""doctor on the embedded host: for people and for programs, in front of what the break folder and an editor can do."""

from __future__ import annotations

from pathlib import Path

import pytest

from rolloutctl.demo.host import EmbeddedHost
from tests.cli.shell import ENVIRONMENTS, Shell

ONE_FLAG = ENVIRONMENTS.replace("  bulk_export: {description: Calls as one large file, ", "  # {").replace(
    "probes: [{path: /features/bulk_export, off: [404], on: [200]}]}", "}"
)


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Shell:
    return Shell(tmp_path_factory.mktemp("doctor"), ONE_FLAG)


def demo_of(shell: Shell) -> Path:
    return shell.folder / "state/rolloutctl/demo"


def test_where_all_is_well_a_line_says_so_the_next_command_follows_and_nothing_is_left(sound: Shell) -> None:
    ran = sound.run("doctor", "demo")
    assert (ran.status, ran.err) == (0, "")
    lines = ran.out.splitlines()
    assert (lines[1], lines[2][:10], lines[-2]) == ("demo", "  ✓ demo  ", "✓ demo is ready. Next:")
    assert lines[-1] == "    rolloutctl toggle demo customer_portal true --dry-run"
    assert len(lines) == 7
    assert "no probe of customer_portal tells a list of companies from nobody" in lines[3]  # a remark, and no fault
    assert [*(demo_of(sound) / "state").rglob("*"), *demo_of(sound).rglob("*.rolloutctl.*")] == []


def test_verbose_shows_each_check(sound: Shell) -> None:
    ran = sound.run("doctor", "demo", "--verbose")
    assert ran.status == 0
    for line in ("✓ sudo: `sudo -n systemctl restart php8.2-fpm` is allowed", "✓ build: can be built aside"):
        assert f"  {line}" in ran.out
    assert "· opcache: not looked at: no php-fpm was found on the host" in ran.out


def test_what_is_wrong_is_said_once_and_in_full_and_the_exit_status_tells(shell: Shell) -> None:
    with EmbeddedHost(demo_of(shell)):
        env = demo_of(shell) / "app/.env"
    env.chmod(0o644)
    env.write_text(env.read_text().replace("APP_NAME=", "FEATURE_NEW=1\nAPP_NAME=Zebra # "))

    ran = shell.run("doctor", "demo", more={"COLUMNS": "80"})

    assert (ran.status, ran.err) == (6, "")
    assert f"    on the host:\n      chmod o-r {env}\n" in ran.out
    assert "  · flags: FEATURE_NEW stands in .env, and no flag declares it\n" in ran.out
    assert "  ✗ waiting edits: edits wait that nobody has made live" in ran.out
    assert ran.out.endswith(
        "✗ demo: 1 thing would stop a change. Mend from the top, then:\n    rolloutctl doctor demo\n"
    )
    assert "Zebra" not in ran.out


def test_the_document_has_the_promised_shape(sound: Shell) -> None:
    ran = sound.run("doctor", "demo", "--json")
    assert (ran.status, ran.err) == (0, "")
    assert ran.document["ok"] is True
    (demo,) = ran.document["environments"]
    assert (demo["name"], demo["ok"]) == ("demo", True)
    (host,) = demo["hosts"]
    assert (host["name"], host["ok"]) == ("demo", True)
    assert {check["status"] for check in host["checks"]} <= {"ok", "info", "warn", "fail", "skipped"}
    assert host["checks"][0] == {
        "check": "reachable",
        "status": "ok",
        "text": "127.0.0.1 answers",
        "fix": None,
        "where": None,
        "details": [],
    }
    assert [check["check"] for check in demo["checks"]] == ["url", "health", "steps", "probes", "open"]
