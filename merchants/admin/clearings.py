"""Clearing days, the statements that they wrote, and the payouts that came of them."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.core.cache import cache
from django.db.models import Count, Sum
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html
from django.utils.translation import gettext as _t
from django.utils.translation import gettext_lazy as _
from unfold.decorators import display

from alliance import jobs
from alliance.admin.acts import Act
from alliance.admin.drawing import label, labelled
from alliance.admin.exporting import ExportedAdmin
from alliance.admin.scoped import actor_of, now, once
from alliance.admin.wording import acting
from alliance.templatetags.lianhui import yuan
from merchants.admin.owners import OwnedAdmin
from merchants.clearing import JOB
from merchants.models import PayoutLine
from points import clearing
from points.admin import links
from points.models import Clearing, Payout, Statement

KEPT_SECONDS = 7 * 24 * 3600
TRUE = {True: "success", False: "danger"}
PAYOUT_TONES = {1: "warning", 2: "info", 3: "info", 4: "success", 5: "danger", 6: ""}


def _again(request: HttpRequest, run: Clearing, data: dict[str, Any]) -> str:
    on = run.cleared_on.isoformat()
    jobs.ask(JOB, params={"on": on}, subject=f"points.clearing:{on}", actor=actor_of(request), at=now())
    return _t("It runs. Its progress stands on the finance desk.")


@admin.register(Clearing)
class ClearingAdmin(ExportedAdmin):
    scope = "headquarters"
    view_permission = "book.view"
    list_display = (
        "cleared_on", "shown_state", "shown_statements", "shown_paid", "started_at", "finished_at", "shown_actor",
    )  # fmt: skip
    ordering = ("-cleared_on",)
    fields = (
        ("cleared_on", "shown_state"),
        ("shown_statements", "shown_payouts", "shown_paid"),
        "shown_sums",
        ("started_at", "finished_at", "shown_actor"),
    )
    readonly_fields = (
        "shown_state", "shown_statements", "shown_payouts", "shown_paid", "shown_sums", "shown_actor",
    )  # fmt: skip
    shown_actor = acting("actor", _("actor"))
    acts = (
        Act(
            name="again",
            # Translators: 继续清分
            title=_("Go on with it"),
            permission="payout.ask",
            says=_("It does what is left of this day; what was done already is not done twice."),
            run=_again,
            is_possible=lambda _request, run: run.finished_at is None,
            icon="replay",
            url=lambda _run: reverse("admin:finance_desk"),
        ),
    )

    def attach(self, rows: Any) -> None:
        # A day that is finished has no more statements: its sums are kept.
        names = {f"clearing.day:{row.pk}:{row.finished_at.timestamp()}": row.pk for row in rows if row.finished_at}
        known = {names[name]: sums for name, sums in cache.get_many(names).items()}
        days = [row.pk for row in rows if row.pk not in known]
        found = (
            Statement.objects.filter(clearing__in=days).values_list("clearing").annotate(Count("pk"), Sum("paid_fen"))
        )
        sums = {on: (n, fen) for on, n, fen in found.order_by()} if days else {}
        new = {name: sums.get(on, (0, 0)) for name, on in names.items() if on not in known}
        if new:
            cache.set_many(new, timeout=KEPT_SECONDS)
        for row in rows:
            row.sums = known.get(row.pk) or sums.get(row.pk, (0, 0))

    def _sums(self, run: Clearing) -> clearing.Sums:
        found: clearing.Sums = once(run, "whole", lambda: clearing.sums(run.pk))
        return found

    @labelled(description=_("state"), tones={"done": "success", "open": "warning"})
    def shown_state(self, run: Clearing) -> tuple[str, Any]:
        # Translators: 已完成 / 未完成
        return ("done", _("Finished")) if run.finished_at else ("open", _("Not finished"))

    @display(description=_("statements"))
    def shown_statements(self, run: Clearing) -> Any:
        n = run.sums[0] if hasattr(run, "sums") else self._sums(run).statements  # type: ignore[attr-defined]
        return links.number(n)

    @display(description=_("payouts"))
    def shown_payouts(self, run: Clearing) -> Any:
        return links.number(self._sums(run).payouts)

    @display(description=_("to be paid out"))
    def shown_paid(self, run: Clearing) -> str:
        fen = run.sums[1] if hasattr(run, "sums") else self._sums(run).figures["paid_fen"]  # type: ignore[attr-defined]
        return links.money(fen or 0)

    # Translators: 合计
    @display(description=_("adds up"))
    def shown_sums(self, run: Clearing) -> str:
        found = self._sums(run)
        got = found.figures
        taken = sum(got[name] for name in ("retained_fen", "claims_fen", "bills_fen", "standing_fen", "paid_fen"))
        come = found.opening_fen + got["proceeds_fen"] + got["returned_fen"]
        # Translators: 期初 … + 收入 … + 退回 … − 已用 … = 期末 …
        words = _t(
            "opening %(opening)s + taken %(income)s + came back %(returned)s − used %(taken)s = closing %(closing)s"
        ) % {
            "opening": yuan(found.opening_fen),
            "income": yuan(got["proceeds_fen"]),
            "returned": yuan(got["returned_fen"]),
            "taken": yuan(taken),
            "closing": yuan(found.closing_fen),
        }
        is_right = come - taken == found.closing_fen
        # Translators: 相符 / 不符
        return format_html("{} {}", words, label(_("adds up") if is_right else _("does not add up"), TRUE[is_right]))


class ClearingDay(admin.SimpleListFilter):
    """The newest clearing days."""

    title = _("clearing day")
    parameter_name = "day"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        days = Clearing.objects.order_by("-cleared_on").values_list("cleared_on", flat=True)[:31]
        return [(on.isoformat(), f"{on:%Y-%m-%d}") for on in days]

    def queryset(self, request: HttpRequest, queryset: Any) -> Any:
        return queryset.filter(clearing=self.value()) if self.value() in dict(self.lookup_choices) else queryset


@admin.register(Statement)
class StatementAdmin(OwnedAdmin):
    letter = "ST"
    icon = "description"
    list_display = (
        "shown_number", "shown_day", "shown_owner", "shown_opening", "shown_proceeds", "shown_taken", "shown_amount",
        "shown_closing",
    )  # fmt: skip
    list_filter = (ClearingDay,)
    # Translators: 对账单 ST12 或商户名称
    search_help_text = _("A statement (ST12) or a merchant's name")
    ordering = ("-id",)
    fields = (
        ("shown_number", "shown_owner", "shown_day", "since_on"),
        ("shown_opening", "shown_proceeds", "shown_returned"),
        ("shown_retained", "shown_claims", "shown_bills"),
        ("shown_standing", "shown_amount", "shown_closing"),
        "shown_sum",
        ("shown_payout", "shown_journal", "booked_at"),
    )
    readonly_fields = (
        "shown_number", "shown_owner", "shown_day", "shown_opening", "shown_proceeds", "shown_returned",
        "shown_retained", "shown_claims", "shown_bills", "shown_standing", "shown_amount", "shown_closing", "shown_sum",
        "shown_payout", "shown_journal",
    )  # fmt: skip

    @display(description=_("statement"), ordering="id")
    def shown_number(self, row: Statement) -> str:
        return f"ST{row.pk}"

    @display(description=_("clearing day"))
    def shown_day(self, row: Statement) -> str:
        return f"{row.clearing_id:%Y-%m-%d}"

    @display(description=_("opening balance"))
    def shown_opening(self, row: Statement) -> str:
        return links.money(row.opening_fen)

    @display(description=_("points taken, less fees and refunds"))
    def shown_proceeds(self, row: Statement) -> str:
        return links.money(row.proceeds_fen)

    @display(description=_("payouts that came back"))
    def shown_returned(self, row: Statement) -> str:
        return links.money(row.returned_fen)

    @display(description=_("set apart for disputes"))
    def shown_retained(self, row: Statement) -> str:
        return links.money(row.retained_fen)

    @display(description=_("advances and claims repaid"))
    def shown_claims(self, row: Statement) -> str:
        return links.money(row.claims_fen)

    @display(description=_("bills paid"))
    def shown_bills(self, row: Statement) -> str:
        return links.money(row.bills_fen)

    @display(description=_("standing top-up of the float"))
    def shown_standing(self, row: Statement) -> str:
        return links.money(row.standing_fen)

    # Translators: 抵扣及留存
    @display(description=_("kept back and set off"))
    def shown_taken(self, row: Statement) -> str:
        return links.money(row.retained_fen + row.claims_fen + row.bills_fen + row.standing_fen)

    @display(description=_("to be paid out"))
    def shown_amount(self, row: Statement) -> str:
        return links.money(row.paid_fen)

    @display(description=_("closing balance"))
    def shown_closing(self, row: Statement) -> str:
        return links.money(row.closing_fen)

    # Translators: 勾稽
    @display(description=_("check"))
    def shown_sum(self, row: Statement) -> str:
        come = row.opening_fen + row.proceeds_fen + row.returned_fen
        gone = row.retained_fen + row.claims_fen + row.bills_fen + row.standing_fen + row.paid_fen
        is_right = come - gone == row.closing_fen
        words = f"{yuan(come)} − {yuan(gone)} = {yuan(row.closing_fen)}"
        return format_html("{} {}", words, label(_("adds up") if is_right else _("does not add up"), TRUE[is_right]))

    @display(description=_("payout"))
    def shown_payout(self, row: Statement) -> str:
        found = Payout.objects.filter(statement=row).first()
        return links.link("points_payout", found.pk, str(found)) if found else "–"

    @display(description=_("journal"))
    def shown_journal(self, row: Statement) -> str:
        return links.journal(row.journal_id)


@admin.register(Payout)
class PayoutAdmin(OwnedAdmin):
    account = "source_id"
    letter = "P"
    icon = "outbound"
    list_display = (
        "shown_number", "shown_state", "shown_owner", "shown_amount", "opened_at", "shown_run", "ended_at",
        "returned_at",
    )  # fmt: skip
    list_filter = ("state",)
    # Translators: 付款 P12 或商户名称
    search_help_text = _("A payout (P12) or a merchant's name")
    ordering = ("-id",)
    fields = (
        ("shown_number", "shown_state", "shown_owner"),
        ("shown_amount", "shown_statement", "shown_run"),
        ("opened_at", "ended_at", "returned_at"),
        ("shown_journal", "shown_line"),
    )
    readonly_fields = (
        "shown_number", "shown_state", "shown_owner", "shown_amount", "shown_statement", "shown_run", "shown_journal",
        "shown_line",
    )  # fmt: skip

    @display(description=_("payout"), ordering="id")
    def shown_number(self, row: Payout) -> str:
        return str(row)

    @labelled(description=_("state"), ordering="state", tones=PAYOUT_TONES)
    def shown_state(self, row: Payout) -> tuple[int, Any]:
        return row.state, row.get_state_display()

    @display(description=_("amount"))
    def shown_amount(self, row: Payout) -> str:
        return links.money(row.amount_fen)

    @display(description=_("statement"))
    def shown_statement(self, row: Payout) -> str:
        return links.link("points_statement", row.statement_id, f"ST{row.statement_id}")

    @display(description=_("payout run"))
    def shown_run(self, row: Payout) -> str:
        return links.link("merchants_payoutrun", row.run_no, f"PR{row.run_no}")

    @display(description=_("journal"))
    def shown_journal(self, row: Payout) -> str:
        return links.journal(row.journal_id)

    # Translators: 付至
    @display(description=_("paid to"))
    def shown_line(self, row: Payout) -> str:
        line = PayoutLine.objects.filter(payout=row).select_related("payout_account").first()
        return f"{line.payout_account} · {line.code}" if line else "–"
