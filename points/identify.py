"""How a till finds a wallet: by the member's rotating code, phone, member number or card; and the PIN.

A code proves that the member is there (a balance may be shown); a phone number, member number or card does not. The
book keeps digests keyed by HANDLE_KEY, never the number itself.
"""

from __future__ import annotations

import hmac
import secrets
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from hashlib import sha256

from django.conf import settings
from django.contrib.auth.hashers import check_password, make_password
from django.db import IntegrityError, connection, transaction
from django.db.models import F
from django.utils.translation import gettext_lazy as _

from alliance import events
from alliance.actors import Actor
from alliance.calc.worktime import SHANGHAI, shanghai_day
from alliance.refusals import Refused, declare
from points.calc import codes
from points.calc.codes import Code
from points.models import Handle, Pass

CODE_UNKNOWN = declare("code_unknown", 404, _("This is no member code. Ask the member to show it again."))
CODE_EXPIRED = declare("code_expired", 409, _("This code is over. Scan the one that the member's phone shows now."))
CODE_ELSEWHEN = declare(
    "code_of_another_time",
    409,
    _("This member code is not of the time at which it is said to have been scanned. Check the till's clock."),
)
CODE_USED = declare("code_used", 409, _("This code was used already. Wait for the next one, at most 30 seconds."))
MEMBER_UNKNOWN = declare(
    "member_unknown", 404, _("No member has this number. Check it, or let the customer join first.")
)
HANDLE_TAKEN = declare("handle_taken", 409, _("This number belongs to another member already."))
PIN_WRONG = declare("pin_wrong", 403, _("The PIN is wrong. %(left)s tries left."))
PIN_LOCKED = declare("pin_locked", 403, _("Too many wrong PINs. Try again after %(until)s."))
PIN_MISSING = declare("pin_missing", 409, _("The member has set no PIN yet. It is set in the app, under “Me”."))
PIN_WEAK = declare("pin_weak", 422, _("Choose six digits that are not easy to guess: no row and no repetition."))

TRIES = 5
LOCKED_FOR = timedelta(minutes=15)
# How far back a code is still recognised as one that is over: an hour.
OLD_STEPS = 120
# So long it is known which codes were used: 72 hours, and an hour for clocks.
KEPT_STEPS = 73 * 120


@dataclass(frozen=True, slots=True)
class Found:
    """What a till learns: a wallet, how sure it is, the tier, and a mark to compare with the member's phone."""

    wallet_id: int
    proof: str
    tier: int
    mark: str
    # Of a code that was read for an earlier time: its step, not used up yet.
    step: int | None = None


# --- finding ------------------------------------------------------------------------------------


def by_code(code: str, at: datetime) -> Found:
    """Find by the rotating code and use it up: one of two tills that scan the same code gets the wallet.

    The step is taken in the caller's transaction; a twin waits there. Refuses: code_unknown, code_expired, code_used.
    """
    number = codes.read(code)
    if number is None:
        raise CODE_UNKNOWN()
    member_pass = Pass.objects.select_related("wallet").filter(code_number=number).first()
    if member_pass is None:
        raise CODE_UNKNOWN()
    secret, digits = bytes(member_pass.code_secret), "".join(code.split())
    now = codes.step_of(at)
    step = next((s for s in (now, now - 1) if hmac.compare_digest(codes.digits_of(number, secret, s), digits)), None)
    if step is None:
        was_ours = any(
            hmac.compare_digest(codes.digits_of(number, secret, s), digits)
            for s in range(now - 2, now - 2 - OLD_STEPS, -1)
        )
        raise CODE_EXPIRED() if was_ours else CODE_UNKNOWN()
    if not _use(member_pass.pk, step, now):
        raise CODE_USED()
    return _found(member_pass.wallet_id, member_pass.wallet.tier, secret, "code", at)


def by_code_of(code: str, scanned_at: datetime) -> Found:
    """Find by a code that a till scanned earlier, while it was offline; `use_steps` uses it up.

    It has to be of the step of that time, or of one next to it. Refuses: code_unknown, code_of_another_time.
    """
    number = codes.read(code)
    member_pass = (
        Pass.objects.select_related("wallet").filter(code_number=number).first() if number is not None else None
    )
    if number is None or member_pass is None:
        raise CODE_UNKNOWN()
    secret, digits = bytes(member_pass.code_secret), "".join(code.split())
    then = codes.step_of(scanned_at)
    # The nearest ones first.
    for away in sorted(range(-OLD_STEPS, OLD_STEPS + 1), key=abs):
        if hmac.compare_digest(codes.digits_of(number, secret, then + away), digits):
            if abs(away) > 1:
                raise CODE_ELSEWHEN()
            found = _found(member_pass.wallet_id, member_pass.wallet.tier, secret, "code", scanned_at)
            return replace(found, step=then + away)
    raise CODE_UNKNOWN()


def lock_passes(wallet_ids: Iterable[int]) -> dict[int, set[int]]:
    """Lock the passes in the order of their numbers, until the end of the transaction; return which steps are used."""
    rows = Pass.objects.select_for_update(no_key=True).filter(pk__in=set(wallet_ids)).order_by("pk")
    return {row.pk: {row.code_step, *row.used_steps} for row in rows}


def use_steps(steps: Iterable[tuple[int, int]], at: datetime) -> None:
    """Use up the codes (wallet, step), whose passes are locked and which were found unused."""
    oldest = codes.step_of(at) - KEPT_STEPS
    with connection.cursor() as cursor:
        for wallet_id, step in steps:
            cursor.execute(_USE_EARLIER, [step, oldest, step, wallet_id])


def _use(wallet_id: int, step: int, now: int) -> bool:
    with connection.cursor() as cursor:
        cursor.execute(_USE, [step, now - KEPT_STEPS, step, wallet_id, step])
        return cursor.rowcount == 1


_USE_EARLIER = """UPDATE points_pass SET code_step = greatest(code_step, %s),
    used_steps = ARRAY(SELECT s FROM unnest(used_steps) s WHERE s >= %s) || %s::bigint
  WHERE wallet_id = %s"""
_USE = """UPDATE points_pass SET code_step = %s,
    used_steps = ARRAY(SELECT s FROM unnest(used_steps) s WHERE s >= %s) || %s::bigint
  WHERE wallet_id = %s AND code_step < %s"""


def by_phone(phone: str, at: datetime) -> Found:
    """Find by phone number (E.164). Refuses member_unknown."""
    return _by_handle("phone", phone, at)


def by_number(number: str, at: datetime) -> Found:
    """Find by member number. Refuses member_unknown."""
    return _by_handle("number", number, at)


def by_card(number: str, at: datetime) -> Found:
    """Find by card number. Refuses member_unknown."""
    return _by_handle("card", number, at)


def _by_handle(kind: str, value: str, at: datetime) -> Found:
    (found,) = many([(kind, value)], at)
    if isinstance(found, Refused):
        raise found
    return found


def many(items: Sequence[tuple[str, str]], at: datetime) -> list[Found | Refused]:
    """Find many by (kind, value) in one query; each answer is a wallet or the refusal. Codes go one by one."""
    digests = [b"" if kind == "code" else digest_of(kind, value) for kind, value in items]
    wanted = set(digests) - {b""}
    holders: dict[bytes, tuple[int, int, bytes]] = {}
    if wanted:
        with connection.cursor() as cursor:
            cursor.execute(_HOLDERS, [list(wanted), at, at])
            holders = {bytes(row[0]): row[1:] for row in cursor.fetchall()}
    return [_one(kind, value, holders.get(digest), at) for (kind, value), digest in zip(items, digests, strict=True)]


# One probe of the index for each digest, however many there are.
_HOLDERS = """SELECT d.digest, found.* FROM unnest(%s::bytea[]) AS d (digest) CROSS JOIN LATERAL (
  SELECT h.wallet_id, w.tier, p.code_secret
    FROM points_handle h JOIN points_wallet w ON w.id = h.wallet_id JOIN points_pass p ON p.wallet_id = w.id
    WHERE h.digest = d.digest AND (h.ends_at IS NULL OR h.ends_at > %s) AND h.starts_at <= %s LIMIT 1) found"""


def _one(kind: str, value: str, holder: tuple[int, int, bytes] | None, at: datetime) -> Found | Refused:
    if kind == "code":
        try:
            return by_code(value, at)
        except Refused as refusal:
            return refusal
    return MEMBER_UNKNOWN() if holder is None else _found(*holder, kind, at)


def _found(wallet_id: int, tier: int, secret: bytes, proof: str, at: datetime) -> Found:
    return Found(wallet_id, proof, tier, codes.mark_of(bytes(secret), shanghai_day(at)))


def digest_of(kind: str, value: str) -> bytes:
    """Return the keyed digest of a number; blanks and dashes do not matter."""
    plain = "".join(ch for ch in value if ch.isalnum() or ch == "+")
    return hmac.digest(settings.HANDLE_KEY.encode(), f"{kind}:{plain}".encode(), sha256)


# --- handles ------------------------------------------------------------------------------------


def attach(*, wallet_id: int, kind: str, value: str, at: datetime) -> None:
    """Let a number find the wallet from now on. Refuses handle_taken when another wallet holds it."""
    digest = digest_of(kind, value)
    try:
        with transaction.atomic():
            Handle.objects.create(wallet_id=wallet_id, kind=kind, digest=digest, starts_at=at)
    except IntegrityError:
        if not Handle.objects.filter(digest=digest, ends_at__isnull=True, wallet_id=wallet_id).exists():
            raise HANDLE_TAKEN() from None


def attach_many(rows: Iterable[tuple[int, str, str]], at: datetime) -> None:
    """Attach (wallet, kind, value) in bulk; numbers that are taken already are an error."""
    Handle.objects.bulk_create(
        [Handle(wallet_id=w, kind=kind, digest=digest_of(kind, value), starts_at=at) for w, kind, value in rows],
        batch_size=5_000,
    )


def detach(*, wallet_id: int, kind: str, value: str, at: datetime) -> None:
    """Let a number find nothing from now on; its history stays."""
    Handle.objects.filter(wallet_id=wallet_id, digest=digest_of(kind, value), ends_at__isnull=True).update(ends_at=at)


# --- the code -----------------------------------------------------------------------------------


def open_pass(wallet_id: int, at: datetime) -> None:
    """Give a wallet its code secret, once."""
    open_passes([wallet_id], at)


def open_passes(wallet_ids: Sequence[int], at: datetime) -> None:
    """Give wallets their code secrets; a number that is taken is drawn again."""
    todo = list(wallet_ids)
    while todo:
        drawn = [
            Pass(wallet_id=w, code_number=secrets.randbelow(10**9), code_secret=secrets.token_bytes(20)) for w in todo
        ]
        Pass.objects.bulk_create(drawn, batch_size=5_000, ignore_conflicts=True)
        have = set(Pass.objects.filter(wallet_id__in=todo).values_list("wallet_id", flat=True))
        todo = [wallet_id for wallet_id in todo if wallet_id not in have]


def show_code(wallet_id: int, at: datetime) -> Code:
    """Return the code to show now."""
    return next_codes(wallet_id, at, 1)[0]


def next_codes(wallet_id: int, at: datetime, n: int = 10) -> list[Code]:
    """Return the codes of this step and the next ones, for a phone that may lose the net."""
    member_pass = Pass.objects.get(pk=wallet_id)
    secret, now = bytes(member_pass.code_secret), codes.step_of(at)
    return [
        codes.code_of(
            member_pass.code_number, secret, step, codes.mark_of(secret, shanghai_day(codes.step_start(step)))
        )
        for step in range(now, now + n)
    ]


def code_was_used(wallet_id: int, at: datetime) -> bool:
    """Return whether a till has taken the code of this step."""
    return Pass.objects.filter(pk=wallet_id, code_step__gte=codes.step_of(at)).exists()


def mark_of(wallet_id: int, at: datetime) -> str:
    """Return the check mark that member and till both see today."""
    return codes.mark_of(bytes(Pass.objects.get(pk=wallet_id).code_secret), shanghai_day(at))


# --- the PIN ------------------------------------------------------------------------------------


def has_pin(wallet_id: int) -> bool:
    return Pass.objects.filter(pk=wallet_id).exclude(pin_hash="").exists()


def refuse_weak_pin(pin: str) -> None:
    """Refuse pin_weak: anything but six digits, one digit repeated, a row up or down, two or three digits repeated."""
    is_digits = len(pin) == 6 and pin.isascii() and pin.isdigit()
    if not is_digits or pin in "01234567890" or pin in "09876543210" or pin == pin[:2] * 3 or pin == pin[:3] * 2:
        raise PIN_WEAK()


@transaction.atomic
def set_pin(*, wallet_id: int, pin: str, actor: Actor, at: datetime) -> None:
    """Set the PIN, without a proof: the caller asked for one. Refuses pin_weak."""
    refuse_weak_pin(pin)
    Pass.objects.filter(pk=wallet_id).update(pin_hash=make_password(pin), pin_tries=0, pin_locked_until=None)
    events.record("wallet.pin_set", f"points.wallet:{wallet_id}", actor, at)


def check_pin(wallet_id: int, pin: str, at: datetime) -> None:
    """Accept the PIN or refuse: pin_missing, pin_locked, pin_wrong. Five wrong ones lock it for fifteen minutes.

    A wrong try is counted although it is refused: do not roll the caller's transaction back because of it.
    """
    row = Pass.objects.filter(pk=wallet_id).first()
    if row is None or not row.pin_hash:
        raise PIN_MISSING()
    if row.pin_locked_until is not None:
        if row.pin_locked_until > at:
            raise _locked(row.pin_locked_until)
        Pass.objects.filter(pk=wallet_id, pin_locked_until=row.pin_locked_until).update(
            pin_tries=0, pin_locked_until=None
        )
    # The try is taken before the slow comparison: parallel guesses cannot share one.
    taken = Pass.objects.filter(pk=wallet_id, pin_tries__lt=TRIES).update(pin_tries=F("pin_tries") + 1)
    if not taken:
        Pass.objects.filter(pk=wallet_id, pin_locked_until__isnull=True).update(pin_locked_until=at + LOCKED_FOR)
        raise _locked(at + LOCKED_FOR)
    if check_password(pin, row.pin_hash):
        Pass.objects.filter(pk=wallet_id).update(pin_tries=0, pin_locked_until=None)
        return
    tries = Pass.objects.values_list("pin_tries", flat=True).get(pk=wallet_id)
    if tries >= TRIES:
        Pass.objects.filter(pk=wallet_id).update(pin_locked_until=at + LOCKED_FOR)
        raise _locked(at + LOCKED_FOR)
    raise PIN_WRONG(left=TRIES - tries)


def _locked(until: datetime) -> Refused:
    return PIN_LOCKED(until=f"{until.astimezone(SHANGHAI):%H:%M}")
