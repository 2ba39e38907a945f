"""Seeds whose rounds found something once, and what; `make soak` plays them first."""

from __future__ import annotations

FOUND_SOMETHING: dict[int, str] = {}
