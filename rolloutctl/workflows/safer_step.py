"""What is said before code or database go back: switching the flag off is safer, and whether that has been done."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager

from msgspec import Struct

from rolloutctl.errors import RolloutctlError
from rolloutctl.rules.config import Flag
from rolloutctl.rules.deploy_plans import audiences_of
from rolloutctl.rules.host import HostState


class SaferStep(Struct, frozen=True):
    """The flags that are on, with who sees them, in words; none: it has been done."""

    environment: str
    on: tuple[tuple[str, str], ...]
    known: bool = True  # whether any host could tell
    declared: bool = True  # whether there is any flag

    @property
    def words(self) -> str:
        """The sentence that comes first."""
        if not self.declared:
            return "No flag is declared that could be switched off instead."
        if not self.known:
            return "Switching the flag off is safer and quicker; nobody can be asked whether that has been done."
        if not self.on:
            return "Every flag is off already: the safer step has been done."
        seen = ", ".join(f"{name} is on for {who}" for name, who in self.on)
        return f"Switching off is safer and quicker, and has not been done: {seen}."

    @property
    def commands(self) -> tuple[str, ...]:
        """What switches them off."""
        return tuple(f"rolloutctl toggle {self.environment} {name} false" for name, _ in self.on)


def safer_step(environment: str, flags: Iterable[Flag], states: Mapping[str, HostState]) -> SaferStep:
    """What to say of an environment's flags."""
    each = tuple(flags)
    audiences = [audiences_of(state, each) for state in states.values()]
    on = []
    for flag in each:
        seen = next((of[flag.name] for of in audiences if flag.name in of and not of[flag.name].nobody), None)
        if seen is not None:
            on.append((flag.name, str(seen)))
    return SaferStep(environment, tuple(on), bool(states), bool(each))


@contextmanager
def naming(safer: SaferStep) -> Iterator[None]:
    """Whoever is refused here hears of the safer step all the same, and how to take it."""
    try:
        yield
    except RolloutctlError as error:
        error.state = "\n".join(filter(None, (error.state, safer.words)))
        error.hint = "\n".join(filter(None, (*safer.commands, error.hint)))
        raise
