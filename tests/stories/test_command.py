"""The real command, as a process of its own: words, JSON and exit statuses."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests import warm
from tests.cli.shell import ROOT, on_terminal
from tests.lab.lab import Lab, LabHost
from tests.stories.strangers import GREETINGS, answering
from tests.stories.traces import (
    assert_nothing_is_left,
    contents,
    events_of,
    line_in,
    log_of,
    portals,
    secrets_in,
    slow_steps,
    until,
)

pytestmark = pytest.mark.lab


@pytest.fixture
def fresh(fresh_pair: Lab) -> Lab:
    return fresh_pair


class Shell:
    """An operator's shell."""

    def __init__(self, lab: Lab, configuration: Path) -> None:
        self.lab = lab
        self.configuration = configuration
        self.seen: list[str] = []

    def command(self, *arguments: str) -> list[str]:
        return [sys.executable, "-m", "rolloutctl", "--config", str(self.configuration), *arguments]

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            self.command(*arguments),
            env=self.lab.client_env(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def run(self, *arguments: str) -> tuple[int, str, str]:
        """Exit status, stdout and stderr."""
        words = ("--config", str(self.configuration), *arguments)
        done = warm.run(words, env=self.lab.client_env(), cwd=ROOT)
        return self._shown(done.returncode, done.stdout, done.stderr)

    def agree(self, *arguments: str, at_the_reason: Callable[[], str]) -> int:
        """Run on a terminal, say why when asked, and agree; the exit status."""
        ran = on_terminal(
            self.command(*arguments),
            {**self.lab.client_env(), "NO_COLOR": "1", "TERM": "xterm"},
            self.configuration.parent,
            [("Reason, for the record: ", at_the_reason), ("Type lab to apply: ", "lab\n")],
        )
        return self._shown(ran.status, ran.out, "")[0]

    def finish(self, process: subprocess.Popen[str]) -> tuple[int, str, str]:
        out, err = process.communicate(timeout=60)
        return self._shown(process.returncode, out, err)

    def _shown(self, status: int, out: str, err: str) -> tuple[int, str, str]:
        self.seen += [out, err]
        assert "Traceback" not in out + err
        return status, out, err


@pytest.fixture
def shell(fresh: Lab, tmp_path: Path) -> Iterator[Shell]:
    """A shell on the lab; whatever it showed and left is searched."""
    operator = Shell(fresh, fresh.environments_yaml(tmp_path / "environments.yaml"))
    yield operator
    assert_nothing_is_left(fresh)
    assert secrets_in(fresh, operator.seen) == []


def rewrite(shell: Shell, **overrides: object) -> None:
    shell.lab.environments_yaml(shell.configuration, hosts=None, environment="lab", **overrides)


def document(out: str) -> dict[str, Any]:
    found = json.loads(out)
    assert isinstance(found, dict)
    return found


def test_toggle_status_and_rollback_do_the_main_job(shell: Shell) -> None:
    lab = shell.lab
    before = contents(lab)

    code, _, err = shell.run("toggle", "lab", "customer_portal", "true", "--yes", "--reason", "pilot")
    assert (code, portals(lab)) == (0, [200] * 2), err

    code, out, _ = shell.run("status", "--json")
    (environment,) = document(out)["environments"]
    flag = environment["flags"]["customer_portal"]
    assert (code, flag["enabled"], flag["consistent"], flag["last_change"]["reason"]) == (0, True, True, "pilot")
    expected = {"enabled": True, "companies": [], "effective": True, "in_sync": True}
    found = [host["flags"]["customer_portal"] for host in environment["hosts"]]
    assert [{key: flag[key] for key in expected} for flag in found] == [expected] * 2

    code, _, err = shell.run("rollback", "lab", "--yes")
    assert (code, portals(lab), contents(lab)) == (0, [404] * 2, before), err


def test_a_change_as_json_is_one_document_on_stdout(shell: Shell) -> None:
    code, out, _ = shell.run("toggle", "lab", "customer_portal", "on", "--companies", "15,42", "--yes", "--json")

    change = document(out)["change"]
    assert (code, change["result"], change["environment"], change["flag"]) == (0, "kept", "lab", "customer_portal")
    assert (change["from"], change["to"]) == (
        {"enabled": False, "companies": []},
        {"enabled": True, "companies": [15, 42]},
    )
    assert [(host["name"], host["result"], host["error"]) for host in change["hosts"]] == [
        (f"web-{number}", "kept", None) for number in (1, 2)
    ]
    assert document(out)["error"] is None
    assert [record.change for record in log_of(shell.lab.hosts[0])] == [change["id"]] * 2


def test_a_cache_that_cannot_be_built_is_refused_in_json_with_artisans_message(shell: Shell) -> None:
    shell.lab.hosts[1].break_config("throws-aside")
    before = [host.snapshot() for host in shell.lab.hosts]

    code, out, _ = shell.run("toggle", "lab", "customer_portal", "true", "--yes", "--json")

    assert (code, [host.snapshot() for host in shell.lab.hosts]) == (3, before)
    assert document(out)["error"]["code"] == "refused"
    code, _, err = shell.run("toggle", "lab", "customer_portal", "true", "--yes")
    assert code == 3
    assert "Access denied" in err


def test_off_while_a_host_is_unreachable_ends_with_5_and_names_it(shell: Shell) -> None:
    shell.run("toggle", "lab", "customer_portal", "true", "--yes")
    shell.lab.hosts[1].stop_sshd()

    code, _, err = shell.run("toggle", "lab", "customer_portal", "false", "--yes")

    assert (code, portals(shell.lab)) == (5, [404, 200])
    assert "web-2" in err
    code, out, err = shell.run("status", "lab", "--check")
    assert code == 6
    assert "web-2" in out + err


def test_a_server_that_is_no_sshd_gets_one_message_and_no_traceback(shell: Shell) -> None:
    with answering(GREETINGS["mute"]) as port:
        text = shell.configuration.read_text()
        shell.configuration.write_text(text.replace(f"port: {shell.lab.hosts[1].ssh_port}\n", f"port: {port}\n"))
        code, _, err = shell.run("toggle", "lab", "customer_portal", "true", "--yes")

    assert code == 3
    assert "not as an SSH server should" in " ".join(err.split())


@pytest.mark.parametrize(
    ("arguments", "status", "said"),
    [
        (("toggle", "laab", "customer_portal", "true", "--yes"), 2, "Did you mean 'lab'?"),
        (("toggle", "lab", "customer-portal", "true", "--yes"), 2, "Did you mean 'customer_portal'?"),
        (("toggle", "lab", "customer_portal", "maybe", "--yes"), 2, "neither true nor false"),
        (("toggle", "lab", "customer_portal", "true", "--yes", "--companies", "15,x"), 2, "'x' is not a company"),
        (("toggle", "lab", "customer_portal", "true"), 3, "--yes"),
        (("rollback", "lab", "--yes"), 3, "nothing to undo"),
        (("status", "laab"), 2, "Did you mean 'lab'?"),
    ],
)
def test_a_wrong_command_says_what_is_meant_and_touches_nothing(
    shell: Shell, arguments: tuple[str, ...], status: int, said: str
) -> None:
    before = [host.snapshot() for host in shell.lab.hosts]

    code, out, err = shell.run(*arguments)

    assert (code, out, [host.snapshot() for host in shell.lab.hosts]) == (status, "", before), err
    assert said in " ".join(err.split())


def test_a_configuration_with_a_fault_names_file_line_and_text(shell: Shell) -> None:
    text = shell.configuration.read_text().replace("    steps:", "    stebs:", 1)
    shell.configuration.write_text(text)
    line = 1 + text[: text.index("stebs")].count("\n")

    code, _, err = shell.run("toggle", "lab", "customer_portal", "true", "--yes")

    assert code == 2
    assert f"environments.yaml:{line}" in err
    assert "steps" in err


def test_a_protected_environment_wants_its_name_and_a_reason_to_widen_and_nothing_to_narrow(shell: Shell) -> None:
    rewrite(shell, protected=True)
    toggle = ("toggle", "lab", "customer_portal")

    assert shell.run(*toggle, "true", "--yes")[0] in {2, 3}
    assert shell.run(*toggle, "true", "--confirm", "lab")[0] in {2, 3}
    assert shell.run(*toggle, "true", "--confirm", "staging", "--reason", "pilot")[0] in {2, 3}
    assert (portals(shell.lab), log_of(shell.lab.hosts[0])) == ([404] * 2, ())
    assert shell.run(*toggle, "true", "--confirm", "lab", "--reason", "pilot")[0] == 0
    assert shell.run(*toggle, "false", "--yes")[0] == 0
    assert portals(shell.lab) == [404] * 2


def test_what_was_seen_before_a_person_was_asked_for_a_reason_is_looked_at_again(shell: Shell) -> None:
    rewrite(shell, protected=True)
    toggle = ("toggle", "lab", "customer_portal")
    assert shell.run(*toggle, "true", "--confirm", "lab", "--reason", "pilot")[0] == 0

    def meanwhile() -> str:
        assert shell.run(*toggle, "false", "--yes")[0] == 0
        return "pilot again\n"

    status = shell.agree(*toggle, "true", at_the_reason=meanwhile)
    assert (status, portals(shell.lab)) == (0, [200] * 2)


def test_a_rollback_reaches_hosts_anew_once_a_person_was_asked_for_a_reason(shell: Shell) -> None:
    toggle = ("toggle", "lab", "customer_portal")
    assert shell.run(*toggle, "true", "--yes")[0] == 0
    assert shell.run(*toggle, "false", "--yes")[0] == 0
    rewrite(shell, protected=True)

    def meanwhile() -> str:
        shell.lab.on_all(LabHost.cut_connections)
        return "it was none of ours\n"

    status = shell.agree("rollback", "lab", at_the_reason=meanwhile)
    assert (status, portals(shell.lab)) == (0, [200] * 2)


def test_ctrl_c_in_the_middle_puts_every_host_back(shell: Shell) -> None:
    lab = shell.lab
    before = contents(lab)
    rewrite(shell, steps=slow_steps(lab.hosts[0]))
    with shell.start("toggle", "lab", "customer_portal", "true", "--yes") as process:
        until(lambda: line_in(lab.hosts[0], "FEATURE_CUSTOMER_PORTAL") == "true", "the canary's swap")
        process.send_signal(signal.SIGINT)
        code, _, err = shell.finish(process)

    assert (code, contents(lab), portals(lab)) == (4, before, [404] * 2), err
    assert events_of(lab.hosts[0]) == ["started", "reverted"]


def test_ctrl_c_before_the_commit_touches_nothing(shell: Shell) -> None:
    lab = shell.lab
    before = [host.snapshot() for host in lab.hosts]
    lab.hosts[0].break_config("hangs")
    rewrite(shell, steps=[{"name": "config cache", "builtin": "config-cache", "timeout": "4s"}])
    with shell.start("toggle", "lab", "customer_portal", "true", "--yes") as process:
        until(lambda: any("artisan" in each.command for each in lab.hosts[0].leftovers()), "the build")
        process.send_signal(signal.SIGINT)
        code, _, err = shell.finish(process)

    assert (code, [host.snapshot() for host in lab.hosts]) == (3, before), err
    until(lambda: not lab.leftovers(), "the end of the build")
