"""init --rollout's story where somebody else writes into the file at the last moment."""

from __future__ import annotations

from pathlib import Path

import pytest

from rolloutctl.cli.interview import Asker
from rolloutctl.errors import Refused
from rolloutctl.outside.edited_file import EditedYamlFile
from rolloutctl.workflows.init_rollout import Outside, Request, init_rollout

TEXT = "version: 1\nflags: {portal: }\ndefaults: {connection: embedded}\nenvironments: {staging: , production: }\n"


@pytest.mark.parametrize("made", [True, False])
def test_what_was_written_meanwhile_stays_and_the_checklist_is_told_of(tmp_path: Path, made: bool) -> None:
    path = tmp_path / "environments.yaml"
    path.write_text(TEXT)

    def checklist(_path: str, _flag: str, _page: str | None) -> bool:
        path.write_text(TEXT + "# mine\n")
        return made

    outside = Outside(interview=Asker(silent=True), file=EditedYamlFile(path), checklist=checklist)
    with pytest.raises(Refused, match="changed this file meanwhile") as told:
        init_rollout(Request(flag="portal"), outside)

    assert path.read_text() == TEXT + "# mine\n"
    written = f" The checklist was written: {tmp_path}/checklists/portal.yaml"
    assert told.value.state == "It was left as it is." + (written if made else "")
