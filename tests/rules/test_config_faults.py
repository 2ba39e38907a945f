"""How each mistake in environments.yaml is told: its line, what is wrong, and what stands there."""

from __future__ import annotations

from pathlib import Path

import pytest

from rolloutctl.errors import ConfigurationError
from rolloutctl.outside.yaml_file import load

FINGERPRINT = "SHA256:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU"

_DURATION = ".hold must be a duration such as 30s, 10m, 24h or 7d"
_TEXT = "must be text (put a number in quotes)"
_URL = ".url must be a scheme and a name such as https://api.example.com"
_WHEN = '.freeze[0].from must be a weekday and a time such as "Fri 15:00"'
_HEADERS = ".health.headers must be names of headers with their values as text"
_STATUS = ".health.expect must be an HTTP status or a list of them: 200, or [200, 302]"
_SHORT = ' must be a mapping or "user@name:port", an IPv6 address in brackets'
_NAMED = "must be letters, digits, '.', '_' and '-', a letter or digit first"
_VARIABLE = ".key must be the name of a variable: letters, digits, '_' and '.'"
_VERSION = "version must be the number 1, the only format that this rolloutctl reads"
_DEMO = "environments: {demo: {connection: embedded}}\n"


def told(text: str, folder: Path, secrets: dict[str, str] | None = None) -> list[str]:
    """The faults of a file, without its name."""
    path = folder / "environments.yaml"
    path.write_text(text)
    with pytest.raises(ConfigurationError) as caught:
        load(path, secrets or {})
    assert all(line.startswith("environments.yaml:") for line in caught.value.details)
    return [line.removeprefix("environments.yaml:") for line in caught.value.details]


def in_environment(*lines: str) -> str:
    """A file whose environment `web` begins on line 3 and has the lines, from 4 on."""
    return "\n".join(["version: 1", "environments:", "  web:", *(f"    {line}" for line in lines), ""])


def in_flag(*lines: str) -> str:
    """A file whose flag `portal` begins on line 4 and has the lines, from 5 on."""
    head = ["version: 1", "environments: {demo: {connection: embedded}}", "flags:", "  portal:"]
    return "\n".join([*head, *(f"    {line}" for line in lines), ""])


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", "1: the file is empty"),
        ("# only a comment\n", "1: the file is empty"),
        ("null\n", "1: the file must be a mapping: null"),
        ("- a\n", "1: the file must be a mapping: a list"),
        (_DEMO, "1: the file needs the key version"),
        ("version: 1\n", "1: the file needs the key environments"),
        ("version: 1\nenvironments: {}\n", "2: environments names no environment"),
        ("version: 1\nenvironments:\n", "2: environments names no environment"),
        ("version: 1\nenvironments: [a]\n", "2: environments must be a mapping of names: a list"),
        ("version: 2\nfoo: bar\n", f"1: {_VERSION}: 2"),
        ('version: "1"\nfoo: bar\n', f"1: {_VERSION}: 1"),
        (f"version: 1\nversion: 1\n{_DEMO}", "2: the key stands on line 1 already: version"),
        (
            f"version: 1\n{_DEMO}enviroments: {{}}\n",
            "3: unknown key in the file: enviroments; did you mean 'environments'?",
        ),
        (f"version: 1\n{_DEMO}defaults: {{url: https://x}}\n", "3: unknown key in defaults: url"),
        (f"version: 1\n{_DEMO}defaults: text\n", "3: defaults must be a mapping: text"),
        ("version: 1\nenvironments:\n  -x: {connection: embedded}\n", f"3: a name in environments {_NAMED}: -x"),
        (f"version: 1\n{_DEMO}flags:\n  a b:\n", f"4: a name in flags {_NAMED}: a b"),
        (in_environment("hosts: [w]"), "3: environments.web needs app, the folder of the application, for the host w"),
        (in_environment("app: /app"), '3: environments.web has no hosts; write hosts: ["user@name:port"]'),
        (in_environment("app: /app", "hosts: []"), '3: environments.web has no hosts; write hosts: ["user@name:port"]'),
        (f"version: 1\n{_DEMO}flags: {{a: {{key: K}}, b: {{key: K}}}}\n", "3: flags.b has the key of flags.a: K"),
        (f"version: 1\n{_DEMO}flags:\n  a:\n  b: {{key: FEATURE_A}}\n", "5: flags.b has the key of flags.a: FEATURE_A"),
    ],
)
def test_a_fault_of_the_file_names_its_line(text: str, expected: str, tmp_path: Path) -> None:
    assert told(text, tmp_path) == [expected]


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("stpes: []", None),
        ("protected: yes", ".protected must be true or false: yes"),
        ("user: 12", ".user must be a user's name: 12"),
        ("user: -oProxyCommand=x", ".user must be a user's name: -oProxyCommand=x"),
        ("php: 8.2", f".php {_TEXT}: 8.2"),
        ("php: ''", f".php {_TEXT}: nothing"),
        ("php: [a]", f".php {_TEXT}: a list"),
        ("port: 70000", ".port must be a port, 1 to 65535: 70000"),
        ("state_dir: state", ".state_dir must be a path that begins with / or ~/: state"),
        (
            "connection: opensh",
            ".connection must be paramiko, openssh, local or embedded: opensh; did you mean 'openssh'?",
        ),
        ("hold: soon", f"{_DURATION}: soon"),
        ("hold: 0", f"{_DURATION}: 0"),
        ("hold: 0s", f"{_DURATION}: 0s"),
        ("hold: 900d", f"{_DURATION}: 900d"),
        ("hold: -5", f"{_DURATION}: -5"),
        ("hold: .inf", f"{_DURATION}: .inf"),
        ("hold: true", f"{_DURATION}: true"),
        ("hold: null", f"{_DURATION}: null"),
        ("volatile: [app built]", ".volatile must be a list of settings' dotted names: app built"),
        ("url: staging.example.com", f"{_URL}; it begins with https:// or http://: staging.example.com"),
        ("url: https://x/health", f"{_URL}; paths belong into health and probes: https://x/health"),
        ("url: 'https://[::1'", f"{_URL}: https://[::1"),
        ("url: https://u:p@x", f"{_URL}: https://u:p@x"),
        ("local_address: ftp://x", ".local_address must be an address such as 10.0.0.5:8080: ftp://x"),
        ("requires: [wbe]", ".requires names no environment: wbe"),
        ("requires: [web]", ".requires comes back to itself: web"),
        ("requires: web", ".requires must be a list of names: web"),
        ("health: {}", ".health needs the key path"),
        ("health: /health", ".health must be a mapping: /health"),
        ("health: {path: health}", ".health.path must be a path that begins with /: health"),
        ("health: {path: /h, expect: [200, 2000]}", f"{_STATUS}: 2000"),
        ("health: {path: /h, json: [a]}", ".health.json must be a mapping: a list"),
        ("health: {path: /h, headers: {'a b': c}}", f"{_HEADERS}; HTTP does not allow this one: a b"),
        ("health: {path: /h, headers: {Host: 5}}", f"{_HEADERS}: 5"),
        ("steps: [{name: a}]", ".steps[0] needs run or builtin, and only one of them: a"),
        (
            "steps: [{name: a, run: b, builtin: config-cache}]",
            ".steps[0] needs run or builtin, and only one of them: a",
        ),
        (
            "steps: [{name: a, builtin: config-cahe}]",
            ".steps[0].builtin must be config-cache or opcache-forget: config-cahe; did you mean 'config-cache'?",
        ),
        (
            "steps: [{name: a, builtin: opcache-forget}]",
            ".steps[0]: builtin: opcache-forget and socket need one another: a",
        ),
        (
            "steps: [{name: a, run: b, socket: /run/php.sock}]",
            ".steps[0]: builtin: opcache-forget and socket need one another: a",
        ),
        (
            "steps: [{name: a, builtin: opcache-forget, socket: run/php.sock}]",
            ".steps[0].socket must be an absolute path, or an address with a port: run/php.sock",
        ),
        ("steps: [{name: a, run: null}]", ".steps[0] needs run or builtin, and only one of them: a"),
        ("steps: [{run: b}]", ".steps[0] needs the key name"),
        ("steps: [restart]", ".steps[0] must be a mapping: restart"),
        ("steps: {name: a}", ".steps must be a list: a mapping"),
        ("freeze: [{from: Fri 15, to: 'Mon 08:00', zone: UTC}]", f"{_WHEN}: Fri 15"),
        ("freeze: [{from: 'Fri 25:00', to: 'Mon 08:00', zone: UTC}]", f"{_WHEN}: Fri 25:00"),
        ("freeze: [{from: 'Fri 15:00', to: 'Fri 15:00', zone: UTC}]", ".freeze[0] ends when it begins: Fri 15:00"),
        (
            "freeze: [{from: 'Fri 15:00', to: 'Mon 08:00', zone: Europe/Berln}]",
            ".freeze[0].zone must be a time zone such as Europe/Berlin: Europe/Berln",
        ),
        ("freeze: [{from: 'Fri 15:00', to: 'Mon 08:00'}]", ".freeze[0] needs the key zone"),
    ],
)
def test_a_fault_of_an_environment_names_its_line(line: str, expected: str | None, tmp_path: Path) -> None:
    told_there = "unknown key in environments.web: stpes; did you mean 'steps'?"
    wanted = f"6: environments.web{expected}" if expected else f"6: {told_there}"
    assert told(in_environment("app: /app", "hosts: [web-1]", line), tmp_path) == [wanted]


@pytest.mark.parametrize(
    ("hosts", "expected"),
    [
        ("a", ".hosts must be a list: a"),
        ("{}", ".hosts needs run or inventory, and only one of them"),
        ("{run: a, inventory: b}", ".hosts needs run or inventory, and only one of them"),
        ("{run: a, timeout: soon}", f".hosts{_DURATION.replace('.hold', '.timeout')}: soon"),
        ("{inventory: a, group: '*'}", f".hosts.group {_NAMED}: *"),
        ("[a, b, A]", " has two hosts of one name; give each its own name: A"),
        ("[{name: a, address: x}, {name: b, address: X}]", " lists one host twice, as a and as b: X"),
        ("[-oProxyCommand=x]", f".hosts[0]{_SHORT}: -oProxyCommand=x"),
        ("['-x@web']", f".hosts[0]{_SHORT}: -x@web"),
        ("['::1']", f".hosts[0]{_SHORT}: ::1"),
        ("['a:99999']", f".hosts[0]{_SHORT}: a:99999"),
        ("[7]", f".hosts[0]{_SHORT}: 7"),
        ("[_dmarc]", ".hosts[0] must begin with a letter or a digit: _dmarc"),
        ("[{port: 22}]", ".hosts[0] needs a name or an address"),
        ("[{name: -x}]", f".hosts[0].name {_NAMED}: -x"),
        ("[{name: a, address: -x}]", ".hosts[0].address must be a name or an address: -x"),
        ("[{address: '1:2'}]", ".hosts[0].address must be a name or an address: 1:2"),
    ],
)
def test_a_fault_of_a_host_names_its_line(hosts: str, expected: str, tmp_path: Path) -> None:
    assert told(in_environment("app: /app", f"hosts: {hosts}"), tmp_path) == [f"5: environments.web{expected}"]


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("key: 1FEATURE", f".portal{_VARIABLE}: 1FEATURE"),
        ("key: 'A B'", f".portal{_VARIABLE}: A B"),
        ("{key: A, companies_key: A}", ".portal has the key of flags.portal: A"),
        (
            "config: features..x",
            ".portal.config must be a setting's dotted name such as features.customer_portal: features..x",
        ),
        ("probes: [{path: /p}]", ".portal.probes[0] expects nothing; write off and on, or always: /p"),
        ("probes: [{path: /p, always: 200, on: 200}]", ".portal.probes[0] has always beside on: /p"),
        ("probes: [{path: p, on: 200}]", ".portal.probes[0].path must be a path that begins with /: p"),
        ("probes: {path: /p}", ".portal.probes must be a list: a mapping"),
        ("description: 2026", f".portal.description {_TEXT}: 2026"),
    ],
)
def test_a_fault_of_a_flag_names_its_line(line: str, expected: str, tmp_path: Path) -> None:
    assert told(in_flag(line), tmp_path) == [f"5: flags{expected}"]


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ('description: "a\\x07b"', "a\\x07b"),
        ('description: "a\\nb"', "a\\nb"),
        ('description: "a\\u202eb"', "a\\u202eb"),
        ("description: |\n      a\n      b", "a\\nb"),
    ],
)
def test_control_characters_are_refused_and_never_shown_raw(line: str, expected: str, tmp_path: Path) -> None:
    assert told(in_flag(line), tmp_path) == [f"5: a line break, or a character that can't be seen: {expected}"]


def test_a_fault_inside_a_block_names_the_line_of_the_value(tmp_path: Path) -> None:
    text = in_environment(
        "app: /app",
        "hosts:",
        "  - web-1",
        "  - name: web-2",
        "    port: ssh",
        "known_hosts:",
        f"  - {FINGERPRINT}",
        "  - SHA256:abc",
        "requires:",
        "  - web",
        "health:",
        "  expect: 200",
    )
    fingerprints = "a list of fingerprints: SHA256: and 43 characters, as `ssh-keygen -lf` shows them: SHA256:abc"
    assert told(text, tmp_path) == [
        "8: environments.web.hosts[1].port must be a port, 1 to 65535: ssh",
        f"11: environments.web.known_hosts must be {fingerprints}",
        "13: environments.web.requires comes back to itself: web",
        "14: environments.web.health needs the key path",
    ]


def test_environments_that_require_each_other_in_a_circle_are_refused(tmp_path: Path) -> None:
    text = (
        "version: 1\ndefaults: {connection: local, app: /app}\nenvironments:\n"
        "  a: {requires: [b]}\n  b: {requires: [c]}\n  c: {requires: [a]}\n  d: {requires: [a]}\n"
    )
    assert told(text, tmp_path) == [
        "4: environments.a.requires comes back to itself: b",
        "5: environments.b.requires comes back to itself: c",
        "6: environments.c.requires comes back to itself: a",
    ]


def test_a_misspelt_environment_in_requires_is_answered_with_the_likely_one(tmp_path: Path) -> None:
    text = "version: 1\nenvironments:\n  demo: {connection: embedded}\n  b: {connection: embedded, requires: [demp]}\n"
    assert told(text, tmp_path) == ["4: environments.b.requires names no environment: demp; did you mean 'demo'?"]


def test_all_faults_are_told_at_once_in_the_order_of_the_lines(tmp_path: Path) -> None:
    text = in_environment("app: app", "hosts: [web-1, web-1]", "url: x", "steps: [{name: 1}]", "protected: 1")
    lines = [
        line.partition(":")[0] for line in told(text + "flags: {a: {probes: [{path: x, on: 1}]}}\nx: 1\n", tmp_path)
    ]
    assert lines == ["4", "5", "6", "7", "8", "9", "9", "10"]


def test_a_misspelt_key_is_not_told_to_be_missing_too(tmp_path: Path) -> None:
    text = in_environment("ap: /app", "hots: [web-1]", "steps: [{nme: a, run: b}]", "connection: lokal")
    assert [line.split(": ", 2)[2] for line in told(text + "enviroments: {}\n", tmp_path)] == [
        "ap; did you mean 'app'?",
        "hots; did you mean 'hosts'?",
        "nme; did you mean 'name'?",
        "lokal; did you mean 'local'?",
        "enviroments; did you mean 'environments'?",
    ]


def test_the_error_says_which_file_and_how_many_faults(tmp_path: Path) -> None:
    path = tmp_path / "environments.yaml"
    path.write_text("version: 1\n")
    with pytest.raises(ConfigurationError, match=r"^environments\.yaml has a fault\.$") as caught:
        load(path, {})
    assert caught.value.subject == str(path)
    assert caught.value.exit_status == 2
    path.write_text("version: 1\na: b\n")
    with pytest.raises(ConfigurationError, match=r"^environments\.yaml has 2 faults\.$"):
        load(path, {})


def test_the_value_of_a_secret_is_in_no_fault(tmp_path: Path) -> None:
    text = in_environment(
        "app: /app", "hosts: [web-1]", "url: https://x/${A}", "health: {path: /h, headers: {X: '${A}'}}", "bad: '${A}'"
    )
    told_so = told(text, tmp_path, {"A": "hunter\n2"})
    assert told_so == ["8: unknown key in environments.web: bad"]
