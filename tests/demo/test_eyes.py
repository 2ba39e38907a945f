"""The stand-in's answers beside those that real PHP, phpdotenv and host.php give to the same questions."""

from __future__ import annotations

import base64
import itertools
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

import rolloutctl
from rolloutctl.demo import configuration
from rolloutctl.demo.application import Application, WebServer

_HOST_PHP = Path(rolloutctl.__file__).parent / "outside/host.php"
_PHPDOTENV = Path("/usr/share/php/Dotenv/autoload.php")

# Only as much of an application as host.php asks.
_BOOTSTRAP = """<?php
return new class {
    public function version() { return 'demo'; }
    public function getCachedConfigPath() {
        return getenv('APP_CONFIG_CACHE') ?: getcwd() . '/bootstrap/cache/config.php';
    }
    public function environmentFilePath() { return getcwd() . '/.env'; }
};
"""
_AUTOLOAD = "<?php error_reporting(E_ALL & ~E_DEPRECATED & ~E_USER_DEPRECATED); require_once 'Dotenv/autoload.php';\n"

_FILES = (
    b"",
    b"A=1\nB=2\nFEATURE_A=true\nFEATURE_B=\n",
    b"# a comment\n\n  A = 1  \nexport B=2 # why\r\nC=x#y\rD=#all\n",
    b"A='x # y' # z\nB=\"x # y\" # z\nC='it' \nD=\"\"\nE=''\n",
    b'A="line 1\nFEATURE_A=no\nline 3"\nB=after\n',
    b'A="never closed\nB=lost\n',
    b'#OLD="x\nB=lost\nC="y"\nD=seen\n',
    b'A="\\n\\t\\\\ \\" \\$B ${C}"\nC=1\nD=${C}$C${NONE}\nE="${C}-${NONE}"\nF=\'${C}\'\n',
    b"A=1\nA=2\nFEATURE_A=true\nFEATURE_A=false\nB=x\nB\n",
    b"\"FEATURE_A\"=x\n'B'=y\n",
    b"FEATURE_A=15, 42\n",
    b"OK=1\nFEATURE_A=a b\nB=c d\n",
    b"A='open\nB=1\n",
    b'A="C:\\dir"\n',
    b"A='it\\'s'\n",
    b"A-B=1\n",
    b"=1\n",
    b"A=1\n  B\n",
    b"A\n",
    b"export A\n",
    b'A="x"y\n',
    b"A=x'y'\nB=x\"y\\z\nC=x\\$y\n",
    b'A=\xc3\xa4\xc3\xb6\nB="\xe2\x82\xac"\nC=\xa0x\n',
    b"A==1=\nB= =\nC=\t\n",
    b'A=1\n"\nB=2',
    b'A="1\n\n2" # x\n\nB="3\n4"x\n',
    b"A.B=1\n1A=2\n",
)
_PAIRS = (
    (b"A=1\nFEATURE_A=false\n", b"A=1\nFEATURE_A=true\n"),
    (b"A=1\nFEATURE_A=false", b"A=1\nFEATURE_A=false\nFEATURE_B=15,42\n"),
    (b"A=1\n", b"A=a b\n"),
    (b"A=a b\n", b"A=1\n"),
    (b'A="1\n', b'A="1"\nB=2\n'),
    (b"A=1\nB=2\n", b"B=2\nA=1\n"),
)
_CONFIGS: tuple[dict[str, Any], ...] = (
    {"app": {"key": "k", "debug": False}, "features": {"a": False, "a_companies": [], "rate": 1}},
    {"app": {"key": "k", "debug": False}, "features": {"a": True, "a_companies": [15, 42], "rate": 1.5}},
    {"app": {"key": "other", "built": "12:00"}, "features": {"a": True, "a_companies": "15,42", "rate": 1}},
    {"app": {}, "features": {"a": 1, "a_companies": None, "b": "x", "rate": "1"}},
)


class Two:
    """An application's folder, and both who answer for it."""

    def __init__(self, folder: Path) -> None:
        self.app = folder / "app"
        for name in ("bootstrap/cache", "vendor"):
            (self.app / name).mkdir(parents=True)
        (self.app / "bootstrap/app.php").write_text(_BOOTSTRAP)
        (self.app / "vendor/autoload.php").write_text(_AUTOLOAD)
        (self.app / ".env").write_bytes(b"A=1\n")
        self.folder = folder
        package = str(_HOST_PHP.parent.parent.parent)
        code = "import sys; sys.path.append(sys.argv.pop(1)); from rolloutctl.demo.php import main; main(sys.argv[1:])"
        self._php = ["php", str(_HOST_PHP)]
        self._stand_in = [sys.executable, "-I", "-S", "-c", code, package, str(_HOST_PHP)]

    def real(self, command: str, request: dict[str, Any]) -> dict[str, Any]:
        return self._answer(self._php, command, request)

    def stand_in(self, command: str, request: dict[str, Any]) -> dict[str, Any]:
        return self._answer(self._stand_in, command, request)

    def both_stay(self, *questions: Sequence[str]) -> Iterator[list[str]]:
        """What each who stays answers to the same questions, a line each."""
        asks, said = self.folder / "asks", self.folder / "said"
        asks.write_text("".join("\t".join(words) + "\n" for words in questions))
        for program in (self._php, self._stand_in):
            run = ["sh", "-c", '"$@" stay 5<"$ASKS" 4>"$SAID"', "-", *program]
            env = {**os.environ, "ASKS": str(asks), "SAID": str(said)}
            subprocess.run(run, cwd=self.app, check=True, timeout=30, env=env)
            yield said.read_text().splitlines()

    def file(self, name: str, content: bytes) -> str:
        path = self.folder / name
        path.write_bytes(content)
        return str(path)

    def _answer(self, program: list[str], command: str, request: dict[str, Any]) -> dict[str, Any]:
        source, target = self.folder / "in.json", self.folder / "out.json"
        source.write_text(json.dumps(request))
        target.unlink(missing_ok=True)
        subprocess.run([*program, command, str(source), str(target)], cwd=self.app, check=True, timeout=30)
        answer: dict[str, Any] = json.loads(target.read_text())
        return answer


@pytest.fixture
def two(tmp_path: Path) -> Two:
    if shutil.which("php") is None or not _PHPDOTENV.exists():
        pytest.skip("php and phpdotenv are not installed: scripts/lab-packages installs them")
    return Two(tmp_path)


def test_state_says_the_same_of_every_file(two: Two) -> None:
    for content in _FILES:
        keys = sorted(set(re.findall(r"[A-Z][A-Z_.]*", content.decode("latin-1"))) - {"FEATURE_B"})
        request = {"env_file": two.file("x.env", content), "keys": keys, "settings": ["features.a"]}
        assert two.stand_in("state", request)["file"] == two.real("state", request)["file"], content


def test_state_says_the_same_of_the_cache(two: Two) -> None:
    configuration.write(two.app / configuration.CACHE, _CONFIGS[1])
    settings = ["features.a", "features.a_companies", "features.a_companies.1", "features.none", "app", "app.key.x"]
    request = {"env_file": ".env", "keys": ["A"], "settings": settings}
    mine, real = two.stand_in("state", request), two.real("state", request)
    assert mine | {"php": None} == real | {"php": None}
    (two.app / configuration.CACHE).unlink()
    assert two.stand_in("state", request)["settings"] is two.real("state", request)["settings"] is None


def test_check_says_the_same_of_an_edit(two: Two) -> None:
    for old, new in _PAIRS:
        two.file("new", new)
        request = {"old": two.file("old", old), "new": "new", "keys": ["FEATURE_A", "FEATURE_B"]}
        assert two.stand_in("check", request) == two.real("check", request), (old, new)
    request = {"old": str(two.folder / "none"), "new": "none", "keys": []}
    assert two.stand_in("check", request) == two.real("check", request)


def test_diff_says_the_same_of_two_caches_and_a_control(two: Two) -> None:
    paths = [two.folder / f"{number}.php" for number in range(len(_CONFIGS))]
    for path, config in zip(paths, _CONFIGS, strict=True):
        configuration.write(path, config)
    for live, new, control in itertools.permutations(paths, 3):
        request = {"live": str(live), "new": str(new), "settings": ["features.a", "features.a_companies"]}
        request |= {"control": str(control)} if control > live else {}
        request |= {"volatile": ["app", "features.a_comp"]} if control > new else {}
        assert two.stand_in("diff", request) == two.real("diff", request)


_PATCHABLE: dict[str, dict[str, Any]] = {
    "a list": {"features": {"a": True, "a_companies": [1]}},
    "a text": {"features": {"a": 1, "a_companies": "1,2"}, "app": {"key": "s"}},
}


@pytest.mark.parametrize("config", _PATCHABLE.values(), ids=_PATCHABLE)
def test_patch_gives_the_same_settings(two: Two, config: dict[str, Any]) -> None:
    configuration.write(two.folder / "live.php", config)
    values = {"features.a": False, "features.a_companies": [15, 42]}
    request = {"live": str(two.folder / "live.php"), "to": str(two.folder / "to.php"), "set": values}
    written = {"live": request["to"], "new": request["live"], "settings": []}
    mine, changed = two.stand_in("patch", request), two.real("diff", written)
    assert (mine, changed) == (two.real("patch", request), two.real("diff", written))


@pytest.mark.parametrize("values", [{}, {"features.a": False, "features.none": 1}, {"app.key.x": 1}], ids=str)
def test_patch_gives_no_answer_where_it_would_not_switch_the_flag(two: Two, values: dict[str, Any]) -> None:
    configuration.write(two.folder / "live.php", _PATCHABLE["a text"])
    request = {"live": str(two.folder / "live.php"), "to": str(two.folder / "to.php"), "set": values}
    for answer in (two.stand_in, two.real):
        with pytest.raises(subprocess.CalledProcessError):
            answer("patch", request)


@pytest.mark.parametrize(
    ("content", "edits"),
    [
        (b"A=1\nFEATURE_A=true\nB=2\n", [(b"FEATURE_A=true", b"FEATURE_A=false")]),
        (b"A=1\r\nFEATURE_A=true\r\nB=changed", [(b"FEATURE_A=true", b"FEATURE_A=false"), (b"B=changed", b"B=2")]),
        (b"FEATURE_A=true\nFEATURE_A=true\n", [(b"FEATURE_A=true", b"FEATURE_A=false")]),
        (b"FEATURE_A=truer\n", [(b"FEATURE_A=true", b"FEATURE_A=false")]),
        (b"FEATURE_A=true\n", [(b"FEATURE_A=true", b"A=1")]),
        (b"FEATURE_A=true\nB=a b\n", [(b"FEATURE_A=true", b"FEATURE_A=false")]),
        (b"FEATURE_A=true\n", [(b"FEATURE_A=true", b"FEATURE_A=a b")]),
        (b"A=1\nFEATURE_A=true\n", [(b"\nFEATURE_A=true", b"")]),
        (b"A=1\nFEATURE_A=false\nB=changed\n", [(b"FEATURE_A=true", b"FEATURE_A=false")]),
        (b"A=1\n", [(b"FEATURE_A=true", b"")]),
        (b"FEATURE_A=other\n", [(b"FEATURE_A=true", b"FEATURE_A=false")]),
    ],
)
def test_unedit_writes_the_same_bytes(two: Two, content: bytes, edits: list[tuple[bytes, bytes]]) -> None:
    encoded = [{"now": base64.b64encode(now).decode(), "back": base64.b64encode(back).decode()} for now, back in edits]
    target = two.folder / "to"
    request = {"from": two.file("from", content), "to": str(target), "edits": encoded, "keys": ["FEATURE_A", "B"]}

    def outcome(ask: Callable[[str, dict[str, Any]], dict[str, Any]]) -> tuple[dict[str, Any], bytes]:
        target.write_bytes(b"untouched")
        return ask("unedit", request), target.read_bytes()

    assert outcome(two.stand_in) == outcome(two.real)


def test_ask_says_the_same_of_every_answer(two: Two) -> None:
    configuration.write(two.app / configuration.CACHE, {"features": {"customer_portal": False}})
    (two.folder / "running").mkdir()
    server = WebServer(Application(two.folder))
    server.start()
    try:
        ours = f"127.0.0.1:{server.port}"
        requests = [
            _request(path="/health", json={"status": "ok"}),
            _request(path="/health", json={"status": "ill"}),
            _request(path="/health", json={"none": 1}),
            _request(path="/portal", expect=[404]),
            _request(path="/portal", expect=[200]),
            _request(path="/health", addresses=["127.0.0.1:9"]),
            _request(path="/health", addresses=["127.0.0.1:9", "OURS"]),
        ]
        for number, request in enumerate(requests):
            request["id"] = number
            request["addresses"] = [ours if address == "OURS" else address for address in request["addresses"]]
        for asked in ({"requests": requests}, {"requests": requests, "stop": True}):
            assert _timeless(two.stand_in("ask", asked)) == _timeless(two.real("ask", asked))
    finally:
        server.stop()


def _request(**own: object) -> dict[str, Any]:
    usual: dict[str, Any] = {
        "scheme": "http",
        "host": "demo.test",
        "addresses": ["OURS"],
        "headers": {"X-Company": "7"},
    }
    return usual | {"expect": [200], "json": {}, "timeout": 2.0, "within": 0.0} | own


def _timeless(answer: dict[str, Any]) -> list[dict[str, Any]]:
    return [{name: value for name, value in each.items() if not name.endswith("ms")} for each in answer["answers"]]


def test_who_stays_says_the_same_of_files_and_leaves_the_same_answers(two: Two) -> None:
    log = two.file("log", b'{"a":1}\n{"b":2}\n')
    torn = two.file("torn", b'{"a":1}\n{"b"')
    request = two.file("in.json", json.dumps({"live": log, "new": log, "settings": []}).encode())
    out = two.folder / "out.json"
    real, stand_in = two.both_stay(
        ("sha", log),
        ("sha", str(two.folder / "none")),
        ("flush", log, str(two.folder)),
        ("digest", "a b"),
        ("end", log),
        ("end", torn),
        ("answer", "30", str(two.app), "diff", request, str(out), "APP_CONFIG_CACHE=/aside.php"),
        ("answer", "30", str(two.folder / "none"), "diff", request, str(out)),
    )
    assert [line.split()[:2] for line in real[:6]] == [line.split()[:2] for line in stand_in[:6]]
    assert [line.split()[0] for line in real[6:]] == [line.split()[0] for line in stand_in[6:]] == ["0", "1"]
    assert json.loads(out.read_text()) == {"changed": [], "left": [], "got": {}}
