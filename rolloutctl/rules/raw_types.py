"""The types of which raw_config and raw_rollouts are made: each says what a person is told to write there."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any, Literal

from msgspec import Meta, Struct

from rolloutctl.rules import written

NAME_WANTS = "letters, digits, '.', '_' and '-', a letter or digit first"
NAME = "^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$"
ENV_KEY = "^[A-Za-z_][A-Za-z0-9_.]*$"
SETTING = r"^[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*$"


def type_of(wants: str, *, check: Callable[[Any], str | None] | None = None, secrets: bool = False) -> Meta:
    """What a person is told to write there; `check` looks closer than a schema can, `secrets` lets ${NAME} in."""
    return Meta(extra={"wants": wants, "check": check, "secrets": secrets})


def about(description: str) -> Meta:
    """What an editor shows of a key."""
    return Meta(description=description)


Text = Annotated[str, Meta(pattern=r"\S"), type_of("text (put a number in quotes)")]
Switch = Annotated[bool, type_of("true or false")]
Name = Annotated[str, Meta(pattern=NAME), type_of(NAME_WANTS)]
EnvKey = Annotated[str, Meta(pattern=ENV_KEY), type_of("the name of a variable: letters, digits, '_' and '.'")]
Setting = Annotated[str, Meta(pattern=SETTING), type_of("a setting's dotted name such as features.customer_portal")]
Settings = Annotated[list[Setting], type_of("a list of settings' dotted names")]
Texts = Annotated[list[Text], type_of("a list of texts")]
Names = Annotated[list[Name], type_of("a list of names")]
AbsolutePath = Annotated[str, Meta(pattern="^(/|~/)"), type_of("a path that begins with / or ~/")]
RequestPath = Annotated[str, Meta(pattern=r"^/\S*$"), type_of("a path that begins with /")]
Port = Annotated[int, Meta(ge=1, le=65535), type_of("a port, 1 to 65535")]
User = Annotated[str, Meta(pattern=r"^[A-Za-z0-9_][A-Za-z0-9_.@+\\-]*\$?$"), type_of("a user's name")]
Address = Annotated[
    str, Meta(pattern=r"^[A-Za-z0-9_:][A-Za-z0-9_.:%-]*$"), type_of("a name or an address", check=written.address)
]
Fingerprints = Annotated[
    list[Annotated[str, Meta(pattern="^SHA256:[A-Za-z0-9+/]{43}=?$")]],
    type_of("a list of fingerprints: SHA256: and 43 characters, as `ssh-keygen -lf` shows them"),
]
_Status = Annotated[int, Meta(ge=100, le=599)]
Statuses = Annotated[_Status | list[_Status], type_of("an HTTP status or a list of them: 200, or [200, 302]")]
Duration = Annotated[
    Annotated[str, Meta(pattern=r"^[0-9.]+\s*[smhd]?$")] | Annotated[float, Meta(gt=0)],
    type_of("a duration such as 30s, 10m, 24h or 7d", check=written.duration),
]
WeekTime = Annotated[
    str,
    Meta(pattern="^[A-Za-z]+ +[0-9]{1,2}:[0-9]{2}$"),
    type_of('a weekday and a time such as "Fri 15:00"', check=written.week_time),
]
Zone = Annotated[str, type_of("a time zone such as Europe/Berlin", check=written.zone)]
Url = Annotated[str, type_of("a scheme and a name such as https://api.example.com", check=written.url, secrets=True)]
LocalAddress = Annotated[str, type_of("an address such as 10.0.0.5:8080", check=written.local_address, secrets=True)]
Headers = Annotated[
    dict[str, str], type_of("names of headers with their values as text", check=written.headers, secrets=True)
]
Connection = Annotated[
    Literal["paramiko", "openssh", "local", "embedded"], type_of("paramiko, openssh, local or embedded")
]


class Keys(Struct, kw_only=True, forbid_unknown_fields=True):
    """A mapping in the file, whose keys are the fields."""
