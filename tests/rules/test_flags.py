"""Flags and audiences: what people write, what Laravel reads, who sees what."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rolloutctl.errors import UsageError
from rolloutctl.rules.flags import (
    EVERYONE,
    NOBODY,
    Audience,
    companies_in_words,
    is_true,
    odd_spelling,
    parse_companies,
    parse_switch,
    read_companies,
    read_enabled,
    write_companies,
)

AUDIENCES = st.builds(Audience, st.booleans(), st.lists(st.integers(1, 6), max_size=4).map(tuple))
_EVERY_COMPANY = range(1, 8)  # one more than may be listed


def who(audience: Audience) -> set[int]:
    if audience.nobody:
        return set()
    return set(_EVERY_COMPANY if audience.everyone else audience.companies)


@given(AUDIENCES, AUDIENCES)
def test_an_audience_is_within_another_exactly_when_nobody_sees_the_feature_only_there(
    one: Audience, other: Audience
) -> None:
    assert one.within(other) == (who(one) <= who(other))


@given(AUDIENCES)
def test_an_audience_is_nobody_limited_or_everyone(audience: Audience) -> None:
    assert [audience.nobody, audience.limited, audience.everyone].count(True) == 1


def test_a_list_is_sorted_and_each_company_stands_in_it_once() -> None:
    assert Audience(True, (42, 15, 42)) == Audience(True, (15, 42))


@pytest.mark.parametrize(
    ("audience", "words"),
    [
        (NOBODY, "nobody"),
        (Audience(False, (15,)), "nobody"),
        (EVERYONE, "everyone"),
        (Audience(True, (15,)), "company 15"),
        (Audience(True, (15, 42)), "companies 15 and 42"),
        (Audience(True, (1, 2, 3)), "companies 1, 2 and 3"),
    ],
)
def test_an_audience_is_said_in_words(audience: Audience, words: str) -> None:
    assert str(audience) == words


def test_a_long_list_is_cut_and_counted() -> None:
    assert companies_in_words(range(1, 201)) == "companies 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12 and 188 more"
    assert companies_in_words(range(1, 13)).endswith("11 and 12")


@pytest.mark.parametrize("word", ["true", "TRUE", "on", "yes", "1", " on "])
def test_people_say_on_in_several_words(word: str) -> None:
    assert parse_switch(word)


@pytest.mark.parametrize("word", ["false", "False", "off", "no", "0"])
def test_people_say_off_in_several_words(word: str) -> None:
    assert not parse_switch(word)


@pytest.mark.parametrize("word", ["", "maybe", "2", "truefalse", "null"])
def test_any_other_word_is_neither(word: str) -> None:
    with pytest.raises(UsageError):
        parse_switch(word)


@pytest.mark.parametrize("text", ["42,15", " 15 , 42 ", "15 42", "15,42,15", "015,42", "15,,42"])
def test_people_write_lists_in_several_ways(text: str) -> None:
    assert parse_companies(text) == (15, 42)


@pytest.mark.parametrize("text", ["", " ", ",", "0", "-1", "15,all", "1.5", "15;42", "٣", "²", "9" * 5000])
def test_what_is_no_list_of_companies_is_wrong_usage(text: str) -> None:
    with pytest.raises(UsageError):
        parse_companies(text)


@given(st.lists(st.integers(1, 10**9), min_size=1))
def test_a_list_that_is_written_is_read_again(companies: list[int]) -> None:
    written = write_companies(companies)
    assert read_companies(written) == parse_companies(written) == tuple(sorted(set(companies)))
    assert " " not in written


def test_an_empty_list_is_written_as_nothing() -> None:
    assert write_companies(()) == ""
    assert read_companies("") == read_companies(None) == ()


@given(st.none() | st.text())
def test_any_value_in_env_can_be_read(value: str | None) -> None:
    assert all(number >= 0 for number in read_companies(value))
    assert read_enabled(value) in {True, False}


@pytest.mark.parametrize(
    ("value", "companies"),
    [
        ("15,abc", (0, 15)),
        ("15;42", (0,)),
        ("none", (0,)),
        ("15," + "9" * 5000, (0, 15)),
        ("${PILOTS}", (0,)),
        (" , ", ()),
        ("null", ()),
        ("(empty)", ()),
    ],
)
def test_what_is_no_number_counts_as_company_0_and_so_not_as_everyone(value: str, companies: tuple[int, ...]) -> None:
    assert read_companies(value) == companies


# As tried: Laravel 8's env() and PHP's (bool).
@pytest.mark.parametrize(
    ("value", "on"),
    [
        ("true", True),
        ("TRUE", True),
        ("(true)", True),
        ("1", True),
        ("off", True),
        ("no", True),
        ("on", True),
        (" false ", True),
        (" ", True),
        ("0.0", True),
        ("'\"false\"'"[1:-1], True),
        ("'0'", False),
        ('""', False),
        ("false", False),
        ("False", False),
        ("(false)", False),
        ("null", False),
        ("(null)", False),
        ("empty", False),
        ("(empty)", False),
        ("", False),
        ("0", False),
        (None, False),
    ],
)
def test_a_value_in_env_switches_on_what_laravel_and_php_call_true(value: str | None, on: bool) -> None:
    assert read_enabled(value) is on


@pytest.mark.parametrize(
    ("value", "on"),
    [
        (True, True),
        (False, False),
        (None, False),
        (1, True),
        (0, False),
        (0.0, False),
        ("", False),
        ("0", False),
        ("false", True),
        ([], False),
        ([0], True),
    ],
)
def test_a_cached_setting_is_on_when_php_calls_it_true(value: object, on: bool) -> None:
    assert is_true(value) is on


@pytest.mark.parametrize("value", ["off", "no", "1", "on", "yes please", " false "])
def test_a_text_that_counts_as_on_by_accident_is_odd(value: str) -> None:
    assert odd_spelling(value)


@pytest.mark.parametrize("value", [None, "", "true", "(TRUE)", "false", "0", "null"])
def test_what_means_what_it_says_is_not_odd(value: str | None) -> None:
    assert not odd_spelling(value)
