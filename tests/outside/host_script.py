"""The functions of a session's script, to run one of them alone; and a php that stays for them, as for a session."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

from rolloutctl.outside.command import eyes, session_script

FUNCTIONS = session_script().partition("\nME=$(id -u)\n")[0].replace("trap 'clean_up' EXIT", "")
PHP = shutil.which("php")
SHELLS = (("dash",), ("bash", "--posix"), ("busybox", "ash"))


def run_functions(shell: Sequence[str], script: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """Run a script behind the functions, in a folder."""
    return subprocess.run(
        [*shell, "-c", f"{FUNCTIONS}\n{script}"], capture_output=True, text=True, timeout=60, check=False, cwd=folder
    )


def staying(folder: Path) -> str:
    """Lines of script: from here on a php that stays answers, from files in `folder`."""
    folder.mkdir()
    (folder / "host.php").write_bytes(eyes())
    return f"SCRATCH={folder} RC_PHP={PHP} EYES=''\nstart_eyes || exit 99\nheard digest x || exit 98\n"
