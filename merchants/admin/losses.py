"""Loss budgets: rules above the bound of gifts by others, decided by two people; what of each is used and left."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _t
from django.utils.translation import gettext_lazy as _

from alliance.admin import pages
from alliance.admin.wording import actor
from alliance.calc.sheets import csv_lines
from alliance.templatetags.lianhui import local_time
from merchants import risks
from points.admin import links
from points.models import Account

LEGS = {
    # Translators: 正常 / 即将用完 / 已用完
    "good": _("in order"),
    "warn": _("nearly used up"),
    "bad": _("used up"),
}


def _is_over(request: HttpRequest) -> bool:
    return request.GET.get("state") == "over"


# Translators: 亏损预算
@pages.page(
    "loss_budgets", route="finance/losses/", title=_("Loss budgets"), icon="trending_down", permission="book.view"
)
def loss_budgets(request: HttpRequest) -> HttpResponse:
    are_over = _is_over(request)
    found = risks.loss_budgets(are_over=are_over)
    payers = Account.objects.in_bulk({each.payer_id for each in found})
    home = reverse("admin:loss_budgets")
    context = {
        "title": _("Loss budgets"),
        "are_over": are_over,
        "in_force_url": home,
        "over_url": f"{home}?state=over",
        "export": reverse("admin:loss_budgets_export") + ("?state=over" if are_over else ""),
        "rules_url": reverse("admin:points_ruleversion_changelist"),
        "rows": [
            {
                "budget": each,
                "url": reverse("admin:points_ruleversion_change", args=(each.version_id,)),
                "payer": links.link("points_account", each.payer_id, str(payers.get(each.payer_id, each.payer_id))),
                "asked_by": actor(each.asked_by),
                "approved_by": actor(each.approved_by),
                "says": LEGS[each.sign],
            }
            for each in found
        ],
        "limit": sum(each.limit for each in found),
        "used": sum(min(each.used, each.limit) for each in found),
        "left": sum(each.left for each in found),
        "alarms": [each for each in found if each.sign != "good"] if not are_over else [],
        "warn": risks.LOSS_WARN,
        "at": timezone.now(),
    }
    return pages.draw(request, "admin/finance/losses.html", context)


@pages.page("loss_budgets_export", route="finance/losses/export/", title=_("Loss budgets"), permission="book.view")
def export(request: HttpRequest) -> StreamingHttpResponse:
    found = risks.loss_budgets(are_over=_is_over(request))

    def rows() -> Iterator[list[Any]]:
        yield [
            _t("Loss budget"), _t("Rule"), _t("Version"), _t("Asked by"), _t("Approved by"), _t("From"), _t("To"),
            _t("Budget (yuan)"), _t("Used (yuan)"), _t("Left (yuan)"), _t("Used, %"),
        ]  # fmt: skip
        for each in found:
            yield [
                each.name, each.rule, each.version, actor(each.asked_by), actor(each.approved_by),
                local_time(each.starts_at), local_time(each.ends_at), each.limit / 100, each.used / 100,
                each.left / 100, each.share,
            ]  # fmt: skip

    answer = StreamingHttpResponse(csv_lines(rows()), content_type="text/csv; charset=utf-8")
    answer["Content-Disposition"] = 'attachment; filename="loss-budgets.csv"'
    return answer
