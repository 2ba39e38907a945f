"""Checklists on disk: what a file says, the secrets that it names, and the first one that is written for a flag."""

from __future__ import annotations

import os
import re
import subprocess
from datetime import datetime
from pathlib import Path

import pytest

from rolloutctl.errors import ConfigurationError, Refused
from rolloutctl.outside.checklist_files import load_checklist, write_template
from rolloutctl.rules.checklists import Checklist, CheckRequest, Group, Item

TEXT = """\
version: 1
title: Portal, before production
groups:
  - name: access
    items:
      - id: login
        what: Somebody can log in
      - {id: off-404, what: Off it is gone, when: off, request: {path: /portal, expect: 404}}
      - id: fast
        what: It is fast
        required: false
        request: {path: /portal, expect: [200, 302], headers: {X-Company: "15"}, within: 3s, json: {status: ok}}
  - name: data
    items:
      - {id: migrations, what: Nothing waits, run: "! php artisan migrate:status | grep Pending", timeout: 2m}
      - {id: php, what: PHP runs, run: php -v}
"""
ASKING = """\
version: 1
title: Portal
groups:
  - {name: a, items: [{id: api, what: The API answers, request: {path: /api, headers: {X-Key: "k ${TOKEN}"}}}]}
"""


def written(folder: Path, text: str) -> Path:
    path = folder / "portal.yaml"
    path.write_text(text)
    return path


def test_a_file_says_all_that_an_item_is(tmp_path: Path) -> None:
    path = written(tmp_path, TEXT)
    fast = CheckRequest(
        path="/portal", expect=(200, 302), headers={"X-Company": "15"}, json={"status": "ok"}, within=3.0
    )
    assert load_checklist(path) == Checklist(
        path=str(path),
        title="Portal, before production",
        groups=(
            Group(
                name="access",
                items=(
                    Item(id="login", what="Somebody can log in"),
                    Item(
                        id="off-404",
                        what="Off it is gone",
                        when="off",
                        request=CheckRequest(path="/portal", expect=(404,)),
                    ),
                    Item(id="fast", what="It is fast", required=False, request=fast),
                ),
            ),
            Group(
                name="data",
                items=(
                    Item(
                        id="migrations",
                        what="Nothing waits",
                        run="! php artisan migrate:status | grep Pending",
                        timeout=120.0,
                    ),
                    Item(id="php", what="PHP runs", run="php -v"),
                ),
            ),
        ),
    )


def test_a_secret_in_a_header_comes_from_beside_environments_yaml_and_is_never_shown(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("TOKEN=s3cr3t\n")
    (tmp_path / "checklists").mkdir()
    checklist = load_checklist(written(tmp_path / "checklists", ASKING), tmp_path, {})
    (item,) = checklist.items
    assert item.request is not None
    assert (item.request.headers, item.unmet) == ({"X-Key": "k s3cr3t"}, "")
    assert "s3cr3t" not in repr(checklist)


def test_an_item_whose_secret_is_missing_stays_in_the_list_and_says_so(tmp_path: Path) -> None:
    (item,) = load_checklist(written(tmp_path, ASKING), environ={}).items
    assert item.automatic
    assert item.unmet == (
        "portal.yaml:4: checklist.groups[0].items[0].request.headers names a secret that is neither in the environment "
        "nor in .env beside this file: ${TOKEN}"
    )


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"portal\.yaml can't be read: No such file or directory") as told:
        load_checklist(tmp_path / "portal.yaml")
    assert told.value.subject == str(tmp_path / "portal.yaml")


def test_the_shipped_list_for_the_portal_has_what_its_guide_asks_for(tmp_path: Path) -> None:
    path = tmp_path / "checklists" / "customer_portal.yaml"
    write_template(path, "customer_portal")
    checklist = load_checklist(path)
    assert len(checklist.items) == 42
    assert [group.name for group in checklist.groups] == [
        "access",
        "call history",
        "appointments",
        "dashboard",
        "the switch",
        "tenants isolated",
        "performance",
        "logs and errors",
        "the server",
        "data",
        "the way back",
    ]
    assert [item.id for item in checklist.automatic()] == [
        "login-needed",
        "admin-login",
        "off-404",
        "on-answers",
        "fast-portal",
        "health",
        "log-clean",
        "debug-off",
        "config-cached",
        "migrations",
    ]
    assert checklist.item("off-404").request == CheckRequest(path="/portal", expect=(404,))
    assert checklist.item("off-404").when == "off"
    assert [item.id for item in checklist.items if not item.required] == ["dashboard-phone", "migrations-back"]


def test_another_page_is_filled_in_wherever_the_portal_was_a_path(tmp_path: Path) -> None:
    path = tmp_path / "list.yaml"
    write_template(path, "customer_portal", "/kunden/portal")
    asked = [item.request.path for item in load_checklist(path).items if item.request]
    assert asked == ["/kunden/portal", "/admin/login", *["/kunden/portal"] * 3, "/health"]
    assert not re.search(r"(?<!/kunden)/portal", path.read_text())


def test_a_flag_without_a_list_of_its_own_gets_one_for_any_feature(tmp_path: Path) -> None:
    path = tmp_path / "bulk_export.yaml"
    write_template(path, "bulk_export")
    text, checklist = path.read_text(), load_checklist(path)
    assert checklist.title == "bulk_export, before production"
    assert "before bulk_export goes to production" in text
    assert not re.search("portal|any[_-]feature", text)
    assert [item.request.path for item in checklist.items if item.request] == [*["/bulk-export"] * 3, "/health"]
    assert len(checklist.items) == 16


@pytest.mark.parametrize("there", ["file", "folder", "link"])
def test_nothing_is_ever_written_over(tmp_path: Path, there: str) -> None:
    path = tmp_path / "portal.yaml"
    if there == "folder":
        path.mkdir()
    elif there == "link":
        path.symlink_to("nowhere")
    else:
        path.write_text("mine")
    with pytest.raises(Refused, match="There is a checklist already") as told:
        write_template(path, "customer_portal")
    assert (told.value.subject, told.value.state) == (str(path), "It was left as it is.")
    assert list(tmp_path.iterdir()) == [path]
    assert there != "file" or path.read_text() == "mine"


def test_a_folder_that_can_not_be_made_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(Refused, match="can't be written: not a directory"):
        write_template(tmp_path / "file" / "lists" / "portal.yaml", "customer_portal")


@pytest.mark.parametrize("shell", ["dash", "bash"])
@pytest.mark.parametrize(
    ("line", "passes"),
    [
        ("", True),
        ("[{today} 10:00:00] staging.INFO: portal was opened", True),
        ("[{today} 10:00:00] staging.ERROR: the queue is full", True),
        ('[{today} 10:00:00] staging.ERROR: Undefined {{"exception":"/app/Http/CustomerPortal/Calls.php:7"}}', False),
        ("[{today}T10:00:00.1+01:00] production.CRITICAL: Portal", False),
        ("[2020-01-01 10:00:00] staging.ERROR: portal", True),
    ],
)
def test_the_log_is_clean_without_an_error_of_the_portal_today(
    tmp_path: Path, shell: str, line: str, passes: bool
) -> None:
    logs = tmp_path / "storage" / "logs"
    logs.mkdir(parents=True)
    (logs / "laravel.log").write_text(line.format(today=datetime.now().astimezone().date()) + "\n")
    ended = _run("log-clean", tmp_path, shell)
    assert (ended.returncode == 0, ended.stdout) == (passes, "0\n" if passes else "1\n")


def test_an_application_without_logs_is_not_called_clean(tmp_path: Path) -> None:
    assert _run("log-clean", tmp_path, "sh").returncode != 0


@pytest.mark.parametrize(
    ("says", "passes"),
    [
        ("printf '| Ran? | Migration    | Batch |\\n| Yes  | create_calls | 1     |\\n'", True),
        ("printf '| Yes  | create_calls | 1     |\\n| No   | create_notes |       |\\n'", False),
        ("printf '  create_calls ......... [1] Ran  \\n'", True),
        ("printf '  create_calls ......... [1] Ran  \\n  create_notes ...... Pending  \\n'", False),
        ("echo 'no connection to the database'; exit 1", False),
    ],
    ids=["laravel 8, all ran", "laravel 8, one waits", "laravel 10, all ran", "laravel 10, one waits", "no database"],
)
def test_no_migration_waits_only_where_artisan_says_so(tmp_path: Path, says: str, passes: bool) -> None:
    php = tmp_path / "php"
    php.write_text(f'#!/bin/sh\n[ "$*" = "artisan migrate:status" ] || exit 9\n{says}\n')
    php.chmod(0o755)
    assert (_run("migrations", tmp_path, "sh").returncode == 0) is passes


def _run(item: str, application: Path, shell: str) -> subprocess.CompletedProcess[str]:
    """Run the command of an item of the portal's list in the folder of an application."""
    path = application / "list.yaml"
    write_template(path, "customer_portal")
    command = load_checklist(path).item(item).run
    assert command is not None
    environ = {**os.environ, "PATH": f"{application}:{os.environ['PATH']}"}
    return subprocess.run(
        [shell, "-c", command], cwd=application, env=environ, capture_output=True, text=True, check=False
    )
