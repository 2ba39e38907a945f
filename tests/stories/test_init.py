"""init on a real host: what it finds in a real Laravel, and that the file it writes works as it is."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml
from msgspec.structs import replace

from rolloutctl.outside import local
from rolloutctl.outside.opening import open_session
from rolloutctl.outside.survey import HostSurvey
from rolloutctl.rules.config import Health, Host
from rolloutctl.rules.survey import Closer, Key
from rolloutctl.workflows.surveying import Seen, Well, find_health
from tests import warm
from tests.cli.shell import PATIENCE, ROOT, Ran
from tests.lab.lab import SECRETS, Lab, LabHost
from tests.stories.strangers import answering

pytestmark = pytest.mark.lab

HERE = Host(name="web-1", address="web-1", connection="local")
PORTAL = Key("FEATURE_CUSTOMER_PORTAL", "switch", ("features.customer_portal",), held=True)
COMPANIES = Key(
    "FEATURE_CUSTOMER_PORTAL_TEST_COMPANIES", "empty", ("features.customer_portal_test_companies",), held=True
)
BULK = Key("FEATURE_BULK_EXPORT", "switch", ("features.bulk_export",), held=True)

# What a config file may be up to: `again` can be read once only, `first` leads before `zz` asks for it.
CONFIG = {
    "again.php": "<?php function only_once() {} return ['x' => env('FEATURE_BULK_EXPORT')];",
    "broken.php": "<?php return [",
    "first.php": "<?php return ['bulk' => ['enabled' => env('FEATURE_BULK_EXPORT') === true]];",
    "noise.php": "<?php echo env('DB_PASSWORD'), PHP_EOL; return ['at' => microtime(true), 'do' => function () {}];",
    "nested/deep.php": "<?php return ['menu' => ['start', env('FEATURE_BULK_EXPORT') ? 'bulk' : 'none']];",
    "throws.php": "<?php throw new RuntimeException(env('DB_PASSWORD'));",
    "zz.php": "<?php return ['copy' => config('first.bulk.enabled')];",
}


def closely(host: LabHost, php: str = "php") -> Closer:
    return HostSurvey(HERE, local.connect(HERE)).application(str(host.app), php=php, shell=None)


def test_the_application_says_which_setting_each_key_decides(fresh: Lab) -> None:
    seen = closely(fresh.hosts[0])
    assert seen.keys == (PORTAL, COMPANIES, BULK)
    assert (seen.laravel.split(".")[0], seen.php[:2], seen.boot_error, seen.mute) == ("8", "8.", "", "")


def test_whatever_config_files_do_the_settings_are_found_and_nothing_is_told_of_values(fresh: Lab) -> None:
    host = fresh.hosts[0]
    for name, text in CONFIG.items():
        file = host.app / "config" / name
        file.parent.mkdir(exist_ok=True)
        file.write_text(text)
    host.edit_env("FEATURE_BULK_EXPORT=false", f"FEATURE_BULK_EXPORT=0\nFEATURE_TOKEN={SECRETS[1]}")

    seen = closely(host)

    settings = ("features.bulk_export", "first.bulk.enabled", "zz.copy")
    assert seen.keys[:2] == (PORTAL, COMPANIES)
    assert seen.keys[2] == replace(BULK, kind="digit", settings=settings, also=("nested.deep.menu",))
    assert (seen.keys[3].kind, seen.volatile) == ("other", ("noise.at",))
    assert [secret for secret in SECRETS if secret in repr(seen)] == []


def test_a_config_file_that_ends_the_process_leaves_what_was_said_before(fresh: Lab) -> None:
    (fresh.hosts[0].app / "config" / "ends.php").write_text("<?php exit(7);")
    seen = closely(fresh.hosts[0])
    assert seen.mute == "7"
    assert seen.keys == tuple(replace(key, settings=None) for key in (PORTAL, COMPANIES, BULK))


def test_an_env_that_phpdotenv_rejects_is_told_by_key_and_line(fresh: Lab) -> None:
    fresh.hosts[0].edit_env("FEATURE_CUSTOMER_PORTAL_TEST_COMPANIES=", "FEATURE_CUSTOMER_PORTAL_TEST_COMPANIES=15, 42")
    seen = closely(fresh.hosts[0])
    line = fresh.hosts[0].env_path.read_text().splitlines().index("FEATURE_CUSTOMER_PORTAL_TEST_COMPANIES=15, 42") + 1
    assert seen.fault == ("FEATURE_CUSTOMER_PORTAL_TEST_COMPANIES", str(line))
    assert {key.name: key.kind for key in seen.keys} == dict.fromkeys(
        (BULK.name, PORTAL.name, COMPANIES.name), "unknown"
    )


def test_a_server_that_answers_everything_alike_has_no_health_check(fresh: Lab) -> None:
    seen = Seen(app=str(fresh.hosts[0].app))
    with answering(b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nhi") as port:
        assert find_health(open_session, HERE, f"http://127.0.0.1:{port}", seen, "") == Well()
    body = b'{"status":"ok"}'
    with answering(b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 15\r\n\r\n" + body) as port:
        well = find_health(open_session, HERE, f"http://127.0.0.1:{port}", seen, "/up")
    assert well == Well(health=Health(path="/up", json={"status": "ok"}), proved=True)


@dataclass(frozen=True, slots=True)
class Newcomer:
    """Somebody who can `ssh web-1`, and has nothing else yet."""

    lab: Lab
    folder: Path

    def run(self, *words: str) -> Ran:
        environment = {**self.lab.client_env(), "PYTHONPATH": str(ROOT)}
        done = warm.run(words, env=environment, cwd=self.folder, timeout=PATIENCE)
        return Ran(done.returncode, done.stdout, done.stderr)


@pytest.fixture
def newcomer(fresh: Lab, tmp_path: Path) -> Iterator[Newcomer]:
    config = fresh.client / ".ssh" / "config"
    port = fresh.hosts[0].ssh_port
    config.write_text(f"Host web-1\n  HostName 127.0.0.1\n  Port {port}\n  IdentityFile {fresh.key}\n")
    yield Newcomer(fresh, tmp_path)
    config.unlink()


def test_the_file_that_init_writes_works_as_it_is(newcomer: Newcomer) -> None:
    host = newcomer.lab.hosts[0]
    before = host.snapshot()
    url = f"http://lab.test:{host.http_port}"

    ran = newcomer.run(
        "init", "web-1", "--yes", "--app", str(host.app), "--url", url, "--restart", host.restart_command
    )

    assert ran.status == 0, ran.err
    assert (host.snapshot(), list(host.home.iterdir())) == (before, [])
    file = newcomer.folder / "environments.yaml"
    written = yaml.safe_load(file.read_text())
    assert written["environments"]["production"]["health"] == {"path": "/health", "json": {"status": "ok"}}
    assert written["flags"]["customer_portal"]["companies_key"] == COMPANIES.name
    status = newcomer.run("status", "--json", "--check")
    (production,) = status.document["environments"]
    assert (status.status, production["reachable"], list(production["flags"])) == (
        0,
        True,
        ["customer_portal", "bulk_export"],
    )
    seen = "".join((ran.out, ran.err, file.read_text(), status.out, status.err))
    assert [secret for secret in SECRETS if secret in seen] == []
