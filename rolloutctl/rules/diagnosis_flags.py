"""What doctor says of the flags: their keys in `.env`, their settings in the config cache, and edits that wait."""

from __future__ import annotations

import posixpath
import shlex
from collections.abc import Iterable

from rolloutctl.rules.config import Flag
from rolloutctl.rules.env_lines import readings
from rolloutctl.rules.examined import Examined
from rolloutctl.rules.flags import Audience, odd_spelling
from rolloutctl.rules.proof import below
from rolloutctl.rules.records import audience_of
from rolloutctl.rules.verdicts import Fix, Verdict, fail, here, in_yaml, info, ok, on_host, skipped, warn

_SILENT = "the application does not speak"
_UNREAD = ".env was not read"


def application(seen: Examined) -> Iterable[Verdict]:
    """Whether the application boots, and reads the file that would be edited."""
    live, reads = seen.state.live, seen.facts.one("reads")
    app = shlex.quote(seen.state.app)
    if live is None:
        yield skipped("php does not answer")
    elif live.boot_error:
        fix = (
            f"cd {app} && composer install --no-dev"
            if "autoload" in live.boot_error
            else f"cd {app} && php artisan about"
        )
        yield fail(f"the application does not start: {live.boot_error}.", on_host(fix))
    elif reads and reads != seen.env_file:
        relative = posixpath.relpath(reads, seen.state.app)
        yield fail(
            f"the application reads {reads}, not {seen.env_file}: APP_ENV chooses it.",
            in_yaml(f"env_file: {reads if relative.startswith('..') else relative}", seen.environment.name),
        )
    else:
        yield ok(f"Laravel {live.laravel}" if live.laravel else "boots")


def phpdotenv(seen: Examined) -> Iterable[Verdict]:
    """Whether the application's own phpdotenv reads `.env`."""
    live = seen.state.live
    if live is None:
        yield skipped("php does not answer")
    elif live.fault is None and (opened := _unclosed(seen)):
        text = f'the quote that =" opens in line {opened} of .env is never closed: all behind it is dropped, silently.'
        yield fail(text, on_host(f"editor +{opened} {shlex.quote(seen.env_file)}"))
    elif live.fault is None:
        yield ok("reads .env")
    elif live.fault.what == "unreadable":
        yield skipped(".env cannot be read")
    elif live.fault.what == "invalid":
        line = f"+{live.fault.line} " if live.fault.line else ""
        yield fail(f"{live.fault}.", on_host(f"editor {line}{shlex.quote(seen.env_file)}"))
    else:
        yield fail(f"{live.fault}.", on_host(f"cd {shlex.quote(seen.state.app)} && composer install --no-dev"))


def keys(seen: Examined) -> Iterable[Verdict]:
    """Whether each flag's key stands in `.env`, in a spelling that means what it says."""
    live = seen.state.live
    if live is None or live.fault is not None or _unclosed(seen):
        yield skipped(_UNREAD)
        return
    for flag in seen.flags:
        value = live.values.get(flag.key)
        if flag.key not in live.values:
            yield warn(
                f"{flag.key} is not in .env: the first change will append it.",
                on_host(f"printf '\\n{flag.key}=false\\n' >> {shlex.quote(seen.env_file)}"),
            )
        elif odd_spelling(value):
            yield warn(
                f"{flag.key}={value} switches the feature ON: Laravel knows only true and false.",
                _toggle(seen, flag, Audience(enabled=value is None or value.lower() in {"on", "yes", "1"})),
            )
    if all(flag.key in live.values and not odd_spelling(live.values[flag.key]) for flag in seen.flags):
        yield ok("each flag's key is in .env")
    for key in live.undeclared:
        yield info(
            f"{key} stands in .env, and no flag declares it",
            in_yaml(f"{key.removeprefix('FEATURE_').lower()}: {{key: {key}}}", "flags"),
        )


def settings(seen: Examined) -> Iterable[Verdict]:
    """Whether the config cache has each flag's setting, and agrees with `.env`."""
    if not seen.application_speaks:
        yield skipped(_SILENT)
        return
    if not seen.cached or not seen.env_was_read:
        yield skipped(_UNREAD if seen.cached else "no config cache stands")
        return
    found = [verdict for flag in seen.flags if flag.config for verdict in _setting(seen, flag, flag.config)]
    yield from found or [ok(".env and the config cache agree")]


def builds(seen: Examined) -> Iterable[Verdict]:
    """Whether a new config cache can be built beside the live one."""
    trouble = seen.facts.troubles.get("build")
    if not seen.application_speaks:
        yield skipped(_SILENT)
    elif seen.facts.one("aside") == "no" and seen.builds_aside:
        yield fail(
            "the application ignores APP_CONFIG_CACHE, as Laravel 5.8 and older do: it can build no cache aside.",
            in_yaml("- {name: config cache, run: php artisan config:cache}", "steps, instead of builtin: config-cache"),
        )
    elif seen.facts.one("aside") != "yes":
        yield skipped("the application ignores APP_CONFIG_CACHE")
    elif trouble is not None:
        what = "did not end in time" if trouble.status == "124" else f"ends with exit {trouble.status}"
        command = f"cd {shlex.quote(seen.state.app)} && APP_CONFIG_CACHE=/tmp/try.php php artisan config:cache"
        yield fail(
            f"php artisan config:cache {what}: no new config cache can be built.", on_host(command), trouble.lines
        )
    elif not seen.env_was_read:
        yield skipped(_UNREAD)
    elif seen.facts.difference is not None:
        yield ok("can be built aside")
    elif seen.facts.difference_failed:
        yield fail("the config cache that was built aside cannot be read.", on_host("php artisan config:cache"))
    else:
        yield skipped("no config cache stands, so none is built")


def waiting(seen: Examined) -> Iterable[Verdict]:
    """Whether a change would make live what somebody else left in `.env` or a config file."""
    difference = seen.facts.difference
    if difference is None or not seen.env_was_read:
        yield skipped(_UNREAD if difference else "no config cache was built aside")
        return
    told = [flag.config for flag in seen.flags if not seen.state.in_sync(flag)]
    stowaways = [n for n in difference.pending if not below(n, (*told, *seen.environment.volatile))]
    volatile = [n for n in difference.volatile if not below(n, seen.environment.volatile)]
    if stowaways:
        yield fail(
            f"edits wait that nobody has made live, and any change would: {', '.join(stowaways)}. "
            "Undo them in .env or the config file, or let the next change take them along.",
            Fix("--with-pending", "with rolloutctl toggle"),
        )
    if volatile:
        yield warn(
            f"different at each build: {', '.join(volatile)}.",
            in_yaml(f"volatile: [{', '.join(volatile)}]", seen.environment.name),
        )
    if not stowaways and not volatile:
        yield ok("nothing waits to be made live")


def _setting(seen: Examined, flag: Flag, path: str) -> Iterable[Verdict]:
    cached, file = seen.state.effective(flag), seen.state.in_file(flag)
    if cached is None and not _will_be_there(seen, flag, path):
        yield fail(f"the config cache has no setting {path}. {_readers(seen, flag)}", _where(seen, flag))
    elif cached is not None and not seen.state.in_sync(flag):
        yield _torn(seen, flag, file, cached)
    elif cached is not None and seen.facts.all("readers") and not _files(seen, flag):
        yield warn(
            f"no file below config/ reads {flag.key} with env(): {path} may never change.", _read_in_config(flag)
        )


def _torn(seen: Examined, flag: Flag, file: Audience | None, cached: Audience) -> Verdict:
    """The file and the cache say different things: somebody's edit, or a change of ours that got no further."""
    text = f"{flag.name}: .env says {file}, the config cache {cached}: "
    last = next((record for record in reversed(seen.state.records) if record.flag == flag.name), None)
    if file is not None and last is not None and audience_of(last.data.get("to")) == file:
        return fail(f"{text}the change {last.change} is not finished. To finish it:", _toggle(seen, flag, file))
    return fail(f"{text}edited by hand, and not made live. Back to what is live:", _toggle(seen, flag, cached))


def _will_be_there(seen: Examined, flag: Flag, path: str) -> bool:
    """Whether a new config cache will have a setting that the live one has not, as far as one can tell."""
    if seen.facts.difference is not None and path in seen.facts.difference.got:
        return True  # it waits to be made live
    in_file = seen.state.live is not None and flag.key in seen.state.live.values
    return not in_file and not seen.facts.all("readers")


def _readers(seen: Examined, flag: Flag) -> str:
    files = _files(seen, flag)
    if files:
        named = ", ".join(file for file, _ in files)
        return f"{named} reads {flag.key}: config: of {flag.name} has to name the setting there."
    return f"No config file reads {flag.key}: config/features.php has to, or config: names another setting."


def _where(seen: Examined, flag: Flag) -> Fix:
    files = _files(seen, flag)
    if not files:
        return _read_in_config(flag)
    file, setting = files[0]
    name = posixpath.basename(file).removesuffix(".php")
    return in_yaml(f"config: {name}.{setting or flag.name}", f"flags: {flag.name}")


def _read_in_config(flag: Flag) -> Fix:
    file, _, setting = (flag.config or flag.name).partition(".")
    return Fix(f"'{setting}' => env('{flag.key}', false),", f"in config/{file}.php")


def _files(seen: Examined, flag: Flag) -> list[tuple[str, str]]:
    """The config files that read the flag's key, each with the name of the setting there."""
    lines = [text.split() for text in seen.facts.all("readers")]
    found = [word.partition(":") for words in lines if words and words[0] == flag.key for word in words[1:]]
    return [(file, setting) for file, _, setting in found]


def _toggle(seen: Examined, flag: Flag, audience: Audience) -> Fix:
    words = ["rolloutctl", "toggle", seen.environment.name, flag.name, "true" if audience.enabled else "false"]
    if audience.limited:
        words += ["--companies", ",".join(map(str, audience.companies))]
    return here(shlex.join(words))


def _unclosed(seen: Examined) -> int | None:
    """The line of `.env` from which on phpdotenv, whichever it is, drops all."""
    lines = [reading.unclosed for reading in readings(seen.state.content.data)] if seen.state.content else [None]
    return None if None in lines else lines[0]
