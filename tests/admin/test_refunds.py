"""Refunds in the console: seen within one's units, done by headquarters, by two people above a limit."""

from __future__ import annotations

from typing import Any

from django.test import Client
from django.urls import reverse
from django.utils import timezone

from alliance import approvals
from alliance.models import Approval
from merchants import refunding
from merchants.models import RefundNote
from points.bills import Caller
from points.models import Claim, Due, Refund, Sale, Wallet
from tests.admin.conftest import SYSTEM, Region, World
from tests.factories import shops, staff


def sold(world: World, region: Region, fen: int = 10_000, **more: Any) -> Sale:
    number = shops.sale(region.shop, world.member.wallet_id, fen, **more).sale_id
    return Sale.objects.get(pk=number)


def back(region: Region, sale: Sale, fen: int, *, cash_given: bool = False) -> refunding.Done:
    return refunding.refund(
        outlet=region.shop.outlet,
        number=sale.pk,
        request=refunding.Request(fen=fen, cash_given=cash_given),
        caller=Caller("system", 1),
        key=f"back-{sale.pk}-{fen}",
        actor=SYSTEM,
        most_fen=None,
        at=timezone.now(),
    )


def act(client: Client, sale: Sale, **fields: Any) -> Any:
    sent = {"reason": "defective", "note": "机器坏了", "key": "once", **fields}
    return client.post(reverse("admin:points_sale_act", args=(sale.pk, "refund")), sent)


def test_a_small_refund_is_booked_once(world: World) -> None:
    sale, browser = sold(world, world.a), staff.console(world.admin)
    assert "100.00" in browser.get(reverse("admin:points_sale_act", args=(sale.pk, "refund"))).content.decode()
    for _twice in range(2):
        assert act(browser, sale, amount="30").status_code == 302
    note = RefundNote.objects.get()
    assert (note.reason, note.note, note.actor) == ("defective", "机器坏了", f"user:{world.admin.pk}")
    page = browser.get(reverse("admin:points_sale_change", args=(sale.pk,))).content.decode()
    assert f"R{note.pk}" in page
    assert act(browser, sale, amount="70.01", key="more").status_code == 422
    assert act(browser, sale, amount="much", key="more").status_code == 422


def test_above_the_limit_a_second_person_decides(world: World) -> None:
    sale, browser = sold(world, world.a, 80_000), staff.console(world.finance)
    assert act(browser, sale).status_code == 302
    assert not RefundNote.objects.exists()
    approval = Approval.objects.get(kind="merchants.refund")
    assert "800.00" in refunding.describe(approval)
    assert act(browser, sale, key="again").status_code == 409
    for person in (world.finance, world.admin):
        try:
            approvals.approve(approval, user=person, at=timezone.now())
        except Exception as refusal:
            assert getattr(refusal, "code", "") in ("approval_same_person", "not_allowed")
    assert not RefundNote.objects.exists()
    approvals.approve(approval, user=world.second, at=timezone.now())
    assert Sale.objects.get(kind=Sale.Kind.REFUND).bill_fen == -80_000


def test_parts_add_up_to_the_limit(world: World) -> None:
    sale, browser = sold(world, world.a, 80_000), staff.console(world.admin)
    act(browser, sale, amount="300", key="one")
    act(browser, sale, amount="300", key="two")
    assert RefundNote.objects.count() == 1
    assert Approval.objects.filter(kind="merchants.refund").count() == 1


def test_who_may(world: World) -> None:
    sale = sold(world, world.a)
    assert act(staff.console(world.a.manager), sale).status_code == 403
    assert act(staff.console(world.risk), sale).status_code == 403
    assert act(staff.console(world.b.manager), sale).status_code == 404
    assert not RefundNote.objects.exists()


def test_lists_end_at_ones_region(world: World) -> None:
    sale, other = sold(world, world.a), sold(world, world.b)
    mine, theirs = back(world.a, sale, 10_000), back(world.b, other, 10_000)
    for one, region in ((mine, world.a), (theirs, world.b)):
        row = Refund.objects.get(pk=one.number)
        Claim.objects.create(
            refund=row, why=Claim.Why.POINTS_GONE, debtor_id=row.wallet_id, creditor_id=row.float_id, points=64,
            made_at=timezone.now(),
        )  # fmt: skip
        Due.objects.create(refund=row, account_id=row.float_id, to_id=row.float_id, amount=300, made_at=timezone.now())
        assert region.shop.merchant.float_id == row.float_id
    browser, hq = staff.console(world.a.manager), staff.console(world.admin)
    for name in ("refund", "claim", "due"):
        address = reverse(f"admin:points_{name}_changelist")
        seen = browser.get(address).content.decode()
        assert f"R{mine.number}" in seen
        assert f"R{theirs.number}" not in seen
        both = hq.get(address).content.decode()
        assert f"R{theirs.number}" in both
        for words in (f"R{mine.number}", f"S{sale.pk}", world.a.shop.merchant.name):
            found = hq.get(f"{address}?q={words}").content.decode()
            assert f">R{mine.number}<" in found
            assert f">R{theirs.number}<" not in found
        model = {"refund": Refund, "claim": Claim, "due": Due}[name]
        keys = [row.pk for row in model.objects.all()]
        exported = browser.post(address, {"action": "export", "_selected_action": keys})
        text = b"".join(exported.streaming_content).decode()  # type: ignore[attr-defined]
        assert str(mine.number) in text
        assert str(theirs.number) not in text
        stranger = next(row for row in model.objects.all() if getattr(row, "refund_id", row.pk) == theirs.number)
        assert browser.get(reverse(f"admin:points_{name}_change", args=(stranger.pk,))).status_code == 404
        assert hq.get(reverse(f"admin:points_{name}_change", args=(stranger.pk,))).status_code == 200
    for query in ("?open=yes", "?open=no"):
        assert hq.get(reverse("admin:points_claim_changelist") + query).status_code == 200
    assert Wallet.objects.filter(pk=world.member.wallet_id).exists()
