"""The stand-in php of the embedded host: answers for `artisan`, for `-v` and for host.php, and for nothing else.

It starts anew for each command, so it imports little: one start takes less than 60 ms.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from rolloutctl.demo import configuration, phpdotenv

VERSION = "8.2.0"


def main(arguments: Sequence[str]) -> int:
    """Run `php ARGUMENTS...` in the working directory; returns the exit status."""
    while arguments and arguments[0].startswith("-d"):  # a setting of php.ini: there is none here
        arguments = arguments[1 if arguments[0] != "-d" else 2 :]
    script = arguments[0] if arguments else ""
    if script in {"-v", "--version"}:
        sys.stdout.write(f"PHP {VERSION} (cli) (the stand-in of rolloutctl's demo)\n")
        return 0
    if Path(script).name not in {"artisan", "host.php"}:
        sys.stderr.write("This php is the demo's stand-in: it answers for artisan and host.php only.\n")
        return 1
    if not Path(script).is_file():
        sys.stdout.write(f"Could not open input file: {script}\n")
        return 1
    if Path(script).name == "artisan":
        return _artisan(Path(script).resolve().parent, arguments[1:])
    from rolloutctl.demo.eyes import main as eyes  # noqa: PLC0415 - artisan starts faster without

    return eyes(arguments[1:])


def _artisan(app: Path, arguments: Sequence[str]) -> int:
    name = next((argument for argument in arguments if not argument.startswith("-")), "list")
    command = _COMMANDS.get(name)
    if command is None:
        sys.stderr.write(f'\n  Command "{name}" is not defined.\n\n')
        return 1
    return command(app)


def _cache_config(app: Path) -> int:
    _clear_config(app)  # Laravel destroys before it builds
    broken = app.parent / "break" / "artisan"
    if broken.exists():
        sys.stderr.write(broken.read_text(encoding="utf-8"))
        return 1
    try:
        config = configuration.build(app, os.environ)
    except phpdotenv.InvalidError as error:
        sys.stderr.write(f"The environment file is invalid!\n{error}\n")
        return 1
    configuration.write(Path(configuration.cache_path(app, os.environ)), config)
    sys.stdout.write("Configuration cached successfully!\n")
    return 0


def _clear_config(app: Path) -> int:
    Path(configuration.cache_path(app, os.environ)).unlink(missing_ok=True)
    sys.stdout.write("Configuration cache cleared!\n")
    return 0


def _restart_queue(_app: Path) -> int:
    sys.stdout.write("Broadcasting queue restart signal.\n")
    return 0


_COMMANDS: dict[str, Callable[[Path], int]] = {
    "config:cache": _cache_config,
    "config:clear": _clear_config,
    "queue:restart": _restart_queue,
}
