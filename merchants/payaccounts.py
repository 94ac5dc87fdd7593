"""Bank accounts that are paid to (M15): changed by two people, used after three days, the old contact told at once.

Somebody who takes over a shop's sign-in and changes its account the day before a payout is the classic fraud: during
the three days nothing is paid at all, neither to the old account nor to the new one.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import Q
from django.utils.translation import gettext as _t
from django.utils.translation import gettext_lazy as _

from alliance import approvals, ciphers, events, messages
from alliance.actors import Actor
from alliance.models import Approval, Unit, User
from alliance.refusals import declare
from merchants.models import Merchant, PayoutAccount
from merchants.models.payout import USE
from points.models import Account

COOLING = timedelta(days=3)
# Translators: 银行账号须为 8 到 30 位数字；户名和开户行不能为空，也不能含特殊符号
ACCOUNT_INVALID = declare(
    "payout_account_invalid",
    422,
    _("An account number has 8 to 30 digits; holder and bank have a name without special signs. Check what was typed."),
)
ACCOUNT_SAME = declare("payout_account_same", 409, _("This account is on file already."))
ACCOUNT_ELSEWHERE = declare(
    "payout_account_elsewhere", 409, _("Somebody else is paid to this account already. Ask the service centre.")
)
_NUMBER = re.compile(r"\d{8,30}")
_NAME = re.compile(r"[^\W_][\w\s().（）·\-]{1,79}")


@transaction.atomic
def ask(
    *,
    bank_name: str,
    holder: str,
    number: str,
    user: User,
    at: datetime,
    merchant: Merchant | None = None,
    unit: Unit | None = None,
) -> PayoutAccount:
    """Ask that a merchant, a service centre or (headquarters) the operator is paid to this account from now on.

    Refuses: payout_account_invalid, payout_account_same, payout_account_elsewhere, approval_already_asked.
    """
    number = re.sub(r"[\s-]", "", unicodedata.normalize("NFKC", number))
    bank_name, holder = bank_name.strip(), holder.strip()
    if not _NUMBER.fullmatch(number) or not _NAME.fullmatch(holder) or not _NAME.fullmatch(bank_name[:60]):
        raise ACCOUNT_INVALID()
    mark = ciphers.fingerprint(USE, number)
    now = current(merchant=merchant, unit=unit)
    if now is not None and bytes(now.number_fingerprint) == mark and now.holder == holder and not now.returned_at:
        raise ACCOUNT_SAME()
    others = PayoutAccount.objects.current().filter(number_fingerprint=mark)
    if others.exclude(merchant=merchant, unit=unit).exists():
        raise ACCOUNT_ELSEWHERE()
    account = PayoutAccount.objects.create(
        merchant=merchant,
        unit=unit,
        bank_name=bank_name[:60],
        holder=holder,
        number_sealed=ciphers.seal(USE, number),
        number_tail=number[-4:],
        number_fingerprint=mark,
        asked_at=at,
        asked_by=str(Actor.user(user)),
    )
    place = merchant.centre if merchant else unit
    assert place is not None
    facts = {
        "account": account.pk,
        "name": str(merchant or unit),
        "bank": account.bank_name,
        "holder": holder,
        "tail": account.number_tail,
        "is_change": now is not None,
    }
    account.approval = approvals.ask(
        kind="merchants.payout_account",
        subject=events.subject_of(merchant or place),
        facts=facts,
        unit=place,
        user=user,
        at=at,
    )
    account.save(update_fields=["approval"])
    if now is not None:
        _tell_old_contact(account, at, _ASKED)
    return account


def describe(approval: Approval) -> str:
    facts = approval.facts
    # Translators: %(name)s：改为 %(bank)s 尾号 %(tail)s，户名 %(holder)s
    return _t("%(name)s: %(bank)s, account ending in %(tail)s, held by %(holder)s") % facts


# Translators: 收款账户
@approvals.kind(
    "merchants.payout_account", permission="payout_account.approve", title=_("Payout account"), describe=describe
)
def decided(approval: Approval, actor: Actor, at: datetime) -> PayoutAccount:
    """Put the account on file; where there was one before it is used in three days, and nothing is paid until then."""
    account = PayoutAccount.objects.select_for_update(of=("self",)).get(approval=approval)
    now = current(merchant=account.merchant, unit=account.unit)
    if now is not None:
        now.state, now.ended_at = PayoutAccount.State.RETIRED, at
        now.save(update_fields=["state", "ended_at"])
    account.state = PayoutAccount.State.CURRENT
    account.valid_from = at if now is None else at + COOLING
    account.save(update_fields=["state", "valid_from"])
    unit_id = account.merchant.centre_id if account.merchant else account.unit_id
    events.record(
        "payout_account.set", account, actor, at, {"tail": account.number_tail, "is_change": bool(now)}, unit_id=unit_id
    )
    if now is not None:
        _tell_old_contact(account, at, _DECIDED)
    return account


def refused(approval: Approval) -> None:
    """Close the account of a question that was refused or withdrawn."""
    asked = PayoutAccount.objects.filter(approval=approval, state=PayoutAccount.State.ASKED)
    asked.update(state=PayoutAccount.State.REFUSED)


def current(*, merchant: Merchant | None = None, unit: Unit | None = None) -> PayoutAccount | None:
    """Return the account on file of a merchant, or of a unit."""
    owner = Q(merchant=merchant) if merchant else Q(unit=unit)
    return PayoutAccount.objects.current().filter(owner).first()


def came_back(account: PayoutAccount, *, actor: Actor, at: datetime) -> None:
    """Keep that the bank sent a payout back: nothing is paid to this account before it was checked anew."""
    if PayoutAccount.objects.filter(pk=account.pk, returned_at__isnull=True).update(returned_at=at):
        unit_id = account.merchant.centre_id if account.merchant else account.unit_id
        events.record("payout_account.came_back", account, actor, at, {"tail": account.number_tail}, unit_id=unit_id)


def ask_check(*, account: PayoutAccount, user: User, at: datetime) -> Approval:
    """Ask a second person to confirm an account that the bank sent money back from. Refuses: approval_already_asked."""
    place = account.merchant.centre if account.merchant else account.unit
    assert place is not None
    facts = {"account": account.pk, "name": str(account.merchant or place), "tail": account.number_tail}
    subject = events.subject_of(account)
    return approvals.ask(
        kind="merchants.payout_account_check", subject=subject, facts=facts, unit=place, user=user, at=at
    )


def describe_check(approval: Approval) -> str:
    # Translators: %(name)s：尾号 %(tail)s 的账户曾被银行退回，确认可以再付
    return _t("%(name)s: the account ending in %(tail)s was checked and can be paid to again") % approval.facts


# Translators: 退回账户复核
@approvals.kind(
    "merchants.payout_account_check",
    permission="payout_account.approve",
    title=_("Payout account checked"),
    describe=describe_check,
)
def checked(approval: Approval, actor: Actor, at: datetime) -> None:
    """Let an account be paid to again."""
    account = PayoutAccount.objects.get(pk=approval.facts["account"])
    PayoutAccount.objects.filter(pk=account.pk).update(returned_at=None)
    unit_id = account.merchant.centre_id if account.merchant else account.unit_id
    events.record("payout_account.checked", account, actor, at, {"tail": account.number_tail}, unit_id=unit_id)


def payees(account_ids: Sequence[int]) -> dict[int, tuple[int | None, int | None]]:
    """Return whose accounts of the book these are: (merchant, None) or (None, unit); the fee is headquarters'."""
    found: dict[int, tuple[int | None, int | None]] = {}
    shops = Merchant.objects.filter(proceeds_id__in=account_ids).values_list("proceeds_id", "pk")
    found |= {account: (merchant, None) for account, merchant in shops if account is not None}
    centres = Account.objects.filter(pk__in=account_ids, kind=Account.Kind.CENTRE).values_list("pk", "owner_no")
    found |= {account: (None, unit) for account, unit in centres}
    if set(account_ids) - found.keys():
        top = Unit.objects.filter(parent__isnull=True).values_list("pk", flat=True).first()
        fees = Account.objects.filter(pk__in=account_ids, kind=Account.Kind.FEE).values_list("pk", flat=True)
        found |= dict.fromkeys(fees, (None, top))
    return found


def on_file(account_ids: Sequence[int], at: datetime) -> dict[int, PayoutAccount]:
    """Return, for accounts of the book, the bank accounts that may be paid to now; who is missing may not be paid."""
    whose = payees(account_ids)
    owners = Q(merchant__in={merchant for merchant, _unit in whose.values() if merchant})
    owners |= Q(unit__in={unit for _merchant, unit in whose.values() if unit})
    ready = PayoutAccount.objects.payable(at).filter(owners)
    by_owner = {(account.merchant_id, account.unit_id): account for account in ready}
    return {account: by_owner[owner] for account, owner in whose.items() if owner in by_owner}


def unpaid(account_ids: Sequence[int], at: datetime) -> list[int]:
    """Return which accounts of the book are not to be paid now: nothing on file, cooling, or sent back by the bank."""
    ready = on_file(account_ids, at)
    return [account for account in account_ids if account not in ready]


_ASKED, _DECIDED = "asked", "decided"


def _tell_old_contact(account: PayoutAccount, at: datetime, what: str) -> None:
    """Tell who was the contact so far, and keep that we did."""
    merchant = account.merchant
    phone = merchant.contact_phone if merchant else ""
    events.record(
        "payout_account.old_contact_told",
        account,
        Actor.system("payout_accounts"),
        at,
        {"what": what, "by_text": bool(phone)},
        unit_id=merchant.centre_id if merchant else account.unit_id,
    )
    if phone:
        # Translators: %(name)s 的收款账户正在变更为尾号 %(tail)s，三天内不会付款。不是您本人操作，请立即联系服务中心。
        text = _t(
            "The payout account of %(name)s is being changed to one ending in %(tail)s; nothing is paid for three days."
            " If this was not you, call your service centre at once."
        ) % {"name": str(merchant), "tail": account.number_tail}
        messages.send_text(to=phone, text=text)
