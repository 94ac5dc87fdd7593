"""The flow: whatever has a state is moved by one function, along one table, by one guarded UPDATE.

    LIFE = Flow("merchant", {("draft", "go_live"): "live", ("live", "pause"): "paused", …})
    flows.move(LIFE, merchant, "go_live", actor=actor, at=at)

The row has `state` and `state_since`; `due_at` too where the flow has time limits. Each move leaves one event
"<flow>.<verb>".
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from django.db import models, transaction
from django.utils.translation import gettext_lazy as _

from alliance import events
from alliance.actors import Actor
from alliance.refusals import declare

MOVE_NOT_ALLOWED = declare(
    "move_not_allowed", 409, _("This is “%(state)s” now, and “%(verb)s” is not possible from there. Reload the page.")
)


@dataclass(frozen=True)
class Flow:
    """A table (state, verb) → state, and how long each state may last."""

    name: str
    table: Mapping[tuple[str, str], str]
    limits: Mapping[str, timedelta] = field(default_factory=dict)

    def verbs(self, state: str) -> list[str]:
        """Return what can be done from a state, in the order of the table."""
        return [verb for (at, verb) in self.table if at == state]


@transaction.atomic
def move(flow: Flow, row: Any, verb: str, *, actor: Actor, at: datetime, **facts: Any) -> None:
    """Move `row` along its flow, once; the loser of two parallel moves is refused.

    Refuses: move_not_allowed.
    """
    target = flow.table.get((row.state, verb))
    if target is None:
        raise MOVE_NOT_ALLOWED(state=row.state, verb=verb)
    changes: dict[str, Any] = {"state": target, "state_since": at}
    if flow.limits:
        limit = flow.limits.get(target)
        changes["due_at"] = at + limit if limit else None
    model: type[models.Model] = type(row)
    moved = model._default_manager.filter(pk=row.pk, state=row.state).update(**changes)
    if not moved:
        row.refresh_from_db(fields=["state"])
        raise MOVE_NOT_ALLOWED(state=row.state, verb=verb)
    before = row.state
    for name, value in changes.items():
        setattr(row, name, value)
    events.record(f"{flow.name}.{verb}", row, actor, at, {"from": before, "to": target, **facts})
