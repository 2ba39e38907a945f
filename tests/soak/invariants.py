"""What has to hold when a round is over, whatever happened in it; each breach is a sentence."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from rolloutctl.outside.mirror import FileMirror
from rolloutctl.rules.flags import Audience
from rolloutctl.rules.records import Log, Record, audience_of, lines_of, missing_from, read_record, verify
from tests.lab.host import LabHost
from tests.lab.lab import SECRETS
from tests.lab.processes import wait_until
from tests.soak.ground import Stands
from tests.soak.play import Ended, Played
from tests.soak.script import BULK, PORTAL
from tests.stories.traces import log_of, secrets_in, strays_of, whole_log_of

_LINE = re.compile(r"^(FEATURE_\w+)=(.*)$", re.MULTILINE)
_ADVICE = re.compile(r"rolloutctl (toggle lab .*?)\s*$", re.MULTILINE)
_TRIES = 4  # how often what status says is done
_ROUGHLY = 1.3  # seconds: records have whole ones
_CHANGES = ("toggle", "rollback")
_KILLS = {"kill the session", "cut the power"}


def check(played: Played) -> None:
    """Note every breach of what is promised in `played.problems`: as all came to rest, and once it is settled."""
    found = played.problems
    found += files(played)
    found += _exits(played)
    before = _all_stand(played)
    found += _switched_off(played, before)
    found += _told(played, before)
    if not played.well:
        _settle(played)
    if any(blow.kind in _KILLS for blow in played.script.blows):
        _swept(played)
    after = _all_stand(played)
    found += [f"settled, and {name} disagrees with itself: {each}" for name, each in after.items() if not each.agrees]
    if len(set(_meanings(after))) > 1:
        found.append(f"settled, and hosts differ: {after}")
    found += files(played)
    found += _logs(played)
    found += _left(played)


def _all_stand(played: Played) -> dict[str, Stands]:
    return {name: played.ground.stands(name) for name in played.ground.hosts}


def _meanings(stands: dict[str, Stands]) -> Iterator[tuple[object, ...]]:
    """A list behind a switch that is off means nothing."""
    for each in stands.values():
        on, companies, bulk = each.file
        yield on, companies if on else (), bulk


# ------------------------------------------------------------------------------------------------------- the files


def files(played: Played) -> Iterator[str]:
    """Every `.env` is the original with the person's own edits, and in the flags' lines what some command asked for."""
    values = _values(played)
    for name, host in played.ground.hosts.items():
        text = host.env_path.read_text()
        expected = played.ground.person.expected(name, played.ground.original)
        if _LINE.sub(r"\1=", text) != _LINE.sub(r"\1=", expected):
            told = _difference(_LINE.sub("", text), _LINE.sub("", expected))
            yield f"{name}: .env is not the original with the person's own edits: {told}"
        for key, value in _LINE.findall(text):
            if value not in values[key]:
                yield f"{name}: nobody asked for {key}={value}"


def _difference(text: str, expected: str) -> str:
    """Without a secret in it: only what stands in one and not in the other, and no line that the original has."""
    here, there = text.splitlines(), expected.splitlines()
    missing = [line for line in there if line not in here and not any(secret in line for secret in SECRETS)]
    more = [line for line in here if line not in there and not any(secret in line for secret in SECRETS)]
    return f"{len(here)} lines for {len(there)}, missing {missing}, more {more}"


def _values(played: Played) -> dict[str, set[str]]:
    """Every value that a command may have given a key."""
    lists: set[frozenset[int]] = {frozenset()}
    asked = [each.words for each in played.ended if each.words[0] == "toggle"]
    for words in asked:
        if "--companies" in words:
            lists.add(_numbers(_behind(words, "--companies")))
    while True:
        more = {
            (each | _numbers(_behind(words, "--add-companies"))) - _numbers(_behind(words, "--remove-companies"))
            for each in lists
            for words in asked
        }
        if more <= lists:
            break
        lists |= more
    switches = {
        flag: {"false", *(["true"] if played.script.on else []), *("true" for w in asked if w[2:4] == (flag, "true"))}
        for flag in (PORTAL, BULK)
    }
    return {
        "FEATURE_CUSTOMER_PORTAL": switches[PORTAL],
        "FEATURE_CUSTOMER_PORTAL_TEST_COMPANIES": {",".join(map(str, sorted(each))) for each in lists},
        "FEATURE_BULK_EXPORT": switches[BULK],
    }


def _behind(words: tuple[str, ...], option: str) -> str:
    return words[words.index(option) + 1] if option in words else ""


def _numbers(text: str) -> frozenset[int]:
    return frozenset(int(number) for number in text.split(",") if number.isdigit())


# -------------------------------------------------------------------------------------------------------- the logs


@dataclass(frozen=True, slots=True)
class _Trace:
    """What a host's log has of one order: its events, oldest first."""

    host: str
    records: tuple[Record, ...]

    @property
    def events(self) -> list[str]:
        return [record.event for record in self.records]

    @property
    def begun(self) -> bool:
        return bool(self.records)

    @property
    def overtaken(self) -> bool:
        """Whether somebody else's edit was there before anything was written."""
        return self.end == "reverted" and self.records[-1].data.get("cause") == "drift"

    @property
    def end(self) -> str:
        return next((event for event in reversed(self.events) if event in {"kept", "reverted"}), "")


def _traces(played: Played, ended: Ended) -> list[_Trace]:
    reason = f"order {ended.name}"
    return [
        _Trace(name, tuple(record for record in _written(host) if record.data.get("reason") == reason))
        for name, host in played.ground.hosts.items()
    ]


def _written(host: LabHost) -> tuple[Record, ...]:
    """A host's log, and the outcomes that are decided and durable beside it: the disk of the log was full."""
    decided = [read_record("{" + path.read_text()) for path in host.state_dir.glob("*/*/change/*/outcome")]
    return (*log_of(host), *decided)


def _logs(played: Played) -> Iterator[str]:
    for name, host in played.ground.hosts.items():
        yield from (f"{name}: {problem}" for problem in log(whole_log_of(host)))
    verified = played.command(0, "audit", "lab", "--verify", "--json")
    if verified.status != 0:
        yield f"audit --verify ends with {verified.status}: {verified.said}"
    for operator in range(len(played.script.hosts)):
        mirror = FileMirror(played.ground.lab.client / "state" / str(operator) / "rolloutctl")
        for name, host in played.ground.hosts.items():
            for record in missing_from(lines_of(whole_log_of(host).text), mirror.seen("lab", name)):
                yield f"{name}: operator {operator} saw a record that is not in the log: {record.line}"


def log(found: Log) -> Iterator[str]:
    """What is wrong with one log: its chain, a change without one outcome, a narrowing that was none."""
    if (fault := verify(found)) is not None:
        yield f"line {fault.line} of its log {fault.problem}"
    for change in dict.fromkeys(record.change for record in found.records if record.change):
        records = _without_what_was_seen_behind([record for record in found.records if record.change == change])
        events = [record.event for record in records]
        if events == ["reverted"] and records[0].data.get("cause") == "interrupted":
            continue  # killed when it could be undone, and had not yet been told
        narrow = any(record.data.get("narrow") for record in records)
        while narrow and events[:2] == ["started", "reverted"] and events[2:]:
            events = events[2:]  # somebody's edit came in between, and the switch-off was tried again
        ends = [event for event in events if event in {"kept", "reverted"}]
        if len(ends) != 1 or events[0] != "started" or ends[0] != events[-1]:
            yield f"change {change} has {events}"
    for record in found.records:
        before, after = audience_of(record.data.get("from")), audience_of(record.data.get("to"))
        if record.data.get("narrow") and not after.within(before):
            yield f"{record.change} was a narrowing, from {before} to {after}"


def _without_what_was_seen_behind(records: list[Record]) -> list[Record]:
    """The records of one change; that people may still see the feature, behind a narrowing, is no other end."""
    seen = len(records) > 1 and records[-1].event == "not-live" and records[-1].data.get("narrow")
    return records[:-1] if seen else records


# ------------------------------------------------------------------------------------------------ the exit statuses


def _exits(played: Played) -> Iterator[str]:
    statuses = tuple(ended.status for ended in sorted(played.ended, key=lambda ended: ended.name))
    if played.script.exits not in ((), statuses):
        yield f"orders ended with {statuses} instead of {played.script.exits}: {played.script.found}"
    for ended in played.ended:
        if ended.status == 1:
            yield f"{ended.name} met a defect: {ended.said}"
        elif ended.status == 2:
            yield f"{ended.name} was refused as wrong usage: {ended.said}"
        elif ended.words[0] in _CHANGES and ended.status >= 0:
            what = _wrong_exit(played, ended)
            if what:
                yield f"{ended.name} ({' '.join(ended.words)}) ended with {ended.status}, and {what}"


def _wrong_exit(played: Played, ended: Ended) -> str:
    traces = _traces(played, ended)
    begun = [trace for trace in traces if trace.begun]
    if ended.status == 0 and not begun:
        return _not_already_so(played, ended)
    if ended.status == 0:
        wanted = "provisional" if "--confirm-within" in ended.words else "kept"
        missing = [t.host for t in traces if wanted not in t.events and not _owes(played, ended, t.host)]
        return f"it is not kept on {missing}" if missing else ""
    if ended.status == 3:
        # Somebody's edit came before the first swap: that is on record, and nothing was changed.
        touched = [trace.host for trace in begun if not trace.overtaken]
        return f"it was begun on {touched}" if touched else ""
    if ended.status == 4:
        others = [trace.host for trace in begun if trace.end != "reverted"]
        return f"it is not reverted on {others}" if others else "" if begun else "it was never begun"
    if ended.status == 5:
        return "" if any(name in ended.said for name in played.ground.hosts) else f"no host is named: {ended.said}"
    return "that is no exit status of a change"


def _owes(played: Played, ended: Ended, host: str) -> bool:
    """Whether a switch-off could not write its record there, so that the client keeps it."""
    owed = played.ground.lab.client / "state" / str(ended.operator) / "rolloutctl"
    return any(host in path.name and ended.name in path.read_text() for path in owed.rglob("*") if path.is_file())


def _not_already_so(played: Played, ended: Ended) -> str:
    """Exit 0 without a change: planned only, or it was so already, at some moment while the command ran."""
    if "--dry-run" in ended.words or ended.words[0] != "toggle":
        return ""
    flag, enabled = ended.words[2], ended.words[3] == "true"
    wanted = _numbers(_behind(ended.words, "--companies")) if "--companies" in ended.words else None
    for name, host in played.ground.hosts.items():
        stood = [
            audience
            for begin, end, audience in _timeline(host, flag, on=played.script.on)
            if begin <= ended.ended + _ROUGHLY and end >= ended.began - _ROUGHLY
        ]
        if not any(each.enabled == enabled and (wanted is None or set(each.companies) == wanted) for each in stood):
            return f"on {name} it was not so: {[str(each) for each in stood]}"
    return ""


def _timeline(host: LabHost, flag: str, *, on: bool) -> Iterator[tuple[float, float, Audience]]:
    """From when to when which audience was decided on a host."""
    begin, audience = 0.0, Audience(on)
    for record in log_of(host):
        if record.flag == flag and record.event == "kept":
            # One that was owed came into the log later than it was decided.
            time = datetime.fromisoformat(record.data["at" if record.data.get("late") else "time"]).timestamp()
            yield begin, time, audience
            begin, audience = time, audience_of(record.data.get("to"))
    yield begin, float("inf"), audience


def _switched_off(played: Played, stands: dict[str, Stands]) -> Iterator[str]:
    """What the last change of a flag, an exit 0, switched off is off for all."""
    for ended in played.ended:
        if ended.status != 0 or ended.words[0] != "toggle" or ended.words[3] != "false" or "--dry-run" in ended.words:
            continue
        for name, host in played.ground.hosts.items():
            kept = [record for record in _written(host) if record.flag == ended.words[2] and record.event == "kept"]
            is_last = bool(kept) and kept[-1].data.get("reason") == f"order {ended.name}"
            if is_last and name not in played.ground.person.deployed and stands[name].sees(ended.words[2]):
                yield f"{ended.name} switched {ended.words[2]} off, and {name} shows it: {stands[name]}"


# ----------------------------------------------------------------------------------------------- what status says


def _told(played: Played, stands: dict[str, Stands]) -> Iterator[str]:
    """Status says that all is well just when it is, and else which host it is about."""
    said = played.command(0, "status", "lab", "--json")
    try:
        (found,) = json.loads(said.out)["environments"]
    except (ValueError, KeyError):
        yield f"status says no JSON: {said.said}"
        return
    played.well = found["well"]
    odd = {name for name, each in stands.items() if not each.agrees}
    equal = len(set(_meanings(stands))) == 1
    if found["well"] and (odd or not equal):
        yield f"status says that all is well, and hosts are: {stands}"
    for host in found["hosts"]:
        yield from _host_told(host, host["name"] in odd, played.ground.hosts[host["name"]])
    if not equal and all(flag["consistent"] for flag in found["flags"].values()):
        yield f"hosts differ, and status calls every flag consistent: {stands}"


def _host_told(said: dict[str, Any], is_odd: bool, host: LabHost) -> Iterator[str]:
    if said["error"] is not None:
        yield f"{host.name} can't be reached at rest: {said['error']}"
        return
    if is_odd and all(evidence["well"] for evidence in said["evidence"].values()):
        yield f"{host.name} disagrees with itself, and status does not say so: {said}"
    if bool(said["pending"]) != any(host.state_dir.glob("*/*/change/*/vars")):
        yield f"{host.name}: status says pending: {said['pending']}, and the folder is another matter"
    if said["lock"] is not None:
        yield f"{host.name} is locked at rest by {said['lock']}"


def _settle(played: Played) -> None:
    """Do what status says until all is well."""
    for _ in range(_TRIES):
        told = [played.command(0, "status", "lab", *flag) for flag in ((), (PORTAL,), (BULK,))]
        advised = dict.fromkeys(words for each in told for words in _ADVICE.findall(each.out))
        if not advised:
            break
        for words in advised:
            done = played.command(0, *words.split())
            if done.status != 0 and "--with-pending" in done.said:  # somebody's edit waits
                done = played.command(0, *words.split(), "--with-pending")
            if done.status != 0:
                played.note(f"what status advised ends with {done.status}: {words}")
    checked = played.command(0, "status", "lab", "--check")
    if checked.status != 0:
        played.problems.append(f"what status says does not settle it: {checked.said}")


def _swept(played: Played) -> None:
    """The next change sweeps up what killed sessions left; and it works."""
    on = all(each.file[2] for each in _all_stand(played).values())
    done = played.command(0, "toggle", "lab", BULK, "false" if on else "true", "--with-pending")
    if done.status != 0:
        played.problems.append(f"the next change ends with {done.status}: {done.said}")


# -------------------------------------------------------------------------------------------------- what is left


def _left(played: Played) -> Iterator[str]:
    lab = played.ground.lab
    with suppress(TimeoutError):  # the clock of a session that has ended ticks for another second
        wait_until(lambda: not any(host.leftovers() for host in lab.hosts), "all at rest", seconds=3)
    for host in lab.hosts:
        yield from (f"{host.name}: left behind: {path}" for path in strays_of(host))
        yield from (f"{host.name}: still runs: {process.command[:120]}" for process in host.leftovers())
    yield from secrets_in(lab, _everything_said(played.ended))


def _everything_said(ended: Iterable[Ended]) -> list[str]:
    return [each.said for each in ended]
