"""The text of a proposed environments.yaml: the one that people get, and that whatever stands in it, it loads."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from rolloutctl.errors import ConfigurationError
from rolloutctl.outside.yaml_file import parse
from rolloutctl.rules.config import Configuration, Health
from rolloutctl.rules.proposal import Proposal, ProposedFlag, flags_from
from rolloutctl.rules.proposal_text import further_environment, scalar, text_of
from rolloutctl.rules.survey import Key

WRITTEN = Path(__file__).parents[1] / "cases" / "proposal" / "environments.yaml"
FLAGS, LEFT_OUT = flags_from(
    (
        Key("FEATURE_CUSTOMER_PORTAL", "switch", ("features.customer_portal", "app.menu")),
        Key("FEATURE_CUSTOMER_PORTAL_TEST_COMPANIES", "empty", ("features.customer_portal_test_companies",)),
        Key("FEATURE_BULK_EXPORT", "digit", ()),
        Key("FEATURE_TOKEN", "other"),
    )
)
WHOLE = Proposal(  # noqa: S604 - `shell` is a setting of the file
    environment="production",
    hosts=("deploy@web-1.example.com", "deploy@web-2.example.com:2222"),
    app="/var/www/app/current",
    url="https://www.example.com",
    php="php8.1",
    shell="sudo -n -u deploy",
    local_address="http://127.0.0.1:8080",
    restart="sudo -n systemctl restart php8.1-fpm",
    workers=frozenset({"queue"}),
    volatile=("app.built",),
    health=Health(path="/health", json={"status": "ok"}),
    flags=FLAGS,
    left_out=LEFT_OUT,
)
PRINTABLE = st.text(st.characters(exclude_categories=("C", "Z")) | st.just(" "), min_size=1).filter(str.strip)


def read(proposal: Proposal) -> Configuration:
    return parse(text_of(proposal), Path("environments.yaml"), {})


def test_the_file_is_the_one_that_people_get() -> None:
    assert text_of(WHOLE) == WRITTEN.read_text(encoding="utf-8")


def test_every_value_of_it_is_read_as_it_was_meant() -> None:
    found = read(WHOLE)
    environment = found.environment("production")
    assert [(host.user, host.address, host.port) for host in environment.hosts] == [
        ("deploy", "web-1.example.com", None),
        ("deploy", "web-2.example.com", 2222),
    ]
    host = environment.hosts[0]
    assert (host.app, host.php, host.shell, host.local_address) == (
        WHOLE.app,
        WHOLE.php,
        WHOLE.shell,
        WHOLE.local_address,
    )
    assert [step.run for step in environment.steps] == [None, WHOLE.restart, "php8.1 artisan queue:restart"]
    assert (environment.url, environment.protected, environment.health) == (WHOLE.url, True, WHOLE.health)
    assert environment.volatile == WHOLE.volatile
    portal, bulk = found.flags.values()
    assert (portal.companies_key, portal.config) == (
        "FEATURE_CUSTOMER_PORTAL_TEST_COMPANIES",
        "features.customer_portal",
    )
    assert (bulk.key, bulk.config, bulk.companies_config) == ("FEATURE_BULK_EXPORT", None, None)


def test_what_is_not_known_stands_in_comments() -> None:
    bare = read(Proposal(environment="staging", hosts=("web-1",), app="/srv/app"))
    environment = bare.environment("staging")
    assert (bare.flags, environment.url, environment.health, environment.protected) == ({}, None, None, False)
    assert [step.builtin for step in environment.steps] == ["config-cache"]


def test_the_commented_lines_are_lines_that_load_once_completed() -> None:
    text = text_of(Proposal(environment="production", hosts=("web-1",), app="/srv/app", flags=FLAGS))
    opened = re.sub(r"^( +)# (url|local_address|health|freeze|probes|description|- |  - )", r"\1\2", text, flags=re.M)
    found = parse(opened, Path("environments.yaml"), {})
    environment = found.environment("production")
    assert (environment.url, environment.hosts[0].local_address) == ("https://www.example.com", "127.0.0.1:8080")
    assert ([step.once for step in environment.steps], len(environment.freeze)) == ([False, False, True], 1)
    assert environment.health == Health(path="/health", json={"status": "ok"})
    assert [flag.probes[0].path for flag in found.flags.values()] == ["/customer-portal", "/bulk-export"]
    example = text_of(Proposal(environment="x", hosts=("web-1",), app="/srv/app"))
    flags = parse(re.sub(r"^# (flags:|  )", r"\1", example, flags=re.M), Path("environments.yaml"), {}).flags
    assert flags["customer_portal"].probes[0].path == "/portal"


def test_this_machine_needs_no_hosts() -> None:
    (host,) = read(Proposal(environment="here", app="/srv/app")).environment("here").hosts
    assert (host.connection, host.name) == ("local", "localhost")


@pytest.mark.parametrize("name", ["true", "on", "null", "0x1f", "1e3", "12-30", "no"])
def test_a_name_that_yaml_knows_stays_a_name(name: str) -> None:
    flags = (ProposedFlag(name=name, key="FEATURE_X"),)
    found = read(replace(WHOLE, environment=name, flags=flags))
    assert (list(found.environments), list(found.flags)) == ([name], [name])


@settings(max_examples=40)
@given(st.text())
@example("\x85")
@example("\u2028")
@example("\ud800")
def test_any_text_is_one_scalar_or_is_told(text: str) -> None:
    proposal = replace(WHOLE, app=f"/{text}", restart=f"run {text}", left_out=(text,), shell_hint=text, shell="")
    if not text.isprintable():
        with pytest.raises(ConfigurationError):
            read(proposal)
        return
    environment = read(proposal).environment("production")
    assert (environment.hosts[0].app, environment.steps[1].run) == (f"/{text}", f"run {text}")


@given(PRINTABLE)
def test_a_scalar_between_brackets_ends_where_it_should(text: str) -> None:
    document = f"version: 1\nenvironments:\n  x: {{app: /x, hosts: [a], deploy_locks: [{scalar(text)}, end]}}\n"
    found = parse(document, Path("environments.yaml"), {}).environment("x")
    assert found.deploy_locks == (text, "end")


@settings(max_examples=30)
@given(st.lists(st.from_regex(r"FEATURE_[A-Za-z0-9_.]{1,80}", fullmatch=True), max_size=8))
def test_whatever_keys_there_are_the_file_loads(keys: list[str]) -> None:
    flags, left_out = flags_from(Key(key, "switch" if len(key) % 2 else "unknown") for key in dict.fromkeys(keys))
    found = read(replace(WHOLE, flags=flags, left_out=left_out))
    written = {each for flag in found.flags.values() for each in flag.keys}
    assert written | set(left_out) == set(keys)


def test_a_further_environment_is_a_part_of_the_file() -> None:
    lines = further_environment("staging", ("web-1:22",), "/srv/a b", "")
    document = "\n".join(("version: 1", "environments:", *lines))
    (host,) = parse(document, Path("environments.yaml"), {}).environment("staging").hosts
    assert (host.address, host.port, host.app) == ("web-1", 22, "/srv/a b")
