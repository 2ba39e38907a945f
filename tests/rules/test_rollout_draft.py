"""A first plan of a rollout: for which environment, and what its lines say when they are read again."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rolloutctl.outside.yaml_tree import read_tree
from rolloutctl.rules.config import Configuration
from rolloutctl.rules.config_reading import read_configuration
from rolloutctl.rules.rollout_draft import Draft, lines_of, target_of, tried_in
from rolloutctl.rules.rollouts import CompanySource, Gates, Phase, Preparation, Rollout, Validation

DAY = 86400.0
DARK = Phase(name="dark", audience="nobody", soak=DAY)
FULL = Phase(name="full", audience="everyone")
FIVE_WEEKS = (
    Preparation(name="development", days=15),
    Preparation(name="staging validation", days=5, validation=True),
    Preparation(name="production deployment", days=5),
)
BY_PRODUCT = Gates(signoffs=("product",))


def read(*environments: str, rollout: str = "") -> Configuration:
    head = "version: 1\nflags: {portal: {companies_key: COMPANIES}}\ndefaults: {connection: embedded}\nenvironments:\n"
    text = head + "".join(f"  {each}\n" for each in environments) + rollout
    root, faults = read_tree(text)
    return read_configuration(root, path=Path("/team/environments.yaml"), secrets={}, faults=faults)


def planned(draft: Draft) -> Rollout:
    """What the lines of a draft say in a file."""
    lines = "".join(f"    {line}\n" for line in lines_of(draft))
    return read("staging:", "production:", rollout=f"rollouts:\n  portal:\n{lines}").rollout("portal")


@pytest.mark.parametrize(
    ("environments", "target"),
    [
        (["live: {protected: true}", "production:"], "production"),
        (["staging:", "live: {protected: true}"], "live"),
        (["eu: {protected: true}", "us: {protected: true}"], ""),
        (["staging:"], ""),
    ],
)
def test_a_rollout_is_for_production_or_the_only_protected_environment(environments: list[str], target: str) -> None:
    assert target_of(read(*environments)) == target


@pytest.mark.parametrize(
    ("environments", "tried"),
    [
        (["staging:", "live:"], "staging"),
        (["uat:", "staging:", "live: {requires: [uat]}"], "staging"),
        (["uat:", "live: {requires: [uat]}"], "uat"),
        (["uat:", "live:"], ""),
    ],
)
def test_a_feature_is_tried_in_staging_or_where_the_target_requires_it(environments: list[str], tried: str) -> None:
    assert tried_in(read(*environments), "live") == tried


def test_in_staging_itself_nothing_comes_before() -> None:
    assert tried_in(read("staging:", "production:"), "staging") == ""


def test_with_all_that_is_known_the_plan_is_the_whole_way() -> None:
    draft = Draft(
        flag="portal",
        limitable=True,
        environment="production",
        validate="staging",
        zone="Europe/Berlin",
        pilots=(15, 42),
        file="sizes.csv",
    )
    assert planned(draft) == Rollout(
        flag="portal",
        environment="production",
        companies=CompanySource(file="/team/sizes.csv"),
        validate=Validation(
            environment="staging", checklist="/team/checklists/portal.yaml", signoffs=("qa", "product")
        ),
        phases=(
            DARK,
            Phase(name="pilot", companies=(15, 42), soak=7 * DAY, gates=BY_PRODUCT),
            Phase(name="10%", percent=10, soak=7 * DAY),
            Phase(name="50%", percent=50, soak=7 * DAY, gates=BY_PRODUCT),
            FULL,
        ),
        zone="Europe/Berlin",
        timeline=FIVE_WEEKS,
    )


def test_without_a_list_of_companies_no_phase_has_a_percentage() -> None:
    draft = Draft(flag="portal", limitable=True, environment="production", pilots=(15,))
    pilot = Phase(name="pilot", companies=(15,), soak=7 * DAY, gates=BY_PRODUCT)
    phases = (DARK, pilot, FULL)
    assert planned(draft) == Rollout(flag="portal", environment="production", phases=phases, timeline=FIVE_WEEKS)


def test_what_stands_in_comments_is_right_once_it_is_completed() -> None:
    lines = lines_of(Draft(flag="portal", limitable=True, environment="production", pilots=(15,)))
    uncommented = [re.sub("^( *)# (- |[a-z]+:)", r"\1\2", line).replace("YYYY-MM-DD", "2025-11-24") for line in lines]
    text = "".join(f"    {line}\n" for line in uncommented).replace("YYYY", "2025")
    rollout = read("staging:", "production:", rollout=f"rollouts:\n  portal:\n{text}").rollout("portal")
    assert rollout.names == ("dark", "pilot", "10%", "50%", "full")
    assert rollout.start is not None
    assert (rollout.zone, len(rollout.holidays)) == ("Europe/Berlin", 2)
    assert rollout.companies == CompanySource(file="/team/companies.csv")
    assert rollout.validate is not None
    assert rollout.validate.checklist == "/team/checklists/portal.yaml"


def test_a_flag_without_a_list_goes_from_nobody_to_everyone() -> None:
    draft = Draft(flag="portal", limitable=False, environment="production")
    phases = (DARK, FULL)
    assert planned(draft) == Rollout(flag="portal", environment="production", phases=phases, timeline=FIVE_WEEKS)


@given(
    st.text(st.characters(categories=["L", "N", "P", "S"], include_characters=" ")).filter(lambda text: text.strip())
)
def test_whatever_the_shell_line_is_it_arrives_as_it_was_given(line: str) -> None:
    draft = Draft(flag="portal", limitable=True, environment="production", pilots=(15,), run=line)
    assert planned(draft).companies == CompanySource(run=line)
