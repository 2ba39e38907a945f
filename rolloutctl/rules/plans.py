"""A change as a value, before it happens: dry run, question, audit and rollback all speak of this."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from msgspec import Struct, field

from rolloutctl.errors import Refused, UsageError
from rolloutctl.rules.config import Environment, Flag
from rolloutctl.rules.env_lines import LINE_END, EnvText
from rolloutctl.rules.env_text import assign, assignment_of, definitions, restore, value_of
from rolloutctl.rules.flags import (
    NO_COMPANY,
    Audience,
    companies_in_words,
    odd_spelling,
    read_companies,
    read_enabled,
    write_companies,
)
from rolloutctl.rules.host import HostState, audience_from

_PLAIN = re.compile(r"[A-Za-z0-9_.,()-]*")  # what can travel as NAME=VALUE in a list that a shell splits


class Edit(Struct, frozen=True):
    """One key of one file: values for people, exact assignments for the way back; None where the key is not there."""

    key: str
    before: str | None
    after: str | None
    before_text: str | None
    after_text: str | None

    def fields(self) -> dict[str, Any]:
        """As a record holds it."""
        return {"key": self.key, "before": self.before_text, "after": self.after_text}


class HostPlan(Struct, frozen=True):
    """What a change does to one host's `.env`."""

    state: HostState
    before: Audience
    effective: Audience | None
    edits: tuple[Edit, ...]
    new_env: EnvText
    notes: tuple[str, ...] = ()
    uncertain: bool = False  # phpdotenv can't read the file, so `before` is a guess

    @property
    def name(self) -> str:
        """The host's name."""
        return self.state.name

    @property
    def values(self) -> dict[str, str | None]:
        """The flag's keys as they will stand."""
        return {edit.key: edit.after for edit in self.edits}

    @property
    def writes(self) -> tuple[Edit, ...]:
        """The edits that change something."""
        return tuple(edit for edit in self.edits if edit.before_text != edit.after_text)

    @property
    def rebuild(self) -> bool:
        """Whether a new value can't be passed to a build: a key goes away, or its value is not plain."""
        return any(not _is_plain(edit.after) for edit in self.writes)

    @property
    def inject(self) -> dict[str, str]:
        """The flag's keys for the build aside; one that can't be passed by something that means the same.

        A key that stays as it is, and can't be passed, the build finds in the file.
        """
        return {e.key: _passable(e.after) for e in self.edits if e in self.writes or _is_plain(e.after)}

    @property
    def unwritten(self) -> bool:
        """Whether a key could not be set in `.env`, so that the next rebuild of the cache would undo a switch-off."""
        return any(edit.after is not None and edit.after_text is None for edit in self.edits)

    @property
    def cached(self) -> bool:
        """Whether a config cache stands, so that the application does not read `.env`."""
        return self.state.live is not None and self.state.live.settings is not None

    def lines(self) -> tuple[tuple[bytes, bytes], ...]:
        """The lines that change: as they will stand, and as they were; empty for a line that comes or goes."""
        old, new = _lines(self.state.content), _lines(self.new_env)
        return tuple((now, was) for now, was in _pairs(new, old) if now != was)


class Plan(Struct, frozen=True):
    """One transaction that gives a flag a new audience in an environment; `undoes` names others.

    With `confirm_within` (seconds) it goes back by itself when nobody has confirmed it by then. A change of a rollout
    has `about`, what its records say of the phase, and `overridden`, the gates that somebody passes by; one that was
    scheduled has `fulfils`, what its records say of that.
    """

    change: str
    environment: Environment
    flag: Flag
    target: Audience
    narrow: bool
    hosts: tuple[HostPlan, ...]
    unreachable: tuple[str, ...] = ()
    reason: str = ""
    undoes: tuple[str, ...] = ()
    confirm_within: int = 0
    about: Mapping[str, Any] = field(default_factory=dict)
    overridden: tuple[str, ...] = ()
    fulfils: Mapping[str, str] = field(default_factory=dict)

    @property
    def before(self) -> Audience:
        """The audience of the first host listed, which speaks for the environment."""
        return self.hosts[0].before

    @property
    def nothing_to_write(self) -> bool:
        """Whether every file and every config cache already says so."""
        return all(
            not (host.writes or host.unwritten or host.uncertain or host.state.unfinished)
            and host.effective in (None, host.before)
            for host in self.hosts
        )

    @property
    def takes_away(self) -> bool:
        """Whether every `.env` only loses companies; that widens all the same where the cache shows it to fewer."""
        return all(
            host.before.limited and self.target.limited and set(self.target.companies) < set(host.before.companies)
            for host in self.hosts
        )

    @property
    def idle(self) -> tuple[HostPlan, ...]:
        """The hosts where an edit of `.env` takes no effect: a config cache stands, and no step builds it anew."""
        return tuple(host for host in self.hosts if host.cached and not self.environment.steps)

    @property
    def without_effect(self) -> tuple[HostPlan, ...]:
        """The idle hosts whose config cache does not say so already, whatever `.env` said."""
        return tuple(h for h in self.idle if h.effective is None or not h.effective.within(self.target))

    def record(self, host: HostPlan, origin: Mapping[str, Any]) -> dict[str, Any]:
        """The fields of all records of this change on one host; `origin` says who, from where, which version."""
        arbiter = self.environment.hosts[0].name
        return {
            "change": self.change,
            "environment": self.environment.name,
            "host": host.name,
            "hosts": [each.name for each in self.environment.hosts],
            "arbiter": arbiter,
            "machine": host.state.place.partition(":")[0],
            "flag": self.flag.name,
            "narrow": self.narrow,
            "from": {"enabled": host.before.enabled, "companies": list(host.before.companies)},
            "to": {"enabled": self.target.enabled, "companies": list(self.target.companies)},
            "edits": [edit.fields() for edit in host.writes],
            "reason": self.reason,
            "undoes": list(self.undoes),
            **({"rollout": dict(self.about)} if self.about else {}),
            **self.fulfils,
            **origin,
        }


class Wish(Struct, frozen=True):
    """What somebody asked for, as the command line has it."""

    enabled: bool
    companies: tuple[int, ...] | None = None  # None: as they are; empty: everyone
    add: tuple[int, ...] = ()
    remove: tuple[int, ...] = ()

    def audience(self, flag: Flag, now: Audience) -> Audience:
        """The audience that is meant, given who sees the feature now.

        Raises:
            UsageError: companies for a flag that knows none.
            Refused: what would turn a list into "everyone", or everyone into a list, unasked, or keep a list that
                nobody can read.
        """
        if (self.companies or self.add or self.remove) and flag.companies_key is None:
            raise UsageError(
                f"The flag {flag.name} can't be limited to companies: it has no companies_key.",
                hint=f"Add companies_key to {flag.name} in environments.yaml, if the application reads one.",
            )
        if not self.enabled:
            return Audience(False, now.companies)
        if self.companies is not None:
            return Audience(True, self.companies)
        return Audience(True, self._changed(flag, now))

    def _changed(self, flag: Flag, now: Audience) -> tuple[int, ...]:
        if self.add and now.everyone:
            raise Refused(
                f"Everyone sees {flag.name} already; a list would limit it to {companies_in_words(self.add)}.",
                hint=f"If that is meant: --companies {write_companies(self.add)}",
            )
        known = set(now.companies) - {NO_COMPANY}
        if NO_COMPANY in now.companies and (self.add or not (self.remove and known)):
            raise Refused(
                f"{flag.companies_key} in .env holds what is no company's number, so nobody knows whom it means.",
                hint=f"Say who is to see {flag.name}, all of them: --companies 15,42. "
                "For everyone: --companies all. For nobody: toggle ... false.",
            )
        left = (known | set(self.add)) - set(self.remove)
        if self.remove and now.everyone:
            raise Refused(
                f"Everyone sees {flag.name}, without a list that {companies_in_words(self.remove)} could leave.",
                hint="Say who is to keep it: --companies 15,42. For nobody: toggle ... false.",
            )
        if self.remove and not left:
            raise Refused(
                "That removes the last company, and an empty list means everyone.",
                hint="For everyone: --companies all. For nobody: toggle ... false.",
            )
        return tuple(left)


def plan_edits(flag: Flag, target: Audience, text: EnvText) -> tuple[tuple[Edit, ...], EnvText, tuple[str, ...]]:
    """The edits that give a file's flag an audience, the new file, and what a person should know about it.

    A list that stands already as it should is left as it is written; a flag that is off keeps its list.

    Raises:
        UnsafeEdit: a key's place can't be found without doubt.
    """
    wanted = {flag.key: "true" if target.enabled else "false"}
    if flag.companies_key and target.enabled:
        wanted[flag.companies_key] = write_companies(target.companies)
    new, edits, notes = text, [], list(_oddities(flag, text))
    for key, value in wanted.items():
        now = value_of(text, key)
        if not _stands(flag, key, now, value):
            new = assign(new, key, value)
        edits.append(_edit(text, new, key, value_of(new, key)))
    return tuple(edits), new, tuple(notes)


def plan_restore(edits: Iterable[Mapping[str, Any]], text: EnvText) -> tuple[tuple[Edit, ...], EnvText]:
    """The edits that undo recorded edits, given newest first, and the file as it will be.

    Raises:
        UnsafeEdit: a key's place can't be found without doubt.
    """
    new, keys = text, []
    for fields in edits:
        new = restore(new, fields["key"], fields["before"])
        keys.append(fields["key"])
    return tuple(_edit(text, new, key, value_of(new, key)) for key in dict.fromkeys(keys)), new


def changed_since(edits: Iterable[Mapping[str, Any]], text: EnvText) -> tuple[tuple[str, str | None, str | None], ...]:
    """The keys that no longer stand as a record left them: (key, as it was left, as it stands), values for people."""
    found = []
    for fields in edits:
        now = assignment_of(text, fields["key"])
        if now != fields["after"]:
            found.append((fields["key"], _bare_value(fields["after"]), value_of(text, fields["key"])))
    return tuple(found)


def audience_after(flag: Flag, new: EnvText) -> Audience:
    """The audience that a file will mean, as far as it can be read without phpdotenv."""
    return audience_from(flag, {key: value_of(new, key) for key in flag.keys})


def is_narrowing(target: Audience, hosts: Sequence[HostPlan]) -> bool:
    """Whether nobody will see the feature who does not see it now, in any file or cache."""
    if target.nobody:
        return True
    if any(host.uncertain and host.effective is None for host in hosts):
        return False
    return all(target.within(seen) for host in hosts for seen in (host.before, host.effective or host.before))


def _edit(old: EnvText, new: EnvText, key: str, after: str | None) -> Edit:
    return Edit(key, value_of(old, key), after, assignment_of(old, key), assignment_of(new, key))


def _is_plain(value: str | None) -> bool:
    return value is not None and _PLAIN.fullmatch(value) is not None


def _passable(value: str | None) -> str:
    if value is None or _is_plain(value):
        return value or ""
    return write_companies(filter(None, read_companies(value))) or ("true" if read_enabled(value) else "false")


def _stands(flag: Flag, key: str, now: str | None, wanted: str) -> bool:
    if key != flag.companies_key:
        return now is not None and now.lower() == wanted
    if not wanted:  # a list without a number in it is no empty list to every application
        return now is None or not now.strip()
    return read_companies(now) == read_companies(wanted)


def _oddities(flag: Flag, text: EnvText) -> Iterable[str]:
    for key in flag.keys:
        if (count := definitions(text, key)) > 1:
            yield f"{key} stands {count} times in .env; Laravel obeys the last, which is the one that changes."
    value = value_of(text, flag.key)
    if odd_spelling(value) and "${" not in (value or ""):  # what a reference means, only phpdotenv says
        yield f"{flag.key}={value} was neither true nor false; to Laravel such a text counts as on."
    listed = value_of(text, flag.companies_key) if flag.companies_key else None
    if NO_COMPANY in read_companies(listed) and "${" not in (listed or ""):
        yield f"{flag.companies_key} held what is no company's number."


def _bare_value(assignment: str | None) -> str | None:
    return None if assignment is None else assignment.partition("=")[2].strip().strip("\"'")


def _lines(text: EnvText | None) -> list[bytes]:
    return LINE_END.split(text.data if text else b"")


def _pairs(new: Sequence[bytes], old: Sequence[bytes]) -> Iterable[tuple[bytes, bytes]]:
    """Each line beside the one that it was; edits replace lines, take one away, or append at the end."""
    i, j = 0, 0
    while i < len(new) or j < len(old):
        came = j == len(old) or (len(new) - i > len(old) - j and new[i + 1 : i + 2] == [old[j]])
        gone = i == len(new) or (len(new) - i < len(old) - j and old[j + 1 : j + 2] == [new[i]])
        yield b"" if gone else new[i], b"" if came else old[j]
        i, j = i + (not gone), j + (not came)
