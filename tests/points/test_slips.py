"""What the book cannot take is refused with a code, not with a failure."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import pytest
from django.utils import timezone

from alliance.refusals import Refused
from points import accounts, funding, terms
from points.models import BankLine, Terms
from tests.points.shops import NOON, TEST, open_shop

pytestmark = pytest.mark.django_db
LINE: dict[str, Any] = {
    "bank": "b", "account": "1", "serial": "s", "amount_fen": 500, "value_on": NOON.date(), "actor": TEST, "at": NOON,
}  # fmt: skip


@pytest.mark.parametrize(
    "wrong",
    [
        {"serial": ""},
        {"bank": ""},
        {"account": ""},
        {"amount_fen": 0},
        {"amount_fen": -5},
        {"amount_fen": 10**12 + 1},
        {"value_on": date(1999, 12, 31)},
        {"value_on": date(2199, 1, 1)},
        {"at": timezone.now() + timedelta(days=1)},
    ],
)
def test_a_bank_line_that_cannot_be(wrong: dict[str, Any]) -> None:
    before = accounts.balance(accounts.house("custody"))
    with pytest.raises(Refused) as refused:
        funding.receive(**{**LINE, **wrong})
    assert refused.value.code == "bank_line_invalid"
    assert not BankLine.objects.exists()
    assert accounts.balance(accounts.house("custody")) == before


def test_a_version_that_starts_before_what_was_booked_under_the_last() -> None:
    shop = open_shop()
    shop.sell(shop.wallet(), 10_000)
    with pytest.raises(Refused) as refused:
        terms.write(merchant=shop.merchant, version=2, rate_bps=900, valid_from=NOON - timedelta(hours=1))
    assert refused.value.code == "terms_start_too_early"
    assert Terms.objects.get(pk=shop.terms.pk).valid_to is None
    assert Terms.objects.filter(float_id=shop.merchant.float_id).count() == 1
