"""Finding environments.yaml, reading it as YAML, and the secrets that it names."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from rolloutctl.errors import ConfigurationError
from rolloutctl.outside.places import find
from rolloutctl.outside.yaml_file import load
from rolloutctl.outside.yaml_tree import Unreadable, read_tree
from rolloutctl.rules.config import Configuration, schema

SMALLEST = "version: 1\nenvironments: {demo: {connection: embedded}}\n"
ASKING = """\
version: 1
environments:
  demo: {connection: embedded, url: "https://${SITE}", health: {path: /h, headers: {Authorization: "Bearer ${TOKEN}"}}}
"""
SHIPPED = Path(__file__).parents[2] / "environments.yaml"


def written(folder: Path, text: str | bytes = SMALLEST, name: str = "environments.yaml") -> Path:
    path = folder / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def fault_of(path: Path) -> str:
    with pytest.raises(ConfigurationError) as caught:
        load(path, {})
    (line,) = caught.value.details
    return line


def value_of(text: str) -> object:
    return read_tree(text)[0].plain()


def test_the_nearest_file_upward_is_found(tmp_path: Path) -> None:
    below = tmp_path / "a" / "b"
    below.mkdir(parents=True)
    upper = written(tmp_path)
    assert find(None, {}, below) == upper
    nearer = written(tmp_path / "a")
    assert find(None, {}, below) == nearer


def test_config_goes_before_the_variable_and_the_variable_before_the_folder(tmp_path: Path) -> None:
    written(tmp_path)
    first, second = written(tmp_path, name="first.yaml"), written(tmp_path, name="second.yaml")
    environ = {"ROLLOUTCTL_CONFIG": "second.yaml"}
    assert find(Path("first.yaml"), environ, tmp_path) == first
    assert find(None, environ, tmp_path) == second
    assert find(None, {"ROLLOUTCTL_CONFIG": ""}, tmp_path) == tmp_path / "environments.yaml"


def test_a_folder_may_be_named_instead_of_the_file(tmp_path: Path) -> None:
    path = written(tmp_path)
    assert find(tmp_path, {}, Path("/")) == path


def test_no_file_anywhere_says_where_it_looked_and_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError) as caught:
        find(None, {}, tmp_path)
    assert caught.value.message == f"There is no environments.yaml in {tmp_path} or in any folder above it."
    assert "--config PATH" in caught.value.hint
    assert "ROLLOUTCTL_CONFIG=PATH" in caught.value.hint


@pytest.mark.parametrize(("explicit", "how"), [(Path("x.yaml"), "--config"), (None, "ROLLOUTCTL_CONFIG")])
def test_a_named_file_that_is_not_there_is_no_reason_to_take_another(
    tmp_path: Path, explicit: Path | None, how: str
) -> None:
    written(tmp_path)
    with pytest.raises(ConfigurationError) as caught:
        find(explicit, {"ROLLOUTCTL_CONFIG": "x.yaml"}, tmp_path)
    assert caught.value.message == f"{how} names a file that is not there."
    assert caught.value.subject == str(tmp_path / "x.yaml")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("version: 1\nenvironments:\n\tdemo: {}\n", "3: a tab; indent with spaces: demo: {}"),
        ("version: 1\nenvironments: [\n", "2: expected the node content, but found '<stream end>': environments: ["),
        ("a: b: c\n", "1: mapping values are not allowed here: a: b: c"),
        ("a: 'b\n", "1: found unexpected end of stream: a: 'b"),
        ("a: 1\n---\nb: 2\n", "2: a second document begins: ---"),
        ("a: &x {b: *x}\n", "1: a value that holds itself: *x"),
        ("a: *y\n", "1: no such anchor before this line: *y"),
        ("? [a]\n: b\n", "1: a key must be text: a list"),
        (
            'version: 1\nenvironments: {demo: {connection: embedded}}\nflags: {a: {description: "\\ud83d"}}\n',
            "3: half a character, an escape without its other half: ?",
        ),
        ("a: b\0c\n", "1: a character that YAML does not allow: '\\x00'"),
        (b"a: 1\nb: \xff\n", "2: not UTF-8: the byte 0xff"),
        ("[" * 3000, "1: more than 40 levels deep"),
        ("# " + "x" * 1_000_000, "1: larger than any such file: 1,000,001 bytes"),
    ],
)
def test_what_is_no_yaml_of_ours_is_one_line(tmp_path: Path, text: str | bytes, expected: str) -> None:
    assert fault_of(written(tmp_path, text)) == f"environments.yaml:{expected}"


def test_a_tag_is_not_obeyed(tmp_path: Path) -> None:
    text = f"{SMALLEST}flags: {{a: {{description: !!python/name:os.system x}}}}\n"
    assert fault_of(written(tmp_path, text)) == (
        "environments.yaml:3: a tag, which is not read here: tag:yaml.org,2002:python/name:os.system"
    )


def test_a_duplicate_key_is_told_beside_the_other_faults(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError) as caught:
        load(written(tmp_path, f"{SMALLEST}defaults: {{php: a, php: b}}\nx: 1\n"), {})
    assert caught.value.details == (
        "environments.yaml:3: the key stands on line 3 already: php",
        "environments.yaml:4: unknown key in the file: x",
    )


def test_aliases_that_multiply_are_refused_before_they_fill_the_memory() -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 30)]
    with pytest.raises(Unreadable, match="more than 20,000 values"):
        read_tree("\n".join(lines))


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("true", True),
        ("False", False),
        ("yes", "yes"),
        ("off", "off"),
        ("~", None),
        ("12:30", "12:30"),
        ("0755", 755),
        ("-3", -3),
        ("1.5", 1.5),
        ("1e3", "1e3"),
        (".nan", ".nan"),
        ("9" * 5000, "9" * 5000),
        ("2026-11-23", "2026-11-23"),
        ("'1'", "1"),
        ("!!str 1", "1"),
        ("{on: 1, 2: b, ~: c}", {"on": 1, "2": "b", "~": "c"}),
        ("{a: &x {b: 1, c: 2}, d: {<<: *x, c: 3}}", {"a": {"b": 1, "c": 2}, "d": {"c": 3, "b": 1}}),
        ("{a: &x [1], b: *x}", {"a": [1], "b": [1]}),
        ("a: |\n  one\n  two\n", {"a": "one\ntwo"}),
    ],
)
def test_scalars_are_those_of_yaml_1_2_and_keys_are_text(text: str, value: object) -> None:
    assert value_of(text) == value


def test_a_byte_order_mark_and_windows_line_endings_are_read(tmp_path: Path) -> None:
    path = written(tmp_path, b"\xef\xbb\xbf" + SMALLEST.replace("\n", "\r\n").encode())
    assert list(load(path, {}).environments) == ["demo"]


def test_a_secret_comes_from_the_environment_before_the_file_beside(tmp_path: Path) -> None:
    path = written(tmp_path, ASKING)
    (tmp_path / ".env").write_text("TOKEN=from-file\nSITE='api.example.com'\n")
    demo = load(path, {"TOKEN": "from-environment"}).environment("demo")
    assert demo.url == "https://api.example.com"
    assert demo.health is not None
    assert demo.health.headers == {"Authorization": "Bearer from-environment"}
    assert "from-environment" not in repr(demo)


def test_the_process_environment_is_read_where_none_is_given(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TOKEN", "t")
    monkeypatch.setenv("SITE", "api.example.com")
    assert load(written(tmp_path, ASKING)).environment("demo").url == "https://api.example.com"


def test_a_file_of_secrets_that_can_not_be_read_is_a_matter_of_those_who_need_it(tmp_path: Path) -> None:
    path = written(tmp_path, ASKING)
    (tmp_path / ".env").write_bytes(b"SITE=api.example.com\n# M\xfcller's\nTOKEN=t\n")
    demo = load(path, {"SITE": "www.example.com"}).environment("demo")
    assert (demo.url, demo.health) == ("https://www.example.com", None)
    assert demo.unmet == (
        "environments.yaml:3: environments.demo.health.headers names a secret that is not in the environment, "
        "and .env beside this file is not UTF-8 (line 2): ${TOKEN}",
    )
    (tmp_path / ".env").unlink()
    (tmp_path / ".env").symlink_to("x" * 300)
    (unmet,) = load(path, {"SITE": "www.example.com"}).environment("demo").unmet
    assert unmet.endswith(" and .env beside this file can't be read (file name too long): ${TOKEN}")


def test_a_file_that_is_gone_or_a_folder_is_told(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"^gone\.yaml can't be read: No such file or directory\.$"):
        load(tmp_path / "gone.yaml", {})
    with pytest.raises(ConfigurationError, match=r"can't be read: Is a directory\.$"):
        load(tmp_path, {})


def _loads_or_tells(path: Path, text: bytes) -> None:
    path.write_bytes(text)
    told: tuple[str, ...] = ()
    try:
        load(path, {})
    except ConfigurationError as error:
        told = error.details or ("nothing",)
    assert [line for line in told if not (line.startswith(f"{path.name}:") and line.isprintable())] == []


_JUNK = st.text(st.sampled_from("ab:-[]{}&*!|>'\"%@`#,?\t\n <~.0é\x07\u2028"), max_size=60).map(str.encode)
_KEYS = st.sampled_from(
    sorted({key for kind in schema()["$defs"].values() for key in kind["properties"]} | {"zzz", "<<"})
)
_LEAVES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-5, 70000),
    st.sampled_from(["", "a", "demo", "embedded", "local", "/p", "${X}", "30s", "Fri 15:00", "UTC", "https://x", "-x"]),
    st.text(max_size=5),
)
_TREES = st.recursive(
    _LEAVES, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_KEYS, inner, max_size=5), max_leaves=25
)
_SLOW_FOLDER = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=200, deadline=None)


@_SLOW_FOLDER
@given(st.binary(max_size=60) | _JUNK)
@example(b"? ? ? :")
@example(b"a: &\x85 b")
def test_junk_is_told_and_never_crashes(tmp_path: Path, text: bytes) -> None:
    _loads_or_tells(tmp_path / "environments.yaml", text)


@_SLOW_FOLDER
@given(st.dictionaries(_KEYS, _TREES, max_size=4), _TREES, _TREES, _TREES)
def test_misplaced_keys_and_values_are_told_and_never_crash(
    tmp_path: Path, top: dict[str, object], environment: object, flag: object, defaults: object
) -> None:
    tree = top | {"version": 1, "environments": {"a": environment}, "flags": {"b": flag}, "defaults": defaults}
    _loads_or_tells(tmp_path / "environments.yaml", json.dumps(tree).encode())


@_SLOW_FOLDER
@given(st.data())
def test_the_shipped_file_with_a_piece_cut_out_is_told_and_never_crashes(tmp_path: Path, data: st.DataObject) -> None:
    text = SHIPPED.read_bytes()
    start = data.draw(st.integers(0, len(text)))
    end = data.draw(st.integers(start, min(len(text), start + 200)))
    filling = data.draw(_JUNK)
    _loads_or_tells(tmp_path / "environments.yaml", text[:start] + filling + text[end:])


def test_an_unreadable_file_is_told(tmp_path: Path) -> None:
    path = written(tmp_path)
    path.chmod(0)
    if os.access(path, os.R_OK):  # the superuser reads it all the same
        assert isinstance(load(path, {}), Configuration)
        return
    with pytest.raises(ConfigurationError, match="Permission denied"):
        load(path, {})
