"""GET /statement: what the tills booked, sale by sale."""

from __future__ import annotations

from contextlib import suppress
from datetime import date, datetime, timedelta
from typing import Any

from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from alliance.calc.worktime import shanghai_day
from alliance.refusals import declare
from merchants import register
from merchants.api import fields
from merchants.api.base import MerchantView, answers
from merchants.api.paging import CURSOR, CURSOR_INVALID, LIMIT, Page
from merchants.models import Outlet
from merchants.models.key import Scope

DAY_INVALID = declare("day_invalid", 422, _("“%(name)s” is a day like 2026-11-22, and “from” is not after “to”."))


class StatementView(MerchantView):
    """Sales, voids and refunds of the key's outlets, newest first; the latter two are negative and name the sale."""

    scope = Scope.STATEMENT
    parameters = frozenset({"outlet", "from", "to", "cursor", "limit"})

    class Output(serializers.Serializer[Any]):
        class Item(serializers.Serializer[Any]):
            id = fields.Number()
            kind = serializers.ChoiceField(choices=["sale", "void", "refund"], source="what")
            outlet = fields.Number(source="outlet_id")
            booked_at = fields.Time()
            occurred_at = fields.Time(source="event_at")
            accounting_day = serializers.DateField(source="booked_on")
            bill_fen = serializers.IntegerField()
            paid_fen = serializers.IntegerField()
            spent_points = serializers.IntegerField()
            spend_fee = serializers.IntegerField()
            points = serializers.IntegerField()
            cost_fen = serializers.IntegerField(help_text="What left the float, or is owed for it.")
            is_without_points = serializers.BooleanField()
            is_promised = serializers.BooleanField(help_text="Sold by a merchant that pays later.")
            reverses = fields.Number(source="reverses_id", allow_null=True)
            reference = serializers.CharField(allow_blank=True)

        items = Item(many=True)
        next = serializers.CharField(allow_null=True, help_text="The cursor of the next page; null on the last.")

    @extend_schema(
        operation_id="statement",
        tags=["merchant"],
        parameters=[
            OpenApiParameter("outlet", {"type": "integer", "minimum": 1}, description="Only this outlet."),
            OpenApiParameter("from", date, description="First day, Shanghai; 30 days ago when left out."),
            OpenApiParameter("to", date, description="Last day, included; today when left out."),
            CURSOR,
            LIMIT,
        ],
        responses=answers(Output, p404="An outlet that is not yours."),
    )
    def get(self, request: Request) -> Response:
        page = Page.of(request, "statement")
        number = fields.query_number(request, "outlet")
        if number or self.key.outlet_id:
            outlet_ids = [self.outlet(number).pk]
        else:
            outlet_ids = list(Outlet.objects.of_key(self.key).order_by("pk").values_list("pk", flat=True))
        today = shanghai_day(timezone.now())
        to_on = _day(request, "to", today)
        from_on = _day(request, "from", to_on - timedelta(days=30))
        if from_on > to_on:
            raise DAY_INVALID(name="from")
        rows = register.after(register.Filter(outlet_ids, from_on, to_on).rows(), _place(page.after))
        sales, following = page.cut(list(rows[: page.limit + 1]), lambda sale: [sale.booked_at.isoformat(), sale.pk])
        for sale in sales:
            sale.what = register.WHAT[sale.kind]  # type: ignore[attr-defined]
            sale.cost_fen = sale.points + sale.rest  # type: ignore[attr-defined]
            sale.is_without_points = sale.reason == register.FLOAT_EXHAUSTED  # type: ignore[attr-defined]
            sale.is_promised = sale.reason == register.PROMISED  # type: ignore[attr-defined]
        return Response(self.Output({"items": sales, "next": following}).data)


def _day(request: Request, name: str, otherwise: date) -> date:
    given = request.query_params.get(name)
    if given is None:
        return otherwise
    try:
        day = date.fromisoformat(given)
    except ValueError:
        raise DAY_INVALID(name=name) from None
    # The only way that is read back as it was written; weeks and days without dashes are not.
    if day.isoformat() != given or not 2000 <= day.year <= 2200:
        raise DAY_INVALID(name=name)
    return day


def _place(cursor: Any) -> tuple[datetime, int] | None:
    if cursor is None:
        return None
    match cursor:
        case [str(written), int(number)] if not isinstance(number, bool) and abs(number) < 2**63:
            with suppress(ValueError):
                at = datetime.fromisoformat(written)
                if at.tzinfo is not None:
                    return at, number
    raise CURSOR_INVALID()
