"""What is delivered to a host that holds a change and waits for word, over another connection than its own."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from msgspec import Struct, field


class Decision(Struct, frozen=True):
    """Keep or go back, why, and by whom where that is another person than the one who made the change."""

    keep: bool
    cause: str = "by-another-session"
    by: Mapping[str, Any] = field(default_factory=dict)

    def fragment(self) -> str:
        """What it adds to the record of the outcome, in front of other fields; empty when it adds nothing."""
        return json.dumps({"decided_by": self.by}, separators=(",", ":"))[1:-1] + "," if self.by else ""
