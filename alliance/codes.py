"""One-time codes: six digits that prove that somebody reads a phone or an e-mail box.

A code lives ten minutes in the cache, as a keyed hash; it works once, and dies at the fifth wrong try. A new one can be
had after a minute; an address and a network address have limits per hour and day. Sending never looks whether the
address is known, so the answer cannot tell it.

The cache and not a table: a lost code costs a minute, nothing has to be cleaned up, and no backup holds who signed in
when. Counting and deleting are atomic there, so two parallel tries cannot both use one code.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Self

from django.conf import settings
from django.core.cache import cache
from django.utils.crypto import constant_time_compare, salted_hmac
from django.utils.translation import gettext_lazy as _

from alliance import messages
from alliance.calc import phone as parse
from alliance.refusals import declare

LIFETIME = timedelta(minutes=10)
RESEND_AFTER = timedelta(seconds=60)
TRIES = 5
PER_ADDRESS_HOUR = 5
PER_ADDRESS_DAY = 10

# Translators: 请填写手机号或邮箱
ADDRESS_INVALID = declare(
    "address_invalid", 422, _("Write a phone number like 138 0013 8000, or an e-mail address like name@example.com.")
)
# Translators: 刚刚发过一条，请等 %(seconds)s 秒再试
CODE_TOO_SOON = declare(
    "code_too_soon", 429, _("We just sent you a code. Use it, or ask for a new one in %(seconds)s seconds.")
)
# Translators: 验证码要得太多了，最多 %(hours)s 小时后可以再试
CODE_TOO_MANY = declare("code_too_many", 429, _("Too many codes were asked for. Try again within %(hours)s hours."))
# Translators: 验证码不对，还可以试 %(left)s 次
CODE_WRONG = declare("login_code_wrong", 422, _("That is not the code we sent. You have %(left)s tries left."))
# Translators: 这个验证码不能用了，请重新获取
CODE_OVER = declare("login_code_over", 422, _("This code no longer works. Ask for a new one."))


@dataclass(frozen=True, slots=True)
class Address:
    """Where a code goes: a phone in E.164 form or an e-mail address in lower case."""

    kind: str
    value: str

    @classmethod
    def read(cls, typed: str) -> Self:
        """Understand what somebody typed; refuses address_invalid."""
        reader = ("email", parse.email) if "@" in typed or "＠" in typed else ("phone", parse.e164)
        try:
            return cls(reader[0], reader[1](typed))
        except ValueError:
            raise ADDRESS_INVALID() from None

    @property
    def shown(self) -> str:
        """Return the address as its owner reads it back: "138 0013 8000"."""
        if self.kind == "phone" and self.value.startswith("+861"):
            national = self.value.removeprefix("+86")
            return f"{national[:3]} {national[3:7]} {national[7:]}"
        return self.value


def send(*, address: Address, ip: str, purpose: str, at: datetime) -> None:
    """Make a new code and send it; the one before stops working.

    Refuses: code_too_soon within a minute, code_too_many above the limits of the address or the network address.
    """
    key = _key(address, purpose)
    waits_until = at + RESEND_AFTER
    if not cache.add(f"{key}:wait", waits_until, _seconds(RESEND_AFTER)):
        until: datetime = cache.get(f"{key}:wait") or waits_until
        raise CODE_TOO_SOON(seconds=max(1, _seconds(until - at)))
    try:
        _count(f"{key}:hour", PER_ADDRESS_HOUR, 3600)
        _count(f"{key}:day", PER_ADDRESS_DAY, 86_400)
        _count(f"login-code-ip:{_hash('ip', ip)}", settings.LOGIN_CODES_PER_IP_HOUR, 3600)
    except BaseException:
        cache.delete(f"{key}:wait")
        raise
    code = f"{secrets.randbelow(1_000_000):06}"
    cache.set(f"{key}:tries", 0, _seconds(LIFETIME))
    cache.set(key, (_hash(key, code), at + LIFETIME), _seconds(LIFETIME))
    messages.send_code(kind=address.kind, to=address.value, code=code)


def resend_in(*, address: Address, purpose: str, at: datetime) -> int:
    """Return the seconds until a new code may be asked for."""
    until: datetime | None = cache.get(f"{_key(address, purpose)}:wait")
    return max(0, _seconds(until - at)) if until else 0


def is_out(*, address: Address, purpose: str) -> bool:
    """Return whether a code was sent for this purpose that still works."""
    return cache.get(_key(address, purpose)) is not None


def check(*, address: Address, code: str, purpose: str, at: datetime) -> None:
    """Use the code up. Refuses: login_code_wrong, login_code_over (too old, used, five wrong tries, or never sent)."""
    key = _key(address, purpose)
    known: tuple[str, datetime] | None = cache.get(key)
    if known is None or known[1] <= at:
        raise CODE_OVER()
    try:
        tries: int = cache.incr(f"{key}:tries")
    except ValueError:  # it expired between the two reads
        raise CODE_OVER() from None
    digits = "".join(str(int(sign)) for sign in code if sign.isdecimal())
    if tries <= TRIES and constant_time_compare(known[0], _hash(key, digits)):
        if not cache.delete(key):  # a parallel try was faster
            raise CODE_OVER()
        cache.delete_many([f"{key}:tries", f"{key}:wait", f"{key}:hour", f"{key}:day"])
        return
    if tries >= TRIES:
        cache.delete(key)
        raise CODE_OVER()
    raise CODE_WRONG(left=TRIES - tries)


def _key(address: Address, purpose: str) -> str:
    return f"login-code:{purpose}:{_hash('address', address.value)}"


def _hash(salt: str, value: str) -> str:
    return salted_hmac(f"alliance.codes.{salt}", value, algorithm="sha256").hexdigest()[:40]


def _count(key: str, limit: int, seconds: int) -> None:
    """Count one more within a window that starts with the first; refuses code_too_many above `limit`."""
    cache.add(key, 0, seconds)
    try:
        n = cache.incr(key)
    except ValueError:  # the window ended between the two calls
        cache.set(key, 1, seconds)
        n = 1
    if n > limit:
        raise CODE_TOO_MANY(hours=seconds // 3600)


def _seconds(span: timedelta) -> int:
    return int(span.total_seconds())
