"""A flip for which php-fpm is not restarted: it forgets the one cached file, and no visitor notices."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from bench.watch import watching
from tests.lab.lab import Lab, LabHost
from tests.stories.conftest import Edit, Hire
from tests.stories.traces import contents, events_of

pytestmark = pytest.mark.lab


def forgetting(socket: str | Path, **more: object) -> Edit:
    """An edit of environments.yaml: in the restart's place stands the step that has php-fpm forget."""

    def edit(document: dict[str, Any]) -> None:
        steps = document["environments"]["lab"]["steps"]
        kept = [step for step in steps if step.get("builtin") == "config-cache"]
        assert len(kept) == 1
        forget = {"name": "forget the config", "builtin": "opcache-forget", "socket": str(socket), **more}
        document["environments"]["lab"]["steps"] = [*kept, forget]

    return edit


def socket_of(host: LabHost) -> Path:
    """Where its php-fpm listens."""
    return host.folder / "fpm.sock"


def test_a_flip_takes_effect_and_no_request_is_lost(fresh: Lab, hire: Hire) -> None:
    host, before = fresh.hosts[0], contents(fresh)
    operator = hire(fresh, hosts=[host], edit=forgetting(socket_of(host)))
    pid = host.snapshot().fpm_pid
    assert host.portal() == 404  # php-fpm keeps the old cache, and does not look whether there is a newer one

    with watching("load", 0.02, [host.nginx.port]) as visitors:
        on = operator.toggle("customer_portal", True)
        assert (on.exit_status, host.portal()) == (0, 200), on.said
        off = operator.toggle("customer_portal", False)
        assert (off.exit_status, host.portal()) == (0, 404), off.said

    assert {answer.status for answer in visitors.answers} == {200, 404}  # 0 would be one that got no answer
    assert (host.snapshot().fpm_pid, host.restarts()) == (pid, 0)
    assert contents(fresh) == before
    assert list(host.cache_path.parent.glob("rolloutctl-*")) == []
    assert events_of(host) == ["started", "kept"] * 2


@pytest.mark.parametrize("socket", ["/run/php/nobody-listens.sock", "127.0.0.1:1"])
def test_a_socket_where_nobody_listens_is_refused_before_anything_is_touched(
    fresh: Lab, hire: Hire, socket: str
) -> None:
    host, before = fresh.hosts[0], contents(fresh)
    operator = hire(fresh, hosts=[host], edit=forgetting(socket))

    on = operator.toggle("customer_portal", True)

    assert (on.exit_status, host.portal(), contents(fresh)) == (3, 404, before), on.said
    assert "forget the config" in on.said


def test_where_php_fpm_never_answers_a_person_is_needed_and_the_right_socket_settles_it(fresh: Lab, hire: Hire) -> None:
    host, before = fresh.hosts[0], contents(fresh)
    on = hire(fresh, hosts=[host], edit=forgetting("127.0.0.1:1", check="true")).toggle("customer_portal", True)

    assert (on.exit_status, host.portal(), contents(fresh)) == (5, 404, before), on.said
    assert "php-fpm is not reached at" in on.said
    off = hire(fresh, hosts=[host], edit=forgetting(socket_of(host))).toggle("customer_portal", False)
    assert (off.exit_status, host.portal(), contents(fresh)) == (0, 404, before), off.said


def test_an_application_that_no_longer_starts_is_switched_off_all_the_same(fresh: Lab, hire: Hire) -> None:
    host = fresh.hosts[0]
    operator = hire(fresh, hosts=[host], edit=forgetting(socket_of(host)))
    assert operator.toggle("customer_portal", True).exit_status == 0
    start = host.app / "bootstrap" / "app.php"
    text = start.read_bytes()
    start.write_bytes(text + b"\nthis is no php;\n")
    try:
        off = operator.toggle("customer_portal", False)
    finally:
        start.write_bytes(text)

    assert (host.portal(), off.exit_status) == (404, 0), off.said
