"""docs/protocol.md and docs/audit.md against the scripts: each verb, answer, refusal and field, and no other."""

from __future__ import annotations

import json
import re

import pytest

from rolloutctl.outside.answers import TEXTS
from rolloutctl.outside.command import session_script
from tests.docs.pages import DOCS, PACKAGE, blocks, first_words, read, rows, section

PROTOCOL = DOCS / "protocol.md"
SCRIPT = session_script()
EXAMINER = read(PACKAGE / "outside" / "examine.sh")
EYES = read(PACKAGE / "outside" / "host.php")
CLIENT = "".join(read(PACKAGE / "outside" / name) for name in ("session.py", "reading.py", "long_work.py"))


def test_every_verb_is_described_and_no_other() -> None:
    loop = SCRIPT[SCRIPT.index("\nserve() {") :]
    verbs = re.findall(r"^ +([a-z]+)\) ", loop[: loop.index("esac")], re.MULTILINE)
    assert sorted(first_words(section(PROTOCOL, "Verbs"))) == sorted(verbs)


def test_every_answer_is_described_and_no_other() -> None:
    assert sorted(first_words(section(PROTOCOL, "Answers"))) == sorted(answers())


def test_the_client_decodes_answers_that_there_are() -> None:
    assert set(TEXTS) <= answers()


def test_every_answer_of_a_survey_is_described_and_no_other() -> None:
    of_sh = re.findall(r"\bemit \"?([a-z]+)", read(PACKAGE / "outside" / "survey.sh"))
    of_php = re.findall(r"\bsay(?:_line)?\('([a-z]+)", read(PACKAGE / "outside" / "survey.php"))
    assert sorted(first_words(section(PROTOCOL, "A survey"))) == sorted({*of_sh, *of_php})


def test_every_refusal_is_described_and_no_other() -> None:
    called = re.findall(r"\brefuse ([a-z-]+)", SCRIPT)
    emitted = re.findall(r"emit refused ([a-z-]+)", SCRIPT)
    of_sudo = re.findall(r"\bwhy=([a-z-]+)", SCRIPT)
    assert sorted(first_words(section(PROTOCOL, "Refusals"))) == sorted({*called, *emitted, *of_sudo})


def test_every_file_and_setting_that_the_client_sends_is_named() -> None:
    verbs = section(PROTOCOL, "Verbs")
    files = re.findall(r"\.put(?:_json)?\(\"([\w.]+)\"", CLIENT)
    settings = re.findall(r"\"([A-Z_]+)\": ", CLIENT)
    assert len(files) > 5
    assert len(settings) > 5
    assert [name for name in (*files, *settings) if f"`{name}`" not in verbs] == []


def test_every_command_of_the_hosts_eyes_is_described_and_no_other() -> None:
    commands = re.findall(r"'(\w+)' => '\w+'", next(line for line in EYES.splitlines() if "$answers = [" in line))
    described = re.findall(r"^### `(\w+)`$", read(PROTOCOL), re.MULTILINE)
    assert sorted(described) == sorted(commands)


@pytest.mark.parametrize("command", ["state", "check", "diff", "patch", "unedit", "ask"])
def test_every_input_that_a_command_of_the_hosts_eyes_reads_is_described(command: str) -> None:
    function = {"diff": "diff_caches"}.get(command, command)
    start = EYES.index(f"function {function}(array $in)")
    body = EYES[start : EYES.index("\n}\n", start)]
    read_there = set(re.findall(r"\$in\['(\w+)'\]", body)) - {"here"}
    described = set(re.findall(r"`(\w+)`", section(PROTOCOL, f"`{command}`")))
    assert read_there
    assert read_there <= described


def test_every_fact_that_doctor_is_told_is_described_and_no_other() -> None:
    told = {*re.findall(r"\bfact ([a-z][a-z-]*)", EXAMINER), "sudo", "no-sudo"}  # as sudo_allows words it
    assert sorted(first_words(section(PROTOCOL, "Facts"))) == sorted(told)


def test_every_fact_is_judged() -> None:
    rules = "".join(read(path) for path in [*sorted((PACKAGE / "rules").glob("diagnosis*.py"))])
    told = set(re.findall(r"\bfact ([a-z][a-z-]*)", EXAMINER)) - {"clock"}  # the workflow compares that one
    assert [name for name in sorted(told) if f'"{name}"' not in rules] == []


def test_the_record_in_the_audit_page_has_the_fields_of_its_table() -> None:
    record = json.loads(blocks(DOCS / "audit.md", "json")[0])
    described = {
        word for row in rows(section(DOCS / "audit.md", "A record")) for word in re.findall(r"`([a-z_]+)`", row[0])
    }
    assert described - {"late", "until", "seconds", "decided_by", "rollout", "schedule", "scheduled_by"} == set(record)


def test_every_cause_of_an_outcome_is_explained() -> None:
    page = section(DOCS / "audit.md", "Events")
    workflows = "".join(read(path) for path in sorted((PACKAGE / "workflows").glob("*.py")))
    causes = {
        *re.findall(r"\bcause(?: =|=) ?\"([a-z-]+)\"", workflows),
        *re.findall(r"LINE=\"decide \w+ ([a-z-]+)\"", SCRIPT),
        *re.findall(r"(?:write_outcome kept|go_back) \"([a-z][a-z, ]+)\"", SCRIPT),
    }
    assert len(causes) > 5
    assert [cause for cause in sorted(causes) if f"`{cause}`" not in page] == []


def answers() -> set[str]:
    """All kinds of answers that the host's scripts give."""
    emitted = set(re.findall(r"(?:\bemit|'@rc1) \"?([a-z][a-z-]*)", SCRIPT + EXAMINER))
    asked = set(re.findall(r"\bemit_eyes ([a-z]+) ", SCRIPT)) | set(re.findall(r"\bask ([a-z]+) \"", SCRIPT))
    return emitted | asked | {f"{kind}-failed" for kind in asked}
