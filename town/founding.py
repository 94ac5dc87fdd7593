"""Building the town through the verbs: units and their staff, shops with agreements, outlets and cashiers, members.

Everything is found by a key of its own (a unit's code, a licence's credit code, a phone number), so a building that was
broken off goes on, and one that is complete is left alone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.contrib.auth.hashers import make_password
from django.db import transaction
from django.utils.translation import gettext_lazy as _

from alliance import org, staff
from alliance.actors import Actor
from alliance.calc.phone import e164
from alliance.calc.worktime import shanghai_day
from alliance.models import City, Post, Trade, Unit, User
from alliance.refusals import declare
from members import enrolment
from members.enrolment import Joined, Newcomer
from members.models import Member
from merchants import agreements, onboarding
from merchants import staff as shop_staff
from merchants.models import Merchant, Staff
from merchants.models import Outlet as ShopOutlet
from points import identify
from stores.models import Store
from town.world import Layer, Person, Shop, World, cast
from town.world.draw import CITY_CODE

TOWN_NOT_SYNTHETIC = declare(
    "town_not_synthetic",
    409,
    # Translators: 这个库里有真实的会员、商户或单位，不能再建演示小镇：演示账号的密码人人都知道。请换一个空的状态目录。
    _(
        "This database holds real members, merchants or units. A demo town brings logins whose passwords everybody"
        " knows, so it is not built here. Use another, empty state."
    ),
)

ACTOR = Actor.system("town")
SEED = 7
Say = Callable[[str], None]


def check_synthetic() -> None:
    """Refuse town_not_synthetic when anybody or anything here is real."""
    real = {"is_synthetic": False}
    if any(rows.filter(**real).exists() for rows in (Unit.objects, Member.objects, Merchant.objects)):
        raise TOWN_NOT_SYNTHETIC()


@dataclass(frozen=True, slots=True)
class Organisation:
    """The units that shops hang on, and the people who decide about money."""

    hq: Unit
    region: Unit
    centres: Sequence[Unit]
    finance: User
    finance2: User


def organisation(world: World, at: datetime) -> Organisation:
    """Found headquarters, the region and its service centres, with the demo's staff.

    Refuses: town_not_synthetic, unless headquarters are a town's already.
    """
    if not Unit.objects.filter(code="HQ", is_synthetic=True).exists():
        check_synthetic()
    city = City.objects.select_related("province").get(code=CITY_CODE)
    place = {"province": city.province, "city": city, "is_synthetic": True}
    hq = org.found(kind="hq", code="HQ", name="联惠总部", parent=None, actor=ACTOR, at=at, is_synthetic=True)
    region = org.found(kind="region", code="HA", name="和安大区", parent=hq, actor=ACTOR, at=at, **place)
    centres = [
        org.found(kind="centre", code=f"HA-C{i + 1}", name=name, parent=region, actor=ACTOR, at=at, **place)
        for i, name in enumerate(_centre_names(world.centres))
    ]
    units = {"hq": hq, "region": region, "centre-0": centres[0]}
    users = console_staff(cast.STAFF, units, at)
    return Organisation(hq, region, centres, users["finance@demo.lianhui"], users["finance2@demo.lianhui"])


@transaction.atomic
def console_staff(people: Iterable[cast.NamedStaff], units: dict[str, Unit], at: datetime) -> dict[str, User]:
    """Give each person a user with the demo's password and authenticator, and a post."""
    users = {user.email or "": user for user in User.objects.filter(email__in=[person.email for person in people])}
    password = ""
    for person in people:
        if person.email not in users:
            password = password or make_password(cast.PASSWORD)
            user = User.objects.create_user(email=person.email, name=person.name, is_staff=True, date_joined=at)
            User.objects.filter(pk=user.pk).update(password=password)
            users[person.email] = user
        user, unit = users[person.email], units[person.unit]
        staff.enrol_demo(user)
        if not Post.objects.filter(user=user, unit=unit, role=person.role).exists():
            org.appoint(user=user, unit=unit, role=person.role, starts_on=shanghai_day(at), actor=ACTOR, at=at)
    return users


def shops(
    layer: Layer, organised: Organisation, opened_at: Callable[[str], datetime], live: Say
) -> dict[str, Merchant]:
    """Open every shop of a layer, with agreement, outlets, stores and staff; return merchants by the shop's key."""
    known = {m.credit_code: m for m in Merchant.objects.filter(credit_code__in=[s.credit_code for s in layer.shops])}
    city = City.objects.get(code=CITY_CODE)
    trades = {trade.code: trade for trade in Trade.objects.all()}
    found = {}
    for n, shop in enumerate(layer.shops, start=1):
        merchant = known.get(shop.credit_code)
        if merchant is None:
            merchant = _open(shop, organised, city, trades[shop.trade], opened_at(shop.key))
            live(f"{n:,} of {len(layer.shops):,} shops opened")
        found[shop.key] = merchant
    return found


@transaction.atomic
def _open(shop: Shop, organised: Organisation, city: City, trade: Trade, at: datetime) -> Merchant:
    """Take one shop from the application to its first day; a draft stops before the agreement."""
    centre = organised.centres[shop.centre]
    merchant = onboarding.open(
        name=shop.name,
        short_name=shop.short_name,
        trade=trade,
        centre=centre,
        credit_code=shop.credit_code,
        contact_phone=shop.owner_phone,
        kind=Merchant.Kind.DIRECT if shop.is_direct else Merchant.Kind.PARTNER,
        is_synthetic=True,
        actor=ACTOR,
        at=at,
    )
    outlets = [
        onboarding.open_outlet(
            merchant=merchant,
            name=planned.name,
            city=city,
            district=planned.place.district_name,
            address=planned.place.address,
            lng=planned.place.lng,
            lat=planned.place.lat,
            hours=planned.hours,
            phone="",
            tills=3 if planned.store_format == "super" else 1,
            actor=ACTOR,
            at=at,
        )
        for planned in shop.outlets
    ]
    for planned, outlet in zip(shop.outlets, outlets, strict=True):
        if planned.store_format:
            unit = org.found(
                kind="store", code=f"S{outlet.pk}", name=outlet.name, parent=organised.region, actor=ACTOR, at=at,
                province=city.province, city=city, is_synthetic=True,
            )  # fmt: skip
            Store.objects.create(
                code=f"HA-{outlet.pk}",
                kind=Store.Kind.DIRECT if shop.is_direct else Store.Kind.PARTNER,
                format=planned.store_format,
                outlet=outlet,
                unit=unit,
                area_sqm=planned.area_sqm,
                opened_on=shanghai_day(at),
                is_synthetic=True,
            )
    _appoint(shop, merchant, outlets[0], at)
    if not shop.is_draft:
        agreements.sign(
            merchant=merchant, rate_bps=shop.rate_bps, matures_days=shop.matures_days, starts_on=shanghai_day(at),
            actor=ACTOR, at=at,
        )  # fmt: skip
        onboarding.go_live(merchant=merchant, actor=ACTOR, at=at + timedelta(minutes=5))
    return merchant


def _appoint(shop: Shop, merchant: Merchant, outlet: ShopOutlet, at: datetime) -> None:
    short = shop.short_name
    for phone, role, where, name in (
        (shop.owner_phone, Staff.Role.OWNER, None, f"{short}店主"),
        (shop.cashier_phone, Staff.Role.CASHIER, outlet, f"{short}收银员"),
    ):
        user = User.objects.create_user(phone=e164(phone), name=name[:60], date_joined=at)
        shop_staff.appoint(merchant=merchant, user=user, role=role, outlet=where, actor=ACTOR, at=at)


def members(people: Sequence[Person], joined_at: Sequence[datetime], at: datetime) -> list[Joined]:
    """Enrol people, each at their own time; who is a member already stays as they are."""
    newcomers = [Newcomer(p.phone, p.name, when) for p, when in zip(people, joined_at, strict=True)]
    return enrolment.join_many(newcomers, actor=ACTOR, at=at)


def pin(at: datetime) -> None:
    """Give 林婶 the demo's PIN; the others have none yet, as new members do."""
    member = Member.objects.select_related("user").get(user__phone=f"+86{cast.MEMBERS[0].phone}")
    if not identify.has_pin(member.wallet_id):
        identify.set_pin(wallet_id=member.wallet_id, pin=cast.PIN, actor=Actor.user(member.user), at=at)


def _centre_names(n: int) -> list[str]:
    named = [
        "和安城东服务中心",
        "和安城西服务中心",
        "和安新区服务中心",
        "和安河湾服务中心",
        "和安车站服务中心",
        "和安玉河服务中心",
    ]
    return named[:n] + [f"和安第 {i} 服务中心" for i in range(len(named) + 1, n + 1)]
