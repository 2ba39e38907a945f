"""Where things are on the operator's machine: environments.yaml, and what rolloutctl remembers of its hosts."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from rolloutctl.errors import ConfigurationError

NAME = "environments.yaml"
VARIABLE = "ROLLOUTCTL_CONFIG"


def find(explicit: Path | None, environ: Mapping[str, str], cwd: Path) -> Path:
    """The file named by `--config`, else by ROLLOUTCTL_CONFIG, else the nearest one from `cwd` upward.

    Raises:
        ConfigurationError: there is none; it says where it looked.
    """
    named = environ.get(VARIABLE, "")
    if explicit is not None:
        return _named(cwd / explicit.expanduser(), "--config")
    if named:
        return _named(cwd / Path(named).expanduser(), VARIABLE)
    for folder in (cwd, *cwd.parents):
        if (folder / NAME).is_file():
            return folder / NAME
    raise ConfigurationError(
        f"There is no {NAME} in {cwd} or in any folder above it.",
        subject=str(cwd),
        hint=f"Go to the project's folder, or name the file: --config PATH, or {VARIABLE}=PATH. "
        f"What it holds: docs/environments.md.",
    )


def state_folder(environ: Mapping[str, str]) -> Path:
    """Where the operator's machine keeps what it remembers."""
    named = environ.get("XDG_STATE_HOME", "")
    base = Path(named) if Path(named).is_absolute() else Path.home() / ".local/state"
    return base / "rolloutctl"


def mirror_folder(environ: Mapping[str, str], configuration: Path) -> Path:
    """Where it remembers the hosts of this environments.yaml: two projects may both have a web-1 in production."""
    return state_folder(environ) / "mirror" / _project(configuration)


def samples_folder(environ: Mapping[str, str], configuration: Path) -> Path:
    """Where it keeps the samples of the metrics of this environments.yaml."""
    return state_folder(environ) / "samples" / _project(configuration)


def private(folder: Path) -> Path:
    """The folder, made where it is missing, with all that is missing above it: its owner's alone, whatever umask."""
    if not folder.is_dir():
        private(folder.parent)
        folder.mkdir(mode=0o700, exist_ok=True)
    return folder


def _project(configuration: Path) -> str:
    import hashlib  # noqa: PLC0415 - most TABs don't ask for it

    return hashlib.sha256(str(configuration.resolve()).encode()).hexdigest()[:12]


def _named(path: Path, how: str) -> Path:
    found = path / NAME if path.is_dir() else path
    if found.exists():
        return found
    raise ConfigurationError(
        f"{how} names a file that is not there.",
        subject=str(found),
        hint="Check the path; a relative one begins in the working directory.",
    )
