"""A merchant's life: opened as a draft, live, paused, left; and the outlets it opens and closes."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from django.db import IntegrityError, transaction
from django.utils.translation import gettext_lazy as _

from alliance import events, flows
from alliance.actors import Actor
from alliance.calc.worktime import shanghai_day
from alliance.models import City, Event, Trade, Unit
from alliance.refusals import declare
from alliance.templatetags.lianhui import listed
from merchants.calc import creditcode, hours
from merchants.models import Agreement, ApiKey, Merchant, Outlet, Staff, Till
from points import accounts
from points.models import Standing

CREDIT_CODE_WRONG = declare(
    "credit_code_wrong", 422, _("This is not a unified social credit code: its check character does not fit.")
)
MERCHANT_EXISTS = declare("merchant_exists", 409, _("A merchant with this credit code exists already."))
OUTLET_EXISTS = declare("outlet_exists", 409, _("This merchant has an outlet of that name already."))
HOURS_UNCLEAR = declare(
    "hours_unclear", 422, _("Write opening hours like 10:00-22:00, or 1-5 10:00-22:00; 6-7 09:00-23:00.")
)
TEST_NEEDS_SYNTHETIC = declare(
    "test_outlet_needs_synthetic_merchant",
    422,
    _("Test outlets book play money, so they belong to a synthetic merchant. Open one for tests."),
)
NOT_READY = declare(
    "merchant_not_ready", 409, _("The merchant cannot go live yet. Still missing: %(missing)s. Add it and try again.")
)
HAS_MONEY = declare(
    "merchant_has_money", 409, _("There is still money in the merchant's accounts. It has to be settled first.")
)
IS_LEAVING = declare(
    "merchant_leaving", 409, _("This merchant is leaving. Let it stay first, then its tills can work again.")
)

LIFE = flows.Flow(
    "merchant",
    {
        ("draft", "go_live"): "live",
        ("live", "pause"): "paused",
        ("paused", "resume"): "live",
        ("draft", "leave"): "left",
        ("paused", "leave"): "left",
    },
)


@transaction.atomic
def open(  # noqa: A001 - merchants are opened, as accounts are
    *,
    name: str,
    trade: Trade,
    centre: Unit,
    actor: Actor,
    at: datetime,
    short_name: str = "",
    credit_code: str | None = None,
    **fields: Any,
) -> Merchant:
    """Take in a merchant as a draft, with its accounts in the book.

    Refuses: credit_code_wrong, merchant_exists.
    """
    if credit_code is not None and not creditcode.is_valid(credit_code):
        raise CREDIT_CODE_WRONG()
    try:
        with transaction.atomic():
            merchant = Merchant.objects.create(
                name=name,
                short_name=short_name or name[:30],
                trade=trade,
                centre=centre,
                credit_code=credit_code,
                state_since=at,
                opened_at=at,
                **fields,
            )
    except IntegrityError:
        raise MERCHANT_EXISTS() from None
    book = accounts.open_merchant(owner_no=merchant.pk, title=merchant.short_name, at=at)
    merchant.float_id, merchant.proceeds_id, merchant.fee_rest_id = book.float_id, book.proceeds_id, book.fee_rest_id
    merchant.save(update_fields=["float_id", "proceeds_id", "fee_rest_id"])
    events.record("merchant.opened", merchant, actor, at, {"trade": trade.code}, unit_id=centre.pk)
    return merchant


@transaction.atomic
def open_many(merchants: Sequence[Merchant], *, actor: Actor) -> None:
    """Take in many merchants as drafts, each at its own opened_at; they come back with their keys and accounts.

    For towns and imports: as `open` does it, with few statements for all.
    Refuses: credit_code_wrong, merchant_exists; then none of them was taken in.
    """
    for merchant in merchants:
        if merchant.credit_code is not None and not creditcode.is_valid(merchant.credit_code):
            raise CREDIT_CODE_WRONG()
        merchant.short_name = merchant.short_name or merchant.name[:30]
        merchant.state, merchant.state_since = Merchant.State.DRAFT, merchant.opened_at
    try:
        with transaction.atomic():
            Merchant.objects.bulk_create(merchants)
    except IntegrityError:
        raise MERCHANT_EXISTS() from None
    for merchant in merchants:
        book = accounts.open_merchant(owner_no=merchant.pk, title=merchant.short_name, at=merchant.opened_at)
        merchant.float_id, merchant.proceeds_id = book.float_id, book.proceeds_id
        merchant.fee_rest_id = book.fee_rest_id
    Merchant.objects.bulk_update(merchants, ["float_id", "proceeds_id", "fee_rest_id"], batch_size=250)
    Event.objects.bulk_create(
        Event(
            verb="merchant.opened",
            subject=events.subject_of(merchant),
            actor=str(actor),
            at=merchant.opened_at,
            facts={"trade": merchant.trade.code},
            unit_id=merchant.centre_id,
        )
        for merchant in merchants
    )


@transaction.atomic
def open_outlet(
    *,
    merchant: Merchant,
    name: str,
    city: City,
    lng: float,
    lat: float,
    actor: Actor,
    at: datetime,
    centre: Unit | None = None,
    tills: int = 1,
    is_test: bool = False,
    **fields: Any,
) -> Outlet:
    """Open an outlet with its tills, served by the merchant's centre unless another one is named.

    Refuses: outlet_exists, hours_unclear, test_outlet_needs_synthetic_merchant.
    """
    if is_test and not merchant.is_synthetic:
        raise TEST_NEEDS_SYNTHETIC()
    try:
        hours.parse(fields.get("hours", ""))
    except ValueError:
        raise HOURS_UNCLEAR() from None
    centre = centre or merchant.centre
    account_id = accounts.open_centre(owner_no=centre.pk, title=centre.name, at=at)
    try:
        with transaction.atomic():
            outlet = Outlet.objects.create(
                merchant=merchant,
                name=name,
                city=city,
                lng=lng,
                lat=lat,
                centre=centre,
                centre_account_id=account_id,
                is_test=is_test,
                opened_at=at,
                **fields,
            )
    except IntegrityError:
        raise OUTLET_EXISTS() from None
    Till.objects.bulk_create(Till(outlet=outlet, number=number + 1, opened_at=at) for number in range(tills))
    events.record("outlet.opened", outlet, actor, at, {"merchant": merchant.pk}, unit_id=centre.pk)
    return outlet


@transaction.atomic
def open_outlets(outlets: Sequence[Outlet], *, tills: Sequence[int], actor: Actor) -> None:
    """Open many outlets, each at its own opened_at and with so many tills, served by its merchant's centre.

    For towns and imports: as `open_outlet` does it, with few statements for all.
    Refuses: outlet_exists, hours_unclear, test_outlet_needs_synthetic_merchant; then none of them was opened.
    """
    centres: dict[int, int] = {}
    for outlet in outlets:
        if outlet.is_test and not outlet.merchant.is_synthetic:
            raise TEST_NEEDS_SYNTHETIC()
        try:
            hours.parse(outlet.hours)
        except ValueError:
            raise HOURS_UNCLEAR() from None
        centre = outlet.merchant.centre
        if centre.pk not in centres:
            centres[centre.pk] = accounts.open_centre(owner_no=centre.pk, title=centre.name, at=outlet.opened_at)
        outlet.centre, outlet.centre_account_id = centre, centres[centre.pk]
    try:
        with transaction.atomic():
            Outlet.objects.bulk_create(outlets)
    except IntegrityError:
        raise OUTLET_EXISTS() from None
    Till.objects.bulk_create(
        Till(outlet=outlet, number=number + 1, opened_at=outlet.opened_at)
        for outlet, n in zip(outlets, tills, strict=True)
        for number in range(n)
    )
    Event.objects.bulk_create(
        Event(
            verb="outlet.opened",
            subject=events.subject_of(outlet),
            actor=str(actor),
            at=outlet.opened_at,
            facts={"merchant": outlet.merchant_id},
            unit_id=outlet.centre_id,
        )
        for outlet in outlets
    )


@transaction.atomic
def close_outlet(*, outlet: Outlet, actor: Actor, at: datetime) -> None:
    """Close an outlet for good: its tills stop at once, its history stays."""
    moved = Outlet.objects.open().filter(pk=outlet.pk).update(state=Outlet.State.CLOSED, closed_at=at)
    if not moved:
        raise flows.MOVE_NOT_ALLOWED(state=Outlet.State.CLOSED, verb="close")
    Till.objects.open().filter(outlet=outlet).update(closed_at=at)
    outlet.state, outlet.closed_at = Outlet.State.CLOSED, at
    events.record("outlet.closed", outlet, actor, at, {"merchant": outlet.merchant_id}, unit_id=outlet.centre_id)


@transaction.atomic
def go_live(*, merchant: Merchant, actor: Actor, at: datetime) -> None:
    """Let a merchant give and take points from now on. Refuses: merchant_not_ready, move_not_allowed."""
    missing = missing_steps(merchant, at)
    if missing:
        raise NOT_READY(missing=listed(missing))
    Merchant.objects.filter(pk=merchant.pk, live_at__isnull=True).update(live_at=at)
    merchant.live_at = merchant.live_at or at
    flows.move(LIFE, merchant, "go_live", actor=actor, at=at)


@transaction.atomic
def go_live_many(merchants: Sequence[Merchant], *, actor: Actor, at: Sequence[datetime]) -> None:
    """Let many drafts give and take points, each from its own time on. For towns and imports.

    Refuses: merchant_not_ready, move_not_allowed; then none of them went live.
    """
    target = LIFE.table["draft", "go_live"]
    by_time: dict[datetime, list[Merchant]] = defaultdict(list)
    for merchant, when in zip(merchants, at, strict=True):
        by_time[when].append(merchant)
    for when, group in by_time.items():
        ids = [merchant.pk for merchant in group]
        signed = Agreement.objects.in_force(shanghai_day(when)).filter(merchant__in=ids)
        ready = set(signed.values_list("merchant", flat=True))
        ready &= set(Outlet.objects.open().filter(merchant__in=ids).values_list("merchant", flat=True))
        if not ready.issuperset(ids):
            first = next(merchant for merchant in group if merchant.pk not in ready)
            raise NOT_READY(missing=listed(missing_steps(first, when)))
        drafts = Merchant.objects.filter(pk__in=ids, state=Merchant.State.DRAFT)
        if drafts.update(state=target, state_since=when, live_at=when) != len(set(ids)):
            raise flows.MOVE_NOT_ALLOWED(state=target, verb="go_live")
        for merchant in group:
            merchant.state, merchant.state_since, merchant.live_at = target, when, when
    # Like those that `flows.move` writes.
    Event.objects.bulk_create(
        Event(
            verb=f"{LIFE.name}.go_live",
            subject=events.subject_of(merchant),
            actor=str(actor),
            at=when,
            facts={"from": Merchant.State.DRAFT, "to": target},
        )
        for merchant, when in zip(merchants, at, strict=True)
    )


def missing_steps(merchant: Merchant, at: datetime) -> list[Any]:
    """Return what a merchant still needs before it can go live, in words."""
    steps = []
    if not Agreement.objects.in_force(shanghai_day(at)).filter(merchant=merchant).exists():
        steps.append(_("an agreement in force today"))
    if not Outlet.objects.open().filter(merchant=merchant).exists():
        steps.append(_("an open outlet"))
    return steps


@transaction.atomic
def pause(*, merchant: Merchant, actor: Actor, at: datetime, reason: str) -> None:
    """Stop sales and spending at all outlets until resumed. Refuses: move_not_allowed."""
    flows.move(LIFE, merchant, "pause", actor=actor, at=at, reason=reason[:200])


@transaction.atomic
def resume(*, merchant: Merchant, actor: Actor, at: datetime) -> None:
    """End a pause. Refuses: merchant_not_ready, merchant_leaving, move_not_allowed."""
    if Standing.objects.filter(pk=merchant.float_id, is_leaving=True).exists():
        raise IS_LEAVING()
    missing = missing_steps(merchant, at)
    if missing:
        raise NOT_READY(missing=listed(missing))
    flows.move(LIFE, merchant, "resume", actor=actor, at=at)


@transaction.atomic
def leave(*, merchant: Merchant, actor: Actor, at: datetime) -> None:
    """Let a merchant go whose accounts are empty: outlets closed, keys revoked, staff dismissed.

    Refuses: merchant_has_money, move_not_allowed.
    """
    if accounts.holds_money(merchant.book):
        raise HAS_MONEY()
    flows.move(LIFE, merchant, "leave", actor=actor, at=at)
    for outlet in Outlet.objects.open().filter(merchant=merchant).order_by("pk"):
        close_outlet(outlet=outlet, actor=actor, at=at)
    ApiKey.objects.active(at).filter(merchant=merchant).update(revoked_at=at)
    Staff.objects.active(at).filter(merchant=merchant).update(ends_at=at)
