"""Rules in the console: list, draft, what changed, a dry run on one receipt."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django import forms
from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import path, reverse
from django.utils.translation import get_language
from django.utils.translation import gettext as _t
from django.utils.translation import gettext_lazy as _
from unfold.decorators import display

from alliance.admin.acts import Act, ActForm
from alliance.admin.drawing import labelled
from alliance.admin.scoped import ScopedAdmin, actor_of, now, once
from alliance.admin.wording import acting
from alliance.calc.worktime import SHANGHAI
from alliance.models import User
from points import rules
from points.admin import links, rule_backtests
from points.admin.rule_forms import NAMES, RuleForm, definition_of
from points.calc.rules import Line, Member, Receipt, Used
from points.calc.rules.reading import CAPS
from points.models import RuleVersion, Terms

TONES = {"draft": "", "submitted": "warning", "approved": "info", "live": "success", "ended": ""}
MOST = 10**9


def _submit(request: HttpRequest, version: RuleVersion, data: dict[str, Any]) -> str:
    assert isinstance(request.user, User)
    rules.submit(version=version, user=request.user, at=now())
    return _t("Asked. A second person decides it in the approvals.")


def _undo(request: HttpRequest, version: RuleVersion, data: dict[str, Any]) -> str:
    assert isinstance(request.user, User)
    rules.undo(version=version, user=request.user, at=now())
    return _t("Proposed. The version before is back as soon as a second person approves it.")


def _is_undoable(_request: HttpRequest, version: RuleVersion) -> bool:
    at = now()
    is_now = version.was_in_force(at) and (version.ends_at is None or version.ends_at > at)
    return is_now and rules.previous(version, at) is not None


def _end(request: HttpRequest, version: RuleVersion, data: dict[str, Any]) -> str:
    rules.end(version=version, actor=actor_of(request), at=now())
    return _t("Ended.")


class When(ActForm):
    starts_on = forms.DateField(label=_("From the beginning of this day"))


def _next(request: HttpRequest, version: RuleVersion, data: dict[str, Any]) -> str:
    starts_at = datetime.combine(data["starts_on"], datetime.min.time(), SHANGHAI)
    rules.roll_back(to=version, starts_at=starts_at, actor=actor_of(request), at=now())
    return _t("A draft equal to this version stands in the list. Change it or hand it in.")


class Trial(forms.Form):
    """One receipt and its buyer."""

    merchant = forms.IntegerField(label=_("Merchant (number of its float)"), min_value=1, max_value=2**62)
    outlet = forms.IntegerField(label=_("Outlet (number)"), min_value=0, max_value=2**62, initial=0)
    trade = forms.CharField(label=_("Trade"), max_length=40, required=False)
    at = forms.DateTimeField(label=_("Time"))
    lines = forms.CharField(
        label=_("Lines: category, product, fen, units"), widget=forms.Textarea(attrs={"rows": 4}), max_length=4_000
    )
    tier = forms.IntegerField(label=_("Tier"), min_value=0, max_value=32_767, initial=0)
    is_first_visit = forms.BooleanField(label=_("First visit"), required=False)
    has_referrer = forms.BooleanField(label=_("Was invited"), required=False)
    credit = forms.IntegerField(label=_("Reward credit so far"), min_value=-MOST, max_value=MOST, initial=0)
    stamps = forms.IntegerField(label=_("Stamps so far"), min_value=0, max_value=MOST, initial=0)
    used = forms.IntegerField(label=_("Points of this rule so far, today"), min_value=0, max_value=MOST, initial=0)

    def clean_lines(self) -> tuple[Line, ...]:
        found = []
        for row in filter(str.strip, self.cleaned_data["lines"].splitlines()):
            category, product, fen, units, *_rest = [
                *(part.strip() for part in row.replace("，", ",").split(",")),
                "",
                "",
                "",
                "",
            ]
            if not (fen.isdecimal() and len(fen) < 10 and (not units or (units.isdecimal() and len(units) < 6))):
                raise forms.ValidationError(_t("One line for each article: category, product, fen, units."))
            found.append(Line(category, product, int(fen), int(units or 1)))
        return tuple(found)


@admin.register(RuleVersion)
class RuleVersionAdmin(ScopedAdmin):
    scope = "headquarters"
    view_permission = "rule.view"
    add_permission = "rule.draft"
    change_permission = "rule.draft"
    form = RuleForm
    icon = "tune"
    list_display = (
        "shown_name",
        "shown_state",
        "shown_payer",
        "starts_at",
        "ends_at",
        "shown_drafted",
        "shown_approved",
    )
    list_filter = ("state",)
    search_fields = ("rule__code",)
    list_select_related = ("rule__payer",)
    ordering = ("rule__code", "-version", "pk")
    fieldsets = (
        (None, {"fields": (("code", "payer"), ("starts_at", "ends_at"), "words_zh", "words_en")}),
        (_("What it gives"), {"fields": (("kind", "to"), ("bps", "points"), "factors", ("group", "priority"))}),
        (
            _("When it applies (empty: always)"),
            {"fields": ("first_visit", *(name for name in NAMES if name not in CAPS))},
        ),
        (_("Limits"), {"fields": tuple(name for name in NAMES if name in CAPS)}),
        (_("Loss budget (above the bound of gifts by others)"), {"fields": (("loss_name", "loss_fen"),)}),
    )
    change_form_outer_after_template = "admin/rules/version.html"
    change_list_template = "admin/rules/list.html"
    shown_drafted = acting("drafted_by", _("drafted by"))
    shown_approved = acting("approved_by", _("approved by"))
    acts = (
        Act(
            name="submit",
            # Translators: 提交复核
            title=_("Hand in"),
            permission="rule.draft",
            says=_("The linter looks at it together with everything in force; then a second person decides."),
            run=_submit,
            is_possible=lambda _request, version: version.state == "draft",
            icon="send",
        ),
        Act(
            name="backtest",
            # Translators: 回测
            title=_("Back-test"),
            permission="rule.draft",
            says=_(
                "Carries the rules in force, and the same with this draft, through real receipts. Nothing is booked."
            ),
            form=rule_backtests.Period,
            run=rule_backtests.ask,
            is_possible=lambda _request, version: not version.is_decided,
            icon="history",
            url=rule_backtests.newest_page,
        ),
        Act(
            name="undo",
            # Translators: 回滚到上一版本
            title=_("Return to the version before"),
            permission="rule.draft",
            says=_(
                "Proposes the version that was in force before this one. It starts at once when a second person "
                "approves; what was booked until then stays."
            ),
            run=_undo,
            is_possible=_is_undoable,
            is_dangerous=True,
            icon="undo",
        ),
        Act(
            name="end",
            # Translators: 停止规则
            title=_("End"),
            permission="rule.approve",
            says=_("It is no longer in force from now on, or never will be if it has not begun."),
            run=_end,
            is_possible=lambda _request, version: version.state in ("approved", "live"),
            is_dangerous=True,
            icon="stop",
        ),
        Act(
            name="next",
            # Translators: 以此版本为准新建草稿
            title=_("New draft equal to this version"),
            permission="rule.draft",
            says=_("Rolls back to this version, or begins the next one: a draft is made, nothing changes yet."),
            form=When,
            run=_next,
            is_possible=lambda _request, version: version.is_decided,
            icon="content_copy",
            url=lambda _version: reverse("admin:points_ruleversion_changelist") + "?state__exact=draft",
        ),
    )

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return (obj is None or not obj.is_decided) and super().has_change_permission(request, obj)

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:
        return super().get_form(request, obj, change=change, **{**kwargs, "fields": ("starts_at", "ends_at")})

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        """A version that was decided is shown in words, below; only its dates stand here."""
        if self.has_change_permission(request, obj) if obj else self.has_add_permission(request):
            return self.fieldsets
        return ((None, {"fields": (("shown_name", "shown_state"), "shown_payer", ("starts_at", "ends_at"))}),)

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        return ("shown_name", "shown_state", "shown_payer")

    def perform(self, request: HttpRequest, row: RuleVersion, data: dict[str, Any], change: bool) -> RuleVersion:
        facts = {
            "definition": definition_of(data),
            "starts_at": data["starts_at"],
            "ends_at": data["ends_at"],
            "actor": actor_of(request),
            "at": now(),
        }
        if change:
            return rules.change(version=row, **facts)
        return rules.draft(code=data["code"], payer=data["payer"], **facts)

    def change_view(self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None) -> Any:
        context = extra_context or {}
        version = self.get_object(request, object_id)
        if version is not None:
            older = rules.before(version)
            context |= {
                "older": older,
                "changes": [each.text() for each in rules.diff(older, version)],
                "findings": [] if version.is_decided else [rules.said(each) for each in rules.check(version, now())],
                "is_undecided": not version.is_decided,
                **rule_backtests.of_version(version),
            }
        return super().change_view(request, object_id, form_url, context)

    # --- back-tests and a dry run ---

    def get_urls(self) -> list[Any]:
        one = "<path:object_id>/backtests/<int:number>/"
        views = (
            ("<path:object_id>/try/", self.try_view, "try"),
            (f"{one}export/", self.export_view, "backtest_export"),
            (one, self.backtest_view, "backtest"),
        )
        own = [
            path(where, self.admin_site.admin_view(view), name=f"points_ruleversion_{name}")
            for where, view, name in views
        ]
        return [*own, *super().get_urls()]

    def _readable(self, request: HttpRequest, object_id: str) -> RuleVersion:
        version: RuleVersion | None = self.get_object(request, object_id)
        if version is None:
            raise Http404
        if not self.has_view_permission(request, version):
            raise PermissionDenied
        return version

    def backtest_view(self, request: HttpRequest, object_id: str, number: int) -> HttpResponse:
        return rule_backtests.page(self, request, self._readable(request, object_id), number)

    def export_view(self, request: HttpRequest, object_id: str, number: int) -> Any:
        return rule_backtests.export(self._readable(request, object_id), number)

    def try_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Evaluate one receipt as if this version were in force, and show why; nothing is written."""
        version = self._readable(request, object_id)
        form = Trial(
            request.POST if request.method == "POST" else None,
            initial={"at": max(now(), version.starts_at), "merchant": ""},
        )
        context = {
            **self.admin_site.each_context(request),
            "title": _("Dry run"),
            "subtitle": str(version),
            "version": version,
            "form": form,
            "list_url": reverse("admin:points_ruleversion_changelist"),
            "home": reverse("admin:points_ruleversion_change", args=(version.pk,)),
        }
        is_sent = request.method == "POST"
        if is_sent and form.is_valid():
            context |= self._tried(version, form)
        status = 422 if is_sent and form.errors else 200
        return TemplateResponse(request, "admin/rules/try.html", context, status=status)

    def _tried(self, version: RuleVersion, form: Trial) -> dict[str, Any]:
        data, code = form.cleaned_data, version.rule.code
        at = data["at"]
        terms = Terms.objects.filter(float_id=data["merchant"]).in_force(at).first()
        if terms is None:
            form.add_error("merchant", _t("This merchant has no agreement in force at that time."))
            return {}
        bill = Receipt(data["merchant"], data["outlet"], data["trade"], int(at.timestamp()), data["lines"])
        member = Member(
            data["tier"], data["is_first_visit"], data["has_referrer"], data["credit"], {code: data["stamps"]},
            {code: Used(data["used"], data["used"], data["used"], data["used"])},
        )  # fmt: skip
        try:
            answer, tried = rules.dry_run(version, bill, member, rules.card_of(terms), rules.funds(version, at), at)
        except ValueError as error:
            form.add_error(None, _t("This draft cannot be read yet: %(what)s") % {"what": error})
            return {}
        language = get_language() or "zh-hans"
        steps = [
            (step, rules.say(step, tried, language), ", ".join(f"{name} {value}" for name, value in step.inputs))
            for step in answer.trace
        ]
        return {"answer": answer, "steps": steps, "total": answer.points + sum(g.points for g in answer.grants)}

    # --- columns ---

    @display(description=_("rule"), ordering="rule__code")
    def shown_name(self, version: RuleVersion) -> str:
        return str(version)

    @labelled(description=_("state"), ordering="state", tones=TONES)
    def shown_state(self, version: RuleVersion) -> tuple[str, Any]:
        return version.state, version.get_state_display()

    @display(description=_("paid by"))
    def shown_payer(self, version: RuleVersion) -> str:
        return links.link(
            "points_account", version.rule.payer_id, str(once(version, "payer", lambda: version.rule.payer))
        )
