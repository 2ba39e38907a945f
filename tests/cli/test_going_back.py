"""rollback --code against a real clone and real records: what is reverted, where, and that nothing else is touched."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.deploy_play import NAME, Play, git


@pytest.fixture
def play(tmp_path: Path) -> Play:
    return Play(tmp_path)


def test_what_was_deployed_last_is_reverted_on_a_branch_of_its_own(play: Play) -> None:  # noqa: PLR0915 - one story
    run = play.shell.run
    assert run("deploy", "staging", "--yes").status == 0
    git(play.folder, "checkout", "-q", "-b", "feature/x")
    play.commit("feature", branch="feature/x", portal="new")
    git(play.folder, "checkout", "-q", "main")
    git(play.folder, "merge", "-q", "--no-ff", "-m", "Merge feature/x", "feature/x")
    merged = play.commit("And its help", help="read me")
    assert run("deploy", "staging", "--yes").status == 0
    assert run("toggle", "staging", "customer_portal", "true", "--yes").status == 0
    (play.folder / "help").write_text("my own unfinished work")

    shown = run("rollback", "staging", "--code")
    assert shown.status == 0, shown.err
    for said in (
        "Switching off is safer and quicker, and has not been done: customer_portal is on for everyone.",
        "rolloutctl toggle staging customer_portal false",
        f"Deployed last: {merged[:9]}",
        f"{play.first[:9]} was live before",
        "To take them back first: rolloutctl rollback staging --database",
        "Merge feature/x",
        "2 files changed",
        f"push it: git push origin revert-{merged[:9]}",
    ):
        assert said in shown.out, shown.out
    assert (play.folder / "help").read_text() == "my own unfinished work"
    assert git(play.folder, "rev-parse", "--abbrev-ref", "HEAD") == "main"
    assert git(play.folder, "diff", play.first, f"revert-{merged[:9]}") == ""
    assert "revert" not in git(play.folder, "ls-remote", "origin")
    assert len(git(play.folder, "worktree", "list").splitlines()) == 1

    pushed = run("rollback", "staging", "--code", "--push", "--json")
    found = pushed.document["code"]
    assert (pushed.status, found["pushed"], found["safer"]) == (0, True, {"done": False, "on": ["customer_portal"]})
    assert found["branch"] in git(play.folder, "ls-remote", "origin")

    git(play.folder, "checkout", "-q", "-f", "main")
    play.commit("Changed since", help="read me again")
    conflict = run("rollback", "staging", "--code")
    assert (conflict.status, "meets later changes: one file conflicts." in conflict.err) == (5, True), conflict.err
    place = Path(conflict.err.split(" in ")[1].split(". What")[0])
    try:
        assert git(place, "diff", "--name-only", "--diff-filter=U") == "help"
        assert f"Then the others: git -C {place} revert --no-edit" in conflict.err
        assert f"git -C {place} revert --continue" in conflict.err
    finally:
        git(play.folder, "worktree", "remove", "--force", str(place))
    assert git(play.folder, "status", "--porcelain") == ""
    assert {play.live(host) for host in play.hosts} == {merged}
    assert NAME in run("audit", "staging", "--json").out


def test_what_does_not_fit_is_told_and_a_dry_run_leaves_no_branch(play: Play) -> None:
    run = play.shell.run
    for words, status, said in (
        (("--code", "--database"), 2, "two steps, one after the other"),
        (("--push",), 2, "belong to --code"),
        (("--code", "--flag", "bulk_export"), 2, "no option for flags stands beside them"),
        (("--code",), 3, "No record tells which commit was deployed to staging last."),
        (("--code", "0123456789"), 2, "does not know 0123456789"),
        (("--code", "-x"), 2, "-x"),
        (("--database",), 3, "There is no terminal to ask on, and --confirm was not given."),
        (("--database",), 3, " rollback staging --database --confirm staging\n"),
        (("--database", "--yes"), 3, "does not tell which migrations ran: `migrate:status` fails with exit 1"),
    ):
        ran = run("rollback", "staging", *words)
        assert (ran.status, said in ran.err) == (status, True), ran.err
    assert run("toggle", "staging", "bulk_export", "true", "--yes").status == 0
    for words in (("--code",), ("--database", "--confirm", "staging"), ("--code", "0123456789")):
        ran = run("rollback", "staging", *words)
        assert "Switching off is safer and quicker, and has not been done: bulk_export is on for everyone." in ran.err
        assert "Next: rolloutctl toggle staging bulk_export false\n" in ran.err
    assert run("toggle", "staging", "bulk_export", "false", "--yes").status == 0
    assert "Every flag is off already: the safer step has been done." in run("rollback", "staging", "--code").err
    dry = run("rollback", "staging", "--code", play.first, "--dry-run")
    assert (dry.status, "Every flag is off already" in dry.out) == (0, True), dry.err
    git(play.folder, "checkout", "-q", "-b", "aside")
    elsewhere = play.commit("aside", branch="aside", extra="x")
    ran = run("rollback", "staging", "--code", elsewhere[:12])
    assert (ran.status, f"{elsewhere[:9]} is not on the branch main." in ran.err) == (3, True), ran.err
    assert git(play.folder, "branch", "--list", "revert*") == ""
    git(play.folder, "remote", "remove", "origin")
    ran = run("rollback", "staging", "--code", "HEAD")
    assert (ran.status, "The clone beside environments.yaml has no remote named origin" in ran.err) == (3, True)
    assert f"or revert here, by hand: git revert {elsewhere[:9]}" in ran.err
    git(play.folder, "remote", "add", "origin", str(play.folder / "gone.git"))
    ran = run("rollback", "staging", "--code", "HEAD")
    assert (ran.status, "No branch of the remote is known here: " in ran.err) == (3, True), ran.err
    assert "gone.git" in ran.err
