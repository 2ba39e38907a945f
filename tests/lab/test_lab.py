"""That the lab is true: it behaves as the servers do whose behaviour the design reckons with, and can be put back."""

from __future__ import annotations

import re
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from tests.lab.lab import SECRETS, Lab, LabHost
from tests.lab.processes import alive, processes, strangers_in, wait_until

pytestmark = pytest.mark.lab

ON = ("FEATURE_CUSTOMER_PORTAL=false\n", "FEATURE_CUSTOMER_PORTAL=true\n")
TWO_COMPANIES = ("TEST_COMPANIES=\n", "TEST_COMPANIES=15,42\n")


@pytest.fixture
def host(fresh: Lab) -> LabHost:
    return fresh.hosts[0]


def ssh_line(lab: Lab, host: LabHost, command: str, **options: str) -> list[str]:
    settings = {
        "BatchMode": "yes",
        "GlobalKnownHostsFile": "/dev/null",
        "HostKeyAlgorithms": "ssh-ed25519",
        "IdentitiesOnly": "yes",
        "IdentityFile": str(lab.key),
        "UserKnownHostsFile": str(lab.known_hosts),
    } | options
    flags = [f"-o{name}={value}" for name, value in settings.items()]
    return ["ssh", "-F", "/dev/null", *flags, "-p", str(host.ssh_port), "127.0.0.1", command]


def ssh(lab: Lab, host: LabHost, command: str, **options: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ssh_line(lab, host, command, **options),
        env=lab.client_env(),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )


def commands_left(host: LabHost) -> list[str]:
    return [process.command for process in host.leftovers()]


def test_every_host_answers_through_its_own_nginx_and_php_fpm(fresh: Lab) -> None:
    answers = {path: [host.get(path) for host in fresh.hosts] for path in ("/health", "/admin/login", "/api/ping")}

    assert answers == {
        "/health": [(200, '{"status":"ok"}')] * 3,
        "/admin/login": [(200, "Log in")] * 3,
        "/api/ping": [(200, '{"pong":true}')] * 3,
    }
    assert [host.portal() for host in fresh.hosts] == [404] * 3
    assert len({host.fpm_pid() for host in fresh.hosts} - {0}) == 3


def test_php_fpm_keeps_the_old_config_until_it_restarts(host: LabHost) -> None:
    host.edit_env(*ON)
    host.rebuild_cache()
    host.age_cache()
    assert host.portal() == 404

    host.restart_fpm()

    assert host.portal() == 200
    assert host.restarts() == 1


def test_what_php_fpm_keeps_compiled_beyond_a_restart_is_laravels_alone(fresh: Lab, host: LabHost) -> None:
    host.age_cache()
    host.restart_fpm()
    assert host.portal() == 404

    (kept,) = fresh.compiled.iterdir()
    assert len(list(kept.joinpath("usr").rglob("*.php.bin"))) > 50
    assert kept.joinpath(*host.folder.parent.parts[1:]).is_file()


def test_a_limited_feature_exists_for_the_listed_companies_only(host: LabHost) -> None:
    host.edit_env(*ON)
    host.edit_env(*TWO_COMPANIES)
    host.rebuild_cache()
    host.restart_fpm()

    assert {company: host.portal(company) for company in (15, 42, 7, None)} == {15: 200, 42: 200, 7: 404, None: 404}


def test_the_second_flag_has_a_page_of_its_own(host: LabHost) -> None:
    host.edit_env("FEATURE_BULK_EXPORT=false", "FEATURE_BULK_EXPORT=true")
    host.rebuild_cache()
    host.restart_fpm()

    assert (host.get("/bulk"), host.portal()) == ((200, "Bulk export"), 404)


def test_a_cache_built_aside_equals_one_built_after_the_edit_and_leaves_the_live_one_alone(host: LabHost) -> None:
    aside = host.folder / "aside.php"
    before = host.snapshot()

    done = host.application.artisan("config:cache", APP_CONFIG_CACHE=str(aside), FEATURE_CUSTOMER_PORTAL="true")

    assert (done.returncode, host.snapshot()) == (0, before)
    host.edit_env(*ON)
    host.rebuild_cache()
    assert aside.read_bytes() == host.cache_path.read_bytes()


def test_without_a_cache_an_edit_is_live_at_once(host: LabHost) -> None:
    host.edit_env(*ON)
    assert host.portal() == 404

    host.application.artisan("config:clear")

    assert (host.portal(), host.restarts()) == (200, 0)


def test_a_malformed_env_without_a_cache_answers_200_with_an_empty_body(host: LabHost) -> None:
    host.edit_env("TEST_COMPANIES=\n", "TEST_COMPANIES=15, 42\n")

    done = host.application.artisan("config:cache")

    assert (done.returncode, host.cache_path.exists()) == (1, False)
    assert "The environment file is invalid!" in done.stdout + done.stderr
    assert host.get("/health") == (200, "")


def test_a_config_file_with_a_syntax_error_shows_only_when_the_cache_is_rebuilt(host: LabHost) -> None:
    host.break_config("syntax")
    host.restart_fpm()
    assert host.get("/health")[0] == 200

    assert host.application.artisan("config:cache").returncode != 0

    assert host.get("/health")[0] == 500


@pytest.mark.parametrize("fault", ["throws", "throws-aside"])
def test_artisan_quotes_a_secret_when_a_config_file_throws(host: LabHost, fault: str) -> None:
    host.break_config("throws" if fault == "throws" else "throws-aside")

    done = host.application.artisan("config:cache", APP_CONFIG_CACHE=str(host.folder / "aside.php"))

    assert done.returncode == 1
    assert any(secret in done.stdout + done.stderr for secret in SECRETS)
    assert host.get("/health")[0] == 200


def test_a_volatile_setting_differs_from_build_to_build(host: LabHost) -> None:
    host.break_config("volatile")
    host.rebuild_cache()
    first = host.cache_path.read_bytes()

    host.rebuild_cache()

    assert host.cache_path.read_bytes() != first


def test_the_config_cache_holds_every_secret_and_anyone_may_read_it(host: LabHost) -> None:
    state = host.snapshot().cache

    assert state is not None
    assert state.mode == 0o644
    assert re.findall(rb"'(?:key|hook)' => '(.*)'", state.content) == [SECRETS[0].encode(), SECRETS[5].encode()]


def test_once_steps_can_be_run(host: LabHost) -> None:
    assert host.application.artisan("queue:restart").returncode == 0


def test_an_ill_application_answers_500_everywhere_or_only_while_a_feature_is_on(host: LabHost) -> None:
    host.make_ill(while_on="customer_portal")
    assert host.get("/health")[0] == 200

    host.make_ill()

    assert [host.get(path)[0] for path in ("/health", "/portal", "/admin/login")] == [500] * 3
    host.heal()
    assert host.get("/health")[0] == 200


def test_a_refused_restart_leaves_php_fpm_alone(host: LabHost) -> None:
    before = host.fpm_pid()
    host.refuse_restarts(1)

    failed = subprocess.run(host.restart_command, shell=True, cwd=host.app, capture_output=True, check=False)  # noqa: S602

    assert (failed.returncode, host.fpm_pid(), host.restarts()) == (1, before, 1)
    host.restart_fpm()
    assert host.fpm_pid() != before


def test_a_failed_start_leaves_php_fpm_down(host: LabHost) -> None:
    host.break_fpm()

    failed = subprocess.run(host.restart_command, shell=True, cwd=host.app, capture_output=True, check=False)  # noqa: S602

    assert (failed.returncode, host.fpm_pid()) == (1, 0)
    assert b"no_such_setting" in failed.stderr
    assert host.get("/health")[0] == 502
    host.mend_fpm()
    host.start_fpm()
    assert host.get("/health")[0] == 200


def test_a_reload_keeps_the_master_and_takes_effect_a_little_later(host: LabHost) -> None:
    before = host.fpm_pid()
    host.edit_env(*ON)
    host.rebuild_cache()
    host.age_cache()
    assert host.portal() == 404

    subprocess.run(host.reload_command, shell=True, cwd=host.app, check=True)  # noqa: S602

    wait_until(lambda: host.portal() == 200, "the reload taking effect")
    assert (host.fpm_pid(), host.restarts()) == (before, 0)


def test_ssh_with_the_clients_key_runs_a_command_at_home_on_each_host(fresh: Lab) -> None:
    for host in fresh.hosts:
        done = ssh(fresh, host, "echo $HOME; exit 7")
        assert (done.returncode, done.stdout) == (7, f"{host.home}\n")


def test_the_key_of_another_host_is_refused(fresh: Lab, tmp_path: Path) -> None:
    first, second = fresh.hosts[:2]
    wrong = tmp_path / "known_hosts"
    wrong.write_text(f"[127.0.0.1]:{first.ssh_port} {second.public_key}\n")

    done = ssh(fresh, first, "true", UserKnownHostsFile=str(wrong))

    assert done.returncode == 255
    assert "Host key verification failed." in done.stderr


def test_a_host_without_sshd_cannot_be_reached_until_it_is_started_again(fresh: Lab) -> None:
    host = fresh.hosts[-1]
    host.stop_sshd()
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", host.ssh_port), timeout=5)

    host.start_sshd()

    assert ssh(fresh, host, "true").returncode == 0


def test_a_cut_connection_leaves_the_command_behind_and_the_host_says_so(fresh: Lab) -> None:
    host = fresh.hosts[0]
    command = f"cd {host.app} && exec sleep 300"
    with subprocess.Popen(ssh_line(fresh, host, f"nohup sh -c '{command}'"), stdin=subprocess.DEVNULL) as client:
        try:
            wait_until(lambda: "sleep 300" in commands_left(host), "the command running")
            host.cut_connections()
            assert client.wait(10) == 255
        finally:
            client.kill()

    assert commands_left(host) == ["sleep 300"]
    assert ssh(fresh, host, "true").returncode == 0
    fresh.restore()
    assert host.leftovers() == []


def test_restore_undoes_whatever_a_test_did(fresh: Lab) -> None:
    host = fresh.hosts[0]
    host.edit_env(*ON)
    host.rebuild_cache()
    host.restart_fpm()
    host.make_ill()
    host.break_config("syntax")
    host.break_fpm()
    host.stop_sshd()
    host.state_dir.mkdir()
    (host.app / "artisan").unlink()

    fresh.restore()

    assert (host.portal(), host.get("/health")[0], host.restarts()) == (404, 200, 0)
    assert host.application.artisan("--version").stdout == "Laravel Framework 8.83.26\n"
    assert not host.state_dir.exists()
    assert ssh(fresh, host, "true").returncode == 0


def test_restore_leaves_an_untouched_host_alone(fresh: Lab) -> None:
    before = [host.snapshot() for host in fresh.hosts]

    fresh.restore()

    assert [host.snapshot() for host in fresh.hosts] == before


def test_deployers_env_is_a_link_into_shared(fresh_deployer: Lab) -> None:
    host = fresh_deployer.hosts[1]
    host.edit_env(*ON)
    host.rebuild_cache()
    host.restart_fpm()

    assert host.portal() == 200
    assert host.snapshot().env_link == "../../shared/.env"
    assert (host.app.name, host.app.resolve().name, host.env_path.parent.name) == ("current", "1", "shared")
    fresh_deployer.restore()
    assert host.portal() == 404


def test_nobody_owns_the_unprivileged_application_and_may_restart_nothing(fresh_unprivileged: Lab) -> None:
    host = fresh_unprivileged.hosts[0]
    document = yaml.safe_load(fresh_unprivileged.environments_yaml(host.folder / "e.yaml").read_text())
    shell = document["environments"]["lab"]["shell"]
    before = host.fpm_pid()

    done = ssh(fresh_unprivileged, host, f"cd {host.app} && {shell} sh -c 'id -u; touch .env; {host.restart_command}'")

    assert (done.returncode, done.stdout, host.fpm_pid()) == (1, "65534\n", before)
    assert "a password is required" in done.stderr
    host.rebuild_cache()
    assert host.cache_path.stat().st_uid == host.env_path.stat().st_uid == 65534


def test_environments_yaml_names_every_host_and_takes_overrides(fresh: Lab, tmp_path: Path) -> None:
    written = fresh.environments_yaml(tmp_path / "environments.yaml", hosts=fresh.hosts[:2], protected=True, steps=[])

    environment = yaml.safe_load(written.read_text())["environments"]["lab"]
    assert [host["name"] for host in environment["hosts"]] == ["web-1", "web-2"]
    assert (environment["protected"], environment["steps"]) == (True, [])
    assert Path(environment["hosts"][0]["app"], "artisan").exists()


@pytest.fixture
def ended(fresh: Lab, tmp_path: Path) -> Iterator[tuple[Lab, list[int]]]:
    with Lab(tmp_path / "l", hosts=1) as other:
        ssh(other, other.hosts[0], f"cd {other.hosts[0].app}; setsid sleep 300 >/dev/null 2>&1 </dev/null &")
        pids = [*other.hosts[0].servers(processes()), *(process.pid for process in other.hosts[0].leftovers())]
    yield other, pids
    assert [len(host.servers(processes())) for host in fresh.hosts] == [6, 6, 6]


def test_the_end_of_a_lab_ends_every_process_of_its_own_and_no_other(ended: tuple[Lab, list[int]]) -> None:
    lab, pids = ended

    assert len(pids) == 7  # sshd, two of nginx, three of php-fpm, and what an operator left behind
    assert [pid for pid in pids if alive(pid)] == []
    assert strangers_in(lab.base, processes()) == []
