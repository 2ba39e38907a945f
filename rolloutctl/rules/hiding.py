"""Keeps what may be a secret out of how a value shows itself, as in an exception's trace."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


def repr_without(*hidden: str) -> Callable[[Any], str]:
    """A `__repr__` for a Struct that leaves out these fields."""

    def __repr__(self: Any) -> str:  # noqa: ANN401, N807 - it becomes the method of whatever Struct
        shown = (f"{name}={getattr(self, name)!r}" for name in self.__struct_fields__ if name not in hidden)
        return f"{type(self).__name__}({', '.join(shown)})"

    return __repr__
