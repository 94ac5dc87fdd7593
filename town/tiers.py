"""Tiers of the town's people: by the points that they earned within a year, never by what they hold.

Staff give tiers through the book's verb; the town goes by one rule for everybody, upwards only.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db.models import Sum

from alliance.actors import Actor
from points import accounts
from points.models import Transfer, Wallet
from town.quarter import Quarter

ACTOR = Actor.system("town")
SILVER, GOLD, DIAMOND = 1, 2, 3
# Points earned within a year, and the tier that they are worth.
RUNGS = ((150_000, DIAMOND), (50_000, GOLD), (30_000, SILVER))
YEAR = timedelta(days=365)


def give(q: Quarter, at: datetime) -> int:
    """Raise everybody who has earned it; return how many there were."""
    earned = Transfer.objects.filter(kind=Transfer.Kind.EARN, booked_at__gte=at - YEAR, booked_at__lte=at)
    sums = earned.values("wallet_id").annotate(total=Sum("points")).filter(total__gte=RUNGS[-1][0]).order_by()
    worth = {row["wallet_id"]: tier_for(row["total"]) for row in sums}
    mine = set(q.wallets) & worth.keys()
    has = dict(Wallet.objects.filter(pk__in=mine).values_list("pk", "tier"))
    raised = [wallet for wallet in sorted(mine) if worth[wallet] > has[wallet]]
    for wallet in raised:
        accounts.set_tier(wallet, worth[wallet], actor=ACTOR, at=at)
    return len(raised)


def tier_for(points: int) -> int:
    """Return the tier that points earned within a year are worth."""
    return next((tier for least, tier in RUNGS if points >= least), 0)
