"""API keys: shown once, kept as a digest, rotated with an overlap, revoked at once."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Iterable
from datetime import datetime, timedelta

from django.db import connection, transaction
from django.utils.translation import gettext_lazy as _

from alliance import events
from alliance.actors import Actor
from alliance.refusals import declare
from merchants import tills
from merchants.models import ApiKey, Merchant, Outlet, rows
from merchants.models.key import Scope
from merchants.staff import OUTLET_OF_ANOTHER

SCOPE_MISSING = declare("key_needs_a_scope", 422, _("Choose at least one thing that the key may do."))
KEY_ENDED = declare("key_ended", 409, _("This key has ended already. Create a new one."))

OVERLAP = timedelta(hours=24)
_PREFIX_LENGTH = len("lh_live_") + 8


def digest(secret: str) -> bytes:
    """Return what is kept of a key. It is random, 190 bits long: a plain hash is enough, and fast."""
    return hashlib.sha256(secret.encode()).digest()


@transaction.atomic
def create(
    *,
    merchant: Merchant,
    name: str,
    scopes: Iterable[str],
    actor: Actor,
    at: datetime,
    outlet: Outlet | None = None,
    is_test: bool = False,
    language: str = "zh-hans",
) -> tuple[ApiKey, str]:
    """Make a key; return it with its secret, which nobody can show again.

    Refuses: key_needs_a_scope, outlet_of_another.
    """
    wanted = [scope for scope in Scope.values if scope in set(scopes)]
    if not wanted:
        raise SCOPE_MISSING()
    if outlet is not None and outlet.merchant_id != merchant.pk:
        raise OUTLET_OF_ANOTHER()
    secret = f"lh_{'test' if is_test else 'live'}_{secrets.token_urlsafe(30).replace('-', 'x').replace('_', 'y')}"
    key = ApiKey.objects.create(
        merchant=merchant,
        outlet=outlet,
        name=name,
        prefix=secret[:_PREFIX_LENGTH],
        digest=digest(secret),
        scopes=wanted,
        is_test=is_test,
        language=language,
        created_at=at,
        created_by=str(actor),
    )
    facts = {"merchant": merchant.pk, "scopes": wanted, "is_test": is_test}
    events.record("key.created", key, actor, at, facts, unit_id=merchant.centre_id)
    return key, secret


@transaction.atomic
def rotate(*, key: ApiKey, actor: Actor, at: datetime, overlap: timedelta = OVERLAP) -> tuple[ApiKey, str]:
    """Make a successor with the same rights; the old key works on for `overlap`. Refuses: key_ended."""
    ends_at = at + overlap
    moved = ApiKey.objects.filter(pk=key.pk, revoked_at__isnull=True).update(revoked_at=ends_at)
    if not moved:
        raise KEY_ENDED()
    key.revoked_at = ends_at
    events.record("key.rotated", key, actor, at, {"ends_at": ends_at.isoformat()}, unit_id=key.merchant.centre_id)
    return create(
        merchant=key.merchant,
        name=key.name,
        scopes=key.scopes,
        actor=actor,
        at=at,
        outlet=key.outlet,
        is_test=key.is_test,
        language=key.language,
    )


@transaction.atomic
def revoke(*, key: ApiKey, actor: Actor, at: datetime) -> None:
    """End a key now. Refuses: key_ended."""
    if not ApiKey.objects.active(at).filter(pk=key.pk).update(revoked_at=at):
        raise KEY_ENDED()
    key.revoked_at = at
    events.record("key.revoked", key, actor, at, {}, unit_id=key.merchant.centre_id)


def find(secret: str, at: datetime) -> ApiKey | None:
    """Return the key with this secret, with its merchant and its own outlet's desk, if it has not ended."""
    with connection.cursor() as cursor:
        cursor.execute(_FIND, [at, at, secret[:_PREFIX_LENGTH]])
        row = cursor.fetchone()
    if row is None:
        return None
    desk = _KEY.width + _MERCHANT.width
    key = _KEY.instance(row[: _KEY.width])
    key.merchant = _MERCHANT.instance(row[_KEY.width : desk])
    if not secrets.compare_digest(bytes(key.digest), digest(secret)) or not key.is_active(at):
        return None
    if row[desk] is not None:
        key.desk = tills.desk_of(row[desk:], key.merchant)
    return key


_KEY = rows.Part(
    ApiKey, "id", "merchant_id", "outlet_id", "name", "prefix", "digest", "scopes", "is_test", "language", "revoked_at",
    "last_used_at",
)  # fmt: skip
_MERCHANT = rows.Part(
    Merchant, "id", "short_name", "trade_id", "centre_id", "state", "float_id", "proceeds_id", "fee_rest_id"
)
_FIND = f"""SELECT {_KEY.columns("k")}, {_MERCHANT.columns("m")}, {tills.DESK_COLUMNS}
  FROM merchants_apikey k JOIN merchants_merchant m ON m.id = k.merchant_id
  LEFT JOIN merchants_outlet o ON o.id = k.outlet_id AND o.merchant_id = m.id {tills.DESK_TERMS}
  WHERE k.prefix = %s"""


def touch(key: ApiKey, at: datetime) -> None:
    """Note that a key was used, at most once a minute: the row must not become hot."""
    if key.last_used_at is None or at - key.last_used_at >= timedelta(minutes=1):
        ApiKey.objects.filter(pk=key.pk).update(last_used_at=at)
