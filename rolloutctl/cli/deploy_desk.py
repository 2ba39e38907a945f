"""The person in front of a deployment: sees the plan, answers the question, follows each host."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from rolloutctl.cli.following_desk import FollowingDesk

if TYPE_CHECKING:
    from rolloutctl.rules.deploy_plans import DeployPlan


class DeployFrontDesk(FollowingDesk):
    """`workflows.deploy.DeployDesk` for the command line."""

    shown: tuple[str, ...] = ()

    def show(self, plan: DeployPlan, notes: Sequence[str]) -> None:
        """Show what will be done, before anything is."""
        self.shown = tuple(notes)
        page = self._page()
        if page is not None:
            from rolloutctl.cli.render_deploy import show_plan  # noqa: PLC0415 - rich only where somebody looks

            show_plan(plan, notes, page)

    def agrees(self, plan: DeployPlan) -> bool:
        """Ask; a protected environment takes its name and a reason."""
        where = plan.environment
        agreed = self._agrees(where, guarded=where.protected, reason=plan.reason, what="deploy there")
        if agreed:
            self._begin([host.name for host in plan.hosts], where, plan.flags)
        return agreed
