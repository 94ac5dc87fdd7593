"""The merchant's money pages: sums that add up, every figure's rows, disputes, the bank account; nobody else's money."""

from __future__ import annotations

import csv
import io
from datetime import timedelta
from typing import Any

import openpyxl
import pytest
from django.conf import settings
from django.core.cache import cache
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from alliance import approvals
from alliance.calc.worktime import day_start, shanghai_day
from alliance.models import Approval, User
from merchants import clearing, money, payouts, risks
from merchants.models import Dispute, PayoutAccount, PayoutLine, PayoutRun, Staff
from merchants.web import statements as web
from points import accounts, closing, keeping, promises, rollup, stated
from points.models import Claim, KeptFee, Payout, Retention, Standing, Statement
from tests.factories import members, shops, staff
from tests.factories.merchants import worker
from tests.factories.shops import SYSTEM, Shop
from tests.merchants.conftest import signed_in, words
from tests.merchants.test_payouts import book, filed, on_file, sound

pytestmark = pytest.mark.django_db(transaction=True)
PAGES = ["", "owed/", "float/", "statements/", "statements/open/", "disputes/", "account/"]


def english(user: User) -> Client:
    """Sign in somebody who reads English."""
    client = signed_in(user)
    client.cookies[settings.LANGUAGE_COOKIE_NAME] = "en"
    return client


@pytest.fixture(autouse=True)
def _fresh(db: None, monkeypatch: pytest.MonkeyPatch) -> None:
    cache.clear()
    monkeypatch.setattr(settings, "CLEARING_MINIMUM_FEN", 0)


@pytest.fixture
def people(db: None) -> tuple[Any, Any]:
    return staff.colleague("finance", name="first"), staff.colleague("finance", name="second")


@pytest.fixture
def taker(db: None) -> Shop:
    """A fruit shop that took 3,000 and 2,000 points on the day before yesterday, and gave 1,000 of them back."""
    giver = shops.shop(matures_days=0, spend_share_bps=10_000)
    taker = shops.shop("鲜果时光", trade="fruit", matures_days=0, spend_share_bps=10_000)
    wallet = members.member().wallet_id
    at = day_start(shanghai_day(timezone.now())) - timedelta(hours=12)
    shops.sale(giver, wallet, 200_000, now=at - timedelta(hours=1))
    for n in (3_000, 2_000):
        at += timedelta(minutes=1)
        shops.sale(taker, wallet, 0, spend=n, now=at)
    return taker


@pytest.fixture
def owner(taker: Shop) -> Client:
    return english(worker(taker, Staff.Role.OWNER))


def clear(days_ago: int = 1) -> None:
    day = shanghai_day(timezone.now()) - timedelta(days=days_ago)
    closing.close(day)
    list(clearing.run(day, actor=SYSTEM, at=timezone.now()))


def the_statement(shop: Shop) -> Statement:
    return Statement.objects.of_accounts([shop.merchant.proceeds_id or 0]).get()


@pytest.mark.parametrize("path", PAGES)
def test_every_page_stands_empty_and_full(taker: Shop, people: tuple[Any, Any], path: str) -> None:
    newcomer = english(worker(shops.shop("新店"), Staff.Role.OWNER))
    assert newcomer.get(f"/shop/money/{path}").status_code == 200
    on_file(taker, people)
    clear()
    full = english(worker(taker, Staff.Role.OWNER))
    full.get(f"/shop/money/{path}")
    with CaptureQueriesContext(connection) as seen:
        assert full.get(f"/shop/money/{path}").status_code == 200
    assert len(seen) <= 25, [row["sql"][:120] for row in seen]


def test_a_cashier_and_the_manager_of_one_outlet_see_no_money(taker: Shop) -> None:
    clear()
    number = the_statement(taker).pk
    paths = [*PAGES, *(f"statements/{number}/{end}" for end in ("", "print/", "lines.csv", "lines.xlsx", "dispute/"))]
    for role in (Staff.Role.CASHIER, Staff.Role.MANAGER):
        person = english(worker(taker, role, outlet=taker.outlet))
        assert {person.get(f"/shop/money/{path}").status_code for path in paths} == {404}
    manager = english(worker(taker, Staff.Role.MANAGER))
    assert manager.get(f"/shop/money/statements/{number}/").status_code == 200
    for path in (f"statements/{number}/dispute/", "account/ask/", "float/standing/"):
        assert manager.post(f"/shop/money/{path}").status_code == 404


def test_a_strangers_statement_is_not_there(taker: Shop, owner: Client) -> None:
    clear()
    number = the_statement(taker).pk
    dispute = {"amount": "1", "reason": "?"}
    stranger = english(worker(shops.shop("别家"), Staff.Role.OWNER))
    for end in ("", "print/", "lines.csv", "lines.xlsx", "dispute/"):
        assert stranger.get(f"/shop/money/statements/{number}/{end}").status_code == 404
    assert stranger.post(f"/shop/money/statements/{number}/dispute/", dispute).status_code == 404
    assert owner.get(f"/shop/money/statements/{number}/?after=nonsense").status_code == 404
    assert not Dispute.objects.exists()


def test_what_is_ones_own_adds_up_and_comes_on_a_day(taker: Shop, owner: Client, people: tuple[Any, Any]) -> None:
    rollup.run()
    page = owner.get("/shop/money/").context
    # 5,000 taken less 1 %, and the ¥10,000 that the shop was opened with.
    assert (page["held"].proceeds_fen, page["held"].total_fen) == (4_950, 1_004_950)
    assert sum(item.fen or 0 for day in page["calendar"] for item in day.items) == 4_950
    on_file(taker, people)
    clear()
    page = owner.get("/shop/money/").context
    assert (page["held"].proceeds_fen, page["held"].in_payout_fen, page["held"].total_fen) == (0, 4_950, 1_004_950)
    (item,) = [item for day in page["calendar"] for item in day.items]
    assert (item.fen, item.place, item.number) == (4_950, "shop_statement", the_statement(taker).pk)
    assert page["traded"].taken == page["traded"].proceeds + page["traded"].fees


def test_a_statement_is_the_sum_of_its_lines(taker: Shop, owner: Client, people: tuple[Any, Any]) -> None:
    on_file(taker, people)
    clear()
    statement = the_statement(taker)
    page = owner.get(f"/shop/money/statements/{statement.pk}/")
    sheet = page.context["sheet"]
    assert (sheet.sums.taken_fen, sheet.sums.fees_fen, sheet.other_fen, sheet.closing_fen) == (5_000, 50, 0, 0)
    assert sheet.adds_up and [line.amount_fen for line in page.context["lines"]] == [2_970, 1_980]
    for line in page.context["lines"]:
        assert f"/shop/sales/{line.journal_id}/" in words(page)
        assert owner.get(f"/shop/sales/{line.journal_id}/").status_code == 200
    assert not owner.get(f"/shop/money/statements/{statement.pk}/?show=back").context["lines"]
    for path in ("", "?show=taken"):
        assert sheet.sums.net_fen == statement.proceeds_fen, path


def test_every_line_is_reached_by_pages(
    taker: Shop, owner: Client, people: tuple[Any, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(web, "PAGE", 1)
    monkeypatch.setattr(stated, "CHUNK", 1)
    clear()
    path, seen = f"/shop/money/statements/{the_statement(taker).pk}/", []
    more = "?"
    while more:
        page = owner.get(path + more).context
        seen += [line.journal_id for line in page["lines"]]
        more = page["more"]
    assert len(seen) == len(set(seen)) == 2
    rows = list(stated.every(stated.of_statement(the_statement(taker)), [taker.outlet.pk]))
    assert [row.journal_id for row in rows] == seen


def test_files_run_from_the_opening_to_the_closing(taker: Shop, owner: Client, people: tuple[Any, Any]) -> None:
    on_file(taker, people)
    clear()
    path = f"/shop/money/statements/{the_statement(taker).pk}/lines"
    text = b"".join(owner.get(f"{path}.csv").streaming_content).decode("utf-8-sig")  # type: ignore[arg-type]
    rows = list(csv.reader(io.StringIO(text)))[1:]
    changes = [float(row[7]) for row in rows]
    assert changes == [0.0, 29.7, 19.8, -49.5, 0.0, 0.0]
    assert changes[0] + sum(changes[1:-2]) == pytest.approx(changes[-1])
    book = openpyxl.load_workbook(io.BytesIO(owner.get(f"{path}.xlsx").content))
    assert book.active is not None and book.active.max_row == 1 + len(rows)


def test_the_sheet_for_paper(taker: Shop, owner: Client) -> None:
    clear()
    page = words(owner.get(f"/shop/money/statements/{the_statement(taker).pk}/print/"))
    for part in (taker.merchant.name, "Operator (seal)", "as invoiced", "¥0.50", "+¥49.50"):
        assert part in page


def test_what_came_since_is_the_next_statement(taker: Shop, owner: Client) -> None:
    clear()
    wallet = members.member().wallet_id
    shops.sale(taker, wallet, 100_000)
    shops.sale(taker, wallet, 0, spend=700)
    page = owner.get("/shop/money/statements/open/").context
    assert page["sheet"].opening_fen == 4_950 and [line.amount_fen for line in page["lines"]] == [693]
    assert page["sheet"].closing_fen == 5_643 and page["sheet"].other_fen == 0
    undone = shops.void(taker, page["lines"][0].journal_id)
    assert undone.is_booked
    page = owner.get("/shop/money/statements/open/").context
    assert page["sheet"].sums.back_fen == -700 and page["sheet"].closing_fen == 4_950 and page["sheet"].adds_up


# --- disputes -----------------------------------------------------------------------------------------


def test_a_line_is_contested_and_taken_back(taker: Shop, owner: Client, people: tuple[Any, Any]) -> None:
    on_file(taker, people)
    clear()
    statement = the_statement(taker)
    line = stated.lines(stated.of_statement(statement), [taker.outlet.pk])[0]
    path = f"/shop/money/statements/{statement.pk}/dispute/"
    form = owner.get(f"{path}?line={line.journal_id}")
    assert form.context["most"] == 3_000 and "The payout of ¥49.50 is stopped" in words(form)
    given = {"line": line.journal_id, "amount": "30", "reason": "收了两次"}
    for wrong, code in (
        ({"amount": "30.01"}, 422),
        ({"reason": " "}, 422),
        ({"line": "1"}, 404),
        ({"amount": "x"}, 422),
    ):
        assert owner.post(path, {**given, **wrong}).status_code == code, wrong
    assert not Dispute.objects.exists()
    assert owner.post(path, given).status_code == 302
    assert Payout.objects.get().state == Payout.State.STOPPED
    assert owner.post(path, given).status_code == 409
    page = words(owner.get("/shop/money/disputes/"))
    assert "¥30.00 is set apart" in page and "收了两次" in page
    dispute = Dispute.objects.get()
    stranger = english(worker(shops.shop("别家"), Staff.Role.OWNER))
    assert stranger.post(f"/shop/money/disputes/{dispute.pk}/withdraw/").status_code == 404
    assert owner.post(f"/shop/money/disputes/{dispute.pk}/withdraw/").status_code == 302
    assert accounts.balance(taker.merchant.proceeds_id or 0) == 4_950
    dispute.refresh_from_db()
    assert dispute.is_withdrawn and "withdrawn" in words(owner.get("/shop/money/disputes/"))
    assert owner.post(f"/shop/money/disputes/{dispute.pk}/withdraw/").status_code == 409
    sound()


def test_what_is_being_decided_is_not_withdrawn(taker: Shop, owner: Client, people: tuple[Any, Any]) -> None:
    from merchants import disputes

    clear()
    facts = {"merchant": taker.merchant, "statement": the_statement(taker), "actor": SYSTEM, "at": timezone.now()}
    dispute = disputes.open(amount_fen=500, reason="?", **facts)
    disputes.ask(dispute=dispute, user=people[0], at=timezone.now())
    assert owner.post(f"/shop/money/disputes/{dispute.pk}/withdraw/").status_code == 409
    assert "being decided" in words(owner.get("/shop/money/disputes/"))


def test_too_late_goes_into_the_next_run(taker: Shop, owner: Client, people: tuple[Any, Any]) -> None:
    on_file(taker, people)
    clear()
    filed(people)
    statement = the_statement(taker)
    path = f"/shop/money/statements/{statement.pk}/dispute/"
    assert "goes into the next run" in words(owner.get(path))
    answer = owner.post(path, {"amount": "12.34", "reason": "late"}, follow=True)
    assert "it goes into the next run" in words(answer) and "¥12.34 goes into the next run" in words(answer)
    assert Retention.objects.get().held_fen == 0
    assert "disputed" in words(owner.get("/shop/money/statements/"))
    sound()


# --- the bank account ---------------------------------------------------------------------------------


def test_the_account_is_registered_masked_and_cools(taker: Shop, owner: Client, people: tuple[Any, Any]) -> None:
    given = {"holder": "和安鲜果商行", "bank_name": "工商银行和安支行", "number": "6222 0202 0011 2233 445"}
    wrong = owner.post("/shop/money/account/ask/", {**given, "number": "12"})
    assert wrong.status_code == 422 and "和安鲜果商行" in words(wrong)
    assert owner.post("/shop/money/account/ask/", given).status_code == 302
    asked = PayoutAccount.objects.get()
    page = words(owner.get("/shop/money/account/"))
    assert "Waits for a decision" in page and "•••• 3445" in page and "62220202" not in page
    assert asked.approval
    approvals.approve(asked.approval, user=people[1], at=timezone.now())
    assert "in use" in words(owner.get("/shop/money/account/"))
    owner.post("/shop/money/account/ask/", {**given, "number": "6222020200112233446"})
    approval = Approval.objects.get(kind="merchants.payout_account", state="waiting")
    approvals.approve(approval, user=people[1], at=timezone.now())
    page = words(owner.get("/shop/money/account/"))
    assert "paid to from" in page and "For 3 days" in page
    assert any(
        item.place == "shop_account" for day in owner.get("/shop/money/").context["calendar"] for item in day.items
    )


def test_a_payout_that_came_back_says_what_to_do(taker: Shop, owner: Client, people: tuple[Any, Any]) -> None:
    on_file(taker, people)
    clear()
    filed(people)
    code = PayoutLine.objects.get().code
    book(("S1", "", "49.50", "", code))
    assert Payout.objects.get().state == Payout.State.PAID
    book(("S2", "49.50", "", "", f"退汇 {code}"))
    statement = the_statement(taker)
    assert "The bank sent it back" in words(owner.get(f"/shop/money/statements/{statement.pk}/"))
    assert "What to do" in words(owner.get("/shop/money/account/"))
    assert "The bank sent a payout back" in words(owner.get("/shop/money/"))
    sheet = owner.get("/shop/money/statements/open/").context["sheet"]
    assert (sheet.returned_fen, sheet.closing_fen, sheet.adds_up) == (4_950, 4_950, True)
    assert PayoutRun.objects.get().state == "filed" and payouts.proposal(timezone.now()).payouts == 0


# --- the float ----------------------------------------------------------------------------------------


def test_the_floats_book_adds_up(taker: Shop, owner: Client) -> None:
    assert owner.post("/shop/money/float/standing/", {"standing": "10,020"}).status_code == 302
    assert Standing.objects.get(pk=taker.merchant.float_id).standing_fen == 1_002_000
    assert owner.post("/shop/money/float/standing/", {"standing": "x"}).status_code == 422
    clear()
    shops.sale(taker, members.member().wallet_id, 10_000)
    found = owner.get("/shop/money/float/").context["book"]
    assert found.opening + sum(row.fen for row in found.rows) == found.closing == 1_001_200
    assert ("standing", 2_000) in [(row.kind, row.fen) for row in found.rows]
    assert money.holdings(taker.merchant).proceeds_fen == 2_950
    rollup.run()
    again = owner.get("/shop/money/float/").context["book"]
    assert again.opening + sum(row.fen for row in again.rows) == again.closing == 1_001_200
    assert owner.post("/shop/money/float/standing/", {"standing": ""}).status_code == 302
    assert Standing.objects.get(pk=taker.merchant.float_id).standing_fen == 0


def test_a_bill_is_owed_on_its_day(taker: Shop, owner: Client) -> None:
    empty = shops.shop("赊账店", float_fen=0)
    at = timezone.now() - timedelta(days=9)
    promises.set_line(
        float_id=empty.merchant.float_id or 0, limit_fen=100_000, period=1, due_days=7, actor=SYSTEM, at=at, now=at
    )
    shops.sale(empty, members.member().wallet_id, 10_000, now=at)
    promises.draw(shanghai_day(timezone.now()))
    page = english(worker(empty, Staff.Role.OWNER)).get("/shop/money/")
    assert page.context["owed"].line.owed_fen == 800 and page.context["owed"].billed_fen == 800
    assert [item.fen for day in page.context["calendar"] for item in day.items] == [-800]


def test_as_many_queries_for_many_rows(taker: Shop, owner: Client, people: tuple[Any, Any]) -> None:
    on_file(taker, people)
    clear()
    path = f"/shop/money/statements/{the_statement(taker).pk}/"

    def asked() -> list[int]:
        found = []
        for each in ("/shop/money/", "/shop/money/statements/", "/shop/money/float/", path, f"{path}print/"):
            with CaptureQueriesContext(connection) as seen:
                assert owner.get(each).status_code == 200
            found.append(len(seen))
        return found

    asked()
    few = asked()
    wallet = members.member().wallet_id
    shops.sale(taker, wallet, 500_000)
    for n in range(1, 12):
        shops.sale(taker, wallet, 0, spend=100 + n)
    rollup.run()
    assert asked() == few and max(few) <= 25


def test_a_fee_kept_on_missing_points_is_said_with_its_refunds(taker: Shop, owner: Client) -> None:
    assert "kept-fee" not in owner.get("/shop/money/").content.decode()
    now = timezone.now()
    float_id = taker.merchant.float_id
    month = keeping.months(shanghai_day(now))[-1]
    claim = Claim.objects.create(why=Claim.Why.KEPT_FEE, debtor_id=float_id, creditor_id=3, points=150, made_at=now)
    KeptFee.objects.create(
        float_id=float_id, month=month, issued=750, short=500, share_bps=100, fee=150, taken=0, claim=claim, kept_at=now
    )
    page = words(owner.get("/shop/money/"))
    assert "500 points of returned purchases were spent already: more than 1% of what you gave that month" in page
    assert "¥1.50 of it comes from your next takings." in page
    link = f"/shop/sales/?from={month}&amp;to={keeping.last_day(month)}&amp;kind=refund"
    assert link in owner.get("/shop/money/").content.decode()
    assert owner.get(link.replace("&amp;", "&")).status_code == 200
    assert "fee kept on points of returned purchases that were gone" in words(owner.get("/shop/money/owed/"))
    (shop,) = [risks.Shop(taker.merchant.pk, "", 0, 0, 1)]
    assert risks.kept_fees([shop], now) == {taker.merchant.pk: (month, 150)}
    hq = staff.console(staff.colleague("finance", name="hq"))
    assert hq.get(reverse("admin:points_claim_changelist")).status_code == 200
