"""Each verdict of doctor: what is seen on a host, how that is judged, and the line that mends it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from msgspec.structs import replace

from rolloutctl.errors import NoAnswer, NotLetIn, Unfit, Unreachable, WrongHostKey
from rolloutctl.rules.config import Environment, Step
from rolloutctl.rules.diagnosis import CHECKS, diagnose, diagnose_lost
from rolloutctl.rules.diagnosis_environment import of_environment
from rolloutctl.rules.env_lines import EnvText
from rolloutctl.rules.examined import Examined, Facts, Moment, Trouble, read_facts
from rolloutctl.rules.freeze import Freeze, parse_week_time
from rolloutctl.rules.host import Event, FileFault, Holder, Live, Pending
from rolloutctl.rules.proof import Difference
from rolloutctl.rules.records import read_record
from rolloutctl.rules.verdicts import Verdict
from rolloutctl.rules.work import Asked
from tests.fakes import FLAG, KEY, LIST, PRODUCTION, WEB_1, live, state

SETTINGS = {"features.portal": False, "features.portal_test_companies": ""}
CONF = "/etc/php/8.2/fpm/php-fpm.conf"
POOL = "/etc/php/8.2/fpm/pool.d/www.conf"
WELL: dict[str, tuple[str, ...]] = {
    "clock": ("1000",),
    "env-mode": ("640",),
    "env-owner": ("deploy:www-data",),
    "groups": ("deploy www-data",),
    "reads": ("/srv/app/.env",),
    "aside": ("yes",),
    "cache": ("/srv/app/bootstrap/cache/config.php",),
    "readers": (f"{KEY} config/features.php:gate",),
    "fpm-runs": (f"{CONF}\t8.2",),
    "fpm": (f"{CONF}\t8.2",),
    "fpm-ini": (f"{CONF}\topcache.enable\tOn", f"{CONF}\topcache.validate_timestamps\tOff"),
    "fpm-set": (f"{CONF}\tprocess_control_timeout\t10s\t{CONF}",),
    "room": ("90000000 /srv/app",),
    "state-made": ("/srv/state",),
}
ANSWERS = (Asked("health", True, 200, 5), Asked("portal 0", True, 404, 3), Asked("portal 2", True, 200, 3))
LIVE = replace(live({KEY: "false", LIST: ""}, SETTINGS), php="8.2.36", laravel="11.1")


OPEN_QUOTE = EnvText(f'A=1\nDB_PASSWORD="abc\n{KEY}=false\n'.encode())


def seen(**changes: Any) -> Examined:  # noqa: ANN401 - fields of any type
    """A host on which all is well, but for these changes; `facts` are laid over the facts."""
    found = replace(
        state("web-1", f"{KEY}=false\n{LIST}=\n".encode(), SETTINGS),
        live=changes.pop("live", LIVE),
        place="machine:/srv/app/.env",
        app="/srv/app",
        state_dir="/srv/state/app/1234",
        **changes.pop("state", {}),
    )
    facts = Facts({**WELL, **changes.pop("facts", {})}, changes.pop("troubles", {}), Difference((), SETTINGS))
    facts = replace(facts, **changes.pop("built", {}))
    made: dict[str, Any] = {
        "environment": PRODUCTION,
        "flags": (FLAG,),
        "host": WEB_1,
        "state": found,
        "facts": facts,
        "way": "deploy at web-1 by a key",
        "moment": Moment(host=1000, earliest=1000.2, latest=1000.4),
        "answers": ANSWERS,
    }
    return Examined(**{**made, **changes})


def verdicts(check: str, examined: Examined) -> list[Verdict]:
    return [verdict for verdict in diagnose(examined) if verdict.check == check]


def step(run: str, check: str | None = None) -> Environment:
    return replace(
        PRODUCTION, steps=(Step(name="config cache", builtin="config-cache"), Step(name="it", run=run, check=check))
    )


def forgets() -> Environment:
    steps = (PRODUCTION.steps[0], Step(name="forget", builtin="opcache-forget", socket="/run/php/php8.2-fpm.sock"))
    return replace(PRODUCTION, steps=steps)


def with_live(**changes: Any) -> Live:  # noqa: ANN401 - fields of any type
    return replace(LIVE, **changes)


def test_where_all_is_well_each_check_says_so_once() -> None:
    found = diagnose(seen())
    assert [verdict for verdict in found if verdict.status != "ok"] == []
    assert [verdict.check for verdict in found[3:]] == [name for name, _ in CHECKS if name != "step checks"]


CASES: list[tuple[str, Callable[[], Examined], str, str, str]] = [
    ("login shell", lambda: seen(noise="Welcome to web-1!\x1b[0m"), "warn", "Welcome to web-1!\\x1b[0m", "grep -nE"),
    ("listed once", lambda: seen(twin="web-0"), "fail", "web-0 and web-1 are the same", "Remove web-1"),
    ("tools", lambda: seen(facts={"missing": ("truncate", "df")}), "fail", "truncate df", "sudo apt-get install"),
    (
        "php",
        lambda: seen(live=None, state={"live_error": "php was not found"}, facts={"php-found": ("/usr/bin/php8.2",)}),
        "fail",
        "php was not found",
        "php: /usr/bin/php8.2",
    ),
    (
        "php",
        lambda: seen(live=None, state={"live_error": "php ended with exit 255"}),
        "fail",
        "exit 255",
        "artisan --version",
    ),
    ("php", lambda: seen(live=with_live(php="8.1.2")), "warn", "PHP 8.1.2, and php-fpm is 8.2", "php: php8.2"),
    (
        "php-fpm",
        lambda: seen(environment=step("sudo -n systemctl restart php8.3-fpm")),
        "fail",
        "php8.3-fpm, and on the host there is 8.2",
        "run: sudo -n systemctl restart php8.2-fpm",
    ),
    (
        ".env",
        lambda: seen(state={"sha": "unreadable"}, facts={"env-owner": ("root:root",)}),
        "fail",
        "cannot be read by deploy",
        "sudo chown deploy: /srv/app/.env && sudo chmod u+rw,g+r /srv/app/.env",
    ),
    (
        ".env",
        lambda: seen(state={"writable": False, "trouble": "owner"}, facts={"env-owner": ("root:root",)}),
        "fail",
        "cannot be written",
        "sudo chown deploy:",
    ),
    (
        ".env",
        lambda: seen(state={"sha": "unreadable"}, facts={"env-owner": ("ann:web",)}),
        "fail",
        "cannot be read",
        "sudo chown deploy /srv/app/.env && sudo usermod -aG web deploy && sudo chmod",
    ),
    (
        ".env",
        lambda: seen(state={"sha": "unreadable"}, facts={"env-owner": ("ann:www-data",)}),
        "fail",
        "cannot be read",
        "sudo chown deploy /srv/app/.env && sudo chmod",
    ),
    (
        ".env",
        lambda: seen(state={"trouble": "owner"}, facts={"env-owner": ("root:root",)}),
        "warn",
        "in place",
        "sudo chown deploy: /srv/app/.env",
    ),
    (".env", lambda: seen(state={"writable": False}), "ok", "keeps its owner", ""),
    (".env", lambda: seen(state={"trouble": "folder"}), "warn", "in place", "sudo chown deploy /srv/app"),
    (".env", lambda: seen(state={"trouble": "owner"}), "warn", "owner or group", "sudo usermod -aG www-data deploy"),
    (
        ".env",
        lambda: seen(state={"trouble": "acl"}, live=with_live(settings=None)),
        "fail",
        "no config cache",
        "setfacl -b",
    ),
    (".env mode", lambda: seen(facts={"env-mode": ("644",)}), "warn", "mode 644", "chmod o-r /srv/app/.env"),
    (
        "application",
        lambda: seen(live=with_live(boot_error="Error: x (autoload.php:3)")),
        "fail",
        "does not start",
        "composer install",
    ),
    (
        "application",
        lambda: seen(facts={"reads": ("/srv/app/.env.production",)}),
        "fail",
        "reads /srv/app/.env.production",
        "env_file: .env.production",
    ),
    (
        "phpdotenv",
        lambda: seen(live=with_live(fault=FileFault("invalid", "DB_URL", 7))),
        "fail",
        "line 7 (DB_URL)",
        "editor +7 /srv/app/.env",
    ),
    (
        "phpdotenv",
        lambda: seen(live=with_live(values={}), state={"content": OPEN_QUOTE}),
        "fail",
        "in line 2 of .env is never closed",
        "editor +2 /srv/app/.env",
    ),
    ("flags", lambda: seen(live=with_live(values={}), state={"content": OPEN_QUOTE}), "skipped", "not read", ""),
    (
        "flags",
        lambda: seen(live=with_live(values={LIST: ""})),
        "warn",
        "first change will append",
        f"printf '\\n{KEY}=false\\n' >> /srv/app/.env",
    ),
    (
        "flags",
        lambda: seen(live=with_live(values={KEY: "off"})),
        "warn",
        f"{KEY}=off switches the feature ON",
        "rolloutctl toggle production portal false",
    ),
    ("flags", lambda: seen(live=with_live(fault=FileFault("invalid"))), "skipped", "not read", ""),
    ("overrides", lambda: seen(facts={"login-variable": (KEY,)}), "warn", f"login sets {KEY}", f"grep -n {KEY}"),
    (
        "overrides",
        lambda: seen(facts={"fpm-env": (f"{CONF}\t{KEY}\t{POOL}",)}),
        "warn",
        f"{POOL} sets env[{KEY}]",
        "sudo sed -i",
    ),
    (
        "overrides",
        lambda: seen(facts={"fpm-env": (f"{CONF}\t{KEY}\t{POOL}",)}, live=with_live(settings=None)),
        "fail",
        "beats .env now",
        "sudo sed -i",
    ),
    (
        "overrides",
        lambda: seen(facts={"app-env": ("login\t.env.staging",)}),
        "warn",
        "APP_ENV",
        "env_file: .env.staging",
    ),
    ("overrides", lambda: seen(facts={"app-env": (f"{CONF}\t.env.qa",)}), "warn", "reads .env.qa", "env_file: .env.qa"),
    (
        "overrides",
        lambda: seen(facts={"fpm-variable": (f"{CONF}\t{KEY}",), "fpm-set": (f"{CONF}\tclear_env\tno\t{POOL}",)}),
        "warn",
        f"the variable {KEY}",
        "systemctl show php8.2-fpm",
    ),
    (
        "settings",
        lambda: seen(live=with_live(settings={}), built={"difference": None}),
        "fail",
        "config/features.php reads",
        "config: features.gate",
    ),
    (
        "settings",
        lambda: seen(live=with_live(settings={}), built={"difference": None}, facts={"readers": (KEY,)}),
        "fail",
        "No config file reads",
        f"'portal' => env('{KEY}', false),",
    ),
    (
        "settings",
        lambda: seen(live=with_live(values={KEY: "true", LIST: ""})),
        "fail",
        ".env says everyone",
        "toggle production portal false",
    ),
    (
        "config cache",
        lambda: seen(facts={"cache-unwritable": ("/srv/app/bootstrap/cache/config.php",)}),
        "fail",
        "cannot be written",
        "sudo chown -R deploy /srv/app/bootstrap/cache",
    ),
    (
        "settings",
        lambda: seen(facts={"readers": (KEY,)}),
        "warn",
        "features.portal may never change",
        f"'portal' => env('{KEY}', false),",
    ),
    ("config cache", lambda: seen(facts={"cache": ()}), "info", "no config cache stands", "php artisan config:cache"),
    (
        "build",
        lambda: seen(facts={"aside": ("no",)}),
        "fail",
        "ignores APP_CONFIG_CACHE",
        "run: php artisan config:cache",
    ),
    (
        "build",
        lambda: seen(troubles={"build": Trouble("1", ("boom",))}),
        "fail",
        "exit 1",
        "APP_CONFIG_CACHE=/tmp/try.php",
    ),
    (
        "waiting edits",
        lambda: seen(built={"difference": Difference(("app.name",), {}, pending=("app.name",))}),
        "fail",
        "app.name",
        "--with-pending",
    ),
    (
        "waiting edits",
        lambda: seen(built={"difference": Difference(("app.at",), {}, volatile=("app.at",))}),
        "warn",
        "app.at",
        "volatile: [app.at]",
    ),
    (
        "sudo",
        lambda: seen(facts={"sudo": ("2 /bin/systemctl",)}),
        "fail",
        "not allowed for deploy without a password",
        "deploy ALL=(root) NOPASSWD: /bin/systemctl restart php8.2-fpm",
    ),
    ("sudo", lambda: seen(facts={"sudo": ("2 ",)}), "fail", "the program is not there", "-name systemctl"),
    ("opcache", lambda: seen(environment=step("true"), live=with_live(settings=None)), "ok", "none to keep", ""),
    ("sudo", lambda: seen(facts={"no-sudo": ("2 ",)}), "fail", "no sudo on the host", "apt-get install sudo"),
    (
        "sudo",
        lambda: seen(environment=step("sudo systemctl restart x")),
        "warn",
        "wait for a password",
        "run: sudo -n systemctl restart x",
    ),
    (
        "sudo",
        lambda: seen(environment=step("systemctl restart x")),
        "warn",
        "runs as deploy",
        "run: sudo -n systemctl restart x",
    ),
    (
        "step checks",
        lambda: seen(environment=step("true", check="php-fpm8.2 -t"), troubles={"check 2": Trouble("78", ("bad",))}),
        "fail",
        "exit 78",
        "php-fpm8.2 -t",
    ),
    (
        "step checks",
        lambda: seen(
            environment=step("true", check="sudo -n php-fpm8.2 -t"),
            troubles={"check 2": Trouble("1", ("sudo: a password is required",))},
        ),
        "fail",
        "exit 1",
        "deploy ALL=(root) NOPASSWD: /usr/bin/php-fpm8.2 -t",
    ),
    (
        "opcache",
        lambda: seen(environment=step("true")),
        "fail",
        "takes no effect",
        "run: sudo -n systemctl restart php8.2-fpm",
    ),
    (
        "opcache",
        lambda: seen(environment=step("true"), facts={"fpm-ini": (f"{CONF}\topcache.validate_timestamps\tOn",)}),
        "warn",
        "seconds later",
        "restart php-fpm",
    ),
    (
        "opcache",
        lambda: seen(environment=step("sudo -n systemctl reload php8.2-fpm")),
        "ok",
        "a reload returns before",
        "",
    ),
    ("opcache", lambda: seen(environment=forgets()), "ok", "forget: it forgets the old config cache", ""),
    ("opcache", lambda: seen(facts={"fpm": (), "fpm-runs": ()}), "skipped", "no php-fpm", ""),
    (
        "requests in flight",
        lambda: seen(facts={"fpm-set": ()}),
        "info",
        "a restart cuts them",
        "process_control_timeout = 10s",
    ),
    (
        "workers",
        lambda: seen(facts={"worker": ("queue",)}),
        "warn",
        "queue workers",
        "run: php artisan queue:restart, once: true",
    ),
    ("workers", lambda: seen(facts={"worker": ("queue", "horizon")}), "warn", "Horizon", "horizon:terminate"),
    (
        "workers",
        lambda: seen(facts={"worker": ("queue",)}, environment=step("php artisan queue:restart")),
        "ok",
        "told",
        "",
    ),
    (
        "locks",
        lambda: seen(state={"deploying": ("/srv/.dep/deploy.lock",)}),
        "warn",
        "deployment",
        "ls -l /srv/.dep/deploy.lock",
    ),
    (
        "locks",
        lambda: seen(state={"holder": Holder("holding", {"actor": "ann"})}),
        "warn",
        "locked by ann",
        "rolloutctl status production",
    ),
    (
        "locks",
        lambda: seen(state={"pending": (Pending("7k3f", False),)}),
        "warn",
        "7k3f was interrupted",
        "rolloutctl status",
    ),
    (
        "logout",
        lambda: seen(facts={"logout-kills": ("deploy",)}),
        "warn",
        "goes back as soon as rolloutctl has left",
        "KillExcludeUsers=root deploy",
    ),
    (
        "records",
        lambda: seen(
            facts={"state-trouble": ("the folder /srv can be written by others (mode 777): chmod go-w /srv",)}
        ),
        "fail",
        "No record",
        "chmod go-w /srv",
    ),
    (
        "records",
        lambda: seen(facts={"state-trouble": ("the folder /srv/state cannot be made by deploy",)}),
        "fail",
        "cannot be made",
        "sudo install -d -m 700 -o deploy /srv/state",
    ),
    (
        "room",
        lambda: seen(facts={"room": ("51200 /srv", "90000000 /tmp")}),
        "warn",
        "50 MB are free in /srv",
        "df -h /srv",
    ),
    ("room", lambda: seen(facts={"room": ("1000 /srv",)}), "fail", "too little", "df -h /srv"),
    ("clock", lambda: seen(moment=Moment(host=1000, earliest=1060.0, latest=1062.0)), "warn", "59 s behind", "set-ntp"),
    (
        "clock",
        lambda: seen(moment=Moment(host=1100, earliest=1060.0, latest=1062.0)),
        "warn",
        "38 s ahead of",
        "set-ntp",
    ),
    ("clock", lambda: seen(moment=Moment(host=1061, earliest=1000.0, latest=1062.0)), "ok", "agrees", ""),
    ("health", lambda: seen(answers=(Asked("health", False, 500, 4),)), "fail", "/health answers 500", "laravel.log"),
    (
        "health",
        lambda: seen(answers=(Asked("health", False, None, 4, "connection refused at 127.0.0.1:443"),)),
        "fail",
        "refused",
        "local_address:",
    ),
    (
        "probes",
        lambda: seen(answers=(Asked("health", False, 500, 4), Asked("portal 0", False, 500, 3))),
        "skipped",
        "ill",
        "",
    ),
    (
        "probes",
        lambda: seen(answers=(Asked("portal 0", False, 200, 3),)),
        "warn",
        "answers 200",
        "rolloutctl status production portal",
    ),
    (
        "probes",
        lambda: seen(answers=(Asked("portal 2", False, 500, 3),)),
        "fail",
        "/admin/login answers 500",
        "laravel.log",
    ),
]


@pytest.mark.parametrize(("check", "examined", "status", "text", "fix"), CASES)
def test_what_is_seen_is_judged_and_comes_with_the_line_that_mends_it(
    check: str, examined: Callable[[], Examined], status: str, text: str, fix: str
) -> None:
    found = [verdict for verdict in verdicts(check, examined()) if verdict.status == status]
    assert [verdict for verdict in found if text in verdict.text and fix in verdict.fix.line], verdicts(
        check, examined()
    )
    for verdict in found:
        assert "\n" not in verdict.fix.line
        assert bool(verdict.fix.line) or verdict.status in {"ok", "info", "skipped"}


def test_a_flag_whose_own_edit_waits_is_told_once() -> None:
    waits = Difference(("features.portal",), {}, pending=("features.portal",))
    found = diagnose(seen(live=with_live(values={KEY: "true", LIST: ""}), built={"difference": waits}))
    assert [verdict.check for verdict in found if verdict.status == "fail"] == ["settings"]


def test_of_a_env_that_cannot_be_read_nothing_is_said_that_defaults_would_make_up() -> None:
    waits = Difference(("app.key",), {}, pending=("app.key",))
    unread = seen(
        state={"sha": "unreadable"},
        live=with_live(values={}, fault=FileFault("unreadable")),
        built={"difference": waits},
    )
    found = {verdict.check: verdict.status for verdict in diagnose(unread)}
    assert [check for check, status in found.items() if status == "fail"] == [".env"]
    assert [check for check, status in found.items() if status == "skipped"] == [
        "phpdotenv",
        "flags",
        "settings",
        "build",
        "waiting edits",
    ]


def test_the_php_fpm_of_another_application_says_nothing_of_this_one() -> None:
    other = "/etc/php/7.4/fpm/php-fpm.conf"
    facts = {
        "fpm-runs": (f"{CONF}\t8.2", f"{other}\t7.4"),
        "fpm-env": (f"{other}\t{KEY}\t/etc/php/7.4/fpm/pool.d/www.conf",),
    }
    assert [verdict.status for verdict in verdicts("overrides", seen(facts=facts))] == ["ok"]


@pytest.mark.parametrize(
    ("error", "failed", "fix"),
    [
        (NoAnswer("web-1 port 22: connection refused.", hint="Is sshd there?"), "reachable", "Is sshd there?"),
        (WrongHostKey("The host key is not known."), "host key", "rolloutctl trust production"),
        (NotLetIn("It does not let deploy in.", hint="ssh-add"), "authentication", "ssh-add"),
        (Unfit("No session begins.", hint="shell:"), "session", "shell:"),
        (Unreachable("was lost", hint="again"), "reachable", "again"),
    ],
)
def test_what_keeps_a_host_from_being_looked_at_fails_and_the_rest_is_skipped(
    error: Unreachable, failed: str, fix: str
) -> None:
    found = diagnose_lost(error, WEB_1, "production")
    assert [(verdict.check, verdict.fix.line) for verdict in found if verdict.status == "fail"] == [(failed, fix)]
    assert {verdict.status for verdict in found[4:]} == {"skipped"}


def test_a_changed_host_key_is_never_to_be_trusted_by_a_command() -> None:
    error = WrongHostKey("THE HOST KEY HAS CHANGED", hint="If the server was set up anew: ssh-keygen -R web-1")
    error.verdict = "changed"
    (failed,) = [verdict for verdict in diagnose_lost(error, WEB_1, "production") if verdict.status == "fail"]
    assert "rolloutctl trust" not in failed.fix.line


def test_all_that_keeps_a_session_from_beginning_is_told() -> None:
    error = Unfit("There is no file .env.")
    error.faults = (("There is no file .env.", "Make it."), ("php was not found.", "Set php:."))
    found = diagnose_lost(error, WEB_1, "production")
    assert [verdict.text for verdict in found if verdict.status == "fail"] == [fault for fault, _ in error.faults]


def test_a_shell_that_may_not_become_another_user_comes_with_the_line_for_sudoers() -> None:
    error = Unfit("No session begins on the host: sudo: a password is required.", hint="Its login shell ...")
    host = replace(WEB_1, user="anna", shell="sudo -n -u deploy")  # noqa: S604 - a setting of the host
    (failed,) = [verdict for verdict in diagnose_lost(error, host, "production") if verdict.status == "fail"]
    assert failed.fix.line == "anna ALL=(deploy) NOPASSWD: ALL"


def test_a_host_that_only_openssh_reaches_fails_with_the_line_for_the_configuration_and_is_looked_at() -> None:
    found = diagnose(seen(), NotLetIn("web-1 does not let deploy in.", details=("publickey",)))
    assert [(v.check, v.fix.line, v.fix.where) for v in found if v.status == "fail"] == [
        ("authentication", "connection: openssh", "in environments.yaml, below web-1")
    ]
    assert len(found) > len(CHECKS) - 2


def test_an_environment_is_told_once_what_it_leaves_unproved() -> None:
    bare = replace(PRODUCTION, url=None, health=None, steps=())
    found = of_environment(bare, (replace(FLAG, probes=()),), datetime(2026, 1, 1, tzinfo=UTC))
    assert [(v.check, v.status) for v in found] == [
        ("url", "warn"),
        ("health", "warn"),
        ("steps", "warn"),
        ("probes", "info"),
        ("open", "ok"),
    ]


def test_a_freeze_and_a_protection_are_worth_knowing_and_no_fault() -> None:
    freeze = Freeze(start=parse_week_time("Fri 15:00"), end=parse_week_time("Mon 08:00"), zone="Europe/Berlin")
    guarded = replace(PRODUCTION, protected=True, freeze=(freeze,))
    found = of_environment(guarded, (FLAG,), datetime(2026, 1, 3, 12, tzinfo=UTC))
    assert [verdict.text for verdict in found if verdict.status == "info"] == [
        "frozen until Mon 05 Jan 08:00 CET: nothing is widened; switching off works",
        "protected: switching on asks for its name and a reason",
    ]


def test_facts_are_read_from_a_hosts_answers_whatever_it_sends() -> None:
    events = [
        Event("fact", ("worker", "queue")),
        Event("fact", ("worker", "queue")),
        Event("fact", ("worker", "horizon")),
        Event("trouble", ("build", "1", "boom\n\n  bang")),
        Event("difference", ('{"changed":["a"],"pending":["a"],"got":{}}',)),
        Event("fact", ()),
    ]
    facts = read_facts(events)
    assert facts.all("worker") == ("queue", "horizon")
    assert facts.troubles == {"build": Trouble("1", ("boom", "  bang"))}
    assert facts.difference is not None
    assert facts.difference.pending == ("a",)


def test_a_switch_off_that_got_no_further_than_the_file_is_to_be_finished_and_not_taken_back() -> None:
    """What the cache still holds is just what the switch-off was to end."""
    record = read_record('{"event":"kept","change":"k7f3","flag":"portal","to":{"enabled":false,"companies":[]}}')
    on = {"features.portal": True, "features.portal_test_companies": ""}
    examined = seen(live=replace(LIVE, settings=on), state={"records": (record,)})

    (verdict,) = [each for each in verdicts("settings", examined) if each.status == "fail"]

    assert "the change k7f3 is not finished" in verdict.text
    assert verdict.fix.line == "rolloutctl toggle production portal false"
