"""A process's pipes as a channel: neither side ever waits for a stream that nobody reads."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from rolloutctl.errors import Unreachable
from rolloutctl.outside.process_channel import ProcessChannel, started
from tests.cli.deploy_play import wait_until

Start = Callable[[str], ProcessChannel]


@pytest.fixture
def start() -> Iterator[Start]:
    channels: list[ProcessChannel] = []

    def start_one(script: str) -> ProcessChannel:
        channels.append(ProcessChannel(started(["/bin/sh", "-c", script])))
        return channels[-1]

    yield start_one
    for channel in channels:
        channel.close()


def all_of(channel: ProcessChannel) -> bytes:
    return b"".join(iter(lambda: channel.receive(10), b""))


def test_what_is_sent_comes_back_and_its_end_is_empty(start: Start) -> None:
    channel = start("head -n 1; echo done")

    channel.send(b"hello\n")

    assert all_of(channel) == b"hello\ndone\n"


def test_a_megabyte_on_stderr_holds_nothing_up_and_its_end_is_kept(start: Start) -> None:
    channel = start("yes noise | head -c 1000000 >&2; echo the last word >&2; echo done")

    assert all_of(channel) == b"done\n"
    assert channel.noise().endswith("the last word\n")
    assert len(channel.noise()) == 8192


def test_silence_is_late_and_the_channel_goes_on(start: Start) -> None:
    channel = start("read -r line; echo $line")

    with pytest.raises(TimeoutError):
        channel.receive(0.05)
    channel.send(b"later\n")
    assert all_of(channel) == b"later\n"


def test_a_closed_stderr_is_no_reason_to_spin(start: Start) -> None:
    channel, begun = start("exec 2>&-; read -r line; echo $line"), time.process_time()

    with pytest.raises(TimeoutError):
        channel.receive(0.3)
    assert time.process_time() - begun < 0.1
    channel.send(b"later\n")
    assert all_of(channel) == b"later\n"


def test_a_child_that_keeps_stderr_open_is_not_waited_for(start: Start) -> None:
    channel, begun = start("sleep 5 >/dev/null & echo done"), time.monotonic()

    assert all_of(channel) == b"done\n"
    channel.close()
    assert time.monotonic() - begun < 4


def test_an_ended_process_cannot_be_sent_to(start: Start) -> None:
    channel = start("exit 0")
    assert all_of(channel) == b""

    with pytest.raises(Unreachable):
        channel.send(b"x" * 1_000_000)


def test_a_closed_channel_says_so(start: Start) -> None:
    channel = start("read -r line; echo noise >&2")
    channel.close()

    with pytest.raises(Unreachable):
        channel.receive(1)
    with pytest.raises(Unreachable):
        channel.send(b"x")
    assert channel.noise() in {"", "noise\n"}


def test_whoever_waits_for_a_silent_process_waits_no_more_once_another_closes_it(start: Start, tmp_path: Path) -> None:
    channel = start(f"until [ -e {tmp_path}/go ]; do sleep 0.1; done")

    def receive() -> None:
        with suppress(Unreachable):
            channel.receive(60)

    reader, closer = threading.Thread(target=receive), threading.Thread(target=channel.close)
    reader.start()
    wait_until(lambda: _is_in("_next", reader))
    closer.start()
    reader.join(5)
    try:
        assert not reader.is_alive()
        wait_until(lambda: _is_in("_ended", closer))
        begun = time.monotonic()
        channel.close()  # who closes it again does not wait for the process again
        assert time.monotonic() - begun < 3
        assert closer.is_alive()
    finally:
        (tmp_path / "go").touch()
        closer.join(60)
        reader.join(60)


def _is_in(function: str, thread: threading.Thread) -> bool:
    """Whether a thread is in that function."""
    frame = sys._current_frames().get(thread.ident or 0)
    while frame is not None and frame.f_code.co_name != function:
        frame = frame.f_back
    return frame is not None
