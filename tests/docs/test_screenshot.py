"""docs/screen.svg: a picture of what the commands show today, which loads nothing from elsewhere."""

from __future__ import annotations

import html
import re
import subprocess
import sys
from pathlib import Path

from tests.docs.pages import DOCS, ROOT, read

PICTURE = DOCS / "screen.svg"


def test_the_picture_in_the_readme_is_what_the_commands_show_today(tmp_path: Path) -> None:
    """Where this fails, make it anew: .venv/bin/python scripts/screenshot."""
    made = tmp_path / "screen.svg"
    run = subprocess.run(
        [sys.executable, str(ROOT / "scripts" / "screenshot"), str(made)], capture_output=True, text=True, check=False
    )
    assert (run.returncode, run.stderr) == (0, "")
    assert shown(PICTURE) == shown(made)


def test_the_picture_loads_nothing_from_elsewhere() -> None:
    assert re.findall(r"url\((?!#)|href|@import|@font-face", read(PICTURE)) == []


def shown(picture: Path) -> list[str]:
    """The words of each line; what differs from run to run (times, the change's id) is left out."""
    rows: dict[float, list[tuple[float, str]]] = {}
    texts = re.findall(r'<text class="screen-r\d+" x="([\d.]+)" y="([\d.]+)"[^>]*>(.*?)</text>', read(picture))
    for x, y, text in texts:
        rows.setdefault(float(y), []).append((float(x), html.unescape(text).replace("\xa0", " ")))
    lines = ["".join(text for _, text in sorted(row)) for _, row in sorted(rows.items())]
    return [" ".join(re.sub(r"change \w{8}|\d+(\.\d+)? m?s\b", "…", line).split()) for line in lines]
