"""A merchant leaves: asked for by its owner or in the console, decided by another, cancelled, settled, stated to the fen."""

from __future__ import annotations

import io
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from openpyxl import load_workbook

from alliance import approvals
from alliance.calc.worktime import shanghai_day
from alliance.models import Approval, Event
from alliance.refusals import Refused
from merchants import banking, clearing, leaving, onboarding, payouts
from merchants.calc import references
from merchants.models import Merchant, PayoutRun, Staff
from points import accounts, closing, rollup
from points.models import Payout
from tests.factories import staff
from tests.factories.shops import SYSTEM, Shop
from tests.merchants.conftest import signed_in
from tests.merchants.test_money import worker
from tests.merchants.test_payouts import on_file, people, shop, sound, statement_file  # noqa: F401 - fixtures

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def _no_smallest_payout(settings: Any) -> None:
    settings.CLEARING_MINIMUM_FEN = 0


def page(shop: Shop, number: int | None = None) -> str:  # noqa: F811
    return reverse("admin:merchants_merchant_leaving", args=(number or shop.merchant.pk,))


def test_the_owner_asks_takes_it_back_and_asks_again(shop: Shop, people: tuple[Any, Any]) -> None:  # noqa: F811
    owner = signed_in(worker(shop, Staff.Role.OWNER))
    shown = owner.get("/shop/money/leaving/").content.decode()
    assert "申请退出" in shown and "没有登记账户" in shown and "¥10,000.00" in shown
    assert "未申请" in owner.get("/shop/money/").content.decode()
    assert owner.post("/shop/money/leaving/ask/").status_code == 302
    assert owner.post("/shop/money/leaving/ask/").status_code == 409
    assert "撤回申请" in owner.get("/shop/money/leaving/").content.decode()
    assert owner.post("/shop/money/leaving/withdraw/").status_code == 302
    assert owner.post("/shop/money/leaving/withdraw/").status_code == 409
    assert owner.get("/shop/money/leaving/statement.xlsx").headers["Location"] == "/shop/money/leaving/"
    assert owner.post("/shop/money/leaving/ask/").status_code == 302
    # It sells until somebody of finance agrees, and is paused then.
    shop.merchant.refresh_from_db()
    assert shop.merchant.is_live
    approval = Approval.objects.waiting().get(kind=leaving.KIND)
    approvals.approve(approval, user=people[0], at=timezone.now())
    shop.merchant.refresh_from_db()
    assert shop.merchant.state == Merchant.State.PAUSED
    shown = owner.get("/shop/money/leaving/").content.decode()
    assert "正在退出" in shown and "最终对账单" in shown and "撤回申请" not in shown
    facts = Event.objects.get(verb="merchant.leaving").facts
    assert facts["float_fen"] == 1_000_000 and facts["promo_fen"] == 0


def test_only_the_owner_asks(shop: Shop) -> None:  # noqa: F811
    manager = signed_in(worker(shop, Staff.Role.MANAGER))
    assert manager.get("/shop/money/leaving/").status_code == 200
    assert "只有店主可以申请退出" in manager.get("/shop/money/leaving/").content.decode()
    assert manager.post("/shop/money/leaving/ask/").status_code == 404


def test_in_the_console_it_is_asked_for_shown_and_cancelled(shop: Shop, people: tuple[Any, Any]) -> None:  # noqa: F811
    admin, finance = staff.console(staff.colleague("hq_admin")), staff.console(people[1])
    assert "请先暂停营业" in admin.get(page(shop)).content.decode()
    onboarding.pause(merchant=shop.merchant, reason="leaves", actor=SYSTEM, at=timezone.now())
    act = reverse("admin:merchants_merchant_act", args=(shop.merchant.pk, "ask-leave"))
    shown = admin.get(act).content.decode()
    assert "按目前情况最终付出" in shown and "¥10,029.70" in shown
    assert finance.get(act).status_code == 403
    assert admin.post(act).status_code == 302
    approval = Approval.objects.waiting().get(kind=leaving.KIND)
    decide = reverse("admin:alliance_approval_act", args=(approval.pk, "approve"))
    assert finance.post(decide).status_code == 302
    shown = admin.get(page(shop)).content.decode()
    assert "正在退出" in shown and "还没有付款" in shown and "leaving.xlsx" in shown
    with pytest.raises(Refused, match="merchant_leaving"):
        onboarding.resume(merchant=Merchant.objects.get(pk=shop.merchant.pk), actor=SYSTEM, at=timezone.now())
    stay = reverse("admin:merchants_merchant_act", args=(shop.merchant.pk, "cancel-leave"))
    assert admin.get(stay).status_code == 403
    assert finance.post(stay, {"reason": "sold on"}).status_code == 302
    assert Event.objects.get(verb="merchant.leaving_cancelled").facts == {"reason": "sold on"}
    merchant = Merchant.objects.get(pk=shop.merchant.pk)
    assert leaving.way_of(merchant).state == "none"
    with pytest.raises(Refused, match="leaving_not_begun"):
        clearing.cancel_leave(merchant=merchant, actor=SYSTEM, at=timezone.now(), reason="")
    onboarding.resume(merchant=merchant, actor=SYSTEM, at=timezone.now())
    stranger = staff.console(staff.colleague("region_manager", staff.unit("region", "别处")))
    assert stranger.get(page(shop)).status_code == 404
    assert Client().get(page(shop)).status_code == 302


def test_the_final_statement_adds_up_to_the_fen(shop: Shop, people: tuple[Any, Any]) -> None:  # noqa: F811
    merchant = shop.merchant
    on_file(shop, people)
    onboarding.pause(merchant=merchant, reason="leaves", actor=SYSTEM, at=timezone.now())
    merchant.refresh_from_db()
    rollup.run()
    found = leaving.plan(merchant, timezone.now())
    assert (found.comes_fen, found.missing_fen, found.account_why) == (1_002_970, 0, "")
    assert found.windows_until and found.payable_on and found.payable_on > found.windows_until
    approvals.approve(
        clearing.ask_leave(merchant=merchant, user=people[0], at=timezone.now()), user=people[1], at=timezone.now()
    )
    later = timezone.now() + timedelta(days=8)
    day = shanghai_day(later)
    closing.close(day - timedelta(days=1), later)
    clearing.sweep(actor=SYSTEM, at=later, now=later)
    after = later + timedelta(days=1)
    closing.close(day, after)
    list(clearing.run(day, actor=SYSTEM, at=after, now=after))
    on_way = leaving.final(merchant, leaving.way_of(merchant))
    assert on_way and (on_way.had_fen, on_way.between_fen, on_way.moved_fen, on_way.left_fen) == (
        1_000_000,
        0,
        1_000_000,
        0,
    )
    assert (on_way.open_fen, on_way.paid_fen) == (1_002_970, 0)
    run = payouts.ask(user=people[0], at=timezone.now())
    assert run.approval
    approvals.approve(run.approval, user=people[1], at=timezone.now())
    payouts.file(run=PayoutRun.objects.get(), actor=SYSTEM, at=timezone.now())
    code = references.payout_code(Payout.objects.get().pk)
    banking.book(
        content=statement_file(("S1", "", "10029.70", "", code)), actor=SYSTEM, at=timezone.now(), bank="T", now=after
    )
    clearing.sweep(actor=SYSTEM, at=after, now=after)
    merchant.refresh_from_db()
    assert merchant.state == Merchant.State.LEFT and not accounts.holds_money(merchant.book)
    way = leaving.way_of(merchant)
    done = leaving.final(merchant, way)
    assert way.state == "left" and done and (done.paid_fen, done.open_fen) == (1_002_970, 0)
    for row in done.statements:
        assert row.opening_fen + sum(fen for _title, fen in leaving.figures(row)) == row.closing_fen
    browser = staff.console(people[0])
    assert "已全部结清" in browser.get(page(shop)).content.decode()
    sheet = load_workbook(
        io.BytesIO(browser.get(reverse("admin:merchants_merchant_leaving_xlsx", args=(merchant.pk,))).content)
    ).active
    assert sheet is not None
    amounts = {row[0]: row[3] for row in sheet.iter_rows(values_only=True)}
    assert amounts["已付到银行账户"] == 10_029.7 and amounts["转入应收款"] == -10_000
    sound()
