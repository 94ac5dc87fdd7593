"""Where to earn and spend: the shops around, by the browser's place if its owner gives it, else by district."""

from __future__ import annotations

from typing import Any

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.cache import never_cache

from alliance.access import public
from members import places
from members.access import member_of


@public
@never_cache
def around(request: HttpRequest) -> HttpResponse:
    """List shops. A place comes by POST, so that it stands in no address and no log; it is used once and not kept."""
    asked = request.POST if request.method == "POST" else request.GET
    now = timezone.now()
    trades = places.trades_with_shops()
    trade = asked.get("trade", "")
    chosen = trade if any(each.code == trade for each in trades) else ""
    n = _number(asked.get("n", ""))
    place = _place(asked.get("lat", ""), asked.get("lng", "")) if request.method == "POST" else None
    district = places.district_of(member_of(request), asked.get("district", "")) if place is None else None
    context: dict[str, Any] = {
        "tab": "home",
        "trades": trades,
        "trade": chosen,
        "place": place,
        "district": district,
        "districts": places.districts(),
        "total": sum(each.n for each in trades),  # type: ignore[attr-defined]
        "next": n + places.PAGE,
    }
    if place is not None:
        context["found"] = places.near(*place, chosen, n, now)
    elif district is not None:
        context["found"] = places.of_district(district, chosen, n, now)
        context["districts"] = [each for each in context["districts"] if each.city_id == district.city_id]
        context["cities"] = _cities(places.districts())
    return render(request, "members/places.html", context)


@public
@never_cache
def shop(request: HttpRequest, number: int) -> HttpResponse:
    """Show one shop: also to strangers, who come from its poster."""
    outlet = places.shop(number, timezone.now()) if number < 2**63 else None
    if outlet is None:
        raise Http404
    context = {"tab": "home", "outlet": outlet, "hours": places.hours_in_words(outlet.hours) if outlet.hours else []}
    return render(request, "members/place.html", context)


def _cities(known: list[places.District]) -> list[places.District]:
    """Return the largest district of each city, to go to another one."""
    first: dict[int, places.District] = {}
    for each in known:
        first.setdefault(each.city_id, each)
    return list(first.values())


def _place(lat: str, lng: str) -> tuple[float, float] | None:
    try:
        north, east = float(lat), float(lng)
    except ValueError:
        return None
    return (north, east) if -90 <= north <= 90 and -180 <= east <= 180 else None


def _number(text: str) -> int:
    wanted = int(text) if text.isascii() and text.isdigit() and len(text) < 4 else places.PAGE
    return max(places.PAGE, min(wanted, places.MOST))
