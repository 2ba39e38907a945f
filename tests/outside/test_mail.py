"""Mail against a real server: both forms, TLS by an authority, and every way in which it can be refused."""

import socket
import ssl
import time
from datetime import UTC, datetime
from pathlib import Path

import pytest

from rolloutctl.outside.mail import compose, send
from rolloutctl.rules.channels import Mail, Tls
from rolloutctl.rules.letters import Letter
from tests.outside.listeners import Mailbox, authority, mail_server

LETTER = Letter("Portal: pilot\r\nBcc: everyone@example.com", "It is **on**.\n\n- für Firma 15")
HTML = "<p>It is <strong>on</strong>.</p>"
NOW = datetime(2025, 11, 24, 9, 0, tzinfo=UTC)
LOGIN = ("ops", "correct horse")


def mail(
    port: int, tls: Tls = "none", *, host: str = "127.0.0.1", password: str = "", to: tuple[str, ...] = ()
) -> Mail:
    return Mail(
        host=host,
        port=port,
        sender="Öps <ops@example.com>",
        to=to or ("ana@example.com", "Bo <bo@example.com>"),
        tls=tls,
        user=LOGIN[0] if password else "",
        password=password,
    )


@pytest.fixture
def certified(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ssl.SSLContext:
    """A server's context, whose authority this machine trusts."""
    ca, context = authority(tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(ca))
    return context


def test_everybody_gets_text_and_html_and_no_text_becomes_a_header() -> None:
    with mail_server(Mailbox()) as box:
        assert send(mail(box.port), LETTER, HTML, NOW) == ""
    (message,) = box.mails
    assert box.recipients == ["ana@example.com", "bo@example.com"]
    assert message["Subject"] == "Portal: pilot Bcc: everyone@example.com"
    assert message["Bcc"] is None
    assert (message["From"], message["Date"]) == ("Öps <ops@example.com>", "Mon, 24 Nov 2025 09:00:00 +0000")
    plain, html = message.get_body(("plain",)), message.get_body(("html",))
    assert plain is not None
    assert html is not None
    assert plain.get_content().replace("\r\n", "\n") == "It is on.\n\n- für Firma 15\n"
    assert html.get_content().strip() == HTML


def test_it_logs_in_behind_starttls_with_a_certificate_that_an_authority_signed(certified: ssl.SSLContext) -> None:
    with mail_server(Mailbox(login=LOGIN), certified) as box:
        assert send(mail(box.port, "starttls", password=LOGIN[1]), LETTER, HTML, NOW) == ""
        refused = send(mail(box.port, "starttls", password=LOGIN[1].title()), LETTER, HTML, NOW)
    assert (box.secured, refused.startswith("the login is refused (535")) == ([True], True)
    assert "Horse" not in refused


def test_a_certificate_that_nobody_vouches_for_is_refused(tmp_path: Path) -> None:
    _, context = authority(tmp_path)
    with mail_server(Mailbox(), context) as box:
        said = send(mail(box.port, "starttls"), LETTER, HTML, NOW)
    assert said.startswith("its certificate is not to be trusted: ")
    assert box.mails == []


def test_nothing_travels_in_the_clear_where_tls_is_wanted() -> None:
    with mail_server(Mailbox()) as box:
        assert send(mail(box.port, "starttls"), LETTER, HTML, NOW).startswith("it has no such way: STARTTLS")
    assert box.mails == []


def test_who_is_refused_is_named_and_the_others_get_it() -> None:
    with mail_server(Mailbox(unknown=("bo@example.com",))) as box:
        assert send(mail(box.port), LETTER, HTML, NOW) == "refused for bo@example.com (550: no such user)"
    assert box.recipients == ["ana@example.com"]
    with mail_server(Mailbox(unknown=("bo@example.com",))) as box:
        said = send(mail(box.port, to=("bo@example.com",)), LETTER, HTML, NOW)
    assert (said, box.mails) == ("refused for bo@example.com (550: no such user)", [])
    with mail_server(Mailbox(refuses="554 too much\x1b[31m of it")) as box:
        assert send(mail(box.port), LETTER, HTML, NOW) == "the mail is refused (554: too much [31m of it)"


def test_no_server_and_one_that_hangs_are_told_in_time() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        begun = time.monotonic()
        assert send(mail(port), LETTER, HTML, NOW, patience=0.3) in {"no answer in time", "no end within 0.3 s"}
        assert time.monotonic() - begun < 5
    assert send(mail(port), LETTER, HTML, NOW) == "no connection: Connection refused"


def test_a_mail_answers_no_absence_notice_and_has_an_id_of_its_sender() -> None:
    message = compose(mail(25), LETTER, HTML, NOW)
    assert message["Auto-Submitted"] == "auto-generated"
    assert message["Message-ID"].endswith("@example.com>")
