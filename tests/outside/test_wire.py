"""The line protocol: whatever else comes down the channel, answers arrive whole, or the host is called unreachable."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rolloutctl.errors import Unreachable
from rolloutctl.outside import wire
from rolloutctl.outside.local import LocalConnection
from rolloutctl.outside.wire import Wire, decode, encode, plainly
from tests.fakes import ScriptedChannel

TOKENS = st.lists(st.binary(max_size=20).map(encode), min_size=1, max_size=4).map(tuple)
NOISE = st.text(st.characters(codec="utf-8", exclude_characters="\n"), max_size=20).filter(
    lambda line: not line.startswith("@rc1 ")
)


def answers_of(channel: ScriptedChannel, seconds: float = 5) -> tuple[list[tuple[str, ...]], str]:
    """All answers up to the end, and why it ended."""
    answers: list[tuple[str, ...]] = []
    with pytest.raises(Unreachable) as ended:
        answers.extend(Wire(channel).answers(seconds))  # always ends by raising
    return answers, str(ended.value)


@pytest.mark.parametrize("way", [encode, plainly])
@given(data=st.binary() | st.text().map(str.encode) | st.text(st.characters(codec="ascii")).map(str.encode))
def test_what_is_encoded_is_one_token_and_is_decoded_again(way: Callable[[bytes], str], data: bytes) -> None:
    token = way(data)
    assert token.split() == [token]
    assert decode(token) == data


@pytest.mark.parametrize("token", ["a", "a b=", "YQ", "ä", "*", "YQ==YQ=="])
def test_a_token_that_is_not_base64_is_not_decoded(token: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        decode(token)


@given(st.lists(st.tuples(TOKENS, st.lists(NOISE, max_size=2))), st.data())
def test_answers_arrive_whole_however_the_network_cuts_them_and_whatever_stands_between(
    said: list[tuple[tuple[str, ...], list[str]]], data: st.DataObject
) -> None:
    lines = [line for tokens, noise in said for line in [*noise, "@rc1 " + " ".join(tokens)]]
    stream = "".join(f"{line}\n" for line in lines).encode()
    cuts = sorted({0, len(stream), *data.draw(st.lists(st.integers(0, len(stream)), max_size=6))})
    pieces = [stream[start:end] for start, end in itertools.pairwise(cuts)]
    talking = Wire(ScriptedChannel(pieces))
    answers = list(itertools.islice(talking.answers(5), len(said)))
    assert answers == [tokens for tokens, _ in said]
    assert talking.noise.decode() == "".join(f"{line}\n" for _, noise in said for line in noise)


def test_an_answer_that_ends_as_on_a_terminal_is_the_same_answer() -> None:
    assert answers_of(ScriptedChannel([b"Welcome\r\n@rc1 hello 1\r\n"]))[0] == [("hello", "1")]


def test_a_sign_without_an_answer_is_noise() -> None:
    assert answers_of(ScriptedChannel([b"@rc1 \n@rc1    \n@rc1\n"]))[0] == []


def test_bytes_that_are_not_ascii_are_no_crash() -> None:
    assert answers_of(ScriptedChannel([b"@rc1 h\xffi\n"]))[0] == [("h\ufffdi",)]


def test_an_end_in_the_middle_of_a_line_is_the_end_of_the_session() -> None:
    assert answers_of(ScriptedChannel([b"@rc1 hello 1\n@rc1 comm"])) == (
        [("hello", "1")],
        "the host's side of the session ended",
    )


def test_a_host_that_falls_silent_did_not_answer() -> None:
    channel = ScriptedChannel([b"@rc1 step\n", b"@rc1 st"], falls_silent=True)
    assert answers_of(channel) == ([("step",)], "the host did not answer in time")


def test_a_line_without_an_end_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wire, "_LONGEST_LINE", 1000)
    assert answers_of(ScriptedChannel(itertools.repeat(b"x" * 100)))[1] == "the host sends a line without an end"


@pytest.mark.parametrize("piece", [b"y\n", b"x", b"@rc1\n"])
def test_a_host_that_only_babbles_is_late_all_the_same(piece: bytes) -> None:
    begun = time.monotonic()
    assert answers_of(ScriptedChannel(itertools.repeat(piece)), 0.2)[1] == "the host did not answer in time"
    assert time.monotonic() - begun < 30


def test_of_endless_noise_only_the_beginning_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wire, "_MOST_NOISE", 100)
    talking = Wire(ScriptedChannel([b"first\n", *[b"x" * 50 + b"\n"] * 20]))
    with pytest.raises(Unreachable):
        list(talking.answers(5))
    assert talking.noise.startswith(b"first\n")
    assert len(talking.noise) <= 151


def test_the_last_words_are_what_was_said_beside_the_protocol() -> None:
    silent = Wire(ScriptedChannel([b"This account is currently not available.\n"], stderr="sh: oops\n"))
    with pytest.raises(Unreachable):
        list(silent.answers(5))
    assert silent.last_words() == "sh: oops\n\nThis account is currently not available."


def test_a_verb_is_one_line() -> None:
    channel = ScriptedChannel([])
    speaking = Wire(channel)
    speaking.send("put", "env.new", encode(b"a b\nc"))
    speaking.close()
    assert channel.sent == b"put env.new YSBiCmM=\n"
    assert channel.closed


def test_a_real_command_answers_and_its_end_is_seen() -> None:
    talking = Wire(LocalConnection().start("echo noise; read -r line; echo @rc1 got $line; printf '@rc1 half'"))
    talking.send("ping")
    answers = talking.answers(10)
    assert next(answers) == ("got", "ping")
    with pytest.raises(Unreachable, match="ended"):
        next(answers)
    talking.close()


def test_a_real_command_that_hangs_is_given_up() -> None:
    talking = Wire(LocalConnection().start("read -r line"))
    with pytest.raises(Unreachable, match="did not answer in time"):
        next(talking.answers(0.2))
    talking.close()
