"""What is opened in bulk is what would have been opened one by one: the same rows, the same diary, the same refusals."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db import models
from django.utils import timezone

from alliance.actors import Actor
from alliance.models import City, Event, Trade, User
from alliance.refusals import Refused
from merchants import agreements, onboarding, staff
from merchants.models import Agreement, Merchant, Outlet, Staff, Till
from points.models import Account, Terms
from tests.factories import shops

pytestmark = pytest.mark.django_db
ACTOR = Actor.system("tests")
AT = datetime(2026, 3, 2, 9, tzinfo=timezone.get_default_timezone())
LIVE_AT = AT + timedelta(minutes=5)
CODES = ("91110000600037341L", "91350100M000100Y43")


def draft(name: str, **fields: Any) -> Merchant:
    trade = Trade.objects.get(code="bakery")
    return Merchant(name=name, trade=trade, centre=shops.centre(), opened_at=AT, is_synthetic=True, **fields)


def outlet(merchant: Merchant, name: str, **fields: Any) -> Outlet:
    city = City.objects.get(code="653228")
    fields = {"hours": "07:00-21:00", **fields}
    return Outlet(merchant=merchant, name=name, city=city, lng=79.9, lat=37.1, opened_at=AT, **fields)


def facts(row: models.Model, *but: str) -> dict[str, Any]:
    """Return the fields of a row but for its keys and those of its accounts."""
    hidden = {"id", "merchant", "outlet", "user", "name", "short_name", "title", *but}
    return {f.name: getattr(row, f.attname) for f in row._meta.concrete_fields if f.name not in hidden}


def diary(row: models.Model) -> list[tuple[Any, ...]]:
    events = Event.objects.of(f"{row._meta.label_lower}:{row.pk}").order_by("pk")
    return [(e.verb, e.actor, e.at, sorted(e.facts), e.unit_id) for e in events]


def test_many_merchants_are_opened_as_one_is() -> None:
    one = onboarding.open(
        name="甲", trade=Trade.objects.get(code="bakery"), centre=shops.centre(), is_synthetic=True, actor=ACTOR, at=AT
    )
    where = onboarding.open_outlet(
        merchant=one, name="甲一", city=City.objects.get(code="653228"), lng=79.9, lat=37.1, hours="07:00-21:00",
        tills=2, actor=ACTOR, at=AT,
    )  # fmt: skip
    hand = User.objects.create_user(phone="+8619900000001")
    post = staff.appoint(merchant=one, user=hand, role=Staff.Role.CASHIER, outlet=where, actor=ACTOR, at=AT)
    card = agreements.sign(merchant=one, rate_bps=700, starts_on=AT.date(), actor=ACTOR, at=AT)
    onboarding.go_live(merchant=one, actor=ACTOR, at=LIVE_AT)

    many = [draft("乙"), draft("丙")]
    onboarding.open_many(many, actor=ACTOR)
    places = [outlet(many[0], "乙一"), outlet(many[1], "丙一")]
    onboarding.open_outlets(places, tills=[2, 2], actor=ACTOR)
    posts = [
        Staff(merchant=m, user=hand, role=Staff.Role.CASHIER, outlet=o, starts_at=AT)
        for m, o in zip(many, places, strict=True)
    ]
    staff.appoint_many(posts, actor=ACTOR)
    cards = [Agreement(merchant=m, rate_bps=700, starts_on=AT.date(), signed_at=AT) for m in many]
    agreements.sign_first(cards, actor=ACTOR)
    onboarding.go_live_many(many, actor=ACTOR, at=[LIVE_AT] * 2)

    books = ("float_id", "proceeds_id", "fee_rest_id")
    for merchant, place, one_post, one_card in zip(many, places, posts, cards, strict=True):
        kept = Merchant.objects.get(pk=merchant.pk)
        assert facts(kept, *books) == facts(Merchant.objects.get(pk=one.pk), *books) == facts(merchant, *books)
        assert facts(Outlet.objects.get(pk=place.pk)) == facts(Outlet.objects.get(pk=where.pk))
        assert [till.number for till in Till.objects.filter(outlet=place).order_by("number")] == [1, 2]
        assert facts(Staff.objects.get(pk=one_post.pk)) == facts(Staff.objects.get(pk=post.pk))
        assert facts(Agreement.objects.get(pk=one_card.pk), "terms_id") == facts(card, "terms_id")
        terms = Terms.objects.filter(float_id=merchant.float_id).values("rate_bps", "valid_from", "valid_to", "version")
        assert list(terms) == list(terms.model.objects.filter(float_id=one.float_id).values(*terms[0]))
        assert Account.objects.get(pk=kept.float_id).title == merchant.short_name == merchant.name
        pairs = [(kept, one), (place, where), (one_post, post), (one_card, card)]
        assert [diary(new) for new, _ in pairs] == [diary(old) for _, old in pairs]


def counts() -> list[int]:
    return [rows.objects.count() for rows in (Merchant, Outlet, Till, Staff, Agreement, Terms, Account, Event)]


def test_one_wrong_among_many_and_nothing_is_done() -> None:
    shop = shops.shop()
    person = User.objects.create_user(phone="+8619900000001")
    other = shops.shop("鲜果时光", trade="fruit")
    onboarding.open_many([draft("丁", credit_code=CODES[0])], actor=ACTOR)
    unsigned = Merchant.objects.get(name="丁")
    boss = {"merchant": shop.merchant, "user": person, "starts_at": AT}
    before = counts()
    for code, act in (
        ("credit_code_wrong", lambda: onboarding.open_many([draft("甲"), draft("乙", credit_code="1" * 18)], actor=ACTOR)),
        ("merchant_exists", lambda: onboarding.open_many([draft("甲"), draft("乙", credit_code=CODES[0])], actor=ACTOR)),
        ("hours_unclear", lambda: onboarding.open_outlets([outlet(unsigned, "x", hours="always")], tills=[1], actor=ACTOR)),
        ("outlet_exists", lambda: onboarding.open_outlets([outlet(unsigned, "x"), outlet(unsigned, "x")], tills=[1, 1], actor=ACTOR)),
        ("staff_owner_everywhere", lambda: staff.appoint_many([Staff(role="owner", outlet=shop.outlet, **boss)], actor=ACTOR)),
        ("outlet_of_another", lambda: staff.appoint_many([Staff(role="cashier", outlet=other.outlet, **boss)], actor=ACTOR)),
        ("staff_already_appointed", lambda: staff.appoint_many([Staff(role="owner", **boss), Staff(role="owner", **boss)], actor=ACTOR)),
        ("agreement_starts_too_early", lambda: sign(unsigned, shop.merchant)),
        ("agreement_rate_out_of_range", lambda: sign(unsigned, rate_bps=200)),
        ("agreement_shares_too_large", lambda: sign(unsigned, member_bps=9000)),
        ("merchant_not_ready", lambda: onboarding.go_live_many([unsigned], actor=ACTOR, at=[AT])),
        ("move_not_allowed", lambda: onboarding.go_live_many([shop.merchant], actor=ACTOR, at=[AT])),
    ):  # fmt: skip
        with pytest.raises(Refused) as refused:
            act()
        assert refused.value.code == code
        assert counts() == before, code


def sign(*merchants: Merchant, **card: Any) -> None:
    card = {"rate_bps": 700, **card}
    agreements.sign_first(
        [Agreement(merchant=merchant, starts_on=AT.date(), signed_at=AT, **card) for merchant in merchants], actor=ACTOR
    )
