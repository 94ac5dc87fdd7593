"""A merchant from all sides: who it is, what it agreed to, where it sells, who works there, what is in its float."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import path, reverse
from django.utils.html import format_html
from django.utils.translation import gettext as _t
from django.utils.translation import gettext_lazy as _
from unfold.decorators import display

from alliance import access
from alliance.admin.acts import Act, ActForm, buttons, look_up
from alliance.admin.drawing import labelled
from alliance.admin.scoped import FrozenInline, ScopedAdmin, ScopedRelatedFilter, VerbForm, actor_of, now, once
from alliance.calc import phone
from alliance.calc.worktime import shanghai_day
from alliance.models import City, Unit, User
from alliance.templatetags.lianhui import bps, listed, masked_phone, yuan
from merchants import agreements, clearing, figures, leaving, leaving_shown, onboarding, staff
from merchants.calc import creditcode
from merchants.models import Agreement, Merchant, Outlet, Staff
from points import promises, statements
from points.admin import links
from points.models import CreditLine

STATE_COLOURS = {"draft": "info", "live": "success", "paused": "warning", "left": "danger"}


class AgreementInline(FrozenInline):
    model = Agreement
    fields = ("version", "shown_rate", "shown_member", "starts_on", "ends_on", "signed_at")
    readonly_fields = fields
    ordering = ("-version",)
    tab = True

    @display(description=_("rebate"))
    def shown_rate(self, row: Agreement) -> str:
        return bps(row.rate_bps)

    @display(description=_("member's share"))
    def shown_member(self, row: Agreement) -> str:
        return bps(row.member_bps)


class OutletInline(FrozenInline):
    model = Outlet
    fields = ("name", "address", "centre", "state")
    readonly_fields = fields
    ordering = ("state", "pk")
    tab = True

    def get_queryset(self, request: HttpRequest) -> Any:
        return super().get_queryset(request).select_related("centre", "merchant")


class StaffInline(FrozenInline):
    model = Staff
    fields = ("user", "role", "outlet", "starts_at", "ends_at")
    readonly_fields = fields
    ordering = ("-starts_at", "pk")
    tab = True

    def get_queryset(self, request: HttpRequest) -> Any:
        return super().get_queryset(request).select_related("user", "outlet", "merchant")


class Why(ActForm):
    reason = forms.CharField(label=_("Reason"), max_length=200)


class MerchantForm(VerbForm):
    def clean_credit_code(self) -> str | None:
        """Say at once what is wrong with the code, beside its field."""
        code = (self.cleaned_data["credit_code"] or "").strip().upper()
        if code and not creditcode.is_valid(code):
            # Translators: 统一社会信用代码为 18 位数字和大写字母（没有 I、O、S、V、Z），末位是校验码
            raise forms.ValidationError(
                _t(
                    "A credit code has 18 digits and capital letters (none of I, O, S, V, Z), "
                    "the last of them a check. Please compare it with the licence."
                )
            )
        return code or None


class RateCard(ActForm):
    """Percentages as people say them; the verb counts in 1/10,000."""

    # Translators: 让利率（%）
    rate = forms.DecimalField(label=_("Rebate, % of the sale"), min_value=3, max_value=20, decimal_places=2, initial=8)
    # Translators: 其中会员（%）
    member = forms.DecimalField(
        label=_("Of it to the member, %"), min_value=0, max_value=100, decimal_places=2, initial="62.5"
    )
    spend_share = forms.DecimalField(
        # Translators: 每单最多可用积分支付（%）
        label=_("Largest share of a bill payable in points, %"),
        min_value=0,
        max_value=100,
        decimal_places=2,
        initial=50,
    )
    matures_days = forms.IntegerField(label=_("Days until points can be spent"), min_value=0, max_value=90, initial=7)
    starts_on = forms.DateField(label=_("In force from"))

    def prepare(self) -> None:
        self.fields["starts_on"].initial = shanghai_day(now())


class OutletForm(ActForm):
    name = forms.CharField(label=_("Name"), max_length=80)
    city = forms.ModelChoiceField(City.objects.all(), label=_("City"))
    district = forms.CharField(label=_("District"), max_length=40, required=False)
    address = forms.CharField(label=_("Address"), max_length=160)
    lng = forms.FloatField(label=_("Longitude"), min_value=-180, max_value=180)
    lat = forms.FloatField(label=_("Latitude"), min_value=-90, max_value=90)
    hours = forms.CharField(label=_("Opening hours"), max_length=120, required=False, initial="10:00-22:00")
    phone = forms.CharField(label=_("Phone"), max_length=20, required=False)
    tills = forms.IntegerField(label=_("Tills"), min_value=1, max_value=50, initial=1)

    def prepare(self) -> None:
        look_up(self.fields["city"], Outlet._meta.get_field("city"))


class StaffForm(ActForm):
    phone = forms.CharField(label=_("Phone number"), max_length=20)
    role = forms.ChoiceField(label=_("Role"), choices=Staff.Role.choices)
    outlet = forms.ModelChoiceField(
        Outlet.objects.none(), label=_("Outlet"), required=False, empty_label=_("All outlets")
    )

    def prepare(self) -> None:
        field = self.fields["outlet"]
        assert isinstance(field, forms.ModelChoiceField)
        field.queryset = Outlet.objects.open().filter(merchant=self.row).order_by("name", "pk")

    def clean_phone(self) -> str:
        try:
            return phone.e164(self.cleaned_data["phone"])
        except ValueError:
            raise forms.ValidationError(_t("Write a mobile number like 138 0013 8000.")) from None


class CreditForm(ActForm):
    """A limit in yuan; the book counts in fen."""

    # Translators: 赊账额度（元）
    limit = forms.DecimalField(label=_("Limit, in yuan"), min_value=0, max_value=1_000_000, decimal_places=2)
    # Translators: 账单周期
    period = forms.TypedChoiceField(label=_("Bills"), choices=CreditLine.Period.choices, coerce=int, initial=2)
    # Translators: 几天内付款
    due_days = forms.IntegerField(label=_("Days to pay a bill"), min_value=1, max_value=90, initial=14)
    # Translators: 逾期多少天后取消承诺
    drop_days = forms.IntegerField(
        label=_("Days after which unpaid promises are dropped"), min_value=1, max_value=180, initial=30
    )

    def prepare(self) -> None:
        line = promises.line_of(self.row.float_id)
        if line is not None:
            self.fields["limit"].initial = f"{line.limit_fen / 100:.2f}"
            for name in ("period", "due_days", "drop_days"):
                self.fields[name].initial = getattr(line, name)


def _bps(percent: Any) -> int:
    return round(percent * 100)


def _sign(request: HttpRequest, merchant: Merchant, data: dict[str, Any]) -> str:
    # What the member does not get is shared out as usual: operator, centre and buffer 15 : 10 : 5.
    rest = 10_000 - _bps(data["member"])
    agreement = agreements.sign(
        merchant=merchant,
        rate_bps=_bps(data["rate"]),
        member_bps=_bps(data["member"]),
        fee_bps=rest * 15 // 30,
        centre_bps=rest * 10 // 30,
        spend_share_bps=_bps(data["spend_share"]),
        matures_days=data["matures_days"],
        starts_on=data["starts_on"],
        actor=actor_of(request),
        at=now(),
    )
    return _t("Version %(version)s is signed.") % {"version": agreement.version}


def _open_outlet(request: HttpRequest, merchant: Merchant, data: dict[str, Any]) -> str:
    onboarding.open_outlet(merchant=merchant, actor=actor_of(request), at=now(), **data)
    return _t("The outlet is open.")


def _appoint(request: HttpRequest, merchant: Merchant, data: dict[str, Any]) -> str:
    staff.appoint_by_phone(merchant=merchant, actor=actor_of(request), at=now(), **data)
    return _t("They can sign in with this phone number from now on.")


def _go_live(request: HttpRequest, merchant: Merchant, data: dict[str, Any]) -> str:
    onboarding.go_live(merchant=merchant, actor=actor_of(request), at=now())
    return _t("The merchant is live.")


def _pause(request: HttpRequest, merchant: Merchant, data: dict[str, Any]) -> str:
    onboarding.pause(merchant=merchant, actor=actor_of(request), at=now(), reason=data["reason"])
    return _t("The merchant is paused.")


def _resume(request: HttpRequest, merchant: Merchant, data: dict[str, Any]) -> str:
    onboarding.resume(merchant=merchant, actor=actor_of(request), at=now())
    return _t("The merchant is live again.")


def _leave(request: HttpRequest, merchant: Merchant, data: dict[str, Any]) -> str:
    onboarding.leave(merchant=merchant, actor=actor_of(request), at=now())
    return _t("The merchant has left.")


def _ask_leave(request: HttpRequest, merchant: Merchant, data: dict[str, Any]) -> str:
    assert isinstance(request.user, User)
    clearing.ask_leave(merchant=merchant, user=request.user, at=now())
    return _t("Asked. As soon as a second person has said yes, it leaves; the page “Leaving” says how far it is.")


def _may_leave(_request: HttpRequest, merchant: Merchant) -> bool:
    if merchant.state != Merchant.State.PAUSED or not merchant.float_id:
        return False
    return leaving.way_of(merchant).state == "none"


def _what_leaving_means(_request: HttpRequest, merchant: Merchant) -> list[tuple[Any, Any]]:
    return leaving_shown.facts(leaving.plan(merchant, now()))


def _cancel_leave(request: HttpRequest, merchant: Merchant, data: dict[str, Any]) -> str:
    clearing.cancel_leave(merchant=merchant, actor=actor_of(request), at=now(), reason=data["reason"])
    return _t("It stays. It is paused until somebody resumes it.")


def _is_leaving(_request: HttpRequest, merchant: Merchant) -> bool:
    return merchant.state == Merchant.State.PAUSED and clearing.is_leaving(merchant)


def _ask_line(request: HttpRequest, merchant: Merchant, data: dict[str, Any], is_open: bool = True) -> str:
    line = promises.line_of(merchant.float_id)
    promises.ask(
        float_id=merchant.float_id,
        name=str(merchant),
        limit_fen=round(data["limit"] * 100) if is_open else (line.limit_fen if line else 0),
        period=data.get("period", CreditLine.Period.MONTH),
        due_days=data.get("due_days", 14),
        drop_days=data.get("drop_days", 30),
        is_open=is_open,
        unit=merchant.centre,
        user=request.user,  # type: ignore[arg-type]
        at=now(),
    )
    # Translators: 已提交，等第二个人批准
    return _t("Asked. It counts as soon as a second person has said yes.")


def _stop_line(request: HttpRequest, merchant: Merchant, data: dict[str, Any]) -> str:
    return _ask_line(request, merchant, data, is_open=False)


def _has_line(_request: HttpRequest, merchant: Merchant) -> bool:
    line = promises.line_of(merchant.float_id) if merchant.float_id else None
    return line is not None and line.is_open


def _is(*states: str) -> Any:
    return lambda _request, merchant: merchant.state in states


@admin.register(Merchant)
class MerchantAdmin(ScopedAdmin):
    form = MerchantForm
    view_permission = "merchant.view"
    add_permission = "merchant.change"
    is_searched = True
    icon = "storefront"
    list_display = ("shown_name", "shown_state", "trade", "centre", "shown_float", "shown_cover", "live_at")
    list_display_links = ("shown_name",)
    list_select_related = ("trade", "centre")
    list_filter = ("state", "kind", "trade", ("centre", ScopedRelatedFilter))
    search_fields = ("name", "short_name", "credit_code")
    search_help_text = _("Name or credit code")
    ordering = ("-opened_at", "-pk")
    fields = (
        ("name", "short_name"),
        ("kind", "trade", "centre"),
        ("credit_code", "shown_phone"),
        ("shown_state", "state_since"),
        ("live_at", "opened_at"),
        ("shown_float", "shown_cover", "shown_reference"),
        "shown_line",
        "shown_leaving",
        "shown_missing",
    )
    readonly_fields = (
        "shown_state",
        "shown_phone",
        "state_since",
        "live_at",
        "opened_at",
        "shown_float",
        "shown_cover",
        "shown_reference",
        "shown_line",
        "shown_leaving",
        "shown_missing",
    )
    autocomplete_fields = ("trade", "centre")
    inlines = (AgreementInline, OutletInline, StaffInline)
    acts = (
        Act(
            name="go-live",
            # Translators: 上线
            title=_("Go live"),
            permission="merchant.approve",
            says=_("From now on its tills can give and take points."),
            run=_go_live,
            is_possible=_is("draft"),
            icon="rocket_launch",
        ),
        Act(
            name="sign",
            # Translators: 签订新协议
            title=_("Sign an agreement"),
            permission="agreement.sign",
            says=_(
                "A new version comes into force on the day that you choose and ends the one before. "
                "What was sold stays under the terms that it was sold under."
            ),
            form=RateCard,
            run=_sign,
            is_possible=_is("draft", "live", "paused"),
            icon="contract_edit",
        ),
        Act(
            name="outlet",
            # Translators: 开门店
            title=_("Open an outlet"),
            permission="merchant.change",
            says=_("It gets tills and a place on the map."),
            form=OutletForm,
            run=_open_outlet,
            is_possible=_is("draft", "live", "paused"),
            icon="add_business",
        ),
        Act(
            name="appoint",
            # Translators: 添加店员
            title=_("Appoint somebody"),
            permission="merchant.change",
            says=_("They sign in with their phone number and a one-time code."),
            form=StaffForm,
            run=_appoint,
            is_possible=_is("draft", "live", "paused"),
            icon="person_add",
        ),
        Act(
            name="pause",
            # Translators: 暂停
            title=_("Pause"),
            permission="merchant.change",
            says=_("No till of this merchant can give or take points until it is resumed. Members keep their points."),
            form=Why,
            run=_pause,
            is_possible=_is("live"),
            is_dangerous=True,
            icon="pause",
        ),
        Act(
            name="resume",
            # Translators: 恢复营业
            title=_("Resume"),
            permission="merchant.change",
            says=_("Its tills work again."),
            run=_resume,
            is_possible=lambda request, merchant: merchant.state == "paused" and not _is_leaving(request, merchant),
            icon="play_arrow",
        ),
        Act(
            name="credit",
            # Translators: 申请赊账额度
            title=_("Set a credit line"),
            permission="credit.ask",
            says=_(
                "When its float is too small, its members' points are promised up to this limit and come when its bill "
                "is paid. A second person has to say yes."
            ),
            form=CreditForm,
            run=_ask_line,
            is_possible=_is("live", "paused"),
            icon="credit_score",
        ),
        Act(
            name="stop-credit",
            # Translators: 停用赊账
            title=_("Stop the credit line"),
            permission="credit.ask",
            says=_(
                "Nothing more is promised; what is owed stays owed, and comes when it is paid. "
                "A second person has to say yes."
            ),
            run=_stop_line,
            is_possible=_has_line,
            is_dangerous=True,
            icon="credit_card_off",
        ),
        Act(
            name="ask-leave",
            # Translators: 申请退出并结清
            title=_("Settle up and leave"),
            permission="merchant.change",
            says=_(
                "Promotion credit goes to the float; when the refund windows are over, bills and advances are paid "
                "from it and everything left is paid to the bank account on file. Points that members hold stay "
                "valid everywhere. A second person has to say yes; until it is paid it can be cancelled."
            ),
            shows=_what_leaving_means,
            run=_ask_leave,
            is_possible=_may_leave,
            is_dangerous=True,
            icon="waving_hand",
            url=lambda merchant: reverse("admin:merchants_merchant_leaving", args=(merchant.pk,)),
        ),
        Act(
            name="cancel-leave",
            # Translators: 取消退出
            title=_("Let it stay"),
            permission="leaving.approve",
            says=_("What has moved to its proceeds stays there and is paid out as usual. It is paused until resumed."),
            form=Why,
            run=_cancel_leave,
            is_possible=_is_leaving,
            icon="undo",
        ),
        Act(
            name="leave",
            # Translators: 退出联盟
            title=_("Leave the alliance"),
            permission="merchant.approve",
            says=_("Outlets close, keys and staff end. Possible only when no money is left in its accounts."),
            run=_leave,
            is_possible=_is("draft", "paused"),
            is_dangerous=True,
            icon="logout",
        ),
    )

    def unit_of(self, row: Merchant) -> Unit:
        return row.centre

    def get_queryset(self, request: HttpRequest) -> Any:
        return super().get_queryset(request).select_related("centre", "trade")

    def get_urls(self) -> list[Any]:
        view = self.admin_site.admin_view
        own = [
            path("<int:number>/leaving/", view(self.leaving_view), name="merchants_merchant_leaving"),
            path("<int:number>/leaving.xlsx", view(self.leaving_sheet), name="merchants_merchant_leaving_xlsx"),
        ]
        return [*own, *super().get_urls()]

    def _merchant(self, request: HttpRequest, number: int) -> Merchant:
        merchant: Merchant | None = self.get_object(request, str(number))
        if merchant is None or not merchant.float_id:
            raise Http404
        if not self.has_view_permission(request, merchant):
            raise PermissionDenied
        return merchant

    def leaving_view(self, request: HttpRequest, number: int) -> HttpResponse:
        """Show how far the leaving of a merchant is, and its final statement."""
        merchant = self._merchant(request, number)
        names = {"ask-leave", "cancel-leave"}
        acts = [each for each in buttons(self, request, merchant) if each["url"].strip("/").split("/")[-1] in names]
        context = {
            **self.admin_site.each_context(request),
            # Translators: 商户退出
            "title": _("Leaving"),
            "subtitle": str(merchant),
            "merchant": merchant,
            "acts": acts,
            "list_url": reverse("admin:merchants_merchant_changelist"),
            "home": reverse("admin:merchants_merchant_change", args=(merchant.pk,)),
            "export": reverse("admin:merchants_merchant_leaving_xlsx", args=(merchant.pk,)),
            **leaving_shown.context(merchant, now()),
        }
        approval = context["way"].approval
        context["approval"] = links.link("alliance_approval", approval.pk, f"#{approval.pk}") if approval else ""
        return TemplateResponse(request, "admin/finance/leaving.html", context)

    def leaving_sheet(self, request: HttpRequest, number: int) -> HttpResponse:
        merchant = self._merchant(request, number)
        found = leaving.final(merchant, leaving.way_of(merchant))
        if found is None:
            raise Http404
        return leaving_shown.sheet(merchant, found)

    def find(self, request: HttpRequest, queryset: Any, words: str) -> Any:
        """Find as the class does, which its indexes answer."""
        return queryset.search(words), False

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        if obj:
            return self.fields if obj.state == Merchant.State.DRAFT else self.fields[:-1]
        return (("name", "short_name"), ("kind", "trade"), ("centre", "credit_code"), "contact_phone")

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        return self.readonly_fields if obj else ()

    def get_inlines(self, request: HttpRequest, obj: Any) -> Any:
        return self.inlines if obj else ()

    def get_changelist_instance(self, request: HttpRequest) -> Any:
        """Read the floats of a page in two queries."""
        changelist = super().get_changelist_instance(request)
        floats = figures.cover([row.float_id for row in changelist.result_list if row.float_id], now())
        for row in changelist.result_list:
            row.float_now = floats.get(row.float_id, (None, None))
        return changelist

    def _float(self, merchant: Merchant) -> tuple[int | None, int | None]:
        def ask() -> tuple[int | None, int | None]:
            cover = statements.float_cover(merchant.float_id, now()) if merchant.float_id else None
            return (cover.balance, cover.days) if cover else (None, None)

        known: tuple[int | None, int | None] = once(merchant, "float_now", ask)
        return known

    @display(description=_("merchant"), ordering="name")
    def shown_name(self, merchant: Merchant) -> str:
        return str(merchant)

    @labelled(description=_("state"), ordering="state", tones=STATE_COLOURS)
    def shown_state(self, merchant: Merchant) -> tuple[str, str]:
        return merchant.state, merchant.get_state_display()

    @display(description=_("contact phone"))
    def shown_phone(self, merchant: Merchant) -> str:
        return masked_phone(merchant.contact_phone)

    # Translators: 备付金
    @display(description=_("float"))
    def shown_float(self, merchant: Merchant) -> str:
        return format_html('<span class="console-n">{}</span>', yuan(self._float(merchant)[0]))

    # Translators: 可撑天数
    @display(description=_("days of cover"))
    def shown_cover(self, merchant: Merchant) -> str:
        days = self._float(merchant)[1]
        if days is None:
            return "–"
        sign = "bad" if days < 1 else "warn" if days < figures.LOW_DAYS else "good"
        return format_html('<span class="console-sign {}"></span> <span class="console-n">{}</span>', sign, days)

    # Translators: 汇款附言
    @display(description=_("reference on transfers"))
    def shown_reference(self, merchant: Merchant) -> str:
        return merchant.payment_reference

    # Translators: 赊账额度
    @display(description=_("credit line"))
    def shown_line(self, merchant: Merchant) -> str:
        line = promises.line_of(merchant.float_id) if merchant.float_id else None
        if line is None:
            return "–"
        # Translators: 已欠 %(owed)s，额度 %(limit)s（%(state)s）
        return _t("%(owed)s owed of %(limit)s (%(state)s)") % {
            "owed": yuan(line.owed_fen),
            "limit": yuan(line.limit_fen),
            "state": line.get_state_display(),
        }

    # Translators: 退出
    @display(description=_("leaving"))
    def shown_leaving(self, merchant: Merchant) -> Any:
        if not merchant.float_id:
            return "–"
        way = once(merchant, "leaving_way", lambda: leaving.way_of(merchant))
        url = reverse("admin:merchants_merchant_leaving", args=(merchant.pk,))
        return format_html('<a class="console-link" href="{}">{}</a>', url, leaving_shown.WORDS[way.state])

    # Translators: 上线还缺
    @display(description=_("still missing before it can go live"))
    def shown_missing(self, merchant: Merchant) -> str:
        if merchant.state != Merchant.State.DRAFT:
            return "–"
        steps = once(merchant, "steps_missing", lambda: onboarding.missing_steps(merchant, now()))
        return listed(steps) or _t("nothing")

    def perform(self, request: HttpRequest, row: Merchant, data: dict[str, Any], change: bool) -> Merchant:
        access.require(request.user, "merchant.change", data["centre"])  # type: ignore[arg-type]
        return onboarding.open(
            name=data["name"],
            short_name=data["short_name"],
            kind=data["kind"],
            trade=data["trade"],
            centre=data["centre"],
            credit_code=data["credit_code"] or None,
            contact_phone=data["contact_phone"],
            actor=actor_of(request),
            at=now(),
        )
