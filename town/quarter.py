"""People and shops that meet, with what the book calls them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from merchants.models import Merchant
from merchants.models import Outlet as ShopOutlet
from points.bills import OutletRef
from points.models import Terms
from points.terms import rest_account
from town.founding import Organisation
from town.world import Layer
from town.world.visits import Town


@dataclass(slots=True)
class Quarter:
    """A neighbourhood of one or more layers. Positions are those of `town`."""

    names: tuple[str, ...]
    town: Town
    wallets: Sequence[int]
    joined_at: Sequence[datetime]
    merchants: Sequence[Merchant]
    outlets: dict[tuple[int, int], OutletRef]
    terms: dict[int, Terms]
    organised: Organisation
    daily_rebate: dict[int, int] = field(default_factory=dict)

    @property
    def floats(self) -> list[int]:
        return [m.float_id for m in self.merchants if m.float_id is not None]

    def position_of(self, key: str) -> int:
        """Return where a shop stands in the list, by its key."""
        return next(i for i, shop in enumerate(self.town.shops) if shop.key == key)

    def members_at(self, at: datetime) -> list[bool]:
        """Return who has joined by then."""
        return [joined <= at for joined in self.joined_at]


def quarter(
    layers: Sequence[Layer],
    seed: int,
    wallets: Sequence[int],
    joined_at: Sequence[datetime],
    merchants: dict[str, Merchant],
    organised: Organisation,
) -> Quarter:
    """Return the layers as one neighbourhood, looked up in the book."""
    people = [person for layer in layers for person in layer.people]
    shops = [shop for layer in layers for shop in layer.shops]
    rows = [merchants[shop.key] for shop in shops]
    terms = {t.float_id: t for t in Terms.objects.filter(float_id__in=[m.float_id for m in rows]).order_by("version")}
    outlets = {}
    by_name = {
        (o.merchant_id, o.name): o for o in ShopOutlet.objects.filter(merchant__in=rows, is_test=False).order_by("pk")
    }
    for i, (shop, merchant) in enumerate(zip(shops, rows, strict=True)):
        for j, planned in enumerate(shop.outlets):
            row = by_name[merchant.pk, planned.name]
            if merchant.float_id in terms:
                # Opened outside the day's transaction, so that it is looked up once and not for each bill.
                rest_account(terms[merchant.float_id], row.centre_account_id)
                outlets[i, j] = OutletRef(row.pk, merchant.float_id, row.centre_account_id)
    by_position = {i: terms[m.float_id] for i, m in enumerate(rows) if m.float_id in terms}
    return Quarter(
        tuple(layer.name for layer in layers),
        Town(seed, people, shops),
        wallets,
        joined_at,
        rows,
        outlets,
        by_position,
        organised,
    )
