"""The member's code: QR, bars and digits that change every 30 seconds, the next ten with them for want of network."""

from __future__ import annotations

import io
from datetime import datetime
from typing import Any

import segno
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.cache import never_cache

from alliance.calc import code128
from members import wallets
from members.access import MemberRequest, member_only
from points import identify

# Ten steps of 30 s: five minutes at a till without network.
STEPS = 10


@member_only
@never_cache
def code(request: MemberRequest) -> HttpResponse:
    now = timezone.now()
    wallet = wallets.wallet_of(request.member)
    answer = _answer(request.member.wallet_id, now) if not wallet.frozen_at else None
    context = {
        "tab": "code",
        "member": request.member,
        "wallet": wallet,
        "answer": answer,
        "current": _current(answer, now),
        "watch": f"{reverse('code_watch')}?since={wallet.seq}",
    }
    return render(request, "members/code.html", context)


@member_only
@never_cache
def code_json(request: MemberRequest) -> HttpResponse:
    """Answer the running step and the next ones; a step that was used already is left out."""
    now = timezone.now()
    if wallets.wallet_of(request.member).frozen_at:
        return JsonResponse({"now": now.isoformat(), "steps": []})
    return JsonResponse(_answer(request.member.wallet_id, now))


@member_only
@never_cache
def watch(request: MemberRequest) -> HttpResponse:
    """Tell the code's page what was booked since it opened, and where to read it, or that the code was used."""
    since = _number(request)
    wallet = wallets.wallet_of(request.member)
    if since is not None and wallet.seq > since:
        newest = wallets.entries(request.member, limit=1).rows
        if newest:
            return JsonResponse({"href": f"{reverse('entry', args=[newest[0].journal_id])}?new=1"})
    return JsonResponse({"used": identify.code_was_used(request.member.wallet_id, timezone.now())})


def _answer(wallet_id: int, now: datetime) -> dict[str, Any]:
    # A code that a till has taken is not shown again; the next one comes with the next step.
    was_used = identify.code_was_used(wallet_id, now)
    return {
        "now": now.isoformat(),
        "steps": [
            {
                "valid_from": step.valid_from.isoformat(),
                "digits": step.digits,
                "grouped": " ".join(step.digits[n : n + 4] for n in range(0, len(step.digits), 4)),
                "svg": qr(step.digits),
                "bars": code128.svg(step.digits),
                "mark": step.mark,
            }
            for step in identify.next_codes(wallet_id, now, STEPS)[was_used:]
        ],
    }


def _current(answer: dict[str, Any] | None, now: datetime) -> dict[str, Any] | None:
    """Return the running step, unless it was used."""
    steps = answer["steps"] if answer else []
    return next((step for step in steps if datetime.fromisoformat(step["valid_from"]) <= now), None)


def qr(digits: str) -> str:
    """Return the QR symbol of the digits as one SVG element, dark on light in both themes."""
    out = io.BytesIO()
    segno.make(digits, error="m", micro=False).save(
        out, kind="svg", border=2, omitsize=True, xmldecl=False, nl=False, light="#fff", svgclass="qr", lineclass=None
    )
    return out.getvalue().decode()


def _number(request: HttpRequest) -> int | None:
    given = request.GET.get("since", "")
    return int(given) if given.isdigit() and len(given) < 19 else None
