"""schema: the JSON Schema of environments.yaml."""

from __future__ import annotations


def schema() -> None:
    """Print the JSON Schema of environments.yaml.

    With it, editors complete and check the file.
    """
    from rolloutctl.cli import documents  # noqa: PLC0415 - not for --help
    from rolloutctl.rules.config import schema as build  # noqa: PLC0415

    documents.write(build())
