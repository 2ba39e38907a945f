"""The files that a rollout's plan names: a list of companies, and a checklist."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from rolloutctl.errors import ConfigurationError

if TYPE_CHECKING:
    from rolloutctl.rules.checklists import Checklist

_LARGEST = 8 * 2**20  # bytes: some hundred thousand companies


class PlanFiles:
    """Reads them; `beside` is the folder of environments.yaml, with the `.env` of secrets."""

    def __init__(self, beside: Path) -> None:
        self._beside = beside

    def text(self, path: str) -> str:
        """The text of a file.

        Raises:
            ConfigurationError: it can't be read, is no text, or is too long.
        """
        try:
            with Path(path).expanduser().open("rb") as file:
                data = file.read(_LARGEST + 1)
            if len(data) > _LARGEST:
                raise _unreadable(path, f"it has more than {_LARGEST:,} bytes")
            return data.decode("utf-8-sig")
        except OSError as error:
            raise _unreadable(path, str(error.strerror or error)) from error
        except UnicodeDecodeError as error:
            raise _unreadable(path, "it is not UTF-8") from error

    def checklist(self, path: str) -> Checklist:
        """The checklist in a file.

        Raises:
            ConfigurationError: it can't be read, or something in it is wrong.
        """
        from rolloutctl.outside.checklist_files import load_checklist  # noqa: PLC0415 - a switch-off reads none

        return load_checklist(Path(path), self._beside)


def _unreadable(path: str, why: str) -> ConfigurationError:
    return ConfigurationError(
        f"The companies in {path} can't be read: {why}.", subject=path, hint="See companies: in environments.yaml."
    )
