"""From what a source of hosts said to an environment that has them; a fault there means that there are none."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import PurePath

from msgspec.structs import replace

from rolloutctl.errors import Unlisted
from rolloutctl.rules.config import Environment, HostSource
from rolloutctl.rules.config_fields import Reader
from rolloutctl.rules.config_hosts import embedded_url, read_listed
from rolloutctl.rules.config_tree import Fault, Node, Scalar, unprintable
from rolloutctl.rules.inventory import ALL, Inventory, Unusable
from rolloutctl.rules.inventory_files import from_listing


def in_inventory(environment: Environment, source: HostSource, inventory: Inventory) -> Node:
    """The list of hosts that the source's group of an inventory stands for.

    Raises:
        Unlisted: they can't be used, with the line of the inventory.
    """
    try:
        return inventory.listed(source.group)
    except Unusable as error:
        raise faulty(environment, source, [error.fault]) from None


def in_printed(environment: Environment, source: HostSource, printed: object) -> Node:
    """The list of hosts in a JSON document: one as in environments.yaml, or Ansible's listing.

    Raises:
        Unlisted: it is neither, or there is no such group.
    """
    root = node_of(printed)
    if root.entries is None:
        told = "it printed neither a list of hosts nor Ansible's listing" if root.items is None else ""
        if told or source.group != ALL:
            raise unlisted(environment, source, told or f"it printed a list, in which there is no group {source.group}")
        return root
    try:
        return in_inventory(environment, source, from_listing(root))
    except Unusable as error:
        raise faulty(environment, source, [error.fault]) from None


def with_listed(environment: Environment, source: HostSource, listed: Node) -> Environment:
    """The environment with the hosts of a list, which are held to what holds for those in environments.yaml.

    Raises:
        Unlisted: one of them can't be used.
    """
    reader = Reader(secrets={}, faults=[*unprintable(listed)])
    place = f"environments.{environment.name}.hosts.{'run' if source.run else 'inventory'}"
    hosts = read_listed(reader, place, listed, source.layers)
    for where, fault in reader.unmet:
        reader.fault(
            fault.line, f"{where} names a secret, and is not in environments.yaml: ${{...}} is read only there"
        )
    if reader.faults:
        raise faulty(environment, source, reader.faults)
    return replace(environment, hosts=hosts, url=environment.url or embedded_url(hosts))


def faulty(environment: Environment, source: HostSource, faults: Iterable[Fault]) -> Unlisted:
    """The error that tells all faults; only a file has lines."""
    name = PurePath(source.inventory).name if source.inventory else ""
    first, *more = (fault.at(name) if name else f"{source}: {fault.text}" for fault in sorted(set(faults)))
    return _unlisted(environment, source, first, *more)


def unlisted(environment: Environment, source: HostSource, why: str) -> Unlisted:
    """The error that says that the source itself failed."""
    return _unlisted(environment, source, f"{source}: {why}")


def _unlisted(environment: Environment, source: HostSource, why: str, *more: str) -> Unlisted:
    by_hand = f"Run it by hand in {source.layers.folder}."
    by_ansible = (
        f"See {source}. What only Ansible can read: "
        f"hosts: {{run: ansible-inventory -i {source} --list, group: {source.group}}}"
    )
    return Unlisted(
        f"The hosts could not be listed: {why}" + ("" if why.endswith("?") else "."),
        subject=environment.name,
        state="Nothing was changed on any host.",
        hint=f"{by_hand if source.run else by_ansible}\nIn a hurry, list them in environments.yaml itself.",
        details=more,
    )


def node_of(value: object) -> Node:
    """A JSON value as a node without lines."""
    if isinstance(value, dict):
        return Node(line=0, entries={str(key): node_of(each) for key, each in value.items()})
    if isinstance(value, list):
        return Node(line=0, items=tuple(map(node_of, value)))
    scalar: Scalar = value if isinstance(value, str | int | float) else None
    return Node(line=0, scalar=scalar, text=scalar if isinstance(scalar, str) else json.dumps(scalar))
