"""A proposal as the commented text of an environments.yaml: what is known filled in, the rest as lines to complete."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence

from rolloutctl.rules.config import Health
from rolloutctl.rules.config_tree import shown
from rolloutctl.rules.proposal import Proposal, ProposedFlag

_PIECE = r"[\w./@+-]+(?::[\w./@+-]+)*"
_PLAIN = re.compile(rf"(?=[A-Za-z/]){_PIECE}(?: {_PIECE})*", re.ASCII)
_WORDS = frozenset({"true", "false", "null", "yes", "no", "on", "off", "y", "n"})

_HEAD = """\
# Which hosts, which flags, and how to tell that a change took effect. `rolloutctl init` wrote what it found; the rest
# stands in comments, to be completed. Every key: docs/environments.md of rolloutctl, and `rolloutctl schema`, which
# makes editors complete and check this file.
version: 1
"""

_PROBES = """\
    # The proof that a change took effect: a page of the feature, and its statuses while nobody, listed companies or
    # everyone see it. X-Company stands for the header by which your application tells whose request it is. Without a
    # probe, rolloutctl can only tell what stands in .env and in the config cache."""

_NO_FLAGS = """\
# flags:
#   customer_portal:
#     description: Customers see their calls at /portal
#     key: FEATURE_CUSTOMER_PORTAL # in .env: true or false
#     companies_key: FEATURE_CUSTOMER_PORTAL_TEST_COMPANIES # the list that limits it; empty means everyone
#     config: features.customer_portal # in the cached config
#     probes:
#       - {path: /portal, off: [404], limited: [200, 302, 404], on: [200, 302]}
"""


def text_of(proposal: Proposal) -> str:
    """The file. Whatever the names in it are, each value is one YAML scalar, and each comment one line."""
    return "\n".join((_HEAD, _flags(proposal), *_environment(proposal)))


def scalar(text: str) -> str:
    """A text as a YAML scalar that stands for nothing else, also between brackets."""
    if _PLAIN.fullmatch(text) and text.lower() not in _WORDS:
        return text
    # Written as they are, some that can't be seen are line breaks to YAML: folded, the text would be another one.
    return "".join(
        each if each.isprintable() else f"\\U{ord(each):08x}" for each in json.dumps(text, ensure_ascii=False)
    )


def further_environment(name: str, hosts: Sequence[str], app: str, url: str) -> Iterator[str]:
    """The few lines that a further environment adds to a file that is there already."""
    yield f"  {scalar(name)}:"
    yield f"    url: {scalar(url or 'https://www.example.com')}"
    yield f"    hosts: [{', '.join(map(scalar, hosts))}]" if hosts else "    connection: local"
    yield f"    app: {scalar(app or '/var/www/app/current')}"
    yield "    # steps and health as the others have them; or move those to `defaults:`"


def _flags(proposal: Proposal) -> str:
    if not proposal.flags:
        return _NO_FLAGS + _left_out(proposal.left_out)
    each = [_flag(flag, first=number == 0) for number, flag in enumerate(proposal.flags)]
    return "flags:\n" + "\n".join(each) + _left_out(proposal.left_out)


def _left_out(keys: Sequence[str]) -> str:
    return f"  # Also in .env, and no switch by the look of it: {shown(', '.join(keys), most=400)}\n" if keys else ""


def _flag(flag: ProposedFlag, *, first: bool) -> str:
    about = " # in .env: true or false" if first else ""
    lines = [f"  {scalar(flag.name)}:", "    # description: what people see while it is on"]
    lines.append(f"    key: {scalar(flag.key)}{about}")
    if flag.companies_key is not None:
        lines.append(f"    companies_key: {scalar(flag.companies_key)} # the list that limits it; empty means everyone")
    lines += _settings(flag)
    path = scalar("/" + re.sub("[^a-z0-9]+", "-", flag.name.lower()).strip("-"))
    lines += [_PROBES] if first else []
    lines += ["    # probes:", *(f"    #   - {{path: {path}, {probe}}}" for probe in _probes(flag))]
    return "\n".join(lines) + "\n"


def _probes(flag: ProposedFlag) -> Iterator[str]:
    if flag.companies_key is None:
        yield "off: [404], on: [200, 302]"
        return
    # One for a listed company and one for another: else nobody knows who of them sees it.
    yield 'headers: {X-Company: "{company}"}, off: [404], limited: [200], on: [200]'
    yield 'headers: {X-Company: "{other}"}, off: [404], limited: [404], on: [200]'


def _settings(flag: ProposedFlag) -> Iterator[str]:
    if flag.config:
        yield f"    config: {scalar(flag.config)}"
    elif flag.config is None:
        yield "    config: null # no setting is known that holds it; then the config cache is not compared"
    if flag.also:
        yield f"    # It also decides: {shown(', '.join(flag.also), most=200)}"
    if flag.companies_key is not None:
        if flag.companies_config:
            yield f"    companies_config: {scalar(flag.companies_config)}"
        elif flag.companies_config is None:
            yield "    companies_config: null # no setting is known that holds the list"


def _environment(proposal: Proposal) -> list[str]:
    return [
        "environments:",
        f"  {scalar(proposal.environment)}:",
        *(f"    {line}" for line in (*_place(proposal), *_steps(proposal), *_care(proposal))),
        "",
    ]


def _place(proposal: Proposal) -> Iterator[str]:
    about = " # where people reach it; hosts ask themselves under this name"
    yield f"url: {scalar(proposal.url)}" if proposal.url else f"# url: https://www.example.com{about}"
    if proposal.hosts:
        yield f"hosts: [{', '.join(map(scalar, proposal.hosts))}] # the first is the arbiter; all change, or none"
    else:
        yield "connection: local # rolloutctl runs on the server itself"
    yield f"app: {scalar(proposal.app)}"
    if proposal.php != "php":
        yield f"php: {scalar(proposal.php)} # php-fpm's version"
    if proposal.shell:
        yield f"shell: {scalar(proposal.shell)} # the application's owner"
    elif proposal.shell_hint:
        yield f"# shell: sudo -n -u OWNER # {shown(proposal.shell_hint, most=200)}"
    if proposal.local_address:
        yield f"local_address: {scalar(proposal.local_address)} # where it listens, as the host sees it"
    else:
        yield '# local_address: "127.0.0.1:8080" # where it listens, if not at the usual port'


def _steps(proposal: Proposal) -> Iterator[str]:
    yield "steps: # what makes an edit of .env take effect, in this order"
    yield "  - {name: config cache, builtin: config-cache, timeout: 60s} # built aside, then swapped in"
    if proposal.restart:
        yield f"  - {{name: {scalar(proposal.restart_name)}, run: {scalar(proposal.restart)}, timeout: 30s}}"
    else:
        yield "  # - {name: restart php-fpm, run: sudo -n systemctl restart php8.2-fpm, timeout: 30s}"
    php = proposal.php
    for kind, name, command, once in (
        ("octane", "reload octane", "octane:reload", False),
        ("queue", "restart queue workers", "queue:restart", True),
        ("horizon", "restart horizon", "horizon:terminate", False),
    ):
        step = f"{{name: {name}, run: {scalar(f'{php} artisan {command}')}{', once: true' if once else ''}}}"
        if kind in proposal.workers:
            yield f"  - {step}"
        elif kind == "queue" and "horizon" not in proposal.workers:
            yield f"  # - {step} # where workers run"


def _care(proposal: Proposal) -> Iterator[str]:
    if proposal.volatile:
        names = ", ".join(map(scalar, proposal.volatile))
        yield f"volatile: [{names}] # they differ with each build of the config cache"
    if proposal.health:
        yield f"health: {{{', '.join(_health(proposal.health))}}}"
    else:
        yield "# health: {path: /health, json: {status: ok}} # a page that tells whether the application is well"
    if proposal.protected:
        yield "protected: true # enabling asks for the environment's name and a reason"
        yield "# requires: [staging] # a flag must be on there before it goes on here"
        yield '# freeze: [{from: "Fri 15:00", to: "Mon 08:00", zone: Europe/Berlin}] # no widening then'
    else:
        yield "# protected: true # enabling asks for the environment's name and a reason"


def _health(health: Health) -> Iterator[str]:
    yield f"path: {scalar(health.path)}"
    if health.json:
        yield (
            "json: {" + ", ".join(f"{scalar(name)}: {scalar(str(value))}" for name, value in health.json.items()) + "}"
        )
