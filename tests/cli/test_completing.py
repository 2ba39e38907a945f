"""What a TAB offers, in bash, zsh and fish themselves, and how soon."""

from __future__ import annotations

import json
import resource
import shutil
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from rolloutctl.cli import completing
from rolloutctl.outside.mirror import FileMirror
from rolloutctl.outside.places import mirror_folder
from rolloutctl.rules.records import read_record
from tests.cli.shell import ENVIRONMENTS, ROOT, Shell, on_terminal

KNOWN = ROOT / "rolloutctl" / "cli" / "commands.json"
BUDGET = 0.1  # seconds of processor for one TAB
LOADED = {"typer", "click", "rich", "msgspec", "paramiko", "dataclasses", "rolloutctl.cli.main"}
OPTIONS = {"--companies", "--reason", "--yes", "-y", "--json"}


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Shell:
    """A project whose mirror knows three changes in demo and one in strict."""
    shell = Shell(tmp_path_factory.mktemp("project"))
    mirror = FileMirror(mirror_folder(shell.environment, shell.configuration))
    for environment, change, days, to, ends in (
        ("demo", "aaa1", 9, {"enabled": True, "companies": [15, 42]}, ("started", "kept")),
        ("demo", "bbb2", 3, {"enabled": True, "companies": []}, ("started", "reverted")),
        ("demo", "ccc3", 2, {"enabled": False, "companies": []}, ("started",)),
        ("strict", "ddd4", 1, {"enabled": True, "companies": [1, 2, 3, 4]}, ("started", "kept")),
    ):
        fields = {"change": change, "environment": environment, "flag": "customer_portal", "to": to}
        time = (datetime.now(UTC) - timedelta(days=days, hours=1)).isoformat()
        records = [{**fields, "time": time, "event": event} for event in ends]
        mirror.saw(environment, environment, [read_record(json.dumps(record)) for record in records])
    for host in ("one", "two"):  # as the hosts of one environment, with what is over in the first one's log alone
        meant = {"event": "schedule", "environment": "demo", "flag": "customer_portal", "action": "scheduled"}
        pilot, off = {"enabled": True, "companies": [15]}, {"enabled": False, "companies": []}
        marks = [
            {**meant, "entry": "sss3", "due": "2026-12-03T09:00:00+00:00", "written": "3 Dec 09:00 UTC", "to": off},
            {**meant, "entry": "sss1", "due": "2026-12-01T09:00:00+00:00", "written": "1 Dec 09:00 UTC", "to": pilot},
            {**meant, "entry": "sss2", "due": "2026-12-02T09:00:00+00:00", "written": "2 Dec 09:00 UTC", "to": off},
        ]
        over = [{**meant, "entry": "eee", "action": "cancelled", "schedule": "sss2"}] if host == "one" else []
        mirror.saw("demo", host, [read_record(json.dumps(each)) for each in (*marks, *over)])
    with (mirror_folder(shell.environment, shell.configuration) / "demo" / "demo.jsonl").open("a") as log:
        log.write('[]\n{"change": 5, "event": []}\n{"change": "torn", "ev')
    programs = shell.folder / "bin"
    programs.mkdir()
    (programs / "rolloutctl").write_text(f'#!/bin/sh\nexec {sys.executable} -m rolloutctl "$@"\n')
    (programs / "rolloutctl").chmod(0o755)
    shell.environment["PATH"] = f"{programs}:{shell.environment['PATH']}"
    return shell


def offered(shell: Shell, line: str, **more: str) -> list[tuple[str, str]] | None:
    """The words and what they stand for, in fish's form; None where files are."""
    told, status = completing.complete(asking(shell, line, **more), shell.folder)
    if completing.complete(asking(shell, line, _TYPER_COMPLETE_FISH_ACTION="is-args"), shell.folder)[1]:
        return None
    assert status == 0
    return [(word, about) for word, _, about in (each.partition("\t") for each in told.splitlines())]


def asking(shell: Shell, line: str, **more: str) -> dict[str, str]:
    fish = {completing.VARIABLE: "complete_fish", "_TYPER_COMPLETE_ARGS": f"rolloutctl {line}"}
    return {**shell.environment, **fish, **more}


def test_what_completion_knows_of_the_commands_is_what_they_are(tmp_path: Path) -> None:
    """Where this fails, write it anew: .venv/bin/python scripts/commands."""
    made = tmp_path / "commands.json"
    subprocess.run([sys.executable, ROOT / "scripts" / "commands", made], check=True)
    assert KNOWN.read_text() == made.read_text()


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("", ["toggle", "confirm", "due", "unschedule", "status", "rollback"]),
        ("to", ["toggle"]),
        ("--config environments.yaml toggle ", ["demo", "strict"]),
        ("toggle ", ["demo", "strict"]),
        ("toggle d", ["demo"]),
        ("toggle demo ", ["customer_portal", "bulk_export"]),
        ("toggle demo bulk_export ", ["true", "false"]),
        ("triage demo --severity h", ["high"]),
        ("toggle --yes demo bulk_export t", ["true"]),
        ("toggle demo bulk_export true --companies ", ["all"]),
        ("toggle demo bulk_export true --companies=", ["--companies=all"]),
        ("toggle demo bulk_export true --reason 'a pilot, for' --conf", ["--confirm-within", "--confirm"]),
        ("toggle demo bulk_export true --yes --y", []),
        ("toggle demo bulk_export true --confirm ", ["demo", "strict"]),
        ("toggle -- ", ["demo", "strict"]),
        ("toggle -- -", []),
        ("toggle demo bulk_export true --reason 'never clo", []),
        ("status demo cust", ["customer_portal"]),
        ("rollback s", ["strict"]),
        ("rollback --to ", ["ddd4", "ccc3", "bbb2", "aaa1"]),
        ("rollback demo --to ", ["ccc3", "bbb2", "aaa1"]),
        ("unschedule demo ", ["sss1", "sss3"]),
        ("unschedule strict ", []),
        ("audit demo --flag b", ["bulk_export"]),
        ("audit --flag=b", ["--flag=bulk_export"]),
        ("audit --flag bulk_export --change ", []),
        ("audit strict --change=d", ["--change=ddd4"]),
        ("no-such-command ", []),
        ("toggle demo bulk_export true --no-such=", []),
    ],
)
def test_a_tab_offers_what_fits_there(project: Shell, line: str, words: list[str]) -> None:
    found = [word for word, _ in offered(project, line) or ()]
    assert found[: len(words)] == words
    assert len(found) == len(words) or not line  # of the commands only the first are named here


def test_options_are_offered_with_their_words_and_where_nothing_else_can_come(project: Shell) -> None:
    found = dict(offered(project, "toggle demo bulk_export true ") or ())
    assert found.keys() >= OPTIONS
    assert found == dict(offered(project, "toggle demo bulk_export true -") or ())
    assert found["--reason"] == "Why; it goes into the record."


def test_a_change_is_offered_with_what_it_did_where_and_when(project: Shell) -> None:
    assert offered(project, "audit --change ") == [
        ("ddd4", "strict · customer_portal for 4 companies, 1 day ago"),
        ("ccc3", "demo · customer_portal off, not known how it ended, 2 days ago"),
        ("bbb2", "demo · customer_portal on, put back, 3 days ago"),
        ("aaa1", "demo · customer_portal for 15 and 42, 9 days ago"),
    ]


def test_a_schedule_is_offered_with_what_it_will_do_and_when(project: Shell) -> None:
    assert offered(project, "unschedule demo ") == [
        ("sss1", "customer_portal for 15, at 1 Dec 09:00 UTC"),
        ("sss3", "customer_portal off, at 3 Dec 09:00 UTC"),
    ]


def test_environments_and_flags_are_offered_with_their_own_words(tmp_path: Path) -> None:
    text = ENVIRONMENTS.replace("  demo: {", "  demo: {url: 'https://example.com', ")
    shell = Shell(tmp_path, text)
    assert offered(shell, "toggle d") == [("demo", "https://example.com")]
    assert offered(shell, "toggle demo b") == [("bulk_export", "Calls as one large file")]


def test_a_path_is_left_to_the_shell(project: Shell) -> None:
    assert offered(project, "--config ") is None
    assert offered(project, "--config=env") is None


@pytest.mark.parametrize(
    "text",
    [
        "version: [\n",
        "environments: &a {b: *a}\n",
        "environments: [a]\n",
        "environments:\n",
        "\0",
        "version: 1\nenvironments: {'$(touch x)': {}, ? [a] : {}}",
        "version: 1\nenvironments: {'a b': {}, 'é': {}, \"`x`\": {}}",
    ],
)
def test_a_file_that_is_wrong_offers_nothing_and_says_nothing(tmp_path: Path, text: str) -> None:
    assert offered(Shell(tmp_path, text), "toggle ") == []


def test_without_a_file_or_a_mirror_nothing_is_offered(tmp_path: Path) -> None:
    shell = Shell(tmp_path)
    assert offered(shell, "audit --change ") == []
    assert offered(shell, "toggle ", ROLLOUTCTL_CONFIG="/nowhere/environments.yaml") == []
    assert [word for word, _ in offered(shell, "au", ROLLOUTCTL_CONFIG="/nowhere/environments.yaml") or ()] == ["audit"]


@pytest.mark.parametrize("line", ["", "toggle demo ", "audit --change "])
def test_a_tab_takes_less_than_a_tenth_of_a_second(project: Shell, line: str) -> None:
    """In processor time, and the best of several, as the machine may have other things to do."""
    words = f"rolloutctl {line}"
    bash = {completing.VARIABLE: "complete_bash", "COMP_WORDS": words, "COMP_CWORD": str(words.count(" "))}
    spent = []
    for _ in range(4):
        before = _spent()
        ran = project.run(more=bash)
        spent.append(_spent() - before)
        assert (ran.status, ran.err) == (0, "")
        assert len(ran.out.splitlines()) > 1
    assert min(spent) < BUDGET


def test_a_tab_imports_nothing_heavy(project: Shell) -> None:
    program = "import sys; from rolloutctl.__main__ import main\n"
    program += f"try: main()\nexcept SystemExit: sys.stderr.write(str({LOADED} & set(sys.modules)))"
    run = subprocess.run(
        [sys.executable, "-c", program],
        env=asking(project, "toggle "),
        cwd=project.folder,
        capture_output=True,
        check=True,
    )
    assert run.stderr == b"set()"


def test_what_is_no_tab_of_ours_is_a_command(project: Shell) -> None:
    assert project.run("--version", more={completing.VARIABLE: ""}).out.startswith("rolloutctl ")


def test_bash_completes_by_the_script_that_typer_installs(project: Shell) -> None:
    screen = typed(project, ["bash", "--norc", "--noprofile", "-i"], f"source {script(project, 'bash')}")
    assert "rolloutctl toggle strict customer_portal true" in screen
    assert "rolloutctl audit --flag=bulk_export" in screen


def test_zsh_completes_by_the_script_that_typer_installs(project: Shell) -> None:
    _needs("zsh")
    begin = f"autoload -Uz compinit; compinit -u -D; source {script(project, 'zsh')}"
    screen = typed(project, ["zsh", "-f", "-i"], begin, "rolloutctl audit --change \t", "customer_portal for 15 and 42")
    assert "rolloutctl toggle strict customer_portal true" in screen
    assert "rolloutctl audit --flag=bulk_export" in screen
    newest_first = [screen.rindex(change) for change in ("ddd4", "ccc3", "bbb2", "aaa1")]
    assert newest_first == sorted(newest_first)


def test_fish_completes_by_the_script_that_typer_installs(project: Shell) -> None:
    _needs("fish")
    source = f"source {script(project, 'fish')}"
    asked = "; ".join(f'complete -C "rolloutctl {line}"' for line in ("toggle s", "audit --flag=b", "--config envir"))
    run = subprocess.run(
        ["fish", "--no-config", "-c", f"{source}; {asked}"],
        env=project.environment,
        cwd=project.folder,
        capture_output=True,
        text=True,
        check=True,
    )
    assert run.stdout.splitlines() == ["strict", "--flag=bulk_export\tCalls as one large file", "environments.yaml"]


def script(project: Shell, shell: str) -> Path:
    """What `--show-completion` prints in that shell."""
    path = project.folder / f"completion.{shell}"
    run = subprocess.run(
        [shell, "-c", f"rolloutctl --show-completion > {path}; true"],
        env=project.environment,
        cwd=project.folder,
        capture_output=True,
        check=True,
    )
    assert run.stderr == b""
    return path


def typed(project: Shell, shell: list[str], begin: str, *last: str) -> str:
    """The screen of an interactive shell in which words are completed; `last` is typed, and what shows it is done."""
    environment = {**project.environment, "PS1": "ready> ", "TERM": "dumb", "COLUMNS": "200"}
    answers = [
        ("ready> ", f"{begin}\n"),
        ("ready> ", "rolloutctl toggle st\t"),
        ("rict ", "cus\t"),
        ("tomer_portal ", "t\t"),
        ("rue ", "\x15rolloutctl audit --flag=b\t"),
        ("ulk_export ", "\x15"),
    ]
    if last:
        answers += [("", last[0]), (last[1], "\x15")]
    return on_terminal(shell, environment, project.folder, [*answers, ("", "exit\n")]).out.replace("\b ", "")


def _needs(shell: str) -> None:
    if shutil.which(shell) is None:
        pytest.skip(f"{shell} is not installed")


def _spent() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime
