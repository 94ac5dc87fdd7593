"""The public page of what is owed and what stands behind it. Sums only: nothing here is about anybody."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date
from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.utils import timezone
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _
from django.views.decorators.cache import cache_control, never_cache

from alliance.access import public
from alliance.calc.worktime import shanghai_day
from alliance.templatetags.lianhui import bps, local_time, thousands
from points import proving, reserves
from points.models import Proof

FORMAT = "lianhui-reserve-1"
DAYS, MOST_DAYS = 31, 1000
CHART_DAYS = 30
# Of the roll-forward.
MONTHS = 13
# Beyond this the figures are older than a day and a night, and the page says so.
OLD_HOURS = 30
SCRIPT = settings.BASE_DIR / "docs" / "verify_proof.py"

# What else is owed, in words for everybody; the order of the page.
OWED: dict[str, tuple[Promise, Promise]] = {
    # Translators: 商户预存的钱
    "float": (_("Prepaid by shops"), _("Floats: what shops have paid in and not given as points yet.")),
    # Translators: 欠商户的钱
    "proceeds": (_("Owed to shops"), _("Proceeds: points that shops took, to be paid out to them.")),
    # Translators: 等待分配的让利
    "rest": (_("Rebates waiting to be split"), _("What is left of a rebate, held back until a refund is over.")),
    # Translators: 退货期内的手续费
    "fee_rest": (_("Fees held back"), _("Fees for spending points, held back until a refund is over.")),
    # Translators: 欠服务中心的钱
    "centre": (_("Owed to service centres"), _("Their part of the rebates.")),
    # Translators: 活动预算
    "budget": (_("Campaign budgets"), _("Set aside by the operator for points it has promised to give.")),
    # Translators: 商户促销金
    "promo": (_("Shops’ promotion credit"), _("Set aside for shops, to be given as points.")),
    # Translators: 付款在途
    "in_payout": (_("On its way to shops and centres"), _("Cleared and approved, until the bank has paid it.")),
    # Translators: 争议留存款
    "retained": (_("Set apart for disputes"), _("Amounts that a shop contests, until two people have decided.")),
    # Translators: 待认领款
    "suspense": (_("Not claimed yet"), _("Money that has arrived and of which nobody has said whose it is.")),
}


@dataclass(frozen=True, slots=True)
class Line:
    """One part of what the money stands for."""

    label: Any
    text: Any
    fen: int


@dataclass(frozen=True, slots=True)
class Part:
    """A piece of the bar: x and width of 1000."""

    label: Any
    fen: int
    x: float
    width: float
    fill: str


@public
@never_cache
def page(request: HttpRequest) -> HttpResponse:
    """Show the newest figures, what they are made of, their proof, and the days before."""
    links = proving.links(DAYS)
    context: dict[str, Any] = {"tab": "", "links": links, "script": SCRIPT.name}
    if links:
        newest = links[0][0]
        hours = (timezone.now() - newest.taken_at).total_seconds() / 3600
        shown = [proof for proof, _before in reversed(links)][-CHART_DAYS:]
        context |= {
            "proof": newest,
            "points": newest.published["points"],
            "owed": _owed(newest),
            "others_fen": newest.owed_fen - newest.total_points,
            "own_fen": sum(newest.published["own_fen"].values()),
            "coverage": covered(newest),
            "is_covered": newest.custody_fen >= newest.owed_fen,
            "parts": _parts(newest),
            "root": bytes(newest.root).hex(),
            "chain": bytes(newest.chain).hex(),
            "hours": round(hours),
            "is_old": hours > OLD_HOURS,
            "chart_labels": [local_time(proof.taken_at, "MONTH_DAY_FORMAT") for proof in shown],
            "chart_values": [proof.total_points for proof in shown],
            "chart_words": [thousands(proof.total_points) for proof in shown],
            "days": [(proof, covered(proof), bytes(proof.root).hex()) for proof, _before in links[:CHART_DAYS]],
            **_movements(),
        }
    return render(request, "points/reserve.html", context)


@public
@cache_control(public=True, max_age=60)
def document(request: HttpRequest) -> HttpResponse:
    """Answer the same for machines: figures, roots and chain, newest first (`?days=`, `?until=`)."""
    asked, last = request.GET.get("days", ""), request.GET.get("until", "")
    days = int(asked) if asked.isascii() and asked.isdigit() and len(asked) < 6 else DAYS
    try:
        until = date.fromisoformat(last) if last else None
    except ValueError:
        until = None
    answer = JsonResponse({**published(max(1, min(days, MOST_DAYS)), until), **_moved()})
    # Published for everybody, also for other people's pages.
    answer["Access-Control-Allow-Origin"] = "*"
    return answer


def published(days: int, until: date | None = None) -> dict[str, Any]:
    """Return what is published of the newest days (up to one), newest first."""
    return {
        "format": FORMAT,
        "name": settings.LIANHUI_NAME,
        "is_demo": settings.LIANHUI_DEMO,
        "days": [_day(proof, before) for proof, before in proving.links(days, until)],
    }


@public
@cache_control(public=True, max_age=3600)
def script(request: HttpRequest) -> HttpResponse:
    """Hand out the checking program, to be read before it is run."""
    return HttpResponse(SCRIPT.read_text(encoding="utf-8"), content_type="text/plain; charset=utf-8")


def covered(proof: Proof) -> str:
    """Return the coverage in percent, rounded down: 99.999 % is not 100 %."""
    return bps(proof.custody_fen * 10_000 // proof.owed_fen) if proof.owed_fen else "–"


def _movements() -> dict[str, Any]:
    """Return what became of the points: sums over everybody, kept until the running totals move."""
    found = reserves.figures(shanghai_day(timezone.now()))
    ages = [
        # Translators: %(first)s–%(last)s 个月
        (_("%(first)s–%(last)s months") % {"first": age.months, "last": age.until}, age.points)
        if age.until is not None
        # Translators: %(n)s 个月以上
        else (_("older than %(n)s months") % {"n": age.months}, age.points)
        for age in found.ages
        if age.points
    ]
    whole = max(sum(points for _name, points in ages), 1)
    return {
        "moved_at": found.as_of,
        "months": list(reversed(found.months[-MONTHS:])),
        "ages": [(name, points, bps(max(points, 0) * 10_000 // whole)) for name, points in ages],
    }


def _moved() -> dict[str, Any]:
    """Return the same for machines: closing = opening + issued - spent - expired - returned + reversed + adjusted."""
    found = reserves.figures(shanghai_day(timezone.now()))
    names = ("opening", "issued", "spent", "expired", "returned", "reversed", "adjusted", "closing")
    return {
        "moved_at": found.as_of.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z"),
        "months": [
            {"month": f"{month.first:%Y-%m}", **{name: getattr(month, name) for name in names}}
            for month in found.months[-MONTHS:]
        ],
        "ages": [{"from_months": age.months, "to_months": age.until, "points": age.points} for age in found.ages],
    }


def _day(proof: Proof, before: str) -> dict[str, Any]:
    return {
        **proof.published,
        "total_points": proof.total_points,
        "coverage_bps": proof.custody_fen * 10_000 // proof.owed_fen if proof.owed_fen else None,
        "root": bytes(proof.root).hex(),
        "previous_chain": before,
        "chain": bytes(proof.chain).hex(),
        "figures": proof.figures,
    }


def _owed(proof: Proof) -> list[Line]:
    """Return everything else that is owed; kinds of accounts that this page has no words for yet come last."""
    found = dict(proof.published["owed_fen"])
    lines = [Line(*words, found.pop(name)) for name, words in OWED.items() if name in found]
    return lines + [Line(name.replace("_", " "), "", fen) for name, fen in found.items()]


def _parts(proof: Proof) -> list[Part]:
    """Return the bar: what the money in custody stands for, from left to right."""
    own = sum(proof.published["own_fen"].values())
    floats = proof.published["owed_fen"].get("float", 0)
    pieces = [
        # Translators: 会员的积分
        (_("Members’ points"), proof.total_points, "fill-primary"),
        (OWED["float"][0], floats, "fill-secondary"),
        # Translators: 欠其他人的钱
        (_("Owed to others"), proof.owed_fen - proof.total_points - floats, "fill-accent"),
        # Translators: 运营方自己的钱
        (_("The operator’s own"), own, "fill-info"),
    ]
    whole, x, parts = max(sum(fen for _label, fen, _fill in pieces), 1), 0.0, []
    for label, fen, fill in pieces:
        width = max(fen, 0) / whole * 1000
        parts.append(Part(label, fen, round(x, 1), round(width, 1), fill))
        x += width
    return parts
