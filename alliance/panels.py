"""The registry of work lists: each floor registers what needs somebody's eye, the dashboard draws what is registered.

@panels.panel("floats_low", title=_("Floats nearly empty"), permission="merchant.view", position=10)
def floats_low(at, scope): return [panels.Row(text="老灶火锅", right="1.5 天", url="…", sign="bad")]
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from alliance.metrics import Scope

SIGNS = ("bad", "warn", "good", "")


@dataclass(frozen=True, slots=True)
class Row:
    """One line of a panel: what it is, a figure at the right, where it leads, how bad it is."""

    text: Any
    url: str = ""
    right: Any = ""
    sign: str = "warn"


Find = Callable[[datetime, Scope], Sequence[Row]]


@dataclass(frozen=True)
class Panel:
    """A work list. `more` names the page that shows all of it."""

    code: str
    title: Any
    permission: str
    position: int
    find: Find
    more: str = ""
    needs_top: bool = False


_PANELS: dict[str, Panel] = {}


def panel(
    code: str, *, title: Any, permission: str, position: int = 50, more: str = "", needs_top: bool = False
) -> Callable[[Find], Find]:
    """Register a panel. needs_top: only for posts in the unit above all others, because its rows belong to no unit."""

    def register(find: Find) -> Find:
        if code in _PANELS:
            raise RuntimeError(f"panel {code} is registered twice")
        _PANELS[code] = Panel(code, title, permission, position, find, more, needs_top)
        return find

    return register


def registered() -> list[Panel]:
    return sorted(_PANELS.values(), key=lambda panel: (panel.position, panel.code))
