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
from members import enrolment, privacy, texts
from members.enrolment import Joined, Newcomer
from members.models import Member
from merchants import agreements, onboarding
from merchants import staff as shop_staff
from merchants.models import Agreement, Merchant, Staff
from merchants.models import Outlet as ShopOutlet
from points import identify
from stores.models import Store
from town.world import Layer, Person, Shop, World, cast
from town.world.draw import CITY_CODE, Outlet

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
# So many shops, and so many people, are written at a time.
CHUNK, CROWD = 200, 2_000


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
    layer: Layer, organised: Organisation, opened_at: Callable[[str], datetime], tell: Callable[[int], None]
) -> dict[str, Merchant]:
    """Open every shop of a layer, with agreement, outlets, stores and staff; return merchants by the shop's key.

    tell: hears how many more are there, chunk by chunk; a chunk is opened whole or not at all.
    """
    rows = Merchant.objects.filter(credit_code__in=[shop.credit_code for shop in layer.shops])
    known = {merchant.credit_code: merchant for merchant in rows}
    found = {shop.key: known[shop.credit_code] for shop in layer.shops if shop.credit_code in known}
    if found:
        tell(len(found))
    missing = [shop for shop in layer.shops if shop.key not in found]
    city = City.objects.select_related("province").get(code=CITY_CODE)
    trades = {trade.code: trade for trade in Trade.objects.all()}
    for start in range(0, len(missing), CHUNK):
        chunk = missing[start : start + CHUNK]
        found |= _open(chunk, organised, city, trades, [opened_at(shop.key) for shop in chunk])
        tell(len(chunk))
    return found


@transaction.atomic
def _open(
    planned: Sequence[Shop], organised: Organisation, city: City, trades: dict[str, Trade], at: Sequence[datetime]
) -> dict[str, Merchant]:
    """Take shops from the application to their first day; a draft stops before the agreement."""
    merchants = [
        Merchant(
            name=shop.name,
            short_name=shop.short_name,
            trade=trades[shop.trade],
            centre=organised.centres[shop.centre],
            credit_code=shop.credit_code,
            contact_phone=shop.owner_phone,
            kind=Merchant.Kind.DIRECT if shop.is_direct else Merchant.Kind.PARTNER,
            is_synthetic=True,
            opened_at=when,
        )
        for shop, when in zip(planned, at, strict=True)
    ]
    onboarding.open_many(merchants, actor=ACTOR)
    pairs = list(zip(planned, merchants, strict=True))
    places = [(shop, merchant, outlet) for shop, merchant in pairs for outlet in shop.outlets]
    outlets = [
        ShopOutlet(
            merchant=merchant,
            name=drawn.name,
            city=city,
            district=drawn.place.district_name,
            address=drawn.place.address,
            lng=drawn.place.lng,
            lat=drawn.place.lat,
            hours=drawn.hours,
            opened_at=merchant.opened_at,
        )
        for _, merchant, drawn in places
    ]
    tills = [3 if drawn.store_format == "super" else 1 for _, _, drawn in places]
    onboarding.open_outlets(outlets, tills=tills, actor=ACTOR)
    for (shop, merchant, drawn), outlet in zip(places, outlets, strict=True):
        if drawn.store_format:
            _open_store(shop, drawn, outlet, organised, merchant.opened_at)
    _appoint(pairs, outlets)
    ready = [(shop, merchant) for shop, merchant in pairs if not shop.is_draft]
    agreements.sign_first(
        [
            Agreement(
                merchant=merchant,
                rate_bps=shop.rate_bps,
                matures_days=shop.matures_days,
                starts_on=shanghai_day(merchant.opened_at),
                signed_at=merchant.opened_at,
            )
            for shop, merchant in ready
        ],
        actor=ACTOR,
    )
    live_at = [merchant.opened_at + timedelta(minutes=5) for _, merchant in ready]
    onboarding.go_live_many([merchant for _, merchant in ready], actor=ACTOR, at=live_at)
    return {shop.key: merchant for shop, merchant in pairs}


def _open_store(shop: Shop, drawn: Outlet, outlet: ShopOutlet, organised: Organisation, at: datetime) -> None:
    city = outlet.city
    unit = org.found(
        kind="store", code=f"S{outlet.pk}", name=outlet.name, parent=organised.region, actor=ACTOR, at=at,
        province=city.province, city=city, is_synthetic=True,
    )  # fmt: skip
    Store.objects.create(
        code=f"HA-{outlet.pk}",
        kind=Store.Kind.DIRECT if shop.is_direct else Store.Kind.PARTNER,
        format=drawn.store_format,
        outlet=outlet,
        unit=unit,
        area_sqm=drawn.area_sqm,
        opened_on=shanghai_day(at),
        is_synthetic=True,
    )


def _appoint(pairs: Sequence[tuple[Shop, Merchant]], outlets: Sequence[ShopOutlet]) -> None:
    """Give each shop its owner, and a cashier in its first outlet."""
    first: dict[int, ShopOutlet] = {}
    for outlet in outlets:
        first.setdefault(outlet.merchant_id, outlet)
    users, posts = [], []
    for shop, merchant in pairs:
        for phone, role, where, name in (
            (shop.owner_phone, Staff.Role.OWNER, None, f"{shop.short_name}店主"),
            (shop.cashier_phone, Staff.Role.CASHIER, first[merchant.pk], f"{shop.short_name}收银员"),
        ):
            user = User(phone=e164(phone), name=name[:60], date_joined=merchant.opened_at)
            user.set_unusable_password()
            users.append(user)
            posts.append(Staff(merchant=merchant, user=user, role=role, outlet=where, starts_at=merchant.opened_at))
    User.objects.bulk_create(users)
    for post, user in zip(posts, users, strict=True):
        post.user = user
    shop_staff.appoint_many(posts, actor=ACTOR)


def members(
    people: Sequence[Person], joined_at: Sequence[datetime], at: datetime, tell: Callable[[int], None]
) -> list[Joined]:
    """Enrol people, each at their own time; who is a member already stays as they are."""
    newcomers = [Newcomer(p.phone, p.name, when) for p, when in zip(people, joined_at, strict=True)]
    joined: list[Joined] = []
    for start in range(0, len(newcomers), CROWD):
        joined += enrolment.join_many(newcomers[start : start + CROWD], actor=ACTOR, at=at)
        tell(len(joined) - start)
    return joined


def pin(at: datetime) -> None:
    """Give 林婶 the demo's PIN; the others have none yet, as new members do."""
    member = Member.objects.select_related("user").get(user__phone=f"+86{cast.MEMBERS[0].phone}")
    if not identify.has_pin(member.wallet_id):
        identify.set_pin(wallet_id=member.wallet_id, pin=cast.PIN, actor=Actor.user(member.user), at=at)


def withdraw_consent(at: datetime) -> None:
    """Let 老陈 take his agreement to the privacy notice back, as he did three days ago."""
    member = Member.objects.select_related("user").get(user__phone=f"+86{cast.MEMBERS[2].phone}")
    when = max(at - timedelta(days=3), member.joined_at)
    privacy.withdraw(member=member, purpose=texts.Purpose.PRIVACY, actor=Actor.user(member.user), at=when)


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
