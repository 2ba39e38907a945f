"""What the application's own phpdotenv and config cache proved about a prepared edit, and what follows from it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from msgspec import Struct

from rolloutctl.rules.config import Environment, Flag
from rolloutctl.rules.flags import Audience
from rolloutctl.rules.host import FileFault, audience_in_settings
from rolloutctl.rules.plans import HostPlan
from rolloutctl.rules.records import texts_in

_REMEDY = {
    "invalid": "Mend that line in .env on the host. ",
    "unreadable": "Let the user read .env on the host. ",
    "no phpdotenv": "Run composer install in the application's folder. ",
}


class Objection(Struct, frozen=True):
    """Why a change should not go on; `pending` ones are let through by --with-pending."""

    message: str
    hint: str = ""
    pending: bool = False
    passed: str = ""  # what it means when it is let through
    details: tuple[str, ...] = ()


class Difference(Struct, frozen=True):
    """How the config cache that was built aside differs from the live one, by setting.

    `pending` and `volatile` are known once a control build was made: edits that would be activated too, and values
    that are different at every build. While it is not `controlled`, nobody knows what else that differs is.
    """

    changed: tuple[str, ...]
    got: Mapping[str, Any]
    pending: tuple[str, ...] = ()
    volatile: tuple[str, ...] = ()
    controlled: bool = True


def read_difference(data: Mapping[str, Any]) -> Difference:
    """A difference as the host reports it."""
    got = data.get("got")
    return Difference(
        changed=texts_in(data.get("changed")),
        got=got if isinstance(got, Mapping) else {},
        pending=texts_in(data.get("pending")),
        volatile=texts_in(data.get("volatile")),
        controlled="pending" in data,
    )


def read_fault(data: object) -> FileFault | None:
    """A fault as the host reports it."""
    if not data:
        return None
    fields = data if isinstance(data, Mapping) else {}
    key, line = fields.get("key"), fields.get("line")
    return FileFault(
        str(fields.get("what", "invalid")),
        key if isinstance(key, str) else None,
        line if isinstance(line, int) else None,
    )


def judge_file(plan: HostPlan, flag: Flag, check: Mapping[str, Any]) -> tuple[Objection, ...]:
    """Whether the new `.env` means to phpdotenv what was asked for, and nothing else."""
    fault = read_fault(check.get("old_error")) or read_fault(check.get("new_error"))
    if fault is not None:
        return (Objection(f"{fault}.", f"{_REMEDY.get(fault.what, '')}Nothing can be switched on before."),)
    got = check.get("got")
    if not isinstance(check.get("changed"), list) or not isinstance(got, Mapping):
        return (Objection("What the host's php says of .env makes no sense.", "Look at its version: php -v"),)
    objections = []
    others = sorted(set(texts_in(check["changed"])) - set(flag.keys))
    if others:
        names = ", ".join(others)
        objections.append(
            Objection(f"The edit would change {names} too.", f"{names} refers to the flag's key; write its value out.")
        )
    for edit in plan.edits:
        if _comparable(edit.after) and got.get(edit.key) != edit.after:
            objections.append(
                Objection(f"phpdotenv would not read {edit.key} as it is written.", f"Look at {edit.key} in .env.")
            )
    return tuple(objections)


def unexplained(flag: Flag, environment: Environment, difference: Difference) -> tuple[str, ...]:
    """The settings that differ and are neither the flag's own nor declared volatile: a control build tells more."""
    return tuple(
        name
        for name in difference.changed
        if not below(name, (flag.config, flag.companies_config)) and not below(name, environment.volatile)
    )


def judge_cache(
    flag: Flag, environment: Environment, target: Audience, difference: Difference
) -> tuple[tuple[Objection, ...], tuple[str, ...]]:
    """What speaks against the new config cache, and what a person should know about it."""
    objections: list[Objection] = []
    notes: list[str] = []
    if flag.config is not None:
        objections.extend(_judge_value(flag, target, difference.got))
    left = unexplained(flag, environment, difference)
    if left and not difference.controlled:
        objections.append(
            Objection(
                f"More than the flag would change: {', '.join(left)}; why, a control build did not tell.",
                "If it is meant: --with-pending.",
                pending=True,
            )
        )
        return tuple(objections), tuple(notes)
    pending = [name for name in left if name in difference.pending]
    volatile = [name for name in left if name in difference.volatile]
    if pending:
        objections.append(
            Objection(
                "An edit waits that nobody has made live yet, and this change would: " + ", ".join(pending) + ".",
                "If it is meant: --with-pending. Otherwise undo it in .env or the config file first.",
                pending=True,
                passed=f"An edit that waited goes live with it: {', '.join(pending)}.",
            )
        )
    if volatile:
        notes.append(f"{', '.join(volatile)}: different at each build; silence with volatile: in environments.yaml.")
    also = [name for name in left if name not in pending and name not in volatile]
    if also:
        notes.append(f"The flag also sets {', '.join(also)}.")
    return tuple(objections), tuple(notes)


def _judge_value(flag: Flag, target: Audience, got: Mapping[str, Any]) -> Iterable[Objection]:
    if flag.config is None or flag.config not in got:
        yield Objection(
            f"The config cache has no setting {flag.config}.",
            f"Set config: of {flag.name} in environments.yaml to the setting that the application asks, or to null.",
        )
        return
    seen = audience_in_settings(flag, got, target)
    if seen is None or seen.enabled != target.enabled:
        yield Objection(
            f"The new config cache would still hold {flag.config} = {_shown(got[flag.config])}.",
            f"Something overrides {flag.key}: does the config file read it with env('{flag.key}')?",
        )
    elif target.enabled and seen.companies != target.companies:
        yield Objection(
            f"The new config cache would hold {flag.companies_config} for {seen}, not for {target}.",
            f"Something overrides {flag.companies_key}: does the config file read it with env()?",
        )


def _shown(value: object) -> str:
    if value is None:
        return "null"
    if isinstance(value, Mapping | list):  # may hold more than the flag: a path that points too high
        return "an array"
    return str(value).lower() if isinstance(value, bool) else repr(value)


def _comparable(value: str | None) -> bool:
    """Whether we know what phpdotenv makes of a value: not of a reference, nor of bytes that are not UTF-8."""
    return value is None or ("${" not in value and "\ufffd" not in value)


def below(name: str, paths: Iterable[str | None]) -> bool:
    """Whether a setting is one of these, or in one of them."""
    return any(path is not None and (name == path or name.startswith(path + ".")) for path in paths)
