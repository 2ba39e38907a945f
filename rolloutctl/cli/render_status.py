"""How things stand, on a screen: flags by environments, one flag host by host, and health."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from rich.text import Text

from rolloutctl.cli import words
from rolloutctl.cli.remarks import about, disagreeing, meant_for, mend, odd_in_words, remarks, unanswered
from rolloutctl.cli.render import Cell, Page, text
from rolloutctl.rules.config import Flag
from rolloutctl.rules.flags import Audience
from rolloutctl.rules.requests import describe
from rolloutctl.workflows.status import EnvironmentStatus, FlagOnHost, HostStatus

Found = Sequence[EnvironmentStatus]
Flags = Mapping[str, Flag]


def show_status(found: Found, flags: Flags, now: datetime, page: Page) -> None:
    """Who sees what where, one line an environment, and what needs a person."""
    if not found:
        page.line("No environments are declared. Add one below environments: in environments.yaml.")
        return
    page.gap()
    _show_matrix(found, flags, now, page)
    page.gap()
    page.columns([_environment_row(each, now) for each in found])
    if len(found) == 1 and found[0].hosts:
        page.gap()
        _show_hosts(found[0], page)
    _show_remarks(found, flags, page)


def show_flag(found: EnvironmentStatus, flag: Flag, page: Page) -> None:
    """One flag in one environment: file, config cache and answers of each host side by side."""
    page.gap()
    seen, name = found.seen(flag.name), found.environment.name
    page.line((f"{name} · {flag.name}", "bold"), f"   {_who(seen)}")
    page.gap()
    rows = [_host_row(found, host, flag) for host in found.hosts]
    heads = ("host", ".env", "config cache", "answers", "") if rows else ("hosts unknown",)
    if page.fits(rows, heads=heads):
        page.columns(rows, heads=heads)
    else:
        page.columns([[_labelled(head, cell) for head, cell in zip(heads, row, strict=True)] for row in rows])
    last = found.last_change(flag.name)
    if last is not None:
        page.gap()
        reason = words.quoted(str(last.fields.get("reason") or ""))
        who = str(last.fields.get("actor") or "somebody")
        told = f"Last change: {last.id}, {words.local(last.time)}, {who}: {last.before} → {last.after}"
        page.line(", ".join(filter(None, (told, reason))), indent=2, hang=2)
    _show_remarks([found], {flag.name: flag}, page, only=flag.name)
    _show_way_on(found, flag, page)


def show_health(found: Found, now: datetime | None, page: Page) -> None:
    """A line a host; `now` where it is asked again and again."""
    rows: list[list[Cell]] = []
    stamp = f"{now.astimezone():%H:%M:%S}" if now else ""
    for each in found:
        if each.error is not None:
            rows.append(
                [*([stamp] if now else []), each.environment.name, "", text(("unreachable", "red")), each.error]
            )
        for host in each.hosts:
            start: list[Cell] = [stamp] if now else []
            rows.append([*start, each.environment.name, host.name, *_health_cells(each, host)])
    if rows:
        page.columns(rows, indent=0 if now else 2)


def _show_matrix(found: Found, flags: Flags, now: datetime, page: Page) -> None:
    if not flags:
        page.line("No flags are declared. Add one below flags: in environments.yaml.", indent=2)
        return
    rows: list[list[Cell]] = [["", *(text((each.environment.name, "bold")) for each in found)]]
    rows += [[name, *(_cell(each, name, now) for each in found)] for name in flags]
    if page.fits(rows):
        page.columns(rows)
        return
    for name in flags:
        page.line((name, "bold"), indent=2)
        page.columns([[each.environment.name, _cell(each, name, now)] for each in found], indent=4)


def _cell(found: EnvironmentStatus, name: str, now: datetime) -> Text:
    seen = found.seen(name)
    if all(host.error is not None for host in found.hosts):
        return text(("unreachable", "red"))
    odd = odd_in_words(found, name, alone="not as it should be")
    who = text((_who(seen), "green" if seen is not None and seen.enabled else ""))
    if name in found.stays:
        stay, soak = found.stays[name]
        told = f", {words.soaked(stay.soak(now), soak)}" if soak else ""
        who += text(f" · {stay.phase}{told}")
    if odd:
        who += text((f"   ! {odd}", "bold yellow"))
    return who


def _environment_row(found: EnvironmentStatus, now: datetime) -> list[Cell]:
    reached = [host for host in found.hosts if host.error is None]
    all_hosts = words.counted(len(found.hosts), "host") if found.error is None else "hosts unknown"
    count = all_hosts if len(reached) == len(found.hosts) else f"{len(reached)} of {all_hosts}"
    changes = [change for change in found.changes if change.outcome == "kept"]
    last = words.change_in_words(changes[-1], now) if changes else "no changes yet" if reached else ""
    return [found.environment.name, count, _health_word(found, reached), last]


def _health_word(found: EnvironmentStatus, reached: Sequence[HostStatus]) -> Text:
    if not reached:
        return text(("unreachable", "red"))
    ill = [host for host in reached if not host.healthy]
    if found.asks_health and any(host.health is None for host in reached):
        return text(("not asked", "bold yellow"))
    if ill:
        return text((f"ill: {words.listed(host.name for host in ill)}", "bold red"))
    if found.environment.health is None:
        return text(("not asked", "yellow")) if found.environment.unmet else text("no health check")
    return text(("healthy", "green"))


def _show_hosts(found: EnvironmentStatus, page: Page) -> None:
    rows: list[list[Cell]] = []
    addressed = any(host.address != host.name for host in found.hosts)
    for host in found.hosts:
        live = host.state.live if host.state else None
        versions = f"Laravel {live.laravel}, PHP {live.php}" if live and live.laravel else ""
        address = "" if host.address == host.name else host.address
        word, told = _health_cells(found, host)
        health = [word, "" if host.error is not None else told]  # a remark tells why
        rows.append([*((host.name, address) if addressed else (host.name,)), *health, versions])
    page.columns(rows)


def _health_cells(found: EnvironmentStatus, host: HostStatus) -> list[Cell]:
    if host.error is not None:
        return [text(("unreachable", "red")), host.error]
    if host.health is None and found.environment.unmet:
        return ["reachable", text((f"not asked: {found.environment.unmet[0]}", "yellow"))]
    if host.health is None:
        silent = "the application's php does not answer"
        return ["reachable", silent if found.asks_health else "nothing to ask: url: or health: is missing"]
    asked = host.health
    took = f", {asked.ms} ms" if asked.ok else ""
    word = text(("healthy", "green")) if asked.ok else text(("ill", "bold red"))
    return [word, f"{describe(asked.id, {}, found.environment)} {asked}{took}"]


def _show_remarks(found: Found, flags: Flags, page: Page, only: str = "") -> None:
    told = [remark for each in found for remark in remarks(each, flags)]
    if only:  # the table tells what is odd about the one flag
        told = [
            remark
            for remark in told
            if (remark.urgent or remark.planned)
            and remark.help != words.command("status", found[0].environment.name, only)
        ]
    if told:
        page.gap()
    for remark in told:
        mark = ("! ", "bold yellow") if remark.urgent else ("· ", "dim")
        page.line(mark, f"{remark.subject}: {remark.text}", indent=2, hang=2)
        for line in remark.help.splitlines():
            page.advice(line, indent=4)


def _host_row(found: EnvironmentStatus, host: HostStatus, flag: Flag) -> list[Cell]:
    if host.error is not None:
        return [host.name, text(("unreachable", "red")), "", "", host.error]
    on_host = (host.flags or {})[flag.name]
    cached = host.state is not None and host.state.live is not None and host.state.live.settings is None
    cache = "none" if cached else _value(on_host.effective)
    return [host.name, _value(on_host.file), cache, _answers(on_host, flag), text((about(found, host, flag), "yellow"))]


def _show_way_on(found: EnvironmentStatus, flag: Flag, page: Page) -> None:
    """What helps where a host disagrees, or does not answer."""
    silent = unanswered(found, flag.name)
    if silent:
        page.gap()
        why = f"To see why {words.listed(silent)} {'does' if len(silent) == 1 else 'do'} not answer"
        page.advice(f"{why}: {words.command('doctor', found.environment.name)}", indent=2)
    hosts = [name for name in disagreeing(found, flag.name, meant_for(found, flag)) if name not in silent]
    if hosts:
        page.gap()
        page.advice(f"To bring {words.listed(hosts)} in line: {mend(found, flag)}", indent=2)


def _labelled(head: str, cell: Cell) -> Cell:
    """A cell with its head before it, for where heads can't stand above."""
    content = cell if isinstance(cell, Text) else text(cell)
    return content if head in {"host", ""} or not content else text((f"{head}: ", "dim")) + content


def _answers(on_host: FlagOnHost, flag: Flag) -> str:
    """What the probes that depend on the flag answered."""
    meant = on_host.effective or on_host.file
    telling = [asked for asked in on_host.probes if not flag.probes[int(asked.id.rpartition(" ")[2])].always]
    seen = dict.fromkeys(str(asked.status) if asked.status else "none" for asked in telling)
    if not seen:
        return "not asked"
    right = all(asked.ok for asked in telling)
    word = "" if meant is None or not right else " on" if meant.enabled else " off"
    return "/".join(seen) + word


def _value(audience: Audience | None) -> str:
    if audience is None:
        return "unknown"
    if audience.limited:
        return f"true for {','.join(map(str, audience.companies))}"
    return "true" if audience.enabled else "false"


def _who(audience: Audience | None) -> str:
    return "unknown" if audience is None else str(audience)
