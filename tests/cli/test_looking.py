"""status, audit, health and rollback on the embedded host: for people and for programs."""

from __future__ import annotations

import signal
import socket
import subprocess
import time

import pytest
import yaml

from tests.cli.shell import Shell

ON = ("toggle", "demo", "customer_portal", "true", "--companies", "15", "--yes", "--reason", "pilot")


@pytest.fixture(scope="module")
def changed(onlooker: Shell) -> Shell:
    """A shell whose demo host has had one change, and one undone."""
    assert onlooker.run("toggle", "demo", "bulk_export", "true", "--yes").status == 0
    assert onlooker.run("rollback", "demo", "--yes").status == 0
    assert onlooker.run(*ON).status == 0
    return onlooker


def test_the_status_of_all_environments_is_one_table(changed: Shell) -> None:
    ran = changed.run("status")
    assert (ran.status, ran.err) == (0, "")
    assert ran.out.splitlines()[1:4] == [
        "                    demo         strict",
        "  customer_portal   company 15   nobody",
        "  bulk_export       nobody       nobody",
    ]
    assert (
        '  demo     1 host   healthy   just now, tester@example.com: customer_portal for company 15, "pilot"' in ran.out
    )
    assert "  strict   1 host   healthy   no changes yet" in ran.out


def test_one_flag_in_one_environment_is_shown_host_by_host(changed: Shell) -> None:
    ran = changed.run("status", "demo", "customer_portal")
    assert (ran.status, ran.err) == (0, "")
    assert ran.out.splitlines()[1:6] == [
        "demo · customer_portal   company 15",
        "",
        "  host   .env          config cache   answers",
        "  demo   true for 15   true for 15    404 on",
        "",
    ]
    assert 'tester@example.com: nobody → company 15, "pilot"' in ran.out


def test_the_status_is_a_document_of_the_promised_shape(changed: Shell) -> None:
    ran = changed.run("status", "demo", "customer_portal", "--json")
    assert (ran.status, ran.err) == (0, "")
    (environment,) = ran.document["environments"]
    last = environment["flags"]["customer_portal"].pop("last_change")
    shown = {"enabled": True, "companies": [15], "consistent": True, "phase": None}
    assert environment["flags"] == {"customer_portal": shown}
    assert (last["actor"], last["reason"], last["event"]) == ("tester@example.com", "pilot", "kept")
    assert (last["from"], last["to"]) == (
        {"enabled": False, "companies": []},
        {"enabled": True, "companies": [15]},
    )
    (host,) = environment["hosts"]
    assert host["flags"] == {
        "customer_portal": {"enabled": True, "companies": [15], "effective": True, "in_sync": True}
    }
    assert {name: host[name] for name in ("name", "reachable", "error", "lock", "pending")} == {
        "name": "demo",
        "reachable": True,
        "error": None,
        "lock": None,
        "pending": None,
    }


def test_the_check_is_content_while_all_is_well(changed: Shell) -> None:
    assert changed.run("status", "demo", "--check").status == 0


def test_the_audit_names_the_newest_change_first_and_what_undid_what(changed: Shell) -> None:
    ran = changed.run("audit", "demo")
    assert (ran.status, ran.err) == (0, "")
    heads, newest, undoing, oldest = ran.out.splitlines()
    assert heads.split() == ["time", "change", "flag", "from", "→", "to", "outcome", "by", "why"]
    assert "customer_portal   nobody → company 15" in newest
    assert '"pilot"' in newest
    assert f"undoes {oldest.split()[2]}" in undoing
    assert "bulk_export       nobody → everyone" in oldest


def test_the_audit_limits_to_the_newest_changes_and_to_a_flag(changed: Shell) -> None:
    assert len(changed.run("audit", "demo", "--limit", "1").out.splitlines()) == 2
    assert len(changed.run("audit", "demo", "--flag", "bulk_export").out.splitlines()) == 3
    records = changed.run("audit", "demo", "--limit", "1", "--json").document["records"]
    assert [record["event"] for record in records] == ["started", "kept"]
    assert {record["flag"] for record in records} == {"customer_portal"}


def test_one_change_is_shown_with_its_steps(changed: Shell) -> None:
    identity = changed.run("audit", "demo", "--limit", "1", "--json").document["records"][0]["change"]
    ran = changed.run("audit", "demo", "--change", identity)
    assert (ran.status, ran.err) == (0, "")
    assert "demo · customer_portal   nobody → company 15" in ran.out
    assert "restart php-fpm" in ran.out
    assert changed.run("audit", "demo", "--change", "nothing").status == 2


def test_whole_logs_are_verified(changed: Shell) -> None:
    ran = changed.run("audit", "demo", "--verify")
    assert (ran.status, ran.out, ran.err) == (0, "✓ demo   demo   6 records, nothing changed or lost\n", "")
    document = changed.run("audit", "demo", "--verify", "--json").document
    assert document == {
        "ok": True,
        "hosts": [
            {"name": "demo", "environment": "demo", "records": 6, "ok": True, "problem": None, "note": "", "hint": ""}
        ],
    }


def test_a_log_that_somebody_changed_is_found(shell: Shell) -> None:
    assert shell.run(*ON).status == 0
    (log,) = shell.folder.glob("state/rolloutctl/**/audit.jsonl")
    log.write_text(log.read_text().replace("pilot", "nopes", 1))
    ran = shell.run("audit", "demo", "--verify")
    assert (ran.status, ran.out.partition(" line")[0]) == (6, "✗ demo   demo  ")
    assert shell.run("audit", "demo", "--verify", "--json").document["ok"] is False


def test_health_is_a_line_a_host(changed: Shell) -> None:
    ran = changed.run("health", "demo")
    assert (ran.status, ran.err) == (0, "")
    assert ran.out.startswith("  demo   demo   healthy   /health 200, ")


def test_an_ill_application_is_exit_6_for_health_and_for_the_check(shell: Shell) -> None:
    assert shell.run("health", "demo").status == 0
    (switches,) = shell.folder.glob("state/rolloutctl/**/break")
    (switches / "health").write_text("")
    ran = shell.run("health", "demo")
    assert (ran.status, "ill" in ran.out) == (6, True)
    document = shell.run("health", "demo", "--json").document["environments"][0]
    assert (document["healthy"], document["hosts"][0]["health"]["status"]) == (False, 500)
    assert shell.run("status", "demo").status == 0
    assert shell.run("status", "demo", "--check").status == 6


def test_watching_goes_on_until_ctrl_c(shell: Shell) -> None:
    import signal  # noqa: PLC0415 - the only place

    ran = shell.type("health", "demo", "--watch", "1s", answers=[("healthy", ""), ("healthy", signal.SIGINT)])
    assert ran.status == 0
    assert ran.out.count("healthy") >= 2


def test_a_rollback_without_an_environment_shows_what_it_found_and_asks(shell: Shell) -> None:
    assert shell.run(*ON).status == 0
    ran = shell.type("rollback", answers=[("Apply? [y/N] ", "y\n")])
    assert ran.status == 0
    assert "To undo in demo:" in ran.out
    assert "✓ nobody sees customer_portal" in ran.out
    assert shell.run("rollback", "--yes").status == 3  # nothing is left
    ran = shell.run("rollback", "--yes", "--json")
    assert (ran.document["change"], ran.document["error"]["code"]) == (None, "refused")


def test_a_rollback_is_a_change_and_names_what_it_undoes(shell: Shell) -> None:
    identity = shell.run(*ON, "--json").document["change"]["id"]
    change = shell.run("rollback", "demo", "--yes", "--json").document["change"]
    assert (change["result"], change["undoes"]) == ("kept", [identity])
    assert change["to"] == {"enabled": False, "companies": []}


def test_somebodys_edit_since_is_shown_and_not_undone(shell: Shell) -> None:
    assert shell.run(*ON).status == 0
    (env,) = shell.folder.glob("state/rolloutctl/**/app/.env")
    env.write_text(env.read_text().replace("COMPANIES=15", "COMPANIES=15,16"))
    ran = shell.run("rollback", "demo", "--yes")
    assert ran.status == 3
    assert "left 15, now it is 15,16" in ran.err
    assert "--force" in ran.err


def test_an_edit_by_hand_is_named_with_the_command_that_mends_it(shell: Shell) -> None:
    assert shell.run(*ON).status == 0
    (env,) = shell.folder.glob("state/rolloutctl/**/app/.env")
    env.write_text(env.read_text().replace("PORTAL=true", "PORTAL=false"))
    ran = shell.run("status", "demo", "--check")
    assert ran.status == 6
    assert "! not as it should be" in ran.out
    assert "    rolloutctl status demo customer_portal\n" in ran.out
    ran = shell.run("status", "demo", "customer_portal")
    assert "edited by hand; takes effect at the next cache rebuild" in ran.out
    assert "To bring demo in line: rolloutctl toggle demo customer_portal true --companies 15\n" in ran.out
    flags = shell.run("status", "demo", "--json").document["environments"][0]["flags"]
    assert flags["customer_portal"]["consistent"] is False


@pytest.mark.parametrize("words", [("status",), ("doctor",), ("trust", "silent")], ids=lambda words: words[0])
def test_ctrl_c_waits_for_no_host_that_says_nothing(shell: Shell, words: tuple[str, ...]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        hosts = [{"name": f"web-{n}", "address": "127.0.0.1", "port": silent.getsockname()[1]} for n in (1, 2)]
        hosts[1]["app"] = "/srv/other"
        environment = {"app": "/srv/app", "hosts": hosts}
        shell.configuration.write_text(yaml.safe_dump({"version": 1, "environments": {"silent": environment}}))
        process = subprocess.Popen(
            shell.command(*words),
            env=shell.environment,
            cwd=shell.folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        met, _ = silent.accept()
        with met:
            begun = time.monotonic()
            process.send_signal(signal.SIGINT)
            said, _ = process.communicate(timeout=30)
    assert (process.returncode, "Interrupted." in said, time.monotonic() - begun < 4) == (3, True, True), said
