"""What a rollback undoes, from no more of the logs than it needs."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rolloutctl.rules.records import Record
from rolloutctl.rules.undoing import Wanted, begins, found_in, too_short
from tests.rules.test_history import ids, kept, record, reverted

HERE = Wanted("production")


def test_the_newest_change_in_every_tail_is_enough() -> None:
    logs = {"web-1": kept("b", "c"), "web-2": kept("c")}
    assert too_short(logs, (), HERE) == ()
    assert ids(found_in(logs, HERE))[0] == "c"


def test_where_nothing_is_found_every_host_has_to_be_read_further_that_has_more() -> None:
    logs = {"web-1": reverted("b"), "web-2": reverted("b"), "web-3": []}
    assert too_short(logs, ["web-3"], HERE) == ("web-1", "web-2")


def test_a_host_whose_tail_does_not_reach_the_change_is_read_further() -> None:
    """Its own edits are in it, and with them what it has to put back."""
    logs = {"web-1": kept("a") + reverted("b", "c"), "web-2": reverted("b", "c")}
    assert too_short(logs, (), HERE) == ("web-2",)
    assert too_short(logs, ("web-2",), HERE) == ()


def test_a_host_that_missed_the_change_and_has_what_came_before_it_needs_no_more() -> None:
    logs = {"web-1": kept("a", "b"), "web-2": reverted("a")}
    assert too_short(logs, (), HERE) == ()


def test_as_many_changes_are_read_as_are_to_be_undone() -> None:
    logs = {"web-1": kept("b", "c")}
    assert too_short(logs, (), Wanted("production", steps=2)) == ()
    assert too_short(logs, (), Wanted("production", steps=3)) == ("web-1",)


def test_the_change_behind_which_all_is_undone_has_to_be_found() -> None:
    logs = {"web-1": kept("b", "c")}
    assert too_short(logs, (), Wanted("production", to="b")) == ()
    assert too_short(logs, (), Wanted("production", to="a")) == ("web-1",)


def test_another_flag_s_changes_are_not_enough() -> None:
    logs = {"web-1": kept("b", flag="export")}
    assert too_short(logs, (), Wanted("production", "portal")) == ("web-1",)


def test_a_provisional_change_goes_first_and_is_enough() -> None:
    logs = {"web-1": [record("b", "started"), record("b", "provisional")]}
    assert too_short(logs, (), Wanted("production", steps=2)) == ()
    assert ids(found_in(logs, HERE)) == ["b"]


def test_another_environment_s_changes_are_not_undone_here() -> None:
    logs = {"web-1": kept("a")}
    assert found_in(logs, Wanted("staging")) == ()
    assert too_short(logs, (), Wanted("staging")) == ("web-1",)


def test_records_begin_where_nothing_is_before_them() -> None:
    assert begins(kept("a"))
    assert not begins([record("a", "started", prev="0" * 64)])
    assert not begins([])


@pytest.mark.parametrize("flag", [None, "portal"])
@given(data=st.data())
def test_what_the_tails_tell_is_what_the_whole_logs_tell(flag: str | None, data: st.DataObject) -> None:
    """Whichever changes hosts missed, put back or undid, and however long each tail is."""
    whole = _logs(data)
    wanted = Wanted("production", flag, steps=data.draw(st.integers(1, 3)))
    tails = {host: log[data.draw(st.integers(0, len(log))) :] for host, log in whole.items()}
    if not too_short(tails, [host for host, tail in tails.items() if tail == whole[host]], wanted):
        count = wanted.steps
        seen, true = found_in(tails, wanted), found_in(whole, wanted)
        of_flag = [[change for change in found if change.flag == found[0].flag][:count] for found in (seen, true)]
        assert [(c.id, c.ends, c.edits, c.outcome) for c in of_flag[0]] == [
            (c.id, c.ends, c.edits, c.outcome) for c in of_flag[1]
        ]


def _logs(data: st.DataObject) -> dict[str, list[Record]]:
    logs: dict[str, list[Record]] = {"web-1": [], "web-2": []}
    made: list[str] = []
    for name in "abcdef"[: data.draw(st.integers(0, 6))]:
        flag = data.draw(st.sampled_from(["portal", "export"]))
        undone = data.draw(st.sampled_from([[], *([each] for each in made)]))
        end = data.draw(st.sampled_from(["kept", "reverted"]))
        for host in data.draw(st.sampled_from([("web-1", "web-2"), ("web-1",), ("web-2",)])):
            logs[host] += [record(name, event, flag=flag, undoes=undone) for event in ("started", end)]
        made.append(name)
    return logs
