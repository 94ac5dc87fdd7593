"""Refunds beside each other, beside spends of the same points and beside the close: nothing is undone twice, nothing is lost."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from points import accounts, closing
from points.models import Reversal, Sale, Wallet
from points.refunds import ByTotal, RefundOutcome, refund
from tests.laws.test_races import post, sound, statuses, together
from tests.points.shops import TEST, Shop, open_shop

pytestmark = [pytest.mark.race, pytest.mark.law, pytest.mark.django_db(transaction=True)]


def back(shop: Shop, sale_id: int | None, fen: int, key: str, **more: Any) -> RefundOutcome:
    return refund(
        sale=Sale.objects.get(pk=sale_id), outlet_id=shop.outlet.outlet_id, returned=ByTotal(fen), caller=shop.caller,
        key=key, body="", actor=TEST, at=timezone.now(), **more,
    )  # fmt: skip


def test_of_twelve_halves_of_a_sale_two_come_back() -> None:
    shop = open_shop(matures_days=0)
    wallet = shop.wallet()
    sale = post(shop, wallet, 10_000)
    answers = together(12, lambda n: back(shop, sale.sale_id, 5_000, f"half {n}"))
    found = statuses(answers)
    # Whoever was overtaken five times is told to ask again; nobody comes third.
    assert found["booked"] <= 2 and set(found) <= {"booked", "refund_too_much", repr(None)} | {
        name for name in found if "in_progress" in name
    }
    for n in range(12):
        back(shop, sale.sale_id, 5_000, f"half {n}")
    assert Reversal.objects.get(pk=sale.sale_id).kept_bill == 0
    assert (Wallet.objects.get(pk=wallet.pk).balance, shop.float_fen) == (0, 100_000)
    sound()


def test_twins_of_a_refund_are_one() -> None:
    shop = open_shop(matures_days=0)
    sale = post(shop, shop.wallet(), 10_000)
    answers = together(8, lambda _n: back(shop, sale.sale_id, 4_000, "same"))
    assert statuses(answers) == {"booked": 8}
    assert sum(not answer.replayed for answer in answers) == 1
    assert len({answer.refund_id for answer in answers}) == 1
    sound()


def test_points_are_taken_back_or_spent_never_both() -> None:
    shop, other = open_shop(matures_days=0), open_shop(matures_days=0, spend_share_bps=10_000)
    wallet = shop.wallet()
    sale = post(shop, wallet, 10_000)
    answers = together(
        9, lambda n: post(other, wallet, 0, spend_points=125) if n else back(shop, sale.sale_id, 10_000, "back")
    )
    spent = statuses(answers[1:])["booked"] * 125
    assert answers[0].points_taken + spent <= 500
    assert (
        answers[0].points_taken + answers[0].points_short == 500 and answers[0].keep_back_fen == answers[0].points_short
    )
    assert Wallet.objects.get(pk=wallet.pk).balance == 500 - answers[0].points_taken - spent
    sound()


def test_a_refund_beside_the_close_is_in_the_hold_back_or_due() -> None:
    """Whichever comes first: in the end nobody has anything of the rest, and no account was ever below zero."""
    now = timezone.now()
    shops = [open_shop(matures_days=0) for _ in range(6)]
    sales = []
    for shop in shops:
        old = now - timedelta(days=9)
        sales.append(shop.sell(shop.wallet(), 10_000, event_at=old, now=old).sale_id)
    on = now.date() - timedelta(days=1)
    floats = [shop.merchant.float_id for shop in shops]
    answers = together(
        7, lambda n: back(shops[n - 1], sales[n - 1], 10_000, f"back {n}") if n else closing.close(on, float_ids=floats)
    )
    assert not [answer for answer in answers if isinstance(answer, Exception)]
    sound()
    closing.close(now.date(), now=now + timedelta(days=1), float_ids=floats)
    sound()
    assert [shop.float_fen for shop in shops] == [100_000] * 6
    assert [accounts.balance(accounts.house(name)) for name in ("fee", "buffer")] == [0, 0]
