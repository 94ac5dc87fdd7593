"""Terms: one version of a merchant's agreement as far as the book must know it, and its rest accounts per centre."""

from __future__ import annotations

from datetime import datetime
from typing import Protocol

from django.db import connection, transaction
from django.db.models import Q

from points.models import Account, Terms
from points.refusals import TERMS_MISSING


class HasAccounts(Protocol):
    """A merchant, or the answer of accounts.open_merchant."""

    @property
    def float_id(self) -> int: ...
    @property
    def proceeds_id(self) -> int: ...
    @property
    def fee_rest_id(self) -> int: ...


@transaction.atomic
def write(
    *,
    merchant: HasAccounts,
    version: int,
    rate_bps: int,
    valid_from: datetime,
    valid_to: datetime | None = None,
    member_bps: int = 6250,
    fee_bps: int = 1875,
    centre_bps: int = 1250,
    promo_bps: int = 0,
    spend_fee_bps: int = 100,
    spend_share_bps: int = 5000,
    matures_days: int = 7,
    holdback_days: int = 7,
) -> Terms:
    """Write a version; the one before ends where it starts. The four shares are parts of the rebate, the buffer takes
    what is left of it. Versions are never changed: old sales keep theirs."""
    earlier = Terms.objects.filter(float_id=merchant.float_id, valid_from__lt=valid_from)
    earlier.filter(Q(valid_to__isnull=True) | Q(valid_to__gt=valid_from)).update(valid_to=valid_from)
    promo = Account.objects.get(kind=Account.Kind.PROMO, float_id=merchant.float_id)
    return Terms.objects.create(
        float_id=merchant.float_id,
        proceeds_id=merchant.proceeds_id,
        fee_rest_id=merchant.fee_rest_id,
        promo=promo,
        version=version,
        rate_bps=rate_bps,
        member_bps=member_bps,
        fee_bps=fee_bps,
        centre_bps=centre_bps,
        promo_bps=promo_bps,
        spend_fee_bps=spend_fee_bps,
        spend_share_bps=spend_share_bps,
        matures_days=matures_days,
        holdback_days=holdback_days,
        valid_from=valid_from,
        valid_to=valid_to,
    )


def in_force(float_id: int, at: datetime) -> Terms:
    """Return the merchant's terms at that time. Refuses terms_missing."""
    found = Terms.objects.filter(float_id=float_id).in_force(at).first()
    if found is None:
        raise TERMS_MISSING()
    return found


def rest_account(terms: Terms, centre_account_id: int) -> int:
    """Return the account of (terms, centre) where the rest of the rebate waits; opened when first needed."""
    known = _rests(terms)
    if centre_account_id not in known:
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT points_open_rest(%s::bigint, %s::bigint, %s::timestamptz)",
                [terms.pk, centre_account_id, terms.valid_from],
            )
            opened = cursor.fetchone()[0]
        if connection.in_atomic_block:
            # It may be rolled back with the transaction that opened it.
            return opened
        known[centre_account_id] = opened
    return known[centre_account_id]


def know_rest(terms: Terms, centre_account_id: int, rest_id: int) -> None:
    """Take note of a rest account that was read together with the terms, so that it is not looked up again."""
    _rests(terms)[centre_account_id] = rest_id


def _rests(terms: Terms) -> dict[int, int]:
    """Return what this instance has looked up so far: a batch asks once per terms and centre."""
    return terms.__dict__.setdefault("_rest_accounts", {})
