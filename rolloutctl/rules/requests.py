"""The requests that prove a change: health first, then what each probe expects of an audience."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import urlsplit

from rolloutctl.rules.config import Environment, Flag, Host, Probe
from rolloutctl.rules.flags import Audience

PROBES_WITHIN = 10.0  # seconds; how long a probe may keep answering the old way after the restart
TIMEOUT = 10.0  # seconds for one request
HEALTH = "health"


def requests_for(
    environment: Environment,
    host: Host,
    flags: Iterable[tuple[Flag, Audience | None]],
    server: str,
    *,
    patient: bool = True,
) -> tuple[dict[str, Any], ...]:
    """What a host is to ask of itself, in order; empty without a `url`.

    Args:
        environment: whose health check it is.
        host: who asks.
        flags: each flag, and who should see it; None asks only what is always so.
        server: the host's own address as the SSH connection knows it; empty when it doesn't.
        patient: wait for the expected answer; otherwise ask once.
    """
    if environment.url is None:
        return ()
    within = environment.health.within if environment.health and patient else 0.0
    where = target(environment.url, host, server)
    asked: list[dict[str, Any]] = []
    if environment.health:
        health = environment.health
        asked.append(
            {
                **where,
                "id": HEALTH,
                "path": health.path,
                "headers": dict(health.headers),
                "expect": list(health.expect),
                "json": dict(health.json),
                "within": within,
            }
        )
    for flag, audience in flags:
        for number, probe in enumerate(flag.probes):
            expected = _expected(probe, audience)
            if expected:
                asked.append(
                    {
                        **where,
                        "id": f"{flag.name} {number}",
                        "path": probe.path,
                        "headers": filled(probe, audience),
                        "expect": list(expected),
                        "json": {},
                        "within": within + PROBES_WITHIN if patient else 0.0,
                    }
                )
    return tuple(asked)


def limit_for(requests: Iterable[Mapping[str, Any]]) -> int:
    """The seconds after which asking has hung."""
    asked = list(requests)
    return int(max((request["within"] for request in asked), default=0.0) + TIMEOUT * (len(asked) + 1)) + 5


def filled(probe: Probe, audience: Audience | None) -> dict[str, str]:
    """A probe's headers with a listed company and one that is not."""
    listed = audience.companies if audience else ()
    company = (*filter(None, listed), *listed, 1)[0]  # NO_COMPANY only where there is no other
    other = next(number for number in range(1, len(listed) + 3) if number not in listed and number != company)
    return {
        name: value.replace("{company}", str(company)).replace("{other}", str(other))
        for name, value in probe.headers.items()
    }


def describe(identity: str, flags: Mapping[str, Flag], environment: Environment) -> str:
    """A request in words, from the id that the host sends back."""
    if identity == HEALTH:
        return environment.health.path if environment.health else "/"
    flag = flags.get(identity.rpartition(" ")[0])
    probe = probe_of(identity, flag) if flag else None
    return probe.label if probe else "a request that nobody made"


def is_about_flag(identity: str, flag: Flag) -> bool:
    """Whether a request tells who sees the feature: no health check, and no probe that always answers the same."""
    probe = probe_of(identity, flag)
    return probe is not None and not probe.always


def probe_of(identity: str, flag: Flag) -> Probe | None:
    """A flag's probe by the id of its request; None for an id that was never sent."""
    return next((probe for number, probe in enumerate(flag.probes) if identity == f"{flag.name} {number}"), None)


def target(url: str, host: Host, server: str) -> dict[str, Any]:
    """Where a host finds itself: the part that all its requests share."""
    split = urlsplit(url)
    scheme = split.scheme
    port = split.port or (443 if scheme == "https" else 80)
    if host.local_address:
        local = urlsplit(host.local_address if "://" in host.local_address else f"{scheme}://{host.local_address}")
        scheme = local.scheme
        port = local.port or (443 if scheme == "https" else 80)
        addresses = [_joined(local.hostname or "127.0.0.1", port)]
    else:
        addresses = [_joined("127.0.0.1", port)] + ([_joined(server, port)] if server else [])
    return {"scheme": scheme, "host": split.netloc.rpartition("@")[2], "addresses": addresses, "timeout": TIMEOUT}


def _expected(probe: Probe, audience: Audience | None) -> tuple[int, ...]:
    if audience is None:
        return probe.on if probe.always else ()
    return probe.expected(audience)


def _joined(address: str, port: int) -> str:
    return f"[{address}]:{port}" if ":" in address else f"{address}:{port}"
