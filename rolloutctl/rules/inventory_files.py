"""Reads an Ansible inventory as it is written: INI, YAML, and the JSON that `ansible-inventory --list` prints."""

from __future__ import annotations

import re
import shlex

from rolloutctl.rules.config_tree import Node, shown
from rolloutctl.rules.inventory import Inventory, Unusable, variable

_SECTION = re.compile(r"\[([^:\]\s]+)(?::(\w+))?\]\s*(?:[#;].*)?")
_WITH_PORT = re.compile(r"([^\[\]:]*(?:\[[^\]]*\][^\[\]:]*)*):([0-9]+)")
_VAULT = "$ANSIBLE_VAULT"


def from_ini(text: str) -> Inventory:
    """An INI file: hosts with their variables below [group], [group:children] and [group:vars].

    Raises:
        Unusable: a line is none of those.
    """
    inventory = Inventory()
    group, kind = "ungrouped", None
    for number, line in enumerate(text.splitlines(), 1):
        bare = line.strip()
        if bare.startswith(_VAULT):
            raise Unusable(number, "the file is encrypted, which is not read here")
        if not bare or bare[0] in "#;":
            continue
        if bare.startswith("["):
            group, kind = _section(bare, number)
            inventory.group(group)
        elif kind == "vars":
            name, _, value = bare.partition("=")
            inventory.group(group).vars[name.strip()] = variable(value.strip(), number)
        elif kind == "children":
            inventory.group(group).children.setdefault(bare.partition("#")[0].strip(), number)
        else:
            _ini_host(inventory, group, bare, number)
    return inventory


def from_yaml(root: Node) -> Inventory:
    """A YAML file: groups at the top, each with hosts, children and vars.

    Raises:
        Unusable: it is written otherwise.
    """
    inventory = Inventory()
    if root.entries is None:
        raise Unusable(root.line, f"an inventory must be a mapping of groups: {root}")
    for name, node in root.entries.items():
        _yaml_group(inventory, name, node)
    return inventory


def from_listing(root: Node) -> Inventory:
    """What `ansible-inventory --list` and dynamic inventories print.

    Raises:
        Unusable: it is written otherwise.
    """
    inventory = Inventory()
    for name, node in (root.entries or {}).items():
        if name == "_meta":
            continue
        said = {"hosts": node} if node.items is not None else _entries(node, name)
        for host in _texts(said.get("hosts"), name):
            inventory.add(host, name, node.line, {})
        inventory.group(name).children |= dict.fromkeys(_texts(said.get("children"), name), node.line)
        inventory.group(name).vars |= _entries(said.get("vars"), name)
    for group in [child for each in inventory.groups.values() for child in each.children]:
        inventory.group(group)  # one without hosts is only named as a child
    meta = root.get("_meta")
    for host, variables in _entries(meta.get("hostvars") if meta else None, "_meta").items():
        if host in inventory.hosts:
            inventory.hosts[host].update(_entries(variables, host))
    return inventory


def _section(line: str, number: int) -> tuple[str, str | None]:
    found = _SECTION.fullmatch(line)
    if found is None or found[2] not in (None, "vars", "children", "hosts"):
        raise Unusable(number, f"no section of an inventory: {shown(line)}")
    return found[1], found[2]


def _ini_host(inventory: Inventory, group: str, line: str, number: int) -> None:
    try:
        pattern, *rest = shlex.split(line, comments=True)
    except ValueError:
        raise Unusable(number, f"a quote that is not closed: {shown(line)}") from None
    variables = {}
    for word in rest:
        name, given, value = word.partition("=")
        if not given:
            raise Unusable(number, f"behind a host stand its variables, name=value: {shown(word)}")
        variables[name] = variable(value, number)
    with_port = _WITH_PORT.fullmatch(pattern)
    if with_port:
        pattern, variables = with_port[1], {"ansible_port": variable(with_port[2], number)} | variables
    inventory.add(pattern, group, number, variables)


def _yaml_group(inventory: Inventory, name: str, node: Node) -> None:
    group = inventory.group(name)
    if node.empty:
        return
    for host, variables in _entries(node.get("hosts"), name).items():
        line = node.entries["hosts"].line_of(host) if node.entries else node.line
        inventory.add(host, name, line, _entries(variables, host))
    group.vars |= _entries(node.get("vars"), name)
    children = node.get("children")
    for child, below in _entries(children, name).items():
        group.children.setdefault(child, children.line_of(child) if children else node.line)
        _yaml_group(inventory, child, below)


def _entries(node: Node | None, of: str) -> dict[str, Node]:
    if node is None or node.empty:
        return {}
    if node.entries is None:
        raise Unusable(node.line, f"{shown(of)} must hold a mapping: {node}")
    return dict(node.entries)


def _texts(node: Node | None, of: str) -> list[str]:
    if node is None or node.empty:
        return []
    if node.items is None or not all(isinstance(item.scalar, str) for item in node.items):
        raise Unusable(node.line, f"{shown(of)} must hold a list of names: {node}")
    return [str(item.scalar) for item in node.items]
