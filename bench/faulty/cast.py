"""Who sells to whom in a world that is broken: three shops with plenty of money, members with points."""

from __future__ import annotations

from dataclasses import dataclass, field

from django.utils import timezone

from merchants.models.key import Scope
from points import accounts, rollup, verify
from points.models import Sale, Wallet
from tests.factories import members, shops
from tests.factories.merchants import api_key
from tests.factories.shops import Shop

CARDS = (
    ("老灶火锅", "hotpot", {}),
    ("鲜果时光", "fruit", {"matures_days": 0}),
    ("比那多超市", "supermarket", {"matures_days": 0, "rate_bps": 500}),
)
FLOAT_FEN = 50_000_000_00


@dataclass
class Cast:
    shops: list[Shop]
    secrets: list[str]
    wallets: list[int]
    phones: list[str]
    spend_fee_bps: list[int]
    # Everything as it stood before the first request.
    balances: dict[int, int] = field(default_factory=dict)
    last_sale: int = 0


def assemble(n_members: int = 24, points: int = 20_000) -> Cast:
    """Found the shops and let the members join; each has points that can be spent at once."""
    found = [shops.shop(name, trade=trade, float_fen=FLOAT_FEN, **card) for name, trade, card in CARDS]  # type: ignore[arg-type]
    people = [members.member() for _ in range(n_members)]
    for one in people:
        shops.sale(found[1], one.wallet_id, points * 20)
    from points import terms

    now = timezone.now()
    cast = Cast(
        found,
        [api_key(shop.merchant, scopes=list(Scope.values)) for shop in found],
        [one.wallet_id for one in people],
        [one.user.phone or "" for one in people],
        [terms.in_force(shop.merchant.float_id or 0, now).spend_fee_bps for shop in found],
    )
    cast.balances = standing(cast)
    cast.last_sale = Sale.objects.order_by("-pk").values_list("pk", flat=True)[0]
    return cast


def standing(cast: Cast) -> dict[int, int]:
    """Return the exact balances of the wallets, floats and proceeds."""
    rollup.run()
    named = [number for shop in cast.shops for number in accounts_of(shop)]
    found = dict(Wallet.objects.filter(pk__in=cast.wallets).values_list("pk", "balance"))
    return found | {number: accounts.balance(number) for number in named}


def accounts_of(shop: Shop) -> tuple[int, int]:
    """Return the float and the proceeds."""
    book = shop.merchant.book
    assert book is not None
    return book.float_id, book.proceeds_id


def broken_laws() -> tuple[int, list[str]]:
    """Return how many laws there are, and those that do not hold."""
    rollup.run()
    checks = verify.checks()
    return len(checks), [
        f"{check.name}: {check.differences:,} of {check.rows:,}" for check in checks if check.differences
    ]
