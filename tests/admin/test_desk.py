"""The finance desk and the risk view: who may open and do what, two people for every payment, files with faults."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.core.cache import cache
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from alliance import approvals
from alliance.calc.worktime import shanghai_day
from alliance.models import Approval, Event, Job, User
from merchants import desk, disputes, risks
from merchants import tasks as _tasks  # noqa: F401 - registers the job
from merchants.models import Dispute, PayoutAccount, PayoutLine, PayoutRun
from points import accounts, closing, promises
from points.models import BankLine, Clearing, MerchantBill, Payout, Statement
from tests.factories import members, shops, staff
from tests.factories.shops import SYSTEM, Shop
from tests.merchants.test_payouts import book, clear, on_file, statement_file

pytestmark = pytest.mark.django_db(transaction=True)
PAGES = ("finance_desk", "risk_view", "points_matrix", "finance_payouts", "finance_import", "finance_fee")
MOST_QUERIES = 25


@pytest.fixture(autouse=True)
def _plain(settings: Any) -> None:
    settings.CLEARING_MINIMUM_FEN = 0
    settings.BANK_NAME = "T"
    cache.clear()


@pytest.fixture
def people(db: None) -> tuple[User, User]:
    return staff.colleague("finance", name="first"), staff.colleague("finance", name="second")


@pytest.fixture
def shop(db: None) -> Shop:
    """A fruit shop that took 3,000 points yesterday."""
    from alliance.calc.worktime import day_start

    giver = shops.shop(matures_days=0, spend_share_bps=10_000)
    taker = shops.shop("鲜果时光", trade="fruit", matures_days=0, spend_share_bps=10_000)
    wallet = members.member().wallet_id
    at = day_start(shanghai_day(timezone.now())) - timedelta(hours=2)
    shops.sale(giver, wallet, 100_000, now=at - timedelta(hours=1))
    shops.sale(taker, wallet, 0, spend=3_000, now=at)
    return taker


def page(browser: Client, name: str, **asked: Any) -> Any:
    return browser.get(reverse(f"admin:{name}"), asked)


def decide(browser: Client, approval: Approval, act: str = "approve") -> Any:
    return browser.post(reverse("admin:alliance_approval_act", args=(approval.pk, act)), {"reason": "no"})


def test_who_opens_what(people: tuple[User, User]) -> None:
    region = staff.unit("region", "甲大区")
    finance, risk, admin = people[0], staff.colleague("risk"), staff.colleague("hq_admin")
    for user in (finance, risk, admin):
        browser = staff.console(user)
        for name in ("finance_desk", "risk_view", "points_matrix"):
            assert page(browser, name).status_code == 200, (user, name)
        for name in ("finance_payouts", "finance_import", "finance_fee"):
            assert page(browser, name).status_code == (200 if user == finance else 403), (user, name)
    for role in ("region_manager", "finance", "centre_staff"):
        browser = staff.console(staff.colleague(role, region))
        for name in (*PAGES, "points_matrix_export", "finance_clear", "finance_match"):
            assert page(browser, name).status_code == 403, (role, name)
            assert browser.post(reverse(f"admin:{name}")).status_code == 403, (role, name)
        assert "finance/" not in str(
            [item["link"] for group in browser.get("/admin/").context["sidebar_navigation"] for item in group["items"]]
        )


def test_from_the_desk_to_the_bank_with_two_people(shop: Shop, people: tuple[User, User]) -> None:
    first, second = (staff.console(user) for user in people)
    on_file(shop, people)
    clear()
    assert "¥29.70" in page(first, "finance_desk").content.decode()
    url = reverse("admin:finance_payouts")
    seen = desk.payouts_waiting()
    form = {"through": seen.through, "amount": seen.amount_fen}
    assert first.post(url, {**form, "amount": "1"}).status_code == 409
    assert first.post(url, form).status_code == 302
    assert second.post(url, form).status_code == 409  # one run waits at a time
    run = PayoutRun.objects.get()
    assert run.approval is not None
    decide(first, run.approval)
    assert PayoutRun.objects.get().state == "proposed"  # whoever proposed does not decide
    act = lambda name: reverse("admin:merchants_payoutrun_act", args=(run.pk, name))  # noqa: E731
    first.post(act("file"))
    assert PayoutRun.objects.get().state == "proposed"
    decide(second, run.approval)
    assert PayoutRun.objects.get().state == "approved"
    file = reverse("admin:merchants_payoutrun_file", args=(run.pk,))
    assert first.get(file).status_code == 404
    for _press in range(2):
        assert first.post(act("file")).status_code == 302
    assert PayoutLine.objects.count() == 1
    one, two = first.get(file), second.get(file)
    assert one.content == two.content and b"29.70" in one.content
    assert staff.console(staff.colleague("risk")).get(file).status_code == 403
    assert Event.objects.filter(verb="payout_run.downloaded").count() == 2
    for _press in range(2):
        first.post(act("handed"))
    assert Event.objects.filter(verb="payout_run.handed").count() == 1
    digest = first.get(reverse("admin:merchants_payoutrun_change", args=(run.pk,))).content.decode()
    assert PayoutRun.objects.get().digest in digest


def upload(browser: Client, content: bytes) -> Any:
    return browser.post(reverse("admin:finance_import"), {"file": SimpleUploadedFile("bank.csv", content)})


def test_a_file_with_three_bad_lines_is_not_booked(shop: Shop, people: tuple[User, User]) -> None:
    browser = staff.console(people[0])
    before = BankLine.objects.count()
    content = statement_file(
        ("S1", "5.00", "", "", ""), ("S2", "x", "", "", ""), ("", "5.00", "", "", ""), ("S4", "1", "1", "", "")
    )
    answer = upload(browser, content)
    text = answer.content.decode()
    assert answer.status_code == 422
    for line, code in ((6, "amount_unreadable"), (7, "serial_missing"), (8, "amount_not_one")):
        assert f'<td class="n">{line}</td>' in text and f"<code>{code}</code>" in text
    assert BankLine.objects.count() == before
    assert upload(browser, b"").status_code == 422
    assert browser.post(reverse("admin:finance_import")).status_code == 422


def test_a_file_is_booked_whole_and_once(shop: Shop, people: tuple[User, User]) -> None:
    browser = staff.console(people[0])
    content = statement_file(
        ("S1", "500.00", "", "x", f"充值 {shop.merchant.payment_reference}"), ("S2", "7.00", "", "?", "?")
    )
    before = BankLine.objects.count()
    text = content.decode().encode("gb18030")
    for _press in range(2):
        answer = upload(browser, text)
        assert answer.status_code == 302
    assert BankLine.objects.count() == before + 2
    assert browser.get(answer["Location"]).status_code == 200
    wrong = upload(browser, statement_file(("S9", "1.00", "", "", ""), opening=5))
    assert wrong.status_code in (409, 422) and BankLine.objects.count() == before + 2
    # The desk: one line has a reference; asked twice it is asked once, and the asker does not decide it.
    url = reverse("admin:finance_match")
    for _press in range(2):
        browser.post(url)
    asked = Approval.objects.get(kind="merchants.topup")
    float_id = shop.merchant.book.float_id
    held = accounts.balance(float_id)
    decide(browser, asked)
    assert accounts.balance(float_id) == held
    decide(staff.console(people[1]), asked)
    assert accounts.balance(float_id) == held + 50_000


def test_the_day_is_cleared_once_however_often_it_is_asked(
    shop: Shop, people: tuple[User, User], settings: Any
) -> None:
    settings.CELERY_TASK_ALWAYS_EAGER = True
    from alliance.celery import app

    app.conf.task_always_eager = True
    closing.close(shanghai_day(timezone.now()) - timedelta(days=1))
    browser = staff.console(people[0])
    assert "finance/clear/" in page(browser, "finance_desk").content.decode()
    assert staff.console(staff.colleague("risk")).post(reverse("admin:finance_clear")).status_code == 403
    for _press in range(2):
        assert browser.post(reverse("admin:finance_clear")).status_code == 302
    app.conf.task_always_eager = False
    assert Clearing.objects.get().finished_at is not None
    job = Job.objects.get(kind="merchants.clear")
    assert job.state == "done" and job.actor == f"user:{people[0].pk}"
    assert Statement.objects.filter(account_id=shop.merchant.proceeds_id).count() == 1
    assert "finance/clear/" not in page(browser, "finance_desk").content.decode()


def test_a_running_job_is_not_begun_again(people: tuple[User, User]) -> None:
    at = timezone.now()
    job = Job.objects.create(
        kind="merchants.clear", params={}, actor="system:x", started_at=at, heartbeat_at=at, total=4
    )
    browser = staff.console(people[0])
    browser.post(reverse("admin:finance_clear"))
    assert not Event.objects.filter(verb="job.asked").exists()
    assert page(browser, "finance_desk")["Refresh"]
    Job.objects.filter(pk=job.pk).update(heartbeat_at=at - timedelta(hours=1))
    browser.post(reverse("admin:finance_clear"))
    assert Event.objects.filter(verb="job.asked").count() == 1


def test_an_account_that_money_came_back_from_is_checked_by_two(shop: Shop, people: tuple[User, User]) -> None:
    first, second = (staff.console(user) for user in people)
    add = reverse("admin:merchants_payoutaccount_add")
    form = {
        "merchant": shop.merchant.pk,
        "bank_name": "工商银行",
        "holder": "和安商行",
        "number": "6222020200112233445",
    }
    assert first.post(add, {**form, "number": "12"}).status_code == 422
    assert first.post(add, form).status_code == 302
    assert first.post(add, form).status_code == 422
    asked = Approval.objects.get(kind="merchants.payout_account")
    decide(first, asked)
    assert PayoutAccount.objects.get().state == "asked"
    decide(second, asked)
    account = PayoutAccount.objects.get()
    assert account.state == "current"
    assert "6222020200112233445" not in first.get(reverse("admin:merchants_payoutaccount_changelist")).content.decode()
    PayoutAccount.objects.update(returned_at=timezone.now())
    assert "returned" in [card.code for card in page(first, "finance_desk").context["waiting"]]
    url = reverse("admin:merchants_payoutaccount_act", args=(account.pk, "check"))
    first.post(url)
    check = Approval.objects.get(kind="merchants.payout_account_check")
    decide(first, check)
    assert PayoutAccount.objects.get().returned_at is not None
    decide(second, check)
    assert PayoutAccount.objects.get().returned_at is None


def test_a_dispute_is_proposed_by_one_and_decided_by_another(shop: Shop, people: tuple[User, User]) -> None:
    first, second = (staff.console(user) for user in people)
    on_file(shop, people)
    clear()
    statement = Statement.objects.get(account_id=shop.merchant.proceeds_id)
    dispute = disputes.open(
        merchant=shop.merchant, statement=statement, amount_fen=500, reason="twice", actor=SYSTEM, at=timezone.now()
    )
    url = reverse("admin:merchants_dispute_act", args=(dispute.pk, "decide"))
    assert staff.console(staff.colleague("hq_admin")).post(url, {"to": "merchant"}).status_code == 403
    assert first.post(url, {"to": "wallet"}).status_code == 422
    for _press in range(2):
        first.post(url, {"to": "merchant"})
    asked = Approval.objects.get(kind="merchants.dispute")
    decide(first, asked)
    assert Dispute.objects.get().state == "open"
    decide(second, asked)
    assert Dispute.objects.get().state == "returned"


def test_the_fee_leaves_by_two_people_only(people: tuple[User, User]) -> None:
    browser = staff.console(people[0])
    url = reverse("admin:finance_fee")
    assert browser.post(url, {"amount": "x"}).status_code == 422
    assert browser.post(url, {"amount": "5"}).status_code == 422  # more than there is
    assert not Approval.objects.exists()


def test_a_bill_is_reminded_once_a_day(shop: Shop, people: tuple[User, User]) -> None:
    at, on = timezone.now(), shanghai_day(timezone.now())
    line = promises.set_line(float_id=shop.merchant.book.float_id, limit_fen=10_000, actor=SYSTEM, at=at)
    bill = MerchantBill.objects.create(
        float=line, from_on=on - timedelta(days=9), until_on=on - timedelta(days=3), due_on=on - timedelta(days=1),
        drop_on=on + timedelta(days=9), drawn_at=at, sales=1, amount_fen=500, open_fen=500,
    )  # fmt: skip
    browser = staff.console(people[0])
    url = reverse("admin:points_merchantbill_act", args=(bill.pk, "remind"))
    assert browser.post(url).status_code == 302
    assert browser.post(url).status_code == 409
    assert Event.objects.filter(verb="bill.reminded").count() == 1
    assert "鲜果时光" in page(browser, "finance_desk").content.decode()


def test_the_matrix_adds_up(shop: Shop, people: tuple[User, User]) -> None:
    browser = staff.console(people[0])
    on = shanghai_day(timezone.now()) - timedelta(days=1)
    for by in ("trade", "merchant"):
        answer = page(browser, "points_matrix", **{"from": on, "to": on, "by": by})
        assert answer.status_code == 200
        assert answer.context["total"] == 3_000 and answer.context["elsewhere"] == 3_000
        assert all(is_right for _words, _figures, is_right in answer.context["lines"])
    text = b"".join(page(browser, "points_matrix_export", **{"from": on, "to": on}).streaming_content).decode()
    assert "鲜果时光" in text and ",3000," in text
    for wrong in (
        {"from": "x", "to": "y"},
        {"from": "2026-01-02", "to": "2026-01-01"},
        {"from": "2025-01-01", "to": "2026-01-01"},
    ):
        assert page(browser, "points_matrix", **wrong).status_code == 422
        assert page(browser, "points_matrix_export", **wrong).status_code == 422


def test_the_pages_ask_few_questions(shop: Shop, people: tuple[User, User]) -> None:
    on_file(shop, people)
    clear()
    browser = staff.console(people[0])
    for name in PAGES:
        page(browser, name)
        cache.clear()
        with CaptureQueriesContext(connection) as seen:
            assert page(browser, name).status_code == 200
        assert len(seen) <= MOST_QUERIES, (name, len(seen), [query["sql"][:150] for query in seen])


def test_risks_are_found(shop: Shop, people: tuple[User, User]) -> None:
    at = timezone.now()
    line = promises.set_line(float_id=shop.merchant.book.float_id, limit_fen=10_000, actor=SYSTEM, at=at)
    assert risks.full_lines() == []
    cache.clear()
    type(line).objects.filter(pk=line.pk).update(owed_fen=9_000)
    (found,) = risks.full_lines()
    assert (found.fen, found.share, found.n) == (9_000, 900, 1)
    assert [row.fen for row in risks.exposures()] == [9_000]
    page_of_lines = staff.console(people[0]).get(reverse("admin:points_creditline_changelist"), {"used": "high"})
    assert len(page_of_lines.context["cl"].result_list) == 1


def test_lists_are_taken_along_as_they_are_filtered(shop: Shop, people: tuple[User, User]) -> None:
    on_file(shop, people)
    clear()
    browser = staff.console(people[0])

    def taken(asked: dict[str, Any]) -> list[str]:
        answer = browser.get(reverse("admin:points_payout_export"), asked)
        return b"".join(answer.streaming_content).decode().strip().splitlines()[1:]

    assert len(taken({})) == 1 and "鲜果时光" in taken({})[0] and "29.70" in taken({})[0]
    assert len(taken({"state__exact": Payout.State.PAID})) == 0
    assert len(taken({"q": "鲜果"})) == 1 and not taken({"q": "别家"})
    region = staff.colleague("region_manager", staff.unit("region", "乙大区"))
    answer = staff.console(region).get(reverse("admin:points_payout_export"))
    assert len(b"".join(answer.streaming_content).decode().strip().splitlines()) == 1


def test_an_unknown_debit_stands_first(shop: Shop, people: tuple[User, User]) -> None:
    assert desk.unknown_debits(timezone.now()) == []
    assert book(("S1", "9.00", "", "x", "x")).booked
    assert page(staff.console(people[0]), "finance_desk").status_code == 200
    assert approvals.kinds()["merchants.dispute"]


def test_loss_budgets_have_a_page_of_their_own(people: tuple[User, User], client: Client) -> None:
    from points.models import AwardUsed
    from tests.points.ruling import budget, rule

    browser = staff.console(people[0])
    assert "生效中的规则都没有亏损预算" in page(browser, "loss_budgets").content.decode()
    assert "还没有带亏损预算的规则结束" in page(browser, "loss_budgets", state="over").content.decode()
    cache.clear()
    version = rule(budget(), {"kind": "rate", "bps": 900}, loss={"name": "opening week", "fen": 1_000})
    counted = AwardUsed.objects.create(rule_id=version.rule_id, wallet_id=0, on_day="2000-01-01", points=799)
    for used, sign, left in ((799, "good", 201), (800, "warn", 200), (1_000, "bad", 0)):
        AwardUsed.objects.filter(rule_id=version.rule_id).update(points=used)
        cache.clear()
        (found,) = risks.loss_budgets()
        assert (found.sign, found.left, found.share) == (sign, left, used * 100 // 1_000)
        shown = page(browser, "loss_budgets").content.decode()
        assert "opening week" in shown and ('role="alert"' in shown) is (sign != "good")
        alarm = page(browser, "risk_view").content.decode()
        assert ("亏损预算“opening week”" in alarm) is (sign != "good")
    assert counted.rule_id == version.rule_id
    sheet = b"".join(page(browser, "loss_budgets_export")).decode()
    assert "opening week,evening,1," in sheet and ",10.0,10.0,0.0,100" in sheet
    assert page(staff.console(staff.colleague("hq_admin", name="a")), "loss_budgets").status_code == 200
    assert (
        page(
            staff.console(staff.colleague("region_manager", staff.unit("region", "丙大区"))), "loss_budgets"
        ).status_code
        == 403
    )
