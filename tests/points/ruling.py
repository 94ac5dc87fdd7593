"""Rules in force and money for them, for tests of what the till gives."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from points import accounts, awards, funding
from points.models import Rule, RuleVersion
from tests.points.shops import NOON, TEST

WORDS = {"en": "Evening points", "zh-hans": "晚间积分"}
CAPS = {"member_day": 500, "member": 10_000, "budget": 100_000}
_serial = iter(range(1, 1_000_000))


def budget(fen: int = 10_000) -> int:
    """Open a budget of the operator with so much in it."""
    found = accounts.open_budget(title="Evenings", at=NOON - timedelta(days=30))
    if fen:
        fund(found, fen)
    return found


def fund(account: int, fen: int) -> None:
    at = NOON - timedelta(days=20)
    line = funding.receive(
        bank="own", account="1", serial=f"fund {next(_serial)}", amount_fen=fen, value_on=at.date(), actor=TEST, at=at, now=at
    )  # fmt: skip
    funding.allot(bank_line=line, float_id=account, actor=TEST, at=at, now=at)


def rule(payer: int, effect: dict[str, Any], code: str = "evening", **more: Any) -> RuleVersion:
    """Put a rule in force for weeks, as two people would have."""
    facts: dict[str, Any] = {"starts_at": NOON - timedelta(days=60), "ends_at": None}
    facts |= {name: more.pop(name) for name in list(more) if name in facts}
    row, _new = Rule.objects.get_or_create(
        code=code, defaults={"payer_id": payer, "opened_at": NOON - timedelta(days=60)}
    )
    version = RuleVersion.objects.create(
        rule=row,
        version=row.versions.count() + 1,  # type: ignore[attr-defined]
        definition={"effect": effect, "caps": CAPS, "words": WORDS, **more},
        state_since=NOON,
        drafted_by="user:1",
        submitted_by="user:1",
        approved_by="user:2",
        **facts,
    )
    for state in ("submitted", "approved"):
        version.state = state
        version.save()
    awards.forget()
    return version
