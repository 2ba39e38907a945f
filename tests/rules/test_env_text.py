"""What the editor of `.env` promises, held against the file's real reader."""

from __future__ import annotations

import random

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from rolloutctl.errors import Refused
from rolloutctl.rules.env_lines import BOM, LINE_END, readings
from rolloutctl.rules.env_text import EnvText, UnsafeEdit, assign, assignment_of, definitions, restore, value_of
from tests.cases.env_cases import KEY, EnvCase, env_cases
from tests.cases.phpdotenv import phpdotenv_or_skip, read_by_phpdotenv

CASES = env_cases()
EDITED = [case for case in CASES if case.after is not None]
REFUSED = [case for case in CASES if case.after is None]
every_case = pytest.mark.parametrize("case", CASES, ids=str)
every_edit = pytest.mark.parametrize("case", EDITED, ids=str)

# Pieces that matter to one of the readers, for files made at random.
_PIECES = [
    *b"""K KEY KEYS A = =" " ' # \\ \\" \\\\ $ ${A} x true 15,42 """.split(),
    *(b" ", b" #", b"\t", b"export ", b"\n", b"\n", b"\n", b"\r\n", b"\r", b"\0", b"\x0b", b"\x0c"),
    *(b"\nKEY=false", b'\nKEY="false"', b"\nKEY = ", b"\n#KEY=", b"\nA=1"),
    *(b"\xef\xbb\xbf", b"\xff", b"\xc3", "ä".encode(), "\u00a0".encode()),
]
_PLAIN_LINES = rb"""
KEY=false
KEY = 'false' # x
    KEY="15, 42"#x
export "KEY"=on
'KEY'=
KEY
KEY=${A}
KEY="f
KEY=1 #="
A=1
A="x
y"
"
z="
" # z="
B="\\"x\\""
C='\'
C='KEY=1'
D=x#y
D= # KEY=1
#KEY=1
#KEY="x
# it's
#"
KEYS=1
MY_KEY=1
KEY.x=1
EXPORT=1
G=a b
"""
_LINES = [*_PLAIN_LINES.split(b"\n"), b"\tKEY\t=\tfalse\t", b"\xffE=1", b"F=\xe4\xc3", b" \t "]
_ENDINGS = [b"\n", b"\n", b"\n", b"\r\n", b"\r"]
soups = st.lists(st.sampled_from(_PIECES), max_size=30).map(b"".join).map(EnvText)
values = st.sampled_from(["true", "false", "", "15,42,103"])


def _edited(text: EnvText, value: str) -> EnvText:
    try:
        return assign(text, "KEY", value)
    except UnsafeEdit:
        assume(False)
        raise


@every_edit
def test_an_edit_makes_the_file_that_is_written_beside_it(case: EnvCase) -> None:
    assert assign(EnvText(case.before), case.key, case.value).data == case.after


@every_edit
def test_an_edit_is_undone_byte_for_byte(case: EnvCase) -> None:
    before = EnvText(case.before)
    after = assign(before, case.key, case.value)
    assert restore(after, case.key, assignment_of(before, case.key)).data == case.before
    assert assign(after, case.key, case.value) == after


@every_edit
def test_an_edited_value_is_read_back(case: EnvCase) -> None:
    after = EnvText(case.after or b"")
    assert value_of(after, case.key) == case.value
    assert definitions(after, case.key) == max(1, definitions(EnvText(case.before), case.key))


@every_edit
def test_all_lines_but_the_definition_stay(case: EnvCase) -> None:
    before, after = (LINE_END.split(data.removeprefix(BOM)) for data in (case.before, case.after or b""))
    for end in (0, -1):
        while before and after and before[end] == after[end]:
            del before[end], after[end]
    assert len(after) <= 1
    assert case.name.startswith("multi_line_value_of_the_key") or len(before) <= 1


@pytest.mark.parametrize("case", REFUSED, ids=str)
def test_an_edit_in_doubt_is_refused_and_names_the_line_but_not_its_text(case: EnvCase) -> None:
    with pytest.raises(UnsafeEdit) as refusal:
        assign(EnvText(case.before), case.key, case.value)
    error = refusal.value
    assert isinstance(error, Refused)
    assert f"line {case.line}" in error.message
    assert case.key in error.message
    assert not any(line in error.message for line in case.before.decode().splitlines() if "=" in line)


def test_there_are_at_least_60_cases() -> None:
    assert len(CASES) >= 60


def test_phpdotenv_sees_exactly_the_intended_key_differ_in_every_case() -> None:
    phpdotenv_or_skip()
    read = read_by_phpdotenv([text for case in EDITED for text in (case.before, case.after or b"")])
    for case, before, after in zip(EDITED, read[::2], read[1::2], strict=True):
        assert (before is not None) == (case.phpdotenv == "reads"), case.name
        assert (after is not None) == (case.phpdotenv == "reads" or case.mended), case.name
        if after is not None:
            assert after[case.key] == case.value, case.name
        if before is not None and after is not None:
            told = {case.key, *case.also}
            assert {k: v for k, v in before.items() if k not in told} == {
                k: v for k, v in after.items() if k not in told
            }, case.name


def test_phpdotenv_reads_the_refused_cases_as_they_are_marked() -> None:
    phpdotenv_or_skip()
    for case, read in zip(REFUSED, read_by_phpdotenv([case.before for case in REFUSED]), strict=True):
        assert (read is not None) == (case.phpdotenv == "reads"), case.name
        assert not read or case.key not in read, case.name


def test_phpdotenv_agrees_on_a_thousand_files_made_at_random() -> None:
    """One php process judges them all: what is read, and what an edit changes."""
    phpdotenv_or_skip()
    dice = random.Random(20)  # noqa: S311  (repeatable, not secret)
    texts = [EnvText(_soup(dice) if number % 2 else _lines(dice)) for number in range(6000)]
    pairs = [(text, edited) for text in texts if (edited := _edited_or_none(text)) is not None]
    read = read_by_phpdotenv([one.data for pair in pairs for one in pair])
    judged = 0
    for (text, edited), before, after in zip(pairs, read[::2], read[1::2], strict=True):
        if before is None or len(readings(text.data)) > 1:  # the judge is one version, the editor minds both
            continue
        judged += 1
        assert after is not None, text.data
        assert after.get("KEY") == "15,42", text.data
        assert _without_key(before) == _without_key(after), text.data
        assert value_of(edited, "KEY") == "15,42"
        shown = value_of(text, "KEY")
        assert (
            definitions(text, "KEY") == 0
            or shown is None
            or "$" in shown
            or not shown.isascii()
            or (shown == before["KEY"])
        ), text.data
        assert (definitions(text, "KEY") == 0) == ("KEY" not in before), text.data
    assert judged > 1000


def _soup(dice: random.Random) -> bytes:
    return b"".join(dice.choices(_PIECES, k=dice.randint(1, 14)))


def _lines(dice: random.Random) -> bytes:
    lines = dice.choices(_LINES, k=dice.randint(1, 7))
    return b"".join(line + dice.choice(_ENDINGS) for line in lines)[: None if dice.random() < 0.7 else -1]


def _edited_or_none(text: EnvText) -> EnvText | None:
    try:
        return assign(text, "KEY", "15,42")
    except UnsafeEdit:
        return None


def _without_key(read: dict[str, str | None]) -> dict[str, str | None]:
    return {name: value for name, value in read.items() if name != "KEY"}


@given(soups, values)
@settings(deadline=None, max_examples=1000)
def test_restore_undoes_assign_whatever_the_file(text: EnvText, value: str) -> None:
    after = _edited(text, value)
    assert restore(after, "KEY", assignment_of(text, "KEY")) == text


@given(soups, values)
@settings(deadline=None, max_examples=500)
def test_assigning_twice_is_assigning_once(text: EnvText, value: str) -> None:
    once = _edited(text, value)
    assert value_of(once, "KEY") == value
    assert assign(once, "KEY", value) == once


@given(soups, values)
@settings(deadline=None, max_examples=500)
def test_what_stands_before_and_behind_the_definition_stays(text: EnvText, value: str) -> None:
    after = _edited(text, value).data
    old = assignment_of(text, "KEY")
    if old is None:
        assert after.startswith(text.data)
        assert after[len(text.data) :].strip() == b"KEY=" + value.encode()
    else:
        was = old.encode(errors="surrogateescape")
        places = (i for i in range(len(text.data) + 1) if text.data.startswith(was, i))
        assert any(after.startswith(text.data[:i]) and after.endswith(text.data[i + len(was) :]) for i in places)


def test_the_text_and_its_errors_show_no_secret() -> None:
    text = EnvText(b'A="hush-hush\nB=1\n')
    assert repr(text) == "EnvText(17 bytes)"
    with pytest.raises(UnsafeEdit) as refusal:
        assign(text, KEY, "true")
    error = refusal.value
    assert "hush" not in " ".join((error.message, error.state, error.hint, error.subject, *error.details))
    assert "line 1" in error.message


@pytest.mark.parametrize(
    ("line", "value", "assignment"),
    [
        ("KEY=false", "false", "=false"),
        (' KEY = "false" # x', "false", ' = "false"'),
        ("KEY='a # b'", "a # b", "='a # b'"),
        ('KEY="a\\n\\"b\\" \\\\ \\$C"', 'a\n"b" \\ $C', '="a\\n\\"b\\" \\\\ \\$C"'),
        ("KEY=x#y", "x", "=x"),
        ("KEY=${A}", "${A}", "=${A}"),
        ("KEY=15, 42 # x", "15, 42", "=15, 42"),
        ("KEY=", "", "="),
        ('KEY=""', "", '=""'),
        ("KEY", None, ""),
        ("#KEY=1", None, None),
        ("KEYS=1", None, None),
        ("", None, None),
        ('KEY="a\r\nb"', "a\nb", '="a\r\nb"'),
        ("KEY=first\nKEY=last", "last", "=last"),
    ],
)
def test_a_value_and_its_assignment_are_told_exactly(line: str, value: str | None, assignment: str | None) -> None:
    text = EnvText(line.encode())
    assert (value_of(text, "KEY"), assignment_of(text, "KEY")) == (value, assignment)


def test_duplicates_are_counted_under_all_their_names() -> None:
    assert definitions(EnvText(b"KEY=1\nexport KEY=2\n\"KEY\"=3\n'KEY'=4\nKEY\n#KEY=5\nKEYS=6\n"), "KEY") == 5


def test_a_removed_definition_is_put_back_at_the_end() -> None:
    assert restore(EnvText(b"A=1\n"), "KEY", '="x y"').data == b'A=1\nKEY="x y"\n'


def test_removing_what_is_not_there_changes_nothing() -> None:
    assert restore(EnvText(b"A=1\n"), "KEY", None).data == b"A=1\n"


def test_an_appended_line_that_was_written_to_since_is_still_removed() -> None:
    appended = assign(EnvText(b"A=1"), "KEY", "true")
    assert restore(EnvText(appended.data + b" # mine\nB=2\n"), "KEY", None).data == b"A=1\nB=2\n"


def test_a_definition_over_several_lines_is_never_removed_whole() -> None:
    with pytest.raises(UnsafeEdit, match="several lines"):
        restore(EnvText(b'KEY=1 #="\nB=2\n"\n'), "KEY", None)


@pytest.mark.parametrize("value", ["two words", "a#b", '"', "'", "$A", "a\nb", "\\", "ä"])
def test_a_value_that_would_need_quotes_is_a_defect(value: str) -> None:
    with pytest.raises(ValueError, match="plain"):
        assign(EnvText(b""), "KEY", value)


def test_where_only_newer_phpdotenv_reads_the_key_it_is_edited() -> None:
    """Before 5.5 the last line of CERT opens another block, and the rest of the file is dropped."""
    text = EnvText(b'CERT="abc\ndef="\nKEY=false\n')
    assert assign(text, "KEY", "true").data == b'CERT="abc\ndef="\nKEY=true\n'
    assert assign(EnvText(b'CERT="abc\ndef="\n'), "KEY", "true").data == b'CERT="abc\ndef="\nKEY=true\n'


def test_where_the_versions_of_phpdotenv_obey_different_lines_the_edit_is_refused() -> None:
    with pytest.raises(UnsafeEdit, match="versions of phpdotenv"):
        assign(EnvText(b'KEY=1\nCERT="abc\ndef="\nKEY=2\n'), "KEY", "true")
