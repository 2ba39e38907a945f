"""Deployments and migrations on real hosts: Laravel's own artisan, a database, git, and what is told when one fails."""

from __future__ import annotations

import os
import sqlite3
import subprocess
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from rolloutctl.errors import PersonNeeded, Refused, RolloutctlError
from rolloutctl.rules.deploy_plans import DeployPlan
from rolloutctl.rules.host import Event
from rolloutctl.workflows.database_rollback import DatabasePlan, roll_back_database
from rolloutctl.workflows.database_rollback import Request as Back
from rolloutctl.workflows.deploy import Deployed, Request, deploy
from tests.cli.deploy_play import git
from tests.lab.lab import Lab, LabHost
from tests.stories.conftest import Hire
from tests.stories.operator import Operator
from tests.stories.traces import line_in, log_of

pytestmark = pytest.mark.lab

CALLS, NOTE, TAG = (
    "2025_11_20_090000_create_calls_table",
    "2025_11_21_090000_create_notes_table",
    "2025_11_22_090000_add_tag_to_calls",
)
PROVIDERS = (
    "Database\\DatabaseServiceProvider",
    "Database\\MigrationServiceProvider",
    "Foundation\\Providers\\ComposerServiceProvider",
)
DATABASE = """<?php
return [
    'default' => 'sqlite',
    'migrations' => 'migrations',
    'connections' => ['sqlite' => ['driver' => 'sqlite', 'database' => '%s']],
];
"""
STEPS = [
    {"name": "code", "run": "git fetch -q origin && git checkout -q -f --detach origin/{ref}"},
    {"name": "migrate", "run": "php8.2 artisan migrate --force --no-ansi", "once": True},
    {"builtin": "steps"},
]


def migration(up: str, down: str) -> str:
    return f"""<?php
use Illuminate\\Database\\Migrations\\Migration;
use Illuminate\\Support\\Facades\\Schema;
return new class extends Migration {{
    public function up() {{ {up} }}
    public function down() {{ {down} }}
}};
"""


def makes(table: str) -> str:
    return f"Schema::create('{table}', function ($t) {{ $t->id(); }});"


def adds_tag(table: str) -> str:
    return f"Schema::table('{table}', function ($t) {{ $t->string('tag')->nullable(); }});"


@dataclass(slots=True)
class Desk:
    """Agrees to everything, and keeps what it saw."""

    shown: list[object] = field(default_factory=list)
    events: list[tuple[str, Event]] = field(default_factory=list)

    def show(self, plan: DeployPlan | DatabasePlan, notes: Sequence[str] = ()) -> None:
        self.shown.append((plan, tuple(notes)))

    def agrees(self, _plan: DeployPlan | DatabasePlan) -> bool:
        return True

    def notice(self, host: str, event: Event) -> None:
        self.events.append((host, event))


class Team:
    """Its clone and remote; two hosts that have the application with a database between them."""

    def __init__(self, lab: Lab, folder: Path, hire: Hire) -> None:
        self.hosts = lab.hosts
        self.clone, self.remote = folder / "clone", folder / "remote.git"
        git(folder, "init", "-q", "--bare", "-b", "main", str(self.remote))
        self.clone.mkdir()
        git(self.clone, "init", "-q", "-b", "main", ".")
        git(self.clone, "remote", "add", "origin", str(self.remote))
        (folder / "database.sqlite").touch()
        for host in self.hosts:
            self._furnish(host, folder / "database.sqlite")
        self.desk = Desk()
        self.operator: Operator = hire(lab, php="php8.2", deploy={"steps": STEPS})

    def _furnish(self, host: LabHost, database: Path) -> None:
        app = host.app
        config = (app / "config/app.php").read_text()
        more = "".join(f"        Illuminate\\{name}::class,\n" for name in PROVIDERS)
        (app / "config/app.php").write_text(config.replace("'providers' => [\n", f"'providers' => [\n{more}"))
        (app / "config/database.php").write_text(DATABASE % database)
        host.application.rebuild_cache()
        host.env_path.write_text(host.env_path.read_text().replace("FEATURE_BULK_EXPORT=false\n", ""))
        git(app, "init", "-q", "-b", "main", ".")
        git(app, "remote", "add", "origin", str(self.remote))

    def push(self, branch: str, **migrations: str) -> str:
        """Push migrations on a branch; the commit."""
        folder = self.clone / "database/migrations"
        folder.mkdir(parents=True, exist_ok=True)
        for name, text in migrations.items():
            (folder / f"{name}.php").write_text(text)
        git(self.clone, "add", "-A")
        git(self.clone, "commit", "-q", "-m", branch)
        git(self.clone, "push", "-q", "-f", "origin", f"HEAD:{branch}")
        return git(self.clone, "rev-parse", "HEAD")

    def deploy(self, ref: str) -> Deployed:
        done = deploy(Request("lab", ref), self.operator.tools, self.desk)
        self.operator.seen.append((done, done.error and vars(done.error)))
        return done

    def live(self, host: LabHost) -> str:
        return git(host.app, "rev-parse", "HEAD")


def tables(database: Path) -> set[str]:
    with closing(sqlite3.connect(database)) as opened:
        rows = opened.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()
    return {name for (name,) in rows} - {"migrations", "sqlite_sequence"}


def need_sqlite() -> None:
    listed = subprocess.run(["php8.2", "-m"], capture_output=True, text=True, check=False).stdout
    if "pdo_sqlite" not in listed:
        (pytest.fail if os.environ.get("CI") else pytest.skip)("php8.2-sqlite3 is not installed: scripts/lab-packages")


def said(error: RolloutctlError | None) -> str:
    assert error is not None
    return "\n".join((error.message, error.state, error.hint, *error.details))


def test_migrations_run_once_fail_go_back_and_refuse_to_where_they_can_not(  # noqa: PLR0915 - one story
    fresh_pair: Lab, hire: Hire, tmp_path: Path
) -> None:
    need_sqlite()
    team = Team(fresh_pair, tmp_path, hire)
    first, second = team.hosts
    database = tmp_path / "database.sqlite"
    one = team.push("one", **{CALLS: migration(makes("calls"), "Schema::dropIfExists('calls');")})

    done = team.deploy("one")
    assert done.error is None, vars(done.error)
    assert [team.live(host) for host in team.hosts] == [one, one]
    assert tables(database) == {"calls"}
    assert [line_in(host, "FEATURE_BULK_EXPORT") for host in team.hosts] == ["false", "false"]
    assert [host.portal() for host in team.hosts] == [404, 404]

    two = team.push(
        "two", **{NOTE: migration(makes("notes"), "Schema::drop('notes');"), TAG: migration(adds_tag("cals"), "")}
    )
    broken = team.deploy("two")
    assert isinstance(broken.error, PersonNeeded)
    for words in (
        "failed on web-1: the step 'migrate' ended with exit 1",
        f"Migrations: 1 ran ({NOTE}); {TAG} did not end and may be half done.",
        "web-2: nothing was done",
        "no such table: cals",
        "web-1  its log: ",
        f"Then the code: rolloutctl deploy lab {one[:9]}",
    ):
        assert words in said(broken.error), said(broken.error)
    assert [team.live(host) for host in team.hosts] == [two, one]
    assert tables(database) == {"calls", "notes"}

    back = roll_back_database(Back("lab"), team.operator.tools, team.desk)
    assert (back.error, back.migrated.done) == (None, (NOTE,))
    assert back.plan.migrations[0][1].loses == ("the table notes",)
    assert back.plan.safer.words == "Every flag is off already: the safer step has been done."
    assert tables(database) == {"calls"}

    team.push("three", **{TAG: migration(adds_tag("calls"), "/* there is no way back */")})
    third = team.deploy("three")
    assert third.error is None, vars(third.error)
    with pytest.raises(Refused, match=f"{TAG} can't go back, and a batch goes back as a whole") as refused:
        roll_back_database(Back("lab"), team.operator.tools, team.desk)
    assert "its down() does nothing" in said(refused.value)
    assert "The way on is forward: a new migration" in said(refused.value)
    assert "Every flag is off already: the safer step has been done." in said(refused.value)
    assert tables(database) == {"calls", "notes"}
    assert {record.event for record in log_of(first)} == {"deploy"}
    actions = [record.data["action"] for record in log_of(first)]
    assert actions == ["started", "finished", "started", "failed", "started", "finished", "started", "finished"]
    assert [record.data.get("of") for record in log_of(second)][4:6] == ["database", "database"]
    team.operator.seen.append((team.desk.shown, team.desk.events, said(refused.value)))


def test_an_application_that_is_ill_behind_migrations_that_went_back_needs_a_person(
    fresh_pair: Lab, hire: Hire, tmp_path: Path
) -> None:
    """What goes back here is what the live code needs: on the first host, where migrations run, every page fails."""
    need_sqlite()
    team = Team(fresh_pair, tmp_path, hire)
    first, second = team.hosts
    ills = "file_put_contents(storage_path('app/ill'), \"\\n\");"
    team.push("one", **{CALLS: migration(makes("calls"), f"Schema::drop('calls'); {ills}")})
    assert team.deploy("one").error is None
    assert team.operator.toggle("bulk_export", True).result == "kept"

    back = roll_back_database(Back("lab", "its column is wrong"), team.operator.tools, team.desk)
    team.operator.seen.append((back, said(back.error)))
    assert isinstance(back.error, PersonNeeded)
    assert (back.error.exit_status, back.error.subject, back.migrated.done) == (5, "lab · web-1", (CALLS,))
    assert back.error.message.startswith(
        "The migrations went back, and the application is not well on web-1: /health answers 500"
    )
    assert back.error.state == f"Went back: {CALLS}. The code that is live expects the newer database."
    assert back.error.hint.splitlines() == [
        "Bring the older code back: rolloutctl rollback lab --code",
        "Or the migrations again: rolloutctl deploy lab",
    ]
    assert back.plan.safer.words.startswith("Switching off is safer and quicker, and has not been done: ")
    assert tables(tmp_path / "database.sqlite") == set()
    assert [host.get("/health")[0] for host in team.hosts] == [500, 200]
    for host in (first, second):
        started, ended = [record.data for record in log_of(host) if record.data.get("of") == "database"]
        assert (started["action"], ended["action"], ended["rolled_back"]) == ("started", "failed", [CALLS])
        assert ended["reason"] == "its column is wrong"
