"""Reads an environment's hosts, or where they are listed: a host's keys go over the environment's and the defaults'."""

from __future__ import annotations

import re
from pathlib import PurePath
from typing import Any

from msgspec import Struct

from rolloutctl.rules import written
from rolloutctl.rules.config import Host, HostSource
from rolloutctl.rules.config_fields import Reader
from rolloutctl.rules.config_tree import Node
from rolloutctl.rules.durations import parse_duration
from rolloutctl.rules.raw_config import HostKeys, MachineKeys, SourceKeys
from rolloutctl.rules.raw_types import NAME

_MACHINE = frozenset(MachineKeys.__struct_fields__)
_EMBEDDED_URL = "http://demo.localhost"  # the embedded host asks itself, under any name
_ALONE = {"embedded": "demo", "local": "localhost"}  # the one host of an environment that lists none


class Layers(Struct, frozen=True, kw_only=True):
    """What the defaults and the environment say about hosts; `folder` is where the file stands."""

    defaults: dict[str, Any]
    environment: dict[str, Any]
    folder: PurePath

    def host(self, own: dict[str, Any]) -> Host:
        """One host. The embedded host is none of the defaults' servers, so it takes nothing from them."""
        keys = HostKeys(**(self._machine(self.defaults) | self._machine(self.environment) | own))
        if keys.connection == "embedded":
            keys = HostKeys(**({"connection": "embedded"} | self._machine(self.environment) | own))
        values = {name: getattr(keys, name) for name in _MACHINE}
        values |= {
            "key": self.path(keys.key),
            "known_hosts": tuple(pin.rstrip("=") for pin in keys.known_hosts),
            "app": keys.app or "",
        }
        return Host(name=keys.name or keys.address or "", address=keys.address or keys.name or "", **values)

    def _machine(self, layer: dict[str, Any]) -> dict[str, Any]:
        return {name: value for name, value in layer.items() if name in _MACHINE}

    def path(self, path: str | None) -> str | None:
        """A path as environments.yaml means it: absolute, below ~, or relative to that file."""
        return path if path is None or path.startswith("~") else str(self.folder / path)


def read_hosts(reader: Reader, name: str, node: Node, layers: Layers) -> tuple[Host, ...]:
    """The hosts of an environment, each known by one name, in the order of the file; none where a source lists them."""
    place = f"environments.{name}"
    written_hosts = node.get("hosts")
    if written_hosts is not None and written_hosts.entries is not None:
        return ()
    found = _each(reader, reader.items(node, "hosts", place), layers)
    if written_hosts is None or written_hosts.empty or written_hosts.items == ():
        found = _alone(reader, node, place, layers)
    return _checked(reader, found, place, node.line)


def read_listed(reader: Reader, place: str, listed: Node, layers: Layers) -> tuple[Host, ...]:
    """The hosts of a list that stands elsewhere; they are held to what holds for those in environments.yaml."""
    if not listed.items:
        reader.fault(listed.line, f"{place} lists no host")
    items = [(f"{place}[{number}]", item) for number, item in enumerate(listed.items or ())]
    return _checked(reader, _each(reader, items, layers), place, listed.line)


def read_source(reader: Reader, name: str, node: Node, layers: Layers) -> HostSource | None:
    """Where an environment's hosts are listed, when `hosts` is a mapping; None when it is the list itself."""
    place, written_hosts = f"environments.{name}.hosts", node.get("hosts")
    if written_hosts is None or written_hosts.entries is None:
        return None
    keys = reader.values(written_hosts, SourceKeys, place) or {}
    given = [key for key in ("run", "inventory") if keys.get(key)]
    if len(given) != 1 and not {f"{place}.run", f"{place}.inventory"} & reader.ill:
        reader.fault(written_hosts.line, f"{place} needs run or inventory, and only one of them")
    source = SourceKeys(**keys)
    return HostSource(
        run=source.run,
        inventory=layers.path(source.inventory),
        group=source.group,
        timeout=parse_duration(source.timeout),
        layers=layers,
    )


def embedded_url(hosts: tuple[Host, ...]) -> str | None:
    """The `url` of an environment that names none, where there are only embedded hosts."""
    return _EMBEDDED_URL if hosts and all(host.connection == "embedded" for host in hosts) else None


def _each(reader: Reader, items: list[tuple[str, Node]], layers: Layers) -> list[tuple[int, Host]]:
    found: list[tuple[int, Host]] = []
    for at, item in items:
        own = _written_short(reader, item, at) if item.entries is None else _mapping(reader, item, at)
        if own is not None:
            found.append((item.line, layers.host(own)))
    return found


def _checked(reader: Reader, found: list[tuple[int, Host]], place: str, line: int) -> tuple[Host, ...]:
    _duplicates(reader, found, place)
    homeless = [host.name for _, host in found if not host.app and host.connection != "embedded"]
    if homeless and not any(told.endswith(".app") for told in reader.ill):
        reader.fault(line, f"{place} needs app, the folder of the application, for the host {homeless[0]}")
    return tuple(host for _, host in found)


def _alone(reader: Reader, node: Node, place: str, layers: Layers) -> list[tuple[int, Host]]:
    name = _ALONE.get(layers.host({"name": "x"}).connection)
    if name is None and f"{place}.hosts" in reader.ill:
        return []
    if name is None:
        reader.fault(node.line, f'{place} has no hosts; write hosts: ["user@name:port"]')
        return []
    return [(node.line, layers.host({"name": name}))]


def _mapping(reader: Reader, node: Node, place: str) -> dict[str, Any] | None:
    own = reader.values(node, HostKeys, place)
    if own is not None and not (own.get("name") or own.get("address")):
        if not {"name", "address"} & set(node.entries or ()):
            reader.fault(node.line, f"{place} needs a name or an address")
        return None
    if own and own.get("address") is None and written.address(own["name"]) is not None:
        reader.fault(node.line, f"{place} needs an address, for its name can't be one: {own['name']}")
    return own


def _written_short(reader: Reader, node: Node, place: str) -> dict[str, Any] | None:
    wants = 'must be a mapping or "user@name:port", an IPv6 address in brackets'
    if not isinstance(node.scalar, str):
        reader.fault(node.line, f"{place} {wants}: {node}")
        return None
    try:
        user, address, port = written.split_host(node.scalar)
    except ValueError:
        reader.fault(node.line, f"{place} {wants}: {node}")
        return None
    own = {"user": user, "address": address, "port": port}
    if ":" not in address and not re.search(NAME, address):
        reader.fault(node.line, f"{place} must begin with a letter or a digit: {node}")
    return {key: value for key, value in own.items() if value is not None}


def _duplicates(reader: Reader, found: list[tuple[int, Host]], place: str) -> None:
    names: dict[str, int] = {}
    ways: dict[tuple[object, ...], str] = {}
    for line, host in found:
        way = (host.connection, host.address.lower(), host.port or 22, host.shell, host.app)
        if host.name.lower() in names:
            reader.fault(line, f"{place} has two hosts of one name; give each its own name: {host.name}")
        elif way in ways and host.connection != "embedded":
            reader.fault(line, f"{place} lists one host twice, as {ways[way]} and as {host.name}: {host.address}")
        names.setdefault(host.name.lower(), line)
        ways.setdefault(way, host.name)
