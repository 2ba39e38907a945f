"""What happens in the middle of somebody's command: a faster colleague, a cut connection, a deployment."""

from __future__ import annotations

import shutil

import pytest

from rolloutctl.rules.plans import Wish
from rolloutctl.workflows.tools import Options
from tests.lab.lab import Lab
from tests.stories.conftest import Hire
from tests.stories.operator import Ending
from tests.stories.traces import events_of, line_in, log_of, portals

pytestmark = pytest.mark.lab

KEY = "FEATURE_CUSTOMER_PORTAL"
PILOT = Wish(True, companies=(15, 42))


def test_a_narrowing_that_a_switch_off_overtook_opens_nothing_again(fresh: Lab, hire: Hire) -> None:
    one, other = hire(fresh), hire(fresh).known_as("faster@example.com")
    assert one.toggle("customer_portal", PILOT).exit_status == 0
    one.before_agreeing(lambda: other.toggle("customer_portal", False).exit_status == 0)

    ended = one.toggle("customer_portal", Wish(True, remove=(42,)))

    assert (portals(fresh, 15), [line_in(host, KEY) for host in fresh.hosts]) == ([404] * 3, ["false"] * 3)
    assert (ended.exit_status, ended.result) == (3, "refused"), ended.said
    assert "Somebody else changed customer_portal first." in ended.said
    assert [events_of(host) for host in fresh.hosts] == [["started", "kept"] * 2] * 3


def test_a_narrowing_goes_on_where_nobody_was_faster(fresh: Lab, hire: Hire) -> None:
    one, other = hire(fresh), hire(fresh, hosts=fresh.hosts[1:2])
    assert one.toggle("customer_portal", PILOT).exit_status == 0
    one.before_agreeing(lambda: other.toggle("customer_portal", False).exit_status == 0)

    ended = one.toggle("customer_portal", Wish(True, companies=(15,)))

    assert (portals(fresh, 15), portals(fresh, 42)) == ([200, 404, 200], [404] * 3)
    assert (ended.exit_status, ended.hosts["web-1"], ended.hosts["web-3"]) == (5, "kept", "kept"), ended.said
    assert "on web-2 somebody else changed it first" in ended.said


def test_what_two_take_away_at_the_same_moment_is_gone_and_said_to_be(fresh: Lab, hire: Hire) -> None:
    one, other = hire(fresh), hire(fresh).known_as("faster@example.com")
    assert one.toggle("customer_portal", Wish(True, companies=(7, 15, 42))).exit_status == 0
    one.before_agreeing(lambda: other.toggle("customer_portal", Wish(True, remove=(7,))).exit_status == 0)

    ended = one.toggle("customer_portal", Wish(True, remove=(42,)))

    assert [portals(fresh, company) for company in (7, 15, 42)] == [[404] * 3, [200] * 3, [404] * 3]
    assert (ended.exit_status, set(ended.hosts.values())) == (0, {"kept"}), ended.said
    for host in fresh.hosts:
        last = log_of(host)[-1].data
        assert (last["event"], last["from"]["companies"], last["to"]["companies"]) == ("kept", [15, 42], [15])


def test_what_two_take_away_from_one_host_alone_is_told(fresh: Lab, hire: Hire) -> None:
    one, other = hire(fresh), hire(fresh, hosts=fresh.hosts[1:2])
    assert one.toggle("customer_portal", Wish(True, companies=(7, 15, 42))).exit_status == 0
    one.before_agreeing(lambda: other.toggle("customer_portal", Wish(True, remove=(7,))).exit_status == 0)

    ended = one.toggle("customer_portal", Wish(True, remove=(42,)))

    assert (portals(fresh, 7), portals(fresh, 42)) == ([200, 404, 200], [404] * 3)
    assert (ended.exit_status, "on web-2 somebody else changed it first" in ended.said) == (5, True), ended.said
    assert "now it is company 15" in ended.said


def test_a_list_that_became_shorter_meanwhile_stays_and_is_not_called_everyone(fresh: Lab, hire: Hire) -> None:
    """Nothing was left to write when it was planned, and no php-fpm had been restarted since."""
    one, other = hire(fresh), hire(fresh).known_as("faster@example.com")
    for host in fresh.hosts:
        assert host.portal() == 404
        host.edit_env(f"{KEY}=false", f"{KEY}=true")
        host.rebuild_cache()
    one.before_agreeing(lambda: other.toggle("customer_portal", Wish(True, companies=(7,))).exit_status == 0)

    ended = one.toggle("customer_portal", Wish(True))

    assert (portals(fresh, 7), portals(fresh, 15)) == ([200] * 3, [404] * 3)
    assert (ended.exit_status, ended.result) == (3, "refused"), ended.said
    assert [log_of(host)[-1].data["to"]["companies"] for host in fresh.hosts] == [[7]] * 3


def test_a_switch_off_writes_down_how_a_change_ended_that_the_log_had_no_room_for(fresh: Lab, hire: Hire) -> None:
    host, hosts = fresh.hosts[0], fresh.hosts[:1]
    one, other = hire(fresh, hosts=hosts), hire(fresh, hosts=hosts).known_as("faster@example.com")
    assert one.toggle("bulk_export", True).exit_status == 0
    assert one.toggle("customer_portal", Wish(True, companies=())).exit_status == 0
    head = next(host.folder.rglob("audit.head"))

    def head_is_in_the_way() -> None:
        head.rename(head.with_name("aside"))
        head.mkdir()

    def somebody_is_faster() -> None:
        other.when(host.name, "committed", head_is_in_the_way)
        assert other.toggle("customer_portal", PILOT).exit_status == 0
        head.rmdir()
        head.with_name("aside").rename(head)

    one.before_agreeing(somebody_is_faster)
    assert one.toggle("bulk_export", False).exit_status == 0

    ends = [(record.data["flag"], record.event) for record in log_of(host) if record.event != "started"]
    assert ends[2:] == [("customer_portal", "kept"), ("bulk_export", "kept")]
    assert one.toggle("customer_portal", PILOT).result == "unchanged"


def test_what_stands_only_until_somebody_decides_is_not_already_so(fresh: Lab, hire: Hire) -> None:
    hosts, everyone = fresh.hosts[:1], Wish(True, companies=())
    one, other = hire(fresh, hosts=hosts).known_as("holder@example.com"), hire(fresh, hosts=hosts)
    refused: list[Ending] = []
    one.when("web-1", "committed", lambda: refused.append(other.toggle("customer_portal", everyone)))

    on = one.toggle("customer_portal", everyone)

    assert [(ending.exit_status, "holder@example.com" in ending.said) for ending in refused] == [(3, True)]
    assert on.exit_status == 0
    assert other.toggle("customer_portal", everyone, Options(wait=10)).result == "unchanged"


@pytest.mark.parametrize("moment", ["locked", "swapped"])  # the fault matrix has the others
def test_a_switch_off_reaches_a_host_again_whose_connection_is_cut(fresh: Lab, hire: Hire, moment: str) -> None:
    operator, cut = hire(fresh), fresh.hosts[1]
    assert operator.toggle("customer_portal", True).exit_status == 0
    operator.when(cut.name, moment, cut.cut_connections)

    off = operator.toggle("customer_portal", False)

    assert (off.exit_status, set(off.hosts.values()), portals(fresh)) == (0, {"kept"}, [404] * 3), off.said


def test_a_connection_that_is_cut_between_two_keeps_leaves_no_doubt(fresh: Lab, hire: Hire) -> None:
    operator = hire(fresh)
    operator.when("web-1", "kept", fresh.hosts[1].cut_connections)

    on = operator.toggle("customer_portal", True)

    assert (on.exit_status, set(on.hosts.values()), portals(fresh)) == (0, {"kept"}, [200] * 3), on.said


def deploy(lab: Lab) -> bool:
    """Put another release live, as Deployer does: a copy, and `current` renamed over to it."""
    for host in lab.hosts:
        folder = host.application.folder
        shutil.copytree(folder / "releases" / "1", folder / "releases" / "2", symlinks=True)
        folder.joinpath("next").symlink_to("releases/2")
        folder.joinpath("next").rename(folder / "current")
        host.restart_fpm()
    return True


def test_a_switch_off_sees_the_release_that_went_live_meanwhile(fresh_deployer: Lab, hire: Hire) -> None:
    lab, operator = fresh_deployer, hire(fresh_deployer)
    assert operator.toggle("customer_portal", True).exit_status == 0
    operator.before_agreeing(lambda: deploy(lab))

    off = operator.toggle("customer_portal", False)

    assert (off.exit_status, set(off.hosts.values()), portals(lab)) == (0, {"kept"}, [404] * 2), off.said
    assert operator.status().well
