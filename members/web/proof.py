"""The member's own part of the daily proof of reserves: shown, checked in the browser, and to take along.

There is no address for anybody else's part: the wallet is the one of who is signed in.
"""

from __future__ import annotations

from datetime import date

from django.core.cache import cache
from django.http import Http404, HttpResponse, JsonResponse
from django.shortcuts import render
from django.views.decorators.cache import never_cache

from members import wallets
from members.access import MemberRequest, member_only
from points import proving
from points.models import Proof

# A part never changes; the page, its script and the download ask for it within seconds.
KEPT_SECONDS = 600


@member_only
@never_cache
def proof(request: MemberRequest, on: str = "") -> HttpResponse:
    """Show one day's part, of the newest day unless another one is named."""
    days = proving.kept_days()
    day = _day(on) if on else (days[0] if days else None)
    if on and day not in days:
        raise Http404
    found = _document(request, day) if day else None
    if on and found is None:
        raise Http404
    context = {
        "tab": "wallet",
        "standing": wallets.standing(request.member),
        "day": day,
        "days": days[:35],
        "document": found,
        "taken_at": Proof.objects.get(pk=day).taken_at if day else None,
    }
    return render(request, "members/wallet_proof.html", context)


@member_only
@never_cache
def proof_json(request: MemberRequest, on: str) -> HttpResponse:
    """Hand out the file that docs/verify_proof.py reads."""
    day = _day(on)
    found = _document(request, day) if day else None
    if found is None:
        raise Http404
    answer = JsonResponse(found)
    answer["Content-Disposition"] = f'attachment; filename="proof-{on}.json"'
    return answer


def _day(text: str) -> date | None:
    try:
        found = date.fromisoformat(text)
    except ValueError:
        return None
    # One address per day: "20261123" and "2026-W48-1" are other spellings.
    return found if found.isoformat() == text else None


def _document(request: MemberRequest, day: date) -> dict[str, object] | None:
    wallet = request.member.wallet_id
    name = f"members.proof:{day.isoformat()}:{wallet}"
    known: dict[str, object] | None = cache.get(name)
    if known is None:
        found = proving.evidence(day, wallet)
        if found is None:
            return None
        known = found.document()
        cache.set(name, known, KEPT_SECONDS)
    return known
