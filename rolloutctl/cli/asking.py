"""The question before a change: who may answer it, and how."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from msgspec import Struct

from rolloutctl.cli import words
from rolloutctl.cli.invocation import Invocation
from rolloutctl.cli.options import LONGEST_REASON
from rolloutctl.cli.streams import STREAMS
from rolloutctl.errors import Refused

if TYPE_CHECKING:
    from rolloutctl.rules.plans import Plan

_UNTOUCHED = "Nothing was changed on any host."


class Answer(Struct, frozen=True):
    """What the command line says to the question: nothing, `--yes`, or `--confirm` with a name."""

    invocation: Invocation
    yes: bool = False
    confirm: str = ""
    dry_run: bool = False
    looks: str = "--dry-run"  # the option that only shows the plan; empty where there is none
    needs: str = ""  # the name that --confirm has to say: --yes is not enough

    @property
    def given(self) -> bool:
        """Whether nobody has to be asked."""
        return self.dry_run or self.yes or bool(self.confirm)

    def check(self, environment: str | None) -> None:
        """See to it that there is somebody to ask, before anything is done.

        Raises:
            Refused: there is no terminal, or the confirmed name is another one.
        """
        self.check_name(environment)
        if not self.given and not STREAMS.can_ask:
            what = "--confirm was not given" if self.needs else "neither --yes nor --confirm was given"
            hints = [f"To see the plan: {self._command(self.looks)}"] if self.looks else []
            hints += [f"To go on: {self._command('--confirm', self.needs)}"] if self.needs else []
            raise Refused(f"There is no terminal to ask on, and {what}.", state=_UNTOUCHED, hint="\n".join(hints))

    def check_name(self, environment: str | None) -> None:
        """See that the confirmed name is the environment's.

        Raises:
            Refused: it is another one.
        """
        if self.confirm and environment is not None and self.confirm != environment:
            raise Refused(
                f"--confirm says {self.confirm}, and the change is for {environment}.",
                state=_UNTOUCHED,
                hint=f"If {environment} is meant: --confirm {environment}",
            )

    def reason(self, reason: str, *, needed: bool, hurry: bool = False) -> str:
        """The reason that goes into the record, as one line; asked for where a protected environment needs one.

        Raises:
            Refused: none was given, or one that no record holds; a switch-off (`hurry`) is not held up by that.
        """
        from rolloutctl.rules.redact import one_line  # noqa: PLC0415 - not for --help

        found = one_line(reason)
        if not found and needed and not self.given:
            found = one_line(prompt("Reason, for the record: "))
            if not found:
                raise Refused(
                    "A protected environment needs a reason.", state=_UNTOUCHED, hint='Give it: --reason "..."'
                )
        if len(found) <= LONGEST_REASON:
            return found
        if hurry:
            return f"{found[:LONGEST_REASON]}…"
        raise Refused(
            f"The reason has {len(found):,} characters; a record takes {LONGEST_REASON:,}.",
            state=_UNTOUCHED,
            hint="Say it shorter, and link to the rest.",
        )

    def agrees(self, plan: Plan) -> bool:
        """Whether to go on; widening in a protected environment takes the environment's name and a reason.

        Raises:
            Refused: what was said on the command line is not enough.
        """
        name = plan.environment.name
        self.check(name)
        guarded = plan.environment.protected and not plan.narrow
        if guarded and self.given and (self.confirm != name or not plan.reason):
            raise self._not_enough(plan)
        if self.given:
            return True
        if guarded:
            return prompt(f"Type {name} to apply: ") == name
        return prompt("Apply? [y/N] ").strip().lower() in {"y", "yes"}

    def _not_enough(self, plan: Plan) -> Refused:
        name = plan.environment.name
        typed = words.without(self.invocation.argv, "--yes", "-y")
        missing = ([] if self.confirm else ["--confirm", name]) + ([] if plan.reason else ["--reason", "..."])
        what = "a reason is needed" if self.confirm else "--yes is not enough there"
        return Refused(
            f"{name} is protected: to let more people see {plan.flag.name}, {what}.",
            subject=name,
            state=_UNTOUCHED,
            hint=words.command(*typed, *missing),
        )

    def _command(self, *options: str) -> str:
        return words.command(*self.invocation.argv, *options)


def prompt(question: str) -> str:
    """Ask on the terminal; the end of the input is an empty answer, as is one to what nobody sees. It is on stderr."""
    sys.stderr.write(question)
    sys.stderr.flush()
    if STREAMS.unseen:
        return ""
    answer = ""
    try:
        answer = sys.stdin.readline()
    finally:
        if not answer.endswith("\n"):  # Ctrl-C or Ctrl-D: what comes next begins a line of its own
            sys.stderr.write("\n")
    return answer.removesuffix("\n")
