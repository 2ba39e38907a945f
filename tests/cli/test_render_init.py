"""The end of `init` as a person reads it: what was found, and what to know before the first change."""

from __future__ import annotations

from io import StringIO

import pytest
from msgspec.structs import replace

from rolloutctl.cli.render import Page
from rolloutctl.cli.render_init import show_drafted
from rolloutctl.rules.config import Health
from rolloutctl.rules.proposal import Proposal, flags_from
from rolloutctl.rules.survey import Application, Closer, EnvAccess, Key, Machine, Unit
from rolloutctl.workflows.init import Drafted
from rolloutctl.workflows.surveying import Seen, Well

APP = "/var/www/app/current"
RESTART = "sudo -n systemctl restart php8.2-fpm"
UNIT = Unit("php8.2-fpm", "systemctl restart php8.2-fpm", "yes")
WELL = Well(health=Health(path="/health", json={"status": "ok"}), proved=True)
CLOSER = Closer(application=Application(APP, "writable", "deploy", False, "Deployer"), laravel="10.48.0", php="8.2.12")
SEEN = Seen(machine=Machine(user="deploy"), closer=CLOSER, app=APP, unit=UNIT, restart=RESTART)
FLAGS = flags_from((Key("FEATURE_PORTAL", "switch"), Key("FEATURE_PORTAL_COMPANIES", "list")))[0]
PROPOSAL = Proposal(
    environment="production",
    hosts=("deploy@web-1",),
    app=APP,
    url="https://www.example.com",
    restart=RESTART,
    health=WELL.health,
    flags=FLAGS,
)


@pytest.fixture(autouse=True)
def pipe(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("COLUMNS", raising=False)  # a pipe has no width


def screen(proposal: Proposal = PROPOSAL, seen: Seen | None = SEEN, well: Well = WELL) -> str:
    out = StringIO()
    drafted = Drafted(proposal=proposal, text="", seen=seen, well=well, path="/work/environments.yaml")
    show_drafted(drafted, True, Page(out))
    return out.getvalue()


def test_where_all_is_well_it_is_a_short_list_and_the_next_commands() -> None:
    assert (
        screen()
        == """
  environment   production on deploy@web-1, protected
  application   /var/www/app/current · by Deployer · Laravel 10.48.0 · PHP 8.2.12
  url           https://www.example.com
  php-fpm       sudo -n systemctl restart php8.2-fpm
  health        /health answers 200 with status ok
  flags         portal: FEATURE_PORTAL, limited by FEATURE_PORTAL_COMPANIES

✓ Written: /work/environments.yaml
  Add a probe for portal: only a page that answers differently proves a change.
  Next: rolloutctl doctor production
  Then: rolloutctl status production
"""
    )


@pytest.mark.parametrize(
    ("env", "said"),
    [
        ("readable", "deploy can't write .env."),
        ("closed", "deploy can't read .env"),
        ("absent", f"There is no .env in {APP}"),
    ],
)
def test_what_the_login_may_not_is_said(env: EnvAccess, said: str) -> None:
    closer = replace(CLOSER, application=Application(APP, env, "anna", False, ""))
    assert f"! {said}" in screen(seen=replace(SEEN, closer=closer))


def test_a_restart_that_sudo_refuses_is_said_unless_another_user_does_it() -> None:
    seen = replace(SEEN, unit=replace(UNIT, allowed="no"))
    said = f"deploy may not run `{RESTART}` without a password yet"
    assert said in screen(seen=seen)
    assert said not in screen(replace(PROPOSAL, shell="sudo -n -u anna"), seen)  # noqa: S604 - a setting
    assert said not in screen(replace(PROPOSAL, restart="sudo -n /usr/local/bin/restart"), seen)


@pytest.mark.parametrize(
    ("closer", "said"),
    [
        (replace(CLOSER, fault=("FEATURE_X", "7")), ".env is invalid to phpdotenv at line 7 (FEATURE_X)."),
        (replace(CLOSER, boot_error="ParseError (app.php:3)"), "doesn't start for php: ParseError (app.php:3)"),
        (replace(CLOSER, mute="127"), "php was not found: set php:"),
        (replace(CLOSER, mute="124"), "php ended with exit 124"),
    ],
)
def test_an_application_that_does_not_start_is_said(closer: Closer, said: str) -> None:
    assert said in screen(seen=replace(SEEN, closer=closer))


def test_a_health_check_that_was_not_proved_is_no_finding() -> None:
    named = Well(health=Health(path="/up"))
    assert "/up does not answer 200 on the host." in screen(replace(PROPOSAL, health=named.health), well=named)
    assert "Neither /health nor /up answers 200" in screen(replace(PROPOSAL, health=None), well=Well())
    assert "No session begins on the host yet: x" in screen(replace(PROPOSAL, health=None), well=Well(error="x"))
    assert "Without url:" in screen(replace(PROPOSAL, health=None, url=""), well=Well())


def test_what_nobody_saw_is_said_once() -> None:
    told = screen(replace(PROPOSAL, health=None, restart=""), None, Well())
    assert "Nobody looked at the host" in told
    assert told.count("! ") == 1
