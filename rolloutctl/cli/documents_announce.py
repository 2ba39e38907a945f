"""An announcement as JSON."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from rolloutctl.cli.documents import Document
from rolloutctl.rules.channels import Channel
from rolloutctl.workflows.announce import Draft, Sent


def of_announcement(
    draft: Draft, sent: Sent, results: Mapping[str, tuple[Channel, str]], files: Sequence[str]
) -> Document:
    """The answer of announce: what it says, and where it went; no address that is secret."""
    why = {each.channel.name: each.why for each in sent.missed}
    return {
        "announcement": {
            **draft.about,
            "subject": draft.letter.subject,
            "text": draft.letter.text,
            "markdown": draft.letter.markdown,
            "channels": [
                {"name": name, "place": channel.place, "result": result, "error": why.get(name)}
                for name, (channel, result) in results.items()
            ],
            "files": list(files),
            "notes": list(sent.notes),
        }
    }
