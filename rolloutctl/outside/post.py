"""Announcements: written from templates, and sent to where environments.yaml says."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rolloutctl.errors import ConfigurationError

if TYPE_CHECKING:
    from rolloutctl.rules.channels import Channel, Kind, Mail, Webhook
    from rolloutctl.rules.letters import Letter

_LETTER = "announce/letter.html.j2"


class TemplatePost:
    """`contracts.Post` on this machine."""

    def letter(self, kind: Kind, facts: Mapping[str, Any], folder: str | None) -> Letter:
        """The announcement, by the template of that kind: `KIND.md.j2` in the folder, else the shipped one."""
        from rolloutctl.outside.templates import MissingFacts, render  # noqa: PLC0415 - Jinja2 only where it is needed
        from rolloutctl.rules.letters import letter_of  # noqa: PLC0415

        template = _template(kind, folder)
        try:
            return letter_of(render(template, facts, html=False))
        except MissingFacts as missing:
            raise _unset(missing.names, missing.details if isinstance(template, Path) else ()) from None
        except ValueError as wrong:
            raise ConfigurationError(f"The template is no announcement: {wrong}.", subject=str(template)) from None

    def deliver(self, way: Channel, letter: Letter, about: Mapping[str, Any]) -> str:
        """Send it; why not everybody gets it, or nothing."""
        from rolloutctl.outside.webhooks import post  # noqa: PLC0415 - only where something is sent
        from rolloutctl.rules.channels import Mail, Slack  # noqa: PLC0415

        where = way.way
        if where is None:
            return way.lacks or "nothing can be sent there"
        if isinstance(where, Mail):
            return _mailed(where, letter)
        if isinstance(where, Slack):
            return post(where.url, {"text": letter.slack}, secrets=where.secrets)
        return _posted(where, letter, about)


def _posted(where: Webhook, letter: Letter, about: Mapping[str, Any]) -> str:
    from rolloutctl.outside.webhooks import post  # noqa: PLC0415 - only where something is sent

    document = {**about, "subject": letter.subject, "text": letter.text, "markdown": letter.markdown}
    return post(where.url, document, headers=where.headers, secrets=where.secrets)


def _mailed(where: Mail, letter: Letter) -> str:
    from rolloutctl.outside.mail import send  # noqa: PLC0415 - only where something is sent
    from rolloutctl.outside.templates import render  # noqa: PLC0415

    html = render(_LETTER, {"subject": letter.subject, "blocks": letter.blocks}, html=True)
    return send(where, letter, html, datetime.now(UTC))


def _template(kind: Kind, folder: str | None) -> str | Path:
    own = Path(folder).expanduser() / f"{kind}.md.j2" if folder else None
    return own if own is not None and own.is_file() else f"announce/{kind}.md.j2"


def _unset(names: tuple[str, ...], places: tuple[str, ...]) -> ConfigurationError:
    listed = " and ".join(filter(None, (", ".join(names[:-1]), names[-1])))
    are = "is" if len(names) == 1 else "are"
    options = " ".join(f'--fact {name}="..."' for name in names)
    return ConfigurationError(
        f"{listed} {are} not set in environments.yaml: announce.facts.",
        state="Nothing was sent.",
        hint=f"Set it there for every announcement, or for this one: {options}",
        details=places,
    )
