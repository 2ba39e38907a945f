"""Reads the channels, facts and hooks of environments.yaml."""

from __future__ import annotations

import re
from pathlib import PurePath
from typing import Any

from msgspec import UNSET

from rolloutctl.rules.channels import AUTOMATIC, TERMINAL, Announcing, Channel, Kind, Mail, Slack, Way, Webhook
from rolloutctl.rules.config import closest
from rolloutctl.rules.config_fields import Reader
from rolloutctl.rules.config_tree import Node
from rolloutctl.rules.durations import parse_duration
from rolloutctl.rules.hooks import MOMENTS, Hook, Moment
from rolloutctl.rules.raw_announce import AnnounceKeys, AutomaticKeys, ChannelKeys, HookKeys, HooksKeys
from rolloutctl.rules.raw_types import NAME, NAME_WANTS
from rolloutctl.rules.written import split_host

_KEYS = {
    "slack": ("slack",),
    "webhook": ("webhook", "headers"),
    "smtp": ("smtp", "tls", "user", "password", "from", "to"),
}
_HERE = ("localhost", "127.0.0.1", "::1")


def read_announcing(reader: Reader, root: Node, path: PurePath) -> Announcing:
    """What is announced, and where it goes; nothing where the file says nothing."""
    node = root.get("announce")
    if node is None or node.empty:
        return Announcing()
    values = reader.values(node, AnnounceKeys, "announce") or {}
    channels = {}
    for name, each in reader.entries(node, "channels", "announce."):
        line = (node.get("channels") or node).line_of(name)
        if not re.search(NAME, name) or name == TERMINAL or name.endswith(".md"):
            reader.fault(line, f"a name in announce.channels must be {NAME_WANTS}, and no file nor {TERMINAL}: {name}")
        channel = _read_channel(reader, name, each)
        if channel is not None:
            channels[name] = channel
    return Announcing(
        facts=values.get("facts", {}),
        templates=_beside(path, values["templates"]) if values.get("templates") else None,
        channels=channels,
        automatic=_read_automatic(reader, node),
    )


def read_hooks(reader: Reader, root: Node, path: PurePath) -> dict[Moment, tuple[Hook, ...]]:
    """What is done at each moment of a change."""
    node = root.get("hooks")
    if node is None or node.empty:
        return {}
    reader.values(node, HooksKeys, "hooks")
    found = {}
    for moment in MOMENTS:
        hooks = [_read_hook(reader, item, at, path) for at, item in reader.items(node, moment, "hooks")]
        if hooks:
            found[moment] = tuple(hook for hook in hooks if hook is not None)
    return found


def _read_channel(reader: Reader, name: str, node: Node) -> Channel | None:
    place, unmet = f"announce.channels.{name}", len(reader.unmet)
    keys = reader.struct(node, ChannelKeys, place)
    if keys is None:
        return None
    kinds = [kind for kind in _KEYS if kind in (node.entries or {})]
    if len(kinds) != 1:
        reader.fault(node.line, f"{place} needs one of slack, webhook and smtp" + (", and no two" if kinds else ""))
        return None
    for key in node.entries or ():
        if key not in _KEYS[kinds[0]] and any(key in keys_ for keys_ in _KEYS.values()):
            reader.fault(node.line_of(key), f"{place} of {kinds[0]} has no {key}; it has {', '.join(_KEYS[kinds[0]])}")
    if kinds == ["smtp"]:
        _check_mail(reader, node, place, keys)
    lacks = "; ".join(fault.text for _, fault in reader.unmet[unmet:])
    return Channel(name=name, way=None if lacks else _way(kinds[0], keys), lacks=lacks)


def _way(kind: str, keys: ChannelKeys) -> Way | None:
    if kind == "slack":
        return Slack(url=keys.slack) if keys.slack else None
    if kind == "webhook":
        return Webhook(url=keys.webhook, headers=keys.headers) if keys.webhook else None
    if not keys.smtp or keys.sender is UNSET or keys.to is UNSET:
        return None
    _, host, port = split_host(keys.smtp)
    return Mail(
        host=host,
        port=port or 0,
        sender=keys.sender,
        to=tuple(keys.to),
        tls=keys.tls,
        user=keys.user,
        password=keys.password,
    )


def _check_mail(reader: Reader, node: Node, place: str, keys: ChannelKeys) -> None:
    for key in ("from", "to"):
        if (node.entries or {}).get(key) is None and f"{place}.{key}" not in reader.ill:
            reader.fault(node.line, f"{place} of smtp needs the key {key}")
    if bool(keys.user) != bool(keys.password) and not {f"{place}.user", f"{place}.password"} & reader.ill:
        reader.fault(node.line, f"{place} needs user and password, or neither")
    here = bool(keys.smtp) and split_host(keys.smtp or "")[1] in _HERE
    if keys.tls == "none" and keys.password and not here and f"{place}.smtp" not in reader.ill:
        line, text = node.line_of("tls"), "would send the password for everyone to read: tls: none"
        if "${" in (node.get("smtp") or node).text:  # where it goes is in a secret
            reader.lacking(line, place, text)
        else:
            reader.fault(line, f"{place} {text}")


def _read_automatic(reader: Reader, node: Node) -> dict[Kind, tuple[str, ...]]:
    """Every channel that is named has to be there."""
    written = node.get("automatic")
    if written is None or written.empty:
        return {}
    values = reader.values(written, AutomaticKeys, "announce.automatic") or {}
    declared = [name for name, _ in reader.entries(node, "channels", "announce.")]  # also those that are ill written
    found: dict[Kind, tuple[str, ...]] = {}
    for kind in AUTOMATIC:
        names = values.get(kind, ())
        for position, name in enumerate(names):
            if name not in declared:
                line = written.line_in(kind, position)
                meant = closest(name, declared)
                reader.fault(line, f"announce.automatic.{kind} names no channel: {name}", meant=meant)
        if names:
            found[kind] = tuple(dict.fromkeys(names))
    return found


def _read_hook(reader: Reader, node: Node, place: str, path: PurePath) -> Hook | None:
    unmet = len(reader.unmet)
    keys = reader.struct(node, HookKeys, place)
    if keys is None:
        return None
    given = [key for key in ("run", "webhook") if key in (node.entries or {})]
    if len(given) != 1:
        reader.fault(node.line, f"{place} needs either run or webhook")
    if given == ["run"] and "headers" in (node.entries or {}):
        reader.fault(node.line_of("headers"), f"{place} with run has no headers")
    more: dict[str, Any] = {"lacks": "; ".join(fault.text for _, fault in reader.unmet[unmet:])}
    return Hook(
        run=keys.run,
        webhook=keys.webhook,
        headers=keys.headers,
        timeout=parse_duration(keys.timeout),
        folder=str(path.parent),
        **more,
    )


def _beside(path: PurePath, written: str) -> str:
    """A path as environments.yaml means it: absolute, below ~, or relative to the file."""
    return written if written.startswith(("/", "~/")) else str(path.parent / written)
