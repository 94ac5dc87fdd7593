"""Reminders of bills that postpaid merchants have not paid: a text to the contact, once a day at most."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db import transaction
from django.utils.translation import gettext as _t
from django.utils.translation import gettext_lazy as _

from alliance import events, messages
from alliance.actors import Actor
from alliance.calc.money import yuan
from alliance.models import Event
from alliance.refusals import declare
from merchants.models import Merchant
from points.models import MerchantBill

EVERY = timedelta(hours=20)
REMINDED = "bill.reminded"
ALREADY = declare("bill_reminded", 409, _("This merchant was reminded today already. Try again tomorrow."))
PAID = declare("bill_paid", 409, _("Nothing of this bill is open any more."))


@transaction.atomic
def remind(*, bill: MerchantBill, actor: Actor, at: datetime) -> bool:
    """Remind the merchant of an unpaid bill; return whether a text could be sent. Refuses: bill_paid, bill_reminded."""
    merchant = Merchant.objects.select_for_update(of=("self",)).get(float_id=bill.float_id)
    bill = MerchantBill.objects.get(pk=bill.pk)
    if not bill.open_fen:
        raise PAID()
    last = reminded_at(bill)
    if last is not None and at - last < EVERY:
        raise ALREADY()
    phone = merchant.contact_phone
    facts = {"float": bill.float_id, "open_fen": bill.open_fen, "by_text": bool(phone)}
    events.record(REMINDED, bill, actor, at, facts, unit_id=merchant.centre_id)
    if phone:
        # Translators: 账单应于 %(due)s 前付清；%(drop)s 后会员的待发积分将取消。汇款附言请写 %(reference)s。
        text = _t(
            "%(name)s: ¥%(amount)s of your bill are due on %(due)s. After %(drop)s your members' promised points are"
            " dropped. Write %(reference)s on the transfer."
        ) % {
            "name": str(merchant),
            "amount": yuan(bill.open_fen),
            "due": f"{bill.due_on:%Y-%m-%d}",
            "drop": f"{bill.drop_on:%Y-%m-%d}",
            "reference": merchant.payment_reference,
        }
        messages.send_text(to=phone, text=text)
    return bool(phone)


def reminded_at(bill: MerchantBill) -> datetime | None:
    """Return when the merchant was reminded of this bill last."""
    found = Event.objects.of(events.subject_of(bill)).filter(verb=REMINDED).order_by("-id")
    return found.values_list("at", flat=True).first()
