"""toggle: give a flag a new audience in an environment."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from rolloutctl.cli import options
from rolloutctl.cli.asking import Answer
from rolloutctl.cli.changing import change
from rolloutctl.cli.invocation import invocation_of
from rolloutctl.cli.wiring import configuration_for, tools_for
from rolloutctl.errors import UsageError
from rolloutctl.rules.flags import parse_companies, parse_switch

if TYPE_CHECKING:
    from rolloutctl.rules.plans import Wish

Switch = Annotated[str, typer.Argument(metavar="true|false", help="On or off.")]
Companies = Annotated[
    str | None, typer.Option("--companies", metavar="15,42|all", help="Only these companies see it, or all.")
]
Add = Annotated[str | None, typer.Option("--add-companies", metavar="15,42", help="These see it too.")]
ConfirmWithin = Annotated[
    str,
    typer.Option("--confirm-within", metavar="TIME", help="Go back by itself then, unless `confirm` came before: 10m."),
]
At = Annotated[
    str, typer.Option("--at", metavar="WHEN", help='Not now: "2025-11-24 09:00 Europe/Berlin". `due` carries it out.')
]
Remove = Annotated[str | None, typer.Option("--remove-companies", metavar="15,42", help="These see it no longer.")]


def toggle(  # noqa: PLR0913 - each is a word of the command line
    context: typer.Context,
    *,
    environment: options.Environment,
    flag: options.Flag,
    enabled: Switch,
    companies: Companies = None,
    add_companies: Add = None,
    remove_companies: Remove = None,
    at: At = "",
    confirm_within: ConfirmWithin = "",
    reason: options.Reason = "",
    dry_run: options.DryRun = False,
    yes: options.Yes = False,
    confirm: options.Confirm = "",
    with_pending: options.WithPending = False,
    wait: options.Wait = "0",
    json: options.Json = False,
) -> None:
    """Switch a flag on or off, on every host or on none.

    Shows what would change, asks, changes each host and proves it; when one fails, every host is put back.
    Switching off always works: on every host that can be reached.
    """
    invocation = invocation_of(context)
    wish = wish_from(enabled, companies, add_companies, remove_companies)
    seconds = time_to_confirm(confirm_within, wish)
    patience = options.seconds(wait, "--wait")
    configuration = configuration_for(invocation)
    where = configuration.environment(environment)
    configuration.flag(flag)
    answer = Answer(invocation, yes, confirm, dry_run)
    answer.check(environment)
    reason = answer.reason(reason, needed=where.protected and wish.enabled, hurry=not wish.enabled)
    tools = tools_for(configuration, bound_for=() if at else [where], content=True, departure=invocation.departure)
    from rolloutctl.workflows.toggle import Request  # noqa: PLC0415 - on the way to the hosts
    from rolloutctl.workflows.toggle import toggle as carry_out  # noqa: PLC0415
    from rolloutctl.workflows.tools import Options  # noqa: PLC0415

    how = Options(dry_run, with_pending, patience, seconds)
    request = Request(environment, flag, wish, reason)
    if at:
        from rolloutctl.cli.scheduling import put_off  # noqa: PLC0415

        put_off(request, at, how, answer)
        return
    change(invocation, answer, lambda desk: carry_out(request, how, tools, desk))


def wish_from(enabled: str, companies: str | None, add: str | None, remove: str | None) -> Wish:
    """What the words on the command line ask for.

    Raises:
        UsageError: they don't fit together.
    """
    from rolloutctl.rules.plans import Wish  # noqa: PLC0415 - not for --help

    on = parse_switch(enabled)
    named = [
        name
        for name, given in (("--companies", companies), ("--add-companies", add), ("--remove-companies", remove))
        if given is not None  # an empty list is a mistake of the caller, and must not mean everyone
    ]
    if named and not on:
        raise UsageError(
            f"{named[0]} says who sees the feature, and false switches it off for all.",
            hint="To take it from some companies only: toggle ... true --remove-companies 15",
        )
    if companies is not None and len(named) > 1:
        raise UsageError(f"--companies is the whole list: it can't stand together with {named[1]}.")
    both = set(_numbers(add)) & set(_numbers(remove))
    if both:
        raise UsageError(f"Company {min(both)} can't be added and removed at once.")
    whole = None if companies is None else () if companies.strip().lower() == "all" else parse_companies(companies)
    return Wish(on, whole, _numbers(add), _numbers(remove))


def time_to_confirm(text: str, wish: Wish) -> int:
    """The seconds of --confirm-within; 0 where it was not given.

    Raises:
        UsageError: it is no such time, or stands at a switch-off.
    """
    from rolloutctl.rules.provisional import parse_confirm_within  # noqa: PLC0415 - not for --help

    if text and not wish.enabled:
        raise UsageError(
            "A switch-off never goes back, so it waits for no confirmation.",
            hint="The same without --confirm-within.",
        )
    return parse_confirm_within(text) if text else 0


def _numbers(text: str | None) -> tuple[int, ...]:
    return () if text is None else parse_companies(text)
