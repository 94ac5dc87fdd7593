"""A shop ready to sell, with money in its float, and sales in it: through the verbs, so that every law holds."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from itertools import count
from typing import Any

from django.utils import timezone

from alliance import org
from alliance.actors import Actor
from alliance.models import City, Trade, Unit
from merchants import agreements, onboarding
from merchants.models import Merchant, Outlet
from points import adjusting, bills, funding, holds, partitions, terms
from points.bills import Caller, Outcome, OutletRef

_SERIAL = count(1)
SYSTEM = Actor.system("tests")
OPENED = datetime(2026, 1, 1, tzinfo=timezone.get_default_timezone())


@dataclass(frozen=True)
class Shop:
    merchant: Merchant
    outlet: Outlet

    @property
    def ref(self) -> OutletRef:
        return OutletRef(self.outlet.pk, self.merchant.float_id or 0, self.outlet.centre_account_id)


def centre() -> Unit:
    """Return the one service centre of the tests."""
    known = Unit.objects.filter(code="C1").first()
    if known:
        return known
    hq = Unit.objects.filter(kind="hq").first() or _found("hq", "HQ", "总部", None)
    return _found("centre", "C1", "和安服务中心", _found("region", "R1", "西部大区", hq))


def _found(kind: str, code: str, name: str, parent: Unit | None) -> Unit:
    return org.found(kind=kind, code=code, name=name, parent=parent, actor=SYSTEM, at=OPENED)


def shop(
    name: str = "老灶火锅", *, trade: str = "hotpot", float_fen: int = 10_000_00, rate_bps: int = 800, **card: Any
) -> Shop:
    """Open a shop that is live, with an agreement since January 2026 and money in its float."""
    merchant = onboarding.open(
        name=name,
        trade=Trade.objects.get(code=trade),
        centre=centre(),
        actor=SYSTEM,
        at=OPENED,
        kind=Merchant.Kind.PARTNER,
        is_synthetic=True,
    )
    city = City.objects.order_by("pk").first()
    assert city is not None
    outlet = onboarding.open_outlet(
        merchant=merchant,
        name=f"{name}（人民路店）",
        city=city,
        lng=100.0,
        lat=30.0,
        address="人民路 1 号",
        hours="00:00-24:00",
        actor=SYSTEM,
        at=OPENED,
    )
    agreements.sign(merchant=merchant, rate_bps=rate_bps, starts_on=date(2026, 1, 1), actor=SYSTEM, at=OPENED, **card)
    onboarding.go_live(merchant=merchant, actor=SYSTEM, at=timezone.now())
    if float_fen:
        line = funding.receive(
            bank="T",
            account="1",
            serial=f"shop-{next(_SERIAL)}",
            amount_fen=float_fen,
            value_on=OPENED.date(),
            actor=SYSTEM,
            at=OPENED,
        )
        funding.allot(bank_line=line, float_id=merchant.float_id or 0, actor=SYSTEM, at=OPENED)
    return Shop(merchant, outlet)


def sale(
    at_shop: Shop,
    wallet_id: int,
    paid_fen: int,
    *,
    spend: int = 0,
    eligible_fen: int | None = None,
    at: datetime | None = None,
    now: datetime | None = None,
) -> Outcome:
    """Book one bill; `now` books it at that time."""
    when = at or now or timezone.now()
    if now:
        partitions.ahead(0, start=now.date())
    key = f"sale-{next(_SERIAL)}"
    bill = bills.draft(
        outlet=at_shop.ref,
        terms=terms.in_force(at_shop.merchant.float_id or 0, when),
        wallet_id=wallet_id,
        paid_fen=paid_fen,
        eligible_fen=eligible_fen,
        spend_points=spend,
        event_at=when,
        key=key,
        body=key,
    )
    (outcome,) = bills.post([bill], caller=Caller("system", 1), actor=SYSTEM, now=now)
    assert outcome.is_booked, outcome
    return outcome


def void(at_shop: Shop, sale_id: int, *, at: datetime | None = None) -> Outcome:
    """Undo a bill at its outlet."""
    key = f"void-{next(_SERIAL)}"
    return bills.void(
        sale_id=sale_id,
        outlet_id=at_shop.outlet.pk,
        caller=Caller("system", 1),
        key=key,
        body=key,
        actor=SYSTEM,
        at=at or timezone.now(),
    )


def days_ago(n: int) -> datetime:
    return timezone.now() - timedelta(days=n)


def hold(shop: Shop, wallet_id: int, points: int, *, lasts: timedelta = timedelta(hours=3)) -> int:
    """Set points aside for a bill ten times as large; return the number of the hold."""
    n = next(_SERIAL)
    at = timezone.now()
    outcome = holds.place(
        outlet=shop.ref,
        terms=terms.in_force(shop.ref.float_id, at),
        wallet_id=wallet_id,
        points=points,
        bill_fen=points * 10,
        lasts=lasts,
        caller=Caller("town", 1),
        key=f"hold {n}",
        body="",
        actor=SYSTEM,
        at=at,
    )
    assert outcome.sale_id is not None, outcome.code
    return outcome.sale_id


def gift(shop: Shop, wallet_id: int, points: int) -> None:
    """Give points that can be spent at once, by a correction out of the shop's float."""
    at = timezone.now()
    outcome = adjusting.adjust(
        wallet_id=wallet_id, funder_id=shop.ref.float_id, points=points, caller=Caller("town", 1),
        key=f"gift {next(_SERIAL)}", actor=SYSTEM, at=at,
    )  # fmt: skip
    assert outcome.is_booked, outcome.code
