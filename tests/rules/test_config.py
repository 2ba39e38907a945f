"""What environments.yaml means, and how each mistake in it is told."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import msgspec
import pytest

from rolloutctl.errors import UsageError
from rolloutctl.outside.yaml_file import load
from rolloutctl.outside.yaml_tree import read_tree
from rolloutctl.rules import config, raw_config
from rolloutctl.rules.config import Configuration, Environment, Flag, Health, Host, Probe, Step
from rolloutctl.rules.config_reading import read_configuration
from rolloutctl.rules.flags import EVERYONE, NOBODY, Audience
from rolloutctl.rules.freeze import Freeze, WeekTime

ROOT = Path(__file__).parents[2]
SHIPPED = ROOT / "environments.yaml"
PILOT = Audience(enabled=True, companies=(15, 42))
FINGERPRINT = "SHA256:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU"

WHOLE = """\
version: 1
defaults:
  user: deploy
  app: /var/www/app
  steps:
    - {name: config cache, builtin: config-cache}
    - {name: restart, run: sudo -n systemctl restart php8.2-fpm, timeout: 2m, check: sudo -n php-fpm8.2 -t}
    - {name: workers, run: php artisan queue:restart, once: true, timeout: 90}
  health: {path: /health, expect: 200, json: {status: ok}, within: 10s, headers: {X-Token: "${TOKEN}"}}
  hold: 90s
flags:
  customer_portal:
    description: Customers see their calls
    companies_key: FEATURE_CUSTOMER_PORTAL_TEST_COMPANIES
    probes:
      - {path: /portal, off: 404, on: [200, 302]}
      - {path: /admin/login, always: 200, outside: true}
  bulk-export:
    key: BULK
    config: null
environments:
  staging:
    url: https://staging.example.com/
    hosts: [staging.example.com]
  production:
    url: https://${NAME}:8443
    hosts:
      - web@10.0.0.1:2222
      - "[2001:db8::1]:22"
      - {name: web-3, address: 10.0.0.3, key: ~/.ssh/id, php: php8.2, local_address: "${LOCAL}", user: www}
      - {name: web-4, key: keys/deploy, shell: sudo -n -u www, state_dir: /var/lib/x, env_file: shared/.env}
    known_hosts: ["%FINGERPRINT%="]
    protected: true
    requires: [staging]
    freeze: [{from: "Fri 15:00", to: "monday 08:00", zone: Europe/Berlin}]
    steps: []
    health: null
    hold: 5m
    volatile: [app.built]
    deploy_locks: [deploy.lock]
  here: {connection: local, app: /srv/app}
  demo: {connection: embedded}
""".replace("%FINGERPRINT%", FINGERPRINT)
SECRETS = {"TOKEN": "s3cret-token", "NAME": "api.example.com", "LOCAL": "10.0.0.3:8080"}


def read(text: str, secrets: dict[str, str] | None = None) -> Configuration:
    root, faults = read_tree(text)
    return read_configuration(root, path=Path("/team/environments.yaml"), secrets=secrets or {}, faults=faults)


def one_host(*lines: str) -> str:
    """A file with the environment `web` of one host, and further lines in it."""
    written = ["app: /app", "hosts: [web-1]", *lines]
    return "\n".join(["version: 1", "environments:", "  web:", *(f"    {line}" for line in written), ""])


def test_every_key_arrives_as_a_resolved_value() -> None:
    steps = (
        Step(name="config cache", builtin="config-cache"),
        Step(
            name="restart",
            run="sudo -n systemctl restart php8.2-fpm",
            timeout=120.0,
            check="sudo -n php-fpm8.2 -t",
        ),
        Step(name="workers", run="php artisan queue:restart", once=True, timeout=90.0),
    )
    health = Health(path="/health", json={"status": "ok"}, within=10.0, headers={"X-Token": "s3cret-token"})
    pinned: dict[str, Any] = {"known_hosts": (FINGERPRINT,)}
    sudo: dict[str, Any] = {"shell": "sudo -n -u www"}
    app: dict[str, Any] = {"app": "/var/www/app"}
    deploy: dict[str, Any] = {"user": "deploy", **app, **pinned}
    production = Environment(
        name="production",
        url="https://api.example.com:8443",
        hosts=(
            Host(name="10.0.0.1", address="10.0.0.1", port=2222, user="web", **app, **pinned),
            Host(name="2001:db8::1", address="2001:db8::1", port=22, **deploy),
            Host(
                name="web-3",
                address="10.0.0.3",
                key="~/.ssh/id",
                php="php8.2",
                local_address="10.0.0.3:8080",
                user="www",
                **app,
                **pinned,
            ),
            Host(
                name="web-4",
                address="web-4",
                key="/team/keys/deploy",
                **sudo,
                state_dir="/var/lib/x",
                env_file="shared/.env",
                **deploy,
            ),
        ),
        protected=True,
        requires=("staging",),
        freeze=(Freeze(start=WeekTime(4, 900), end=WeekTime(0, 480), zone="Europe/Berlin"),),
        hold=300.0,
        volatile=("app.built",),
        deploy_locks=("deploy.lock",),
    )
    flags = {
        "customer_portal": Flag(
            name="customer_portal",
            description="Customers see their calls",
            key="FEATURE_CUSTOMER_PORTAL",
            companies_key="FEATURE_CUSTOMER_PORTAL_TEST_COMPANIES",
            config="features.customer_portal",
            companies_config="features.customer_portal_test_companies",
            probes=(
                Probe(path="/portal", off=(404,), limited=(200, 302), on=(200, 302)),
                Probe(path="/admin/login", off=(200,), limited=(200,), on=(200,), always=True, outside=True),
            ),
        ),
        "bulk-export": Flag(name="bulk-export", key="BULK"),
    }
    staging = Environment(
        name="staging",
        url="https://staging.example.com",
        hosts=(Host(name="staging.example.com", address="staging.example.com", user="deploy", **app),),
        steps=steps,
        health=health,
        hold=90.0,
    )
    here = Environment(
        name="here",
        hosts=(Host(name="localhost", address="localhost", connection="local", user="deploy", app="/srv/app"),),
        steps=steps,
        health=health,
        hold=90.0,
    )
    demo = Environment(
        name="demo",
        url="http://demo.localhost",
        hosts=(Host(name="demo", address="demo", connection="embedded"),),
        steps=steps,
        health=health,
        hold=90.0,
    )
    environments = {"staging": staging, "production": production, "here": here, "demo": demo}
    found = read(WHOLE, SECRETS)
    assert found == Configuration(path="/team/environments.yaml", flags=flags, environments=environments)
    assert list(found.environments) == ["staging", "production", "here", "demo"]


def test_what_is_left_out_has_the_defaults_of_the_types() -> None:
    found = read(one_host() + "flags: {portal: {probes: [{path: /p, on: 200}]}}\n")
    assert found.environment("web") == Environment(name="web", hosts=(Host(name="web-1", address="web-1", app="/app"),))
    assert found.flag("portal") == Flag(
        name="portal",
        key="FEATURE_PORTAL",
        config="features.portal",
        probes=(Probe(path="/p", limited=(200,), on=(200,)),),
    )
    stepped = read(one_host("steps: [{name: a, run: b}]", "health: {path: /h}"))
    assert stepped.environment("web").steps == (Step(name="a", run="b"),)
    assert stepped.environment("web").health == Health(path="/h")


def test_an_environment_replaces_the_defaults_and_a_host_replaces_both() -> None:
    text = (
        "version: 1\ndefaults: {app: /a, user: one, php: php8.1, port: 22}\n"
        "environments:\n  web: {user: two, hosts: [web-1, {name: web-2, user: three, port: null}]}\n"
    )
    first, second = read(text).environment("web").hosts
    assert (first.user, first.php, first.port) == ("two", "php8.1", 22)
    assert (second.user, second.php, second.port) == ("three", "php8.1", None)


def test_keys_of_a_probe_are_text_although_yaml_1_1_takes_on_and_off_for_booleans() -> None:
    text = one_host() + "flags: {portal: {probes: [{path: /p, off: 404, on: 200}]}}\n"
    probe = read(text).flag("portal").probes[0]
    assert (probe.expected(NOBODY), probe.expected(PILOT), probe.expected(EVERYONE)) == ((404,), (200,), (200,))


def test_a_probe_may_expect_nothing_of_an_audience() -> None:
    text = one_host() + "flags: {portal: {probes: [{path: /p, off: 404, limited: [], on: 200}]}}\n"
    probe = read(text).flag("portal").probes[0]
    assert probe.expected(PILOT) == ()


@pytest.mark.parametrize(
    ("headers", "label"),
    [
        ({}, "/p"),
        ({"X-Company": "{company}"}, "/p for a listed company"),
        ({"X-Company": "{other}", "X-Token": "hidden"}, "/p for another company"),
        ({"X-Token": "hidden"}, "/p"),
    ],
)
def test_the_label_of_a_probe_says_for_whom_and_hides_its_headers(headers: dict[str, str], label: str) -> None:
    probe = Probe(path="/p", headers=headers)
    assert probe.label == label
    assert "hidden" not in repr(probe)


def test_a_limited_flag_has_two_keys() -> None:
    assert read(WHOLE, SECRETS).flag("customer_portal").keys == (
        "FEATURE_CUSTOMER_PORTAL",
        "FEATURE_CUSTOMER_PORTAL_TEST_COMPANIES",
    )
    assert read(WHOLE, SECRETS).flag("bulk-export").keys == ("BULK",)


def test_an_unknown_name_is_answered_with_the_known_ones() -> None:
    found = read(WHOLE, SECRETS)
    with pytest.raises(UsageError) as caught:
        found.environment("prodcution")
    assert caught.value.message == "There is no environment 'prodcution'. Did you mean 'production'?"
    with pytest.raises(UsageError, match="Did you mean 'production'"):
        found.environment("prod")
    assert caught.value.hint == "Known: staging, production, here, demo."
    with pytest.raises(UsageError, match=r"There is no flag 'zzz'\.$"):
        found.flag("zzz")


def test_only_headers_url_and_local_address_know_secrets() -> None:
    text = one_host("steps: [{name: a, run: 'echo ${HOME}'}]")
    assert read(text, {"HOME": "x"}).environment("web").steps == (Step(name="a", run="echo ${HOME}"),)


MISSING = "a secret that is neither in the environment nor in .env beside this file"
ASKING = """\
version: 1
defaults: {app: /app, health: {path: /h, headers: {X: "${SHARED}"}}}
flags: {a: {probes: [{path: /p, on: 200, headers: {X: "${FLAG} ${FLAG}"}}, {path: /q, on: 200}]}}
environments:
  web: {hosts: [{name: web-1, local_address: "${PLACE}"}], url: "https://${SITE}"}
  own: {hosts: [web-1], health: {path: /h}}
"""


def test_a_missing_secret_is_a_matter_of_those_who_need_it() -> None:
    found = read(ASKING, {"PLACE": "10.0.0.1:8080", "SITE": "a.example.com"})
    flag = f"environments.yaml:3: flags.a.probes[0].headers names {MISSING}: ${{FLAG}}"
    shared = f"environments.yaml:2: defaults.health.headers names {MISSING}: ${{SHARED}}"
    assert set(found.environment("web").unmet) == {flag, shared}
    assert set(found.environment("own").unmet) == {flag}
    assert read(ASKING, {"SHARED": "x", "FLAG": "y"}).environment("own").unmet == ()
    assert set(read(ASKING, {"SHARED": "x", "FLAG": "y"}).environment("web").unmet) == {
        f"environments.yaml:5: environments.web.hosts[0].local_address names {MISSING}: ${{PLACE}}",
        f"environments.yaml:5: environments.web.url names {MISSING}: ${{SITE}}",
    }


def test_a_secret_that_is_empty_or_does_not_fit_is_as_one_that_is_missing() -> None:
    found = read(ASKING, {"SHARED": "", "FLAG": "hunter\n2", "PLACE": "@hunter2", "SITE": "hunter2/path"})
    flag = (
        "environments.yaml:3: flags.a.probes[0].headers names a secret that does not fit: ${FLAG}; it must be names of "
        "headers with their values as text; HTTP does not allow this one: X"
    )
    assert set(found.environment("own").unmet) == {flag}
    assert set(found.environment("web").unmet) == {
        flag,
        "environments.yaml:2: defaults.health.headers names a secret that is empty: ${SHARED}",
        "environments.yaml:5: environments.web.hosts[0].local_address names a secret that does not fit: ${PLACE}; "
        "it must be an address such as 10.0.0.5:8080",
        "environments.yaml:5: environments.web.url names a secret that does not fit: ${SITE}; it must be a scheme "
        "and a name such as https://api.example.com; paths belong into health and probes",
    }
    assert [probe.path for probe in found.flag("a").probes] == ["/q"]


def test_what_needs_a_missing_secret_is_left_out() -> None:
    found = read(ASKING)
    web = found.environment("web")
    assert (web.health, web.url, web.hosts[0].local_address) == (None, None, None)
    assert [probe.path for probe in found.flag("a").probes] == ["/q"]
    assert found.environment("own").health == Health(path="/h")


def test_the_shipped_file_holds_what_the_documentation_promises() -> None:
    found = load(SHIPPED, {})
    assert list(found.environments) == ["demo", "staging", "production"]
    demo, staging, production = found.environments.values()
    assert [host.connection for host in demo.hosts] == ["embedded"]
    assert (staging.url, staging.protected) == ("https://staging.askproai.de", False)
    assert (production.url, production.protected, production.requires) == (
        "https://api.askproai.de",
        True,
        ("staging",),
    )
    portal, login, api = found.flag("customer_portal").probes
    assert (portal.path, portal.expected(NOBODY), portal.expected(EVERYONE)) == ("/portal", (404,), (200, 302))
    assert set(portal.expected(PILOT)) == {200, 302, 404}
    assert [(probe.path, probe.always) for probe in (login, api)] == [("/admin/login", True), ("/api/ping", True)]


def test_the_examples_commented_out_in_the_shipped_file_are_right(tmp_path: Path) -> None:
    text = SHIPPED.read_text().replace("    hosts: [api.askproai.de]", "    #")
    path = tmp_path / "environments.yaml"
    path.write_text(re.sub(r"(?m)^( +)# ( *(?:- |[a-z_]+:))", r"\1\2", text))
    found = load(path, {})
    assert len(found.flag("customer_portal").probes) == 5
    production = found.environment("production")
    assert [host.name for host in production.hosts] == ["10.0.0.11", "web-2"]
    assert len(production.freeze) == 1
    assert production.steps[2].once


def test_the_rollout_commented_out_in_the_shipped_file_is_right(tmp_path: Path) -> None:
    before, mark, example = SHIPPED.read_text().partition("# rollouts:\n")
    path = tmp_path / "environments.yaml"
    path.write_text(before + re.sub(r"(?m)^# ", "", mark + example))
    rollout = load(path, {}).rollout("customer_portal")
    assert rollout.names == ("dark", "pilot", "10%", "50%", "full")
    assert rollout.pilots == (15, 42)
    assert rollout.validate is not None
    assert rollout.validate.environment == "staging"


def test_the_schema_beside_the_documentation_is_current() -> None:
    assert json.loads((ROOT / "docs" / "environments.schema.json").read_text()) == config.schema(), (
        "write it anew: rolloutctl schema > docs/environments.schema.json"
    )


def test_the_shipped_file_names_its_schema_for_editors() -> None:
    named = SHIPPED.read_text().splitlines()[0].removeprefix("# yaml-language-server: $schema=")
    assert json.loads((ROOT / named).read_text())["title"] == "environments.yaml of rolloutctl"


@pytest.mark.parametrize("text", [SHIPPED.read_text(), WHOLE])
def test_a_file_without_faults_fits_the_schema(text: str) -> None:
    root, _ = read_tree(text)
    assert msgspec.convert(root.plain(), raw_config.FileKeys).version == 1


def test_every_key_has_a_description_and_its_place_in_the_reference() -> None:
    reference = (ROOT / "docs" / "environments.md").read_text()
    for name, definition in config.schema()["$defs"].items():
        for key, about in definition["properties"].items():
            assert about["description"], f"{name}.{key}"
            assert f"`{key}`" in reference, f"{name}.{key}"
