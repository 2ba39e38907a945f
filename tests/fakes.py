"""What tests share instead of the outside: a channel in memory, and values of the rules with little said."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from rolloutctl.rules.config import Environment, Flag, Health, Host, Probe, Step
from rolloutctl.rules.env_lines import EnvText
from rolloutctl.rules.env_text import value_of
from rolloutctl.rules.flags import Audience
from rolloutctl.rules.host import FileFault, HostState, Live, audience_from
from rolloutctl.rules.plans import HostPlan, Plan, is_narrowing, plan_edits

KEY = "FEATURE_PORTAL"
LIST = "FEATURE_PORTAL_TEST_COMPANIES"
FLAG = Flag(
    name="portal",
    key=KEY,
    companies_key=LIST,
    config="features.portal",
    companies_config="features.portal_test_companies",
    probes=(
        Probe(path="/portal", off=(404,), limited=(200,), on=(200, 302), headers={"X-Company": "{company}"}),
        Probe(path="/portal", limited=(404,), headers={"X-Company": "{other}"}),
        Probe(path="/admin/login", off=(200,), limited=(200,), on=(200,), always=True),
    ),
)
WEB_1 = Host(name="web-1", address="10.0.0.1", app="/var/www/app")
WEB_2 = Host(name="web-2", address="10.0.0.2", app="/var/www/app")
STEPS = (
    Step(name="config cache", builtin="config-cache"),
    Step(name="restart", run="sudo -n systemctl restart php8.2-fpm", timeout=30.0),
)
PRODUCTION = Environment(
    name="production",
    url="https://shop.example.com",
    hosts=(WEB_1, WEB_2),
    steps=STEPS,
    health=Health(path="/health", json={"status": "ok"}),
)


class ScriptedChannel:
    """A channel whose other side says these pieces, one at each `receive`, and then ends, or falls silent."""

    def __init__(self, pieces: Iterable[bytes], *, falls_silent: bool = False, stderr: str = "") -> None:
        self.sent = bytearray()
        self.closed = False
        self._pieces = iter(pieces)
        self._falls_silent = falls_silent
        self._stderr = stderr

    def send(self, data: bytes) -> None:
        self.sent += data

    def receive(self, timeout: float) -> bytes:
        assert timeout > 0
        piece = next(self._pieces, b"")
        if not piece and self._falls_silent:
            raise TimeoutError
        return piece

    def noise(self) -> str:
        return self._stderr

    def close(self) -> None:
        self.closed = True


def live(
    values: Mapping[str, str | None],
    settings: Mapping[str, Any] | None = None,
    fault: FileFault | None = None,
) -> Live:
    return Live(
        php="8.2.1",
        laravel="8.83.27",
        boot_error="",
        cache="/var/www/app/bootstrap/cache/config.php",
        settings=settings,
        values=values,
        undeclared=(),
        fault=fault,
    )


def state(name: str, env: bytes, settings: Mapping[str, Any] | None = None, flag: Flag = FLAG) -> HostState:
    """A host with this `.env`, as a sound application reads it, and with this cached config."""
    text = EnvText(env)
    return HostState(
        name=name,
        place=f"{name}:/var/www/app/.env",
        app="/var/www/app",
        user="deploy",
        state_dir="/home/deploy/.local/state/rolloutctl/app",
        sha="0" * 64,
        writable=True,
        trouble="",
        content=text,
        live=live({key: value_of(text, key) for key in flag.keys}, settings),
    )


def host_plan(
    env: bytes,
    target: Audience,
    settings: Mapping[str, Any] | None = None,
    *,
    name: str = "web-1",
    flag: Flag = FLAG,
) -> HostPlan:
    found = state(name, env, settings, flag)
    assert found.content is not None
    edits, new, notes = plan_edits(flag, target, found.content)
    before = audience_from(flag, {key: value_of(found.content, key) for key in flag.keys})
    return HostPlan(found, before, found.effective(flag), edits, new, notes)


def plan(hosts: Iterable[HostPlan], target: Audience, environment: Environment = PRODUCTION, flag: Flag = FLAG) -> Plan:
    each = tuple(hosts)
    return Plan("7k3f9qxy", environment, flag, target, is_narrowing(target, each), each, reason="pilot")
