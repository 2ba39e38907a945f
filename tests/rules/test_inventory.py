"""Ansible inventories: which hosts a group has, in which order, how they are reached, and what is not read."""

from __future__ import annotations

import json
from typing import Any

import pytest

from rolloutctl.outside.yaml_tree import read_tree
from rolloutctl.rules.inventory import Inventory, Unusable
from rolloutctl.rules.inventory_files import from_ini, from_listing, from_yaml
from rolloutctl.rules.listed_hosts import node_of

INI = """\
# ours
alone.example.com

[web]   ; those in front
web[01:03].example.com ansible_user=deploy http_port=80
"odd one"
[db]
db-a:2200 ansible_host=10.0.0.5 note='a b'   # old
db-[b:d:2]

[prod:children]
db
web
[prod:vars]
ansible_user = prod
ansible_ssh_private_key_file=~/.ssh/prod
[all:vars]
ansible_user=everybody
ansible_port=22
[web:vars]
ansible_port="2222"
"""

YAML = """\
all:
  hosts:
    alone:
  vars: {ansible_user: everybody, secret: !vault abc}
  children:
    web:
      hosts:
        web[1:2]: {ansible_host: 10.0.0.1, ansible_port: 2222}
      vars: {ansible_user: deploy}
    db: {hosts: {db-1: {ansible_connection: local}}}
    none:
other:
  children: {web: }
"""

LISTING = {
    "_meta": {"hostvars": {"web-2": {"ansible_host": "10.0.0.2"}, "stranger": {"x": 1}}},
    "all": {"children": ["ungrouped", "web", "legacy"]},
    "web": {"hosts": ["web-2", "web-1"], "vars": {"ansible_ssh_port": "2222"}},
    "legacy": ["old-1"],
}


def listed(inventory: Inventory, group: str = "all") -> list[dict[str, Any]]:
    found = inventory.listed(group).plain()
    assert isinstance(found, list)
    return found


def names(inventory: Inventory, group: str = "all") -> list[str]:
    return [str(host["name"]) for host in listed(inventory, group)]


def fault_of(text: str, group: str = "all") -> tuple[int, str]:
    with pytest.raises(Unusable) as caught:
        from_ini(text).listed(group)
    return caught.value.fault.line, caught.value.fault.text


def test_the_hosts_of_a_group_stand_in_the_order_of_the_file() -> None:
    inventory = from_ini(INI)
    web = ["web01.example.com", "web02.example.com", "web03.example.com", "odd one"]
    db = ["db-a", "db-b", "db-d"]
    assert names(inventory, "web") == web
    assert names(inventory, "prod") == db + web
    assert names(inventory) == ["alone.example.com", *web, *db]


def test_a_host_goes_before_its_group_that_before_the_groups_above_and_all_comes_last() -> None:
    by_name = {host["name"]: host for host in listed(from_ini(INI))}
    assert by_name["alone.example.com"] == {"name": "alone.example.com", "user": "everybody", "port": 22}
    assert by_name["web01.example.com"] == {
        "name": "web01.example.com",
        "user": "deploy",
        "port": 2222,
        "key": "~/.ssh/prod",
    }
    assert by_name["db-a"] == {
        "name": "db-a",
        "address": "10.0.0.5",
        "port": 2200,
        "user": "prod",
        "key": "~/.ssh/prod",
    }


def test_an_inventory_in_yaml_means_the_same() -> None:
    inventory = from_yaml(read_tree(YAML)[0])
    assert listed(inventory) == [
        {"name": "alone", "user": "everybody"},
        {"name": "web1", "address": "10.0.0.1", "port": 2222, "user": "deploy"},
        {"name": "web2", "address": "10.0.0.1", "port": 2222, "user": "deploy"},
        {"name": "db-1", "user": "everybody", "connection": "local"},
    ]
    assert names(inventory, "other") == ["web1", "web2"]
    assert names(inventory, "none") == []


def test_the_listing_of_a_dynamic_inventory_means_the_same() -> None:
    inventory = from_listing(node_of(json.loads(json.dumps(LISTING))))
    assert listed(inventory) == [
        {"name": "web-2", "address": "10.0.0.2", "port": 2222},
        {"name": "web-1", "port": 2222},
        {"name": "old-1"},
    ]
    assert names(inventory, "ungrouped") == []


@pytest.mark.parametrize("name", ["ssh", "smart", "paramiko"])
def test_every_way_by_ssh_is_ours_to_choose(name: str) -> None:
    assert listed(from_ini(f"w ansible_connection={name}")) == [{"name": "w"}]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("[web]\nw\n", (1, "there is no group db")),
        ("\nw x\n[db]", (2, "behind a host stand its variables, name=value: x")),
        ("w 'x\n[db]", (1, "a quote that is not closed: w 'x")),
        ("[db\n", (1, "no section of an inventory: [db")),
        ("[db:kids]\n", (1, "no section of an inventory: [db:kids]")),
        ("[db:children]\nweb\n", (2, "there is no group web")),
        ("[db:children]\nweb\n[web:children]\ndb\n", (4, "the group db holds itself")),
        ("[db]\nw[1:b]", (2, "no range of hosts that is read here: w[1:b]")),
        ("[db]\nw[3:1]", (2, "no range of hosts that is read here: w[3:1]")),
        ("[db]\nw[1:100000]", (2, "no range of hosts that is read here: w[1:100000]")),
        ("[db]\nw[", (2, "no range of hosts that is read here: w[")),
        ("$ANSIBLE_VAULT;1.1;AES256\n6162", (1, "the file is encrypted, which is not read here")),
        (
            "[db]\nw\n[db:vars]\nansible_host={{ ip }}",
            (4, "w's ansible_host is a template, which is not read here: {{ ip }}"),
        ),
        ("[db]\nw ansible_user='$ANSIBLE_VAULT;1'", (2, "w's ansible_user is encrypted, which is not read here")),
        ("[db]\nw ansible_connection=docker", (2, "w is reached by docker, which rolloutctl does not know")),
    ],
)
def test_what_is_not_read_is_told_with_its_line(text: str, told: tuple[int, str]) -> None:
    assert fault_of(text, "db") == told


def test_what_nobody_needs_may_be_a_template_or_encrypted() -> None:
    text = "[web]\nw password='$ANSIBLE_VAULT;1' note='{{ x }}'\n[db]\nd ansible_host='{{ ip }}'\n"
    assert listed(from_ini(text), "web") == [{"name": "w"}]


def test_a_misspelt_group_is_answered_with_the_likely_one() -> None:
    assert fault_of("[web]\nw", "wbe") == (1, "there is no group wbe; did you mean 'web'?")


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("- a\n", "an inventory must be a mapping of groups: a list"),
        ("all: {hosts: [a]}\n", "all must hold a mapping: a list"),
        ("all: {hosts: {a: b}}\n", "a must hold a mapping: b"),
    ],
)
def test_an_inventory_in_yaml_of_another_shape_is_told(text: str, told: str) -> None:
    with pytest.raises(Unusable, match=told):
        from_yaml(read_tree(text)[0])


@pytest.mark.parametrize("listing", [{"web": 5}, {"web": {"hosts": {"a": 1}}}, {"web": [5]}, {"web": {"vars": []}}])
def test_a_listing_of_another_shape_is_told(listing: dict[str, object]) -> None:
    with pytest.raises(Unusable):
        from_listing(node_of(listing))
