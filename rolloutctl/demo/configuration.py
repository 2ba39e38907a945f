"""The tiny application's configuration: built from `.env`, kept as a PHP file, as `artisan config:cache` does it."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from rolloutctl.demo import phpdotenv

ABSENT = object()
CACHE = "bootstrap/cache/config.php"
# Real PHP can read the file as well.
_HEAD = "<?php return json_decode(<<<'JSON'\n"
_TAIL = "\nJSON\n, true);\n"
_WORDS: dict[str, object] = {"true": True, "false": False, "null": None, "empty": ""}


def build(app: Path, process: Mapping[str, str]) -> dict[str, Any]:
    """The configuration that `app/.env` and these variables of the process give; a variable beats the file.

    Raises:
        phpdotenv.InvalidError: phpdotenv rejects the file.
    """
    try:
        content = (app / ".env").read_bytes()
    except FileNotFoundError:
        content = b""  # Laravel's safeLoad() goes on without a file
    values = phpdotenv.load(content, process) | dict(process)
    return {
        "app": {
            "name": _env(values, "APP_NAME", "Laravel"),
            "env": _env(values, "APP_ENV", "production"),
            "debug": _env(values, "APP_DEBUG", default=False),
            "url": _env(values, "APP_URL", "http://localhost"),
            "key": _env(values, "APP_KEY"),
        },
        "database": {"host": _env(values, "DB_HOST", "127.0.0.1"), "password": _env(values, "DB_PASSWORD", "")},
        "services": {"slack": {"webhook": _env(values, "SLACK_WEBHOOK_URL")}},
        "features": _features(values),
    }


def write(path: Path, config: Mapping[str, Any]) -> None:
    """Write a cached configuration, in place as Laravel does."""
    path.write_text(_HEAD + json.dumps(config) + _TAIL, encoding="utf-8")


def read(path: Path) -> dict[str, Any]:
    """Read a cached configuration; empty when there is none to read."""
    try:
        config = json.loads(path.read_text(encoding="utf-8").removeprefix(_HEAD).removesuffix(_TAIL))
    except (OSError, ValueError):
        return {}
    return config if isinstance(config, dict) else {}


def cache_path(app: Path, process: Mapping[str, str]) -> str:
    """Where the cached configuration is: APP_CONFIG_CACHE, or Laravel's usual place."""
    return os.path.join(app, process.get("APP_CONFIG_CACHE") or CACHE)


def true(value: object) -> bool:
    """PHP's truth: the text "0" is false."""
    return bool(value) and value != "0"


def picked(config: object, paths: Iterable[str]) -> dict[str, Any]:
    """The values at dotted paths; a path that is not there is left out."""
    found = {path: at(config, path.split(".")) for path in paths}
    return {path: value for path, value in found.items() if value is not ABSENT}


def at(config: object, parts: Sequence[str]) -> Any:  # noqa: ANN401 - any JSON value may stand there
    """The value at a path, or ABSENT."""
    place = config
    for part in parts:
        inner = {str(index): each for index, each in enumerate(place)} if isinstance(place, list) else place
        if not isinstance(inner, dict) or part not in inner:
            return ABSENT
        place = inner[part]
    return place


def _features(values: Mapping[str, str | None]) -> dict[str, Any]:
    features: dict[str, Any] = {"customer_portal": False, "customer_portal_test_companies": []}
    for key in sorted(name for name in values if name.startswith("FEATURE_")):
        name = key.removeprefix("FEATURE_").lower()
        listed = name.endswith("_companies")
        features[name] = _companies(values[key]) if listed else _env(values, key, default=False)
    return features


def _env(values: Mapping[str, str | None], key: str, default: object = None) -> object:
    """Laravel's env(): some words become types, and one pair of quotes inside the value goes."""
    value = values.get(key)
    if value is None:
        return default
    word = value.lower()
    word = word[1:-1] if word.startswith("(") and word.endswith(")") else word
    if word in _WORDS:
        return _WORDS[word]
    quoted = re.fullmatch(r"(['\"])(.*)\1", value, re.DOTALL)
    return quoted[2] if quoted else value


def _companies(value: str | None) -> list[int]:
    """array_map('intval', array_filter(explode(',', ...), 'strlen'))."""
    return [int(re.match(r"\s*([+-]?\d+)|", part)[1] or 0) for part in (value or "").split(",") if part]  # type: ignore[index] # matches any text
