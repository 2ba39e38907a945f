"""Why no session began over OpenSSH's client: from how it ended, by the table of its words, to our errors."""

from __future__ import annotations

from msgspec import Struct

from rolloutctl.errors import NoAnswer, Unfit, Unreachable, WrongHostKey
from rolloutctl.outside.ssh.host_key_words import RefusedKey
from rolloutctl.outside.ssh.openssh_said import Said
from rolloutctl.outside.ssh.openssh_table import EXITED, KEYS, ROWS, STATUSES
from rolloutctl.rules.config import Host

SSH_FAILED = 255  # its exit status for whatever is not the command's own


class Attempt(Struct, frozen=True):
    """One `ssh` that ended before a session began.

    Args:
        host: where it led.
        line: what a person types to try the same.
        said: how it ended.
        let_in: whether the host had let it in by then.
        seconds: what a connect may take.
    """

    host: Host
    line: str
    said: Said
    let_in: bool
    seconds: float


def error_from(attempt: Attempt) -> Unreachable:
    """Why no session began; what the table does not have is shown as it stands."""
    if attempt.said.dropped:
        error: Unreachable | None = NoAnswer(
            f"{attempt.host.address} drops new connections: too many come at once (MaxStartups).",
            hint="Try again; if it stays so, raise MaxStartups in the server's sshd_config.",
        )
    elif attempt.said.status != SSH_FAILED:
        error = _by_status(attempt)
    else:
        error = from_table(attempt)
    error = error or _fallback(attempt)
    error.subject = attempt.host.name
    return error


def from_table(attempt: Attempt) -> Unreachable | None:
    """What the table says of ssh's words; None when it has none of them."""
    text = "\n".join(attempt.said.lines)
    for pattern, verdict in KEYS:
        if found := pattern.search(text):
            name = found.groupdict().get("name") or _unnamed(attempt)
            return _wrong_certificate(attempt, name) or _wrong_key(attempt, name, verdict)
    for row in ROWS:
        if found := row.pattern.search(text):
            values = _values(attempt) | found.groupdict("") | {"found": found[0].strip().rstrip(".")}
            values["reason"] = values.get("reason", "").lower()
            return row.kind(row.message.format_map(values), hint=row.hint.format_map(values))
    return None


def _wrong_key(attempt: Attempt, name: str, verdict: str) -> WrongHostKey:
    pinned, shown = bool(attempt.host.known_hosts), attempt.said.host_key
    if pinned and shown and verdict == "unknown":
        verdict = "changed"  # another key is pinned
    return RefusedKey(verdict=verdict, name=name, shown=shown, adds=attempt.line, pinned=pinned).error()


def _wrong_certificate(attempt: Attempt, name: str) -> WrongHostKey | None:
    if not attempt.said.invalid:
        return None
    error = WrongHostKey(
        f"The host certificate of {name} is not valid, {attempt.said.invalid}: {attempt.said.host_key}.",
        hint="Have the server's key signed anew by its authority, for this name.",
    )
    error.verdict = "authority"
    return error


def _unnamed(attempt: Attempt) -> str:
    """Whose key it was: the host's own is among ssh's remarks, a jump host's is not."""
    host = attempt.host
    if not attempt.said.host_key:
        return f"a jump host on the way to {host.address}"
    return f"[{host.address}]:{host.port}" if host.port else host.address


def _values(attempt: Attempt) -> dict[str, str]:
    said = attempt.said
    accepts = f". It accepts {said.accepts}" if said.accepts else ""
    return {
        "line": attempt.line,
        "address": attempt.host.address,
        "peer": said.peer or attempt.host.address,
        "before": said.before,
        "tried": ("; ".join(said.tried) or "no key was found: no agent, no key file") + accepts,
        "mend": _mend(attempt),
        "seconds": f"{attempt.seconds:.0f}",
    }


def _mend(attempt: Attempt) -> str:
    """The one thing to do about a refused login."""
    said = attempt.said
    if said.open_to_others:
        return f"The key was left out, as others may read it: chmod 600 {said.open_to_others}"
    if said.locked:
        return f"The server takes a key that is encrypted: ssh-add {said.locked}"
    if said.agent_refused:
        return f"The server takes a key that the agent did not use: {said.agent_refused}."
    return f"Try: {attempt.line}; then set user: or key: in environments.yaml, or ssh-add the key."


def _by_status(attempt: Attempt) -> Unreachable:
    status, last = attempt.said.status, attempt.said.last
    if status < 0:
        return Unreachable(f"ssh was ended by signal {-status}.", hint=f"Try: {attempt.line}")
    meaning = STATUSES.get(status, "ssh ended")
    message, hint = EXITED
    return Unfit(
        message.format(meaning=meaning, status=status, said=f": {last.rstrip('.')}" if last else ""),
        hint=hint.format(line=attempt.line),
        details=attempt.said.lines,
    )


def _fallback(attempt: Attempt) -> Unreachable:
    last = attempt.said.last.rstrip(".")
    if attempt.let_in:
        why = last or "what runs there was ended, or the connection was lost"
        return Unfit(f"The host lets us in, but no session begins: {why}.", hint=f"Try: {attempt.line} sh -c true")
    return Unreachable(f"ssh says: {last or 'nothing at all'}.", hint=f"Try: {attempt.line}")
