"""A survey of a server that was laid out for it, under each shell that a server may have as its sh."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from msgspec.structs import replace

from rolloutctl.errors import Unfit
from rolloutctl.outside.command import survey_command
from rolloutctl.outside.process_channel import ProcessChannel, started
from rolloutctl.outside.survey import HostSurvey
from rolloutctl.rules.config import Host
from rolloutctl.rules.survey import Application, Closer, Key, Site
from tests.outside.trees import SECRET, application, lay_out

HOST = Host(name="web-1", address="web-1", connection="local")
_NOT_APPLETS = {"busybox", "init", "linuxrc", "sudo"}


@dataclass(frozen=True, slots=True)
class Shell:
    """Starts commands as sshd does, where `sh` is the shell in question; `got` is all that came back."""

    bin_folder: Path
    home: Path
    way = "on this machine"

    def start(self, command: str) -> ProcessChannel:
        """Start a command."""
        environment = {"PATH": f"{self.bin_folder}:{os.environ['PATH']}", "HOME": str(self.home)}
        return ProcessChannel(started([str(self.bin_folder / "sh"), "-c", command], environment))

    def close(self) -> None:
        """Nothing to hang up."""


@pytest.fixture(params=["dash", "bash", "busybox", "busybox-applets"])
def shell(request: pytest.FixtureRequest, tmp_path: Path) -> Shell:
    name = str(request.param)
    program = shutil.which(name.removesuffix("-applets"))
    if program is None:
        if os.environ.get("CI"):
            pytest.fail(f"{name} is not installed")
        pytest.skip(f"{name} is not installed")
    applets = name == "busybox-applets"
    listed = subprocess.run([program, "--list"], capture_output=True, text=True, check=True).stdout if applets else ""
    return made(tmp_path, program, *(set(listed.split()) - _NOT_APPLETS))


@pytest.fixture
def plain(tmp_path: Path) -> Shell:
    """Where another shell would not answer otherwise."""
    return made(tmp_path, "/bin/sh")


def made(folder: Path, program: str, *names: str) -> Shell:
    for each in ("bin", "home"):
        (folder / each).mkdir()
    for each in {"sh", *names}:
        (folder / "bin" / each).symlink_to(program)
    return Shell(folder / "bin", folder / "home")


@pytest.fixture
def tree() -> Iterator[Path]:
    """Where other users may enter, unlike pytest's own folders."""
    folder = Path(tempfile.mkdtemp(prefix="tree-"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder)


def stand_in(bin_folder: Path, name: str, script: str) -> None:
    """A command of the server that this machine has not, or that answers otherwise here."""
    file = bin_folder / name
    file.unlink(missing_ok=True)
    file.write_text(f"#!/bin/dash\n{script}\n")
    file.chmod(0o755)


def test_a_server_is_seen_with_its_sites_php_fpm_and_applications(shell: Shell, tree: Path) -> None:
    lay_out(tree)
    stand_in(shell.bin_folder, "systemctl", 'echo "  php8.3-fpm.service loaded active running The PHP 8.3"')

    seen = HostSurvey(HOST, shell, str(tree)).machine()

    shop = f"{tree}/var/www/shop/current"
    assert seen.sites == (
        Site(f"{shop}/public", "shop.example.com", True, "php8.1-fpm"),
        Site(f"{tree}/srv/nothing/public", "old.example.com", True, ""),
    )
    assert [(unit.name, unit.restart) for unit in seen.units] == [
        ("php8.1-fpm", "systemctl restart php8.1-fpm"),
        ("php8.3-fpm", "systemctl restart php8.3-fpm"),
    ]
    mine = subprocess.run(["id", "-un"], capture_output=True, text=True, check=True).stdout.strip()
    assert seen.user == mine
    assert seen.applications == (
        Application(shop, "writable", mine, False, "Deployer"),
        Application(f"{tree}/srv/it's älter & odd", "writable", mine, False, ""),
        Application(f"{tree}/home/anna/blog", "writable", mine, False, ""),
    )


def test_of_many_applications_twenty_are_named(plain: Shell, tree: Path) -> None:
    for number in range(25):
        application(tree / f"var/www/app-{number:02}")
    assert len(HostSurvey(HOST, plain, str(tree)).machine().applications) == 20


def test_an_empty_server_is_no_failure(plain: Shell, tree: Path) -> None:
    seen = HostSurvey(HOST, plain, str(tree)).machine()
    assert (seen.sites, seen.applications) == ((), ())


def test_without_its_php_the_names_of_the_keys_are_said_and_no_value(shell: Shell, tree: Path) -> None:
    app = application(tree / "app")

    seen = HostSurvey(HOST, shell).application(str(app), php="php-of-another-machine", shell=None)

    assert (seen.mute, seen.laravel) == ("127", "")
    assert seen.keys == tuple(
        Key(key, "unknown") for key in ("FEATURE_PORTAL", "FEATURE_PORTAL_COMPANIES", "FEATURE_TOKEN")
    )
    assert SECRET not in repr(seen)


@pytest.mark.parametrize(("folder", "absent"), [("nowhere", "folder"), ("", "artisan")])
def test_a_folder_without_an_application_is_said(plain: Shell, tree: Path, folder: str, absent: str) -> None:
    assert HostSurvey(HOST, plain).application(str(tree / folder), php="php", shell=None) == Closer(absent=absent)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can look as another user")
def test_what_the_login_may_not_read_is_said_to_be_closed_and_whether_sudo_helps(tree: Path) -> None:
    app = application(tree / "var/www/app")
    (tree / "bin").mkdir()
    (tree / "bin/sh").symlink_to("/bin/dash")
    allowed = '[ "$*" = "-n -l -u root sh -c true" ] || { [ "$*" = "-n -l -l" ] && echo "(root) NOPASSWD: ALL"; }'
    stand_in(tree / "bin", "sudo", allowed)
    nobody = replace(HOST, shell="setpriv --reuid=65534 --regid=65534 --clear-groups")  # noqa: S604 - a setting
    for mode, env, become in ((0o600, "closed", True), (0o604, "readable", True), (0o606, "writable", False)):
        (app / ".env").chmod(mode)
        (found,) = HostSurvey(nobody, Shell(tree / "bin", tree), str(tree)).machine().applications
        assert (found.env, found.owner, found.become) == (env, "root", become)


@pytest.mark.xdist_group("doctor")  # whose stories see every worker on this machine
def test_workers_of_the_application_are_seen(shell: Shell, tree: Path) -> None:
    app, other = application(tree / "app"), application(tree / "other")
    workers = [
        subprocess.Popen(["sh", "-c", "read -r _", "artisan", command], cwd=place, stdin=subprocess.PIPE)
        for place, command in ((app, "queue:work"), (other, "horizon"))
    ]
    try:
        ask = HostSurvey(HOST, shell).application
        assert ask(str(app), php="none", shell=None).workers == {"queue"}
        assert ask(str(other), php="none", shell=None).workers == {"horizon"}
    finally:
        for worker in workers:
            worker.communicate(b"\n")


def test_a_login_shell_that_runs_nothing_is_told(plain: Shell) -> None:
    stand_in(plain.bin_folder, "sh", "echo This account is currently not available.; exit 1")
    with pytest.raises(Unfit, match="This account is currently not available"):
        HostSurvey(HOST, plain).machine()


def test_a_server_without_a_tool_is_told(tmp_path: Path) -> None:
    (tmp_path / "sh").symlink_to("/bin/sh")
    for name in ("printf", "base64", "gzip", "id"):
        (tmp_path / name).symlink_to(str(shutil.which(name)))
    with pytest.raises(Unfit, match="the command timeout is missing"):
        HostSurvey(HOST, Bare(tmp_path)).machine()


class Bare:
    """A server with nothing but what is in one folder."""

    way = "on this machine"

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def start(self, command: str) -> ProcessChannel:
        environment = {"PATH": str(self._folder), "HOME": "/"}
        return ProcessChannel(started([str(self._folder / "sh"), "-c", command], environment))

    def close(self) -> None:
        """Nothing to hang up."""


def test_the_command_is_one_line_that_a_kernel_takes_as_one_argument() -> None:
    command = survey_command(replace(HOST, app="/x" * 200))
    assert "\n" not in command
    assert command.isascii()
    assert len(command) < 100_000
