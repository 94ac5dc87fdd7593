"""The member's own locks: the PIN, and freezing everything at once.

A lock is closed without questions and opened with a proof: the PIN, or a one-time code to the phone or e-mail on
file. So a phone found unlocked in the street can stop the points, never free them.
"""

from __future__ import annotations

from datetime import datetime

from django.utils.translation import gettext_lazy as _

from alliance import codes
from alliance.actors import Actor
from alliance.codes import Address
from alliance.refusals import declare
from members.models import Member
from points import accounts, identify

PURPOSE = "safety"

# Translators: 请先输入支付密码，或用验证码证明是您本人
PROOF_MISSING = declare("proof_missing", 422, _("Type your PIN, or the code that we send you, to show that it is you."))


def address_of(member: Member) -> Address:
    """Return where the member's one-time codes go."""
    if member.user.phone:
        return Address("phone", member.user.phone)
    return Address("email", member.user.email or "")


def send_code(*, member: Member, ip: str, at: datetime) -> None:
    """Send the member a code that proves who they are. Refuses: code_too_soon, code_too_many."""
    codes.send(address=address_of(member), ip=ip, purpose=PURPOSE, at=at)


def set_pin(*, member: Member, new: str, pin: str = "", code: str = "", actor: Actor, at: datetime) -> None:
    """Set or change the PIN with a proof: the old PIN or a one-time code.

    Refuses: proof_missing, pin_wrong, pin_locked, login_code_wrong, login_code_over, pin_weak.
    """
    identify.refuse_weak_pin(new)
    _prove(member, pin, code, at)
    identify.set_pin(wallet_id=member.wallet_id, pin=new, actor=actor, at=at)


def freeze(*, member: Member, actor: Actor, at: datetime) -> None:
    """Stop every spend from the wallet, at once and without a question."""
    accounts.freeze(member.wallet_id, actor=actor, at=at)


def unfreeze(*, member: Member, pin: str = "", code: str = "", actor: Actor, at: datetime) -> None:
    """Let the wallet spend again, with a proof. Refuses: as set_pin."""
    _prove(member, pin, code, at)
    accounts.unfreeze(member.wallet_id, actor=actor, at=at)


def _prove(member: Member, pin: str, code: str, at: datetime) -> None:
    if code:
        codes.check(address=address_of(member), code=code, purpose=PURPOSE, at=at)
    elif pin:
        identify.check_pin(member.wallet_id, pin, at)
    else:
        raise PROOF_MISSING()
