"""Builds the real collaborators: the configuration, and the tools that a workflow may use of the outside."""

from __future__ import annotations

import getpass
import os
import socket
import subprocess
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from rolloutctl import __version__
from rolloutctl.cli.terminal import TERMINAL

if TYPE_CHECKING:
    from rolloutctl.cli.invocation import Invocation
    from rolloutctl.cli.setting_out import Departure
    from rolloutctl.contracts import HostKeys
    from rolloutctl.rules.config import Configuration, Environment
    from rolloutctl.workflows.tools import Tools

# Who started the job, in the words of GitHub Actions, GitLab, Buildkite, CircleCI, Bitbucket, Azure and Jenkins.
_CI_ACTORS = (
    "GITHUB_ACTOR",
    "GITLAB_USER_LOGIN",
    "BUILDKITE_BUILD_CREATOR_EMAIL",
    "CIRCLE_USERNAME",
    "BITBUCKET_STEP_TRIGGERER_UUID",
    "BUILD_REQUESTEDFOREMAIL",
    "BUILD_USER_ID",
)
_LONGEST_ACTOR = 200  # characters


def configuration_for(invocation: Invocation) -> Configuration:
    """The configuration that applies here.

    Raises:
        ConfigurationError: there is none, or it is wrong.
    """
    departure = invocation.departure
    if departure is not None and departure.config == invocation.config:
        return departure.configuration
    from rolloutctl.outside.places import find  # noqa: PLC0415 - not for --help
    from rolloutctl.outside.yaml_file import load  # noqa: PLC0415

    return load(find(invocation.config, os.environ, Path.cwd()))


def tools_for(
    configuration: Configuration,
    bound_for: Iterable[Environment] = (),
    *,
    content: bool = False,
    departure: Departure | None = None,
) -> Tools:
    """All that a workflow may ask of the outside; nothing heavy is imported before a host is opened.

    Environments whose hosts will be opened for sure are set out for at once, beside all other imports; the first thing
    then is to look at them, with or without `content`. Somebody may have set out before.
    """
    from rolloutctl.outside.opening import SessionOpener  # noqa: PLC0415 - not for --help
    from rolloutctl.outside.ssh.keyring import Keyring  # noqa: PLC0415

    if departure is None:
        sessions = SessionOpener(Keyring(TERMINAL.passphrase))
    else:
        departure.agreed()
        sessions = departure.sessions
    sessions.set_out(bound_for, configuration.flags.values(), content=content)
    from rolloutctl.outside.clock import SystemClock, new_id  # noqa: PLC0415 - not for --help
    from rolloutctl.outside.hooks import run_hook  # noqa: PLC0415
    from rolloutctl.outside.host_lists import HostLists  # noqa: PLC0415
    from rolloutctl.outside.mirror import FileMirror  # noqa: PLC0415
    from rolloutctl.outside.outsider import ask_outside  # noqa: PLC0415
    from rolloutctl.outside.places import mirror_folder, samples_folder  # noqa: PLC0415
    from rolloutctl.outside.plan_files import PlanFiles  # noqa: PLC0415
    from rolloutctl.outside.post import TemplatePost  # noqa: PLC0415
    from rolloutctl.outside.prometheus import ask_prometheus  # noqa: PLC0415
    from rolloutctl.outside.sample_store import SampleStore  # noqa: PLC0415
    from rolloutctl.rules.work import Origin  # noqa: PLC0415
    from rolloutctl.workflows.tools import Tools  # noqa: PLC0415

    remembered = mirror_folder(os.environ, Path(configuration.path))
    return Tools(
        sessions=sessions,
        clock=SystemClock(),
        mirror=FileMirror(remembered),
        outsider=ask_outside,
        origin=Origin(actor(os.environ), socket.gethostname(), __version__),
        configuration=configuration,
        new_id=new_id,
        with_hosts=HostLists(remembered),
        files=PlanFiles(Path(configuration.path).parent),
        samples=SampleStore(samples_folder(os.environ, Path(configuration.path))),
        prometheus=ask_prometheus,
        post=TemplatePost(),
        hooks=run_hook,
    )


def host_keys_for() -> HostKeys:
    """The host keys on the ways to hosts; paramiko is imported for it."""
    from rolloutctl.outside.ssh.keyring import Keyring  # noqa: PLC0415 - not for --help
    from rolloutctl.outside.ssh.remembering import KnownHostsFile  # noqa: PLC0415

    return KnownHostsFile(Keyring(TERMINAL.passphrase))


def actor(environ: Mapping[str, str]) -> str:
    """Who makes the change: ROLLOUTCTL_ACTOR, else the CI's actor, else git's user.email, else the login name.

    One line that shows something; no longer than a name is.
    """
    from rolloutctl.rules.redact import one_line  # noqa: PLC0415 - not for --help

    said = (environ.get(name, "") for name in ("ROLLOUTCTL_ACTOR", *_CI_ACTORS))
    found = next(filter(None, map(one_line, said)), "") or one_line(_git_email()) or one_line(_login_name())
    return found if len(found) <= _LONGEST_ACTOR else f"{found[:_LONGEST_ACTOR]}…"


def _git_email() -> str:
    try:
        asked = subprocess.run(
            ["git", "config", "user.email"],  # noqa: S607 - the person's own git
            capture_output=True,
            text=True,
            errors="replace",
            timeout=5,
            check=False,
            stdin=subprocess.DEVNULL,
        )
    except (OSError, subprocess.SubprocessError):
        return ""
    return asked.stdout.strip()


def _login_name() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a user id without a name, as in some containers; OSError from Python 3.13 on
        return f"uid {os.getuid()}"
