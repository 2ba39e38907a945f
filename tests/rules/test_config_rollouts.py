"""What `rollouts` of environments.yaml means, and how each mistake in it is told."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from rolloutctl.errors import ConfigurationError, UsageError
from rolloutctl.outside.yaml_tree import read_tree
from rolloutctl.rules.config import Configuration
from rolloutctl.rules.config_reading import read_configuration
from rolloutctl.rules.rollouts import CompanySource, Gates, Phase, Preparation, Rollout, Validation

HEAD = """\
version: 1
flags:
  portal: {companies_key: PORTAL_COMPANIES}
  export:
environments:
  staging: {connection: embedded}
  production: {connection: embedded}
rollouts:
"""  # what follows begins on line 9
METRICS = "metrics: {errors: {source: log, limit: '<= 1'}, e: {source: log, limit: '<= 1'}}\n"  # at the end of a file
DARK = "- {name: dark, audience: nobody}"
FULL = "- {name: full, audience: everyone}"
WHOLE = """\
  portal:
    environment: production
    start: 2025-11-23
    zone: Europe/Berlin
    holidays: [2025-12-25, "2025-12-26"]
    weekend: [Fri, Sat]
    shared_roles: true
    timeline: [{name: development, days: 15}, {name: staging validation, days: 5, validation: true}]
    companies: {run: bin/companies, exclude: [7], timeout: 5s}
    validate: {environment: staging, checklist: checklists/portal.yaml, signoffs: [qa, product]}
    phases:
      - {name: dark,  audience: nobody,    soak: 24h}
      - {name: pilot, companies: [42, 15], soak: 7d, gates: {signoffs: [product], metrics: [errors], on_in: [staging]}}
      - {name: 10%,   percent: 10,         soak: 7d}
      - {name: 12.5%, percent: 12.5,       gates: {}}
      - {name: full,  audience: everyone,  soak: 1h, gates: null}
  export:
    environment: staging
    phases:
      - {name: full, audience: everyone}
"""


def read(text: str) -> Configuration:
    root, faults = read_tree(text)
    return read_configuration(root, path=Path("/team/environments.yaml"), secrets={}, faults=faults)


def told(text: str) -> list[str]:
    """The faults of a file, without its name."""
    with pytest.raises(ConfigurationError) as caught:
        read(text)
    return [line.removeprefix("environments.yaml:") for line in caught.value.details]


def planned(*lines: str, phases: tuple[str, ...] = (DARK, FULL), flag: str = "portal") -> str:
    """A file whose rollout begins on line 9 and has the lines, from 11 on, and then its phases."""
    written = ["environment: production", *lines, "phases:", *(f"  {line}" for line in phases)]
    return HEAD + f"  {flag}:\n" + "".join(f"    {line}\n" for line in written) + METRICS


def phased(*phases: str, flag: str = "portal") -> str:
    """A file whose rollout has the phases, on lines 13 to ..."""
    return planned("companies: {ids: [1, 2, 15, 42]}", phases=phases, flag=flag)


def test_every_key_of_a_rollout_arrives_as_a_resolved_value() -> None:
    portal = Rollout(
        flag="portal",
        environment="production",
        start=date(2025, 11, 23),
        companies=CompanySource(run="bin/companies", exclude=(7,), timeout=5.0),
        validate=Validation(
            environment="staging", checklist="/team/checklists/portal.yaml", signoffs=("qa", "product")
        ),
        phases=(
            Phase(name="dark", audience="nobody", soak=86400.0),
            Phase(
                name="pilot",
                companies=(42, 15),
                soak=7 * 86400.0,
                gates=Gates(signoffs=("product",), metrics=("errors",), on_in=("staging",)),
            ),
            Phase(name="10%", percent=10.0, soak=7 * 86400.0),
            Phase(name="12.5%", percent=12.5),
            Phase(name="full", audience="everyone", soak=3600.0),
        ),
        holidays=(date(2025, 12, 25), date(2025, 12, 26)),
        weekend=(4, 5),
        zone="Europe/Berlin",
        timeline=(
            Preparation(name="development", days=15),
            Preparation(name="staging validation", days=5, validation=True),
        ),
        shared_roles=True,
    )
    export = Rollout(flag="export", environment="staging", phases=(Phase(name="full", audience="everyone"),))
    found = read(HEAD + WHOLE + METRICS)
    assert found.rollouts == {"portal": portal, "export": export}
    assert list(found.rollouts) == ["portal", "export"]
    assert found.rollout("export") == export


def test_a_file_without_rollouts_has_none() -> None:
    assert read(HEAD).rollouts == {}
    assert read(HEAD.replace("rollouts:\n", "")).rollouts == {}


@pytest.mark.parametrize(
    ("written", "path"),
    [
        ("sizes.csv", "/team/sizes.csv"),
        ("../sizes.csv", "/team/../sizes.csv"),
        ("/srv/sizes.csv", "/srv/sizes.csv"),
        ("~/sizes.csv", "~/sizes.csv"),
    ],
)
def test_a_path_begins_beside_the_file_and_need_not_be_there(written: str, path: str) -> None:
    companies = f"companies: {{file: {written}}}"
    validate = f"validate: {{environment: staging, checklist: {written}}}"
    found = read(planned(companies, validate)).rollout("portal")
    assert found.companies == CompanySource(file=path)
    assert found.validate == Validation(environment="staging", checklist=path)


def test_a_weekend_may_be_of_no_day() -> None:
    assert read(planned("weekend: []")).rollout("portal").weekend == ()
    assert read(planned()).rollout("portal").weekend == (5, 6)


def test_a_flag_without_a_rollout_is_answered_with_how_to_plan_one() -> None:
    found = read(planned())
    with pytest.raises(UsageError, match=r"^No rollout is planned for the flag 'export'\.$") as caught:
        found.rollout("export")
    assert caught.value.hint == "Planned: portal. To plan it: rolloutctl init --rollout export"
    with pytest.raises(UsageError) as caught:
        read(HEAD).rollout("portal")
    assert caught.value.hint == "To plan it: rolloutctl init --rollout portal"


def test_a_misspelt_flag_is_answered_with_the_likely_one() -> None:
    with pytest.raises(UsageError, match=r"^There is no flag 'protal'\. Did you mean 'portal'\?$"):
        read(planned()).rollout("protal")


_ENVIRONMENT = "11: rollouts.portal.environment names no environment"
_DATE = "must be a date such as 2025-11-23"
_DATES = "must be a list of dates such as [2025-12-25, 2025-12-26]"
_DAYS = "must be a list of weekdays such as [Sat, Sun]"
_IDS = "must be a list of companies' ids, such as [15, 42]"
_ONE_SOURCE = "11: rollouts.portal.companies needs run, file or ids, and only one of them"
_NAMED = "must be letters, digits, '.', '_' and '-', a letter or digit first"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("rollouts: [a]\n", "8: rollouts must be a mapping of names: a list"),
        ("rollouts:\n  protal: {environment: staging, phases: [{name: full, audience: everyone}]}\n", None),
        ("rollouts:\n  portal:\n", "9: rollouts.portal must be a mapping: nothing"),
        ("rollouts:\n  portal: {environment: staging}\n", "9: rollouts.portal needs the key phases"),
        ("rollouts:\n  portal: {environment: staging, phases: }\n", "9: rollouts.portal.phases names no phase"),
        ("rollouts:\n  portal: {environment: staging, phases: []}\n", "9: rollouts.portal.phases names no phase"),
        (
            "rollouts:\n  portal: {environment: staging, phases: {}}\n",
            "9: rollouts.portal.phases must be a list: a mapping",
        ),
        (
            "rollouts:\n  portal: {phases: [{name: full, audience: everyone}]}\n",
            "9: rollouts.portal needs the key environment",
        ),
        (
            "rollouts:\n  portal: {environment: prod, phases: [{name: full, audience: everyone}]}\n",
            "9: rollouts.portal.environment names no environment: prod; did you mean 'production'?",
        ),
    ],
)
def test_a_fault_of_the_rollouts_names_its_line(text: str, expected: str | None) -> None:
    wanted = expected or "9: rollouts names no flag: protal; did you mean 'portal'?"
    assert told(HEAD.replace("rollouts:\n", text)) == [wanted]


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("strat: 2025-11-23", "unknown key in rollouts.portal: strat; did you mean 'start'?"),
        ("start: tomorrow", f".start {_DATE}: tomorrow"),
        ("start: 9999-12-31", f".start {_DATE}: 9999-12-31"),
        ("start: 2025-11-31", f".start {_DATE}: 2025-11-31"),
        ("start: 2025-1-1", f".start {_DATE}: 2025-1-1"),
        ("start: 20251123", f".start {_DATE}: 20251123"),
        ("zone: Europe/Berln", ".zone must be a time zone such as Europe/Berlin: Europe/Berln"),
        ("holidays: 2025-12-25", f".holidays {_DATES}: 2025-12-25"),
        ("holidays: [Christmas]", f".holidays {_DATES}: Christmas"),
        ("holidays: [2025-12-25, 2025-02-29]", f".holidays {_DATES}; there is no such day: 2025-02-29"),
        ("weekend: [Sat, Son]", f".weekend {_DAYS}: Son; did you mean 'Sun'?"),
        (
            "weekend: [Mon, Tue, Wed, Thu, Fri, Sat, Sun]",
            f".weekend {_DAYS}; a day on which a phase may begin has to be left",
        ),
        ("shared_roles: yes", ".shared_roles must be true or false: yes"),
        ("companies: [15]", ".companies must be a mapping: a list"),
        ("companies: {}", ".companies needs run, file or ids, and only one of them"),
        ("companies: {run: a, file: b}", ".companies needs run, file or ids, and only one of them"),
        ("companies: {file: a, ids: [1]}", ".companies needs run, file or ids, and only one of them"),
        ("companies: {rnu: a}", "unknown key in rollouts.portal.companies: rnu; did you mean 'run'?"),
        ("companies: {ids: []}", f".companies.ids {_IDS}, at least one: a list"),
        ("companies: {ids: [0]}", f".companies.ids {_IDS}, at least one: 0"),
        ("companies: {ids: [acme]}", f".companies.ids {_IDS}, at least one: acme"),
        ("companies: {ids: [15, 42, 15]}", ".companies.ids names 15 twice"),
        ("companies: {run: a, exclude: [-1]}", f".companies.exclude {_IDS}: -1"),
        ("companies: {run: a, exclude: [7, 7]}", ".companies.exclude names 7 twice"),
        (
            "companies: {run: a, timeout: soon}",
            ".companies.timeout must be a duration such as 30s, 10m, 24h or 7d: soon",
        ),
        ("validate: staging", ".validate must be a mapping: staging"),
        ("validate: {signoffs: [qa]}", ".validate needs the key environment"),
        (
            "validate: {environment: stagin}",
            ".validate.environment names no environment: stagin; did you mean 'staging'?",
        ),
        ("validate: {environment: productoin}", ".validate.environment names no environment: productoin"),
        (
            "validate: {environment: production}",
            ".validate.environment is the environment of the rollout itself: production",
        ),
        ("validate: {environment: staging, signoffs: [qa, qa]}", ".validate.signoffs names qa twice"),
        ("validate: {environment: staging, signoffs: qa}", ".validate.signoffs must be a list of names: qa"),
        (
            "validate: {environment: staging, checklist: 7}",
            ".validate.checklist must be text (put a number in quotes): 7",
        ),
        ("timeline: [{name: work}]", ".timeline[0] needs the key days"),
        ("timeline: [{name: work, days: 0}]", ".timeline[0].days must be a whole number of working days, 1 to 260: 0"),
        (
            "timeline: [{name: work, days: 2w}]",
            ".timeline[0].days must be a whole number of working days, 1 to 260: 2w",
        ),
        (
            "timeline: [{name: work, days: 1}, {name: Work, days: 1}]",
            ".timeline[1].name is taken; give each step of the way its own: Work",
        ),
        (
            "timeline: [{name: Full, days: 1}]",
            ".timeline[0].name is taken; give each step of the way its own: Full",
        ),
        (
            "timeline: [{name: a, days: 1, validation: true}, {name: b, days: 1, validation: true}]",
            ".timeline[1] is a second validation, and there is one: b",
        ),
    ],
)
def test_a_fault_of_a_rollout_names_its_line(line: str, expected: str) -> None:
    wanted = f"11: {expected}" if expected.startswith("unknown") else f"11: rollouts.portal{expected}"
    assert told(planned(line)) == [wanted]


_PERCENT = "must be a number above 0 and below 100, such as 10"
_ONE_WAY = " needs audience, companies or percent, and only one of them"
_WORD = "must be one word of letters, digits, '%', '.', '_' and '-' (put a number in quotes)"


@pytest.mark.parametrize(
    ("phase", "expected"),
    [
        ("dark", " must be a mapping: dark"),
        ("{audience: nobody}", " needs the key name"),
        ("{name: 10, audience: nobody}", f".name {_WORD}: 10"),
        ("{name: a b, audience: nobody}", f".name {_WORD}: a b"),
        ("{name: '%', audience: nobody}", f".name {_WORD}: %"),
        ("{name: Validate, audience: nobody}", ".name is what the time before the first phase is called: Validate"),
        ("{name: a}", f"{_ONE_WAY}: a"),
        ("{name: a, audience: null}", f"{_ONE_WAY}: a"),
        ("{name: a, audience: nobody, percent: 10}", f"{_ONE_WAY}: a"),
        ("{name: a, companies: [15], percent: 10}", f"{_ONE_WAY}: a"),
        ("{name: a, audience: nobdy}", ".audience must be nobody or everyone: nobdy; did you mean 'nobody'?"),
        ("{name: a, percent: 0}", f".percent {_PERCENT}: 0"),
        ("{name: a, percent: 100}", f".percent {_PERCENT}: 100"),
        ("{name: a, percent: -5}", f".percent {_PERCENT}: -5"),
        ("{name: a, percent: 10%}", f".percent {_PERCENT}: 10%"),
        ("{name: a, percent: true}", f".percent {_PERCENT}: true"),
        ("{name: a, companies: []}", f".companies {_IDS}, at least one: a list"),
        ("{name: a, companies: [0]}", f".companies {_IDS}, at least one: 0"),
        ("{name: a, companies: 15}", f".companies {_IDS}, at least one: 15"),
        ("{name: a, companies: [15, 15]}", ".companies names 15 twice"),
        ("{name: a, companies: [15, 43]}", ".companies names a company that rollouts.portal.companies.ids lacks: 43"),
        ("{name: a, audience: nobody, soak: 0}", ".soak must be a duration such as 30s, 10m, 24h or 7d: 0"),
        ("{name: a, audience: nobody, gates: [qa]}", ".gates must be a mapping: a list"),
        ("{name: a, audience: nobody, gates: {signoff: [qa]}}", None),
        ("{name: a, audience: nobody, gates: {signoffs: [qa, qa]}}", ".gates.signoffs names qa twice"),
        ("{name: a, audience: nobody, gates: {metrics: [e, e]}}", ".gates.metrics names e twice"),
        ("{name: a, audience: nobody, gates: {metrics: [a b]}}", ".gates.metrics must be a list of names: a b"),
        (
            "{name: a, audience: nobody, gates: {on_in: [stagng]}}",
            ".gates.on_in names no environment: stagng; did you mean 'staging'?",
        ),
        (
            "{name: a, audience: nobody, gates: {on_in: [production]}}",
            ".gates.on_in is the environment of the rollout itself: production",
        ),
    ],
)
def test_a_fault_of_a_phase_names_its_line(phase: str, expected: str | None) -> None:
    unknown = "unknown key in rollouts.portal.phases[0].gates: signoff; did you mean 'signoffs'?"
    wanted = f"13: rollouts.portal.phases[0]{expected}" if expected else f"13: {unknown}"
    assert told(phased(f"- {phase}", FULL)) == [wanted]


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        ("companies: [15]", "audience: nobody", " is for fewer than before, the phase before it: after"),
        ("percent: 10", "audience: nobody", " is for fewer than before, the phase before it: after"),
        ("percent: 10", "companies: [15]", " is for fewer than before, the phase before it: after"),
        ("percent: 50", "percent: 10", " is for fewer than before, the phase before it: after"),
        ("audience: everyone", "percent: 10", " comes after everyone sees the feature: after"),
        ("audience: everyone", "audience: everyone", " comes after everyone sees the feature: after"),
        (
            "companies: [42, 15]",
            "companies: [2, 42]",
            ".companies leaves out a company of before, the phase before it: 15",
        ),
    ],
)
def test_a_phase_for_fewer_than_the_one_before_is_a_fault(before: str, after: str, expected: str) -> None:
    text = phased(DARK, f"- {{name: before, {before}}}", f"- {{name: after, {after}}}")
    assert told(text) == [f"15: rollouts.portal.phases[2]{expected}"]


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("audience: nobody", "audience: nobody"),
        ("audience: nobody", "percent: 0.5"),
        ("companies: [15]", "companies: [42, 15]"),
        ("companies: [15]", "percent: 0.5"),
        ("percent: 10", "percent: 10"),
        ("percent: 99.9", "audience: everyone"),
    ],
)
def test_a_phase_for_as_many_or_more_is_none(before: str, after: str) -> None:
    text = phased(f"- {{name: before, {before}}}", f"- {{name: after, {after}, soak: 1d}}")
    assert read(text).rollout("portal").names == ("before", "after")


def test_two_phases_of_one_name_are_a_fault() -> None:
    assert told(phased(DARK, "- {name: Dark, percent: 10}", FULL)) == [
        "14: rollouts.portal has two phases of one name; give each its own: Dark"
    ]


def test_an_excluded_company_that_a_phase_names_is_a_fault() -> None:
    lines = ["companies:", "  run: a", "  exclude:", "    - 7", "    - 15"]
    assert told(planned(*lines, phases=("- {name: pilot, companies: [15]}", FULL))) == [
        "15: rollouts.portal.companies.exclude names a company of the phase pilot: 15"
    ]


def test_a_percentage_needs_to_know_the_companies() -> None:
    text = planned(phases=(DARK, "- name: 10%", "  percent: 10", "- {name: 50%, percent: 50}"))
    assert told(text) == [
        "14: rollouts.portal.phases[1] has a percentage, but rollouts.portal.companies lists no companies"
    ]


@pytest.mark.parametrize("audience", ["companies: [15]", "percent: 10"])
def test_a_flag_that_knows_no_companies_is_for_nobody_or_everyone(audience: str) -> None:
    text = phased(DARK, f"- {{name: some, {audience}}}", "- {name: 50%, percent: 50}", FULL, flag="export")
    assert told(text) == ["14: rollouts.export.phases[1] is for some companies, but flags.export has no companies_key"]
    assert read(phased(DARK, FULL, flag="export")).rollout("export").names == ("dark", "full")


def test_a_flag_that_is_ill_written_is_not_told_to_be_unknown() -> None:
    text = planned().replace("companies_key: PORTAL_COMPANIES", "companies_key: '1'")
    assert [line.partition(":")[0] for line in told(text)] == ["3"]


def test_without_flags_there_is_nothing_to_roll_out() -> None:
    text = (
        "version: 1\nenvironments: {a: {connection: embedded}}\nrollouts: {version: {environment: a, phases: [%s]}}\n"
    )
    assert told(text % FULL.removeprefix("- ")) == ["3: rollouts names no flag: version"]


def test_all_faults_of_a_rollout_are_told_at_once() -> None:
    text = phased(
        "- {name: a, percent: 200}", "- {name: validate, percent: 10}", "- {name: c, percent: 5, gates: {on_in: [x]}}"
    )
    assert [line.partition(":")[0] for line in told(text)] == ["13", "14", "15", "15"]
