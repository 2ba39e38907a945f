"""An Ansible inventory: its groups, their hosts and variables, and what they say about how to reach a host."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from msgspec import Struct, field

from rolloutctl.rules.config import closest
from rolloutctl.rules.config_tree import Fault, Node, shown

ALL = "all"
_KEYS = {  # what it calls our keys; of two names of one key, the later one wins
    "ansible_ssh_host": "address",
    "ansible_host": "address",
    "ansible_ssh_port": "port",
    "ansible_port": "port",
    "ansible_ssh_user": "user",
    "ansible_user": "user",
    "ansible_private_key_file": "key",
    "ansible_ssh_private_key_file": "key",
    "ansible_connection": "connection",
}
_BY_SSH = ("ssh", "smart", "paramiko", "paramiko_ssh")
_RANGE = re.compile(r"\[([0-9]+|[a-zA-Z]):([0-9]+|[a-zA-Z])(?::([0-9]+))?\]")
_MOST = 1_000  # hosts that one range may stand for
Vars = Mapping[str, Node]


class Unusable(Exception):
    """The inventory can't be used; the fault says where and why."""

    def __init__(self, line: int, text: str) -> None:
        super().__init__(text)
        self.fault = Fault(line, text)


class Group(Struct):
    """Hosts that stand together, in their order."""

    hosts: dict[str, None] = field(default_factory=dict)
    children: dict[str, int] = field(default_factory=dict)  # with the line that names each
    vars: dict[str, Node] = field(default_factory=dict)


class Inventory(Struct):
    """What was read so far; `hosts` in the order in which they were first named, each with its variables."""

    groups: dict[str, Group] = field(default_factory=lambda: {ALL: Group()})
    hosts: dict[str, dict[str, Node]] = field(default_factory=dict)
    lines: dict[str, int] = field(default_factory=dict)

    def group(self, name: str) -> Group:
        """The group of that name, new or known."""
        return self.groups.setdefault(name, Group())

    def add(self, pattern: str, group: str, line: int, variables: Vars) -> None:
        """Put the hosts that a pattern such as web[01:03] means into a group.

        Raises:
            Unusable: the pattern can't be read.
        """
        for name in _expanded(pattern, line):
            self.hosts.setdefault(name, {}).update(variables)
            self.lines.setdefault(name, line)
            self.group(group).hosts[name] = None

    def listed(self, group: str) -> Node:
        """The hosts of a group as environments.yaml would list them.

        Raises:
            Unusable: there is no such group, groups hold each other, or a value that is needed can't be read.
        """
        if group not in self.groups:
            meant = closest(group, self.groups)
            raise Unusable(1, f"there is no group {group}" + (f"; did you mean '{meant}'?" if meant else ""))
        depths = {name: self._depth(name, ()) for name in self.groups}
        names = dict.fromkeys(self._members(group))
        if group == ALL:
            names |= dict.fromkeys(self.hosts)
        return Node(line=1, items=tuple(self._host(name, depths) for name in names))

    def _depth(self, group: str, below: tuple[str, ...]) -> int:
        """How many groups stand above this one, at most; `all` above every other."""
        above = [other for other, each in self.groups.items() if group in each.children]
        if group in below:
            raise Unusable(self.groups[above[0]].children[group], f"the group {group} holds itself")
        return 0 if group == ALL else 1 + max((self._depth(other, (*below, group)) for other in above), default=0)

    def _members(self, group: str) -> Iterator[str]:
        yield from self.groups[group].hosts
        for child, line in self.groups[group].children.items():
            if child not in self.groups:
                raise Unusable(line, f"there is no group {child}")
            yield from self._members(child)

    def _holding(self, name: str) -> set[str]:
        """All groups that hold a host, directly or through others."""
        found = {group for group, each in self.groups.items() if name in each.hosts}
        while more := {g for g, each in self.groups.items() if found & each.children.keys()} - found:
            found |= more
        return found | {ALL}

    def _host(self, name: str, depths: Mapping[str, int]) -> Node:
        variables = self._variables(name, depths)
        line = self.lines[name]
        entries = {"name": Node(line=line, scalar=name, text=name)}
        for theirs, ours in _KEYS.items():
            if theirs in variables and (value := _usable(name, theirs, variables[theirs])) is not None:
                entries[ours] = value
        return Node(line=line, entries=entries, key_lines={key: each.line for key, each in entries.items()})

    def _variables(self, name: str, depths: Mapping[str, int]) -> Vars:
        """The variables of a host: its groups' from the outermost to the innermost, then its own."""
        merged: dict[str, Node] = {}
        for group in sorted(self._holding(name), key=lambda each: (depths[each], each)):
            merged |= self.groups[group].vars
        return merged | self.hosts[name]


def variable(text: str, line: int) -> Node:
    """A variable's value as an INI file has it: without its quotes, and digits as a number."""
    bare = text[1:-1] if len(text) > 1 and text[0] == text[-1] and text[0] in "'\"" else text
    return Node(line=line, scalar=int(bare) if re.fullmatch("[0-9]{1,9}", bare) else bare, text=bare)


def _usable(host: str, name: str, value: Node) -> Node | None:
    """What a variable means in our words; None where it says nothing to us."""
    text = value.text
    if "{{" in text or "{%" in text:
        raise Unusable(value.line, f"{host}'s {name} is a template, which is not read here: {shown(text)}")
    if text.startswith("$ANSIBLE_VAULT"):
        raise Unusable(value.line, f"{host}'s {name} is encrypted, which is not read here")
    if name == "ansible_connection":
        if text not in (*_BY_SSH, "local"):
            raise Unusable(value.line, f"{host} is reached by {shown(text)}, which rolloutctl does not know")
        return value if text == "local" else None
    if name.endswith("_port") and isinstance(value.scalar, str):
        return variable(text, value.line)
    return value


def _expanded(pattern: str, line: int) -> list[str]:
    """web[1:3] and web[a:c:2] as the names that they stand for."""
    found = _RANGE.search(pattern)
    if found is None:
        if set("[]") & set(pattern) or not pattern:
            raise Unusable(line, f"no range of hosts that is read here: {shown(pattern)}")
        return [pattern]
    first, last, step = found[1], found[2], int(found[3] or 1)
    if first.isdigit() and last.isdigit():
        places = range(int(first), int(last) + 1, max(step, 1))
        width = len(first) if first.startswith("0") else 0
        middles = [f"{number:0{width}d}" for number in places[:_MOST]]
    else:
        places = range(ord(first[0]), ord(last[0]) + 1, max(step, 1))
        middles = [chr(number) for number in places]
    if not 0 < len(places) <= _MOST or first.isdigit() != last.isdigit():
        raise Unusable(line, f"no range of hosts that is read here: {shown(pattern)}")
    rest = _expanded(pattern[found.end() :], line) if found.end() < len(pattern) else [""]
    return [pattern[: found.start()] + middle + end for middle in middles for end in rest]
