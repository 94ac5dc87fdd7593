"""Opening balances in the console: a file looked at, taken up, paid for by a bank line, booked lot by lot."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from http import HTTPStatus
from secrets import token_urlsafe
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.core.cache import cache
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect, StreamingHttpResponse
from django.template.response import TemplateResponse
from django.urls import path, reverse
from django.utils.translation import gettext as _t
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext
from unfold.decorators import display
from unfold.widgets import UnfoldAdminFileFieldWidget

from alliance import events
from alliance.admin.acts import Act, ActForm
from alliance.admin.drawing import labelled
from alliance.admin.scoped import FrozenAdmin, actor_of, now
from alliance.admin.wording import acting
from alliance.calc.sheets import csv_lines
from alliance.models import Approval, Unit, User
from alliance.refusals import Refused
from alliance.templatetags.lianhui import yuan
from points import opening
from points.admin import links
from points.calc import opening as reading
from points.models import BankLine, Opening

MOST_BYTES = 32 * 1024 * 1024
# A file that was looked at waits so long for being taken up; it is kept nowhere else.
KEPT_SECONDS = 1_800
ERRORS_SHOWN = 50
LINES_OFFERED = 200
REFRESH_SECONDS = 5
TONES = {"staged": "warning", "asked": "info", "booking": "info", "done": "success", "cancelled": ""}
WRONG: dict[str, Any] = {
    reading.FILE_UNREADABLE: _("This is no readable CSV file (UTF-8 or GB 18030)."),
    reading.COLUMNS_WRONG: _("The first line must read: member,points,expires_on."),
    reading.TOO_LONG: _("The file has too many lines. Split it."),
    reading.LINE_WRONG: _("A line has three columns."),
    reading.POINTS_WRONG: _("Points are a whole number, 1 or more."),
    reading.DAY_WRONG: _("The day is written like 2027-12-31 and at most ten years ahead."),
    reading.DAY_PAST: _("This day is over: the points would have expired."),
    reading.MEMBER_MISSING: _("The member's number is missing or too long."),
    reading.REPEATED: _("The same line stands above."),
    reading.UNKNOWN_MEMBER: _("Nobody here has this number."),
}


class Upload(ActForm):
    title = forms.CharField(label=_("Title"), max_length=80)
    file = forms.FileField(label=_("CSV file: member,points,expires_on"), widget=UnfoldAdminFileFieldWidget)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        # The console's text input would not send a file.
        self.fields["file"].widget = forms.FileInput(attrs={"accept": ".csv,text/csv", "class": "w-full"})

    def clean_file(self) -> Any:
        file = self.cleaned_data["file"]
        if file.size > MOST_BYTES:
            raise forms.ValidationError(
                _t("The file is larger than %(most)s MB. Split it.") % {"most": MOST_BYTES >> 20}
            )
        return file


class Money(ActForm):
    # Translators: 银行流水（对方转来的钱）
    line = forms.ModelChoiceField(BankLine.objects.none(), label=_("Bank line that pays for it"))

    def prepare(self) -> None:
        field = self.fields["line"]
        assert isinstance(field, forms.ModelChoiceField)
        field.queryset = _credits()
        field.label_from_instance = lambda line: (  # type: ignore[assignment, method-assign]
            f"{yuan(line.amount_fen)} · {line.value_on} · {line.payer or line.bank} · {line.serial}"
        )


def _credits() -> Any:
    found = BankLine.objects.waiting().filter(amount_fen__gt=0).order_by("-amount_fen", "pk")
    return BankLine.objects.filter(pk__in=list(found.values_list("pk", flat=True)[:LINES_OFFERED])).order_by(
        "-amount_fen", "pk"
    )


def _is_staged(_request: HttpRequest, row: Opening) -> bool:
    return row.started_at is None and row.cancelled_at is None


def _needs(request: HttpRequest, row: Opening) -> list[tuple[Any, Any]]:
    best = _credits().first()
    there = best.amount_fen if best else 0
    return [
        (_("Money needed"), yuan(row.points)),
        (_("Largest bank line that belongs to nobody yet"), yuan(there) if best else "–"),
        (_("Missing"), yuan(max(row.points - there, 0))),
    ]


def _ask(request: HttpRequest, row: Opening, data: dict[str, Any]) -> str:
    assert isinstance(request.user, User)
    root = Unit.objects.get(parent__isnull=True)
    opening.ask(opening=row, bank_line=data["line"], unit=root, user=request.user, at=now())
    return _t("Asked. When a second person agrees, the clock books the balances lot by lot.")


def _cancel(request: HttpRequest, row: Opening, data: dict[str, Any]) -> str:
    opening.cancel(opening=row, actor=actor_of(request), at=now())
    return _t("Let go of. No point was moved; the same file can be looked at again.")


@admin.register(Opening)
class OpeningAdmin(FrozenAdmin):
    scope = "headquarters"
    view_permission = "book.view"
    icon = "move_to_inbox"
    list_display = (
        "title",
        "shown_state",
        "lines",
        "shown_points",
        "staged_at",
        "shown_by",
        "started_at",
        "finished_at",
    )
    search_fields = ("title",)
    ordering = ("-staged_at", "-pk")
    fields = (
        ("title", "shown_state"),
        ("lines", "shown_points", "shown_money"),
        ("staged_at", "shown_by"),
        ("shown_line", "shown_account"),
        ("started_at", "finished_at", "cancelled_at"),
    )
    readonly_fields = ("shown_state", "shown_points", "shown_money", "shown_by", "shown_line", "shown_account")
    shown_by = acting("staged_by", _("taken up by"))
    change_list_template = "admin/book/openings.html"
    change_form_outer_before_template = "admin/book/opening_progress.html"
    acts = (
        Act(
            name="ask",
            # Translators: 申请入账
            title=_("Ask to book it"),
            permission="opening.stage",
            says=_(
                "Choose the bank line with the earlier operator's money. Nothing moves until a second person agrees; a "
                "line that is too small is refused, with what is missing."
            ),
            shows=_needs,
            form=Money,
            run=_ask,
            is_possible=_is_staged,
            icon="send",
        ),
        Act(
            name="cancel",
            # Translators: 放弃导入
            title=_("Let go of the file"),
            permission="opening.stage",
            says=_("Nothing was booked and nothing will be."),
            run=_cancel,
            is_possible=_is_staged,
            is_dangerous=True,
            icon="delete",
        ),
    )

    # --- a file is looked at, then taken up ---

    def get_urls(self) -> list[Any]:
        view = self.admin_site.admin_view
        own = [
            path("upload/", view(self.upload_view), name="points_opening_upload"),
            path("upload/<str:token>/", view(self.look_view), name="points_opening_look"),
            path("upload/<str:token>/errors.csv", view(self.errors_view), name="points_opening_errors"),
        ]
        return [*own, *super().get_urls()]

    def _must(self, request: HttpRequest) -> None:
        if not self.may(request, "opening.stage"):
            raise PermissionDenied

    def upload_view(self, request: HttpRequest) -> HttpResponse:
        self._must(request)
        is_sent = request.method == "POST"
        form = Upload(request.POST if is_sent else None, request.FILES if is_sent else None, request=request, row=None)
        if is_sent and form.is_valid():
            token = token_urlsafe(18)
            kept = (form.cleaned_data["title"], zlib.compress(form.cleaned_data["file"].read(), 1))
            cache.set(_name(request, token), kept, KEPT_SECONDS)
            return HttpResponseRedirect(reverse("admin:points_opening_look", args=(token,)))
        context = {
            **self.admin_site.each_context(request),
            # Translators: 上传期初余额
            "title": _("Look at a file of balances"),
            "form": form,
            "list_url": reverse("admin:points_opening_changelist"),
        }
        status = HTTPStatus.UNPROCESSABLE_ENTITY if is_sent else HTTPStatus.OK
        return TemplateResponse(request, "admin/book/opening_upload.html", context, status=int(status))

    def look_view(self, request: HttpRequest, token: str) -> HttpResponse:
        """Show what a file comes to; a POST takes it up."""
        self._must(request)
        kept = cache.get(_name(request, token))
        if kept is None:
            messages.error(request, _t("This file is not kept any more. Choose it again."))
            return HttpResponseRedirect(reverse("admin:points_opening_upload"))
        title, content = kept[0], zlib.decompress(kept[1])
        refusal, status = "", HTTPStatus.OK
        if request.method == "POST":
            try:
                made = opening.stage(title=title, content=content, actor=actor_of(request), at=now())
            except Refused as refused:
                refusal, status = refused.text(), HTTPStatus(refused.status)
            else:
                cache.delete(_name(request, token))
                messages.success(request, _t("Taken up. No point has moved: ask for it with the bank line that pays."))
                return HttpResponseRedirect(reverse("admin:points_opening_change", args=(made.pk,)))
        found = opening.dry_run(content, at=now())
        largest = _credits().first()
        there = largest.amount_fen if largest else 0
        context = {
            **self.admin_site.each_context(request),
            # Translators: 试算
            "title": _("Dry run"),
            "subtitle": title,
            "found": found,
            "refusal": refusal,
            "there": there,
            "missing": max(found.points - there, 0),
            "errors": [(error, WRONG.get(error.code, error.code)) for error in found.errors[:ERRORS_SHOWN]],
            "more": max(len(found.errors) - ERRORS_SHOWN, 0),
            "can_stage": bool(found.balances) and not found.errors,
            "errors_url": reverse("admin:points_opening_errors", args=(token,)),
            "upload_url": reverse("admin:points_opening_upload"),
            "list_url": reverse("admin:points_opening_changelist"),
        }
        return TemplateResponse(request, "admin/book/opening_look.html", context, status=int(status))

    def errors_view(self, request: HttpRequest, token: str) -> StreamingHttpResponse:
        self._must(request)
        kept = cache.get(_name(request, token))
        if kept is None:
            raise Http404
        found = opening.dry_run(zlib.decompress(kept[1]), at=now())

        def rows() -> Iterator[list[Any]]:
            yield [_t("Line"), pgettext("error", "Code"), _t("What is wrong"), _t("Given")]
            for error in found.errors:
                yield [error.no, error.code, str(WRONG.get(error.code, "")), error.text]

        answer = StreamingHttpResponse(csv_lines(rows()), content_type="text/csv; charset=utf-8")
        answer["Content-Disposition"] = 'attachment; filename="opening-errors.csv"'
        return answer

    # --- one import ---

    def change_view(self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None) -> Any:
        context = extra_context or {}
        row = self.get_object(request, object_id)
        is_booking = False
        if row is not None:
            is_booking = row.started_at is not None and row.finished_at is None
            done = row.lines if row.finished_at else opening.done_of(row) if is_booking else 0
            largest = _credits().first() if _is_staged(request, row) else None
            context |= {
                "opening": row,
                "is_staged": _is_staged(request, row),
                "is_booking": is_booking,
                "done": done,
                "percent": done * 100 // row.lines if row.lines else 100,
                "asked": _asked(row),
                "there": largest.amount_fen if largest else 0,
                "missing": max(row.points - (largest.amount_fen if largest else 0), 0),
            }
        answer = super().change_view(request, object_id, form_url, context)
        if is_booking:
            answer["Refresh"] = str(REFRESH_SECONDS)
        return answer

    @labelled(description=_("state"), tones=TONES)
    def shown_state(self, row: Opening) -> tuple[str, Any]:
        if row.cancelled_at:
            return "cancelled", _("Let go of")
        if row.finished_at:
            return "done", _("Booked")
        if row.started_at:
            # Translators: 入账中
            return "booking", _("Being booked")
        # Translators: 待付款与复核
        return "staged", _("Waits for its money")

    @display(description=_("points"), ordering="points")
    def shown_points(self, row: Opening) -> Any:
        return links.number(row.points)

    @display(description=_("money needed"))
    def shown_money(self, row: Opening) -> Any:
        return links.money(row.points)

    @display(description=_("bank line"))
    def shown_line(self, row: Opening) -> Any:
        return links.link("points_bankline", row.bank_line_id, f"#{row.bank_line_id}")

    @display(description=_("account"))
    def shown_account(self, row: Opening) -> Any:
        return links.account(row.account_id)


def _asked(row: Opening) -> Approval | None:
    waiting = Approval.objects.waiting().filter(kind="points.opening", subject=events.subject_of(row))
    return waiting.select_related("asked_by").first()


def _name(request: HttpRequest, token: str) -> str:
    """A file belongs to whoever sent it."""
    return f"points.opening:{request.user.pk}:{token[:40]}"
