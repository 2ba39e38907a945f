"""report: the page, Markdown, JSON and the terminal, of a rollout of five weeks and of one on the embedded host."""

from __future__ import annotations

import json
import re
import signal
import subprocess
from datetime import UTC, datetime, timedelta
from html.parser import HTMLParser
from pathlib import Path

import pytest

from rolloutctl.cli import documents_report
from rolloutctl.cli.render import Page
from rolloutctl.cli.render_report import show_story
from rolloutctl.cli.report_markdown import markdown
from rolloutctl.cli.report_page import page
from rolloutctl.errors import Unreachable
from rolloutctl.outside.places import samples_folder
from rolloutctl.outside.sample_store import SampleStore
from rolloutctl.rules.reporting import Story
from rolloutctl.workflows.report import tell
from tests.cli.shell import ENVIRONMENTS, ROOT, Shell
from tests.docs.pages import rows
from tests.tale import FLAG, HOSTILE, Measured, Tale, five_weeks, tools
from tests.telling import the_story

pytestmark = pytest.mark.xdist_group("tale")  # its samples are made once
PLAN = """\
metrics:
  health: {source: request, path: /health, limit: "<= 0", for: 2 of 3}
  queue: {source: run, run: echo 5, unit: jobs, limit: "<= 4", for: 2 of 3}
rollouts:
  customer_portal:
    environment: demo
    weekend: []
    companies: {ids: [3, 7, 15, 42, 51, 60, 77, 80, 91, 103]}
    phases:
      - {name: pilot, companies: [15, 42], soak: 7d, gates: {signoffs: [product]}}
      - {name: full, audience: everyone}
"""
VOID = {"meta", "link", "img", "br", "hr", "input"}
ELSEWHERE = {"src", "href", "xlink:href", "srcset", "data", "action", "formaction", "poster", "background"}


class Elements(HTMLParser):
    """Every element of a page with its attributes; whether each is closed where it should be."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[str] = []
        self._open: list[str] = []
        self.feed(text)
        self.close()
        assert self._open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))
        if tag not in VOID:
            self._open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.texts.append(data)


@pytest.fixture(scope="module")
def story() -> Story:
    return the_story()


@pytest.fixture(scope="module")
def html(story: Story) -> str:
    """The page; it is left in build/report.html, to be looked at."""
    text = page(story)
    (ROOT / "build").mkdir(exist_ok=True)
    (ROOT / "build" / "report.html").write_text(text, encoding="utf-8")
    return text


def test_the_page_needs_nothing_from_elsewhere_and_forbids_itself_to_ask(html: str) -> None:
    elements = Elements(html)
    assert {tag for tag, _ in elements.found} & {"script", "link", "img", "iframe", "object", "embed", "base"} == set()
    assert [name for _, attributes in elements.found for name in attributes if name in ELSEWHERE] == []
    assert [name for _, attributes in elements.found for name in attributes if name.startswith("on")] == []
    policy = [each["content"] for tag, each in elements.found if each.get("http-equiv") == "Content-Security-Policy"]
    assert policy == ["default-src 'none'; style-src 'unsafe-inline'"]
    assert re.findall(r"@import|url\((?!#)", html) == []


def test_what_somebody_wrote_is_text_on_the_page(html: str) -> None:
    harmless = HOSTILE.replace("\x1b", "")
    assert "<script>alert" not in html
    assert "&lt;script&gt;alert(&#34;1&#34;)&lt;/script&gt;" in html
    assert "\x1b" not in html
    assert any(harmless.split("[31m")[0].strip() in text for text in Elements(html).texts)


def test_pictures_and_tables_can_be_read_without_seeing_them(html: str) -> None:
    elements = Elements(html)
    ids = [each["id"] for _, each in elements.found if "id" in each]
    assert len(ids) == len(set(ids))
    pictures = [each for tag, each in elements.found if tag == "svg" and each.get("role") == "img"]
    assert len(pictures) == 2 * 7  # for screens and for telephones: the way and six metrics
    for picture in pictures:
        assert all(name in ids for name in str(picture["aria-labelledby"]).split())
    assert all(each.get("scope") in {"col", "row"} for tag, each in elements.found if tag == "th")
    assert all(each.get("aria-label") for tag, each in elements.found if tag == "table")
    assert [each for tag, each in elements.found if tag == "html"] == [{"lang": "en"}]


def test_a_month_is_a_small_page(html: str) -> None:
    assert len(html) < 400_000


def test_markdown_is_tables_in_which_nobody_can_write_markup(story: Story) -> None:
    text = markdown(story)
    for table in re.findall(r"(?:^\|.*\n)+", text, re.MULTILINE):
        lines = [len(re.findall(r"(?<!\\)\|", line)) for line in table.splitlines()]
        assert len(set(lines)) == 1, table
    assert re.search(r"(?<!\\)<(?!!-- rolloutctl)", text) is None
    assert re.search(r"(?<!\\)\]\(", text) is None
    assert "@example" not in text  # no mention of anybody
    assert any(row[0] == "✓ pilot" for row in rows(text))


@pytest.mark.parametrize("width", [100, 60])
def test_the_short_version_fits_the_terminal(
    story: Story, width: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    import sys  # noqa: PLC0415 - the stream that is captured now

    monkeypatch.setenv("COLUMNS", str(width))
    show_story(story, Page(sys.stdout))
    shown = capsys.readouterr().out
    assert max(map(len, shown.splitlines())) <= width
    if width == 60:
        assert "  ✓ 10%           30 companies\n      planned 4 Nov to 10 Nov    6 Nov to 17 Nov, 2 days" in shown
        assert "  ● 50%           150 companies\n      planned 11 Nov to 17 Nov   from 17 Nov, 6 days late\n" in shown
    words = " ".join(shown.split())
    assert "✗ No errors of the feature: portal_errors" in words
    assert "incident, high: Class Portal\\Calls not found; detected Sat 8 Nov 14:01" in words
    assert "rolloutctl report customer_portal --html report.html" in words


def test_the_document_has_success_metrics_and_points(story: Story) -> None:
    report = json.loads(json.dumps(documents_report.of_story(story)))["report"]
    pilot = next(each for each in report["phases"] if each["name"] == "pilot")
    assert {each["verdict"] for each in pilot["success"]} == {"met", "not_measured"}
    assert (pilot["companies"], pilot["people"], pilot["slipped"]) == (2, 53, 0)
    (incident,) = report["incidents"]
    assert (incident["severity"], incident["switched_off"] is not None) == ("high", True)
    assert sum(len(curve["points"]) for curve in report["metrics"][0]["curves"]) < 300


def test_with_every_host_lost_it_is_told_by_what_this_machine_has_seen(tmp_path: Path) -> None:
    story = tell(FLAG, tools(tmp_path, five_weeks(), samples=Measured(hosts=())))
    assert "No host can be reached" in story.troubles[0]
    assert "the newest from Thu 20 Nov" in story.troubles[0]
    assert (story.seen, story.lines) == ("nobody can tell now", 19)
    assert "No host can be reached" in page(story)
    assert "No host can be reached" in markdown(story)
    with pytest.raises(Unreachable):
        tell(FLAG, tools(tmp_path / "other", Tale()))


# On the embedded host.


def test_a_rollout_is_told_on_every_way_out(tmp_path: Path) -> None:
    shell = Shell(tmp_path, ENVIRONMENTS + PLAN)
    before = shell.run("report", FLAG)
    assert (before.status, "not begun" in before.out) == (0, True)
    assert shell.run("rollout", "start", FLAG, "--yes").status == 0
    assert shell.run("monitor", "demo", "--once").status == 0
    ran = shell.run("report", FLAG, "--html", "report.html", "--md", "report.md", "--json")
    assert ran.status == 0, ran.err
    assert [line.split(",")[0] for line in ran.err.splitlines()] == ["✓ written: report.html", "✓ written: report.md"]
    report = ran.document["report"]
    assert (report["seen"], report["phases"][0]["state"]) == ("companies 15 and 42", "current")
    assert [each["name"] for each in report["metrics"]] == ["health", "queue"]
    assert Elements((tmp_path / "report.html").read_text()).found
    assert "| ● pilot |" in (tmp_path / "report.md").read_text()
    watched = shell.type("report", FLAG, "--html", "report.html", answers=[])
    assert watched.status == 0
    assert watched.out.index("Reading records and samples") < watched.out.index("Writing the report")
    (tmp_path / "other.html").write_text("<p>mine</p>")
    for words, status, said in (
        (("--html", "other.html"), 3, "--force"),
        (("--html", "-", "--json"), 2, "Only one of"),
    ):
        refused = shell.run("report", FLAG, *words)
        assert (refused.status, said in refused.out + refused.err) == (status, True), refused


def test_a_host_that_is_lost_is_named_and_the_others_tell_it(tmp_path: Path) -> None:
    lost = "{name: two, connection: paramiko, address: 127.0.0.1, port: 1, app: /x, user: me}"
    hosts = ENVIRONMENTS.replace(
        "demo: {connection: embedded}", f"demo: {{connection: embedded, hosts: [one, {lost}]}}"
    )
    ran = Shell(tmp_path, hosts + PLAN).run("report", FLAG, "--md", "-")
    assert (ran.status, "- Where it stands: not begun" in ran.out) == (0, True)
    assert "- **Not found out:** two cannot be reached: 127.0.0.1 port 1: connection refused." in ran.out
    assert "- Next: `rolloutctl health demo`" in ran.out


def test_two_monitors_and_a_report_share_one_store_and_a_kill_loses_nothing(tmp_path: Path) -> None:
    shell = Shell(tmp_path, ENVIRONMENTS + PLAN)
    words = shell.command("monitor", "demo", "--every", "1s")
    monitors = [
        subprocess.Popen(words, env=shell.environment, cwd=tmp_path, stdout=subprocess.PIPE, text=True)
        for _ in range(2)
    ]
    try:
        seen = [_lines(each, 2) for each in monitors]
        report = shell.run("report", FLAG, "--json").document["report"]
        monitors[0].send_signal(signal.SIGKILL)
        seen[0] += _rest(monitors[0])
        seen[1] += _lines(monitors[1], 1)  # the other one goes on
    finally:
        for each in monitors:
            each.kill()
            each.wait()
            if each.stdout is not None:
                each.stdout.close()
    assert int(report["metrics"][0]["told"].split()[0]) >= 4
    assert not report["troubles"]
    store = SampleStore(samples_folder(shell.environment, shell.configuration))
    now = datetime.now(UTC)
    kept = store.of("queue", "demo", "demo", now - timedelta(hours=1), now + timedelta(hours=1))
    store.close()
    assert len(kept) >= len(seen[0]) + len(seen[1])  # what was shown had been kept before
    assert store.told == ()


def _rest(monitor: subprocess.Popen[str]) -> list[str]:
    """What it still said; nothing more comes."""
    assert monitor.stdout is not None
    return monitor.stdout.readlines()


def _lines(monitor: subprocess.Popen[str], number: int) -> list[str]:
    assert monitor.stdout is not None
    return [monitor.stdout.readline() for _ in range(number)]
