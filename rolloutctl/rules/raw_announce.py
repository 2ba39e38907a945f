"""What `announce` and `hooks` of environments.yaml may hold: each key with its type, default and description."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import UNSET, Meta, UnsetType

from rolloutctl.rules import written_announce as written
from rolloutctl.rules.raw_types import Duration, Headers, Keys, Name, Names, Text, about, type_of

Facts = Annotated[
    dict[str, str],
    type_of("names of letters, digits and '_' with texts (put a number in quotes)", check=written.facts),
]
Hookable = Annotated[str, type_of("a URL that begins with https:// or http://", check=written.webhook, secrets=True)]
MailServer = Annotated[
    str, type_of("a name and a port such as smtp.example.com:587", check=written.server, secrets=True)
]
MailAddress = Annotated[
    str, type_of('an address such as ops@example.com or "Operations <ops@example.com>"', check=written.mail_address)
]
MailAddresses = Annotated[
    list[str], Meta(min_length=1), type_of("a list of addresses, at least one", check=written.mail_addresses)
]
Secret = Annotated[str, type_of("text; ${NAME} stands for a secret", secrets=True)]


class ChannelKeys(Keys, rename={"sender": "from"}):
    """A way out for announcements: `slack`, `webhook` or `smtp`."""

    slack: Annotated[
        Hookable | None, about("The URL of an incoming webhook of Slack, or of what takes the same; a secret: ${NAME}")
    ] = None
    webhook: Annotated[Hookable | None, about("A URL that gets the announcement as JSON, in a POST")] = None
    headers: Annotated[Headers, about("webhook: headers of the request; ${NAME} stands for a secret")] = {}
    smtp: Annotated[MailServer | None, about("A mail server")] = None
    tls: Annotated[
        Annotated[Literal["starttls", "tls", "none"], type_of("starttls, tls or none")],
        about("smtp: how the connection is secured; none only where nothing secret travels"),
    ] = "starttls"
    user: Annotated[Secret, about("smtp: the login; default: none")] = ""
    password: Annotated[Secret, about("smtp: the login's password: ${NAME}")] = ""
    sender: Annotated[MailAddress | UnsetType, about("smtp: whom the mail comes from")] = UNSET
    to: Annotated[MailAddresses | UnsetType, about("smtp: who gets it")] = UNSET


class AutomaticKeys(Keys):
    """What is sent without a question when it happens, and to which channels."""

    phase: Annotated[Names, about("When a rollout enters a phase")] = []
    incident: Annotated[Names, about("When a guard has fired, or an incident is opened")] = []
    recovered: Annotated[Names, about("When an incident is over")] = []
    done: Annotated[Names, about("When a rollout enters its last phase")] = []


class AnnounceKeys(Keys):
    """What announcements say, and where they go."""

    facts: Annotated[Facts, about("What the templates may name: on_call, report_to, product, dashboard, ...")] = {}
    templates: Annotated[
        Text | None, about("A folder with templates of your own, named as the shipped ones; relative to this file")
    ] = None
    channels: Annotated[dict[Name, ChannelKeys], about("Where announcements go, by name")] = {}
    automatic: Annotated[AutomaticKeys | None, about("What is sent without a question")] = None


class HookKeys(Keys):
    """Something that is done at a moment of a change: `run` or `webhook`. It gets the change as JSON."""

    run: Annotated[
        Text | None, about("A shell line, run on this machine beside this file; the change stands on its stdin")
    ] = None
    webhook: Annotated[Hookable | None, about("A URL that gets the change in a POST")] = None
    headers: Annotated[Headers, about("webhook: headers of the request; ${NAME} stands for a secret")] = {}
    timeout: Annotated[Duration, about("How long it may take")] = "30s"


class HooksKeys(
    Keys,
    rename={
        "before_change": "before-change",
        "after_change": "after-change",
        "change_failed": "change-failed",
        "phase_changed": "phase-changed",
        "guard_fired": "guard-fired",
    },
):
    """What is done at the moments of a change."""

    before_change: Annotated[
        list[HookKeys], about("Before more people see a feature, once somebody has agreed; a failure refuses it")
    ] = []
    after_change: Annotated[list[HookKeys], about("Behind a change that is kept")] = []
    change_failed: Annotated[list[HookKeys], about("Behind a change that went back, or needs a person")] = []
    phase_changed: Annotated[list[HookKeys], about("When a rollout has entered a phase")] = []
    guard_fired: Annotated[list[HookKeys], about("When a guard has switched a flag off")] = []
