"""The JSON of trust: keys are added, and never renamed."""

from __future__ import annotations

from rolloutctl.cli.documents import Document, of_error
from rolloutctl.workflows.trust import Strangers, Trusted


def of_trust(done: Trusted) -> Document:
    """The answer of trust: every key that was not known, and the hosts that could not be asked."""
    return {
        "environment": done.environment.name,
        "ok": done.all_known,
        "keys": [*_keys(done.added, trusted=True), *_keys(done.declined, trusted=False)],
        "problems": [{"name": name, "error": of_error(error)} for name, error in done.problems.items()],
    }


def _keys(strangers: Strangers, *, trusted: bool) -> list[Document]:
    return [
        {
            "name": stranger.name,
            "type": stranger.kind,
            "fingerprint": stranger.fingerprint,
            "jump": stranger.jump,
            "hosts": list(hosts),
            "trusted": trusted,
        }
        for stranger, hosts in strangers.items()
    ]
