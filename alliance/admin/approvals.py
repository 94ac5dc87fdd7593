"""The queue of decisions that need a second person."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import Case, When
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html_join
from django.utils.translation import gettext as _t
from django.utils.translation import gettext_lazy as _
from unfold.decorators import display

from alliance import access, approvals
from alliance.admin.acts import Act, ActForm
from alliance.admin.drawing import labelled
from alliance.admin.scoped import FrozenAdmin, now, once
from alliance.models import Approval, Unit, User


class Why(ActForm):
    # Translators: 理由
    reason = forms.CharField(label=_("Reason"), max_length=200)


def _title(approval: Approval) -> Any:
    kind = approvals.kinds().get(approval.kind)
    return kind.title if kind else approval.kind


def _words(approval: Approval) -> str:
    kind = approvals.kinds().get(approval.kind)
    return str(once(approval, "in_words", lambda: kind.describe(approval))) if kind else approval.subject


def _may_decide(request: HttpRequest, approval: Approval) -> bool:
    kind = approvals.kinds().get(approval.kind)
    user = request.user
    return (
        approval.state == Approval.State.WAITING
        and isinstance(user, User)
        and approval.asked_by_id != user.pk
        and kind is not None
        and access.can(user, kind.permission, approval.unit)
    )


def _may_withdraw(request: HttpRequest, approval: Approval) -> bool:
    return approval.state == Approval.State.WAITING and approval.asked_by_id == request.user.pk


def _approve(request: HttpRequest, approval: Approval, data: dict[str, Any]) -> str:
    assert isinstance(request.user, User)
    approvals.approve(approval, user=request.user, at=now())
    return _t("Approved and done.")


def _refuse(request: HttpRequest, approval: Approval, data: dict[str, Any]) -> str:
    assert isinstance(request.user, User)
    approvals.refuse(approval, user=request.user, at=now(), reason=data["reason"])
    return _t("Refused. Nothing was changed.")


def _withdraw(request: HttpRequest, approval: Approval, data: dict[str, Any]) -> str:
    assert isinstance(request.user, User)
    approvals.withdraw(approval, user=request.user, at=now())
    return _t("Taken back. Nothing was changed.")


def _facts(request: HttpRequest, approval: Approval) -> list[tuple[Any, Any]]:
    return [
        # Translators: 事项
        (_("What"), _title(approval)),
        # Translators: 说明
        (_("In words"), _words(approval)),
        # Translators: 申请人
        (_("Asked by"), approval.asked_by),
        (_("Unit"), approval.unit),
    ]


@admin.register(Approval)
class ApprovalAdmin(FrozenAdmin):
    view_permission = "approval.view"
    list_display = (
        "shown_what",
        "shown_words",
        "shown_state",
        "shown_decide",
        "unit",
        "asked_by",
        "asked_at",
        "decided_by",
    )
    list_display_links = ("shown_what",)
    list_select_related = ("asked_by", "decided_by", "unit")
    list_filter = ("state",)
    # What waits stands first.
    ordering = (Case(When(state=Approval.State.WAITING, then=0), default=1).asc(), "-asked_at", "-pk")
    fields = (
        "shown_what",
        "shown_words",
        ("shown_state", "unit"),
        ("asked_by", "asked_at"),
        ("decided_by", "decided_at"),
        "reason",
    )
    readonly_fields = ("shown_what", "shown_words", "shown_state")
    acts = (
        Act(
            name="approve",
            # Translators: 同意
            title=_("Approve"),
            permission="approval.view",
            says=_("You are the second person. What was asked for happens at once and is written into the diary."),
            shows=_facts,
            run=_approve,
            is_possible=_may_decide,
            icon="check",
            url=lambda _approval: reverse("admin:alliance_approval_changelist") + "?state__exact=waiting",
        ),
        Act(
            name="refuse",
            # Translators: 驳回
            title=_("Refuse"),
            permission="approval.view",
            says=_("Nothing is changed. Whoever asked sees your reason."),
            shows=_facts,
            form=Why,
            run=_refuse,
            is_possible=_may_decide,
            is_dangerous=True,
            icon="close",
        ),
        Act(
            name="withdraw",
            # Translators: 撤回申请
            title=_("Take back"),
            permission="approval.view",
            says=_("You asked for this yourself; you can take it back until somebody has decided."),
            shows=_facts,
            run=_withdraw,
            is_possible=_may_withdraw,
            icon="undo",
        ),
    )

    def unit_of(self, row: Approval) -> Unit:
        return row.unit

    def get_queryset(self, request: HttpRequest) -> Any:
        return super().get_queryset(request).select_related("asked_by", "decided_by", "unit")

    def waiting(self, request: HttpRequest) -> int:
        """Return how many decisions somebody else asked for."""
        rows = self.get_queryset(request).filter(state=Approval.State.WAITING).exclude(asked_by=request.user)
        return int(rows.order_by()[:100].count())

    def get_changelist_instance(self, request: HttpRequest) -> Any:
        """Mark the rows that this reader may decide."""
        changelist = super().get_changelist_instance(request)
        for row in changelist.result_list:
            row.may_decide = _may_decide(request, row)
        return changelist

    # Translators: 处理
    @display(description=_("Decide"))
    def shown_decide(self, approval: Approval) -> str:
        if not getattr(approval, "may_decide", False):
            return "–"
        ways = [("approve", _("Approve")), ("refuse", _("Refuse"))]
        return format_html_join(
            " · ",
            '<a class="console-link" href="{}">{}</a>',
            [(reverse("admin:alliance_approval_act", args=(approval.pk, act)), words) for act, words in ways],
        )

    @display(description=_("What"), ordering="kind")
    def shown_what(self, approval: Approval) -> Any:
        return _title(approval)

    @display(description=_("In words"))
    def shown_words(self, approval: Approval) -> str:
        return _words(approval)

    @labelled(
        description=_("state"),
        ordering="state",
        tones={"waiting": "warning", "approved": "success", "refused": "danger"},
    )
    def shown_state(self, approval: Approval) -> tuple[str, str]:
        return approval.state, approval.get_state_display()
