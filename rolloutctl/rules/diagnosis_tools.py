"""What doctor says of a host's tools: commands, php, room, and the folder for records."""

from __future__ import annotations

import posixpath
import re
import shlex
from collections.abc import Iterable

from rolloutctl.rules.examined import Examined
from rolloutctl.rules.verdicts import Fix, Verdict, fail, in_yaml, ok, on_host, skipped, warn

NO_FPM = "no php-fpm was found on the host"
_TIGHT, _FULL = 100 * 1024, 2 * 1024  # KB
_MB = 1024
_UNIT = re.compile(r"\bphp-?(\d\.\d+)-fpm|\bphp-fpm(\d\.\d+)")
_MINOR = re.compile(r"\d+\.\d+")


def tools(seen: Examined) -> Iterable[Verdict]:
    """Whether all commands are there that a session calls."""
    missing = seen.facts.all("missing")
    if missing:
        names = " ".join(missing)
        yield fail(
            f"missing on the host: {names}", on_host("sudo apt-get install coreutils util-linux grep sed hostname")
        )
    else:
        yield ok("sh, flock and coreutils are there")


def php(seen: Examined) -> Iterable[Verdict]:
    """Whether php answers, and is the version that serves the pages."""
    live = seen.state.live
    if live is None:
        yield _no_php(seen)
        return
    minor = _minor(live.php)
    serving = fpm_versions(seen)
    if len(serving) == 1 and minor not in serving:
        yield warn(
            f"{seen.host.php} is PHP {live.php}, and php-fpm is {serving[0]}, so another PHP builds the config cache.",
            in_yaml(f"php: php{serving[0]}", seen.environment.name),
        )
    elif len(serving) == 1:
        yield ok(f"PHP {live.php}, as php-fpm")
    else:
        yield ok(f"PHP {live.php}" + (f"; php-fpm is there as {', '.join(serving)}" if serving else ""))


def php_fpm(seen: Examined) -> Iterable[Verdict]:
    """Whether the php-fpm that a step restarts is there."""
    there = tuple(dict.fromkeys((*_running(seen), *_installed(seen))))
    wrong = [version for version in _restarted(seen) if there and version not in there]
    if seen.host.connection == "embedded" or not there:
        yield skipped(NO_FPM)
    elif wrong:
        step = next(step for step in seen.environment.steps if wrong[0] in (step.run or ""))
        right = (step.run or "").replace(wrong[0], there[0])
        text = f"the step `{step.name}` names php{wrong[0]}-fpm, and on the host there is {', '.join(there)}."
        yield fail(text, in_yaml(f"run: {right}", f"steps, {step.name}"))
    else:
        yield ok(", ".join(_running(seen)) or f"{', '.join(there)}, which does not run")


def fpm_versions(seen: Examined) -> tuple[str, ...]:
    """The versions that php-fpm may have: as a step names it, else as it runs, else as it is installed."""
    return _restarted(seen) or _running(seen) or _installed(seen)


def room(seen: Examined) -> Iterable[Verdict]:
    """Whether there is room where a change writes."""
    found = [(int(free), place) for text in seen.facts.all("room") for free, _, place in [text.partition(" ")]]
    if not found:
        yield skipped("df does not answer")
    short = [(free, place) for free, place in found if free < _TIGHT]
    for free, place in short:
        text = f"{free / _MB:.0f} MB are free in {place}"
        fix = on_host(f"df -h {shlex.quote(place)}")
        yield fail(f"{text}: too little for a change.", fix) if free < _FULL else warn(f"{text}.", fix)
    if found and not short:
        yield ok(f"at least {min(found)[0] // _MB:,} MB free")


def state_folder(seen: Examined) -> Iterable[Verdict]:
    """Whether records can be written: without a record there is no change."""
    problem, made = seen.facts.one("state-trouble"), seen.facts.one("state-made")
    if problem:
        mode = re.search(r"chmod go-w .+", problem)
        yield fail(f"No record can be written: {problem}.", on_host(mode[0]) if mode else _other_folder(seen))
    elif made:
        yield ok(made)
    else:
        yield ok(f"{seen.state.state_dir} will be made")


def _restarted(seen: Examined) -> tuple[str, ...]:
    found = [found for step in seen.environment.steps for found in _UNIT.finditer(step.run or "")]
    return tuple(dict.fromkeys(each[1] or each[2] for each in found))


def _running(seen: Examined) -> tuple[str, ...]:
    return tuple(dict.fromkeys(row[1] for row in seen.facts.rows("fpm-runs") if len(row) > 1 and row[1]))


def _installed(seen: Examined) -> tuple[str, ...]:
    return tuple(dict.fromkeys(row[1] for row in seen.facts.rows("fpm") if len(row) > 1 and row[1]))


def _no_php(seen: Examined) -> Verdict:
    served = fpm_versions(seen)[:1]
    candidates = sorted(seen.facts.all("php-found"), key=lambda path: not path.endswith(("php", *served)[-1]))
    why = seen.state.live_error or "the application's php does not answer"
    if "not found" in why:
        install = on_host("sudo apt-get install php-cli")
        fix = in_yaml(f"php: {candidates[0]}", seen.environment.name) if candidates else install
        return fail(f"{seen.host.php} was not found.", fix)
    return fail(
        f"{why}.", on_host(f"cd {shlex.quote(seen.state.app)} && {shlex.quote(seen.host.php)} artisan --version")
    )


def _other_folder(seen: Examined) -> Fix:
    folder = shlex.quote(posixpath.dirname(posixpath.dirname(seen.state.state_dir)))
    return on_host(f"sudo install -d -m 700 -o {shlex.quote(seen.state.user)} {folder}")


def _minor(version: str) -> str:
    found = _MINOR.match(version)
    return found[0] if found else version
