"""init --rollout at the front desk: its questions, its refusals, and what it adds to the file."""

from __future__ import annotations

from contextlib import chdir, redirect_stderr, redirect_stdout
from io import StringIO
from pathlib import Path

import pytest

from rolloutctl.cli import main
from rolloutctl.cli.invocation import Invocation
from rolloutctl.outside.checklist_files import load_checklist
from rolloutctl.outside.yaml_file import load
from rolloutctl.rules.rollouts import CompanySource, Rollout
from tests.cli.shell import Ran, Shell

TEXT = """\
# The team's.
version: 1
defaults: {connection: embedded}
flags:
  customer_portal:
    companies_key: FEATURE_CUSTOMER_PORTAL_TEST_COMPANIES
    probes: [{path: /login, always: 200}, {path: /my-portal, off: [404], on: [200]}]
  bulk_export:
environments:
  staging:   {url: http://staging.localhost}   # spaced by hand
  production: {protected: true, freeze: [{from: "Fri 15:00", to: "Mon 08:00", zone: Europe/Berlin}]}
"""
PORTAL = ("init", "--rollout", "customer_portal")
LISTED = ("--pilot", "42, 15", "--companies-run", "bin/companies --all")


class Planner(Shell):
    """An operator with an environments.yaml that plans no rollout yet."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder, TEXT)

    def run_here(self, *words: str) -> Ran:
        """As `run`, without a process of its own: without a terminal all the same."""
        with chdir(self.folder), redirect_stdout(StringIO()) as out, redirect_stderr(StringIO()) as err:
            status = main.run(Invocation(words))
        return Ran(status, out.getvalue(), err.getvalue())

    def planned(self, flag: str = "customer_portal") -> Rollout:
        """What the file plans now; all else in it is as it was."""
        text = self.configuration.read_text(encoding="utf-8")
        assert text.startswith(TEXT)
        return load(self.configuration, {}).rollout(flag)

    @property
    def untouched(self) -> bool:
        """Whether there is nothing but the file as it was."""
        left = [path.name for path in self.folder.iterdir()]
        return left == ["environments.yaml"] and self.configuration.read_text(encoding="utf-8") == TEXT


@pytest.fixture
def planner(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Planner:
    monkeypatch.delenv("COLUMNS", raising=False)  # a pipe has no width
    monkeypatch.delenv("ROLLOUTCTL_CONFIG", raising=False)
    return Planner(tmp_path)


def test_the_options_make_a_whole_plan_and_its_checklist(planner: Planner) -> None:
    ran = planner.run(*PORTAL, *LISTED)

    assert (ran.status, ran.err) == (0, "")
    rollout = planner.planned()
    assert (rollout.environment, rollout.zone, rollout.pilots) == ("production", "Europe/Berlin", (15, 42))
    assert rollout.names == ("dark", "pilot", "10%", "50%", "full")
    assert rollout.companies == CompanySource(run="bin/companies --all")
    assert rollout.validate is not None
    assert (rollout.validate.environment, rollout.validate.signoffs) == ("staging", ("qa", "product"))
    checklist = planner.folder / "checklists" / "customer_portal.yaml"
    assert rollout.validate.checklist == str(checklist)
    assert load_checklist(checklist).groups
    assert "/my-portal" in checklist.read_text(encoding="utf-8")
    assert "  pilot      companies 15 and 42   for 7d" in ran.out
    assert f"Written into {planner.configuration}" in ran.out
    assert f"Next: rolloutctl --config {planner.configuration} rollout plan customer_portal\n" in ran.out


def test_a_dry_run_prints_what_would_be_added_and_writes_nothing(planner: Planner) -> None:
    ran = planner.run_here(*PORTAL, *LISTED, "--dry-run")
    assert (ran.status, ran.err) == (0, "")
    assert planner.untouched
    planner.configuration.write_text(TEXT + ran.out, encoding="utf-8")
    assert planner.planned().names == ("dark", "pilot", "10%", "50%", "full")


def test_a_second_rollout_follows_the_first_and_a_third_is_refused(planner: Planner) -> None:
    assert planner.run_here(*PORTAL, *LISTED).status == 0
    first = planner.configuration.read_text(encoding="utf-8")

    second = planner.run_here("init", "--rollout", "bulk_export")

    assert second.status == 0
    assert planner.configuration.read_text(encoding="utf-8").startswith(first)
    assert list(load(planner.configuration, {}).rollouts) == ["customer_portal", "bulk_export"]
    third = planner.run_here(*PORTAL, *LISTED)
    assert (third.status, third.out) == (3, "")
    assert "A rollout is planned for customer_portal already." in third.err
    assert "Next: rolloutctl rollout plan customer_portal" in third.err


def test_a_flag_without_a_list_goes_from_nobody_to_everyone_and_is_told_why(planner: Planner) -> None:
    ran = planner.run_here("init", "--rollout", "bulk_export")
    assert ran.status == 0
    assert planner.planned("bulk_export").names == ("dark", "full")
    assert "bulk_export has no companies_key: it can only go from nobody to everyone." in ran.out


def test_without_a_list_of_all_companies_the_percentages_wait_in_comments(planner: Planner) -> None:
    ran = planner.run_here(*PORTAL, "--pilot", "15", "--yes")
    assert ran.status == 0
    assert planner.planned().names == ("dark", "pilot", "full")
    assert "the phases for 10% and 50% stand in comments" in ran.out
    assert "      # - {name: 10%, percent: 10, soak: 7d}\n" in planner.configuration.read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("given", "written"),
    [
        ("lists/sizes.csv", "lists/sizes.csv"),
        ("../sizes.csv", "{parent}/sizes.csv"),
        ("/srv/sizes.csv", "/srv/sizes.csv"),
        ("~/sizes.csv", '"~/sizes.csv"'),
    ],
)
def test_a_companies_file_is_written_as_the_plan_means_it(planner: Planner, given: str, written: str) -> None:
    assert planner.run_here(*PORTAL, "--pilot", "15", "--companies-file", given).status == 0
    line = f"    companies: {{file: {written.format(parent=planner.folder.parent)}}}\n"
    assert line in planner.configuration.read_text(encoding="utf-8")


def test_the_file_is_found_from_a_folder_below_and_the_companies_too(planner: Planner) -> None:
    below = planner.folder / "below"
    below.mkdir()
    with chdir(below), redirect_stdout(StringIO()) as out:
        words = (*PORTAL, "--pilot", "15", "--companies-file", "sizes.csv")
        assert main.run(Invocation(words)) == 0
    assert planner.planned().companies == CompanySource(file=str(below / "sizes.csv"))
    assert "Next: rolloutctl rollout plan customer_portal\n" in out.getvalue()
    assert (planner.folder / "checklists" / "customer_portal.yaml").exists()


def test_another_environment_can_be_named(planner: Planner) -> None:
    ran = planner.run_here(*PORTAL, *LISTED, "--environment", "staging")
    assert ran.status == 0
    rollout = planner.planned()
    assert (rollout.environment, rollout.validate) == ("staging", None)
    assert "No environment is known in which it is tried before staging" in ran.out
    assert not (planner.folder / "checklists").exists()


def test_a_checklist_that_is_there_is_left_as_it_is(planner: Planner) -> None:
    checklist = planner.folder / "checklists" / "customer_portal.yaml"
    checklist.parent.mkdir()
    checklist.write_text("# mine\n")
    ran = planner.run_here(*PORTAL, *LISTED)
    assert ran.status == 0
    assert checklist.read_text() == "# mine\n"
    assert "checklists/customer_portal.yaml was there already" in ran.out


def test_where_no_checklist_can_be_written_no_plan_is(planner: Planner) -> None:
    (planner.folder / "checklists").write_text("a file\n")
    ran = planner.run_here(*PORTAL, *LISTED)
    assert (ran.status, ran.out) == (3, "")
    assert "checklists/customer_portal.yaml" in ran.err
    assert planner.configuration.read_text(encoding="utf-8") == TEXT


def test_a_file_that_can_not_be_added_to_is_told_what_to_add_by_hand(planner: Planner) -> None:
    planner.configuration.write_text(TEXT + "rollouts: {}\n", encoding="utf-8")
    ran = planner.run_here(*PORTAL, *LISTED)
    assert (ran.status, ran.out) == (3, "")
    assert "Nothing was written. Add this below `rollouts:`, by hand:" in ran.err
    assert "    - {name: pilot, companies: [15, 42], soak: 7d, gates: {signoffs: [product]}}\n" in ran.err
    assert planner.configuration.read_text(encoding="utf-8") == TEXT + "rollouts: {}\n"
    assert not (planner.folder / "checklists").exists()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--rollout", "customer_portla"], "There is no flag 'customer_portla'. Did you mean 'customer_portal'?"),
        ([*PORTAL[1:], *LISTED, "--environment", "prod"], "There is no environment 'prod'. Did you mean 'production'?"),
        ([*PORTAL[1:], "--pilot", "acme"], "--pilot acme: 'acme' is not a company's number."),
        ([*PORTAL[1:], *LISTED, "--companies-file", "x"], "--companies-run or --companies-file"),
        ([*PORTAL[1:], "--pilot", "15", "--companies-run", "a\nb"], "a line break"),
        (["--rollout", "bulk_export", "--pilot", "15"], "--pilot: bulk_export can't be limited to companies"),
        ([*PORTAL[1:], "web-1"], "HOST is about a host"),
        ([*PORTAL[1:], "--no-look"], "--no-look is about a host"),
        (["web-1", "--pilot", "15"], "--pilot is about a rollout"),
    ],
)
def test_what_does_not_fit_is_wrong_usage(planner: Planner, words: list[str], said: str) -> None:
    ran = planner.run_here("init", *words)
    assert (ran.status, ran.out) == (2, "")
    assert said in ran.err
    assert planner.untouched


@pytest.mark.parametrize(
    ("words", "hint"),
    [
        ([], "Give it: --pilot 15,42"),
        (["--yes"], "Give it: --pilot 15,42"),
        (["--pilot", "15"], "Give it: --companies-run COMMAND, or --companies-file PATH"),
    ],
)
def test_without_a_terminal_it_names_the_option_that_is_missing(planner: Planner, words: list[str], hint: str) -> None:
    ran = planner.run_here(*PORTAL, *words)
    assert (ran.status, ran.out) == (3, "")
    assert hint in ran.err
    assert planner.untouched


def test_a_person_is_asked_for_what_nobody_can_guess(planner: Planner) -> None:
    text = TEXT.replace("production:", "eu:") + "  us: {protected: true}\n"
    planner.configuration.write_text(text, encoding="utf-8")
    ran = planner.type(
        *PORTAL,
        answers=[
            ("Where is it rolled out? ", "mars\n"),
            ("Where is it rolled out? ", "2\n"),
            ("see it first? 15,42 ", "all\n"),
            ("see it first? 15,42 ", "42 15\n"),
            ("A shell line: [not known yet] ", "bin/companies\n"),
            ("Next:", ""),
        ],
    )
    assert ran.status == 0
    rollout = load(planner.configuration, {}).rollout("customer_portal")
    assert "It is one of staging, eu, us." in ran.out
    assert (rollout.environment, rollout.pilots) == ("eu", (15, 42))
    assert rollout.companies == CompanySource(run="bin/companies")
