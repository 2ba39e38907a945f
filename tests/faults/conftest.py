"""The lab, for faults at exact moments."""

from __future__ import annotations

from tests.lab.conftest import fresh, lab
from tests.stories.conftest import hire

__all__ = ["fresh", "hire", "lab"]
