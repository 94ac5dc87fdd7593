"""The closing mode in the console: asked for by one person, decided by another, watched until the last point."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta
from http import HTTPStatus
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.core.cache import cache
from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.db.models import Q
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect, StreamingHttpResponse
from django.template.response import TemplateResponse
from django.urls import path, reverse
from django.utils import timezone
from django.utils.translation import gettext as _t
from django.utils.translation import gettext_lazy as _
from unfold.decorators import display

from alliance.admin.acts import ActForm, look_up
from alliance.admin.drawing import labelled
from alliance.admin.scoped import FrozenAdmin, now
from alliance.admin.wording import acting
from alliance.calc.sheets import csv_lines
from alliance.calc.worktime import shanghai_day
from alliance.models import Approval, Job, Unit, User
from alliance.refusals import Refused
from merchants.models import Merchant, TopUp
from points import accounts, winding_up
from points.admin import links
from points.models import Account, CreditLine, Winding, WindingFloat
from points.winding_up import Returned

KIND, JOB = "points.winding", "points.winding"
PAGE = 50
KEPT_SECONDS = 300
Scope = Winding.Scope
TONES = {"ahead": "info", "spending": "warning", "returning": "danger", "over": "success"}
PHASES = {
    # Translators: 仍在发放
    "ahead": _("Points are still given"),
    # Translators: 已停发，可使用
    "spending": _("Nothing is given, points can be spent"),
    # Translators: 退回出资方
    "returning": _("Points go back to who paid"),
    # Translators: 已清退
    "over": _("Over"),
}
CLAIMS = {
    "wallets": _("Points of members"),
    "proceeds": _("Merchants: proceeds"),
    "floats": _("Merchants: floats"),
    "promo": _("Merchants: promotion credit"),
    "centres": _("Service centres, and rests not split yet"),
    "others": _("Budgets and money not claimed"),
    "own": _("The operator’s own"),
}
assert list(CLAIMS) == [name for name, _kinds in winding_up.ORDER]
Kind = Account.Kind
LONGEST_NOTICE_DAYS = 5 * 365


class Ask(ActForm):
    """Who closes, and when."""

    scope = forms.TypedChoiceField(label=_("Who closes"), choices=Scope.choices, coerce=int, initial=Scope.MERCHANT)
    merchant = forms.ModelChoiceField(
        Merchant.objects.none(), label=_("Merchant"), required=False, help_text=_("Only where one merchant closes.")
    )
    unit = forms.ModelChoiceField(
        Unit.objects.none(),
        label=_("Region or service centre"),
        required=False,
        help_text=_("Only where a region closes: all merchants of its service centres that are not closing already."),
    )
    title = forms.CharField(label=_("Title"), max_length=120, help_text=_("Merchants read it when they ask why."))
    issue_ends_on = forms.DateField(label=_("Last day of issue"))
    months = forms.IntegerField(
        label=_("Months in which points can be spent afterwards"), min_value=1, max_value=36, initial=6
    )

    def prepare(self) -> None:
        merchant, unit = self.fields["merchant"], self.fields["unit"]
        assert isinstance(merchant, forms.ModelChoiceField) and isinstance(unit, forms.ModelChoiceField)
        merchant.queryset = Merchant.objects.visible_to(self.request.user).filter(float_id__isnull=False)
        look_up(merchant, TopUp._meta.get_field("merchant"))
        unit.queryset = Unit.objects.filter(parent__isnull=False, kind__in=("region", "centre")).order_by("path")

    def clean_issue_ends_on(self) -> date:
        found: date = self.cleaned_data["issue_ends_on"]
        if found > shanghai_day(timezone.now()) + timedelta(days=LONGEST_NOTICE_DAYS):
            # Translators: 停止发放的日子最晚在五年之内
            raise forms.ValidationError(_t("The last day of issue lies within the next five years."))
        return found

    def clean(self) -> dict[str, Any]:
        data = self.cleaned_data
        scope = data.get("scope")
        if scope == Scope.MERCHANT and not data.get("merchant"):
            self.add_error("merchant", _t("Name the merchant."))
        if scope == Scope.REGION and not data.get("unit"):
            self.add_error("unit", _t("Name the region."))
        return data

    @property
    def floats(self) -> list[int]:
        data = self.cleaned_data
        if data["scope"] == Scope.ALLIANCE:
            return []
        if data["scope"] == Scope.MERCHANT:
            return [data["merchant"].float_id]
        merchants = Merchant.objects.filter(centre__path__startswith=data["unit"].path, float_id__isnull=False)
        closing = WindingFloat.objects.values("float_id")
        return list(merchants.exclude(float_id__in=closing).values_list("float_id", flat=True))

    @property
    def spend_ends_on(self) -> date:
        """The same day so many months on, or the last one of that month."""
        start: date = self.cleaned_data["issue_ends_on"]
        year, month = divmod(start.year * 12 + start.month - 1 + self.cleaned_data["months"], 12)
        for day in range(start.day, 0, -1):
            try:
                return date(year, month + 1, day)
            except ValueError:
                continue
        raise AssertionError("every month has a first day")


@admin.register(Winding)
class WindingAdmin(FrozenAdmin):
    scope = "headquarters"
    view_permission = "book.view"
    icon = "door_front"
    list_display = ("title", "shown_scope", "shown_phase", "issue_ends_on", "spend_ends_on", "ended_at", "shown_actor")
    ordering = ("-decided_at", "-pk")
    fields = (
        ("title", "shown_scope", "shown_phase"),
        ("issue_ends_on", "spend_ends_on", "ended_at"),
        ("decided_at", "shown_actor", "shown_approval"),
    )
    readonly_fields = ("shown_scope", "shown_phase", "shown_actor", "shown_approval")
    shown_actor = acting("actor", _("decided by"))
    change_list_template = "admin/book/windings.html"
    change_form_outer_after_template = "admin/book/winding.html"

    def get_urls(self) -> list[Any]:
        view = self.admin_site.admin_view
        own = [
            path("ask/", view(self.ask_view), name="points_winding_ask"),
            path("<int:number>/merchants.csv", view(self.export_view), name="points_winding_export"),
            path("<int:number>/merchants/<int:float_id>/", view(self.statement_view), name="points_winding_statement"),
        ]
        return [*own, *super().get_urls()]

    def ask_view(self, request: HttpRequest) -> HttpResponse:
        if not self.may(request, "winding.ask"):
            raise PermissionDenied
        form = Ask(request.POST if request.method == "POST" else None, request=request, row=None)
        status = HTTPStatus.OK
        if request.method == "POST" and form.is_valid():
            try:
                self._ask(request, form)
            except Refused as refused:
                form.add_error(None, refused.text())
                status = HTTPStatus(refused.status)
            else:
                messages.success(request, _t("Asked. A second person decides it in the approvals."))
                return HttpResponseRedirect(reverse("admin:points_winding_changelist"))
        elif form.errors:
            status = HTTPStatus.UNPROCESSABLE_ENTITY
        context = {
            **self.admin_site.each_context(request),
            # Translators: 申请停业清退
            "title": _("Ask for a closing mode"),
            "form": form,
            "asked": Approval.objects.waiting().filter(kind=KIND).select_related("asked_by").first(),
            "list_url": reverse("admin:points_winding_changelist"),
        }
        return TemplateResponse(request, "admin/book/winding_ask.html", context, status=int(status))

    def _ask(self, request: HttpRequest, form: Ask) -> None:
        assert isinstance(request.user, User)
        data = form.cleaned_data
        winding_up.ask(
            scope=data["scope"],
            title=data["title"],
            float_ids=form.floats,
            issue_ends_on=data["issue_ends_on"],
            spend_ends_on=form.spend_ends_on,
            unit=Unit.objects.get(parent__isnull=True),
            user=request.user,
            at=now(),
        )

    # --- how it stands ---

    def change_view(self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None) -> Any:
        context = extra_context or {}
        mode = self.get_object(request, object_id)
        if mode is not None:
            page = Paginator(_merchants(mode), PAGE).get_page(request.GET.get("page"))
            back = {row.account_id: row for row in _statement(mode)}
            context |= {
                "mode": mode,
                "days_left": max((mode.spend_ends_on - shanghai_day(now())).days, 0),
                "left": cache.get_or_set(f"points.winding.left:{mode.pk}", lambda: winding_up.left(mode), 60),
                "given_back": sum(row.points for row in back.values()),
                "claims": [(CLAIMS[claim.name], claim) for claim in winding_up.order_of_payment()],
                "rows": [(merchant, back.get(merchant.float_id or 0)) for merchant in page],
                "page": page,
                "others": _others(mode, back),
                "job": Job.objects.filter(kind=JOB, params__of=mode.pk).order_by("-started_at", "-pk").first(),
                "export": reverse("admin:points_winding_export", args=(mode.pk,)),
            }
        return super().change_view(request, object_id, form_url, context)

    def _mode(self, request: HttpRequest, number: int) -> Winding:
        mode: Winding | None = self.get_object(request, str(number))
        if mode is None:
            raise Http404
        return mode

    def statement_view(self, request: HttpRequest, number: int, float_id: int) -> HttpResponse:
        """The final statement of one merchant: what came back to it and what it is owed."""
        mode = self._mode(request, number)
        merchant = _merchants(mode).filter(float_id=float_id).first()
        if merchant is None:
            raise Http404
        mine = Account.objects.filter(Q(pk=float_id) | Q(float_id=float_id, kind__in=_OWED))
        found = [(account, accounts.balance(account.pk)) for account in mine.order_by("kind", "pk")]
        back = {row.account_id: row for row in _statement(mode)}
        line = CreditLine.objects.filter(pk=float_id).first()
        context = {
            **self.admin_site.each_context(request),
            # Translators: 最终对账单
            "title": _("Final statement"),
            "subtitle": str(merchant),
            "mode": mode,
            "merchant": merchant,
            "is_over": mode.ended_at is not None,
            "back": [(account, back[account.pk]) for account, _fen in found if account.pk in back],
            "accounts": found,
            "total": sum(fen for account, fen in found if account.kind != Kind.PROMO),
            "owes": line.owed_fen if line else 0,
            "at": now(),
            "list_url": reverse("admin:points_winding_changelist"),
            "home": reverse("admin:points_winding_change", args=(mode.pk,)),
        }
        return TemplateResponse(request, "admin/book/winding_statement.html", context)

    def export_view(self, request: HttpRequest, number: int) -> StreamingHttpResponse:
        mode = self._mode(request, number)
        back = {row.account_id: row for row in _statement(mode)}

        def rows() -> Iterator[list[Any]]:
            yield [_t("Merchant"), _t("Number"), _t("Points that came back"), _t("Wallets"), _t("Float")]
            found = _merchants(mode).iterator(chunk_size=2_000)
            balances = Account.objects.floats().money()
            for merchant in found:
                row = back.get(merchant.float_id or 0)
                yield [
                    merchant.name, merchant.pk, row.points if row else 0, row.wallets if row else 0,
                    balances.get(merchant.float_id),
                ]  # fmt: skip

        answer = StreamingHttpResponse(csv_lines(rows()), content_type="text/csv; charset=utf-8")
        answer["Content-Disposition"] = f'attachment; filename="closing-mode-{mode.pk}.csv"'
        return answer

    # --- columns ---

    @display(description=_("scope"), ordering="scope")
    def shown_scope(self, mode: Winding) -> str:
        return mode.get_scope_display()

    # Translators: 阶段
    @labelled(description=_("phase"), tones=TONES)
    def shown_phase(self, mode: Winding) -> tuple[str, Any]:
        name = _phase(mode)
        return name, PHASES[name]

    @display(description=_("approval"))
    def shown_approval(self, mode: Winding) -> Any:
        return links.link("alliance_approval", mode.approval_id, f"#{mode.approval_id}")


_OWED = (Kind.PROCEEDS, Kind.IN_PAYOUT, Kind.RETAINED, Kind.PROMO)


def _phase(mode: Winding) -> str:
    today = shanghai_day(now())
    if mode.ended_at is not None:
        return "over"
    if today <= mode.issue_ends_on:
        return "ahead"
    return "spending" if today <= mode.spend_ends_on else "returning"


def _merchants(mode: Winding) -> Any:
    found = Merchant.objects.filter(float_id__isnull=False).order_by("pk")
    return found if mode.scope == Scope.ALLIANCE else found.filter(float_id__in=winding_up.floats_of(mode))


def _statement(mode: Winding) -> list[Returned]:
    """Return what went back; nothing before the last day of spending, and kept for a while: it reads the history."""
    if _phase(mode) not in ("returning", "over"):
        return []
    name = f"points.winding.statement:{mode.pk}:{mode.ended_at}"
    found: list[Returned] | None = cache.get(name)
    if found is None:
        found = winding_up.statement(mode)
        cache.set(name, found, KEPT_SECONDS)
    return found


def _others(mode: Winding, back: dict[int, Returned]) -> list[tuple[Account, Returned]]:
    """Return what went back to who is no merchant's float: budgets, promotion credit, the surplus; the largest ones."""
    found = Account.objects.filter(pk__in=back).exclude(kind=Kind.FLOAT)
    return sorted(((row, back[row.pk]) for row in found), key=lambda each: -each[1].points)[:PAGE]
