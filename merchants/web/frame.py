"""What every page of the merchants' face has around it."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext as _

from merchants.access import Desk


def links(desk: Desk) -> list[dict[str, str]]:
    """Return the ways that this person has, in the order of the day's work."""
    found: list[dict[str, str]] = []
    if desk.manages:
        # Translators: 概况
        found.append(_link("shop", "shop", "dashboard", _("Overview")))
        # Translators: 小票
        found.append(_link("sales", "shop_sales", "receipt", _("Sales")))
    # Translators: 收银台
    found.append(_link("till", "till", "cash", _("Till")))
    if not desk.manages:
        # Translators: 最近的小票
        found.append(_link("recent", "till_recent", "history", _("Latest")))
    if desk.manages_all:
        # Translators: 资金
        found.append(_link("money", "shop_money", "safe", _("Money")))
    if desk.manages:
        # Translators: 我的店
        found.append(_link("team", "shop_staff" if desk.is_owner else "shop_outlets", "store", _("Shop")))
    return found


def _link(place: str, name: str, icon: str, label: str) -> dict[str, str]:
    return {"place": place, "url": reverse(name), "icon": icon, "label": label}


def page(
    request: HttpRequest, desk: Desk, template: str, place: str, context: dict[str, Any], status: int = 200
) -> HttpResponse:
    """Draw a page of the merchants' face."""
    frame = {
        "desk": desk,
        "merchant": desk.merchant,
        "outlet": desk.outlet,
        "place": place,
        "shop_links": links(desk),
    }
    return render(request, f"merchants/{template}", {**frame, **context}, status=status)
