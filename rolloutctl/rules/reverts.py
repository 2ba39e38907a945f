"""A revert that was prepared on a branch of the clone, or what stood in its way."""

from __future__ import annotations

from msgspec import Struct


class Reverted(Struct, frozen=True):
    """A branch with the reverts on it, and `stat`, what they change.

    With `conflicts` it stopped at `commit`, and waits in the folder `place` for somebody to resolve them. With
    `trouble` there is no branch.
    """

    branch: str
    place: str = ""
    conflicts: tuple[str, ...] = ()
    stat: tuple[str, ...] = ()
    commit: str = ""
    rest: tuple[str, ...] = ()  # the commits behind that one, which are not reverted yet
    trouble: str = ""
