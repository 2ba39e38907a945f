"""Lists of companies and their users, as files and commands print them."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rolloutctl.rules.populations import Population, read_population

PLAIN = Population({15: 1, 42: 1}, weighted=False)
WEIGHTED = Population({15: 30, 42: 23}, weighted=True)


@pytest.mark.parametrize(
    ("text", "read"),
    [
        ("15\n42\n", PLAIN),
        ("42\n15", PLAIN),
        ("15\t30\n42\t23\n", WEIGHTED),
        ("15 30\n42    23\n", WEIGHTED),
        ("15,30\n42 , 23\n", WEIGHTED),
        ("15;30\r\n42;23\r\n", WEIGHTED),
        ("\ufeffid;users\r\n15;30\r\n42;23\r\n", WEIGHTED),
        ("company_id,users\n15,30\n42,23\n", WEIGHTED),
        ('"id","users"\n"15","30"\n"42","23"\n', WEIGHTED),
        ("\n\n  id users\n\n 15 30 \n\t\n42 23\t\n\n", WEIGHTED),
        ("id\n15\n42\n", PLAIN),
        ("15\r42\r", PLAIN),
        ("15,\n42,\n", PLAIN),
        ("15\n42 23\n", Population({15: 1, 42: 23}, weighted=True)),
        ("15 0\n42 23\n", Population({15: 0, 42: 23}, weighted=True)),
        ("015 030\n42 23\n", WEIGHTED),
    ],
)
def test_a_list_is_read_as_databases_and_spreadsheets_write_it(text: str, read: Population) -> None:
    assert read_population(text) == read


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("15\nhunter2\n", "line 2 does not begin with a company's id, a whole number above 0"),
        ("id\nid\n15\n", "line 2 does not begin with a company's id, a whole number above 0"),
        ("\n\n15\n\n-42\n", "line 5 does not begin with a company's id, a whole number above 0"),
        ("0 3\n", "line 1 does not begin with a company's id, a whole number above 0"),
        ("1234567890123456789\n", "line 1 does not begin with a company's id, a whole number above 0"),
        ("\u0661\u0665\n", "line 1 does not begin with a company's id, a whole number above 0"),
        ("15.5\n", "line 1 does not begin with a company's id, a whole number above 0"),
        ("mysql: [Warning] a password\n15\n", "line 1 does not begin with a company's id, a whole number above 0"),
        (",30\n", "line 1 does not begin with a company's id, a whole number above 0"),
        ("15\u202842\n", "line 1 does not begin with a company's id, a whole number above 0"),
        ("15 30\n42 NULL\n", "line 2 has something else behind the company's id than the number of its users"),
        ("15 30.5\n", "line 1 has something else behind the company's id than the number of its users"),
        ("15 -3\n", "line 1 has something else behind the company's id than the number of its users"),
        ("15\t1,234\n", "line 1 has something else behind the company's id than the number of its users"),
        ("15,,3\n", "line 1 has something else behind the company's id than the number of its users"),
        ("15,42\n7,8,9\n", "line 2 has something else behind the company's id than the number of its users"),
        ("15 30\n42 23\n\n15 30\n", "line 4 lists the company of line 1 again"),
        ("15\n015\n", "line 2 lists the company of line 1 again"),
        ("15 0\n42 0\n", "no company has a user"),
        ("id users\n", "no company is listed"),
        ("", "no company is listed"),
    ],
)
def test_a_fault_is_told_with_its_line_and_without_its_text(text: str, why: str) -> None:
    with pytest.raises(ValueError, match=f"^{re.escape(why)}$"):
        read_population(text)


@given(st.text(st.sampled_from('0123456789 \t,;"\r\nidx-.\ufeff\0'), max_size=40))
def test_whatever_is_printed_is_read_or_refused_in_words(text: str) -> None:
    try:
        population = read_population(text)
    except ValueError as error:
        assert str(error).startswith(("line ", "no company "))  # noqa: PT017 - a text may be a list as well
    else:
        assert min(population.weights) > 0
        assert population.total > 0


@given(st.dictionaries(st.integers(1, 10**18 - 1), st.integers(1, 10**9), min_size=1), st.sampled_from("\t ,;"))
def test_what_is_written_is_read_again(weights: dict[int, int], between: str) -> None:
    text = "".join(f"{company}{between}{users}\n" for company, users in weights.items())
    assert read_population(text) == Population(weights, weighted=True)


def test_a_long_line_of_blanks_is_refused_at_once() -> None:
    for filler in (" ", "\t", ", ", '"'):
        with pytest.raises(ValueError, match="line 1 "):
            read_population(f"15{filler * 200_000}x")


@pytest.mark.parametrize(
    ("weights", "why"),
    [
        ({}, "no company is listed"),
        ({0: 1}, "an id is below 1"),
        ({15: -1, 42: 3}, "number of users below 0"),
        ({15: 0}, "no company has a user"),
    ],
)
def test_a_population_without_companies_or_users_does_not_come_to_be(weights: dict[int, int], why: str) -> None:
    with pytest.raises(ValueError, match=why):
        Population(weights, weighted=True)


def test_people_are_counted_once_and_only_those_that_are_listed() -> None:
    assert WEIGHTED.people([15, 15, 7]) == 30
    assert WEIGHTED.people([]) == 0
    assert WEIGHTED.total == 53
