"""run: a task goes where environments.yaml says, and nowhere else; recorded, and without secrets on the screen."""

from __future__ import annotations

from pathlib import Path

from tests.cli.deploy_play import Play


def test_a_task_runs_where_it_may_once_the_name_was_given_and_shows_no_secret(tmp_path: Path) -> None:
    play = Play(tmp_path)
    secret = next(line for line in play.env().splitlines() if line.startswith("DB_PASSWORD"))[13:30]
    listed = play.shell.run("run", "staging")
    assert [line.split()[0] for line in listed.out.splitlines()] == ["sync", "here"]
    for words, status, said in (
        (("alone", "sync", "--yes"), 3, "The task sync may not run in alone."),
        (("production", "sync", "--confirm", "production"), 3, "It runs where tasks.sync.environments"),
        (("staging", "sync", "--yes"), 3, "To run sync, --yes is not enough for staging."),
        (("staging", "sync"), 3, "There is no terminal to ask on, and --confirm was not given."),
        (("staging", "sync"), 3, " run staging sync --confirm staging\n"),
        (("alone", "fails"), 3, "neither --yes nor --confirm was given."),
        (("staging", "snyc", "--yes"), 2, "Did you mean 'sync'?"),
    ):
        refused = play.shell.run("run", *words)
        assert (refused.status, said in refused.err) == (status, True), refused.err
    assert not (play.hosts["demo"] / "task").exists()

    done = play.shell.run("run", "staging", "sync", "--confirm", "staging")
    assert (done.status, "sync ran on demo" in done.out) == (0, True), done.err
    assert "copying\n  DB_PASSWORD=•••" in done.err
    assert secret not in done.err + done.out
    assert (play.hosts["demo"] / "task").read_text() == "copied\n"
    assert not (play.hosts["web-2"] / "task").exists()
    for host in play.hosts:
        assert [record["action"] for record in play.records("task", host)] == ["started", "finished"]

    failed = play.shell.run("run", "alone", "fails", "--yes", "--json")
    assert (failed.status, failed.document["task"]["result"]) == (5, "failed")
    assert failed.document["error"]["message"] == "The task fails failed on demo: it ended with exit 3."
    assert failed.document["error"]["details"] == ["nothing to see"]

    (tmp_path / ".env").write_text("OURS=a-secret-of-ours\n")
    configuration = play.shell.configuration
    configuration.write_text(configuration.read_text().replace('echo "here', 'cat .env; echo "here'))
    here = play.shell.run("run", "alone", "here", "--yes")
    assert (here.status, "here ran here" in here.out) == (0, True), here.err
    assert "OURS=•••\n  here alone\n" in here.err
    assert "task here finished" in play.shell.run("audit", "staging").out
