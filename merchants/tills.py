"""Who stands at the till: a member code, phone number or card becomes a member token, never a name.

The token is signed, bound to one outlet and valid for five minutes. It says how the member was recognised; a balance
is shown only when the member showed a code or typed the PIN. One token allows one spending: whoever wants to spend
again shows the code again.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from django.core import signing
from django.db import IntegrityError, connection, transaction
from django.utils.translation import gettext_lazy as _

from alliance.refusals import Refused, declare
from merchants.calc import memberfield
from merchants.guesses import Tries, Whose
from merchants.models import ApiKey, Merchant, Outlet, SpentToken, rows
from points import identify as book
from points.identify import Found
from points.models import Account, Terms, Wallet
from points.terms import know_rest

MEMBER_UNCLEAR = declare(
    "member_unclear",
    422,
    _("This is no member code, phone number or card. Scan the member's code, or type the phone number."),
)
SHOP_CODE = declare(
    "member_is_shop_code", 422, _("This is the shop's own code. Ask the customer to show the member code.")
)
TOKEN_EXPIRED = declare(
    "member_token_expired", 409, _("Five minutes have passed since the member was found. Scan the code again.")
)
TOKEN_INVALID = declare(
    "member_token_invalid", 422, _("This member token is not one of ours. Identify the member again.")
)
TOKEN_ELSEWHERE = declare(
    "member_token_of_another_outlet", 409, _("This member was found at another outlet. Identify the member again here.")
)
NOT_LIVE = declare(
    "merchant_not_live", 409, _("This shop does not take part yet, or is paused. Ask your service centre.")
)
OUTLET_CLOSED = declare("outlet_closed", 409, _("This outlet is closed. Choose one that is open."))
TOKEN_SPENT = declare(
    "member_token_spent", 409, _("Points were spent with this code already. Ask the member to show a new one.")
)
PIN_NEEDED = declare(
    "pin_needed", 409, _("The member has to type the PIN to spend this many points. Show the PIN pad.")
)
PROOF_NEEDED = declare(
    "member_proof_needed", 403, _("A balance is shown only when the member shows the code or types the PIN.")
)

LIFETIME = timedelta(minutes=5)
PREFIX = "mt_"
PIN_ABOVE_POINTS = 20_000
SURE = frozenset({"code", "pin"})
_signer = signing.Signer(salt="merchants.member_token")


@dataclass(frozen=True, slots=True)
class Member:
    """What a till knows about a customer for five minutes."""

    wallet_id: int
    outlet_id: int
    proof: str
    tier: int
    mark: str
    until: datetime
    nonce: str = field(default_factory=lambda: uuid.uuid4().hex)
    # Of a code that was scanned offline: its step, not used up yet.
    step: int | None = None

    @property
    def is_sure(self) -> bool:
        """Whether the member showed a code or typed the PIN."""
        return self.proof in SURE

    def needs_pin(self, spend_points: int) -> bool:
        """Above ¥200 the PIN is asked for; whoever was found by phone, number or card needs it for any spending."""
        if spend_points <= 0 or self.proof == "pin":
            return False
        return spend_points > PIN_ABOVE_POINTS or not self.is_sure

    @property
    def token(self) -> str:
        facts = [
            self.wallet_id,
            self.outlet_id,
            self.proof,
            self.tier,
            self.mark,
            int(self.until.timestamp()),
            self.nonce,
        ]
        return PREFIX + _signer.sign_object(facts)


def desk_for(key: ApiKey, outlet_id: int, at: datetime) -> Outlet | None:
    """Return an outlet of the key's merchant, with the merchant and with the terms in force: all in one question."""
    with connection.cursor() as cursor:
        cursor.execute(_DESK, [at, at, outlet_id, key.merchant_id])
        row = cursor.fetchone()
    if row is None:
        return None
    return desk_of(row, key.merchant)


def desk_of(row: Sequence[Any], merchant: Merchant) -> Outlet:
    """Return the outlet, with the merchant and the terms, from the columns DESK_COLUMNS."""
    first, last = _OUTLET.width, _OUTLET.width + _TERMS.width
    outlet = _OUTLET.instance(row[:first])
    outlet.merchant = merchant
    if row[first] is not None:
        outlet.terms_now = _TERMS.instance(row[first:last])
        if row[last] is not None:
            know_rest(outlet.terms_now, outlet.centre_account_id, row[last])
    return outlet


_OUTLET = rows.Part(Outlet, "id", "merchant_id", "name", "centre_id", "centre_account_id", "state", "is_test")
_TERMS = rows.Part(Terms)
DESK_COLUMNS = f"{_OUTLET.columns('o')}, {_TERMS.columns('t')}, r.id"
# The terms in force at a time, given twice, and where the rest of a rebate waits; of merchant m and outlet o.
DESK_TERMS = f"""LEFT JOIN points_terms t
        ON t.float_id = m.float_id AND t.valid_from <= %s AND (t.valid_to IS NULL OR t.valid_to > %s)
      LEFT JOIN points_account r
        ON r.kind = {int(Account.Kind.REST)} AND r.terms_id = t.id AND r.centre_id = o.centre_account_id"""


_DESK = f"""SELECT {DESK_COLUMNS}
  FROM merchants_outlet o JOIN merchants_merchant m ON m.id = o.merchant_id {DESK_TERMS}
  WHERE o.id = %s AND o.merchant_id = %s"""


def check_serving(outlet: Outlet) -> None:
    """Refuse merchant_not_live or outlet_closed. `outlet.merchant` is loaded with it."""
    if not outlet.merchant.is_live:
        raise NOT_LIVE()
    if not outlet.is_open:
        raise OUTLET_CLOSED()


def identify(*, outlet: Outlet, given: str, at: datetime, whose: Whose, pin: str | None = None) -> Member:
    """Find the member by what was scanned or typed; with the right PIN the proof becomes "pin".

    A member code counts once. Refuses: member_unclear, member_is_shop_code, merchant_not_live, outlet_closed,
    code_unknown, code_expired, code_used, member_unknown, wallet_frozen, pin_wrong, pin_locked, pin_missing,
    too_many_tries, too_many_codes (`whose` says who is trying: guesses.who), and for a token what `read_token` refuses.
    """
    check_serving(outlet)
    member = find(outlet=outlet, given=given, at=at, whose=whose)
    return prove(member=member, pin=pin, at=at, whose=whose) if pin else member


def find(*, outlet: Outlet, given: str, at: datetime, whose: Whose) -> Member:
    """Find the member, without looking at a PIN or at whether the shop is open."""
    kind, text = read(given)
    if kind == memberfield.TOKEN:
        return read_token(text, outlet_id=outlet.pk, at=at)
    return _find(outlet, kind, text, at, Tries(whose))


def _find(
    outlet: Outlet, kind: str, text: str, at: datetime, tries: Tries, by: Callable[[str, datetime], Found] | None = None
) -> Member:
    tries.check(kind)
    try:
        return _member((by or _WAYS[kind])(text, at), outlet, at)
    except Refused as refusal:
        tries.count(refusal, text)
        raise


def find_many(
    *, outlet: Outlet, given: Sequence[str], at: datetime, whose: Whose, scanned: Sequence[datetime | None] = ()
) -> list[Member | Refused]:
    """Find many members as if they were asked for one after another: in their order, and after too many wrong ones
    nothing more is told. Phones, numbers and cards are one question to the book.

    scanned: when each was given to a till that was offline; a code is read for that time and not used up.
    """
    asked: list[tuple[str, str] | Refused] = []
    for text in given:
        try:
            asked.append(read(text))
        except Refused as refusal:
            asked.append(refusal)
    numbers = list({one for one in asked if not isinstance(one, Refused) and one[0] in _NUMBERS})
    known = dict(zip(numbers, book.many(numbers, at), strict=True))
    tries = Tries(whose)
    times = scanned or [None] * len(asked)
    return [
        one if isinstance(one, Refused) else _one_of_many(outlet, *one, known, at, tries, then)
        for one, then in zip(asked, times, strict=True)
    ]


def _one_of_many(
    outlet: Outlet,
    kind: str,
    text: str,
    known: dict[tuple[str, str], Found | Refused],
    at: datetime,
    tries: Tries,
    scanned_at: datetime | None,
) -> Member | Refused:
    try:
        if kind == memberfield.TOKEN:
            return read_token(text, outlet_id=outlet.pk, at=at)
        if kind == memberfield.CODE and scanned_at is not None:
            return _find(outlet, kind, text, scanned_at, tries, by=book.by_code_of)
        if kind not in _NUMBERS:
            return _find(outlet, kind, text, at, tries)
        tries.check(kind)
        answer = known[kind, text]
        if isinstance(answer, Refused):
            tries.count(answer, text)
            return answer
        return _member(answer, outlet, at)
    except Refused as refusal:
        return refusal


def _member(found: Found, outlet: Outlet, at: datetime) -> Member:
    return Member(found.wallet_id, outlet.pk, found.proof, found.tier, found.mark, at + LIFETIME, step=found.step)


def read(given: str) -> tuple[str, str]:
    """Return the kind and plain text of the field. Refuses: member_unclear, member_is_shop_code."""
    try:
        kind, text = memberfield.read(given)
    except ValueError:
        raise MEMBER_UNCLEAR() from None
    if kind == memberfield.SHOP:
        raise SHOP_CODE()
    return kind, text


def read_token(token: str, *, outlet_id: int, at: datetime) -> Member:
    """Open a member token. Refuses: member_token_invalid, member_token_expired, member_token_of_another_outlet."""
    try:
        wallet_id, found_at, proof, tier, mark, until, nonce = _signer.unsign_object(token.removeprefix(PREFIX))
    except (signing.BadSignature, ValueError):
        raise TOKEN_INVALID() from None
    if found_at != outlet_id:
        raise TOKEN_ELSEWHERE()
    if at.timestamp() > until:
        raise TOKEN_EXPIRED()
    return Member(wallet_id, found_at, proof, tier, mark, datetime.fromtimestamp(until, at.tzinfo), nonce)


def prove(*, member: Member, pin: str, at: datetime, whose: Whose) -> Member:
    """Return the member with the proof "pin". Refuses: pin_wrong, pin_locked, pin_missing, too_many_tries.

    A wrong PIN is counted even though it is refused, so never call this inside a transaction that the refusal undoes.
    """
    tries = Tries(whose)
    tries.check(member.proof, has_pin=True)
    try:
        book.check_pin(member.wallet_id, pin, at)
    except Refused as refusal:
        tries.count(refusal)
        raise
    return replace(member, proof="pin")


def take(member: Member) -> None:
    """Use up the token for a spending, in the transaction of the spending. Refuses: member_token_spent."""
    taken = SpentToken(nonce=uuid.UUID(member.nonce), until=member.until)
    try:
        with transaction.atomic():
            taken.save(force_insert=True)
    except IntegrityError:
        raise TOKEN_SPENT() from None


def give_back(member: Member) -> None:
    """The spending was refused: the token may be used for another one."""
    SpentToken.objects.filter(nonce=uuid.UUID(member.nonce)).delete()


def forget(before: datetime) -> int:
    """Delete the tokens that have expired anyway; return how many."""
    return SpentToken.objects.filter(until__lt=before).delete()[0]


def shows_balance(given: str) -> bool:
    """Whether what was scanned or typed proves that the member stands there: a code, or a token got by code or PIN."""
    kind, text = read(given)
    if kind != memberfield.TOKEN:
        return kind == memberfield.CODE
    try:
        return _signer.unsign_object(text.removeprefix(PREFIX))[2] in SURE
    except (signing.BadSignature, ValueError):
        return False


def available_points(member: Member) -> int | None:
    """Return what the member can spend, or None when the till may not know."""
    if not member.is_sure:
        return None
    return Wallet.objects.get(pk=member.wallet_id).available


_NUMBERS = frozenset({memberfield.PHONE, memberfield.NUMBER, memberfield.CARD})
_WAYS: dict[str, Callable[[str, datetime], Any]] = {
    memberfield.CODE: book.by_code,
    memberfield.PHONE: book.by_phone,
    memberfield.NUMBER: book.by_number,
    memberfield.CARD: book.by_card,
}
