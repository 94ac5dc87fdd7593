"""Two rules that the small town lives under since yesterday: one of the operator, one of a shop.

Each was written by one person and approved by a second, years ahead, before there was a history to try it on.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from alliance import approvals
from alliance.actors import Actor
from alliance.calc.worktime import shanghai_day
from points import accounts, awards, funding, rules
from points.models import Account, Rule
from town import money
from town.quarter import Quarter
from town.world import cast

BUDGET_FEN = 500_000


def found(q: Quarter, begins: datetime, at: datetime) -> None:
    """Put both in force from `begins`, once. at: when they were decided."""
    if Rule.objects.filter(code="fruit-week").exists():
        return
    budget = accounts.open_budget(title="水果节活动预算（模拟）", at=at)
    line = money.receive(BUDGET_FEN, "联惠运营方（模拟）", "水果节活动", f"HA-CAMPAIGN-{shanghai_day(at):%Y%m%d}", at)
    funding.allot(bank_line=line, float_id=budget, actor=money.ACTOR, at=at, now=at)
    fruit: dict[str, Any] = {
        "scope": {"trades": ["fruit"]},
        "effect": {"kind": "rate", "bps": 50},
        "caps": {"member_day": 300, "member": 3_000, "budget": 400_000},
        "words": {"zh-hans": "水果节，多送积分", "en": "Fruit week: more points"},
    }
    lunch: dict[str, Any] = {
        "scope": {"merchants": [_float(q, cast.HOTPOT)], "weekdays": [0, 1, 2, 3, 4], "hours": [11, 12, 13]},
        "effect": {"kind": "multiplier", "bps": 5_000},
        "caps": {"member_day": 2_000},
        "words": {"zh-hans": "工作日午市，积分多一半", "en": "Weekday lunch: half as many points again"},
    }
    for code, payer, definition in (("fruit-week", budget, fruit), ("hotpot-lunch", _float(q, cast.HOTPOT), lunch)):
        version = rules.draft(
            code=code,
            payer=Account.objects.get(pk=payer),
            definition=definition,
            starts_at=begins,
            actor=Actor.user(q.organised.finance),
            at=at,
        )
        asked = rules.submit(version=version, user=q.organised.finance, at=at + timedelta(hours=1))
        approvals.approve(asked, user=q.organised.finance2, at=at + timedelta(hours=2))
    awards.forget()


def _float(q: Quarter, key: str) -> int:
    return q.merchants[q.position_of(key)].float_id or 0
