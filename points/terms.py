"""Terms: one version of a merchant's agreement as far as the book must know it, and its rest accounts per centre."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Protocol

from django.db import Error, connection, transaction

from points.models import Terms
from points.refusals import TERMS_MISSING, TERMS_START_TOO_EARLY


class HasAccounts(Protocol):
    """A merchant, or the answer of accounts.open_merchant."""

    @property
    def float_id(self) -> int: ...


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
    what is left of it. Versions are never changed: old sales keep theirs. The book looks up the merchant's accounts.

    Refuses: terms_start_too_early.
    """
    arguments: list[Any] = [
        merchant.float_id, version, rate_bps, member_bps, fee_bps, centre_bps, promo_bps, spend_fee_bps,
        spend_share_bps, matures_days, holdback_days, valid_from, valid_to,
    ]  # fmt: skip
    try:
        with connection.cursor() as cursor:
            cursor.execute(_WRITE, arguments)
            return Terms.objects.get(pk=cursor.fetchone()[0])
    except Error as error:
        if getattr(error.__cause__, "sqlstate", None) == "22023":
            raise TERMS_START_TOO_EARLY() from error
        raise


_WRITE = """SELECT points_write_terms(%s::bigint, %s::integer, %s::integer, %s::integer, %s::integer, %s::integer,
  %s::integer, %s::integer, %s::integer, %s::smallint, %s::smallint, %s::timestamptz, %s::timestamptz)"""


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
