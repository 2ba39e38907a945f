"""A host's answers as values: a hostile or broken host is unreachable at worst, and never a crash."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rolloutctl.errors import Unreachable
from rolloutctl.outside.answers import OUTPUTS, TEXTS, state_from, texts_of
from rolloutctl.outside.command import session_script
from rolloutctl.outside.wire import encode
from rolloutctl.rules.env_lines import EnvText
from rolloutctl.rules.flags import EVERYONE
from rolloutctl.rules.host import Event, FileFault, Holder, HostState, Live, Pending
from tests.fakes import FLAG, WEB_1

HELLO = Event("hello", ("1", "1000", "deploy", "m4ch1ne", "/var/www/app", "/var/www/app/.env", "/home/deploy/state"))
ENV = Event("env", ("ab12", "640", "1000", "33", "writable"))
LIVE = {
    "php": "8.2.1",
    "laravel": "8.83.27",
    "boot_error": None,
    "cache": "/var/www/app/bootstrap/cache/config.php",
    "env": "/var/www/app/.env",
    "settings": {"features.portal": True},
    "file": {"error": None, "values": {"FEATURE_PORTAL": "true"}, "undeclared": ["FEATURE_OLD"]},
}


def state(*answers: Event) -> HostState:
    return state_from(WEB_1, HELLO, answers, EnvText(b"FEATURE_PORTAL=true\n"))


def looked(live: object) -> HostState:
    return state(ENV, Event("live", (json.dumps(live),)))


def test_a_look_is_a_state() -> None:
    found = state(
        ENV,
        Event("live", (json.dumps(LIVE),)),
        Event("lock", ("holding", '{"actor":"anna"}')),
        Event("pending", ("7k3f9q", "alive", '"arbiter":"web-1"}', "open")),
        Event("pending", ("8abcde", "dead", "}", "decided")),
        Event("records", ('{"prev":"","change":"a"}\n{"prev":"x","ch',)),
        Event("deploying", ("/var/www/app/.dep/deploy.lock",)),
    )
    assert (found.name, found.user, found.app, found.sha) == ("web-1", "deploy", "/var/www/app", "ab12")
    assert (found.writable, found.trouble) == (True, "")
    assert found.live == Live(
        php="8.2.1",
        laravel="8.83.27",
        boot_error="",
        cache="/var/www/app/bootstrap/cache/config.php",
        settings={"features.portal": True},
        values={"FEATURE_PORTAL": "true"},
        undeclared=("FEATURE_OLD",),
        fault=None,
    )
    assert found.effective(FLAG) == EVERYONE
    assert found.holder == Holder("holding", {"actor": "anna"})
    whose = Pending("7k3f9q", alive=True, fields={"arbiter": "web-1"})
    assert found.pending == (whose, Pending("8abcde", alive=False, decided=True))
    assert [(record.change, record.torn) for record in found.records] == [("a", False), ("", True)]
    assert found.deploying == ("/var/www/app/.dep/deploy.lock",)


def test_a_quiet_host_has_little_to_say() -> None:
    found = state(Event("env", ("ab12", "640", "1000", "33", "links")), Event("lock", ("free", "-")))
    assert (found.live, found.live_error, found.holder, found.pending, found.records) == (None, "", None, (), ())
    assert (found.writable, found.trouble) == (False, "links")


@pytest.mark.parametrize(
    ("status", "why"),
    [("127", "php was not found"), ("124", "php did not answer in time"), ("255", "php ended with exit 255")],
)
def test_why_php_said_nothing_is_told(status: str, why: str) -> None:
    assert state(ENV, Event("live-failed", (status, ""))).live_error == why


def test_a_host_that_does_not_say_how_its_env_is_is_unreachable() -> None:
    with pytest.raises(Unreachable, match="nonsense"):
        state(Event("lock", ("free", "-")))


@pytest.mark.parametrize(
    "live",
    [
        None,
        [],
        {},
        {**LIVE, "file": None},
        {**LIVE, "file": "text"},
        {**LIVE, "file": {"values": ["x"]}},
        {**LIVE, "settings": ["x"]},
        {**LIVE, "settings": "text"},
    ],
)
def test_php_that_answers_nonsense_has_said_nothing(live: object) -> None:
    found = looked(live)
    assert (found.live, found.live_error) == (None, "php answered nonsense")


def test_a_file_that_phpdotenv_rejects_has_its_fault() -> None:
    fault = {"what": "invalid", "key": "MAIL", "line": 3}
    found = looked({**LIVE, "settings": None, "file": {"error": fault, "values": {}, "undeclared": []}})
    assert found.live is not None
    assert found.live.fault == FileFault("invalid", "MAIL", 3)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=4),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["file", "values", "settings", "error", "undeclared", "features.portal"]), inner
        )
    ),
    max_leaves=8,
)


@given(JSON, st.sampled_from([*LIVE, "file.values", "file.error", "file.undeclared", "file.values.FEATURE_PORTAL"]))
def test_any_json_in_any_place_is_read_or_said_to_be_nonsense(value: object, place: str) -> None:
    live: dict[str, Any] = json.loads(json.dumps(LIVE))
    *above, last = place.split(".")
    inner = live
    for part in above:
        inner = inner[part]
    inner[last] = value
    found = looked(live)
    assert (found.live is None) == (found.live_error != "")
    found.in_file(FLAG)
    found.effective(FLAG)
    found.in_sync(FLAG)


KINDS = ["env", "live", "live-failed", "lock", "pending", "records", "deploying", "other"]


@given(st.lists(st.builds(Event, st.sampled_from(KINDS), st.lists(st.text(max_size=5), max_size=5).map(tuple))))
def test_any_answers_are_a_state_or_a_host_that_can_not_be_reached(answers: list[Event]) -> None:
    try:
        found = state(*answers)
    except Unreachable:
        assert all(answer.kind != "env" for answer in answers)
    else:
        assert found.name == "web-1"
        assert str(found.holder)


@given(st.lists(st.text(st.characters(codec="ascii", exclude_characters=" \n"), min_size=1), min_size=1).map(tuple))
def test_any_tokens_are_texts(tokens: tuple[str, ...]) -> None:
    assert len(texts_of(tokens)) == len(tokens) - 1
    assert len(texts_of(("failed", *tokens))) == len(tokens)


def test_texts_that_travel_encoded_are_decoded_and_others_are_left() -> None:
    assert texts_of(("failed", encode(b"restart"), "1", encode(b"no such unit"))) == [b"restart", b"1", b"no such unit"]
    assert texts_of(("failed", "not*base64", "1", "-")) == [b"not*base64", b"1", b""]
    assert texts_of(("committed",)) == []


def test_every_encoded_text_that_the_session_emits_is_known_here() -> None:
    script = session_script()
    emitted = re.findall(r'emit "?([a-z-]+)"? ([^;\n]*)', script)
    encoded = {kind for kind, tokens in emitted if re.search(r"\$TOKEN|\$\((b64|b64_file|tail_b64) |\| base64", tokens)}
    assert len(encoded) > 10
    assert encoded <= set(TEXTS)


def test_what_the_application_may_quote_is_an_encoded_text() -> None:
    assert all(place in TEXTS[kind] for kind, place in OUTPUTS.items())
