"""What `init` makes of a look at a host: which keys are flags, which setting is a flag's own, what restarts php-fpm."""

from __future__ import annotations

import pytest

from rolloutctl.rules.host import Event
from rolloutctl.rules.proposal import (
    ProposedFlag,
    flag_named,
    flags_from,
    local_addresses,
    php_of,
    restart_of,
    shell_of,
    site_of,
    url_of,
)
from rolloutctl.rules.survey import Application, Closer, Key, Machine, Site, Unit, closer_from, machine_from

APP = "/var/www/app/current"
FPM_81, FPM_82 = (Unit(f"php{version}-fpm", f"systemctl restart php{version}-fpm", "no") for version in ("8.1", "8.2"))


def names(*keys: Key) -> list[tuple[str, str, str | None]]:
    return [(flag.name, flag.key, flag.companies_key) for flag in flags_from(keys)[0]]


def test_a_list_belongs_to_the_longest_switch_that_its_name_begins_with() -> None:
    keys = (
        Key("FEATURE_PORTAL_NEW_TEST_COMPANIES", "empty"),
        Key("FEATURE_PORTAL", "switch"),
        Key("FEATURE_PORTAL_COMPANIES", "digit"),
        Key("FEATURE_PORTAL_NEW", "switch"),
    )
    assert names(*keys) == [
        ("portal", "FEATURE_PORTAL", "FEATURE_PORTAL_COMPANIES"),
        ("portal_new", "FEATURE_PORTAL_NEW", "FEATURE_PORTAL_NEW_TEST_COMPANIES"),
    ]


@pytest.mark.parametrize("kind", ["switch", "digit", "empty", "unknown"])
def test_a_key_whose_value_may_be_a_switch_makes_a_flag(kind: str) -> None:
    (event,) = closer_from([Event("key", ("FEATURE_X", kind))]).keys
    assert names(event) == [("x", "FEATURE_X", None)]


def test_a_key_that_holds_something_else_is_left_out_by_name() -> None:
    keys = (Key("FEATURE_TOKEN", "other"), Key("FEATURE_LIMIT", "list"), Key("FEATURE_LONE_COMPANIES", "empty"))
    assert flags_from(keys) == ((), ("FEATURE_TOKEN", "FEATURE_LIMIT", "FEATURE_LONE_COMPANIES"))


def test_keys_that_make_one_name_make_two_flags() -> None:
    keys = (Key("FEATURE_X", "switch"), Key("FEATURE_x", "switch"), Key("FEATURE__", "switch"))
    assert names(*keys) == [("x", "FEATURE_X", None), ("x-2", "FEATURE_x", None), ("feature", "FEATURE__", None)]


def test_the_setting_of_a_flag_is_the_one_that_is_called_so() -> None:
    key = Key("FEATURE_X", "switch", ("other.deep.x", "app.y", "features.x", "not a setting"))
    ((flag,), _) = flags_from([key])
    assert (flag.config, flag.also) == ("features.x", ("other.deep.x", "app.y"))


@pytest.mark.parametrize(
    ("key", "config"),
    [
        (Key("FEATURE_X", "switch", ()), None),
        (Key("FEATURE_X", "switch", None), None),
        (Key("FEATURE_X", "switch", None, held=True), "features.x"),
        (Key("FEATURE_X", "switch", ("portal.enabled",)), "portal.enabled"),
    ],
    ids=["nothing-reads-it", "nobody-could-say", "the-live-cache-has-it", "another-name"],
)
def test_without_a_setting_the_config_is_not_compared(key: Key, config: str | None) -> None:
    ((flag,), _) = flags_from([key])
    assert flag.config == config


@pytest.mark.parametrize("word", ["portal", "FEATURE_PORTAL"])
def test_a_flag_is_meant_by_its_name_or_its_key(word: str) -> None:
    found = (ProposedFlag(name="portal", key="FEATURE_PORTAL", companies_key="FEATURE_PORTAL_COMPANIES"),)
    assert flag_named(word, found) == found[0]


@pytest.mark.parametrize("word", ["bulk-export", "FEATURE_BULK_EXPORT"])
def test_a_flag_that_is_not_in_env_is_said_to_be_new(word: str) -> None:
    flag = flag_named(word, ())
    assert (flag.key, flag.found) == ("FEATURE_BULK_EXPORT", False)


def test_the_php_fpm_that_serves_the_site_is_restarted() -> None:
    machine = Machine(units=(FPM_81, FPM_82), phps=(("php", "8.2"), ("php8.1", "8.1")))
    site = Site(f"{APP}/public", "www.example.com", True, "php8.1-fpm")
    assert restart_of(machine, site) == ("sudo -n systemctl restart php8.1-fpm", FPM_81)
    assert php_of(machine, FPM_81) == "php8.1"


def test_of_several_php_fpm_the_one_of_phps_version_is_restarted() -> None:
    machine = Machine(units=(FPM_81, FPM_82), phps=(("php", "8.2"),))
    assert restart_of(machine, None)[1] == FPM_82
    assert php_of(machine, FPM_82) == "php"


def test_root_needs_no_sudo() -> None:
    unit = Unit("php-fpm", "systemctl restart php-fpm", "root")
    assert restart_of(Machine(units=(unit,)), None) == ("systemctl restart php-fpm", unit)


def test_without_php_fpm_nothing_is_restarted() -> None:
    assert (restart_of(Machine(), None), php_of(Machine(), None)) == (("", None), "php")


def test_the_site_with_a_name_and_tls_gives_the_url() -> None:
    sites = (
        Site(f"{APP}/public", "", False, ""),
        Site(f"{APP}/public", "www.example.com", True, ""),
        Site("/var/www/application/public", "other.example.com", True, ""),
    )
    assert url_of(site_of(Machine(sites=sites), APP)) == "https://www.example.com"
    assert url_of(site_of(Machine(sites=sites[:1]), APP)) == ""
    assert url_of(site_of(Machine(sites=sites[2:]), APP)) == ""


@pytest.mark.parametrize(
    ("application", "shell"),
    [
        (Application(APP, "closed", "deploy", True, ""), "sudo -n -u deploy"),
        (Application(APP, "writable", "deploy", True, ""), ""),
        (Application(APP, "closed", "deploy", False, ""), ""),
        (Application(APP, "closed", "www-data", True, ""), ""),
        (Application(APP, "closed", "anna", True, ""), ""),
    ],
    ids=["sudo-allows-it", "not-needed", "sudo-refuses", "the-web-process", "the-login-itself"],
)
def test_the_session_becomes_the_owners_only_where_it_must_and_may(application: Application, shell: str) -> None:
    assert shell_of(Closer(application=application), "anna")[0] == shell


@pytest.mark.parametrize(
    ("url", "listens", "found"),
    [
        ("https://a.example", {"80"}, ("http://127.0.0.1",)),
        ("https://a.example", {"80", "443"}, ()),
        ("https://a.example", {"8080"}, ("http://127.0.0.1:8080",)),
        ("https://a.example:8443", {"80"}, ()),
        ("", {"80"}, ()),
    ],
)
def test_where_tls_ends_elsewhere_other_ports_are_tried(url: str, listens: set[str], found: tuple[str, ...]) -> None:
    assert local_addresses(Machine(listens=frozenset(listens)), url) == found


def test_a_host_that_answers_nonsense_is_believed_nothing() -> None:
    odd = [Event(kind) for kind in ("site", "unit", "php", "listens", "application", "key", "settings", "laravel")]
    assert machine_from(odd).applications == (Application("", "absent", "", False, ""),)
    assert flags_from(closer_from([*odd, Event("worker", ("queue",))]).keys) == ((), ())
