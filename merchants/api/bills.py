"""POST /sales and POST /spends: a bill, booked once."""

from __future__ import annotations

from typing import Any

from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from merchants import sales
from merchants.api import fields
from merchants.api.authentication import SCOPE_MISSING
from merchants.api.base import REQUEST_KEY, MerchantView, answers, replied
from merchants.api.receipts import ReceiptOutput, told
from merchants.models.key import Scope

BOOKED = answers(
    ReceiptOutput,
    status=201,
    has_body=True,
    p400="The Idempotency-Key is missing, or the body is not JSON.",
    p404="No such member, or an outlet that is not yours.",
    p409="The shop is not live, the code was used, the points are short, the PIN is wrong or needed, …",
)


class SaleView(MerchantView):
    """Record a sale; with `spend_points` the same bill is paid in part with points, in one journal."""

    scope = Scope.SALES

    class Input(fields.Body):
        outlet = fields.outlet()
        member = fields.member()
        bill_fen = fields.Whole(min_value=1, help_text="The whole bill, points included.")
        spend_points = fields.Whole(default=0, help_text="How much of the bill the member pays in points.")
        eligible_fen = fields.Whole(
            required=False, allow_null=True, help_text="The part of the money that earns points; left out: all of it."
        )
        lines = fields.lines()
        pin = fields.pin()
        reference = fields.reference()
        occurred_at = fields.When(required=False, help_text="When it happened, if sent later; up to 30 days ago.")
        device = fields.device()

    @extend_schema(operation_id="recordSale", tags=["sales"], request=Input, parameters=[REQUEST_KEY], responses=BOOKED)
    def post(self, request: Request) -> Response:
        data = self.Input.read(request.data)
        if data["spend_points"] and Scope.SPENDS not in self.key.scopes:
            raise SCOPE_MISSING(scope=str(Scope.SPENDS))
        return self.record(data, data["spend_points"], data.get("eligible_fen"))

    def record(self, data: dict[str, Any], spend_points: int, eligible_fen: int | None) -> Response:
        key = self.request_key
        receipt = sales.record(
            outlet=self.outlet(data.get("outlet")),
            request=sales.Request(
                member=data["member"],
                bill_fen=data["bill_fen"],
                spend_points=spend_points,
                eligible_fen=eligible_fen,
                lines=fields.read_lines(data.get("lines")),
                reference=data.get("reference", ""),
                occurred_at=data.get("occurred_at"),
            ),
            caller=self.caller,
            key=key,
            actor=self.actor,
            at=timezone.now(),
            pin=data.get("pin", ""),
            device=data.get("device", ""),
        )
        return replied(told(receipt), is_replay=receipt.is_replay)


class SpendView(SaleView):
    """Take points for a part of a bill whose money earns nothing."""

    scope = Scope.SPENDS

    class Input(fields.Body):  # type: ignore[assignment]
        outlet = fields.outlet()
        member = fields.member()
        bill_fen = fields.Whole(min_value=1, help_text="The whole bill, points included.")
        spend_points = fields.Whole(min_value=1, help_text="How much of the bill the member pays in points.")
        pin = fields.pin()
        reference = fields.reference()

    @extend_schema(
        operation_id="recordSpend", tags=["sales"], request=Input, parameters=[REQUEST_KEY], responses=BOOKED
    )
    def post(self, request: Request) -> Response:
        data = self.Input.read(request.data)
        return self.record(data, data["spend_points"], 0)
