"""Each refusal of a host is a sentence and the line that mends it."""

from __future__ import annotations

import re

import pytest
from msgspec.structs import replace

from rolloutctl.outside.command import session_script
from rolloutctl.rules.config import Step
from rolloutctl.rules.flags import EVERYONE
from rolloutctl.rules.host import Event
from rolloutctl.rules.proof import Objection
from rolloutctl.rules.refusals import refusal_in_words
from tests.fakes import PRODUCTION, host_plan, plan

RESTART = "sudo -n systemctl restart php8.2-fpm"
SCRIPT = session_script()


def refusal(why: str, number: str = "0", output: str = "", *, run: str = RESTART) -> Objection:
    steps = (Step(name="config cache", builtin="config-cache"), Step(name="restart", run=run, check="php-fpm8.2 -t"))
    change = plan([host_plan(b"", EVERYONE)], EVERYONE, replace(PRODUCTION, steps=steps))
    return refusal_in_words(Event("refused", (why, number, output)), change, change.hosts[0])


def test_every_refusal_of_the_session_has_words_of_its_own() -> None:
    reasons = set(re.findall(r"\brefuse ([a-z][a-z-]+)", SCRIPT)) | {"sudo", "no-sudo"}
    assert len(reasons) > 8
    for why in reasons:
        assert "The host refuses" not in refusal(why, "2").message
        assert refusal(why, "2").hint


def test_a_reason_that_we_do_not_know_is_told_as_it_is() -> None:
    assert refusal("solar-flare", "0", "hot\n\nvery hot") == Objection(
        "The host refuses: solar-flare.", "", details=("hot", "very hot")
    )


def test_a_step_that_sudo_does_not_allow_comes_with_the_line_for_sudoers() -> None:
    assert refusal("sudo", "2") == Objection(
        "`sudo -n systemctl restart php8.2-fpm` is not allowed for the user deploy: sudo asks for a password.",
        "Allow it in /etc/sudoers.d/rolloutctl: deploy ALL=(root) NOPASSWD: /usr/bin/systemctl restart php8.2-fpm",
    )


@pytest.mark.parametrize(
    ("run", "allowed"),
    [
        ("sudo -n /usr/sbin/service php reload", "(root) NOPASSWD: /usr/sbin/service php reload"),
        ("sudo -n -u www-data kill -USR2 1", "(www-data) NOPASSWD: /usr/bin/kill -USR2 1"),
        ("sudo -n true", "(root) NOPASSWD: /usr/bin/true"),
        (r"sudo -n tool a=b,c:d\e", r"(root) NOPASSWD: /usr/bin/tool a\=b\,c\:d\\e"),
    ],
)
def test_the_line_for_sudoers_names_the_user_the_path_and_escapes_what_sudoers_reads(run: str, allowed: str) -> None:
    assert refusal("sudo", "2", run=run).hint == f"Allow it in /etc/sudoers.d/rolloutctl: deploy ALL={allowed}"


@pytest.mark.parametrize("number", ["", "x", "0", "-1", "3", "²"])
def test_a_step_that_does_not_exist_is_no_crash(number: str) -> None:
    assert refusal("check", number).message == "The check of the step `one of the steps` fails."


def test_what_artisan_says_is_handed_on_line_by_line() -> None:
    assert refusal("build", "1", "In X.php line 3:\n\n  syntax error\n").details == (
        "In X.php line 3:",
        "  syntax error",
    )


def test_a_missing_php_is_told_from_one_that_fails() -> None:
    assert refusal("no-php", "127").message == "The application's php does not answer (exit 127: not found)."
    assert refusal("no-php", "255").message == "The application's php does not answer (exit 255)."


def test_why_a_file_is_written_in_place_is_said() -> None:
    assert "as it is a mount point, and no config cache stands" in refusal("in-place", "0", "mount").message
