"""The end of long work: told to whoever reads it, people or a program, and to GitHub."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, NoReturn

import typer
from msgspec import Struct

from rolloutctl.cli.invocation import Invocation
from rolloutctl.errors import RolloutctlError

if TYPE_CHECKING:
    from rolloutctl.cli.github import Summary
    from rolloutctl.cli.render import Page


class Ending(Struct, frozen=True):
    """How it ended: `error` is why it did not end well, `known` a subject that the lines above have named."""

    invocation: Invocation
    error: RolloutctlError | None
    known: str = ""

    def tell(
        self, document: Callable[[], Mapping[str, Any]], show: Callable[[Page], None], summary: Callable[[], Summary]
    ) -> NoReturn:
        """Tell a program by `document`, people by `show` and the error, GitHub by `summary`; then exit accordingly.

        Raises:
            typer.Exit: always.
        """
        if self.invocation.json:
            from rolloutctl.cli import documents  # noqa: PLC0415 - not for --help

            documents.write(document())
        else:
            self._show(show)
        if self.invocation.on_github:
            from rolloutctl.cli import github  # noqa: PLC0415

            github.tell(summary())
        raise typer.Exit(self.error.exit_status if self.error else 0)

    def _show(self, show: Callable[[Page], None]) -> None:
        from rolloutctl.cli.render import answer_page, side_page  # noqa: PLC0415 - rich only where somebody reads
        from rolloutctl.cli.render_error import show_error  # noqa: PLC0415

        show(answer_page())
        if self.error is not None:
            show_error(self.error, side_page(), known=self.known)
