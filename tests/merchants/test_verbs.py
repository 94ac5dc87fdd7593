"""Onboarding, agreements, staff, keys and top-ups: what they do, and what they refuse without a trace."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, timedelta
from typing import Any
from urllib.parse import urlsplit

import pytest
from django.db import IntegrityError, ProgrammingError, connection, transaction
from django.utils import timezone

from alliance import approvals, events, hooks, org
from alliance.calc.worktime import day_start, shanghai_day
from alliance.models import Approval, Event, Trade, User
from alliance.refusals import Refused
from merchants import agreements, keys, onboarding, reactions, staff, topups
from merchants.models import Agreement, ApiKey, Merchant, Outlet, Staff, TopUp
from points import accounts, funding, terms
from points.models import BankLine
from tests.cast import SYSTEM, Town
from tests.factories import members, shops
from tests.factories.merchants import worker
from tests.factories.shops import OPENED

CODE = "91350100M000100Y43"


def draft(**fields: Any) -> Merchant:
    return onboarding.open(
        name="新店",
        trade=Trade.objects.get(code="tea"),
        centre=shops.centre(),
        actor=SYSTEM,
        at=OPENED,
        is_synthetic=True,
        **fields,
    )


def said(refused: pytest.ExceptionInfo[Refused]) -> str:
    return refused.value.code


# --- onboarding ------------------------------------------------------------------------------------


def test_a_draft_has_its_accounts_and_one_event(town: Town) -> None:
    merchant = draft(credit_code=CODE)
    assert merchant.state == "draft"
    assert accounts.balance(merchant.float_id or 0) == 0
    (event,) = Event.objects.of(events.subject_of(merchant))
    assert (event.verb, event.unit_id) == ("merchant.opened", shops.centre().pk)


def test_a_licence_code_is_checked_and_unique(town: Town) -> None:
    with pytest.raises(Refused) as refused:
        draft(credit_code=CODE[:-1] + "4")
    assert said(refused) == "credit_code_wrong"
    draft(credit_code=CODE)
    with pytest.raises(Refused) as refused:
        draft(credit_code=CODE)
    assert said(refused) == "merchant_exists"
    assert Merchant.objects.count() == 1


def test_the_database_knows_the_form_of_a_licence_code(town: Town) -> None:
    merchant = draft()
    with pytest.raises(IntegrityError), transaction.atomic():
        Merchant.objects.filter(pk=merchant.pk).update(credit_code="91350100I000100Y43")


def test_it_goes_live_only_when_nothing_is_missing(town: Town) -> None:
    merchant, now = draft(), timezone.now()
    with pytest.raises(Refused) as refused:
        onboarding.go_live(merchant=merchant, actor=SYSTEM, at=now)
    assert said(refused) == "merchant_not_ready"
    merchant.refresh_from_db()
    assert (merchant.state, merchant.live_at) == ("draft", None)
    city = town.hotpot.outlet.city
    onboarding.open_outlet(merchant=merchant, name="一店", city=city, lng=1, lat=1, actor=SYSTEM, at=now)
    agreements.sign(merchant=merchant, rate_bps=500, starts_on=shanghai_day(now), actor=SYSTEM, at=now)
    onboarding.go_live(merchant=merchant, actor=SYSTEM, at=now)
    assert (merchant.state, merchant.live_at) == ("live", now)
    with pytest.raises(Refused) as refused:
        onboarding.go_live(merchant=merchant, actor=SYSTEM, at=now)
    assert said(refused) == "move_not_allowed"


def test_outlets(town: Town) -> None:
    merchant, city = draft(), town.hotpot.outlet.city
    outlet = onboarding.open_outlet(
        merchant=merchant, name="一店", city=city, lng=1, lat=1, tills=2, actor=SYSTEM, at=OPENED
    )
    assert [till.number for till in outlet.tills.order_by("number")] == [1, 2]
    assert outlet.centre_account_id == town.hotpot.outlet.centre_account_id
    with pytest.raises(Refused) as refused:
        onboarding.open_outlet(merchant=merchant, name="一店", city=city, lng=1, lat=1, actor=SYSTEM, at=OPENED)
    assert said(refused) == "outlet_exists"
    with pytest.raises(Refused) as refused:
        onboarding.open_outlet(
            merchant=merchant, name="二店", city=city, lng=1, lat=1, hours="??", actor=SYSTEM, at=OPENED
        )
    assert said(refused) == "hours_unclear"
    Merchant.objects.filter(pk=merchant.pk).update(is_synthetic=False)
    merchant.refresh_from_db()
    with pytest.raises(Refused) as refused:
        onboarding.open_outlet(
            merchant=merchant, name="测试", city=city, lng=1, lat=1, is_test=True, actor=SYSTEM, at=OPENED
        )
    assert said(refused) == "test_outlet_needs_synthetic_merchant"
    assert Outlet.objects.filter(merchant=merchant).count() == 1
    onboarding.close_outlet(outlet=outlet, actor=SYSTEM, at=timezone.now())
    assert not outlet.tills.open().exists()
    with pytest.raises(Refused) as refused:
        onboarding.close_outlet(outlet=outlet, actor=SYSTEM, at=timezone.now())
    assert said(refused) == "move_not_allowed"


def test_nearest_outlets_come_from_the_index(town: Town) -> None:
    town.hotpot
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off")
        cursor.execute("EXPLAIN SELECT id FROM merchants_outlet ORDER BY point(lng, lat) <-> point(100, 30) LIMIT 5")
        assert "merchants_outlet_place" in "".join(row[0] for row in cursor.fetchall())


def test_a_merchant_with_money_cannot_leave(town: Town) -> None:
    merchant, now = town.hotpot.merchant, timezone.now()
    cashier, secret = (
        town.cashier,
        keys.create(merchant=merchant, name="POS", scopes=["sales:write"], actor=SYSTEM, at=now)[1],
    )
    onboarding.pause(merchant=merchant, actor=SYSTEM, at=now, reason="moving")
    with pytest.raises(Refused) as refused:
        onboarding.leave(merchant=merchant, actor=SYSTEM, at=now)
    assert said(refused) == "merchant_has_money"
    empty = shops.shop("空店", float_fen=0)
    onboarding.pause(merchant=empty.merchant, actor=SYSTEM, at=now, reason="moving")
    onboarding.leave(merchant=empty.merchant, actor=SYSTEM, at=now)
    assert empty.merchant.state == "left"
    assert not Outlet.objects.open().filter(merchant=empty.merchant).exists()
    assert keys.find(secret, now) is not None
    assert Staff.objects.active(timezone.now()).filter(user=cashier).exists()


# --- agreements ------------------------------------------------------------------------------------


def test_a_new_version_closes_the_old_one_and_writes_terms(town: Town) -> None:
    merchant, now = town.hotpot.merchant, timezone.now()
    tomorrow = shanghai_day(now) + timedelta(days=1)
    noon = day_start(shanghai_day(now)) + timedelta(hours=12)
    second = agreements.sign(merchant=merchant, rate_bps=1000, starts_on=tomorrow, actor=SYSTEM, at=noon)
    first = Agreement.objects.get(merchant=merchant, version=1)
    assert (first.ends_on, second.version, second.ends_on) == (tomorrow, 2, None)
    float_id = merchant.float_id or 0
    assert terms.in_force(float_id, now).pk == first.terms_id
    assert terms.in_force(float_id, now + timedelta(days=1, hours=1)).pk == second.terms_id
    assert terms.in_force(float_id, now + timedelta(days=1, hours=1)).rate_bps == 1000


@pytest.mark.parametrize(
    ("code", "card"),
    [
        ("agreement_starts_too_early", {"rate_bps": 500}),
        ("agreement_rate_out_of_range", {"rate_bps": 299}),
        ("agreement_rate_out_of_range", {"rate_bps": 2001}),
        ("agreement_shares_too_large", {"rate_bps": 500, "member_bps": 9000}),
    ],
)
def test_agreements_that_are_refused_change_nothing(town: Town, code: str, card: dict[str, Any]) -> None:
    merchant, now = town.hotpot.merchant, timezone.now()
    with pytest.raises(Refused) as refused:
        agreements.sign(merchant=merchant, starts_on=shanghai_day(now), actor=SYSTEM, at=now, **card)
    assert said(refused) == code
    (only,) = Agreement.objects.filter(merchant=merchant)
    assert only.ends_on is None


def test_two_versions_at_a_time_are_impossible(town: Town) -> None:
    first = Agreement.objects.get(merchant=town.hotpot.merchant)
    first.pk, first.version, first.terms_id = None, 2, 999_999
    with pytest.raises(IntegrityError, match="merchants_agreement_one_at_a_time"), transaction.atomic():
        first.save()


# --- staff -----------------------------------------------------------------------------------------


def test_the_last_owner_stays(town: Town) -> None:
    post = Staff.objects.get(user=town.owner)
    with pytest.raises(Refused) as refused:
        staff.dismiss(post=post, actor=SYSTEM, at=timezone.now())
    assert said(refused) == "staff_last_owner"
    worker(town.hotpot, Staff.Role.OWNER)
    staff.dismiss(post=post, actor=SYSTEM, at=timezone.now())
    with pytest.raises(Refused) as refused:
        staff.dismiss(post=post, actor=SYSTEM, at=timezone.now())
    assert said(refused) == "staff_already_dismissed"


def test_appointing(town: Town) -> None:
    shop, now = town.hotpot, timezone.now()
    user = members.user()
    staff.appoint(merchant=shop.merchant, user=user, role="cashier", actor=SYSTEM, at=now)
    for code, fields in (
        ("staff_already_appointed", {"role": "manager"}),
        ("outlet_of_another", {"role": "cashier", "outlet": town.fruit.outlet}),
        ("staff_owner_everywhere", {"role": "owner", "outlet": shop.outlet}),
    ):
        with pytest.raises(Refused) as refused:
            staff.appoint(merchant=shop.merchant, user=user, actor=SYSTEM, at=now, **fields)
        assert said(refused) == code
    assert Staff.objects.filter(user=user).count() == 1


def test_dismissed_and_appointed_again(town: Town) -> None:
    now = timezone.now()
    user = members.user()
    for _ in range(2):
        post = staff.appoint(merchant=town.hotpot.merchant, user=user, role="cashier", actor=SYSTEM, at=now)
        now += timedelta(minutes=1)
        staff.dismiss(post=post, actor=SYSTEM, at=now)
    assert not Staff.objects.active(now).filter(user=user).exists()


# --- keys ------------------------------------------------------------------------------------------


def test_keys_that_are_refused(town: Town) -> None:
    merchant, now = town.hotpot.merchant, timezone.now()
    with pytest.raises(Refused) as refused:
        keys.create(merchant=merchant, name="x", scopes=["everything"], actor=SYSTEM, at=now)
    assert said(refused) == "key_needs_a_scope"
    with pytest.raises(Refused) as refused:
        keys.create(merchant=merchant, name="x", scopes=["sales:write"], outlet=town.fruit.outlet, actor=SYSTEM, at=now)
    assert said(refused) == "outlet_of_another"
    assert not ApiKey.objects.exists()
    key, _secret = keys.create(merchant=merchant, name="x", scopes=["sales:write"], actor=SYSTEM, at=now)
    keys.revoke(key=key, actor=SYSTEM, at=now)
    for verb in (keys.revoke, keys.rotate):
        with pytest.raises(Refused) as refused:
            verb(key=key, actor=SYSTEM, at=now)
        assert said(refused) == "key_ended"


# --- top-ups ---------------------------------------------------------------------------------------


def finance(name: str) -> User:
    shops.centre()
    hq = shops.centre().parent.parent  # type: ignore[union-attr]
    user = User.objects.create_user(email=f"{name}@demo.lianhui", name=name)
    org.appoint(user=user, unit=hq, role="finance", starts_on=date(2026, 1, 1), actor=SYSTEM, at=OPENED)
    return user


def line(merchant: Merchant, serial: str = "S-1", amount_fen: int = 100_000) -> BankLine:
    return funding.receive(
        bank="ICBC",
        account="1",
        serial=serial,
        amount_fen=amount_fen,
        value_on=date(2026, 11, 20),
        memo=f"充值 {merchant.payment_reference}",
        actor=SYSTEM,
        at=timezone.now(),
    )


def test_two_people_book_a_top_up_once(town: Town) -> None:
    merchant, now = town.hotpot.merchant, timezone.now()
    first, second = finance("first"), finance("second")
    announced = topups.ask(merchant=merchant, amount_fen=100_000, actor=SYSTEM, at=now)
    bank_line = line(merchant)
    assert topups.suggested(bank_line) == merchant
    approval = topups.match(line=bank_line, merchant=merchant, user=first, at=now)
    announced.refresh_from_db()
    assert (announced.state, announced.bank_line, announced.approval) == ("matched", bank_line, approval)
    assert accounts.balance(merchant.float_id or 0) == 1_000_000
    with pytest.raises(Refused) as refused:
        approvals.approve(approval, user=first, at=now)
    assert said(refused) == "approval_same_person"
    approvals.approve(approval, user=second, at=now)
    announced.refresh_from_db()
    assert (announced.state, announced.booked_at) == ("booked", now)
    assert accounts.balance(merchant.float_id or 0) == 1_100_000
    assert accounts.balance(accounts.house("suspense")) == 0
    with pytest.raises(Refused) as refused:
        approvals.approve(approval, user=second, at=now)
    assert said(refused) == "approval_already_decided"
    with pytest.raises(Refused) as refused:
        topups.match(line=bank_line, merchant=town.fruit.merchant, user=first, at=now)
    assert said(refused) == "bank_line_taken"
    assert accounts.balance(merchant.float_id or 0) == 1_100_000


@contextmanager
def as_application(url: str) -> Iterator[None]:
    """Have no more rights than a web worker has."""
    owner = {name: connection.settings_dict[name] for name in ("USER", "PASSWORD")}
    parts = urlsplit(url)
    connection.close()
    connection.settings_dict.update(USER=parts.username, PASSWORD=parts.password or "")
    try:
        yield
    finally:
        connection.close()
        connection.settings_dict.update(owner)


@pytest.mark.django_db(transaction=True)
def test_a_web_worker_may_match_and_book(town: Town, application_url: str) -> None:
    now = timezone.now()
    merchant, first, second = town.hotpot.merchant, finance("first"), finance("second")
    bank_line = line(merchant)
    with as_application(application_url):
        with pytest.raises(ProgrammingError, match="permission denied"), transaction.atomic():
            BankLine.objects.select_for_update().get(pk=bank_line.pk)
        approval = topups.match(line=bank_line, merchant=merchant, user=first, at=now)
        approvals.approve(approval, user=second, at=now)
    assert accounts.balance(merchant.float_id or 0) == 1_100_000


@pytest.mark.parametrize("is_announced", [True, False])
def test_of_two_who_match_one_line_at_once_one_is_refused(
    town: Town, monkeypatch: pytest.MonkeyPatch, is_announced: bool
) -> None:
    now = timezone.now()
    merchant, user, bank_line = town.hotpot.merchant, finance("first"), line(town.hotpot.merchant)
    if is_announced:
        topups.ask(merchant=merchant, amount_fen=100_000, actor=SYSTEM, at=now)
    ask = approvals.ask

    def somebody_was_faster(**about: Any) -> Approval:
        other = ask(**{**about, "subject": "points.bankline:0"})
        TopUp.objects.create(
            merchant=town.fruit.merchant,
            asked_at=now,
            asked_by="user:0",
            amount_fen=100_000,
            state=TopUp.State.MATCHED,
            bank_line=bank_line,
            approval=other,
        )
        return ask(**about)

    monkeypatch.setattr(approvals, "ask", somebody_was_faster)
    with pytest.raises(Refused) as refused:
        topups.match(line=bank_line, merchant=merchant, user=user, at=now)
    assert said(refused) == "bank_line_taken"
    assert not Approval.objects.exists()


def test_a_refused_match_frees_the_line(town: Town) -> None:
    now = timezone.now()
    first, second = finance("first"), finance("second")
    bank_line = line(town.hotpot.merchant)
    wrong = topups.match(line=bank_line, merchant=town.fruit.merchant, user=first, at=now)
    approvals.refuse(wrong, user=second, at=now, reason="another shop's reference")
    right = topups.match(line=bank_line, merchant=town.hotpot.merchant, user=first, at=now)
    approvals.approve(right, user=second, at=now)
    assert accounts.balance(town.hotpot.merchant.float_id or 0) == 1_100_000
    assert sorted(TopUp.objects.values_list("state", flat=True)) == ["booked", "refused"]


def test_the_diary_closes_a_refused_top_up_too(town: Town) -> None:
    now = timezone.now()
    first, second = finance("first"), finance("second")
    approval = topups.match(line=line(town.hotpot.merchant), merchant=town.hotpot.merchant, user=first, at=now)
    approvals.refuse(approval, user=second, at=now, reason="no")
    event = Event.objects.filter(verb="approval.refused").get()
    for _again in range(2):
        reactions.close_what_was_asked(event)
    assert TopUp.objects.get().state == "refused"
    assert "merchants.reactions.close_what_was_asked" in hooks._REACTIONS


def test_a_top_up_of_nothing(town: Town) -> None:
    with pytest.raises(Refused) as refused:
        topups.ask(merchant=town.hotpot.merchant, amount_fen=0, actor=SYSTEM, at=timezone.now())
    assert said(refused) == "topup_amount_invalid"
    assert not TopUp.objects.exists()


# --- who sees what ---------------------------------------------------------------------------------


def test_visible_to(town: Town) -> None:
    hotpot, fruit, owner = town.hotpot, town.fruit, town.owner
    elsewhere = org.found(
        kind="centre", code="C2", name="和康服务中心", parent=shops.centre().parent, actor=SYSTEM, at=OPENED
    )
    Merchant.objects.filter(pk=fruit.merchant.pk).update(centre=elsewhere)
    Outlet.objects.filter(pk=fruit.outlet.pk).update(centre=elsewhere)
    clerk = User.objects.create_user(email="clerk@demo.lianhui")
    org.appoint(user=clerk, unit=elsewhere, role="centre_staff", starts_on=date(2026, 1, 1), actor=SYSTEM, at=OPENED)
    boss = finance("boss")
    assert set(Merchant.objects.visible_to(owner)) == {hotpot.merchant}
    assert set(Merchant.objects.visible_to(clerk)) == {fruit.merchant}
    assert set(Merchant.objects.visible_to(boss)) == {hotpot.merchant, fruit.merchant}
    assert set(Outlet.objects.visible_to(clerk)) == {fruit.outlet}
    assert set(Agreement.objects.visible_to(clerk)) == set(Agreement.objects.filter(merchant=fruit.merchant))
    assert set(Staff.objects.visible_to(owner)) == {Staff.objects.get(user=owner)}
    assert not Merchant.objects.visible_to(town.zhou.user).exists()
