"""Surplus, opening balances, closing mode and reserve in the console."""

from __future__ import annotations

import csv
import io
from datetime import timedelta
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test import Client, override_settings
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from alliance.models import Approval
from merchants.admin import windings
from points import accounts, adjusting, awards, circulation, expiry, identify, opening, reserves, surplus, winding_up
from points.bills import Caller
from points.models import Opening, SurplusClosing, Wallet, Winding, WindingFloat
from tests.admin.conftest import SYSTEM, World, receive
from tests.admin.test_pages import MOST_QUERIES
from tests.factories import members, staff

RESERVE, PROPOSE = "admin:points_proof_reserve", "admin:points_surplusclosing_propose"
UPLOAD, ASK = "admin:points_opening_upload", "admin:points_winding_ask"


@pytest.fixture(params=["en", "zh-hans"])
def language(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def get(browser: Client, name: str, *args: Any, language: str = "en") -> str:
    """Open a page within the budget of queries; return it."""
    browser.cookies["language"] = language
    with CaptureQueriesContext(connection) as seen:
        answer = browser.get(reverse(name, args=args))
    assert answer.status_code == 200, answer.status_code
    assert len(seen) <= MOST_QUERIES, "\n".join(query["sql"][:150] for query in seen)
    return answer.content.decode()


def english(browser: Client) -> Client:
    browser.cookies["language"] = "en"
    return browser


def decide(user: Any, name: str = "approve") -> Any:
    """Decide what waits last, through the page."""
    approval = Approval.objects.waiting().order_by("-pk").first()
    assert approval is not None
    return english(staff.console(user)).post(reverse("admin:alliance_approval_act", args=(approval.pk, name)))


@pytest.mark.parametrize("name", [RESERVE, PROPOSE, UPLOAD, ASK])
def test_a_region_may_see_none_of_it(world: World, name: str) -> None:
    for user in (world.a.manager, world.a.helper):
        assert staff.console(user).get(reverse(name)).status_code == 403
    assert staff.console(world.finance).get(reverse(name)).status_code == 200


def test_who_may_only_look(world: World) -> None:
    risk = staff.console(world.risk)
    assert risk.get(reverse(RESERVE)).status_code == risk.get(reverse(PROPOSE)).status_code == 200
    assert risk.post(reverse(PROPOSE), {"breakage": "1", "buffer": "0", "reason": "x", "ask": "1"}).status_code == 403
    assert risk.get(reverse(UPLOAD)).status_code == risk.get(reverse(ASK)).status_code == 403
    # Headquarters decides closings of the surplus, it does not ask for them.
    assert staff.console(world.admin).post(reverse(PROPOSE), {"ask": "1"}).status_code == 403


# --- the reserve --------------------------------------------------------------------------------------


@pytest.mark.django_db(transaction=True)
def test_the_reserve(world: World, as_finance: Client, language: str) -> None:
    circulation.catch_up()
    text = get(as_finance, RESERVE, language=language)
    assert {"en": "Roll-forward by month", "zh-hans": "储备"}[language] in text
    assert text.count('<canvas class="chart"') == 2
    found = reserves.figures(timezone.localdate())
    assert found.points == found.months[-1].closing == sum(Wallet.objects.values_list("balance", flat=True))
    assert reverse(RESERVE) in get(as_finance, "admin:points_proof_changelist", language=language)


@pytest.mark.django_db(transaction=True)
def test_every_table_of_the_reserve_as_csv(world: World, as_finance: Client) -> None:
    circulation.catch_up()
    for part, lines in (("months", 2), ("ages", 11), ("cohorts", 2), ("test", 1)):
        answer = english(as_finance).get(reverse("admin:points_proof_reserve_export", args=(part,)))
        rows = list(csv.reader(io.StringIO(b"".join(answer.streaming_content).decode("utf-8-sig"))))
        assert len(rows) >= lines, part
        if part == "months":
            for row in rows[1:]:
                assert sum(int(each) for each in row[1:-1]) == int(row[-1])
    assert as_finance.get(reverse("admin:points_proof_reserve_export", args=("nothing",))).status_code == 404
    assert (
        staff.console(world.a.manager).get(reverse("admin:points_proof_reserve_export", args=("months",))).status_code
        == 403
    )


# --- the surplus --------------------------------------------------------------------------------------


def test_a_closing_of_the_surplus_is_previewed_asked_decided_and_watched(world: World, as_finance: Client) -> None:
    before = accounts.balance(surplus.ACCOUNT)
    with override_settings(BUFFER_FLOOR_FEN=0):
        book_breakage(world, 700)
        found = surplus.preview()
        assert found.breakage_fen >= 700 and found.members
        text = get(as_finance, PROPOSE)
        assert f"{found.points:,}" in text
        url = reverse(PROPOSE)
        looked = as_finance.post(url, {"breakage": "5.00", "buffer": "0", "reason": "", "look": "1"})
        assert looked.status_code == 200 and "If these amounts are closed" in looked.content.decode()
        assert (
            looked.context["shown"].pool_fen == before + 500
            and not Approval.objects.filter(kind="points.surplus").exists()
        )
        assert as_finance.post(url, {"breakage": "5.00", "buffer": "0", "reason": "", "ask": "1"}).status_code == 422
        wrong = as_finance.post(url, {"breakage": "x", "buffer": "0", "reason": "year", "ask": "1"})
        assert wrong.status_code == 422
        much = as_finance.post(url, {"breakage": "999999", "buffer": "0", "reason": "year", "ask": "1"})
        assert much.status_code == 409 and "less to close" in much.content.decode()
        assert (
            as_finance.post(url, {"breakage": "5.00", "buffer": "0", "reason": "the year 2026", "ask": "1"}).status_code
            == 302
        )
        assert "waits for its approvals" in get(as_finance, PROPOSE)
        assert "the year 2026" in get(as_finance, "admin:alliance_approval_changelist")
        # The proposer cannot decide; one of two others; not the same one twice.
        decide(world.finance)
        assert SurplusClosing.objects.count() == 1
        decide(world.second)
        decide(world.second)
        assert SurplusClosing.objects.count() == 1
        decide(world.admin)
    closing = SurplusClosing.objects.order_by("-pk").first()
    assert closing is not None and closing.finished_at is None and closing.breakage_fen == 500
    answer = as_finance.get(reverse("admin:points_surplusclosing_change", args=(closing.pk,)))
    assert answer.headers["Refresh"] and "0%" in answer.content.decode()
    surplus.share_all(closing)
    text = get(as_finance, "admin:points_surplusclosing_change", closing.pk)
    assert "100%" in text and f"{closing.paid:,}" in text
    assert "Refresh" not in as_finance.get(reverse("admin:points_surplusclosing_change", args=(closing.pk,))).headers


def test_the_preview_in_chinese(world: World, as_finance: Client, language: str) -> None:
    text = get(as_finance, PROPOSE, language=language)
    assert {"en": "Realised breakage", "zh-hans": "已实现沉淀"}[language] in text


# --- opening balances ---------------------------------------------------------------------------------


def file_of(text: str) -> SimpleUploadedFile:
    return SimpleUploadedFile("old.csv", ("member,points,expires_on\n" + text).encode(), content_type="text/csv")


def sent(browser: Client, text: str) -> str:
    answer = english(browser).post(reverse(UPLOAD), {"title": "old scheme", "file": file_of(text)})
    assert answer.status_code == 302
    return str(answer["Location"])


def number_of() -> str:
    wallet = members.member(name="老会员").wallet_id
    identify.attach_many([(wallet, "number", f"M{wallet}")], timezone.now())
    return f"M{wallet}"


def test_opening_balances_from_the_file_to_the_wallets(world: World, as_finance: Client) -> None:
    number, until = number_of(), (timezone.localdate() + timedelta(days=300)).isoformat()
    where = sent(as_finance, f"{number},500,{until}\n{number},300,{(timezone.localdate()).isoformat()}\n")
    text = as_finance.get(where).content.decode()
    assert "¥8.00" in text and "Take it up" in text
    made = as_finance.post(where)
    row = Opening.objects.get(title="old scheme")
    assert made["Location"] == reverse("admin:points_opening_change", args=(row.pk,))
    assert as_finance.get(where)["Location"] == reverse(UPLOAD)  # not kept any more
    act = reverse("admin:points_opening_act", args=(row.pk, "ask"))
    small = receive("small", amount_fen=799)
    # Clear words while the money is missing; 5,000.00 of the world's own waiting lines would do.
    refused = as_finance.post(act, {"line": small.pk})
    assert refused.status_code == 409 and "¥0.01 are missing" in refused.content.decode()
    line = receive("old operator", amount_fen=1_000)
    assert as_finance.post(act, {"line": line.pk}).status_code == 302
    assert "waits for a second person" in get(as_finance, "admin:points_opening_change", row.pk)
    decide(world.finance)
    assert Opening.objects.get(pk=row.pk).started_at is None
    decide(world.second)
    answer = as_finance.get(reverse("admin:points_opening_change", args=(row.pk,)))
    assert answer.headers["Refresh"] and "0 of 2 lines" in answer.content.decode()
    row.refresh_from_db()
    assert list(opening.book(row))[-1] == 2
    assert "2 of 2 lines" in get(as_finance, "admin:points_opening_change", row.pk)


def test_bad_lines_are_shown_and_can_be_fetched(world: World, as_finance: Client) -> None:
    where = sent(as_finance, "M1,0,2030-01-01\nM999,5,2000-01-01\n=evil,5,x\n")
    text = as_finance.get(where).content.decode()
    assert "points_wrong" in text and "day_past" in text and "day_wrong" in text and "Take it up" not in text
    assert as_finance.post(where).status_code == 422 and Opening.objects.count() == 1
    rows = b"".join(as_finance.get(f"{where}errors.csv").streaming_content).decode("utf-8-sig")
    assert rows.count("\n") == 4 and "points_wrong" in rows
    # A file belongs to who sent it.
    assert staff.console(world.second).get(where)["Location"] == reverse(UPLOAD)
    assert staff.console(world.second).get(f"{where}errors.csv").status_code == 404
    assert as_finance.post(reverse(UPLOAD), {"title": "x"}).status_code == 422


def test_a_missing_bank_line_is_said(world: World, as_finance: Client, language: str) -> None:
    number = number_of()
    where = sent(as_finance, f"{number},90000000,{(timezone.localdate() + timedelta(days=9)).isoformat()}\n")
    as_finance.cookies["language"] = language
    words = {"en": "The bank line is missing", "zh-hans": "缺少银行流水"}[language]
    assert words in as_finance.get(where).content.decode()
    as_finance.post(where)
    row = Opening.objects.get(title="old scheme")
    assert words in get(as_finance, "admin:points_opening_change", row.pk, language=language)


# --- the closing mode ---------------------------------------------------------------------------------


def asked(browser: Client, **facts: Any) -> Any:
    today = timezone.localdate()
    data = {"scope": 3, "title": "the end", "issue_ends_on": today.isoformat(), "months": 6, **facts}
    return english(browser).post(reverse(ASK), data)


def test_one_merchant_closes_by_two_people(world: World, as_finance: Client, language: str) -> None:
    get(as_finance, ASK, language=language)
    shop = world.a.shop.merchant
    assert asked(as_finance).status_code == 422
    assert asked(as_finance, merchant=shop.pk, months=0).status_code == 422
    gone = timezone.localdate() - timedelta(days=1)
    assert asked(as_finance, merchant=shop.pk, issue_ends_on=gone.isoformat()).status_code == 422
    assert asked(as_finance, merchant=shop.pk).status_code == 302
    decide(world.finance)
    assert Winding.objects.count() == 1
    decide(world.second)
    mode = Winding.objects.get(title="the end")
    assert winding_up.mode_of(shop.float_id) == mode
    text = get(as_finance, "admin:points_winding_change", mode.pk, language=language)
    assert {"en": "Order of payment", "zh-hans": "清偿顺序"}[language] in text and "甲火锅" in text
    assert "乙火锅" not in text
    text = get(as_finance, "admin:points_winding_statement", mode.pk, shop.float_id, language=language)
    assert "甲火锅" in text
    other = reverse("admin:points_winding_statement", args=(mode.pk, world.b.shop.merchant.float_id))
    assert as_finance.get(other).status_code == 404
    rows = b"".join(as_finance.get(reverse("admin:points_winding_export", args=(mode.pk,))).streaming_content).decode()
    assert rows.count("\n") == 2 and "甲火锅" in rows
    # Signing a new agreement is refused in words.
    sign = reverse("admin:merchants_merchant_act", args=(shop.pk, "sign"))
    later = (timezone.localdate() + timedelta(days=40)).isoformat()
    card = {"rate": "8", "starts_on": later}
    answer = english(staff.console(world.admin)).post(sign, card)
    assert answer.status_code in (409, 422)
    awards.forget()


def test_a_region_closes_with_all_its_merchants(world: World, as_finance: Client) -> None:
    assert asked(as_finance, scope=2).status_code == 422
    assert asked(as_finance, scope=2, unit=world.a.unit.pk).status_code == 302
    decide(world.second)
    mode = Winding.objects.get(title="the end")
    assert list(WindingFloat.objects.filter(winding_id=mode.pk).values_list("float_id", flat=True)) == [
        world.a.shop.merchant.float_id
    ]
    # All of them are closing: nobody is left for another one.
    assert asked(as_finance, scope=2, unit=world.a.unit.pk).status_code == 422
    awards.forget()


def test_the_alliance_closes(world: World, as_finance: Client) -> None:
    Winding.objects.update(ended_at=timezone.now())
    assert asked(as_finance, scope=1).status_code == 302
    decide(world.second)
    mode = Winding.objects.get(title="the end")
    text = get(as_finance, "admin:points_winding_change", mode.pk)
    assert "甲火锅" in text and "乙火锅" in text
    awards.forget()


def test_months_end_on_a_day_that_exists(world: World) -> None:
    form = windings.Ask.__new__(windings.Ask)
    day = timezone.localdate().replace(year=2027, month=8, day=31)
    form.cleaned_data = {"issue_ends_on": day, "months": 6}
    assert form.spend_ends_on.isoformat() == "2028-02-29"


def book_breakage(world: World, points: int) -> None:
    """Let points of a shop expire into breakage."""
    at = timezone.now() - timedelta(days=3)
    wallet = members.member(name="过期").wallet_id
    adjusting.adjust(
        wallet_id=wallet, funder_id=world.a.shop.merchant.float_id or 0, points=points, caller=Caller("system", 1),
        key="gone", actor=SYSTEM, at=at, now=at, expires_on=timezone.localdate() - timedelta(days=2),
    )  # fmt: skip
    expiry.expire(timezone.localdate())
