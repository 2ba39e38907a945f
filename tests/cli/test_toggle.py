"""toggle on the embedded host: the plan, the question, the end, and the same for a program."""

from __future__ import annotations

import re
import signal
from pathlib import Path

import pytest

from rolloutctl.cli.toggle import wish_from
from rolloutctl.errors import UsageError
from rolloutctl.rules.plans import Wish
from tests.cli.shell import Ran, Shell

TOGGLE = ("toggle", "demo", "customer_portal")


@pytest.mark.parametrize(
    ("words", "wish"),
    [
        (("true", None, None, None), Wish(True)),
        (("off", None, None, None), Wish(False)),
        (("yes", "15,42", None, None), Wish(True, (15, 42))),
        (("1", "ALL", None, None), Wish(True, ())),
        (("on", None, "103", "15"), Wish(True, None, (103,), (15,))),
    ],
)
def test_the_words_of_the_command_line_are_a_wish(
    words: tuple[str, str | None, str | None, str | None], wish: Wish
) -> None:
    assert wish_from(*words) == wish


def test_companies_and_false_contradict_each_other() -> None:
    with pytest.raises(UsageError, match="false switches it off for all"):
        wish_from("false", None, None, "15")


@pytest.mark.parametrize("empty", [("", None, None), (None, "", None), (None, None, " ")], ids=str)
def test_an_empty_list_does_not_mean_everyone(empty: tuple[str | None, str | None, str | None]) -> None:
    with pytest.raises(UsageError, match="The list of companies is empty"):
        wish_from("true", *empty)


def test_a_dry_run_shows_the_plan_and_the_command_and_changes_nothing(shell: Shell) -> None:
    ran = shell.run(*TOGGLE, "true", "--companies", "15,42", "--dry-run")
    assert (ran.status, ran.err) == (0, "")
    assert _steady(ran.out) == (
        "\n"
        "demo · customer_portal   nobody → companies 15 and 42\n"
        "\n"
        "  demo   FEATURE_CUSTOMER_PORTAL                  false → true\n"
        "         FEATURE_CUSTOMER_PORTAL_TEST_COMPANIES   (empty) → 15,42\n"
        "  Proved on 1 host, N s: nothing else in .env or the config cache changes. Nothing live was touched.\n"
        "\n"
        "Nothing was changed: this was a dry run.\n"
        "  To apply it: rolloutctl toggle demo customer_portal true --companies 15,42\n"
    ).replace("rolloutctl toggle", f"rolloutctl --config {shell.configuration} toggle")
    assert shell.run("audit", "demo", "--json").document["records"] == []


def test_a_toggle_ends_with_who_sees_it_and_how_to_undo_it(shell: Shell) -> None:
    ran = shell.run(*TOGGLE, "true", "--companies", "15,42", "--yes", "--reason", "pilot")
    assert ran.status == 0
    assert _steady(ran.out).splitlines()[-2:] == [
        "✓ companies 15 and 42 see customer_portal, on 1 host, after N s   change ID",
        "  undo: rolloutctl rollback demo",
    ]
    assert _steady(ran.err) == "  demo  swapped · restart php-fpm N s · /health 200 · /portal 404\n"


def test_what_is_so_already_is_said_and_not_touched(shell: Shell) -> None:
    ran = shell.run(*TOGGLE, "false", "--yes")
    assert (ran.status, ran.err) == (0, "")
    assert ran.out == "✓ Already so: nobody sees customer_portal in demo, on its host. Nothing was changed.\n"
    assert shell.run(*TOGGLE, "false", "--yes", "--json").document["change"]["result"] == "unchanged"


def test_a_program_gets_the_change_as_one_document_and_nothing_else(shell: Shell) -> None:
    ran = shell.run(*TOGGLE, "true", "--companies", "15,42", "--yes", "--json", "--reason", "pilot")
    assert (ran.status, ran.err) == (0, "")
    change = ran.document["change"]
    assert ran.document["error"] is None
    assert {name: change[name] for name in ("environment", "flag", "from", "to", "result", "reason")} == {
        "environment": "demo",
        "flag": "customer_portal",
        "from": {"enabled": False, "companies": []},
        "to": {"enabled": True, "companies": [15, 42]},
        "result": "kept",
        "reason": "pilot",
    }
    (host,) = change["hosts"]
    assert (host["name"], host["result"], host["error"]) == ("demo", "kept", None)
    assert [(step["name"], step["ok"], step["output"]) for step in host["steps"]] == [("restart php-fpm", True, "")]
    assert [(probe["name"], probe["ok"], probe["status"]) for probe in host["probes"]] == [
        ("/health", True, 200),
        ("/portal", True, 404),
    ]


def test_a_planned_change_is_a_document_too(shell: Shell) -> None:
    ran = shell.run(*TOGGLE, "true", "--dry-run", "--json")
    assert (ran.status, ran.document["change"]["result"], ran.document["error"]) == (0, "planned", None)
    edits = [{"key": "FEATURE_CUSTOMER_PORTAL", "before": "false", "after": "true"}]
    assert ran.document["change"]["hosts"][0]["edits"] == edits


def test_without_a_terminal_and_without_yes_a_change_is_refused(onlooker: Shell) -> None:
    ran = onlooker.run(*TOGGLE, "true", stdin="y\n")
    assert (ran.status, ran.out) == (3, "")
    assert "no terminal" in ran.err
    assert "--dry-run" in ran.err


def test_the_confirmed_name_has_to_be_the_environments(onlooker: Shell) -> None:
    ran = onlooker.run(*TOGGLE, "true", "--confirm", "production")
    assert (ran.status, ran.out) == (3, "")
    assert "--confirm says production, and the change is for demo." in ran.err


def test_a_person_sees_the_plan_and_says_yes(shell: Shell) -> None:
    ran = shell.type(*TOGGLE, "true", answers=[("Apply? [y/N] ", "y\n")])
    assert ran.status == 0
    assert "nobody → everyone" in ran.out
    assert "✓ everyone sees customer_portal" in ran.out


@pytest.mark.parametrize("answer", ["n\n", "\n", "yess\n", "\x04"])
def test_anything_but_yes_declines(shell: Shell, answer: str) -> None:
    ran = shell.type(*TOGGLE, "true", answers=[("Apply? [y/N] ", answer)])
    assert ran.status == 3
    assert "You did not agree." in ran.out
    assert "Nothing was changed on any host." in ran.out


def test_with_json_the_question_stands_on_stderr(shell: Shell) -> None:
    ran = shell.type(*TOGGLE, "true", "--json", answers=[("Apply? [y/N] ", "n\n")])
    assert ran.status == 3
    assert '"code": "refused"' in ran.out
    assert '"result": "refused"' in ran.out


class TestProtected:
    """An environment where more people may see a feature only with its name and a reason."""

    TOGGLE = ("toggle", "strict", "customer_portal")

    def test_the_name_and_a_reason_are_asked_for(self, shell: Shell) -> None:
        answers = [("Reason, for the record: ", "pilot, week 1\n"), ("Type strict to apply: ", "strict\n")]
        ran = shell.type(*self.TOGGLE, "true", answers=answers)
        assert ran.status == 0
        (record,) = {each["reason"] for each in shell.run("audit", "strict", "--json").document["records"]}
        assert record == "pilot, week 1"

    @pytest.mark.parametrize("typed", ["y\n", "yes\n", "Strict\n", "\n"])
    def test_anything_but_the_exact_name_declines(self, shell: Shell, typed: str) -> None:
        ran = shell.type(*self.TOGGLE, "true", "--reason", "x", answers=[("Type strict to apply: ", typed)])
        assert ran.status == 3
        assert "You did not agree." in ran.out

    def test_an_empty_reason_is_none(self, shell: Shell) -> None:
        ran = shell.type(*self.TOGGLE, "true", answers=[("Reason, for the record: ", " \n")])
        assert (ran.status, "needs a reason" in ran.out) == (3, True)

    def test_yes_is_not_enough_and_the_command_that_is_stands_there(self, shell: Shell) -> None:
        ran = shell.run(*self.TOGGLE, "true", "--yes")
        assert ran.status == 3
        assert "--yes is not enough" in ran.err
        assert ran.err.endswith("toggle strict customer_portal true --confirm strict --reason ...\n")

    def test_the_confirmed_name_needs_a_reason(self, shell: Shell) -> None:
        ran = shell.run(*self.TOGGLE, "true", "--confirm", "strict", "--json")
        assert ran.status == 3
        assert "a reason is needed" in ran.document["error"]["message"]
        assert ran.document["change"]["result"] == "refused"

    def test_switching_off_takes_no_more_than_yes(self, shell: Shell) -> None:
        assert shell.run(*self.TOGGLE, "true", "--confirm", "strict", "--reason", "pilot").status == 0
        ran = shell.run(*self.TOGGLE, "false", "--yes")
        assert ran.status == 0
        assert "✓ nobody sees customer_portal" in ran.out


def test_a_failed_change_says_what_failed_and_that_all_is_as_it_was(shell: Shell) -> None:
    _break_the_restart(shell)
    ran = shell.run(*TOGGLE, "true", "--yes")
    _mended(shell, ran)


def test_ctrl_c_while_hosts_are_at_work_puts_everything_back(shell: Shell) -> None:
    shell.run("status", "demo")
    _step(shell, "slow", "sleep 1; sudo -n systemctl restart php8.2-fpm")
    ran = shell.type(*TOGGLE, "true", "--yes", answers=[("swapped", signal.SIGINT)])
    assert ran.status == 4
    assert "Nothing changed: still nobody sees customer_portal." in ran.out
    assert shell.run("status", "demo", "--check").status == 0


def _break_the_restart(shell: Shell) -> None:
    shell.run("status", "demo")  # the embedded host is there from now on
    _step(shell, "fail", "echo no such unit; exit 7")


def _step(shell: Shell, name: str, line: str) -> None:
    text = shell.configuration.read_text(encoding="utf-8")
    steps = f"steps: [{{builtin: config-cache, name: config cache}}, {{name: {name}, run: '{line}'}}]"
    shell.configuration.write_text(text.replace("{connection: embedded}", f"{{connection: embedded, {steps}}}", 1))


def _mended(shell: Shell, ran: Ran) -> None:
    assert ran.status in {4, 5}  # 5: the step fails on the way back too, and a person is asked to look
    assert "no such unit" in ran.err
    assert "Next: rolloutctl" in ran.err
    assert Path(shell.folder / "state").exists()


def _steady(text: str) -> str:
    """Without what differs from run to run."""
    return re.sub(r"change \w{8}", "change ID", re.sub(r"\d+\.\d s", "N s", text))


def test_a_change_that_no_step_makes_take_effect_is_refused(tmp_path: Path) -> None:
    ran = Shell(
        tmp_path, "version: 1\nflags: {customer_portal: {}}\nenvironments: {demo: {connection: embedded}}\n"
    ).run("toggle", "demo", "customer_portal", "true", "--yes")
    assert (ran.status, "no step builds it anew" in ran.err, "builtin: config-cache" in ran.err) == (3, True, True)


def test_a_switch_off_that_no_step_makes_take_effect_needs_a_person(shell: Shell) -> None:
    assert shell.run(*TOGGLE, "true", "--yes").status == 0
    text = shell.configuration.read_text(encoding="utf-8")
    shell.configuration.write_text(text.replace("{connection: embedded}", "{connection: embedded, steps: []}", 1))
    for _ in range(2):  # the same again writes nothing, and still takes no effect
        ran = shell.run(*TOGGLE, "false", "--yes")
        assert ran.status == 5, ran.err
        for said in (
            "customer_portal is set to nobody in .env, and that takes no effect on demo.",
            "On demo a config cache stands, and no step builds it anew: whoever saw customer_portal still sees it.",
            "Add it to environments.yaml, below steps: {name: config cache, builtin: config-cache}",
            "rolloutctl toggle demo customer_portal false",
            "artisan config:cache, and restart php-fpm",
        ):
            assert said in ran.err, ran.err
    (env,) = shell.folder.rglob("app/.env")
    assert "FEATURE_CUSTOMER_PORTAL=false" in env.read_text(encoding="utf-8")
    host = shell.run("status", "demo", "--json").document["environments"][0]["hosts"][0]
    assert host["flags"]["customer_portal"]["effective"] is True
    shell.configuration.write_text(text, encoding="utf-8")
    assert shell.run(*TOGGLE, "false", "--yes").status == 0


def test_a_switch_off_of_what_only_env_has_on_is_done_without_a_step(shell: Shell) -> None:
    assert shell.run("status", "demo").status == 0
    (env,) = shell.folder.rglob("app/.env")
    env.write_text(env.read_text(encoding="utf-8").replace("CUSTOMER_PORTAL=false", "CUSTOMER_PORTAL=true"))
    text = shell.configuration.read_text(encoding="utf-8")
    shell.configuration.write_text(text.replace("{connection: embedded}", "{connection: embedded, steps: []}", 1))
    ran = shell.run(*TOGGLE, "false", "--yes")
    assert (ran.status, "CUSTOMER_PORTAL=false" in env.read_text(encoding="utf-8")) == (0, True), ran.err


def test_a_list_with_what_is_no_number_is_written_as_asked_and_not_added_to(shell: Shell) -> None:
    listed = "FEATURE_CUSTOMER_PORTAL_TEST_COMPANIES="
    assert shell.run(*TOGGLE, "false", "--yes").status == 0
    (env,) = shell.folder.rglob("app/.env")
    env.write_text(env.read_text().replace(listed, f"{listed}15,abc"))
    ran = shell.run(*TOGGLE, "true", "--companies", "15", "--yes")
    assert (ran.status, f"{listed}15\n" in env.read_text()) == (0, True), ran.err
    assert shell.run(*TOGGLE, "true", "--companies", "15,42", "--yes").status == 0
    env.write_text(env.read_text().replace("15,42", "15;42"))
    added = shell.run(*TOGGLE, "true", "--add-companies", "7", "--yes")
    assert (added.status, "Everyone sees" in added.err) == (3, False), added.err
    assert "holds what is no company's number" in added.err
    assert "everyone" not in shell.run("status", "demo").out
    assert shell.run(*TOGGLE, "false", "--yes").status == 0
