"""When a connection that was dropped is tried again."""

from __future__ import annotations

from rolloutctl.outside.ssh.dropped import AT_ONCE, GUESSES, TRIES, pause, worth_another_try


def tries(seconds: float, *, told: bool, perhaps: bool) -> int:
    """How many attempts a server gets that always hangs up so."""
    return next(n for n in range(1, 100) if not worth_another_try(n, seconds, told=told, perhaps=perhaps))


def test_a_server_that_says_it_has_too_many_connections_is_asked_for_some_seconds() -> None:
    assert tries(0.1, told=True, perhaps=True) == tries(9.0, told=True, perhaps=False) == TRIES
    assert 5 < sum(pause(number) for number in range(1, TRIES)) < 25


def test_a_server_that_only_hangs_up_is_asked_less_often_and_not_when_it_takes_its_time() -> None:
    assert tries(0.1, told=False, perhaps=True) == GUESSES
    assert tries(AT_ONCE, told=False, perhaps=True) == 1
    assert tries(0.1, told=False, perhaps=False) == 1


def test_those_who_were_dropped_together_come_apart() -> None:
    assert len({pause(3) for _ in range(10)}) > 1
    assert all(0.3 < pause(3) < 1.2 for _ in range(100))
