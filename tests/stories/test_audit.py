"""The audit logs of the hosts: what was done to one is found by `audit --verify`, and one that can't be written."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from rolloutctl.rules.records import verify
from tests.lab.lab import Lab, LabHost
from tests.stories.conftest import Hire
from tests.stories.operator import Operator
from tests.stories.traces import events_of, log_of, whole_log_of

pytestmark = pytest.mark.lab

GONE = "line 4 is gone or cut off: audit.head names 4 lines"


def file_of(host: LabHost, name: str = "audit.jsonl") -> Path:
    """A file in a host's state folder."""
    (path,) = host.state_dir.glob(f"*/*/{name}")
    return path


def verified(operator: Operator) -> tuple[int, str]:
    """`audit --verify` as somebody types it: its exit status, and all that it says in one line."""
    command = [sys.executable, "-m", "rolloutctl", "--config", str(operator.configuration), "audit", "lab", "--verify"]
    environment = {**os.environ, **operator.lab.client_env(), "COLUMNS": "400"}
    ran = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)
    assert ran.stderr == ""
    return ran.returncode, " ".join(ran.stdout.split())


def test_what_somebody_did_to_a_log_is_found_with_its_host_and_line(fresh: Lab, hire: Hire) -> None:
    operator, host = hire(fresh), fresh.hosts[1]
    for wish in (True, False):
        assert operator.toggle("customer_portal", wish).exit_status == 0
    log, head = file_of(host), file_of(host, "audit.head")
    whole, named = log.read_text(), head.read_text()
    lines = whole.splitlines(keepends=True)
    damages: list[tuple[str, str, str]] = [
        (whole.replace('"kept"', '"kepT"', 1), named, "line 3 does not follow the line before it"),
        (whole[::-1].replace("tpek", "tpeK", 1)[::-1], named, "line 4 is not as it was written, says audit.head"),
        ("".join(lines[:3]), named, GONE),
        (whole[:-20], named, GONE),
        ("".join([lines[0], lines[2], lines[1], lines[3]]), named, "line 2 does not follow the line before it"),
        ("".join([*lines[:2], lines[1], *lines[2:]]), named, "line 3 does not follow the line before it"),
        (whole, "", "line 4 is not named by audit.head any more: that file is gone"),
        ("".join(lines[:2]), f"2 {named[2:]}", "line 2 is not as it was written, says audit.head"),
    ]
    assert all(each.ok for each in operator.verify())

    for text, beside, problem in damages:
        log.write_text(text)
        head.write_text(beside)
        found = {each.name: each.problem for each in operator.verify()}
        assert found == {"web-1": None, "web-2": problem, "web-3": None}

    status, said = verified(operator)
    assert (status, said.partition("✗ ")[2].partition(" ✓")[0]) == (6, f"lab web-2 {problem}")
    assert "changed the log of web-2. Keep a copy of audit.jsonl and audit.head from there" in said
    assert said.endswith("/lab/web-2.jsonl")
    assert said.count("4 records, nothing changed or lost") == 2
    log.write_text(whole)
    head.write_text(named)
    assert verified(operator)[0] == 0


@pytest.mark.parametrize("name", ["audit.jsonl", "audit.head"])
def test_a_log_that_cannot_be_written_stops_a_widening_and_no_switch_off(fresh: Lab, hire: Hire, name: str) -> None:
    host = fresh.hosts[0]
    operator = hire(fresh, hosts=[host])
    assert operator.toggle("customer_portal", True).exit_status == 0
    file = file_of(host, name)
    away = file.with_name("away")
    file.rename(away)
    file.mkdir()
    before = host.env_path.read_bytes()

    refused = operator.toggle("bulk_export", True)

    assert (refused.exit_status, host.env_path.read_bytes()) == (3, before), refused.said
    assert "record" in refused.said
    off = operator.toggle("customer_portal", False)
    assert (off.exit_status, host.portal()) == (0, 404), off.said
    owed = [(fields["event"], fields["change"]) for fields in operator.mirror.owed("lab", "web-1")]
    assert owed == [("started", off.change), ("kept", off.change)]

    file.rmdir()
    away.rename(file)
    paid = operator.toggle("bulk_export", True)
    assert (paid.exit_status, operator.mirror.owed("lab", "web-1")) == (0, ())
    late = [record.change for record in log_of(host) if record.data.get("late")]
    assert (late, events_of(host)) == ([off.change] * 2, ["started", "kept"] * 3)
    assert verify(whole_log_of(host)) is None
    assert [each.problem for each in operator.verify()] == [None]
