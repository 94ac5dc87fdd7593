"""A refund as the member reads it: why, what came back, what is still open."""

from __future__ import annotations

from typing import Any

from django.test import Client
from django.urls import reverse
from django.utils import timezone

from merchants import refunding
from points.bills import Caller
from points.models import Refund, ReturnDue, Sale
from tests.cast import SYSTEM, Town
from tests.factories.shops import Shop, days_ago, sale
from tests.merchants.conftest import signed_in, words

ENGLISH = {"Accept-Language": "en"}


def back(place: Shop, number: int | None, fen: int | None = None, **more: Any) -> refunding.Done:
    assert number
    return refunding.refund(
        outlet=place.outlet,
        number=number,
        request=refunding.Request(fen=fen, reason="defective", **more),
        caller=Caller("system", 1),
        key=f"back-{number}-{fen}",
        actor=SYSTEM,
        most_fen=None,
        at=timezone.now(),
    )


def page(client: Client, address: str, language: str = "en") -> str:
    client.cookies["language"] = language
    return words(client.get(address))


def test_a_refund_says_why_and_what(db: None) -> None:
    town = Town()
    member = town.lin
    number = sale(town.hotpot, member.wallet_id, 7_000, spend=3_000).sale_id
    done = back(town.hotpot, number, 4_000)
    client = signed_in(member.user)
    for language, reason in (("en", "Something is wrong with it"), ("zh-hans", "商品有问题")):
        text = page(client, reverse("entry", args=(done.number,)), language)
        assert reason in text
        assert "¥28.00" in text
        assert "1,200" in text
        assert "140" in text
    assert reverse("entry", args=(done.number,)) in page(client, reverse("entry", args=(number,)))
    assert client.get("/wallet/").status_code == 200


def test_a_claim_is_shown_until_it_is_paid(db: None) -> None:
    town = Town()
    zhou = town.zhou
    number = sale(town.fruit, zhou.wallet_id, 10_000, now=days_ago(2)).sale_id
    sale(town.market, zhou.wallet_id, 320, spend=320, eligible_fen=0, now=days_ago(1))
    back(town.fruit, number, cash_given=True)
    client = signed_in(zhou.user)
    assert "¥3.20 will be taken from your next points" in page(client, "/wallet/")
    assert "−320" in page(client, "/wallet/")


def test_points_that_come_later_are_shown(db: None) -> None:
    town = Town()
    member = town.lin
    number = sale(town.hotpot, member.wallet_id, 7_000, spend=3_000).sale_id
    done = back(town.hotpot, number, 4_000)
    refund, float_id = Refund.objects.get(pk=done.number), town.hotpot.merchant.float_id
    ReturnDue.objects.create(
        refund=refund, wallet_id=member.wallet_id, float_id=float_id, transfer_id=1, lapses_on=timezone.localdate(),
        funder_id=float_id, expires_on=timezone.localdate(), points=77, made_at=timezone.now(),
    )  # fmt: skip
    text = page(signed_in(member.user), "/wallet/")
    assert "+77" in text
    assert Sale.objects.filter(kind=Sale.Kind.REFUND).count() == 1
