"""A host's answers as values: which tokens hold text, and what a look at a host says."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from rolloutctl.errors import Unfit, Unreachable
from rolloutctl.outside.wire import decode
from rolloutctl.rules.config import Host
from rolloutctl.rules.env_lines import EnvText
from rolloutctl.rules.host import Event, Holder, HostState, Live, Pending
from rolloutctl.rules.proof import read_fault
from rolloutctl.rules.records import read_log, read_object, texts_in

_LONGEST_TIME = 9  # digits of seconds
# Positions of the tokens that are texts, by the kind of answer (docs/protocol.md).
TEXTS: Mapping[str, tuple[int, ...]] = {
    "answers": (0,),
    "answers-failed": (1,),
    "build-failed": (1,),
    "busy": (1,),
    "content": (0,),
    "deploying": (0,),
    "difference": (0,),
    "difference-failed": (1,),
    "fact": (1,),
    "failed": (0, 2),
    "fatal": (1,),
    "found": (1,),
    "going-back": (0,),
    "head": (1,),
    "hello": (2, 3, 4, 5, 6),
    "live": (0,),
    "live-failed": (1,),
    "lock": (1,),
    "patched": (0,),
    "pending": (2,),
    "proof": (0,),
    "proof-failed": (1,),
    "ran": (2, 3),
    "said": (1,),
    "sampled": (2,),
    "record": (0,),
    "records": (0,),
    "refused": (2,),
    "reverted": (0,),
    "stateless": (0,),
    "step": (0, 4),
    "stuck": (0,),
    "trouble": (0, 2),
    "unknown": (0,),
    "unrecorded": (0,),
    "working": (0,),
}
# Output of the application and its tools: it may quote what stands in .env.
OUTPUTS: Mapping[str, int] = {
    "answers-failed": 1,
    "build-failed": 1,
    "difference-failed": 1,
    "failed": 2,
    "live-failed": 1,
    "proof-failed": 1,
    "ran": 3,
    "refused": 2,
    "step": 4,
    "trouble": 2,
}


def texts_of(tokens: tuple[str, ...], where: Mapping[str, tuple[int, ...]] = TEXTS) -> list[bytes]:
    """The tokens behind an answer's kind, decoded where they travel encoded; one that can't be is left as it is."""
    encoded = where.get(tokens[0], ())
    texts = []
    for position, token in enumerate(tokens[1:]):
        try:
            texts.append(decode(token) if position in encoded else token.encode())
        except ValueError:
            texts.append(token.encode())
    return texts


def state_from(host: Host, hello: Event, answers: Iterable[Event], content: EnvText | None) -> HostState:
    """What a `look` said.

    Raises:
        Unreachable: the host doesn't say how its .env is, or not in words that we know.
    """
    of: dict[str, list[Event]] = {}
    for event in answers:
        of.setdefault(event.kind, []).append(event)
    if "env" not in of:
        raise Unreachable("the host answers nonsense", subject=host.name)
    env = of["env"][0]
    live = _live(read_object(of["live"][0].text(0))) if "live" in of else None
    records = of.get("records")
    return HostState(
        name=host.name,
        place=f"{hello.text(3)}:{hello.text(5)}",
        app=hello.text(4),
        user=hello.text(2),
        state_dir=hello.text(6),
        sha=env.text(0),
        writable="writable" in env.texts[4:],
        trouble=next((text for text in env.texts[4:] if text != "writable"), ""),
        content=content,
        live=live,
        live_error="" if live else _failure(of),
        holder=_holder(of.get("lock", [Event("lock", ("free",))])[0]),
        pending=tuple(_pending(event) for event in of.get("pending", ())),
        records=read_log(records[0].text(0)) if records else (),
        deploying=tuple(event.text(0) for event in of.get("deploying", ())),
        working=next((Holder("working", read_object(event.text(0))) for event in of.get("working", ())), None),
    )


def unfit_from(host: Host, fatal: Iterable[Event]) -> Unfit:
    """All that keeps a session from beginning; a person reads the first thing first."""
    faults = tuple(_fault(event) for event in fatal)
    (message, hint), *more = faults
    error = Unfit(message, subject=host.name, hint=hint, details=tuple(f"{said} {mend}" for said, mend in more))
    error.faults = faults
    return error


def _live(data: Mapping[str, Any]) -> Live | None:
    """What php said; None for what host.php can't have written."""
    file, settings = data.get("file"), data.get("settings")
    values = file.get("values") if isinstance(file, dict) else None
    if not isinstance(file, dict) or not isinstance(values, dict) or not isinstance(settings, dict | None):
        return None
    return Live(
        php=str(data.get("php") or ""),
        laravel=str(data.get("laravel") or ""),
        boot_error=str(data.get("boot_error") or ""),
        cache=str(data.get("cache") or ""),
        settings=settings,
        values={key: value if value is None else str(value) for key, value in values.items()},
        undeclared=texts_in(file.get("undeclared")),
        fault=read_fault(file.get("error")),
    )


def _failure(of: Mapping[str, list[Event]]) -> str:
    """Why php said nothing that can be used; empty when it was not asked."""
    if "live-failed" not in of:
        return "php answered nonsense" if "live" in of else ""
    status = of["live-failed"][0].text(0)
    return {"127": "php was not found", "124": "php did not answer in time"}.get(
        status, f"php ended with exit {status}"
    )


def _holder(event: Event) -> Holder | None:
    return None if event.text(0) == "free" else Holder(event.text(0), read_object(event.text(1)))


def _pending(event: Event) -> Pending:
    left = event.text(4)
    seconds = int(left) if left.isascii() and left.isdigit() and len(left) <= _LONGEST_TIME else None
    fields, decided = read_object("{" + event.text(2)), event.text(3) == "decided"
    return Pending(event.text(0), event.text(1) == "alive", fields, seconds, decided)


def _fault(event: Event) -> tuple[str, str]:
    what = event.text(1)
    return {
        "no-app": (f"There is no folder {what}, or it can't be entered.", "Set app: in environments.yaml."),
        "no-env": (f"There is no file {what}.", "Set env_file: in environments.yaml, or make the file."),
        "planted-env": (
            f"{what} is a link that another user made, to a file of somebody else's: it is not followed.",
            f"See who made it: ls -l {what}; make it anew as the application's owner, or remove it.",
        ),
        "no-tool": (f"The command {what} is missing on the host.", f"Install the package that brings {what}."),
        "no-php": (f"{what} was not found on the host.", "Set php: in environments.yaml, for example php8.2."),
        "no-room": ("No folder on the host has a megabyte free.", "Make room, for example in /tmp."),
    }[event.text(0)]
