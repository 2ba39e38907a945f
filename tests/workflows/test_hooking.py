"""Hooks of changes on two embedded hosts: one before may refuse a widening, and none is in the way of a switch-off."""

from __future__ import annotations

import json
from typing import Any

import pytest
from msgspec.structs import replace

from rolloutctl.errors import Refused
from rolloutctl.outside.hooks import run_hook
from rolloutctl.outside.yaml_file import load
from rolloutctl.rules.hooks import Hook
from rolloutctl.rules.plans import Wish
from rolloutctl.workflows.hooking import tell_guard, tell_phase
from rolloutctl.workflows.toggle import Request as Toggle
from rolloutctl.workflows.toggle import toggle
from rolloutctl.workflows.tools import Options, Tools
from tests.workflows.conftest import PAIR, Pair

FLAG = "customer_portal"
TOLD = """\
hooks:
  before-change: [{run: "cat >>before; test ! -e no"}]
  after-change: [{run: "cat >>after"}, {run: "echo no room >&2; exit 9"}]
  change-failed: [{run: "cat >>failed"}]
  phase-changed: [{run: "cat >>phase"}]
  guard-fired: [{run: "cat >>guard"}]
"""


def hooked(pair: Pair) -> Pair:
    path = pair.folder / "environments.yaml"
    path.write_text(PAIR + TOLD)
    pair.tools = replace(pair.tools, configuration=load(path, {}), hooks=run_hook)
    return pair


def told(pair: Pair, name: str) -> list[dict[str, Any]]:
    path = pair.folder / name
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def test_a_hook_before_a_change_gets_the_plan_and_may_refuse_it(pair: Pair) -> None:
    hooked(pair)
    (pair.folder / "no").touch()
    with pytest.raises(Refused, match=r"does not let it through: exit 1\.") as raised:
        pair.switch(FLAG, True)
    assert raised.value.state == "Nothing was changed on any host."
    assert ("FEATURE_CUSTOMER_PORTAL=false" in pair.env("web-1"), told(pair, "after")) == (True, [])
    (document,) = told(pair, "before")
    assert (document["hook"], document["actor"]) == ("before-change", "tester@example.com")
    assert (document["change"]["result"], document["change"]["to"]["enabled"]) == ("planned", True)


def test_a_switch_off_asks_no_hook_before_and_every_one_is_told_behind(pair: Pair) -> None:
    hooked(pair)
    on = pair.switch(FLAG, True)
    (pair.folder / "no").touch()
    off = pair.switch(FLAG, False)
    assert (on.result, off.result, len(told(pair, "before"))) == ("kept", "kept", 1)
    assert "after-change: `echo no room >&2; exit 9` failed: exit 9: no room." in off.notes
    first, second = (document["change"] for document in told(pair, "after"))
    assert (first["id"], second["id"]) == (on.plan.change, off.plan.change)
    assert (second["result"], [host["result"] for host in second["hosts"]]) == ("kept", ["kept", "kept"])
    assert told(pair, "failed") == told(pair, "phase") == []
    assert pair.switch(FLAG, False).result == "unchanged"
    assert len(told(pair, "after")) == 2


def test_a_change_that_went_back_is_told_as_failed(pair: Pair) -> None:
    hooked(pair).switch("bulk_export", True)
    (pair.folder / "demo/hosts/web-1/break/restart-once").write_text("php-fpm is not well")
    done = pair.switch(FLAG, True)
    assert done.result == "reverted"
    (document,) = told(pair, "failed")
    assert (document["change"]["result"], document["error"]["exit_status"]) == ("reverted", 4)
    assert len(told(pair, "after")) == 1


def test_a_guard_and_a_phase_without_a_change_are_told(pair: Pair) -> None:
    done = hooked(pair).switch(FLAG, False)
    about = replace(done, plan=replace(done.plan, about={"phase": "dark"}))
    assert tell_phase(about, pair.tools).notes == done.notes
    assert tell_guard(done, "guard: errors", pair.tools) == ()
    assert told(pair, "phase")[0]["change"]["rollout"] == {"phase": "dark"}
    assert told(pair, "guard")[0]["reason"] == "guard: errors"


def test_an_interruption_while_a_hook_runs_does_not_unmake_the_change(pair: Pair) -> None:
    def interrupt(_hook: Hook, document: dict[str, Any]) -> str:
        if document["hook"] == "after-change":
            raise KeyboardInterrupt
        return ""

    tools: Tools = hooked(pair).tools
    pair.tools = replace(tools, hooks=interrupt)
    done = pair.switch(FLAG, True)
    assert (done.result, done.notes[-1]) == ("kept", "Interrupted: not every hook was waited for.")


def test_taking_companies_away_asks_no_hook_also_where_the_cache_shows_it_to_nobody(pair: Pair) -> None:
    hooked(pair).switch(FLAG, False)
    (pair.folder / "no").touch()
    for host in ("web-1", "web-2"):
        env = pair.folder / "demo/hosts" / host / "app/.env"
        text = "".join(line for line in env.read_text().splitlines(keepends=True) if "CUSTOMER_PORTAL" not in line)
        env.write_text(f"{text}FEATURE_CUSTOMER_PORTAL=true\nFEATURE_CUSTOMER_PORTAL_TEST_COMPANIES=15,42\n")
    added = Toggle("pair", FLAG, Wish(True, add=(103,)))
    with pytest.raises(Refused, match="does not let it through"):
        toggle(added, Options(), pair.tools, pair.desk)
    taken = toggle(Toggle("pair", FLAG, Wish(True, remove=(42,))), Options(), pair.tools, pair.desk)
    assert (taken.result, taken.plan.narrow) == ("kept", False)
    assert "FEATURE_CUSTOMER_PORTAL_TEST_COMPANIES=15\n" in pair.env("web-2")
