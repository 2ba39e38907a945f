"""Texts made from Jinja2 templates: those that are shipped, and a team's own. No other module knows Jinja2."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from importlib.resources import files
from pathlib import Path
from traceback import walk_tb
from types import TracebackType
from typing import Any, Final

from jinja2 import (
    BaseLoader,
    ChoiceLoader,
    Environment,
    FileSystemLoader,
    FunctionLoader,
    StrictUndefined,
    TemplateError,
    TemplateNotFound,
    TemplateRuntimeError,
    TemplateSyntaxError,
    UndefinedError,
)
from jinja2.sandbox import ImmutableSandboxedEnvironment
from jinja2.utils import missing

from rolloutctl.errors import ConfigurationError

_SHIPPED: Final = files("rolloutctl.outside") / "templates"
_FAILURES: Final = (TemplateError, ArithmeticError, AttributeError, LookupError, TypeError, ValueError)  # of rendering
_WITH_BRACES: Final = ".yml.j2"  # what GitHub reads, where ${{ }} is a thing of its own
_AMONG_BRACES: Final[dict[str, Any]] = {
    "block_start_string": "[%",
    "block_end_string": "%]",
    "variable_start_string": "[[",
    "variable_end_string": "]]",
    "comment_start_string": "[#",
    "comment_end_string": "#]",
    "keep_trailing_newline": True,
}
_ENOUGH: Final = 50  # facts that are named as missing in one go


class MissingFacts(ConfigurationError):
    """A template uses facts that nobody has given; `names` are those, in the order of their use."""

    names: tuple[str, ...] = ()


def render(template: str | Path, facts: Mapping[str, Any], *, html: bool) -> str:
    """The text of a template, filled in.

    Args:
        template: the name of a shipped one, as `report.html.j2`; or a path: a template of the team's own, which may
            include and extend its neighbours and those that are shipped. One for `.yml` has [[ ]] and [% %] for braces.
        facts: what it may use. A fact that it uses and that is not there is an error; `is defined` asks.
        html: whether what is filled in is text among HTML, and so escaped.

    Raises:
        MissingFacts: it uses facts that are not there.
        ConfigurationError: it can't be read, or is wrong; the subject has the file and the line.
    """
    given, absent, places = dict(facts), list[str](), list[str]()
    while len(absent) < _ENOUGH:
        try:
            text = _filled(template, given, html=html)
        except _Unset as unset:
            absent.append(str(unset))
            places.append(_place(template, unset.__traceback__))
            given[str(unset)] = ""  # to come by the others that are missing
        except ConfigurationError:
            if not absent:
                raise
            break  # it may be the stopgap that was the matter
        else:
            if not absent:
                return text
            break
    raise _missing(absent, places)


def _filled(template: str | Path, facts: Mapping[str, Any], *, html: bool) -> str:
    try:
        return _environment(template, html=html).get_template(_name(template)).render(facts)
    except _Unset:
        raise
    except TemplateSyntaxError as error:
        place = f"{error.filename or template}:{error.lineno}"
        raise ConfigurationError(f"This is no Jinja2: {error.message}.", subject=place, hint=_hint(template)) from error
    except TemplateNotFound as error:
        place = _place(template, error.__traceback__)
        raise ConfigurationError(f"There is no template {error.message}.", subject=place) from error
    except OSError as error:
        why = (error.strerror or str(error)).lower()
        raise ConfigurationError(f"The template can't be read: {why}.", subject=str(template)) from error
    except _FAILURES as error:
        place = _place(template, error.__traceback__)
        raise ConfigurationError(
            f"The template can't be filled in: {error}.", subject=place, hint=_hint(template)
        ) from error


def _environment(template: str | Path, *, html: bool) -> Environment:
    # A sandbox for the shipped ones too: a fact must be as harmless in one as in the other.
    return ImmutableSandboxedEnvironment(
        loader=_loader(template),
        autoescape=html,
        undefined=_Absent,
        trim_blocks=True,
        lstrip_blocks=True,
        **(_AMONG_BRACES if str(template).endswith(_WITH_BRACES) else {}),
    )


def _loader(template: str | Path) -> BaseLoader:
    shipped = FunctionLoader(_shipped)
    return shipped if isinstance(template, str) else ChoiceLoader([FileSystemLoader(template.parent), shipped])


def _shipped(name: str) -> tuple[str, str, None] | None:
    place = _SHIPPED.joinpath(*name.split("/"))
    if ".." in name.split("/") or not place.is_file():
        return None
    return place.read_text(encoding="utf-8"), str(place), None


def _name(template: str | Path) -> str:
    return template if isinstance(template, str) else template.name


def _hint(template: str | Path) -> str:
    return "" if isinstance(template, str) else "Correct the template."


def _place(template: str | Path, trace: TracebackType | None) -> str:
    """The file and the line of the innermost template; Jinja2 has put those into the traceback."""
    lines = [(frame.f_code.co_filename, line) for frame, line in walk_tb(trace) if _is_template(frame.f_globals)]
    return "{}:{}".format(*lines[-1]) if lines else str(template)


def _is_template(names: Mapping[str, Any]) -> bool:
    return "__jinja_exception__" in names


def _missing(names: Iterable[str], places: Iterable[str]) -> MissingFacts:
    named, where = tuple(names), tuple(places)
    error = MissingFacts(
        "The template uses what nobody has given: " + ", ".join(named) + ".",
        subject=where[0],
        details=tuple(f"{name}: {place}" for name, place in zip(named, where, strict=True)),
    )
    error.names = named
    return error


class _Unset(UndefinedError):
    """A whole fact is missing; the message is its name."""


class _Absent(StrictUndefined):
    """What a template finds where nothing is: it can't be written, compared or gone through, only asked for."""

    __slots__ = ()

    def __init__(
        self,
        hint: str | None = None,
        obj: object = missing,
        name: str | None = None,
        exc: type[TemplateRuntimeError] = UndefinedError,
    ) -> None:
        whole = obj is missing and name is not None and hint is None
        super().__init__(name if whole else hint, obj, name, _Unset if whole else exc)
