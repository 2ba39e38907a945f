"""What artisan says of migrations, in the words of Laravel 8 and of those since 9."""

from __future__ import annotations

import pytest

from rolloutctl.rules.migrations import Down, Migrated, batches_in, down_of, last_batch, migrated_in

OLD = """\
Migrating: 2025_11_20_090000_create_calls_table
Migrated:  2025_11_20_090000_create_calls_table (12.34ms)
Migrating: 2025_11_21_090000_add_note_to_calls

   Illuminate\\Database\\QueryException

  SQLSTATE[HY000]: General error: 1 no such table: cals
"""
NEW = """\

   INFO  Running migrations.

  2025_11_20_090000_create_calls_table .............................. 12ms DONE
  2025_11_21_090000_add_note_to_calls ........................... 1s 2ms FAIL

   Illuminate\\Database\\QueryException
"""
OF_TEN = """\
  2025_11_20_090000_create_calls_table .......................... 0.51ms DONE
  2025_11_21_090000_add_note_to_calls ..................................
"""
BOTH = Migrated(("2025_11_20_090000_create_calls_table",), ("2025_11_21_090000_add_note_to_calls",))


@pytest.mark.parametrize("output", [OLD, NEW, OF_TEN, OLD.replace("\n", "\r\n")])
def test_what_ran_and_what_did_not_end_is_told(output: str) -> None:
    assert migrated_in(output) == BOTH


def test_going_back_is_told_in_the_same_way() -> None:
    old = (
        "Rolling back: 2025_11_20_090000_create_calls_table\nRolled back:  2025_11_20_090000_create_calls_table (2ms)\n"
    )
    assert migrated_in(old) == Migrated(("2025_11_20_090000_create_calls_table",))
    assert not migrated_in("Nothing to migrate.\nNothing to rollback.\n").any
    assert not migrated_in("  2025_11_20_090000_create_calls_table .................. [1] Ran\n").any


OLD_STATUS = """\
+------+-----------------------------------------+-------+
| Ran? | Migration                               | Batch |
+------+-----------------------------------------+-------+
| Yes  | 2025_11_01_090000_create_users_table    | 1     |
| Yes  | 2025_11_20_090000_create_calls_table    | 2     |
| Yes  | 2025_11_21_090000_add_note_to_calls     | 2     |
| No   | 2025_11_22_090000_add_tag_to_calls      |       |
+------+-----------------------------------------+-------+
"""
NEW_STATUS = """\

  Migration name .............................................. Batch / Status
  2025_11_01_090000_create_users_table ............................... [1] Ran
  2025_11_20_090000_create_calls_table ............................... [2] Ran
  2025_11_21_090000_add_note_to_calls ................................ [2] Ran
  2025_11_22_090000_add_tag_to_calls ................................. Pending

"""


@pytest.mark.parametrize("status", [OLD_STATUS, NEW_STATUS])
def test_the_last_batch_is_what_a_rollback_takes_back_newest_first(status: str) -> None:
    batches = batches_in(status)
    assert batches is not None
    assert len(batches) == 3
    assert last_batch(batches) == ("2025_11_21_090000_add_note_to_calls", "2025_11_20_090000_create_calls_table")


@pytest.mark.parametrize(
    ("status", "found"),
    [
        ("Could not open input file: artisan", None),
        ("", None),
        ("Migration table not found.", None),
        ("No migrations found", {}),
        ("+------+\n| Ran? | Migration | Batch |\n+------+\n", {}),
    ],
)
def test_what_is_no_answer_is_not_taken_for_an_empty_one(status: str, found: object) -> None:
    assert batches_in(status) == found


NONE = Down("no", "it has no down(): Laravel would forget it, and undo nothing")
EMPTY = Down("nothing", "its down() does nothing")


def migration(down: str) -> str:
    return f"""<?php
use Illuminate\\Support\\Facades\\Schema;
return new class extends Migration {{
    public function up(): void {{ Schema::create('calls', function ($t) {{ $t->id(); }}); }}
    {down}
}};
"""


@pytest.mark.parametrize(
    ("down", "found"),
    [
        ("", NONE),
        ("// public function down() { Schema::drop('x'); }", NONE),
        ("public function down() {}", EMPTY),
        ("public function down(): void\n{\n // can't be undone {\n /* really } */ }", EMPTY),
        ("public function down() { return; }", EMPTY),
        ("public function down() { throw new \\Exception('{no}'); }", Down("no", "its down() throws")),
        ("public function down(): void { Schema::dropIfExists('calls'); }", Down("yes", loses=("the table calls",))),
        (
            "public function down() { Schema::table('calls', function (Blueprint $t) {"
            " $t->dropColumn(['note', 'tag']); $t->dropIndex('i'); }); }",
            Down("yes", loses=("columns note, tag",)),
        ),
        (
            "public function down() { if (true) { DB::table('x')->delete(); }"
            " Schema::table('c', fn ($t) => $t->dropColumn('n')); }",
            Down("yes", loses=("rows", "the column n")),
        ),
        ("public function down() { Schema::rename('a', 'b'); }", Down("yes")),
    ],
)  # fmt: skip
def test_whether_a_migration_can_go_back_and_what_is_lost(down: str, found: Down) -> None:
    assert down_of(migration(down)) == found


def test_without_its_file_nobody_knows() -> None:
    assert down_of(None).way == "unknown"
    assert down_of("public function down() {").way == "nothing"
