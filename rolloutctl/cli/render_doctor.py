"""What doctor found, on a screen: what is wrong in full, said once for all hosts that have it, and what to do next."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from msgspec import Struct, field

from rolloutctl.cli import words
from rolloutctl.cli.render import Cell, Page, text
from rolloutctl.rules.verdicts import Status, Verdict
from rolloutctl.workflows.doctor import Diagnosis

_MARKS: dict[Status, tuple[str, str]] = {
    "ok": ("✓", "green"),
    "info": ("·", "dim"),
    "warn": ("!", "bold yellow"),
    "fail": ("✗", "bold red"),
    "skipped": ("·", "dim"),
}
_TOLD: tuple[Status, ...] = ("fail", "warn", "info")


class _Said(Struct):
    """One verdict, and the hosts that have it; none for one on the environment as a whole."""

    verdict: Verdict
    hosts: list[str] = field(default_factory=list)


def show_doctor(found: Sequence[Diagnosis], flags: Sequence[str], page: Page, *, verbose: bool = False) -> None:
    """Each environment: a line for what is well, then what is not, in the order of the checks."""
    if not found:
        page.line("No environments are declared. Add one below environments: in environments.yaml.")
    for each in found:
        page.gap()
        page.line((each.environment.name, "bold"))
        if verbose:
            _show_all(each, page)
        else:
            _show_counts(each, page)
            for said in _merged(each, _TOLD):
                _show(said, each, page, brief=True)
        page.gap()
        _show_end(each, flags, page)


def _show_counts(found: Diagnosis, page: Page) -> None:
    """How many checks are well, with hosts that have as many on one line."""
    counts: dict[tuple[bool, str], list[str]] = {}
    for host in found.hosts:
        counts.setdefault(_count(host.verdicts), []).append(host.name)
    rows: list[list[Cell]] = []
    for (well, line), names in counts.items():
        rows.append([text(("✓ ", "green") if well else ("· ", "dim"), words.listed(names)), line])
    page.columns(rows)


def _count(verdicts: Sequence[Verdict]) -> tuple[bool, str]:
    """Whether all is well, and how many of how many checks are."""
    looked = [verdict for verdict in verdicts if verdict.status != "skipped"]
    well = sum(verdict.status in {"ok", "info"} for verdict in looked)
    skipped = len(verdicts) - len(looked)
    if not well:
        return False, f"{words.counted(skipped, 'check')} not looked at"
    left = f", {skipped} not looked at" if skipped else ""
    if well == len(looked):
        return True, words.counted(well, "check") + left
    return False, f"{well} of {len(looked)} checks are well{left}"


def _show_all(found: Diagnosis, page: Page) -> None:
    for host in found.hosts:
        page.line((host.name, "bold"), indent=2)
        for verdict in host.verdicts:
            _show(_Said(verdict), found, page)
    page.line(("environment", "bold"), indent=2)
    for verdict in found.verdicts:
        _show(_Said(verdict), found, page)


def _merged(found: Diagnosis, statuses: Iterable[Status]) -> list[_Said]:
    """Verdicts in the order of the checks; the same on several hosts once."""
    said: dict[Verdict, _Said] = {}
    wanted = set(statuses)
    for host in found.hosts:
        for verdict in host.verdicts:
            if verdict.status in wanted:
                said.setdefault(verdict, _Said(verdict)).hosts.append(host.name)
    order = list(dict.fromkeys(verdict.check for host in found.hosts for verdict in host.verdicts))
    merged = sorted(said.values(), key=lambda each: order.index(each.verdict.check))
    return [*merged, *(_Said(verdict) for verdict in found.verdicts if verdict.status in wanted)]


def _show(said: _Said, found: Diagnosis, page: Page, *, brief: bool = False) -> None:
    verdict = said.verdict
    mark, style = _MARKS[verdict.status]
    where = f" on {words.listed(said.hosts)}" if said.hosts and len(found.hosts) > 1 else ""
    page.line((f"{mark} ", style), (verdict.check, "bold"), f"{where}: {verdict.text}", indent=2, hang=2)
    for line in verdict.details:
        page.line((line, "dim"), indent=6, hang=2)
    if verdict.status == "info" and brief:
        return
    if verdict.fix.where:
        page.line((f"{verdict.fix.where}:", "dim"), indent=4, hang=2)
        page.whole(verdict.fix.line, indent=6)
    elif verdict.fix.line:
        page.advice(verdict.fix.line, indent=4)


def _show_end(found: Diagnosis, flags: Sequence[str], page: Page) -> None:
    name = found.environment.name
    stops = len(_merged(found, ("fail",)))
    warnings = len(_merged(found, ("warn",)))
    if stops:
        things = "1 thing would" if stops == 1 else f"{stops} things would"
        page.line(("✗ ", "bold red"), f"{name}: {things} stop a change. Mend from the top, then:", hang=2)
        page.whole(words.command("doctor", name), indent=4)
        return
    also = f" ({words.counted(warnings, 'warning')})" if warnings else ""
    page.line(("✓ ", "green"), f"{name} is ready{also}." + (" Next:" if flags else ""), hang=2)
    if flags:
        page.whole(words.command("toggle", name, flags[0], "true", "--dry-run"), indent=4)
