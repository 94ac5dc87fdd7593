"""What staff do in the console: each act asks, says what will happen, calls its verb, and leaves one row in the diary."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from alliance.models import Approval, Event, Job, Post, Trade, Unit, User
from merchants.models import Agreement, Merchant, Outlet, TopUp
from points.models import Account, BankLine, Hold, Wallet
from tests.admin.conftest import World, receive
from tests.factories import merchants, staff


def act(browser: Client, row: Any, name: str, /, **data: Any) -> Any:
    url = reverse(f"admin:{row._meta.app_label}_{row._meta.model_name}_act", args=(row.pk, name))
    return browser.post(url, data)


def verbs(since: int) -> list[str]:
    return list(Event.objects.filter(pk__gt=since).order_by("pk").values_list("verb", flat=True))


def mark() -> int:
    last = Event.objects.order_by("-pk").first()
    return last.pk if last else 0


def test_money_into_a_float_needs_two_people(world: World, as_finance: Client) -> None:
    merchant = world.a.shop.merchant
    form = {
        "bank": "工商银行",
        "account": "6222",
        "serial": "T-1",
        "amount": "1,268.50",
        "value_on": "2026-01-05",
        "payer": "老灶",
        "memo": merchant.payment_reference,
    }
    assert as_finance.post(reverse("admin:points_bankline_add"), form).status_code == 302
    line = BankLine.objects.get(serial="T-1")
    assert line.amount_fen == 126_850
    page = as_finance.get(reverse("admin:points_bankline_act", args=(line.pk, "match"))).content.decode()
    assert str(merchant) in page
    before = Account.objects.get(pk=merchant.float_id).balance
    assert act(as_finance, line, "match", merchant=merchant.pk).status_code == 302
    approval = Approval.objects.get(kind="merchants.topup", subject=f"points.bankline:{line.pk}")
    # Never one's own.
    assert act(as_finance, approval, "approve").status_code == 302
    assert Approval.objects.get(pk=approval.pk).state == "waiting"
    assert Account.objects.get(pk=merchant.float_id).balance == before
    assert act(staff.console(world.second), approval, "approve").status_code == 302
    assert Account.objects.get(pk=merchant.float_id).balance == before + 126_850
    assert TopUp.objects.get(bank_line=line).state == "booked"


@pytest.mark.parametrize("amount", ["-5", "1e3", "12.345", "😀", "", "99999999999"])
def test_an_amount_that_is_none_is_refused_and_nothing_written(world: World, as_finance: Client, amount: str) -> None:
    form = {"bank": "B", "account": "1", "serial": "T-2", "amount": amount, "value_on": "2026-01-05"}
    assert as_finance.post(reverse("admin:points_bankline_add"), form).status_code == 422
    assert not BankLine.objects.filter(serial="T-2").exists()


def test_the_same_serial_with_another_amount_is_refused_in_words(world: World, as_finance: Client) -> None:
    receive("T-3", amount_fen=100)
    form = {
        "bank": "工商银行",
        "account": "6222",
        "serial": "T-3",
        "amount": "2",
        "value_on": "2026-01-02",
        "payer": "老灶",
    }
    answer = as_finance.post(reverse("admin:points_bankline_add"), form)
    assert answer.status_code == 422
    assert answer.context["adminform"].form.errors
    assert BankLine.objects.get(serial="T-3").amount_fen == 100


def test_refusing_needs_a_reason_and_changes_nothing(world: World) -> None:
    browser = staff.console(world.second)
    assert act(browser, world.a.approval, "refuse").status_code == 422
    assert act(browser, world.a.approval, "refuse", reason="附言不对").status_code == 302
    approval = Approval.objects.get(pk=world.a.approval.pk)
    assert (approval.state, approval.reason) == ("refused", "附言不对")


def test_headquarters_may_not_decide_what_is_finances(world: World, as_admin: Client) -> None:
    act(as_admin, world.a.approval, "approve")
    assert Approval.objects.get(pk=world.a.approval.pk).state == "waiting"


def test_correcting_points_needs_two_people(world: World, as_finance: Client) -> None:
    wallet = Wallet.objects.get(pk=world.member.wallet_id)
    funder = world.a.shop.merchant.float_id
    assert act(as_finance, wallet, "adjust", points=100_001, funder=funder, reason="x").status_code == 422
    assert act(as_finance, wallet, "adjust", points=500, funder=funder, reason="漏记").status_code == 302
    assert Wallet.objects.get(pk=wallet.pk).balance == wallet.balance
    approval = Approval.objects.get(kind="points.adjustment")
    assert act(staff.console(world.second), approval, "approve").status_code == 302
    assert Wallet.objects.get(pk=wallet.pk).balance == wallet.balance + 500


def test_freezing_a_wallet_is_for_risk(world: World, as_admin: Client) -> None:
    wallet = Wallet.objects.get(pk=world.member.wallet_id)
    assert act(as_admin, wallet, "freeze", reason="x").status_code == 403
    since = mark()
    assert act(staff.console(world.risk), wallet, "freeze", reason="刷单").status_code == 302
    assert Wallet.objects.get(pk=wallet.pk).frozen_at is not None
    assert verbs(since) == ["wallet.frozen"]


def test_showing_a_phone_leaves_a_trace(world: World, as_admin: Client) -> None:
    url = reverse("admin:members_member_change", args=(world.member.pk,))
    page = as_admin.get(url).content.decode()
    phone = world.member.user.phone
    assert phone not in page
    assert phone.removeprefix("+86") not in page
    since = mark()
    assert act(as_admin, world.member, "reveal").status_code == 422
    assert verbs(since) == []
    assert act(as_admin, world.member, "reveal", reason="来电核对").status_code == 302
    assert phone in as_admin.get(url).content.decode()
    event = Event.objects.get(pk__gt=since)
    assert (event.verb, event.actor, event.facts) == (
        "user.contact_revealed",
        f"user:{world.admin.pk}",
        {"reason": "来电核对"},
    )
    assert act(staff.console(world.risk), world.member, "reveal", reason="x").status_code == 403


def test_members_are_found_by_whole_numbers_only(world: World, as_admin: Client) -> None:
    url = reverse("admin:members_member_changelist")
    phone = world.member.user.phone.removeprefix("+86")

    def found(words: str) -> int:
        return len(as_admin.get(url, {"q": words}).context["cl"].result_list)

    assert found(phone) == found(world.member.number) == 1
    assert found(phone[:6]) == found(world.member.number[:5]) == found("林") == 0


def test_a_merchant_from_draft_to_live(world: World) -> None:
    browser = staff.console(world.a.manager)
    form = {
        "name": "新茶铺有限公司",
        "short_name": "新茶铺",
        "kind": "partner",
        "trade": Trade.objects.get(code="tea").pk,
        "centre": world.a.centre.pk,
        "credit_code": "",
        "contact_phone": "",
    }
    since = mark()
    answer = browser.post(reverse("admin:merchants_merchant_add"), form)
    assert answer.status_code == 302, answer.context["errors"] if answer.context else ""
    merchant = Merchant.objects.get(short_name="新茶铺")
    assert merchant.float_id
    refused = act(browser, merchant, "go-live")
    assert refused.status_code == 409
    today = timezone.localdate()
    card = {"rate": "8", "member": "62.5", "spend_share": "50", "matures_days": "7", "starts_on": today.isoformat()}
    assert act(browser, merchant, "sign", **card).status_code == 302
    agreement = Agreement.objects.get(merchant=merchant)
    assert (agreement.rate_bps, agreement.member_bps, agreement.fee_bps, agreement.centre_bps) == (
        800,
        6250,
        1875,
        1250,
    )
    outlet = {
        "name": "新茶铺总店",
        "city": world.a.shop.outlet.city_id,
        "address": "街 1 号",
        "lng": "100",
        "lat": "30",
        "tills": "1",
    }
    assert act(browser, merchant, "outlet", **outlet).status_code == 302
    assert act(browser, merchant, "appoint", phone="138 0013 8099", role="owner").status_code == 302
    assert act(browser, merchant, "go-live").status_code == 302
    assert Merchant.objects.get(pk=merchant.pk).state == "live"
    assert verbs(since) == [
        "merchant.opened",
        "agreement.signed",
        "outlet.opened",
        "staff.appointed",
        "merchant.go_live",
    ]


def test_a_centre_may_not_let_a_merchant_go_live(world: World) -> None:
    browser = staff.console(world.a.helper)
    assert act(browser, world.a.shop.merchant, "leave").status_code == 403
    assert act(browser, world.a.shop.merchant, "pause", reason="装修").status_code == 302
    assert Merchant.objects.get(pk=world.a.shop.merchant.pk).state == "paused"


def test_closing_an_outlet_and_dismissing_and_revoking(world: World) -> None:
    browser = staff.console(world.a.manager)
    since = mark()
    cashier = merchants.worker(world.a.shop, "cashier", name="小灶").merchant_posts.get()
    assert act(browser, cashier, "dismiss").status_code == 302
    assert act(browser, world.a.shop.merchant.keys.get(), "revoke").status_code == 302
    assert act(browser, world.a.shop.outlet, "close").status_code == 302
    assert Outlet.objects.get(pk=world.a.shop.outlet.pk).state == "closed"
    assert verbs(since) == ["staff.appointed", "staff.dismissed", "key.revoked", "outlet.closed"]


def test_units_posts_and_people(world: World, as_admin: Client) -> None:
    since = mark()
    unit = {"kind": "region", "code": "R-9", "name": "华南大区", "parent": world.hq.pk}
    assert as_admin.post(reverse("admin:alliance_unit_add"), unit).status_code == 302
    region = Unit.objects.get(code="R-9")
    assert region.path.startswith(world.hq.path)
    person = {"email": "New@Example.cn", "name": "新同事", "password": "long-and-unlikely-7"}
    assert as_admin.post(reverse("admin:alliance_user_add"), person).status_code == 302
    user = User.objects.get(email="new@example.cn")
    post = {"user": user.pk, "unit": region.pk, "role": "region_manager", "starts_on": timezone.localdate().isoformat()}
    assert as_admin.post(reverse("admin:alliance_post_add"), post).status_code == 302
    # The same post twice: refused in words, nothing lost, nothing written.
    assert as_admin.post(reverse("admin:alliance_post_add"), post).status_code == 422
    row = Post.objects.get(user=user)
    ends = (timezone.localdate() + timedelta(days=1)).isoformat()
    assert act(as_admin, row, "relieve", ends_on=ends).status_code == 302
    assert act(as_admin, user, "close").status_code == 302
    assert not User.objects.get(pk=user.pk).is_active
    assert verbs(since) == ["unit.founded", "user.invited", "post.appointed", "post.relieved", "user.closed"]


def test_a_weak_password_is_refused(world: World, as_admin: Client) -> None:
    person = {"email": "weak@example.cn", "name": "弱", "password": "123456789012"}
    assert as_admin.post(reverse("admin:alliance_user_add"), person).status_code == 422
    assert not User.objects.filter(email="weak@example.cn").exists()


def test_nobody_shuts_out_themselves(world: World, as_admin: Client) -> None:
    act(as_admin, world.admin, "close")
    assert User.objects.get(pk=world.admin.pk).is_active


def test_password_hashes_are_not_on_any_page(world: World, as_admin: Client) -> None:
    page = as_admin.get(reverse("admin:alliance_user_change", args=(world.finance.pk,))).content.decode()
    assert world.finance.password not in page
    assert "md5" not in page.lower()


def test_trades_and_days_are_written_by_verbs(world: World, as_admin: Client) -> None:
    since = mark()
    trade = Trade.objects.get(code="tea")
    url = reverse("admin:alliance_trade_change", args=(trade.pk,))
    assert as_admin.post(url, {"name": "奶茶", "name_en": "Tea", "position": 4}).status_code == 302
    assert Trade.objects.get(code="tea").name == "奶茶"
    day = {"on": "2027-01-02", "is_working": "", "name": "元旦调休"}
    assert as_admin.post(reverse("admin:alliance_businessday_add"), day).status_code == 302
    assert verbs(since) == ["trade.changed", "calendar.day_declared"]


def test_a_failed_job_of_an_unknown_kind_cannot_be_run_again(world: World, as_admin: Client) -> None:
    job = Job.objects.get()
    act(as_admin, job, "restart")
    assert Job.objects.get().state == "failed"


def test_a_journal_page_adds_up_and_links_to_its_sale(world: World, as_finance: Client) -> None:
    from points.models import Sale

    sale = Sale.objects.first()
    page = as_finance.get(reverse("admin:points_journal_change", args=(sale.pk,)))
    assert page.context["sum"] == 0
    assert len(page.context["legs"]) == 3
    assert f"S{sale.pk}" in page.context["sale_link"]
    wallet = as_finance.get(reverse("admin:points_wallet_change", args=(sale.wallet_id,)))
    assert len(wallet.context["lots"]) == 3
    assert len(wallet.context["movements"]) == 3


def test_the_dashboard_shows_todays_figures_of_ones_own_units(world: World, as_admin: Client) -> None:
    def tile(browser: Client, code: str) -> str | None:
        tiles = browser.get(reverse("admin:index")).context["tiles"]
        return next((one.shown for one in tiles if one.metric.code == code), None)

    assert tile(as_admin, "sales") == "¥300.00"
    assert tile(as_admin, "coverage") is not None
    region = staff.console(world.a.manager)
    assert tile(region, "sales") == "¥100.00"
    assert tile(region, "merchants_live") == "1"
    assert tile(region, "coverage") is None


def test_agreements_are_signed_from_tomorrow_on(world: World) -> None:
    browser = staff.console(world.a.manager)
    card = {"rate": "10", "member": "60", "spend_share": "50", "matures_days": "7", "starts_on": "2026-01-02"}
    answer = act(browser, world.a.shop.merchant, "sign", **card)
    assert answer.status_code == 422
    assert Agreement.objects.filter(merchant=world.a.shop.merchant).count() == 1
    assert date(2026, 1, 1) == Agreement.objects.get(merchant=world.a.shop.merchant).starts_on


def test_a_tile_leads_only_where_its_reader_may_go(world: World, as_finance: Client) -> None:
    tiles = {one.metric.code: one.url for one in as_finance.get(reverse("admin:index")).context["tiles"]}
    assert tiles["approvals_waiting"]
    assert not tiles["members_total"]
    assert all(as_finance.get(url).status_code == 200 for url in tiles.values() if url)


def test_changing_ones_own_password_is_in_the_diary(world: World, as_finance: Client) -> None:
    since = mark()
    words = {
        "old_password": staff.PASSWORD,
        "new_password1": "another-long-one-99",
        "new_password2": "another-long-one-99",
    }
    assert as_finance.post(reverse("admin:password_change"), words).status_code == 302
    assert verbs(since) == ["user.password_set"]


def test_points_that_a_shop_holds_are_given_back_by_those_who_may(world: World) -> None:
    hold, other = (Hold.objects.get(outlet_id=region.shop.outlet.pk) for region in (world.a, world.b))
    assert act(staff.console(world.a.helper), hold, "release").status_code == 403
    assert act(staff.console(world.a.manager), other, "release").status_code == 404
    since = mark()
    for _twice in range(2):
        assert act(staff.console(world.a.manager), hold, "release", key="once").status_code == 302
    hold.refresh_from_db()
    assert (hold.state, hold.closed_by) == (Hold.State.RELEASED, f"user:{world.a.manager.pk}")
    assert verbs(since) == ["hold.released"]
    assert Wallet.objects.get(pk=world.member.wallet_id).held == 30
