"""Templates: what they make of facts, what they refuse, and how an error names its line."""

from pathlib import Path

import pytest

from rolloutctl.errors import ConfigurationError
from rolloutctl.outside.templates import MissingFacts, render


def own(folder: Path, text: str, name: str = "own.md.j2") -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def test_a_template_is_filled_with_facts(tmp_path: Path) -> None:
    text = "Hello {{ who }}\n"
    text += "{% for company in companies %}\n- {{ company }}\n{% endfor %}\n"
    text += "{% if link is defined %}\nno\n{% endif %}"
    assert render(own(tmp_path, text), {"who": "<team>", "companies": [15, 42]}, html=False) == (
        "Hello <team>\n- 15\n- 42\n"
    )


def test_among_html_what_is_filled_in_is_escaped(tmp_path: Path) -> None:
    page = render(own(tmp_path, "<p>{{ who }}</p>"), {"who": "<script>'\"&"}, html=True)
    assert page == "<p>&lt;script&gt;&#39;&#34;&amp;</p>"


def test_every_fact_that_is_missing_is_named_with_its_line(tmp_path: Path) -> None:
    path = own(
        tmp_path,
        "{{ who }}\n{% for one in list %}{{ one }}{% endfor %}\n{{ who }} {% if on_call == 'x' %}{% endif %}\n",
    )
    with pytest.raises(MissingFacts) as raised:
        render(path, {}, html=False)
    assert raised.value.names == ("who", "list", "on_call")
    assert raised.value.details == (f"who: {path}:1", f"list: {path}:2", f"on_call: {path}:3")


def test_a_part_of_a_fact_that_is_missing_is_named_too(tmp_path: Path) -> None:
    path = own(tmp_path, "\n{{ phase.named }}")
    with pytest.raises(ConfigurationError, match="'dict object' has no attribute 'named'") as raised:
        render(path, {"phase": {}}, html=False)
    assert raised.value.subject == f"{path}:2"


@pytest.mark.parametrize(
    ("text", "line", "said"),
    [
        ("ok\n{% if %}", 2, "This is no Jinja2: Expected an expression, got 'end of statement block'."),
        ("\n\n{{ who", 3, "This is no Jinja2: unexpected end of template"),
        ("\n{{ 1 / 0 }}", 2, "The template can't be filled in: division by zero."),
        ("\n{{ ''.__class__.__mro__ }}", 2, "access to attribute '__class__' of 'str' object is unsafe."),
        ("\n{{ facts.clear() }}", 2, "The template can't be filled in:"),
        ("{% include 'none.j2' %}", 1, "There is no template none.j2."),
        ("{% include '../secret' %}", 1, "There is no template ../secret."),
    ],
)
def test_what_is_wrong_is_told_with_its_line(tmp_path: Path, text: str, line: int, said: str) -> None:
    folder = tmp_path / "own"
    folder.mkdir()
    own(tmp_path, "a secret", "secret")
    path = own(folder, text)
    with pytest.raises(ConfigurationError) as raised:
        render(path, {"facts": {"a": 1}}, html=False)
    assert said in raised.value.message
    assert raised.value.subject == f"{path}:{line}"


@pytest.mark.parametrize("name", ["../templates.py", "announce", "/etc/passwd", "none.j2"])
def test_a_shipped_template_is_one_of_the_folder(name: str) -> None:
    with pytest.raises(ConfigurationError, match="There is no template"):
        render(name, {}, html=False)


def test_a_template_that_is_not_there_or_no_text_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="There is no template none"):
        render(tmp_path / "none.j2", {}, html=False)
    path = tmp_path / "bytes.j2"
    path.write_bytes(b"\xff\xfe")
    with pytest.raises(ConfigurationError) as raised:
        render(path, {}, html=False)
    assert raised.value.subject == str(path)


def test_an_own_template_includes_its_neighbour(tmp_path: Path) -> None:
    own(tmp_path, "-- {{ who }}", "end.j2")
    assert render(own(tmp_path, "{% include 'end.j2' %}"), {"who": "Ana"}, html=False) == "-- Ana"
