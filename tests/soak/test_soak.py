"""One short round of the soak, and that a breach of what is promised would be seen; `make soak` plays many."""

from __future__ import annotations

import hashlib
import json

import pytest

from rolloutctl.rules.records import Log
from tests.soak.ground import Ground
from tests.soak.invariants import check, files, log
from tests.soak.play import play
from tests.soak.script import Blow, Order, Script, draw, kept, read

pytestmark = [pytest.mark.lab, pytest.mark.xdist_group("soak"), pytest.mark.timeout(300)]


def test_a_seed_draws_the_same_round_each_time_and_it_can_be_written_and_read() -> None:
    scripts = [draw(seed) for seed in range(200)]
    assert scripts == [read(draw(seed).written()) for seed in range(200)]
    assert len({script.orders for script in scripts}) == 200
    assert all(script.found for script in kept())


def test_in_a_round_of_operators_and_faults_nothing_is_lost(ground: Ground) -> None:
    played = play(SHORT, ground)
    check(played)
    assert played.problems == [], played.log()


def test_an_edit_that_is_lost_would_be_seen(ground: Ground) -> None:
    played = play(Script(0, (("web-1", "web-2", "web-3"),), (), ()), ground)
    first, second, third = ground.lab.hosts
    first.edit_env("\nLOG_LEVEL=warning", "\nLOG_LEVEL=debug")
    second.edit_env("\nFEATURE_CUSTOMER_PORTAL_TEST_COMPANIES=", "\nFEATURE_CUSTOMER_PORTAL_TEST_COMPANIES=99")
    ground.person.edits[third.name] = [("", "# an edit that was lost\n")]

    breaches = tuple(files(played))

    assert [breach.partition(":")[0] for breach in breaches] == ["web-1", "web-2", "web-3"], breaches
    assert breaches[1] == "web-2: nobody asked for FEATURE_CUSTOMER_PORTAL_TEST_COMPANIES=99"


@pytest.mark.parametrize(
    ("events", "narrow"),
    [(("started",), False), (("started", "kept", "reverted"), False), (("kept",), False), (("started", "kept"), True)],
)
def test_a_change_without_one_outcome_and_a_widening_in_disguise_would_be_seen(
    events: tuple[str, ...], narrow: bool
) -> None:
    lines, previous = list[str](), ""
    for event in events:
        to = {"enabled": True, "companies": []}
        fields = {"prev": previous, "change": "a1", "event": event, "narrow": narrow, "from": {}, "to": to}
        lines.append(json.dumps(fields))
        previous = hashlib.sha256(lines[-1].encode()).hexdigest()

    assert [breach for breach in log(Log("".join(f"{line}\n" for line in lines))) if "a1" in breach]


def test_a_change_that_was_killed_before_it_was_told_has_its_outcome_alone() -> None:
    fields = {"prev": "", "change": "a1", "event": "reverted", "cause": "interrupted", "from": {}, "to": {}}
    assert list(log(Log(json.dumps(fields) + "\n"))) == []
    assert list(log(Log(json.dumps({**fields, "cause": "another-host-failed"}) + "\n")))


SHORT = Script(
    seed=0,
    hosts=(("web-1", "web-2", "web-3"), ("web-3", "web-1", "web-2")),
    orders=(
        Order(0, 0, ("toggle", "lab", "customer_portal", "true", "--companies", "15", "--wait", "12s", "--json")),
        Order(0, 0.1, ("toggle", "lab", "customer_portal", "false", "--json")),
        Order(1, 0.2, ("toggle", "lab", "bulk_export", "true", "--wait", "12s")),
    ),
    blows=(
        Blow("edit .env", "web-2", 0, 0.1, "swapped", 0, "append"),
        Blow("cut connections", "web-1", 0, 0.3, "held", 0),
    ),
)
