"""What a person has to know about an environment: each disagreement in words, and the command that helps."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from msgspec import Struct
from msgspec.structs import replace

from rolloutctl.cli import words
from rolloutctl.rules.config import Flag
from rolloutctl.rules.durations import in_words
from rolloutctl.rules.flags import Audience, same_people
from rolloutctl.rules.history import Change
from rolloutctl.rules.host import Holder, HostState, Pending
from rolloutctl.rules.incidents import Incident
from rolloutctl.rules.provisional import NOT_CONFIRMED
from rolloutctl.rules.records import audience_of
from rolloutctl.rules.requests import describe
from rolloutctl.rules.work import failures
from rolloutctl.workflows.status import EnvironmentStatus, FlagOnHost, HostStatus


class Remark(Struct, frozen=True):
    """A sentence about a subject, and what to do; `urgent` ones are marked."""

    subject: str
    text: str
    help: str = ""
    urgent: bool = True
    planned: bool = False  # it is to come, and nothing is wrong with it


def remarks(found: EnvironmentStatus, flags: Mapping[str, Flag]) -> tuple[Remark, ...]:
    """Everything about an environment that is not as it should be, the gravest first."""
    if found.error is not None:
        return (Remark(found.environment.name, found.error, found.hint),)
    return (
        *(_doubt(found, change, flags) for change in found.doubts),
        *(
            Remark(found.environment.name, f"what needs a secret is not asked: {each}")
            for each in found.environment.unmet
        ),
        *_provisional(found),
        *(_incident(each) for each in found.incidents if each.flag in flags),
        *_unsettled(found, flags),
        *(remark for host in found.hosts for remark in _host(found, host)),
        *(_drift(found, name) for name in flags if not found.consistent(name)),
        *_undeclared(found),
        *_scheduled(found),
    )


def _scheduled(found: EnvironmentStatus) -> Iterator[Remark]:
    name = found.environment.name
    for each in found.scheduled:
        said = f"{each.flag} is scheduled for {each.after} at {each.written}, by {each.actor} (schedule {each.id})"
        if each in found.overdue:
            late = f"{said}: that is past, and nobody has carried it out"
            yield Remark(name, late, f"What becomes of it: {words.command('due', name)}")
        else:
            cancel = words.command("unschedule", name, each.id)
            yield Remark(name, said, f"Cancel it: {cancel}", urgent=False, planned=True)


def disagreeing(found: EnvironmentStatus, name: str, meant: Audience | None = None) -> tuple[str, ...]:
    """The hosts where a flag is not as the environment has it (or as `meant`), or file, cache and answers differ."""
    meant = meant or found.seen(name)
    return tuple(
        host.name
        for host in found.hosts
        if host.flags and (not host.flags[name].well or not _same(host.flags[name], meant))
    )


def unanswered(found: EnvironmentStatus, name: str) -> tuple[str, ...]:
    """The hosts that seem to disagree about a flag only because none of its probes was answered there."""
    odd = disagreeing(found, name)
    return tuple(host.name for host in found.hosts if host.name in odd and _is_silent(found, host, name))


def _is_silent(found: EnvironmentStatus, host: HostStatus, name: str) -> bool:
    on_host = (host.flags or {})[name]
    asked = bool(on_host.probes) and all(asked.status is None for asked in on_host.probes)
    return asked and replace(on_host, probes=()).well and _same(on_host, found.seen(name))


def odd_in_words(found: EnvironmentStatus, name: str, *, alone: str) -> str:
    """Which hosts disagree about a flag, and which do not answer; `alone`: what to say where there is one host."""
    silent = unanswered(found, name)
    odd = [host for host in disagreeing(found, name) if host not in silent]
    said = [f"no probe answers on {words.listed(silent)}"] if silent else []
    if odd and len(found.hosts) == 1:
        said.append(alone)
    elif odd:
        said.append(f"{words.listed(odd)} {'disagrees' if len(odd) == 1 else 'disagree'}")
    return "; ".join(said)


def about(found: EnvironmentStatus, host: HostStatus, flag: Flag) -> str:
    """What is odd about one flag on one host; empty when nothing is."""
    on_host, state = (host.flags or {}).get(flag.name), host.state
    if on_host is None or state is None:
        return ""
    said = _in_files(on_host, state, flag)
    if on_host.unfinished:
        said.append("what the newest change wrote may not be live")
    for asked in failures(on_host.probes):
        label = describe(asked.id, {flag.name: flag}, found.environment)
        meant = on_host.effective or on_host.file
        said.append(f"{label} answers {asked}" + (f", though {words.sees(meant)} it" if meant else ""))
    if not said and not _same(on_host, found.seen(flag.name)):
        said.append("not as on the other hosts")
    return "; ".join(said)


def _in_files(on_host: FlagOnHost, state: HostState, flag: Flag) -> list[str]:
    said: list[str] = []
    if state.live is None:
        said.append(state.live_error or "the application's php did not answer")
    elif state.live.fault is not None:
        said.append(f"{state.live.fault}")
    elif not on_host.in_sync and not on_host.unfinished:
        said.append("edited by hand; takes effect at the next cache rebuild")
    elif flag.config is not None and on_host.effective is None:
        said.append(f"the config cache has no setting {flag.config}")
    return said


def meant_for(found: EnvironmentStatus, flag: Flag) -> Audience:
    """Who is to see a flag's feature on every host."""
    last, seen = found.last_change(flag.name), found.seen(flag.name) or Audience(enabled=False)
    unfinished = any(host.flags and host.flags[flag.name].unfinished for host in found.hosts)
    # What is still live may be just what a switch-off was to end: one that is unfinished, or did not reach this host.
    return last.after if last and (unfinished or last.after.within(seen)) else seen


def mend(found: EnvironmentStatus, flag: Flag) -> str:
    """The command that brings every host to that."""
    limitable = flag.companies_key is not None
    return words.toggle_to(found.environment.name, flag.name, meant_for(found, flag), limitable=limitable)


def _same(on_host: FlagOnHost, meant: Audience | None) -> bool:
    seen = on_host.effective or on_host.file
    if seen is None or meant is None:
        return True
    return same_people(seen, meant)


def _doubt(found: EnvironmentStatus, change: Change, flags: Mapping[str, Flag]) -> Remark:
    ends: dict[str, list[str]] = {}
    for name, event in change.ends.items():
        ends.setdefault(event, []).append(name)
    where = ", ".join(f"{event} on {words.listed(names)}" for event, names in ends.items())
    return Remark(
        f"{found.environment.name} · {change.flag}",
        f"IN DOUBT: change {change.id} was {where}.",
        _toggle(found, change.flag, change.meant, flags),
    )


def _incident(found: Incident) -> Remark:
    told = f"an incident is open since {words.local(found.detected.isoformat())}: {found.severity}, by {found.actor}"
    text = ", ".join(filter(None, (told, words.quoted(found.symptom))))
    return Remark(f"{found.environment} · {found.flag}", text, words.command("incident", "show", found.environment))


def _provisional(found: EnvironmentStatus) -> Iterator[Remark]:
    """A change that waits to be confirmed, and the newest one of a flag that was not."""
    name, held = found.environment.name, found.provisional
    if held is not None:
        odd = [f"{end or 'unknown'} on {host}" for host, end in held.ends.items()]
        yield Remark(
            f"{name} · {held.flag}",
            f"provisional, for {held.after}, by {held.actor}: goes back in {in_words(held.seconds_left)}"
            f" unless confirmed{'; ' if odd else ''}{words.listed(odd)}",
            words.command("confirm", name),
        )
    newest = {change.flag: change for change in found.changes}
    for change in newest.values():
        ended = change.outcome_fields
        if change.outcome == "reverted" and ended.get("cause") == NOT_CONFIRMED:
            yield Remark(
                f"{name} · {change.flag}",
                f"change {change.id}, for {change.after}, was not confirmed and went back on"
                f" {words.local(str(ended.get('time', '')))}",
                urgent=False,
            )


def _unsettled(found: EnvironmentStatus, flags: Mapping[str, Flag]) -> Iterator[Remark]:
    """Changes without an outcome: one that nobody carries any more, and one that is at work right now."""
    for host in found.hosts:
        for pending in host.state.pending if host.state else ():
            what = f"{pending.fields.get('flag', 'a flag')} for {audience_of(pending.fields.get('to'))}"
            who = str(pending.fields.get("actor") or "somebody")
            if pending.alive:
                continue  # its lock tells, or its time
            if pending.decided:
                yield Remark(
                    f"{found.environment.name} · {host.name}",
                    f"change {pending.change}, {what}, by {who}, has ended, and the log has not got that yet: was the"
                    " disk full? The next toggle or rollback writes it.",
                )
                continue
            forward = _goes_forward(found, host, pending)
            yield Remark(
                f"{found.environment.name} · {host.name}",
                f"INTERRUPTED: change {pending.change}, {what}, by {who}{_since(host, pending)}. The next toggle or"
                f" rollback {'finishes it' if forward else 'puts it back'} first:",
                _toggle(
                    found,
                    str(pending.fields.get("flag", "")),
                    audience_of(pending.fields.get("to" if forward else "from")),
                    flags,
                ),
            )
        holder = host.state.holder if host.state else None
        if host.state and holder and holder.phase != "provisional" and not _is_its_work(holder, host.state):
            yield Remark(f"{found.environment.name} · {host.name}", f"locked by {holder}", urgent=False)


def _is_its_work(holder: Holder, state: HostState) -> bool:
    """Whether who has the lock for a moment is the deployment, or the task, that is named as being at work."""
    return state.working is not None and holder.fields == state.working.fields


def _goes_forward(found: EnvironmentStatus, host: HostStatus, pending: Pending) -> bool:
    """Where settling leads: a switch-off is finished, and a widening that the arbiter has kept; any other goes back."""
    change = next((change for change in found.changes if change.id == pending.change), None)
    arbiter = str(pending.fields.get("arbiter", ""))
    kept = change is not None and host.name != arbiter and change.ends.get(arbiter) == "kept"
    return kept or bool(pending.fields.get("narrow"))


def _since(host: HostStatus, pending: Pending) -> str:
    records = host.state.records if host.state else ()
    started = next((r for r in records if r.change == pending.change and r.event == "started"), None)
    return f", since {words.local(str(started.data.get('time', '')))}" if started else ""


def _host(found: EnvironmentStatus, host: HostStatus) -> Iterator[Remark]:
    subject = f"{found.environment.name} · {host.name}"
    if host.error is not None:
        yield Remark(subject, f"cannot be reached: {host.error}", host.hint)
        return
    if host.health is not None and not host.health.ok:
        yield Remark(subject, f"is ill: {describe(host.health.id, {}, found.environment)} answers {host.health}")
    state = host.state
    if state is None:
        return
    if state.live is None:
        yield Remark(subject, state.live_error or "the application's php did not answer")
    elif state.live.boot_error:
        yield Remark(subject, f"the application does not start: {state.live.boot_error}")
    if state.working:
        yield Remark(subject, f"{state.working} is at work", urgent=False)
    for lock in state.deploying:
        yield Remark(subject, f"a deployment is running: {lock} is there", urgent=False)


def _drift(found: EnvironmentStatus, name: str) -> Remark:
    said = odd_in_words(found, name, alone="its .env, config cache and answers disagree")
    where = found.environment.name
    return Remark(f"{where} · {name}", said or "hosts disagree", words.command("status", where, name))


def _undeclared(found: EnvironmentStatus) -> Iterable[Remark]:
    where: dict[str, list[str]] = {}
    for host in found.hosts:
        for key in host.state.live.undeclared if host.state and host.state.live else ():
            where.setdefault(key, []).append(host.name)
    for key, hosts in where.items():
        yield Remark(
            found.environment.name,
            f"{key} stands in .env on {words.listed(hosts)}, and no flag in environments.yaml declares it",
            urgent=False,
        )


def _toggle(found: EnvironmentStatus, flag: str, target: Audience, flags: Mapping[str, Flag]) -> str:
    limitable = flag in flags and flags[flag].companies_key is not None
    return words.toggle_to(found.environment.name, flag, target, limitable=limitable)
