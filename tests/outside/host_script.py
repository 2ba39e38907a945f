"""The functions of a session's script, to run one of them alone; and a php that stays for them, as for a session."""

from __future__ import annotations

import shutil
from pathlib import Path

from rolloutctl.outside.command import eyes, session_script

FUNCTIONS = session_script().partition("\nME=$(id -u)\n")[0].replace("trap 'clean_up' EXIT", "")
PHP = shutil.which("php")


def staying(folder: Path) -> str:
    """Lines of script: from here on a php that stays answers, from files in `folder`."""
    folder.mkdir()
    (folder / "host.php").write_bytes(eyes())
    return f"SCRATCH={folder} RC_PHP={PHP} EYES=''\nstart_eyes || exit 99\nheard digest x || exit 98\n"
