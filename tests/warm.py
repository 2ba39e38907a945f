"""Commands of rolloutctl, each in a process that is forked from one that has imported everything: half as dear.

What a start itself does and costs is seen by those tests that start `python -m rolloutctl` whole: all on a terminal,
all that send a signal.
"""

from __future__ import annotations

import atexit
import json
import os
import pkgutil
import select
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack, suppress
from functools import cache
from importlib import import_module
from io import FileIO
from pathlib import Path
from typing import NoReturn

ROOT = Path(__file__).parents[1]
_WHOLE = ("PYTHON", "LANG", "LC_", "TZ")  # begin the names of what Python reads only as it starts
_LANGUAGE = {"LANG": "C.UTF-8"}
_FILES = 4  # the request, stdin, stdout and stderr; behind them comes where the process's id and its end are told


def run(
    words: Sequence[str], *, env: Mapping[str, str], cwd: Path, stdin: str = "", timeout: float = 60.0
) -> subprocess.CompletedProcess[str]:
    """`rolloutctl WORDS` to its end, without a terminal; as `subprocess.run` with its output captured.

    Raises:
        TimeoutExpired: it took longer, and was killed.
    """
    if any(
        name.startswith(_WHOLE) and _LANGUAGE.get(name) != value and name != "PYTHONPATH" for name, value in env.items()
    ):
        return subprocess.run(
            [sys.executable, "-m", "rolloutctl", *words],
            env=dict(env),
            cwd=cwd,
            input=stdin,
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
        )
    with ExitStack() as stack:
        request, given, out, err = (stack.enter_context(tempfile.TemporaryFile(buffering=0)) for _ in range(_FILES))
        request.write(json.dumps({"words": list(words), "env": dict(env), "cwd": str(cwd)}).encode())
        given.write(stdin.encode())
        for file in (request, given):
            file.seek(0)
        told, tells = os.pipe()
        try:
            socket.send_fds(_line(), [b"."], [*(file.fileno() for file in (request, given, out, err)), tells])
        finally:
            os.close(tells)
        status = _end(told, words, timeout)
        return subprocess.CompletedProcess(words, status, _text(out), _text(err))


def _end(told: int, words: Sequence[str], timeout: float) -> int:
    """The exit status: the other side tells the process's id, then how it ended."""
    until, said = time.monotonic() + timeout, ""
    with os.fdopen(told, "rb", buffering=0) as pipe:
        while said.count("\n") < 2:
            if not select.select([pipe], [], [], max(0.0, until - time.monotonic()))[0]:
                with suppress(ProcessLookupError, ValueError):
                    os.kill(int(said.split("\n", 1)[0]), signal.SIGKILL)
                raise subprocess.TimeoutExpired(list(words), timeout)
            piece = pipe.read(100)
            assert piece, "the process that forks has ended"
            said += piece.decode()
    return int(said.split("\n")[1])


def _text(file: FileIO) -> str:
    file.seek(0)
    return file.read().decode()


@cache
def _line() -> socket.socket:
    """The line to the process that forks; it ends when nobody holds the other end."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with theirs:
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.warm", str(theirs.fileno())],
            pass_fds=[theirs.fileno()],
            env={"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), **_LANGUAGE},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
        )

    def end() -> None:
        ours.close()
        process.wait(10)

    atexit.register(end)
    return ours


def _serve(line: socket.socket) -> None:
    """Fork for each request: a process that waits for the command, and the command."""
    _import_everything()
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    while True:
        message, fds, _, _ = socket.recv_fds(line, 1, _FILES + 1)
        if not message:
            return
        if os.fork() == 0:
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            line.close()
            command = os.fork()
            if command == 0:
                _become(fds)
            _wait_for(command, fds[-1])
        for fd in fds:
            os.close(fd)


def _wait_for(command: int, tells: int) -> NoReturn:
    os.write(tells, f"{command}\n".encode())
    status = os.waitstatus_to_exitcode(os.waitpid(command, 0)[1])
    os.write(tells, f"{status}\n".encode())
    os._exit(0)


def _become(fds: Sequence[int]) -> NoReturn:
    """Be the command, to the interpreter's own end."""
    with os.fdopen(fds[0], "rb") as file:
        request = json.loads(file.read())
    for number, fd in enumerate(fds[1:4]):
        os.dup2(fd, number)
    for fd in fds[1:]:
        os.close(fd)
    os.chdir(request["cwd"])
    os.environ.clear()
    os.environ.update(request["env"])
    sys.argv = ["rolloutctl", *request["words"]]
    from rolloutctl.__main__ import main  # noqa: PLC0415 - the test's side does not need it

    main()


def _import_everything() -> None:
    import rolloutctl  # noqa: PLC0415
    from rolloutctl.outside.ssh import load_paramiko  # noqa: PLC0415

    load_paramiko()
    for module in pkgutil.walk_packages(rolloutctl.__path__, "rolloutctl."):
        if not module.name.endswith("__main__"):
            import_module(module.name)


if __name__ == "__main__":
    _serve(socket.socket(fileno=int(sys.argv[1])))
