"""A very small town, built through the verbs: whole, in order, with work on the desks, and only once."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest
import time_machine
from django.core.management import call_command
from django.db.models import Sum
from django.utils import timezone

from alliance import access
from alliance.models import Approval, Event, User
from alliance.refusals import Refused
from members.models import Member
from merchants.models import Merchant, Outlet, TopUp
from points import verify
from points.models import Account, BankLine, Lot, Sale, Transfer, Wallet
from stores.models import Store
from tests.factories import members, shops
from town import tiers
from town.building import build
from town.world import SCALES, Scale, cast

TINY = Scale(people=14, shops=30, partner_stores=1, districts=8, centres=2, weeks=1)
# Ten weeks' worth of points take too long here: in one week somebody has earned this much.
RUNGS = ((2_000, tiers.GOLD), (1_000, tiers.SILVER))


def quiet(_line: str) -> None:
    return None


@pytest.fixture
def town(transactional_db: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setitem(SCALES, "small", TINY)
    monkeypatch.setattr(tiers, "RUNGS", RUNGS)
    assert build("small", 7, quiet, quiet)
    yield


@pytest.mark.usefixtures("town")
def test_it_works(capsys: pytest.CaptureFixture[str]) -> None:
    now = timezone.now()
    # The book is in order.
    assert [check.name for check in verify.checks() if check.differences] == []
    # People, shops and stores are there, and say that they are synthetic.
    assert Member.objects.filter(is_synthetic=True).count() == TINY.people
    assert Merchant.objects.live().filter(is_synthetic=True).count() == len(cast.SHOPS) + 1 + TINY.shops - 1
    assert Merchant.objects.filter(state=Merchant.State.DRAFT).count() == 1
    assert sorted(Store.objects.values_list("kind", flat=True)) == ["direct", "direct", "partner"]
    assert Outlet.objects.filter(merchant__short_name="比那多超市").count() == 2
    # Life: sales on the days before today and within the last hours.
    assert Sale.objects.filter(kind=1).count() > 50
    market = Outlet.objects.filter(merchant__short_name="比那多超市").order_by("pk").first()
    assert market is not None
    assert Sale.objects.filter(outlet_id=market.pk, event_at__gt=now - timedelta(hours=3)).exists()
    assert not Sale.objects.filter(event_at__gt=now).exists()
    # Work on the desks.
    assert Approval.objects.waiting().filter(kind="merchants.topup").count() == 2
    assert BankLine.objects.filter(allotted_to_id__isnull=True).count() == 3
    assert TopUp.objects.filter(state=TopUp.State.ANNOUNCED).count() == 1
    # 林婶 has points that lapse with this quarter, and lost some with the last one.
    lin = Member.objects.get(user__phone="+8613800138001")
    lots = Lot.objects.filter(wallet_id=lin.wallet_id, remaining__gt=0).order_by("lapses_on")
    assert lots[0].lapses_on < (now + timedelta(days=93)).date()
    assert Transfer.objects.filter(wallet_id=lin.wallet_id, kind=Transfer.Kind.EXPIRE).exists()
    # Tiers follow what was earned within a year, and nothing else.
    year = Transfer.objects.filter(kind=Transfer.Kind.EARN, booked_at__gte=now - tiers.YEAR).order_by()
    earned = dict(year.values_list("wallet_id").annotate(Sum("points")))
    for wallet, tier in Wallet.objects.values_list("pk", "tier"):
        assert tier == tiers.tier_for(earned.get(wallet, 0))
    assert Wallet.objects.get(pk=lin.wallet_id).tier == tiers.GOLD
    assert Event.objects.of(f"points.wallet:{lin.wallet_id}").filter(verb="wallet.tier_set").count() == 1
    # 老陈 took his agreement to the privacy notice back; the receipt stays.
    chen = Member.objects.get(user__phone="+8613800138003")
    consents = {record.purpose: record.withdrawn_at for record in chen.consents.all()}
    assert consents["terms"] is None
    assert consents["privacy"] is not None
    assert Event.objects.of(f"members.member:{chen.pk}").filter(verb="consent.withdrawn").count() == 1
    # The console's people hold their posts.
    finance = User.objects.get(email="finance@demo.lianhui")
    assert access.can(finance, "topup.approve")
    # The logins are printed.
    call_command("demo_logins", address="http://127.0.0.1:8000")
    printed = capsys.readouterr().out
    assert "13800138001" in printed
    assert "finance2@demo.lianhui" in printed

    # Again on the same day: nothing.
    sales, events = Sale.objects.count(), Event.objects.count()
    assert not build("small", 7, quiet, quiet)
    assert (Sale.objects.count(), Event.objects.count()) == (sales, events)

    # Two days later the town has lived on, and yesterday is closed.
    with time_machine.travel(now + timedelta(days=2), tick=True):
        assert build("small", 7, quiet, quiet)
    assert Sale.objects.filter(event_at__gt=now).exists()
    hotpot = Merchant.objects.get(short_name="老灶火锅")
    closed_on = Account.objects.get(pk=hotpot.float_id).closed_on
    assert closed_on is not None
    assert closed_on >= (now + timedelta(hours=8)).date()
    assert [check.name for check in verify.checks() if check.differences] == []


@pytest.mark.django_db
@pytest.mark.parametrize("real", ["member", "merchant", "unit"])
def test_a_real_installation_gets_no_demo_logins(real: str) -> None:
    if real == "member":
        members.member()
    elif real == "merchant":
        shops.shop()
    else:
        shops.centre()
    users = User.objects.count()
    with pytest.raises(Refused) as refused:
        build("small", 7, quiet, quiet)
    assert refused.value.code == "town_not_synthetic"
    assert User.objects.count() == users
    assert not Event.objects.of("town").exists()
