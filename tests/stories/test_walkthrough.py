"""docs/walkthrough.md, acted from its first line to its last: what it says is printed, and what /portal answers."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.lab.lab import Lab
from tests.outside.listeners import Hooked, webhooks
from tests.stories.traces import assert_nothing_is_left, secrets_in
from tests.stories.walk_ground import Ground
from tests.stories.walk_page import Command, Seen, scenes

pytestmark = [pytest.mark.lab, pytest.mark.timeout(300)]

ANNOUNCED = (
    "Customer portal: ready to be tried in staging",
    "Customer portal: its code comes to production, switched off",
    "Customer portal: now in pilot, for 2 companies",
    "Customer portal: critical incident in production",
    "Customer portal: the incident in production is over",
    "Customer portal is on for everyone",
)


def test_the_walkthrough_prints_what_it_shows_and_each_company_sees_what_it_says(fresh: Lab, tmp_path: Path) -> None:
    with webhooks(Hooked()) as channel:
        ground = Ground(tmp_path, fresh, channel)
        faults = [fault for scene in scenes() if (fault := fault_of(scene, ground))]
    assert not faults, "\n\n".join(faults)
    assert tuple(text["text"].split("*")[1] for _, _, text in channel.taken) == ANNOUNCED
    assert (ground.clone / "report.html").read_text().startswith("<!DOCTYPE html>")
    assert "BEGIN:VEVENT" in (ground.clone / "portal.ics").read_text()
    assert_nothing_is_left(fresh)
    assert secrets_in(fresh, ground.said) == []


def fault_of(scene: Command | Seen, ground: Ground) -> str:
    """What of a scene is not as the page says; empty when all is."""
    if isinstance(scene, Seen):
        answers = {host.name: {each: host.portal(each) for each in scene.answers} for host in ground.production}
        return "" if all(seen == scene.answers for seen in answers.values()) else f"/portal: {scene.answers}, {answers}"
    status, printed = ground.act(scene)
    missing = scene.missing_in(printed)
    if (status, missing) == (scene.status, None):
        return ""
    return f"$ {scene.line}\nexit {status}, and not printed there: {missing!r}\n{printed}"


@pytest.mark.parametrize(
    ("shown", "missing"),
    [
        (("one", "…", "t… <id>"), None),
        (("two 2", "one"), "one"),
        (("on",), "on"),
        (("one", "one"), "one"),
    ],
)
def test_a_line_of_the_page_has_to_be_printed_whole_and_in_its_place(
    shown: tuple[str, ...], missing: str | None
) -> None:
    assert Command("rolloutctl", 0, shown).missing_in("one\n\ntwo 2\n") == missing
