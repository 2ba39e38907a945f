"""Screens that a healthy host can't show; and on every one no markup, no control character, no line too wide."""

from __future__ import annotations

import io
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from msgspec.structs import replace

from rolloutctl.cli.render import Page
from rolloutctl.cli.render_audit import show_change, show_changes, show_marks, show_verdicts
from rolloutctl.cli.render_change import show_end, show_plan
from rolloutctl.cli.render_error import show_error
from rolloutctl.cli.render_incident import show_incident
from rolloutctl.cli.render_status import show_flag, show_health, show_status
from rolloutctl.errors import ConfigurationError, PutBack, Refused, RolloutctlError
from rolloutctl.rules.flags import EVERYONE, NOBODY, Audience
from rolloutctl.rules.history import Change, fold
from rolloutctl.rules.host import Holder, HostState, Pending
from rolloutctl.rules.incidents import Entry, Incident
from rolloutctl.rules.plans import Plan
from rolloutctl.rules.records import Record
from rolloutctl.rules.rollout_standing import Mark
from rolloutctl.rules.work import Asked
from rolloutctl.workflows.audit import Audited, Verified
from rolloutctl.workflows.status import EnvironmentStatus, FlagOnHost, HostStatus
from rolloutctl.workflows.tools import Done
from tests.fakes import FLAG, KEY, LIST, PRODUCTION, host_plan, plan, state

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
PILOT = Audience(enabled=True, companies=(15, 42))
OFF = f"{KEY}=false\n{LIST}=\n".encode()
ON = f"{KEY}=true\n{LIST}=15,42\n".encode()
FLAGS = {FLAG.name: FLAG}


class Sheet:
    """A page in memory, so wide."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, width: int = 100) -> None:
        monkeypatch.setenv("COLUMNS", str(width))
        self._stream = io.StringIO()
        self.page = Page(self._stream)

    @property
    def text(self) -> str:
        return self._stream.getvalue()


@pytest.fixture
def sheet(monkeypatch: pytest.MonkeyPatch) -> Sheet:
    monkeypatch.setenv("TZ", "UTC")
    return Sheet(monkeypatch)


def test_hosts_with_the_same_edits_are_folded(sheet: Sheet) -> None:
    show_plan(_plan(), ["every host: FEATURE_X waits."], 0.64, sheet.page)
    assert sheet.text == (
        "\n"
        "production · portal   nobody → companies 15 and 42\n"
        "\n"
        "  web-1   FEATURE_PORTAL                  false → true\n"
        "          FEATURE_PORTAL_TEST_COMPANIES   (empty) → 15,42\n"
        "  web-2   the same\n"
        "  Prepared on 2 hosts, 0.6 s. Nothing live was touched.\n"
        "  ! every host: FEATURE_X waits.\n"
        "\n"
    )


def test_a_host_that_differs_has_lines_of_its_own(sheet: Sheet) -> None:
    hosts = [host_plan(OFF, PILOT), host_plan(ON, PILOT, {"features.portal": False}, name="web-2")]
    show_plan(replace(plan(hosts, PILOT), unreachable=("web-3",)), [], 0, sheet.page)
    assert "  web-2   .env says so already; the config cache still means nobody\n" in sheet.text
    assert "  web-3   cannot be reached\n" in sheet.text


def test_bringing_a_drifted_host_in_line_is_called_that(sheet: Sheet) -> None:
    hosts = [host_plan(ON, PILOT), host_plan(OFF, PILOT, name="web-2")]
    show_plan(plan(hosts, PILOT), [], 0, sheet.page)
    assert "production · portal   companies 15 and 42, on every host\n" in sheet.text
    assert "  web-1   is so already\n" in sheet.text


def test_a_put_back_change_says_how_things_stand_and_where_the_record_is(sheet: Sheet) -> None:
    error = PutBack(
        "Nothing changed: still nobody sees portal.",
        subject="production",
        state="web-1 answered /health with 500, so web-1 was put back. web-2 was never touched.",
        hint="rolloutctl audit production --change 7k3f9qxy",
        details=("web-1  restart: failed",),
    )
    show_end(Done(_plan(), "reverted", (), error=error), (), "", sheet.page)
    show_error(error, sheet.page, known="production")
    assert sheet.text == (
        "✗ Nothing changed: still nobody sees portal.\n"
        "  web-1 answered /health with 500, so web-1 was put back. web-2 was never touched.\n"
        "    web-1  restart: failed\n"
        "  Next: rolloutctl audit production --change 7k3f9qxy\n"
    )


@pytest.mark.parametrize(
    ("error", "headline"),
    [
        (Refused("web-2: sudo asks.", subject="production · web-2"), "✗ production · web-2: sudo asks."),
        (Refused("web-2 is busy.", subject="web-2"), "✗ web-2 is busy."),
        (ConfigurationError("Unknown key.", subject="a.yaml:3"), "✗ a.yaml:3: Unknown key."),
        (RolloutctlError(""), "✗ RolloutctlError"),
    ],
)
def test_the_subject_of_an_error_is_named_once(sheet: Sheet, error: RolloutctlError, headline: str) -> None:
    show_error(error, sheet.page)
    assert sheet.text.splitlines()[0] == headline


def test_notes_that_were_seen_with_the_plan_are_not_told_again(sheet: Sheet) -> None:
    show_end(Done(_plan(), "kept", (), ("seen", "new")), ("seen",), "", sheet.page)
    assert "! new\n" in sheet.text
    assert "! seen" not in sheet.text


def test_an_unreachable_host_is_a_row_with_the_reason_and_the_way_out(sheet: Sheet) -> None:
    lost = HostStatus("web-2", "10.0.0.2", "connection refused.", "Is sshd up?")
    show_status([_status(_host("web-1", OFF), lost)], FLAGS, NOW, sheet.page)
    assert sheet.text == (
        "\n"
        "           production\n"
        "  portal   nobody\n"
        "\n"
        "  production   1 of 2 hosts   healthy   no changes yet\n"
        "\n"
        "  web-1   10.0.0.1   healthy       /health 200, 5 ms   Laravel 8.83.27, PHP 8.2.1\n"
        "  web-2   10.0.0.2   unreachable\n"
        "\n"
        "  ! production · web-2: cannot be reached: connection refused.\n"
        "    Is sshd up?\n"
    )


def test_an_environment_that_nobody_reaches_says_so(sheet: Sheet) -> None:
    lost = HostStatus("web-1", "10.0.0.1", "connection refused.")
    show_status([_status(lost)], FLAGS, NOW, sheet.page)
    assert "  portal   unreachable\n" in sheet.text


def test_an_interrupted_widening_names_the_command_that_settles_it(sheet: Sheet) -> None:
    started = Record("", {"change": "7k3f9qxy", "event": "started", "time": "2026-11-23T14:02:11Z"})
    fields = {"flag": "portal", "actor": "ops@example.com", "from": _fields(NOBODY), "to": _fields(PILOT)}
    host = _host("web-1", ON, pending=(Pending("7k3f9qxy", alive=False, fields=fields),), records=(started,))
    show_status([_status(host)], FLAGS, NOW, sheet.page)
    assert "  ! production · web-1: INTERRUPTED: change 7k3f9qxy, portal for companies 15 and 42, by" in sheet.text
    assert "    rolloutctl toggle production portal false\n" in sheet.text
    assert "2026-11-23" in sheet.text


def test_an_interrupted_switch_off_is_to_be_finished(sheet: Sheet) -> None:
    fields = {"flag": "portal", "narrow": True, "from": _fields(EVERYONE), "to": _fields(PILOT)}
    host = _host("web-1", ON, pending=(Pending("7k3f9qxy", alive=False, fields=fields),))
    show_status([_status(host)], FLAGS, NOW, sheet.page)
    assert "    rolloutctl toggle production portal true --companies 15,42\n" in sheet.text


def test_a_change_whose_end_the_log_had_no_room_for_is_not_to_be_put_back(sheet: Sheet) -> None:
    fields = {"flag": "portal", "actor": "ops@example.com", "from": _fields(NOBODY), "to": _fields(PILOT)}
    host = _host("web-1", ON, pending=(Pending("7k3f9qxy", alive=False, fields=fields, decided=True),))
    show_status([_status(host)], FLAGS, NOW, sheet.page)
    told = " ".join(sheet.text.split())
    assert "! production · web-1: change 7k3f9qxy, portal for companies 15 and 42, by ops@" in told
    assert "The next toggle or rollback writes it." in told
    assert "INTERRUPTED" not in told
    assert "rolloutctl toggle" not in told


def test_a_change_that_hosts_ended_differently_is_in_doubt(sheet: Sheet) -> None:
    change = _change(ends={"web-1": "kept", "web-2": "reverted"})
    found = replace(_status(_host("web-1", ON), _host("web-2", OFF)), doubts=(change,))
    show_flag(found, FLAG, sheet.page)
    assert (
        "  ! production · portal: IN DOUBT: change 7k3f9qxy was kept on web-1, reverted on web-2.\n"
        "    rolloutctl toggle production portal true --companies 15,42\n"
    ) in sheet.text


def test_what_was_closed_last_is_to_be_closed_on_the_first_host_too(sheet: Sheet) -> None:
    base = {**_change(ends={"web-2": "kept"}).fields, "narrow": True, "from": _fields(PILOT), "to": _fields(NOBODY)}
    (closed,) = fold({"web-2": [Record("", {**base, "event": event}) for event in ("started", "kept")]})
    found = replace(_status(_host("web-1", ON), _host("web-2", OFF)), changes=(closed,))
    show_flag(found, FLAG, sheet.page)
    assert "To bring web-1 in line: rolloutctl toggle production portal false\n" in sheet.text


def test_an_edit_by_hand_that_closed_more_than_the_last_change_stays_closed(sheet: Sheet) -> None:
    found = replace(_status(_host("web-1", OFF), _host("web-2", ON)), changes=(_change(ends={"web-2": "kept"}),))
    show_flag(found, FLAG, sheet.page)
    assert "To bring web-2 in line: rolloutctl toggle production portal false\n" in sheet.text


@pytest.mark.parametrize("width", [60, 80, 110])
def test_each_line_of_an_incident_has_its_day_and_what_happened_stands_in_one_column(
    monkeypatch: pytest.MonkeyPatch, width: int
) -> None:
    monkeypatch.setenv("TZ", "UTC")
    sheet = Sheet(monkeypatch, width)
    entries = (
        Entry(NOW + timedelta(minutes=1), "guard@example.com", "switched off", "errors beyond their limit, on web-2"),
        Entry(NOW + timedelta(hours=25), "ana@example.com", "incident recovered"),
    )
    show_incident(_incident(entries), NOW, sheet.page)
    lines = [line for line in sheet.text.splitlines() if line.startswith("  2026-11-2")]
    assert [line[2:21] for line in lines] == ["2026-11-24 12:00:00", "2026-11-24 12:01:00", "2026-11-25 13:00:00"]
    begins = {line.index(what) for line, what in zip(lines, ("detected", "switched", "incident"), strict=True)}
    assert len(begins) == 1, sheet.text
    assert max(map(len, sheet.text.splitlines())) <= width


@pytest.mark.parametrize("width", [60, 120])
def test_what_is_recorded_beside_changes_has_heads_and_says_where_it_was(
    monkeypatch: pytest.MonkeyPatch, width: int
) -> None:
    monkeypatch.setenv("TZ", "UTC")
    sheet = Sheet(monkeypatch, width)
    at = {"at": NOW.isoformat(), "actor": "ana@example.com", "environment": "staging"}
    task = Mark({**at, "event": "task", "action": "finished", "task": "sync-database", "on": "web-1", "ms": 2100})
    held = Mark({**at, "event": "rollout", "action": "held", "flag": "portal", "reason": "complaints"})
    show_marks([task, held], sheet.page, several=True)
    lines = sheet.text.splitlines()
    assert lines[:2] == ["", "Beside changes:"]
    if width == 60:
        assert lines[2].startswith("2026-11-24 12:00  staging  task sync-database")
        assert lines[-2:] == ["2026-11-24 12:00  staging · portal  the rollout held", '  ana@example.com, "complaints"']
    else:
        assert lines[2].split() == ["time", "environment", "flag", "what", "by", "why"]
        assert len({line.index("ana@") for line in lines[3:]}) == 1


def test_who_holds_a_lock_is_named_and_is_no_fault(sheet: Sheet) -> None:
    holder = Holder("executing", {"actor": "qa@example.com", "what": "portal for everyone", "since": "12:00"})
    show_status([_status(_host("web-1", OFF, holder=holder))], FLAGS, NOW, sheet.page)
    assert "  · production · web-1: locked by qa@example.com (portal for everyone, since 12:00)\n" in sheet.text


def test_a_deployment_that_holds_the_lock_for_a_moment_is_named_once(sheet: Sheet) -> None:
    fields = {"actor": "qa@example.com", "what": "deployment of main", "since": "12:00", "deployment": "d1"}
    both = {"holder": Holder("executing", fields), "working": Holder("working", fields)}
    other = {**both, "holder": Holder("executing", {**fields, "what": "portal for nobody"})}
    show_status([_status(_host("web-1", OFF, **both), _host("web-2", OFF, **other))], FLAGS, NOW, sheet.page)
    said = [line for line in sheet.text.splitlines() if "·" in line]
    assert said == [
        "  · production · web-2: locked by qa@example.com (portal for nobody, since 12:00)",
        "  · production · web-1: qa@example.com (deployment of main, since 12:00) is at work",
        "  · production · web-2: qa@example.com (deployment of main, since 12:00) is at work",
    ]


def test_a_host_where_no_probe_was_answered_is_told_as_one_and_not_as_one_that_disagrees(sheet: Sheet) -> None:
    silent = _asked(_host("web-1", ON), Asked("portal 0", ok=False, status=None, ms=9, error="connection refused"))
    wrong = _asked(_host("web-2", ON), Asked("portal 0", ok=False, status=404, ms=9))
    found = _status(silent, wrong)
    show_status([found], FLAGS, NOW, sheet.page)
    assert "  portal   companies 15 and 42   ! no probe answers on web-1; web-2 disagrees\n" in sheet.text
    assert "  ! production · portal: no probe answers on web-1; web-2 disagrees\n" in sheet.text
    show_flag(found, FLAG, sheet.page)
    assert "  To see why web-1 does not answer: rolloutctl doctor production\n" in sheet.text
    assert "  To bring web-2 in line: rolloutctl toggle production portal true --companies 15,42\n" in sheet.text


def test_where_no_host_answers_none_is_said_to_disagree(sheet: Sheet) -> None:
    silent = Asked("portal 0", ok=False, status=None, ms=9, error="timed out")
    show_status(
        [_status(_asked(_host("web-1", ON), silent), _asked(_host("web-2", ON), silent))], FLAGS, NOW, sheet.page
    )
    assert "no probe answers on web-1 and web-2\n" in sheet.text
    assert "disagree" not in sheet.text


def test_keys_that_nobody_declared_are_named_once(sheet: Sheet) -> None:
    hosts = []
    for name in ("web-1", "web-2"):
        host = _host(name, OFF)
        assert host.state is not None
        assert host.state.live is not None
        live = replace(host.state.live, undeclared=("FEATURE_OLD",))
        hosts.append(replace(host, state=replace(host.state, live=live)))
    show_status([_status(*hosts)], FLAGS, NOW, sheet.page)
    assert "FEATURE_OLD stands in .env on web-1 and web-2" in sheet.text
    assert sheet.text.count("FEATURE_OLD") == 1


def test_nothing_declared_has_words(sheet: Sheet) -> None:
    show_status([], FLAGS, NOW, sheet.page)
    show_status([_status(_host("web-1", OFF))], {}, NOW, sheet.page)
    show_changes([], [Audited("production", (), ())], sheet.page)
    assert "No environments are declared." in sheet.text
    assert "No flags are declared." in sheet.text
    assert "No changes yet." in sheet.text


def test_a_host_that_lost_records_is_named(sheet: Sheet) -> None:
    show_verdicts([Verified("production", "web-1", 3, ok=False, problem="line 2 is no record")], sheet.page)
    assert sheet.text == "✗ production   web-1   line 2 is no record\n"


def test_foreign_text_is_neither_markup_nor_control(sheet: Sheet) -> None:
    change = _change(reason="[bold]pilot[/bold] :smile:\x1b[31m\x07")
    show_changes([change], [Audited("production", (change,), ())], sheet.page)
    assert "[bold]pilot[/bold] :smile:\\x1b[31m\\x07" in sheet.text
    assert "\x1b" not in sheet.text


@pytest.mark.parametrize("width", [40, 60, 80, 120])
def test_no_line_is_wider_than_the_terminal_but_a_command_to_copy(monkeypatch: pytest.MonkeyPatch, width: int) -> None:
    sheet = Sheet(monkeypatch, width)
    change = _change(reason="a reason that is longer than any line of any terminal, and goes on " * 2)
    record = Record("", {**change.fields, "event": "kept", "host": "web-1", "steps": [{"name": "restart", "ms": 4}]})
    audits = [Audited("production", (change,), (record,), (("web-2", "connection refused."),))]
    found = replace(_status(_host("web-1", ON), _host("web-2", OFF)), changes=(change,))
    error = PutBack(
        "Nothing changed " * 9, state="So it stands. " * 9, hint="rolloutctl status " * 6, details=("x " * 90,)
    )
    show_plan(_plan(), ["a note that is rather long, " * 5], 1.0, sheet.page)
    show_status([found, found], FLAGS, NOW, sheet.page)
    show_flag(found, FLAG, sheet.page)
    show_health([found], NOW, sheet.page)
    show_changes([change], audits, sheet.page)
    show_change(change, audits, sheet.page)
    show_error(error, sheet.page)
    lines = sheet.text.splitlines()
    too_wide = [line for line in lines if len(line) > width and not line.startswith("    rolloutctl ")]
    assert too_wide == []


def test_a_file_that_the_message_begins_with_is_named_once(monkeypatch: pytest.MonkeyPatch) -> None:
    sheet = Sheet(monkeypatch, 100)
    show_error(ConfigurationError("e.yaml has a fault.", subject="/team/e.yaml", hint="Mend it."), sheet.page)
    assert sheet.text.splitlines()[0] == "✗ /team/e.yaml has a fault."


def test_a_pipe_keeps_a_line_a_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("COLUMNS", raising=False)
    stream = io.StringIO()
    Page(stream).line("word " * 100)
    assert stream.getvalue() == ("word " * 100).rstrip() + "\n"


def test_no_color_means_no_escapes(monkeypatch: pytest.MonkeyPatch) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    def written(no_color: str) -> str:
        monkeypatch.setenv("NO_COLOR", no_color)
        monkeypatch.setenv("TERM", "xterm")
        stream = Terminal()
        show_error(Refused("No."), Page(stream))
        return stream.getvalue()

    assert "\x1b[" in written("")
    assert "\x1b[" not in written("1")


def _plan() -> Plan:
    return plan([host_plan(OFF, PILOT), host_plan(OFF, PILOT, name="web-2")], PILOT)


def _fields(audience: Audience) -> dict[str, Any]:
    return {"enabled": audience.enabled, "companies": list(audience.companies)}


def _change(reason: str = "pilot", ends: dict[str, str] | None = None) -> Change:
    base = {
        "change": "7k3f9qxy",
        "time": "2026-11-23T12:00:00Z",
        "environment": "production",
        "arbiter": "web-1",
        "flag": "portal",
        "from": _fields(NOBODY),
        "to": _fields(PILOT),
        "actor": "ops@example.com",
        "reason": reason,
    }
    decided = ends or {"web-1": "kept"}
    logs = {
        name: [Record("", {**base, "event": "started"}), Record("", {**base, "event": end})]
        for name, end in decided.items()
    }
    (change,) = fold(logs)
    return change


def _host(name: str, env: bytes, **more: Any) -> HostStatus:  # noqa: ANN401 - fields of HostState
    found: HostState = replace(state(name, env), **more)
    enabled, companies = found.in_file(FLAG), ()
    assert enabled is not None
    flags = {FLAG.name: FlagOnHost(FLAG.name, enabled, enabled, in_sync=True, probes=companies)}
    health = Asked("health", ok=True, status=200, ms=5)
    return HostStatus(name, f"10.0.0.{name[-1]}", state=found, flags=flags, health=health)


def _asked(host: HostStatus, *answers: Asked) -> HostStatus:
    """A host whose cache says what its .env says, and whose probes were answered like this."""
    assert host.state is not None
    audience = host.state.in_file(FLAG)
    return replace(host, flags={FLAG.name: FlagOnHost(FLAG.name, audience, audience, in_sync=True, probes=answers)})


def _status(*hosts: HostStatus) -> EnvironmentStatus:
    return EnvironmentStatus(PRODUCTION, hosts, (), ())


def _incident(entries: tuple[Entry, ...]) -> Incident:
    return Incident(
        id="k2x7m9qa",
        flag="portal",
        environment="production",
        severity="high",
        symptom="the portal answers 500",
        affected=12.5,
        detected=NOW,
        opened=NOW,
        actor="ana@example.com",
        decision="switch-off",
        recovered=NOW + timedelta(hours=25),
        entries=entries,
    )
