"""The application's own log on a lab host, followed through a session while it is rotated."""

from __future__ import annotations

from contextlib import closing

import pytest

from rolloutctl.contracts import Session
from rolloutctl.outside.opening import open_session
from rolloutctl.rules.log_entries import Entry, entries, matching
from rolloutctl.rules.log_following import Place, command, read
from rolloutctl.rules.redact import Redactor
from tests.lab.lab import Lab, LabHost
from tests.stories.conftest import Hire

pytestmark = pytest.mark.lab

LOG = "storage/logs/laravel.log"
LIMIT = 2**20


class Follower:
    """Follows the log of one host; each look begins from the place as it is kept."""

    def __init__(self, session: Session) -> None:
        self.session = session
        self.kept = Place().to_json()

    def look(self) -> tuple[Entry, ...]:
        """What is new."""
        found: list[Entry] = []
        more = True
        while more:
            place = Place.from_json(self.kept)
            ran = self.session.run(command(LOG, place, LIMIT), 20)
            assert ran.ok, ran.problem
            news = read(place, LOG, ran.output)
            assert (news.note, news.blind) == ("", False)
            self.kept, more = news.place.to_json(), news.more
            found += entries(news.text)
        return tuple(found)


def complain(host: LabHost, word: str) -> None:
    """Have the application log an error with a stack trace, as it does for a command that it has not."""
    host.application.artisan(f"portal-{word}")


def test_the_applications_own_entries_are_followed_over_a_rotation(fresh: Lab, hire: Hire) -> None:
    host = fresh.hosts[0]
    log = host.app / LOG
    complain(host, "earlier")
    operator = hire(fresh, hosts=[host])
    environment = operator.tools.configuration.environment("lab")
    with closing(open_session(environment.hosts[0], lambda _event: None)) as session:
        session.prime(environment, [])
        content = session.look(content=True).content
        follower = Follower(session)
        assert follower.look() == ()

        complain(host, "first")
        complain(host, "second")
        log.rename(log.with_name("laravel.log.1"))
        complain(host, "third")
        found = (*follower.look(), *follower.look())

    assert content is not None
    secrets = Redactor.of(content, except_keys=())
    shown = [entry.shown(secrets) for entry in sorted(matching(found, "error", "PORTAL-"), key=lambda entry: entry.at)]
    operator.seen.append(shown)
    assert shown == [f'Command "portal-{word}" is not defined.' for word in ("first", "second", "third")]
    assert len(found) == 3
    assert all("[stacktrace]" in entry.text for entry in found)
    assert matching(found, "critical") == ()
