"""Closing the surplus in the console: what it would do, asking for it, how far the shares are, what came of it."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import path, reverse
from django.utils.translation import gettext as _t
from django.utils.translation import gettext_lazy as _
from unfold.decorators import display

from alliance.admin.acts import ActForm
from alliance.admin.drawing import labelled
from alliance.admin.scoped import FrozenAdmin, now
from alliance.admin.wording import acting
from alliance.amounts import read_fen
from alliance.models import Approval, Unit, User
from alliance.refusals import Refused
from points import surplus
from points.admin import links
from points.models import SurplusClosing

KINDS = ("points.surplus", "points.surplus_final")
REFRESH_SECONDS = 5


class Amounts(ActForm):
    """How much of the two goes into the surplus; all of it unless something else is written."""

    # Translators: 从过期沉淀结转（元）
    breakage = forms.CharField(label=_("From breakage, yuan"), max_length=20)
    # Translators: 从缓冲金结转（元）
    buffer = forms.CharField(label=_("From the buffer, yuan"), max_length=20)
    reason = forms.CharField(label=_("Reason"), max_length=200, required=False)

    def prepare(self) -> None:
        found: surplus.Preview = self.row
        self.fields["breakage"].initial = f"{found.breakage_fen / 100:.2f}"
        self.fields["buffer"].initial = f"{found.from_buffer_fen / 100:.2f}"

    def _fen(self, name: str) -> int:
        try:
            return read_fen(self.cleaned_data[name])
        except Refused as refused:
            raise forms.ValidationError(refused.text()) from None

    def clean_breakage(self) -> int:
        return self._fen("breakage")

    def clean_buffer(self) -> int:
        return self._fen("buffer")

    def clean(self) -> dict[str, Any] | None:
        # Looking at the figures needs no reason, asking does.
        if "ask" in self.data and not self.cleaned_data.get("reason"):
            self.add_error("reason", _t("Say why: the two who decide read it."))
        return self.cleaned_data


@admin.register(SurplusClosing)
class SurplusClosingAdmin(FrozenAdmin):
    scope = "headquarters"
    view_permission = "book.view"
    icon = "savings"
    list_display = (
        "closed_at",
        "shown_state",
        "shown_pool",
        "shown_points",
        "members",
        "shown_paid",
        "shown_left",
        "shown_actor",
    )
    ordering = ("-closed_at", "-pk")
    fields = (
        ("shown_state", "closed_at", "finished_at", "shown_actor"),
        ("shown_breakage", "shown_buffer", "shown_floor"),
        ("shown_pool", "shown_credit", "members"),
        ("shown_points", "shown_paid", "shown_left", "expires_on"),
        "shown_approval",
    )
    readonly_fields = tuple(name for line in fields for name in (line if isinstance(line, tuple) else (line,)))
    shown_actor = acting("actor", _("decided by"))
    change_list_template = "admin/book/surplus_list.html"
    change_form_outer_before_template = "admin/book/surplus_progress.html"

    def get_urls(self) -> list[Any]:
        view = self.admin_site.admin_view(self.propose_view)
        return [path("propose/", view, name="points_surplusclosing_propose"), *super().get_urls()]

    def propose_view(self, request: HttpRequest) -> HttpResponse:
        """Show what a closing would do now, of all or of other amounts; ask for it."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        may_ask = self.may(request, "surplus.propose")
        if request.method == "POST" and not may_ask:
            raise PermissionDenied
        found = surplus.preview()
        form = Amounts(request.POST if request.method == "POST" else None, request=request, row=found)
        shown, status = found, HTTPStatus.OK
        if request.method == "POST":
            if form.is_valid():
                data = form.cleaned_data
                shown = found.of(data["breakage"], data["buffer"])
                if "ask" in request.POST:
                    try:
                        self._ask(request, data)
                    except Refused as refused:
                        form.add_error(None, refused.text())
                        status = HTTPStatus(refused.status)
                    else:
                        messages.success(request, _t("Asked. Two other people decide it in the approvals."))
                        return HttpResponseRedirect(reverse("admin:points_surplusclosing_changelist"))
            else:
                status = HTTPStatus.UNPROCESSABLE_ENTITY
        context = {
            **self.admin_site.each_context(request),
            # Translators: 结算盈余
            "title": _("Close the surplus"),
            "found": found,
            "shown": shown,
            "is_of_all": shown is found,
            "below_floor": found.buffer_fen < found.floor_fen,
            "form": form,
            "may_ask": may_ask,
            "asked": Approval.objects.waiting().filter(kind__in=KINDS).select_related("asked_by").first(),
            "sharing": surplus.waiting()[:1],
            "list_url": reverse("admin:points_surplusclosing_changelist"),
        }
        return TemplateResponse(request, "admin/book/surplus_propose.html", context, status=int(status))

    def _ask(self, request: HttpRequest, data: dict[str, Any]) -> None:
        assert isinstance(request.user, User)
        surplus.propose(
            breakage_fen=data["breakage"],
            buffer_fen=data["buffer"],
            reason=data["reason"],
            unit=Unit.objects.get(parent__isnull=True),
            user=request.user,
            at=now(),
        )

    def change_view(self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None) -> Any:
        context = extra_context or {}
        closing = self.get_object(request, object_id)
        if closing is not None:
            done = closing.members if closing.finished_at else surplus.done_of(closing)
            context |= {
                "closing": closing,
                "done": done,
                "percent": done * 100 // closing.members if closing.members else 100,
            }
        answer = super().change_view(request, object_id, form_url, context)
        if closing is not None and closing.finished_at is None:
            answer["Refresh"] = str(REFRESH_SECONDS)
        return answer

    @labelled(description=_("state"), tones={"sharing": "info", "done": "success"})
    def shown_state(self, closing: SurplusClosing) -> tuple[str, Any]:
        # Translators: 已分完 / 分配中
        return ("done", _("Shared out")) if closing.finished_at else ("sharing", _("Being shared out"))

    @display(description=_("from breakage"))
    def shown_breakage(self, closing: SurplusClosing) -> Any:
        return links.money(closing.breakage_fen)

    @display(description=_("from the buffer"))
    def shown_buffer(self, closing: SurplusClosing) -> Any:
        return links.money(closing.buffer_fen)

    @display(description=_("floor of the buffer"))
    def shown_floor(self, closing: SurplusClosing) -> Any:
        return links.money(closing.floor_fen)

    @display(description=_("surplus"), ordering="pool_fen")
    def shown_pool(self, closing: SurplusClosing) -> Any:
        return links.money(closing.pool_fen)

    @display(description=_("unused reward credit"))
    def shown_credit(self, closing: SurplusClosing) -> Any:
        return links.number(closing.credit)

    @display(description=_("points shared"), ordering="points")
    def shown_points(self, closing: SurplusClosing) -> Any:
        return links.number(closing.points)

    @display(description=_("points given so far"), ordering="paid")
    def shown_paid(self, closing: SurplusClosing) -> Any:
        return links.number(closing.paid)

    # Translators: 留在盈余池
    @display(description=_("stays in the surplus"))
    def shown_left(self, closing: SurplusClosing) -> Any:
        return links.money(closing.left_fen)

    @display(description=_("approval"))
    def shown_approval(self, closing: SurplusClosing) -> Any:
        return links.link("alliance_approval", closing.approval_id, f"#{closing.approval_id}")
