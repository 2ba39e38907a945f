"""The smallest application of Typer, to be compared with rolloutctl's own start."""

from __future__ import annotations

import typer


def main(name: str) -> None:
    """Say a name."""
    typer.echo(name)


if __name__ == "__main__":
    typer.run(main)
