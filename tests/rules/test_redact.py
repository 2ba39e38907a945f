"""What may be shown of a host's text: every form of a secret is found, and nothing else is hidden."""

from __future__ import annotations

import json
import subprocess
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rolloutctl.rules.env_text import EnvText, secrets_of
from rolloutctl.rules.redact import Redactor, escaped, one_line, printable
from tests.cases.env_cases import EnvCase, env_cases
from tests.cases.phpdotenv import faults_by_phpdotenv, phpdotenv_or_skip

ENV = EnvText(
    b"""\
APP_KEY=base64:k3yk3yk3yk3yk3y=
DB_PASSWORD="it's \\"quite\\" secret/\\\\\xc3\xa4"
DB_PIN=4711 # ask Ada
DB_PORT=33
DB_FLAG=1
DB_ON=TRUE
DB_URL=mysql://ada:op3n/sesame@db.internal/app
MAIL_FROM=${DB_PIN}@hush.example
PEM="-----BEGIN KEY-----
MIIEow+/AAAA
-----END KEY-----"
#OLD_TOKEN=formertoken # since May
# A note in plain words = fine
FEATURE_PORTAL=pilots
FEATURE_PORTAL_COMPANIES=1542,10342
abcdefghijklmnopqrstuvwxyz0123456789ABCD
BROKEN=two words here
"""
)
FLAGS = ("FEATURE_PORTAL", "FEATURE_PORTAL_COMPANIES")
REDACTOR = Redactor.of(ENV, except_keys=FLAGS)
PHRASE = 'it\'s "quite" secret/\\ä'


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        (f"Access denied using {PHRASE}!", "Access denied using •••!"),
        ("at [base64:k3yk3yk3yk3yk3y=].", "at [•••]."),
        ("key k3yk3yk3yk3yk3y= is short", "key ••• is short"),
        ("pin 4711, x4711x", "pin •••, x•••x"),
        ("the raw 4711 # ask Ada", "the raw •••"),
        ("port 33, not 133 nor 33a nor 3306", "port •••, not 133 nor 33a nor 3306"),
        ("1 of 1 is true, TRUE, null and empty", "1 of 1 is true, TRUE, null and empty"),
        ("connecting as ada to db with op3n/sesame", "connecting as ada to db with •••"),
        ("sent to 4711@hush.example", "sent to •••"),
        ("MIIEow+/AAAA", "•••"),
        ("formertoken since May", "••• since May"),
        ("abcdefghijklmnopqrstuvwxyz0123456789ABCD", "•••"),
        ("unexpected whitespace at [two words here].", "unexpected whitespace at [•••]."),
        ("some words", "some •••"),
        ("pilots 1542,10342 FEATURE_PORTAL", "pilots 1542,10342 FEATURE_PORTAL"),
        (
            'Class "App\\Portal\\Calls" not found (routes/web.php:31)',
            'Class "App\\Portal\\Calls" not found (routes/web.php:31)',
        ),
        ("", ""),
    ],
)
def test_secrets_are_replaced_and_nothing_else(said: str, shown: str) -> None:
    assert REDACTOR.clean(said) == shown


@pytest.mark.parametrize(
    "form",
    [
        json.dumps(PHRASE),
        json.dumps(PHRASE, ensure_ascii=False),
        json.dumps(PHRASE).replace("/", "\\/"),
        "it%27s%20%22quite%22%20secret%2F%5C%C3%A4",
        "it%27s+%22quite%22+secret%2F%5C%C3%A4",
        "it%27s%20%22quite%22%20secret%2f%5c%c3%a4",
        "'it\\'s \"quite\" secret/\\\\ä'",
        "it&#039;s &quot;quite&quot; secret/\\ä",
        'it\'s \\"quite\\" secret/\\\\ä',
        "PDO->__construct('it's \"quite\" se...')",
        'it\'s "quite" se\n  cret/\\ä',
        'it\'s "quite" secr   \r\n   et/\\ä',
    ],
)
def test_an_escaped_cut_or_wrapped_secret_is_found(form: str) -> None:
    shown = REDACTOR.clean(f"[{form}]")
    assert "•••" in shown
    assert not {"quite", "secr", "it"} & set(shown.replace("'", " ").replace('"', " ").split())
    assert "sec" not in shown


def test_overlapping_secrets_leave_no_tail() -> None:
    redactor = Redactor.of(EnvText(b"A=abcdef\nB=efghijkl\nC=abcd\n"), except_keys=())
    assert redactor.clean("abcdefghijkl abcdefg") == "••• •••g"


def test_several_texts_are_known_together() -> None:
    redactor = Redactor.of(EnvText(b"A=former\n"), EnvText(b"A=latter\n"), except_keys=())
    assert redactor.clean("former, latter") == "•••, •••"


def test_an_empty_env_hides_nothing() -> None:
    assert Redactor.of(EnvText(b""), except_keys=()).clean("all of this\nstays") == "all of this\nstays"


def test_the_redactor_shows_no_secret_of_its_own() -> None:
    assert repr(REDACTOR) == f"Redactor({len(REDACTOR.secrets)} secrets)"


def test_a_value_that_is_not_utf8_is_found_in_each_way_it_is_decoded() -> None:
    redactor = Redactor.of(EnvText(b"A=gr\xfc\xdfe-an-alle\n"), except_keys=())
    for errors in ("replace", "surrogateescape"):
        assert redactor.clean(b"[gr\xfc\xdfe-an-alle]".decode(errors=errors)) == "[•••]"


def test_what_stands_behind_a_quote_never_closed_is_secret_too() -> None:
    text = EnvText(b'A="first line\nhush_one=x\n#hush_two\nhush three\n')
    assert Redactor.of(text, except_keys=()).clean("hush_one=x #hush_two hush three") == "••• ••• •••"


def test_the_named_keys_give_no_secrets_however_they_are_written() -> None:
    text = EnvText(b'FLAG=pilots\nexport FLAG="pilots"\n#FLAG=pilots\n"FLAG"=pilots\nOTHER=public\n')
    assert secrets_of(text, {"FLAG"}) == {"public"}


@pytest.mark.parametrize("case", [case for case in env_cases() if case.name != "one_megabyte"], ids=str)
def test_no_value_of_a_tricky_file_is_shown(case: EnvCase) -> None:
    """Each right-hand side of four characters or more, as it stands in the file."""
    redactor = Redactor.of(EnvText(case.before), except_keys=())
    for line in case.before.decode(errors="replace").splitlines():
        value = line.partition("=")[2].strip(" \t\0\x0b\x0c")
        if len(value) >= 4 and value not in {"true", "false"} and not line.lstrip().startswith("#"):
            assert value not in redactor.clean(f"at [{value}]")


def test_phpdotenvs_own_complaints_show_no_value() -> None:
    phpdotenv_or_skip()
    texts = [
        b"A=hush hush # hush\n",
        b"A='hush hush\n",
        b'A="C:\\hush"\n',
        b'A="x\n"hush\nhush"\n',
        b"=hush\n",
        b"hush hush\n",
        b"MY-KEY=hush\n",
        b'A="hush" hush\n',
        b"A='hush\nhush+hush'\n",
    ]
    for text, fault in zip(texts, faults_by_phpdotenv(texts), strict=True):
        assert "hush" in fault or "x" in fault or "MY-KEY" in fault, text
        assert "hush" not in Redactor.of(EnvText(text), except_keys=()).clean(fault), (text, fault)


@given(
    st.lists(
        st.text(
            st.characters(min_codepoint=33, max_codepoint=0x2FF, exclude_categories=["Cc"]), min_size=5, max_size=20
        ),
        max_size=5,
    )
)
@settings(deadline=None, max_examples=60)
def test_php_cannot_print_a_secret_past_the_filter(secrets: list[str]) -> None:
    phpdotenv_or_skip()
    worth = [secret.replace("'", "") + "\\'$!" for secret in secrets]
    env = EnvText("".join(f'K="{_quoted(secret)}"\n' for secret in worth).encode())
    redactor = Redactor.of(env, except_keys=())
    program = """
        foreach (json_decode(stream_get_contents(STDIN)) as $s) {
            foreach ([$s, var_export($s, true), json_encode($s), json_encode($s, 320), urlencode($s),
                rawurlencode($s), htmlspecialchars($s)] as $form) echo $form, "\n";
        }
    """
    said = _php(program, json.dumps(worth)) if worth else ""
    assert not [line for line in redactor.clean(said).split("\n") if line.strip("'\"•")]


def _quoted(secret: str) -> str:
    return secret.replace("\\", "\\\\").replace('"', '\\"').replace("$", "\\$")


def _php(program: str, given_text: str) -> str:
    done = subprocess.run(
        ["php", "-r", program], input=given_text, capture_output=True, text=True, check=True, timeout=30
    )
    return done.stdout


def test_a_file_of_a_megabyte_with_ten_thousand_values_is_filtered_in_a_moment() -> None:
    env = EnvText(b"".join(b"KEY_%d=%s-%d/+\n" % (number, b"x" * 80, number) for number in range(10_000)))
    assert len(env.data) > 900_000
    said = ("x" * 80 + "-77/+ and not y\n") * 700 + "x" * 4000
    began = time.process_time()
    redactor = Redactor.of(env, except_keys=())
    built = time.process_time()
    shown = redactor.clean(said)
    cleaned = time.process_time()
    assert shown.startswith("••• and not y\n••• and not y\n")
    assert built - began < 10
    assert cleaned - built < 2


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain\n\ttext ä 漢 •••", "plain\n\ttext ä 漢 •••"),
        ("\x1b[31mred\x1b[0m", "\\x1b[31mred\\x1b[0m"),
        ("a\r\nb\rc", "a\nb\\x0dc"),
        ("\0\x07\x08\x7f\x9b2J", "\\x00\\x07\\x08\\x7f\\x9b2J"),
        ("\u202eevil\u2066", "\\u202eevil\\u2066"),
        (b"\xff".decode(errors="surrogateescape"), "\\udcff"),
    ],
)
def test_what_drives_the_terminal_becomes_visible(text: str, shown: str) -> None:
    assert printable(text) == shown


@given(st.text())
def test_a_document_that_is_escaped_says_the_same_and_drives_no_terminal(text: str) -> None:
    shown = escaped(json.dumps({text: [text]}, ensure_ascii=False, indent=2))
    assert json.loads(shown) == {text: [text]}
    assert printable(shown) == shown


@given(st.text())
def test_one_line_is_one_line_without_blanks_at_its_ends(text: str) -> None:
    line = one_line(text)
    assert line.splitlines() in ([], [line])
    assert (line.strip(), printable(line)) == (line, line)


@pytest.mark.parametrize("nothing", ["", " \t\n", "\x1b\x07\x7f", "\u202e\u2028", "\udcff\udcfe"])
def test_what_shows_nothing_is_no_line(nothing: str) -> None:
    assert one_line(nothing) == ""
