"""The automatic items of a checklist, looked at on real hosts: what passes, what fails, and what nobody could see."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

import pytest

from rolloutctl.outside.checklist_files import load_checklist, write_template
from rolloutctl.rules.checklists import Checklist, CheckRequest, Group, Item
from rolloutctl.workflows.checking import run_checks
from tests.lab.lab import Lab
from tests.stories.conftest import Hire
from tests.stories.operator import Operator
from tests.stories.traces import contents, log_of

pytestmark = pytest.mark.lab

ITEMS = (
    Item(id="by-hand", what="Somebody sees it"),
    Item(id="off-404", what="Off, it is gone", when="off", request=CheckRequest(path="/portal", expect=(404,))),
    Item(id="on", what="On, it answers", when="on", request=CheckRequest(path="/portal", headers={"X-Company": "15"})),
    Item(id="wrong", what="Not as expected", request=CheckRequest(path="/admin/login", expect=(302, 404))),
    Item(id="health", what="It is well", request=CheckRequest(path="/health", json={"status": "ok"})),
    Item(id="here", what="Runs in the application's folder", run="test -f artisan && echo all && echo here"),
    Item(id="fails", what="Ends badly", run='echo started; echo "found $(grep APP_KEY .env)" >&2; exit 3'),
    Item(id="hangs", what="Takes too long", run="sleep 60", timeout=1.0),
)


def listed(items: Iterable[Item] = ITEMS) -> Checklist:
    return Checklist(path="list.yaml", title="Portal", groups=(Group(name="all", items=tuple(items)),))


def looked_at(
    operator: Operator, checklist: Checklist, only: Iterable[str] | None = None
) -> dict[str, tuple[str, str]]:
    """Each item's outcome and evidence."""
    configuration = operator.tools.configuration
    runs = run_checks(
        checklist, configuration.environment("lab"), configuration.flag("customer_portal"), operator.tools, only
    )
    operator.seen.append(runs)
    return {run.item.id: (run.outcome, run.evidence) for run in runs}


def test_every_host_is_asked_the_first_one_runs_commands_and_nothing_is_changed(fresh: Lab, hire: Hire) -> None:
    before, operator = contents(fresh), hire(fresh)

    found = looked_at(operator, listed())

    assert list(found) == [item.id for item in ITEMS if item.automatic]
    outcome, evidence = found.pop("fails")
    assert (outcome, evidence) == ("failed", "exit 3 on web-1: found APP_KEY=•••")
    for name in ("off-404", "health"):
        outcome, evidence = found.pop(name)
        assert outcome == "passed"
        assert evidence.startswith(f"{404 if name == 'off-404' else 200} on web-1, web-2 and web-3, ")
    assert found == {
        "on": ("not looked", "needs the flag on"),
        "wrong": ("failed", "; ".join(f"web-{number}: 200, expected 302 or 404" for number in (1, 2, 3))),
        "here": ("passed", "exit 0 on web-1: here"),
        "hangs": ("failed", "no end within 1s on web-1"),
    }
    assert contents(fresh) == before
    assert [log_of(host) for host in fresh.hosts] == [()] * 3


def test_what_the_flag_is_decides_what_is_looked_at(fresh: Lab, hire: Hire) -> None:
    operator = hire(fresh)
    assert operator.toggle("customer_portal", True).exit_status == 0

    found = looked_at(operator, listed(), ["on", "off-404"])

    assert found["on"][0] == "passed"
    assert found["off-404"] == ("not looked", "needs the flag off")

    fresh.hosts[1].edit_env("FEATURE_CUSTOMER_PORTAL=true", "FEATURE_CUSTOMER_PORTAL=false")
    fresh.hosts[1].rebuild_cache()
    assert looked_at(operator, listed(), ["on"]) == {"on": ("not looked", "needs the flag on, also on web-2")}


def test_a_host_that_is_down_leaves_items_as_they_were_but_hides_no_failure(fresh: Lab, hire: Hire) -> None:
    operator = hire(fresh)
    fresh.hosts[0].stop_sshd()

    found = looked_at(operator, listed(), ["health", "wrong", "here"])

    assert found["wrong"] == ("failed", "web-2: 200, expected 302 or 404; web-3: 200, expected 302 or 404")
    for name in ("health", "here"):
        outcome, evidence = found[name]
        assert outcome == "not looked"
        assert evidence.startswith("web-1: cannot be reached: ")


def test_an_answer_that_is_right_but_late_fails(fresh: Lab, hire: Hire) -> None:
    fresh.hosts[1].make_ill(how="silent")
    slow = Item(id="fast", what="It is fast", request=CheckRequest(path="/admin/login", expect=(200, 500), within=1.0))

    outcome, evidence = looked_at(hire(fresh), listed([slow]))["fast"]

    assert outcome == "failed"
    assert re.fullmatch(r"web-2: 500 after [5-9],\d{3} ms, expected within 1s", evidence)


def test_the_shipped_list_looks_at_a_real_application(fresh: Lab, hire: Hire, tmp_path: Path) -> None:
    write_template(tmp_path / "list.yaml", "customer_portal")
    shipped, operator = load_checklist(tmp_path / "list.yaml"), hire(fresh)

    outcomes = {name: outcome for name, (outcome, _) in looked_at(operator, shipped).items()}

    assert outcomes == {
        "login-needed": "not looked",  # the flag is off
        "admin-login": "passed",
        "off-404": "passed",
        "on-answers": "not looked",
        "fast-portal": "not looked",
        "health": "passed",
        "log-clean": "passed",
        "debug-off": "passed",
        "config-cached": "passed",
        "migrations": "failed",  # there is no database
    }
    host = fresh.hosts[0]
    host.edit_env("APP_DEBUG=false", "APP_DEBUG=true")
    host.rebuild_cache()
    assert looked_at(operator, shipped, ["debug-off"])["debug-off"][0] == "failed"
    host.cache_path.unlink()
    assert looked_at(operator, shipped, ["config-cached"])["config-cached"][0] == "failed"
