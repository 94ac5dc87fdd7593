"""What console and merchant read of a leaving: facts before it, steps on the way, the final statement."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.http import HttpResponse
from django.utils.translation import gettext as _t
from django.utils.translation import gettext_lazy as _

from alliance.templatetags.lianhui import yuan
from merchants import leaving
from merchants.calc import sheets
from merchants.models import Merchant

WORDS = {
    # Translators: 未申请 / 待复核 / 正在退出 / 已退出
    "none": _("not asked for"),
    "asked": _("waits for a second person"),
    "leaving": _("is leaving"),
    "left": _("has left"),
}
TONES = {"none": "", "asked": "warning", "leaving": "info", "left": "success"}
WHY = {
    "none": _("There is none. Without it nothing can be paid."),
    "back": _("The bank sent money back from it: it has to be checked by two people first."),
    "cooling": _("It was changed within three days: nothing is paid until then."),
    "": _("in order"),
}


def facts(plan: leaving.Plan) -> list[tuple[Any, Any]]:
    """Return what a merchant has, owes and gets, and when: before anybody says yes."""
    rows: list[tuple[Any, Any]] = [
        (_("Float"), yuan(plan.held.float_fen)),
        (_("Promotion credit, which goes to the float"), yuan(plan.held.promo_fen)),
        (_("Proceeds, and payouts on their way"), yuan(plan.held.proceeds_fen + plan.held.in_payout_fen)),
    ]
    if plan.held.retained_fen or plan.disputes:
        rows.append((_("Set apart for disputes"), f"{yuan(plan.held.retained_fen)} · {plan.disputes}"))
    rows.append((_("Bills, advances and points owed, paid from it"), yuan(plan.owed_fen)))
    rows.append((_("Paid out in the end, as things stand"), yuan(plan.comes_fen)))
    if plan.missing_fen:
        rows.append(
            (_("Missing: promises are given up, the buffer keeps the loss of its advance"), yuan(plan.missing_fen))
        )
    if plan.owed.due_fen:
        rows.append((_("Comes with the next closes, from late refunds"), yuan(plan.owed.due_fen)))
    until = plan.windows_until.isoformat() if plan.windows_until else _("over already")
    rows.append((_("Refund windows until"), until))
    day = plan.payable_on.isoformat() if plan.payable_on else _("when its disputes are decided")
    rows.append((_("Paid out from about"), day))
    rows.append((_("Bank account"), f"{plan.account or '–'} · {WHY[plan.account_why]}"))
    return rows


def context(merchant: Merchant, at: datetime) -> dict[str, Any]:
    """Return what both faces draw."""
    way = leaving.way_of(merchant)
    plan = leaving.plan(merchant, at)
    found = leaving.final(merchant, way)
    steps: list[tuple[bool, Any, Any]] = []
    if way.is_begun and found is not None:
        is_over = way.state == "left"
        until = plan.windows_until
        is_open = bool(until or plan.disputes)
        steps = [
            (True, _("Decided by a second person"), way.decided_at),
            (not is_open or is_over, _("Refund windows and disputes are over"), until),
            (bool(found.moves) or is_over, _("Bills and advances paid, the rest moved to the proceeds"), None),
            ((bool(found.paid_fen) and not found.open_fen) or is_over, _("Paid to the bank account"), plan.payable_on),
            (is_over, _("Outlets closed, keys and staff ended"), None),
        ]
    return {
        "way": way,
        "way_words": WORDS[way.state],
        "way_tone": TONES[way.state],
        "plan": plan,
        "facts": facts(plan),
        "steps": steps,
        "final": found,
        "statements": [(row, leaving.figures(row)) for row in found.statements] if found else [],
        "at": at,
    }


def sheet(merchant: Merchant, found: leaving.Final) -> HttpResponse:
    """Return the final statement as a workbook."""
    book = sheets.xlsx(leaving.table(merchant, found), _t("Final statement"))
    kind = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
    answer = HttpResponse(book, content_type=kind)
    answer["Content-Disposition"] = f'attachment; filename="final-statement-{merchant.pk}.xlsx"'
    return answer
