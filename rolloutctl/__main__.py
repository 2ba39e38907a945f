"""The `rolloutctl` command, and `python -m rolloutctl`: a TAB is answered at once, all else at the front desk."""

from __future__ import annotations

import os
import sys

TYPE_CHECKING = False  # as in typing, which takes longer to import than to tell the version
if TYPE_CHECKING:
    from typing import NoReturn


def main() -> NoReturn:
    """Answer a TAB, or run the command that sys.argv names; and exit."""
    from rolloutctl.cli.streams import STREAMS  # noqa: PLC0415

    STREAMS.hold()
    if "_ROLLOUTCTL_COMPLETE" in os.environ:
        from rolloutctl.cli import completing  # noqa: PLC0415 - typer alone takes longer than a TAB may

        completing.answer()
    if sys.argv[1:] == ["--version"]:  # scripts ask it often
        from rolloutctl import __version__  # noqa: PLC0415 - not for a TAB

        sys.stdout.write(f"rolloutctl {__version__}\n")
        sys.exit(STREAMS.end(0, shows=True))
    from rolloutctl.cli.interrupts import heed_interrupts  # noqa: PLC0415

    heed_interrupts()
    departure, interrupted = None, False
    try:
        from rolloutctl.cli.setting_out import set_out  # noqa: PLC0415 - first of all: it needs no command line

        departure = set_out(sys.argv[1:])
    except KeyboardInterrupt:
        interrupted = True
    from rolloutctl.cli.main import main as front_desk  # noqa: PLC0415

    front_desk(departure, interrupted=interrupted)


if __name__ == "__main__":
    main()
