"""One shell line for several metrics, under each shell, and what becomes of its answers."""

from __future__ import annotations

import shutil
import subprocess
from datetime import UTC, datetime, timedelta

import pytest

from rolloutctl.rules.measuring import Memory, asked_value, per_minute, reading, request_for
from rolloutctl.rules.metrics import FromCommand, FromMysql, FromRedis, FromRequest, Metric
from rolloutctl.rules.round_line import ask_command, outputs, round_line
from rolloutctl.rules.work import Asked

NOW = datetime(2025, 11, 24, 9, tzinfo=UTC)
MARK = "k3j9x2q1"
SHELLS = [shell for shell in (["dash"], ["bash"], ["busybox", "ash"]) if shutil.which(shell[0])]


def command_line(metrics: list[Metric], mark: str) -> str:
    return round_line(ask_command(each, mark) for each in metrics)


def metric(run: str, timeout: float = 5.0) -> Metric:
    return Metric(name="m", source=FromCommand(run=run), timeout=timeout)


def redis(value: str, number: str = "") -> Metric:
    return Metric(name="m", source=FromRedis(value=value, number=number))  # type: ignore[arg-type]


@pytest.mark.parametrize("shell", SHELLS, ids=lambda shell: shell[0])
def test_each_command_is_asked_in_its_own_time_and_told_apart(shell: list[str]) -> None:
    asked = [
        metric("echo 42"),
        metric("echo nonsense; echo 1.5"),
        metric("exit 3"),
        metric("sleep 30", timeout=1.0),
        metric("printf 7"),
        metric("yes | head -c 3000000; echo; echo 8"),
        metric('echo "it\'s" >&2; echo 9'),
        metric("cat; echo 10"),
    ]
    ran = subprocess.run(
        [*shell, "-c", command_line(asked, MARK)], capture_output=True, text=True, timeout=30, check=False, input="no"
    )
    told = outputs(ran.stdout, MARK, len(asked))
    values = [
        reading(each, status, printed, NOW, None).value for each, (status, printed) in zip(asked, told, strict=True)
    ]
    assert values == [42, 1.5, None, None, 7, 8, 9, 10]
    assert ran.stderr == ""
    assert reading(asked[2], *told[2], NOW, None).note == "its command ended with exit 3"
    assert reading(asked[3], *told[3], NOW, None).note == "took longer than 1 s"
    assert len(ran.stdout) < 200_000


def test_an_answer_that_was_cut_off_is_no_value() -> None:
    assert outputs(f"@{MARK}\n42", MARK, 1) == ((255, ""),)
    assert outputs("", MARK, 0) == ()


def test_what_a_command_prints_is_never_repeated() -> None:
    note = reading(metric("x"), 0, "password=hunter2", NOW, None).note
    assert note == "its command printed no number"


def test_a_query_travels_in_one_piece() -> None:
    query = "SELECT COUNT(*) FROM calls WHERE name = 'it''s' AND x > \"1\""
    line = command_line([Metric(name="m", source=FromMysql(query=query, client="printf '%s|'"))], MARK)
    ran = subprocess.run(["sh", "-c", line], capture_output=True, text=True, timeout=10, check=False)
    assert outputs(ran.stdout, MARK, 1)[0][1] == f"-N|-B|-e|{query}|"


def info(hits: int, misses: int, evicted: int = 0) -> str:
    return (
        f"# Stats\r\nkeyspace_hits:{hits}\r\nkeyspace_misses:{misses}\r\nevicted_keys:{evicted}\r\nused_memory:77\r\n"
    )


def after(before: Memory | None, value: str, printed: str, minutes: float = 1.0) -> float | None:
    return reading(redis(value), 0, printed, NOW + timedelta(minutes=minutes), before).value


def test_the_hit_ratio_is_that_of_what_was_looked_up_since_the_last_sample() -> None:
    first = reading(redis("hit_ratio"), 0, info(1000, 9000), NOW, None)
    assert (first.value, first.note) == (None, "the next sample can tell: it takes two")
    assert after(first.memory, "hit_ratio", info(1090, 9010)) == 90
    assert after(first.memory, "hit_ratio", info(1000, 9000)) is None  # nobody looked anything up
    assert after(first.memory, "hit_ratio", info(5, 5)) is None  # redis began anew


def test_evicted_keys_are_a_rate() -> None:
    first = reading(redis("evicted"), 0, info(0, 0, 100), NOW, None)
    assert after(first.memory, "evicted", info(0, 0, 130), minutes=2) == 15


def test_any_number_of_info_can_be_asked_for() -> None:
    assert reading(redis("field", "used_memory"), 0, info(1, 1), NOW, None).value == 77
    assert reading(redis("field", "absent"), 0, info(1, 1), NOW, None).note == "INFO has no number absent"


@pytest.mark.parametrize(
    "printed", ["", "nonsense", "keyspace_hits:x\nkeyspace_misses:y", ":::", "keyspace_hits:" + "9" * 400]
)
def test_a_redis_that_says_anything_harms_nobody(printed: str) -> None:
    assert after(None, "hit_ratio", printed) is None


def test_a_request_is_worth_what_its_metric_asks_for() -> None:
    def value(kind: str, answer: Asked, number: str = "") -> float | None:
        source = FromRequest(path="/health", value=kind, number=number)  # type: ignore[arg-type]
        return asked_value(Metric(name="m", source=source), [answer]).value

    good, bad = Asked("m", True, 200, 12), Asked("m", False, 500, 30, "an empty body")
    silent = Asked("m", False, None, 10_000, "no answer in time")
    assert [value("failed", each) for each in (good, bad, silent)] == [0, 1, 1]
    assert [value("ms", each) for each in (good, bad, silent)] == [12, 30, None]
    assert [value("status", each) for each in (good, bad, silent)] == [200, 500, None]
    assert value("field", Asked("m", True, 200, 5, number=3.5), "queue.size") == 3.5
    assert value("field", good, "queue.size") is None


def test_a_number_in_the_body_is_asked_for_by_its_place() -> None:
    source = FromRequest(path="/health", value="field", number="queue.size")
    assert request_for(Metric(name="m", source=source), {})["number"] == "queue.size"
    assert "number" not in request_for(Metric(name="m", source=FromRequest(path="/health")), {})


def test_a_rate_needs_to_know_since_when() -> None:
    assert per_minute(3, NOW - timedelta(seconds=30), NOW) == 6
    assert per_minute(3, None, NOW) is None
    assert per_minute(3, NOW, NOW) is None
