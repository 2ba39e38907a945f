"""The judge: what the real phpdotenv reads in a `.env`; one php process for many texts."""

from __future__ import annotations

import base64
import json
import os
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest

Values = dict[str, str | None]
_PROGRAM = Path(__file__).parents[1] / "rules" / "phpdotenv.php"


def phpdotenv_or_skip() -> None:
    """Skip, loudly, where php or Debian's phpdotenv is absent; in CI that is a failure."""
    if shutil.which("php") and Path("/usr/share/php/Dotenv/autoload.php").exists():
        return
    missing = "php or phpdotenv is missing (Debian: php-cli, php-vlucas-phpdotenv): nobody judges the edits of .env"
    if os.environ.get("CI"):
        pytest.fail(missing)
    pytest.skip(missing)


def read_by_phpdotenv(texts: Sequence[bytes]) -> list[Values | None]:
    """The values of each text; None where phpdotenv rejects it. Values that are not UTF-8 were made so by it."""
    return [None if isinstance(reading, str) else _decoded(reading) for reading in _judged(texts)]


def faults_by_phpdotenv(texts: Sequence[bytes]) -> list[str]:
    """What phpdotenv says against each text, as artisan prints it; empty where it reads the text."""
    return [reading if isinstance(reading, str) else "" for reading in _judged(texts)]


def _judged(texts: Sequence[bytes]) -> list[Values | str]:
    done = subprocess.run(
        ["php", "-d", "include_path=/usr/share/php", str(_PROGRAM)],
        input=json.dumps([base64.b64encode(text).decode() for text in texts]),
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    readings: list[Values | str] = json.loads(done.stdout)
    return readings


def _decoded(reading: Values) -> Values:
    return {name: None if value is None else base64.b64decode(value).decode() for name, value in reading.items()}
