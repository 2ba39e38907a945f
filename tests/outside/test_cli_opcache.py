"""A php whose CLI keeps compiled files: what the host's eyes read is what stands there now."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import pytest

from rolloutctl.outside.command import eyes
from tests.outside.host_script import FUNCTIONS

KEEPS = (
    "-d opcache.enable_cli=1 -d opcache.file_cache_only=1 -d opcache.validate_timestamps=0 "
    "-d opcache.file_update_protection=0"
)


@pytest.mark.parametrize("staying", ["''", "none"])
def test_a_config_cache_is_read_as_it_stands_also_where_the_cli_keeps_compiled_files(
    tmp_path: Path, staying: str
) -> None:
    php = shutil.which("php")
    if (
        php is None
        or "Zend OPcache" not in subprocess.run([php, "-m"], capture_output=True, text=True, check=True).stdout
    ):
        pytest.skip("there is no php here whose command line has opcache")
    kept = tmp_path / "kept"
    kept.mkdir()
    (tmp_path / "php").write_text(f'#!/bin/sh\nexec {php} {KEEPS} -d opcache.file_cache={kept} "$@"\n')
    (tmp_path / "php").chmod(0o755)
    (tmp_path / "host.php").write_bytes(eyes())
    live, empty = tmp_path / "live.php", tmp_path / "empty.php"
    (tmp_path / "in").write_text(json.dumps({"live": str(empty), "new": str(live), "settings": ["on"]}))
    empty.write_text("<?php return [];")

    def seen(command: str) -> str:
        settings = f"SCRATCH={tmp_path} RC_PHP={tmp_path}/php CHANGE='' EYES={staying}; cd {tmp_path}"
        return subprocess.run(
            ["sh", "-c", f"{FUNCTIONS}\n{settings}\n{command}"], capture_output=True, text=True, check=True, timeout=60
        ).stdout

    asked = "eyes diff $SCRATCH/in $SCRATCH/out && cat $SCRATCH/out"
    found = []
    for value in ("true", "false"):
        live.write_text(f"<?php return ['on' => {value}];")
        found.append(json.loads(seen(asked))["got"]["on"])
        seen("$RC_PHP -r 'include \"live.php\";'")  # the application's own commands keep it

    assert found == [True, False]
    assert (
        seen('$RC_PHP -r \'echo var_export((include "live.php")["on"], true);\'') == "true"
    )  # it was kept, and is old
