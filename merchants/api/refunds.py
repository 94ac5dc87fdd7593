"""POST /sales/{id}/refund and its preview, GET /sales/{id}/refunds: goods come back, by amount or by line."""

from __future__ import annotations

from typing import Any

from django.utils import timezone
from drf_spectacular.utils import OpenApiParameter, extend_schema, extend_schema_serializer
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from merchants import refunding
from merchants.api import fields
from merchants.api.base import REQUEST_KEY, MerchantView, answers, replied
from merchants.models import Outlet, RefundNote
from merchants.models.key import Scope

SALE = OpenApiParameter("sale_id", {"type": "integer", "minimum": 1}, OpenApiParameter.PATH)
REFUSED = {
    "p404": "No such sale of this merchant.",
    "p409": "The sale is void, it is too late, or its lines are not known.",
}


@extend_schema_serializer(component_name="RefundLine")
class LineInput(fields.Body):
    line = fields.Number(help_text="Which line of the bill, counted from 1.")
    units = fields.Whole(required=False, default=1, min_value=1, max_value=100_000, help_text="How many of it.")


class RefundInput(fields.Body):
    outlet = fields.outlet()
    refund_fen = fields.Whole(
        required=False,
        min_value=1,
        help_text="How much of the bill comes back. Without it and lines: all that is left.",
    )
    lines = LineInput(
        many=True,
        required=False,
        max_length=fields.MOST_LINES,  # type: ignore[call-arg] # of the list
        help_text="Which lines come back; for sales that were sent with lines and that a rule looked at.",
    )
    cash_given = serializers.BooleanField(
        required=False, default=False, help_text="True: the money was handed out already; nothing can be kept back."
    )
    reason = serializers.ChoiceField(required=False, choices=RefundNote.Reason, default=RefundNote.Reason.OTHER)

    def validate(self, given: Any) -> Any:
        if "refund_fen" in given and given.get("lines"):
            raise serializers.ValidationError({"lines": [refunding.EITHER]})
        return given


@extend_schema_serializer(component_name="RefundFigures")
class FiguresOutput(serializers.Serializer[Any]):
    """What the till has to do, and what moves."""

    refund_fen = fields.Whole(source="returned_fen", help_text="The part of the bill that comes back.")
    cash_fen = fields.Whole(help_text="Of it, what had been paid in money.")
    cash_back_fen = fields.Whole(help_text="What the till hands out.")
    keep_back_fen = fields.Whole(help_text="What the till keeps of cash_fen: earned points that are spent already.")
    claim_fen = fields.Whole(help_text="What the member still owes; it is taken from the next points.")
    points_returned = fields.Whole(source="points_back", help_text="Spent points that the member gets back.")
    points_promised = fields.Whole(help_text="Of these, those that come when the merchant has money again.")
    points_lapsed = fields.Whole(help_text="Points that came back too late and lapsed at once.")
    points_wound = fields.Whole(
        help_text="Points that came back after the last day of spending and went on to whoever had paid them."
    )
    points_taken = fields.Whole(help_text="Earned points and bonuses that are taken back.")
    points_short = fields.Whole(help_text="Earned points that were gone: kept back or owed.")
    rest_back_fen = fields.Whole(help_text="The rest of the rebate that is in the float again.")
    rest_due_fen = fields.Whole(help_text="… and what is due after the next daily close.")
    fee_back_fen = fields.Whole(help_text="The spending fee that is given back.")


@extend_schema_serializer(component_name="Refund")
class RefundOutput(serializers.Serializer[Any]):
    """A refund as it was booked."""

    id = fields.Number(source="number")
    sale = fields.Number(source="sale.pk")
    outlet = fields.Number(source="outlet_id")
    booked_at = fields.Time()
    reason = serializers.CharField(allow_blank=True)
    cash_given = serializers.BooleanField(source="figures.cash_given")
    figures = FiguresOutput()
    left_fen = fields.Whole(help_text="What is left of the bill after it.")


class RefundingView(MerchantView):
    """Shared: whose sale, in which outlet."""

    scope = Scope.REFUND

    def read(self, request: Request) -> tuple[Outlet, refunding.Request]:
        given = RefundInput.read(request.data)
        wanted = refunding.Request(
            fen=given.get("refund_fen"),
            lines=tuple((line["line"], line["units"]) for line in given.get("lines", ())),
            cash_given=given["cash_given"],
            reason=given["reason"],
        )
        return self.outlet(given.get("outlet")), wanted


class RefundView(RefundingView):
    """Refund a part of a sale or all that is left, at any outlet of the merchant that sold it."""

    @extend_schema(
        operation_id="refundSale",
        tags=["sales"],
        request=RefundInput,
        parameters=[REQUEST_KEY, SALE],
        responses=answers(
            RefundOutput,
            status=201,
            has_body=True,
            p400="The Idempotency-Key is missing, or the body is not JSON.",
            **REFUSED,
        ),
    )
    def post(self, request: Request, sale_id: int) -> Response:
        outlet, wanted = self.read(request)
        done = refunding.refund(
            outlet=outlet,
            number=sale_id,
            request=wanted,
            caller=self.caller,
            key=self.request_key,
            actor=self.actor,
            most_fen=None,
            at=timezone.now(),
        )
        return replied(RefundOutput(done).data, is_replay=done.is_replay)


class RefundPreviewView(RefundingView):
    """Say what a refund would come to now, to the fen; nothing is booked and no key is used up."""

    @extend_schema(
        operation_id="previewRefund",
        tags=["sales"],
        request=RefundInput,
        parameters=[SALE],
        responses=answers(FiguresOutput, has_body=True, **REFUSED),
    )
    def post(self, request: Request, sale_id: int) -> Response:
        outlet, wanted = self.read(request)
        sale = refunding.find(outlet, sale_id)
        figures = refunding.preview(outlet=outlet, sale=sale, request=wanted, most_fen=None, at=timezone.now())
        return Response(FiguresOutput(figures).data)


class RefundsView(RefundingView):
    """What came back of a sale, and what still can."""

    parameters = frozenset({"outlet"})

    class Output(serializers.Serializer[Any]):
        class Item(serializers.Serializer[Any]):
            line = fields.Number(source="number")
            category = serializers.CharField(allow_blank=True)
            product = serializers.CharField(allow_blank=True)
            fen = fields.Whole(help_text="Money and points that it was paid with.")
            units = fields.Whole()
            units_left = fields.Whole(help_text="How many of it can still come back.")

        sale = fields.Number(source="sale.pk")
        outlet = fields.Number(source="sale.outlet_id")
        bill_fen = fields.Whole(source="sale.bill_fen")
        left_fen = fields.Whole(help_text="What can still come back of the bill.")
        is_void = serializers.BooleanField()
        last_day = serializers.DateField(source="last_on", help_text="The last day for a refund, Shanghai.")
        refunds = RefundOutput(many=True, source="history", help_text="Oldest first.")
        lines = Item(many=True, help_text="Empty: this sale comes back by amount only.")

    @extend_schema(
        operation_id="listRefunds",
        tags=["sales"],
        parameters=[
            SALE,
            OpenApiParameter("outlet", {"type": "integer", "minimum": 1}, description="One of your outlets."),
        ],
        responses=answers(Output, p404="No such sale of this merchant."),
    )
    def get(self, request: Request, sale_id: int) -> Response:
        outlet = self.outlet(fields.query_number(request, "outlet"))
        sale = refunding.find(outlet, sale_id)
        return Response(self.Output(refunding.standing(sale, timezone.now())).data)
