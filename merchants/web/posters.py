"""A poster with the shop's own QR code: to print, for the door and the desk."""

from __future__ import annotations

import io

import segno
from django.http import Http404, HttpResponse
from django.utils import timezone
from django.views.decorators.cache import never_cache

from alliance.calc.worktime import shanghai_day
from alliance.templatetags import face
from merchants.access import DeskRequest, manager_only
from merchants.models import Agreement, Outlet
from merchants.web import frame

# What a bill of this size earns stands on the poster.
SAMPLE_FEN = 100_00


@manager_only
@never_cache
def poster(request: DeskRequest, number: int) -> HttpResponse:
    """Draw one sheet of A4: what can be done here, and a code that leads to the shop's page."""
    desk = request.desk
    outlet = next((each for each in desk.managed_outlets if each.pk == number), None)
    if outlet is None or outlet.state != Outlet.State.OPEN:
        raise Http404
    card = Agreement.objects.in_force(shanghai_day(timezone.now())).filter(merchant=desk.merchant).first()
    address = request.build_absolute_uri(face.route("place", "/", outlet.pk))
    context = {
        "poster": outlet,
        "address": address,
        "qr": _qr(address),
        "earns": SAMPLE_FEN * card.rate_bps * card.member_bps // 10_000**2 if card else 0,
        "share_bps": card.spend_share_bps if card else 0,
    }
    return frame.page(request, desk, "poster.html", "team", context)


def _qr(address: str) -> str:
    """Return the symbol as one SVG element; a fifth of it may be covered and it still reads."""
    out = io.BytesIO()
    symbol = segno.make(address, error="q", micro=False)
    symbol.save(out, kind="svg", border=1, omitsize=True, xmldecl=False, nl=False, light="#fff", lineclass=None)
    return out.getvalue().decode()
