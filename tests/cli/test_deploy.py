"""deploy against embedded hosts: what is done in which order, what fails and is told, and what no deployment may do."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest

from tests.cli.deploy_play import BROKEN, FAILS, MIGRATES, NAME, Play, git, wait_until


@pytest.fixture
def play(tmp_path: Path) -> Play:
    return Play(tmp_path)


def test_every_host_gets_the_code_and_each_step_runs_where_and_when_it_should(play: Play) -> None:  # noqa: PLR0915
    env = play.env()
    new = play.commit("new", extra="x")

    planned = play.shell.run("deploy", "staging", "--plan")
    assert (planned.status, planned.err) == (0, "")
    for said in ("migrate  (once, on demo)", "FEATURE_BULK_EXPORT=false is added on demo and web-2", "goes first"):
        assert said in planned.out
    assert "rev-parse -q --verify origin/main || echo main" in planned.out
    assert play.env() == env
    assert play.records("deploy") == []

    done = play.shell.run("deploy", "staging", "--yes", "--json")
    found = done.document["deployment"]
    assert (done.status, found["result"], found["migrated"]) == (0, "finished", [NAME]), done.err
    assert {play.live(name) for name in play.hosts} == {new}
    first, second = ([step["name"] for step in host["steps"]] for host in found["hosts"])
    assert first == ["code", "packages", "migrate", "config cache", "restart php-fpm", "restart workers"]
    assert second == ["code", "packages", "config cache", "restart php-fpm"]
    assert found["hosts"][0]["commit"] == {"before": play.first, "after": new}
    for host in play.hosts:
        assert play.env(host).endswith("FEATURE_BULK_EXPORT=false\n")
    started, finished = play.records("deploy")
    assert (started["action"], started["commit_before"]) == ("started", play.first)
    assert (finished["action"], finished["commit"], finished["migrated"]) == ("finished", new, [NAME])
    assert [step["ok"] for step in finished["ran"]] == [True] * 6

    newer = play.commit("newer", extra="y", migrate=f"{MIGRATES}grep DB_PASSWORD .env\n")
    again = play.shell.run("deploy", "staging", newer, "--yes")
    assert again.status == 0, again.err
    assert "not needed on demo and web-2: packages" in again.out
    told = [line.split("  ", 2)[2] for line in again.err.splitlines() if line.startswith("  demo  ")]
    assert told[1:4] == [f"Migrating: {NAME}", f"Migrated:  {NAME} (2.00ms)", "DB_PASSWORD=•••"], again.err
    assert told[4].startswith("✓ migrate  ")
    assert (play.hosts["demo"] / "packages").read_text() == "installed\n"
    assert play.env().count("FEATURE_BULK_EXPORT") == 1
    shown = play.shell.run("audit", "staging").out
    assert f"{newer[:9]} is live" in shown
    assert play.shell.run("audit", "--verify").status == 0


def test_a_flag_that_is_provisional_is_told_as_that(play: Play) -> None:
    provisional = ("toggle", "staging", "customer_portal", "true", "--companies", "15", "--confirm-within", "10m")
    assert play.shell.run(*provisional, "--yes").status == 0
    for words in (("--plan",), ("--yes",)):
        refused = play.shell.run("deploy", "staging", *words, "--json")
        error = refused.document["error"]
        assert (refused.status, error["code"]) == (3, "busy")
        assert error["message"].startswith("customer_portal for company 15 is provisional, by tester@example.com.")
        assert "rolloutctl confirm staging" in error["hint"]


def test_a_plan_says_what_is_asked_behind_its_steps_and_what_its_environment_lacks(play: Play) -> None:
    bare = """\
  bare:
    hosts: [demo]
    steps: []
    deploy: {steps: [{name: code, run: git status}, {builtin: steps}]}
tasks:
"""
    file = play.shell.configuration
    file.write_text(file.read_text().replace("tasks:\n", bare))
    planned = play.shell.run("deploy", "staging", "--plan")
    assert "\n\n  Behind the steps each host is asked /health and the probes of 2 flags.\n" in planned.out
    assert "stands for the steps" not in planned.out
    lacking = play.shell.run("deploy", "bare", "--plan")
    assert lacking.status == 0, lacking.err
    assert "`builtin: steps` stands for the steps that a change of bare has" in lacking.out
    assert "It has none: nothing is done in its place." in lacking.out
    blind = play.shell.run("deploy", "bare", "--plan", "--json")
    assert "It has none" in str(blind.document["deployment"])


def test_a_failing_migration_stops_at_the_first_host_and_says_what_state_things_are_in(play: Play) -> None:
    play.commit("bad", branch="feature/bad", migrate=FAILS)
    secret = next(line for line in play.env().splitlines() if line.startswith("DB_PASSWORD"))[13:30]
    failed = play.shell.run("deploy", "staging", "feature/bad", "--yes")
    assert failed.status == 5
    said = failed.err
    for words in (
        "The deployment of feature/bad failed on demo: the step 'migrate' ended with exit 1.",
        "through: code, packages.",
        "web-2: nothing was done",
        f"Migrations: 1 ran ({NAME}); {BROKEN} did not end and may be half done.",
        "Flags: every one is off.",
        "SQLSTATE[42S21]",
        "its log: column note exists already",
        "Mend it, then the same again: rolloutctl deploy staging feature/bad",
        "rolloutctl rollback staging --database",
        f"Then the code: rolloutctl deploy staging {play.first[:9]}",
    ):
        assert words in said, said
    assert secret not in said + failed.out
    assert "DB_PASSWORD=•••" in said
    assert play.live("web-2") == play.first
    ended = play.records("deploy")[-1]
    assert (ended["action"], ended["step"], ended["cause"], ended["unfinished"]) == ("failed", "migrate", "1", [BROKEN])
    assert play.records("deploy", "web-2")[-1]["ending"] == "untouched"

    (play.hosts["demo"] / "break/health").touch()
    play.commit("good", branch="feature/good", migrate="exit 0\n")
    ill = play.shell.run("deploy", "staging", "feature/good", "--yes")
    assert ill.status == 5
    assert "went through on demo, and the application is not well: /health answers 500" in ill.err
    assert "Or back: rolloutctl deploy staging" in ill.err
    assert play.live("web-2") == play.first


def test_a_flag_that_nobody_opened_by_the_records_ends_a_deployment_before_it_begins(play: Play) -> None:
    app = play.hosts["demo"] / "app"
    (app / ".env").write_text(play.env().replace("FEATURE_CUSTOMER_PORTAL=false", "FEATURE_CUSTOMER_PORTAL=true"))
    waiting = play.shell.run("deploy", "plain", "--yes", "--json")
    assert (waiting.status, waiting.document["error"]["code"]) == (3, "refused")
    assert "a new config cache would switch it on" in waiting.document["error"]["message"]

    assert play.shell.run("toggle", "plain", "customer_portal", "false", "--yes").status == 0
    assert play.shell.run("toggle", "plain", "customer_portal", "true", "--yes").status == 0
    opened = play.shell.run("deploy", "plain", "--yes")
    assert (opened.status, "flags: customer_portal for everyone" in opened.out) == (0, True), opened.err
    play.folder.joinpath("environments.yaml").write_text(
        play.shell.configuration.read_text().replace("bulk_export:", "other: {key: FEATURE_OTHER}\n  bulk_export:")
    )
    with (app / ".env").open("a") as file:
        file.write("FEATURE_OTHER=true\n")
    (app / "bootstrap/cache/config.php").unlink()  # so that the file is what is effective
    unasked = play.shell.run("deploy", "plain", "--yes")
    assert (unasked.status, "other is on, and no record says" in unasked.err) == (3, True), unasked.err
    assert len(play.records("deploy")) == 2
    kept = play.shell.run("deploy", "plain", "--yes", "--keep-on", "other")
    assert kept.status == 0, kept.err


def test_a_flag_that_only_env_has_on_comes_on_where_that_is_meant_and_in_no_freeze(play: Play) -> None:
    app = play.hosts["demo"] / "app"
    (app / ".env").write_text(play.env().replace("FEATURE_CUSTOMER_PORTAL=false", "FEATURE_CUSTOMER_PORTAL=true"))
    shell, words = play.shell, ("deploy", "plain", "--yes", "--keep-on", "customer_portal")
    text = shell.configuration.read_text()
    always = "freeze: [{from: 'Mon 00:00', to: 'Sun 23:59', zone: UTC}], "
    shell.configuration.write_text(text.replace("plain: {", "plain: {" + always))
    frozen = shell.run(*words)
    assert (frozen.status, "a new config cache would switch it on" in frozen.err) == (3, True), frozen.err
    shell.configuration.write_text(text)
    assert "If it is meant to be on: --keep-on customer_portal" in shell.run("deploy", "plain", "--yes").err
    kept = shell.run(*words)
    assert kept.status == 0, kept.err
    assert "demo: customer_portal is off, and its .env has it on: this switches it on, as --keep-on says." in kept.out
    assert "flags: customer_portal for everyone" in kept.out
    host = shell.run("status", "plain", "--json").document["environments"][0]["hosts"][0]
    assert host["flags"]["customer_portal"]["effective"] is True


def test_what_would_open_a_flag_is_not_swapped_in_and_what_has_opened_one_is_told(play: Play) -> None:
    shell = play.shell
    assert shell.run("toggle", "opens", "bulk_export", "false", "--yes").status == 0
    cache = play.hosts["demo"] / "app/bootstrap/cache/config.php"
    opens = shell.run("deploy", "opens", "--yes")
    assert (opens.status, "the step 'config cache' ended with exit 1" in opens.err) == (5, True), opens.err
    assert "the new config cache would switch on bulk_export; the old one stays" in opens.err
    assert "Flags: every one is off." in opens.err
    before = cache.read_bytes()

    assert shell.run("toggle", "hurries", "bulk_export", "false", "--yes").status == 0
    assert cache.read_bytes() == before
    hurries = shell.run("deploy", "hurries", "--yes")
    assert (hurries.status, "went through, and bulk_export is on unasked." in hurries.err) == (5, True), hurries.err
    assert "Next: rolloutctl toggle hurries bulk_export false" in hurries.err
    assert shell.run("toggle", "hurries", "bulk_export", "false", "--yes").status == 0
    assert cache.read_bytes() == before


def test_a_switch_off_goes_through_beside_a_deployment_and_a_widening_is_refused(play: Play) -> None:
    shell, demo = play.shell, play.hosts["demo"]
    assert shell.run("toggle", "alone", "customer_portal", "true", "--yes").status == 0
    deploying = play.background("deploy", "alone", "--yes")
    try:
        wait_until((demo / "waits").exists)
        refused = shell.run("toggle", "alone", "bulk_export", "true", "--yes")
        assert (refused.status, "at work on demo" in refused.err) == (3, True), refused.err
        assert "Switching off works meanwhile" in refused.err
        beside = shell.run("deploy", "alone", "--yes")
        assert (beside.status, "(deployment, since" in beside.err) == (3, True), beside.err
        off = shell.run("toggle", "alone", "customer_portal", "false", "--yes")
        assert (off.status, "nobody sees customer_portal" in off.out) == (0, True), off.err
        (demo / "go").touch()
        out, err = deploying.communicate(timeout=60)
        assert (deploying.returncode, "flags: all are off" in out) == (0, True), err
    finally:
        deploying.kill()
        deploying.wait()
    (flag,) = (
        h["flags"]["customer_portal"]
        for h in shell.run("status", "alone", "--json").document["environments"][0]["hosts"]
    )
    assert (flag["enabled"], flag["effective"], flag["in_sync"]) == (False, False, True)


def test_ctrl_c_stops_behind_the_step_that_runs_and_the_next_deployment_is_free_to_go(play: Play) -> None:
    demo = play.hosts["demo"]
    deploying = play.background("deploy", "alone", "--yes")
    try:
        wait_until((demo / "waits").exists)
        deploying.send_signal(signal.SIGINT)
        (demo / "go").touch()
        _, err = deploying.communicate(timeout=60)
        assert (deploying.returncode, "You interrupted the deployment." in err) == (5, True), err
    finally:
        deploying.kill()
        deploying.wait()
    assert play.records("deploy")[-1]["cause"] == "interrupted"
    assert play.shell.run("deploy", "alone", "--yes").status == 0


def test_behind_a_pipeline_it_is_told_whether_all_hosts_have_the_same_and_are_as_they_should_be(play: Play) -> None:
    lacking = play.shell.run("deploy", "production")
    assert (lacking.status, "FEATURE_BULK_EXPORT is not in .env of demo." in lacking.err) == (6, True), lacking.err
    assert play.shell.run("deploy", "staging", "--yes").status == 0
    found = play.shell.run("deploy", "production", "main", "--json")
    assert (found.status, found.document["deployment"]["result"]) == (0, "verified"), found.out
    assert {host["commit"] for host in found.document["deployment"]["hosts"]} == {play.first}
    new = play.commit("new")
    git(play.hosts["web-2"] / "app", "fetch", "-q", "origin")
    git(play.hosts["web-2"] / "app", "checkout", "-q", new)
    apart = play.shell.run("deploy", "production")
    assert (apart.status, f"demo {play.first[:9]}, web-2 {new[:9]}" in apart.err) == (6, True), apart.err
    git(play.hosts["demo"] / "app", "fetch", "-q", "origin")
    git(play.hosts["demo"] / "app", "checkout", "-q", new)
    env = play.hosts["web-2"] / "app" / ".env"
    env.write_text(env.read_text().replace("FEATURE_BULK_EXPORT=false", "FEATURE_BULK_EXPORT=true"))
    other = play.shell.run("deploy", "production", play.first[:10])
    assert (other.status, f"{new[:9]} is live, and not {play.first[:10]}" in other.err) == (6, True), other.err
    assert "bulk_export is off on web-2, and its .env has it on" in other.err
    assert [record["well"] for record in play.records("deploy") if record["action"] == "verified"] == [
        False,
        True,
        False,
        False,
    ]


def test_what_is_not_meant_is_refused_before_any_host_is_asked(play: Play) -> None:
    for words, status, said in (
        (("staging", "a;b"), 2, "no branch, tag or commit"),
        (("alone", "main", "--yes"), 2, "has a place for a ref"),
        (("staging",), 3, "deploy staging --plan"),
        (("production", "nowhere"), 2, "does not know nowhere"),
    ):
        ran = play.shell.run("deploy", *words)
        assert (ran.status, said in ran.err) == (status, True), ran.err
