"""The tricky `.env` files through whole changes: only the flag's key differs, and rollback restores every byte."""

from __future__ import annotations

import os
from typing import Any

import pytest

from rolloutctl.rules.env_text import EnvText, assign
from rolloutctl.rules.flags import parse_companies
from rolloutctl.rules.plans import Wish
from tests.cases.env_cases import KEY, EnvCase, env_cases
from tests.cases.phpdotenv import read_by_phpdotenv
from tests.lab.lab import Lab, LabHost
from tests.stories.conftest import Hire
from tests.stories.operator import Ending, Operator
from tests.stories.traces import events_of

pytestmark = pytest.mark.lab

CASES = env_cases()
PARTS = 8  # so that several workers share them
# Each file takes half a second, and what is written is judged by phpdotenv for all of them elsewhere (tests/rules).
SHARE = PARTS if os.environ.get("ROLLOUTCTL_FILES") == "all" else PARTS // 4
WHOLE = (
    "bom_and_crlf",
    "comment_opens_a_block_that_holds_the_key",
    "duplicates",
    "not_utf8",
    "one_megabyte",
)
READ = [c for c in CASES if c.after is not None and c.phpdotenv == "reads" and not c.also and c.name not in WHOLE]
REFUSED = [c for c in CASES if c.after is None or c.phpdotenv == "rejects" or c.also]
LISTED = "FEATURE_CUSTOMER_PORTAL_TEST_COMPANIES"


def alone(document: dict[str, Any]) -> None:
    """A flag of the key alone, and nobody asks the application over HTTP."""
    document["flags"] = {"portal": {"key": KEY, "config": "features.customer_portal"}}


def listed(document: dict[str, Any]) -> None:
    """The key with its list."""
    document["flags"] = {"portal": {"key": KEY, "companies_key": LISTED, "config": "features.customer_portal"}}


class Clerk:
    """Somebody who edits files on one host without a config cache: the swap of `.env` alone, and no way to go."""

    def __init__(self, hire: Hire, lab: Lab) -> None:
        self.host = lab.hosts[0]
        self.host.cache_path.unlink()
        php = str(self.host.bin / "php")
        self._alone, self._listed = (
            hire(lab, hosts=[self.host], edit=edit, steps=[], url=None, health=None, connection="local", php=php)
            for edit in (alone, listed)
        )

    def widen(self, case: EnvCase) -> Ending:
        """The change that the case is about."""
        self.host.env_path.write_bytes(case.before)
        return self.operator(case).toggle("portal", wish(case))

    def operator(self, case: EnvCase) -> Operator:
        return self._listed if case.key == LISTED else self._alone


def wish(case: EnvCase) -> Wish:
    if case.key == LISTED:
        return Wish(True, companies=parse_companies(case.value) if case.value else ())
    return Wish(True)


def expected(case: EnvCase) -> bytes:
    """The file that lies beside the case; with a list the flag is switched on, too."""
    assert case.after is not None
    return assign(EnvText(case.after), KEY, "true").data if case.key == LISTED else case.after


def wrong_with(on: Ending, host: LabHost, case: EnvCase) -> str:
    """What is wrong with a change of this file; nothing when all is well."""
    if on.exit_status != 0:
        return f"exit {on.exit_status}: {on.said}"
    found = host.env_path.read_bytes()
    return "" if found == expected(case) else f"another file: {found[:2000]!r}"


def wrong_after(back: Ending, host: LabHost, case: EnvCase) -> str:
    """What is wrong with a rollback."""
    if back.exit_status != 0:
        return f"rollback, exit {back.exit_status}: {back.said}"
    found = host.env_path.read_bytes()
    return "" if found == case.before else f"rollback left another file: {found[:2000]!r}"


@pytest.mark.parametrize("part", range(SHARE))
def test_a_file_that_phpdotenv_reads_is_edited_in_its_key_only(fresh: Lab, hire: Hire, part: int) -> None:
    clerk = Clerk(hire, fresh)

    wrong = {case.name: wrong_with(clerk.widen(case), clerk.host, case) for case in READ[part::PARTS]}

    assert {name: what for name, what in wrong.items() if what} == {}


def test_rollback_restores_every_byte_of_a_tricky_file(fresh: Lab, hire: Hire) -> None:
    clerk, wrong = Clerk(hire, fresh), {}
    for case in [case for case in READ if case.after != case.before][::16]:
        clerk.widen(case)
        wrong[case.name] = wrong_after(clerk.operator(case).rollback(), clerk.host, case)

    assert {name: what for name, what in wrong.items() if what} == {}


def test_a_file_that_cannot_be_edited_without_doubt_is_refused_untouched(fresh: Lab, hire: Hire) -> None:
    clerk = Clerk(hire, fresh)

    endings = {}
    for case in REFUSED:
        inode = clerk.host.env_path.stat().st_ino
        ended = clerk.widen(case)
        untouched = (clerk.host.env_path.read_bytes(), clerk.host.env_path.stat().st_ino) == (case.before, inode)
        named = "line" in ended.said if not case.also else all(key in ended.said for key in case.also)
        endings[case.name] = (ended.exit_status, untouched, named)

    assert {name: ending for name, ending in endings.items() if ending != (3, True, True)} == {}
    assert events_of(clerk.host) == []


@pytest.mark.parametrize("name", WHOLE)
def test_a_tricky_file_goes_through_the_whole_change_with_cache_and_restart(fresh: Lab, hire: Hire, name: str) -> None:
    host, (case,) = fresh.hosts[0], [case for case in CASES if case.name == name]
    host.env_path.write_bytes(case.before)
    host.rebuild_cache()
    host.restart_fpm()
    operator = hire(fresh, hosts=[host], edit=alone, health=None)

    on = operator.toggle("portal", wish(case))

    assert wrong_with(on, host, case) == ""
    assert wrong_after(operator.rollback(), host, case) == ""


def test_phpdotenv_reads_another_value_for_the_flags_key_only() -> None:
    cases = [case for case in CASES if case not in REFUSED]
    files = [text for case in cases for text in (case.before, expected(case))]
    readings = read_by_phpdotenv(files)

    for case, before, after in zip(cases, readings[::2], readings[1::2], strict=True):
        assert before is not None
        assert after is not None, case.name
        changed = {name for name in before.keys() | after.keys() if before.get(name) != after.get(name)}
        assert changed - {KEY, LISTED} == set(), case.name
        assert after[KEY] == "true", case.name
