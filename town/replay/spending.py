"""Which baskets of a settled year are paid with points: the source knows none, so a part of them is drawn by number."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from zlib import crc32

from points.calc import rebate
from points.models import Wallet
from stores.calc.baskets import Screened
from stores.feeds import Till

# One basket in so many, if the household has as much as it cares for.
ONE_IN = 8
LEAST = 100


def plan(batch: Sequence[Screened], wallets: Mapping[str, int], tills: Mapping[str, Till]) -> dict[str, int]:
    """Return how many points each chosen basket takes: what is there and what the terms let, in tens.

    What the batch itself earns is left aside. Asked again after a kill it may say something else: only a batch that
    was booked counts.
    """
    chosen = [
        screened
        for screened in batch
        if screened.kept and screened.basket.holder in wallets and crc32(screened.basket.number.encode()) % ONE_IN == 0
    ]
    rows = Wallet.objects.filter(pk__in={wallets[screened.basket.holder] for screened in chosen})
    left: dict[int, int] = defaultdict(int)
    for pk, balance, pending, held in rows.values_list("pk", "balance", "pending", "held"):
        left[pk] = balance - pending - held
    found = {}
    for screened in chosen:
        terms = tills[screened.basket.store].terms_at(screened.basket.at)
        wallet = wallets[screened.basket.holder]
        most = rebate.largest_spend(screened.value_fen, terms.spend_share_bps) if terms else 0
        spend = min(left[wallet], most) // 10 * 10
        if spend >= LEAST:
            found[screened.basket.number] = spend
            left[wallet] -= spend
    return found
