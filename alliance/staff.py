"""Signing console staff in: what they know (a password) and what they have (an authenticator app).

The passwords' tries and the codes' tries are counted apart, per person and per network address, so that neither a
patient guesser nor a farm of them gets far. Nobody is told whether an address is known.
"""

from __future__ import annotations

import base64
import hashlib
import time
from datetime import datetime

from allauth.mfa.models import Authenticator
from allauth.mfa.recovery_codes.internal.auth import RecoveryCodes
from allauth.mfa.totp.internal.auth import (
    TOTP,
    format_hotp_value,
    generate_totp_secret,
    hotp_value,
    validate_totp_code,
)
from django.conf import settings
from django.contrib.auth import authenticate
from django.core.cache import cache
from django.db import transaction
from django.http import HttpRequest
from django.utils.crypto import salted_hmac
from django.utils.translation import gettext_lazy as _

from alliance import access, events, sessions
from alliance.actors import Actor
from alliance.models import User
from alliance.refusals import declare

TRIES_PER_ADDRESS = 10
TRIES_PER_NETWORK = 60
TRIES_PER_CODE = 5
WINDOW_SECONDS = 15 * 60
PERIOD = 30
DEMO_DOMAIN = "@demo.lianhui"

# Translators: 邮箱或密码不对
LOGIN_WRONG = declare("staff_login_wrong", 422, _("This e-mail address and password do not go together."))
# Translators: 试得太多了，请 15 分钟后再来
TOO_MANY_TRIES = declare("staff_too_many_tries", 429, _("Too many tries. Wait 15 minutes, then try again."))
# Translators: 动态码不对，请看验证器里现在显示的 6 位数字
SECOND_FACTOR_WRONG = declare(
    "second_factor_wrong", 422, _("That is not the code that your authenticator app shows now. Each code works once.")
)
# Translators: 您今天没有在任期内的岗位
NO_POST = declare("no_post_today", 403, _("You hold no post today. Ask headquarters to appoint you."))


def check_password(*, request: HttpRequest, email: str, password: str, ip: str) -> User:
    """Return whom the e-mail and password belong to.

    Refuses: staff_login_wrong, staff_too_many_tries, no_post_today.
    """
    _guard(("login", email.strip().lower()), TRIES_PER_ADDRESS)
    _guard(("login-ip", ip), TRIES_PER_NETWORK)
    user = authenticate(request, username=email, password=password)
    if not isinstance(user, User):
        raise LOGIN_WRONG()
    _forgive(("login", email.strip().lower()))
    if not access.posts_of(user):
        raise NO_POST()
    return user


def is_enrolled(user: User) -> bool:
    return Authenticator.objects.filter(user_id=user.pk, type=Authenticator.Type.TOTP).exists()


def new_secret() -> str:
    return generate_totp_secret()


@transaction.atomic
def enrol(*, user: User, secret: str, code: str, actor: Actor, at: datetime) -> list[str]:
    """Bind an authenticator app and return the recovery codes. Refuses: second_factor_wrong, staff_too_many_tries."""
    _guard(("second", user.pk), TRIES_PER_CODE)
    if is_enrolled(user) or not validate_totp_code(secret, _digits(code)):
        raise SECOND_FACTOR_WRONG()
    _forgive(("second", user.pk))
    TOTP.activate(user, secret)
    codes = RecoveryCodes.activate(user).get_unused_codes()
    events.record("console.second_factor_enrolled", user, actor, at)
    return codes


def check_second_factor(*, user: User, code: str, at: datetime) -> str:
    """Accept a code of the app, or a recovery code; return which one it was.

    Refuses: second_factor_wrong, staff_too_many_tries. A code works once, also within its 30 seconds.
    """
    _guard(("second", user.pk), TRIES_PER_CODE)
    digits = _digits(code)
    for row in Authenticator.objects.filter(user_id=user.pk, type__in=["totp", "recovery_codes"]).order_by("-type"):
        if row.wrap().validate_code(digits):
            _forgive(("second", user.pk))
            events.record("console.signed_in", user, Actor.user(user), at, {"by": row.type})
            return str(row.type)
    raise SECOND_FACTOR_WRONG()


@transaction.atomic
def reset_second_factor(*, user: User, actor: Actor, at: datetime) -> None:
    """Forget somebody's authenticator app (a lost phone); the next sign-in binds a new one."""
    Authenticator.objects.filter(user_id=user.pk).delete()
    sessions.end_elsewhere(user=user, session_key="", actor=actor, at=at)
    events.record("console.second_factor_reset", user, actor, at)


def recovery_codes(user: User) -> list[str]:
    """Return the recovery codes that are still good."""
    row = Authenticator.objects.filter(user_id=user.pk, type=Authenticator.Type.RECOVERY_CODES).first()
    codes: list[str] = row.wrap().get_unused_codes() if row else []
    return codes


# --- the demo --------------------------------------------------------------------------------------


def demo_secret(email: str) -> str:
    """Return the fixed secret of a demo user, so that anybody can put it into an app."""
    return base64.b32encode(hashlib.sha256(f"lianhui demo {email}".encode()).digest()[:20]).decode()


def enrol_demo(user: User) -> None:
    """Give a demo user the fixed secret; does nothing outside a demo or the second time."""
    if settings.LIANHUI_DEMO and user.email and user.email.endswith(DEMO_DOMAIN) and not is_enrolled(user):
        TOTP.activate(user, demo_secret(user.email))
        RecoveryCodes.activate(user)


def demo_code(user: User) -> str | None:
    """Return the code that the app of a demo user would show now: the first one that was not used yet."""
    if not (settings.LIANHUI_DEMO and user.email and user.email.endswith(DEMO_DOMAIN)):
        return None
    step = int(time.time()) // PERIOD
    for counter in (step, step + 1, step - 1):
        code = format_hotp_value(hotp_value(demo_secret(user.email), counter))
        if cache.get(f"allauth.mfa.totp.used?user={user.pk}&code={code}") is None:
            return code
    return None


# --- counting tries --------------------------------------------------------------------------------


def _key(about: tuple[str, object]) -> str:
    return f"tries:{about[0]}:{salted_hmac('alliance.staff', str(about[1]), algorithm='sha256').hexdigest()[:40]}"


def _guard(about: tuple[str, object], limit: int) -> None:
    """Count a try before it is made, so that parallel ones cannot slip through."""
    key = _key(about)
    cache.add(key, 0, WINDOW_SECONDS)
    try:
        tries = cache.incr(key)
    except ValueError:  # the window ended between the two calls
        cache.set(key, 1, WINDOW_SECONDS)
        tries = 1
    if tries > limit:
        raise TOO_MANY_TRIES()


def _forgive(about: tuple[str, object]) -> None:
    cache.delete(_key(about))


def _digits(code: str) -> str:
    return "".join(str(int(sign)) for sign in code if sign.isdecimal())
