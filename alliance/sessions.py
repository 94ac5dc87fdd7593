"""Who is signed in where: seen by the person, ended by the person.

Sessions are Django's, in the database; a row of SignIn beside each says which device it is and when it was last used.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime, timedelta

from django.contrib.auth import SESSION_KEY, login, logout
from django.contrib.sessions.models import Session
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.utils import timezone

from alliance import events
from alliance.actors import Actor
from alliance.models import SignIn, User

# How old the "last seen" of a device may be: one small write per person and five minutes, not one per page.
FRESH = timedelta(minutes=5)
# It loads whoever is signed in; its passwords are for console users only.
BACKEND = "alliance.auth.StaffBackend"
_SEEN = "seen_at"

_BROWSERS = (
    ("MicroMessenger", "WeChat"),
    ("EdgA?/", "Edge"),
    ("HuaweiBrowser", "Huawei Browser"),
    ("MiuiBrowser", "Mi Browser"),
    ("SamsungBrowser", "Samsung Internet"),
    ("Firefox/|FxiOS/", "Firefox"),
    ("Chrome/|CriOS/|Chromium/", "Chrome"),
    ("Safari/", "Safari"),
)
_SYSTEMS = (
    ("HarmonyOS", "HarmonyOS"),
    ("iPhone", "iPhone"),
    ("iPad", "iPad"),
    ("Android", "Android"),
    ("Windows", "Windows"),
    ("Mac OS X|Macintosh", "Mac"),
    ("Linux", "Linux"),
)


def device_of(user_agent: str) -> str:
    """Return a browser's header as words for its owner: "Chrome · Android"."""
    parts = [
        next((name for pattern, name in known if re.search(pattern, user_agent)), "") for known in (_BROWSERS, _SYSTEMS)
    ]
    return " · ".join(part for part in parts if part)


def seen(request: HttpRequest, user: User, at: datetime) -> None:
    """Note that this session is in use; the first time it gets its row."""
    last = request.session.get(_SEEN)
    if last is not None and datetime.fromisoformat(last) > at - FRESH:
        return
    request.session[_SEEN] = at.isoformat()
    device = device_of(request.headers.get("User-Agent", ""))
    if not request.session.session_key:
        request.session.save()
    SignIn.objects.update_or_create(
        session_key=request.session.session_key,
        defaults={"user": user, "device": device, "seen_at": at},
        create_defaults={"user": user, "device": device, "seen_at": at, "started_at": at},
    )


@transaction.atomic
def begin(request: HttpRequest, *, user: User, by: str, at: datetime) -> None:
    """Sign the user in on this device. by: how they proved who they are ("code", "joined")."""
    login(request, user, backend=BACKEND)
    seen(request, user, at)
    events.record("user.signed_in", user, Actor.user(user), at, {"by": by})


def leave(request: HttpRequest) -> None:
    """Sign out on this device."""
    SignIn.objects.filter(session_key=request.session.session_key or "").delete()
    logout(request)


def devices(user: User, at: datetime) -> list[SignIn]:
    """Return where the user is signed in, the latest used first."""
    alive = Session.objects.filter(expire_date__gt=at).values("session_key")
    return list(SignIn.objects.of(user).filter(session_key__in=alive).order_by("-seen_at", "pk"))


@transaction.atomic
def end_elsewhere(*, user: User, session_key: str, actor: Actor, at: datetime) -> int:
    """Sign the user out everywhere but in the session `session_key`; return on how many devices."""
    others = list(SignIn.objects.of(user).exclude(session_key=session_key).values_list("session_key", flat=True))
    ended, _rows = Session.objects.filter(session_key__in=others).delete()
    SignIn.objects.filter(session_key__in=others).delete()
    events.record("user.signed_out_elsewhere", user, actor, at, {"devices": ended})
    return ended


@transaction.atomic
def end(*, user: User, sign_in: SignIn, actor: Actor, at: datetime) -> None:
    """Sign the user out on one device."""
    Session.objects.filter(session_key=sign_in.session_key).delete()
    sign_in.delete()
    events.record("user.signed_out_elsewhere", user, actor, at, {"devices": 1})


def sweep(at: datetime) -> int:
    """Drop sessions that are over, and the rows of devices whose session is gone; return how many devices."""
    Session.objects.filter(expire_date__lte=at).delete()
    gone = SignIn.objects.exclude(session_key__in=Session.objects.values("session_key"))
    # A session that begins at this moment may have its device row first.
    return gone.filter(seen_at__lt=at - timedelta(hours=1)).delete()[0]


def middleware(get_response: Callable[[HttpRequest], HttpResponse]) -> Callable[[HttpRequest], HttpResponse]:
    """Keep "last seen" of whoever is signed in, console staff included."""

    def middleware(request: HttpRequest) -> HttpResponse:
        if SESSION_KEY in request.session and request.user.is_authenticated:
            seen(request, request.user, timezone.now())
        return get_response(request)

    return middleware
