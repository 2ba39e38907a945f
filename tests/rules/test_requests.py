"""What is asked to prove an audience, where, and for whom."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from rolloutctl.rules import written
from rolloutctl.rules.config import Probe
from rolloutctl.rules.flags import EVERYONE, NOBODY, Audience
from rolloutctl.rules.requests import HEALTH, describe, filled, is_about_flag, limit_for, requests_for
from tests.fakes import FLAG, PRODUCTION, WEB_1

AUDIENCES = st.none() | st.builds(Audience, st.booleans(), st.lists(st.integers(1, 9), max_size=9).map(tuple))


def asked(audience: Audience | None, **how: bool) -> dict[str, tuple[object, object, object]]:
    requests = requests_for(PRODUCTION, WEB_1, [(FLAG, audience)], "10.0.0.1", **how)
    return {each["id"]: (each["path"], each["expect"], each["headers"].get("X-Company")) for each in requests}


def test_each_audience_is_proved_by_the_probes_that_expect_something_of_it() -> None:
    health, login = ("/health", [200], None), ("/admin/login", [200], None)
    assert asked(NOBODY) == {HEALTH: health, "portal 0": ("/portal", [404], "1"), "portal 2": login}
    assert asked(Audience(True, (15, 42))) == {
        HEALTH: health,
        "portal 0": ("/portal", [200], "15"),
        "portal 1": ("/portal", [404], "1"),
        "portal 2": login,
    }
    assert asked(EVERYONE) == {HEALTH: health, "portal 0": ("/portal", [200, 302], "1"), "portal 2": login}


def test_of_an_unknown_audience_only_what_is_always_so_is_asked() -> None:
    assert set(asked(None)) == {HEALTH, "portal 2"}


def test_without_a_url_or_anything_to_ask_nothing_is_asked() -> None:
    assert requests_for(replace(PRODUCTION, url=None), WEB_1, [(FLAG, EVERYONE)], "") == ()
    assert requests_for(replace(PRODUCTION, health=None), WEB_1, [(replace(FLAG, probes=()), EVERYONE)], "") == ()


def test_a_waiting_list_names_the_company_that_must_not_see_it_yet() -> None:
    assert asked(Audience(False, (15,)))["portal 0"] == ("/portal", [404], "15")


@given(AUDIENCES)
def test_the_other_company_is_never_listed_and_never_the_first(audience: Audience | None) -> None:
    probe = Probe(path="/", headers={"X-One": "{company}", "X-Other": "{other}", "X-Both": "{company}/{other}"})
    headers = filled(probe, audience)
    one, other = int(headers["X-One"]), int(headers["X-Other"])
    assert one != other
    assert headers["X-Both"] == f"{one}/{other}"
    if audience and audience.companies:
        assert one in audience.companies
        assert other not in audience.companies


@pytest.mark.parametrize(
    ("url", "local", "server", "target"),
    [
        ("https://a.example", None, "", ("https", "a.example", ["127.0.0.1:443"])),
        ("http://a.example", None, "", ("http", "a.example", ["127.0.0.1:80"])),
        ("https://a.example", None, "10.0.0.5", ("https", "a.example", ["127.0.0.1:443", "10.0.0.5:443"])),
        ("https://a.example:8443", None, "10.0.0.5", ("https", "a.example:8443", ["127.0.0.1:8443", "10.0.0.5:8443"])),
        ("https://a.example", None, "fd00::5", ("https", "a.example", ["127.0.0.1:443", "[fd00::5]:443"])),
        ("http://[::1]:8080", None, "", ("http", "[::1]:8080", ["127.0.0.1:8080"])),
        ("https://a.example", "10.0.0.5", "10.0.0.9", ("https", "a.example", ["10.0.0.5:443"])),
        ("http://a.example", "10.0.0.5", "", ("http", "a.example", ["10.0.0.5:80"])),
        ("https://a.example", "10.0.0.5:8080", "", ("https", "a.example", ["10.0.0.5:8080"])),
        ("https://a.example", "[fd00::5]", "", ("https", "a.example", ["[fd00::5]:443"])),
        ("https://a.example", "[fd00::5]:8080", "", ("https", "a.example", ["[fd00::5]:8080"])),
        ("https://a.example", "localhost:8080", "", ("https", "a.example", ["localhost:8080"])),
    ],
)
def test_a_host_asks_itself_under_the_name_in_the_url(
    url: str, local: str | None, server: str, target: tuple[str, str, list[str]]
) -> None:
    assert local is None or written.local_address(local) is None
    environment, host = replace(PRODUCTION, url=url), replace(WEB_1, local_address=local)
    (request,) = requests_for(environment, host, [], server)
    assert (request["scheme"], request["host"], request["addresses"]) == target


def test_a_local_address_may_speak_another_scheme_than_the_url() -> None:
    (request,) = requests_for(PRODUCTION, replace(WEB_1, local_address="http://10.0.0.5:8080"), [], "")
    assert (request["scheme"], request["addresses"]) == ("http", ["10.0.0.5:8080"])


def test_probes_have_more_patience_than_health_and_one_try_when_nothing_changed() -> None:
    def patience(patient: bool) -> set[tuple[str, float]]:
        requests = requests_for(PRODUCTION, WEB_1, [(FLAG, EVERYONE)], "", patient=patient)
        return {(each["id"], each["within"]) for each in requests}

    assert patience(True) == {(HEALTH, 30.0), ("portal 0", 40.0), ("portal 2", 40.0)}
    assert patience(False) == {(HEALTH, 0.0), ("portal 0", 0.0), ("portal 2", 0.0)}


def test_asking_has_hung_after_all_patience_and_every_time_limit() -> None:
    requests = requests_for(PRODUCTION, WEB_1, [(FLAG, EVERYONE)], "")
    assert limit_for(requests) > max(each["within"] for each in requests) + sum(each["timeout"] for each in requests)
    assert limit_for(()) > 0


def test_a_request_is_described_by_its_path_and_for_whom() -> None:
    described = {
        identity: describe(identity, {"portal": FLAG}, PRODUCTION)
        for identity in [HEALTH, "portal 0", "portal 1", "portal 2"]
    }
    assert described == {
        HEALTH: "/health",
        "portal 0": "/portal for a listed company",
        "portal 1": "/portal for another company",
        "portal 2": "/admin/login",
    }


@pytest.mark.parametrize("identity", ["", "portal", "portal x", "portal 3", "portal -1", "portal 00", "billing 0", "0"])
def test_an_id_that_was_never_sent_is_about_nothing(identity: str) -> None:
    assert describe(identity, {"portal": FLAG}, PRODUCTION) == "a request that nobody made"
    assert not is_about_flag(identity, FLAG)


def test_health_and_what_is_always_so_tell_nothing_about_the_flag() -> None:
    assert [is_about_flag(each, FLAG) for each in (HEALTH, "portal 0", "portal 1", "portal 2")] == [
        False,
        True,
        True,
        False,
    ]
