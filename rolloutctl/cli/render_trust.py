"""Host keys on a screen: what to compare, and what was remembered."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from rolloutctl.cli import words
from rolloutctl.cli.render import Cell, Page
from rolloutctl.rules.host_keys import Stranger
from rolloutctl.workflows.trust import Strangers, Trusted

_KINDS = {"ssh-ed25519": "ed25519", "ssh-rsa": "rsa", "ssh-dss": "dsa"}


def show_strangers(strangers: Strangers, environment: str, page: Page) -> None:
    """The keys that nobody knows yet, and how to compare them."""
    page.gap()
    are = "is" if len(strangers) == 1 else "are"
    page.line((environment, "bold"), f" · {words.counted(len(strangers), 'host key')} {are} not known yet")
    page.gap()
    rows: list[list[Cell]] = []
    for stranger, hosts in strangers.items():
        rows.append([stranger.name, _kind(stranger.kind), stranger.fingerprint, _use(stranger, hosts)])
    page.columns(rows)
    page.gap()
    kinds = sorted({_kind(stranger.kind) for stranger in strangers})
    page.line("Compare them with what each server itself says, for example on its console:", indent=2, hang=2)
    for kind in kinds:
        page.line(f"ssh-keygen -lf /etc/ssh/ssh_host_{kind}_key.pub", indent=4)
    page.gap()


def show_trusted(done: Trusted, page: Page) -> None:
    """What was remembered, and the next command."""
    if done.added:
        files = sorted({_at_home(stranger.file) for stranger in done.added})
        page.line(("✓ ", "bold green"), f"{words.counted(len(done.added), 'host key')} added to {words.listed(files)}")
    elif done.all_known:
        page.line(("✓ ", "bold green"), f"{done.environment.name}: every host key is known already.")
    if done.all_known:
        page.line(f"next: {words.command('doctor', done.environment.name)}", indent=2)


def _use(stranger: Stranger, hosts: Sequence[str]) -> str:
    """Whose key it is, where the name alone does not say so."""
    if stranger.jump:
        called = "" if stranger.called == stranger.name else f"{stranger.called}, "
        return f"{called}the jump host of {words.listed(hosts)}"
    return "" if [stranger.name] == list(hosts) else f"for {words.listed(hosts)}"


def _at_home(path: str) -> str:
    home = str(Path.home())
    return f"~{path.removeprefix(home)}" if path.startswith(f"{home}/") else path


def _kind(kind: str) -> str:
    """As the files in /etc/ssh name it."""
    return _KINDS.get(kind, "ecdsa" if kind.startswith("ecdsa-") else kind)
