"""How a deployment looks: its steps before anything is done, how it ended, and what is live behind a pipeline."""

from __future__ import annotations

from collections.abc import Sequence

from rolloutctl.cli import words
from rolloutctl.cli.render import Cell, Page, text
from rolloutctl.rules.deploy_plans import DeployPlan, HostRun
from rolloutctl.rules.deploys import DeployStep, short
from rolloutctl.rules.durations import in_words
from rolloutctl.workflows.deploy import Deployed
from rolloutctl.workflows.deploy_verifying import Verification


def show_plan(plan: DeployPlan, notes: Sequence[str], page: Page) -> None:
    """What is live, every step with its values filled in, and what a person should know."""
    page.gap()
    title = text((f"{plan.environment.name} · {plan.title}", "bold"))
    page.columns([[title, text((f"release {plan.release}", "dim"))]], indent=0)
    page.gap()
    page.columns([[host.name, text((f"{short(host.commit)} is live", "dim"))] for host in plan.hosts])
    page.gap()
    for number, step in enumerate(plan.steps, 1):
        told = ", ".join(_conditions(plan, step))
        page.line(f"{number:>2}  ", (step.name, "bold"), (f"  ({told})" if told else "", "dim"), indent=2, hang=4)
        page.line((_what(step), "dim"), indent=6, hang=2)
    page.gap()
    page.line((_end(plan), "dim"), indent=2, hang=2)
    for added in dict.fromkeys(host.added for host in plan.hosts if host.added):
        hosts = words.listed(host.name for host in plan.hosts if host.added == added)
        told = f"{words.listed(f'{key}=false' for key in added)} is added on {hosts}, before the first step"
        page.line((".env  ", "bold"), told, indent=2, hang=6)
    for note in notes:
        page.line(("! ", "bold yellow"), note, indent=2, hang=2)
    if len(plan.hosts) > 1:
        others = words.listed(host.name for host in plan.hosts[1:])
        page.line((f"{plan.hosts[0].name} goes first, through every step; then {others}.", "dim"), indent=2, hang=2)
    page.line(("Proved: the steps' rights, and .env. Nothing was begun yet.", "dim"), indent=2, hang=2)
    page.gap()


def show_deployed(done: Deployed, shown: Sequence[str], argv: Sequence[str], page: Page) -> None:
    """How it ended, where it ended well."""
    for note in done.notes:
        if note not in shown:
            page.line(("! ", "bold yellow"), note, indent=2, hang=2)
    if done.error is not None:
        return
    plan = done.plan
    if done.result == "planned":
        page.line("Nothing was done: this was the plan.", hang=2)
        page.advice(f"To do it: {words.command(*words.without(argv, '--plan'))}", indent=2)
        return
    where = plan.environment.name
    took = in_words(round(done.seconds)) if done.seconds >= 1 else f"{done.seconds:.1f} s"
    hosts = f"{len(done.runs)} of {words.counted(len(plan.hosts), 'host')}" if len(plan.hosts) > 1 else "1 host"
    commits = dict.fromkeys(short(run.after.commit) for run in done.runs if run.after.commit)
    ended = f"{words.listed(commits)} is live" if commits else f"{plan.ref or 'Every step'} went through"
    page.ends(
        text(("✓ ", "bold green"), (f"{ended} in {where}", "bold"), f", on {hosts}, after {took}"),
        f"deployment {plan.id}",
    )
    if not all(run.after.commit for run in done.runs):
        unknown = "Which commit is live is not known: say how to tell, by commit: below deploy in environments.yaml."
        page.line(("! ", "bold yellow"), unknown, indent=2, hang=2)
    for line in _told(done.runs, plan):
        page.line(line, indent=2, hang=2)
    page.advice(f"how it stands: {words.command('status', where)}", indent=2)


def show_verified(found: Verification, page: Page) -> None:
    """What is live on each host, and flag by flag who sees it."""
    page.gap()
    page.line((f"{found.environment.name} · deployed by its pipeline", "bold"))
    page.gap()
    rows: list[list[Cell]] = []
    for host in found.hosts:
        if host.error:
            rows.append([host.name, text(("unreachable", "red")), host.error])
            continue
        health = text((host.health, "green" if host.well else "bold red")) if host.health else "no health check"
        rows.append([host.name, short(host.commit), health])
    page.columns(rows)
    page.gap()
    page.columns([[flag, text((told, "" if well else "bold yellow"))] for flag, told, well in found.flags])
    page.gap()
    for note in found.notes:
        page.line(("! ", "bold yellow"), note, indent=2, hang=2)
    if found.error is None:
        hosts = "its host" if len(found.hosts) == 1 else f"all {len(found.hosts)} hosts"
        live = short(found.hosts[0].commit)
        commit = f"{live} is live" if found.hosts[0].commit else "the application is live"
        page.line(("✓ ", "bold green"), (f"{commit} on {hosts}", "bold"), ", well, and no flag is on unasked", hang=2)


def _conditions(plan: DeployPlan, step: DeployStep) -> list[str]:
    told = []
    if step.once or step.last:
        told.append(f"once, on {plan.once_on(step)}" + (", when all hosts are through" if step.last else ""))
    if step.when:
        told.append(f"where {words.listed(step.when)} changed since it last succeeded")
    return told


def _what(step: DeployStep) -> str:
    if step.run is None:
        return "built aside from .env as it then stands, and swapped in; never one that switches a flag on"
    return step.run


def _end(plan: DeployPlan) -> str:
    environment = plan.environment
    probes = sum(bool(flag.probes) for flag in plan.flags)
    asked = [environment.health.path] if environment.health else []
    asked += [f"the probes of {words.counted(probes, 'flag')}"] if probes else []
    if asked and environment.url:
        return f"Behind the steps each host is asked {words.listed(asked)}."
    lacking = "health: or a flag's probes:" if environment.url else "url:"
    return f"Behind the steps no host is asked whether it is well: environments.yaml has no {lacking} for that."


def _told(runs: Sequence[HostRun], plan: DeployPlan) -> list[str]:
    """What went on besides, in words."""
    migrated = dict.fromkeys(name for run in runs for name in run.migrated.done)
    told = [f"migrations: {words.listed(migrated)}" if migrated else "migrations: none ran"]
    for skipped in dict.fromkeys(tuple(run.skipped) for run in runs if run.skipped):
        hosts = words.listed(run.name for run in runs if tuple(run.skipped) == skipped)
        told.append(f"not needed on {hosts}: {words.listed(skipped)}")
    added = dict.fromkeys(key for host in plan.hosts for key in host.added)
    told += [f".env: {words.listed(f'{key}=false' for key in added)}"] if added else []
    on = {
        flag.name: run.audiences[flag.name]
        for flag in plan.flags
        for run in runs
        if flag.name in run.audiences and not run.audiences[flag.name].nobody
    }
    told.append(f"flags: {'; '.join(f'{name} for {who}' for name, who in on.items())}" if on else "flags: all are off")
    return told
