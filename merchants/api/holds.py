"""Holds: points set aside for a bill that is not final, captured or given back."""

from __future__ import annotations

from typing import Any

from django.utils import timezone
from drf_spectacular.utils import OpenApiParameter, extend_schema, extend_schema_field, extend_schema_serializer
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from merchants import holds
from merchants.api import fields
from merchants.api.authentication import SCOPE_MISSING
from merchants.api.base import REQUEST_KEY, MerchantView, answers, replied
from merchants.api.receipts import ReceiptOutput, told
from merchants.holds import Held
from merchants.models.key import Scope
from points.refusals import HOLD_UNKNOWN

STATES = {1: "open", 2: "captured", 3: "released", 4: "timed_out"}
NUMBER = OpenApiParameter("hold_id", {"type": "integer", "minimum": 1}, OpenApiParameter.PATH)


@extend_schema_serializer(component_name="Hold")
class HoldOutput(serializers.Serializer[Any]):
    """A hold as it stands."""

    id = fields.Number(source="hold.pk")
    status = serializers.SerializerMethodField()
    outlet = fields.Number(source="hold.outlet_id")
    points = fields.Whole(source="hold.points", help_text="What was set aside; 1 point = 1 fen.")
    bill_fen = fields.Whole(source="hold.bill_fen", help_text="The bill as it was expected.")
    placed_at = fields.Time(source="hold.placed_at")
    ends_at = fields.Time(source="hold.ends_at", help_text="From then on it cannot be captured: the points go back.")
    closed_at = fields.Time(source="hold.closed_at", allow_null=True)
    captured_points = fields.Whole(source="hold.captured", help_text="What the final bill took; the rest went back.")
    sale = fields.Number(source="hold.sale_id", allow_null=True, help_text="The final bill, once captured.")
    available_points = fields.Whole(
        allow_null=True, help_text="In the answer to placing; null unless the member showed a code or typed the PIN."
    )
    reference = serializers.CharField(source="hold.reference", allow_blank=True)

    @extend_schema_field({"type": "string", "enum": list(STATES.values())})
    def get_status(self, held: Held) -> str:
        hold = held.hold
        # Its time is over, though the clock may give the points back only in a minute.
        return STATES[4] if hold.is_open and hold.is_over(timezone.now()) else STATES[hold.state]


class HoldsView(MerchantView):
    """Set points aside for a bill that is not final."""

    scope = Scope.SPENDS

    class Input(fields.Body):
        outlet = fields.outlet()
        member = fields.member()
        bill_fen = fields.Whole(min_value=1, help_text="What the bill is expected to be, points included.")
        points = fields.Whole(min_value=1, help_text="How many points to set aside.")
        minutes = fields.Whole(
            required=False,
            min_value=1,
            max_value=holds.MOST_MINUTES,
            help_text="For how long; left out: the usual time (30 minutes). Seven days at most.",
        )
        pin = fields.pin()
        reference = fields.reference()

    @extend_schema(
        operation_id="placeHold",
        tags=["holds"],
        request=Input,
        parameters=[REQUEST_KEY],
        responses=answers(
            HoldOutput,
            status=201,
            has_body=True,
            p400="The Idempotency-Key is missing, or the body is not JSON.",
            p404="No such member, or an outlet that is not yours.",
            p409="The shop is not live, the code was used, the points are short, the PIN is wrong or needed, …",
        ),
    )
    def post(self, request: Request) -> Response:
        data = self.Input.read(request.data)
        key = self.request_key
        held = holds.place(
            outlet=self.outlet(data.get("outlet")),
            request=holds.Request(
                data["member"], data["bill_fen"], data["points"], data.get("minutes"), data.get("reference", "")
            ),
            caller=self.caller,
            key=key,
            actor=self.actor,
            at=timezone.now(),
            pin=data.get("pin", ""),
        )
        return replied(HoldOutput(held).data, is_replay=held.is_replay)


class HoldView(MerchantView):
    """Look at one hold."""

    scope = Scope.SPENDS
    parameters = frozenset({"outlet"})

    @extend_schema(
        operation_id="showHold",
        tags=["holds"],
        parameters=[
            NUMBER,
            OpenApiParameter(
                "outlet", {"type": "integer", "minimum": 1}, description="May be left out when the key is bound to one."
            ),
        ],
        responses=answers(
            HoldOutput, p404="No such hold at this outlet.", p409="A test key and an outlet that is none."
        ),
    )
    def get(self, request: Request, hold_id: int) -> Response:
        outlet = self.outlet(fields.query_number(request, "outlet"))
        hold = holds.find([outlet.pk], hold_id)
        if hold is None:
            raise HOLD_UNKNOWN()
        return Response(HoldOutput(Held(hold)).data)


class CaptureView(MerchantView):
    """Book the final bill: part or all of the held points, and what is paid in money earns."""

    scope = Scope.SPENDS

    class Input(fields.Body):
        outlet = fields.outlet()
        bill_fen = fields.Whole(min_value=1, help_text="The whole bill as it came out, points included.")
        points = fields.Whole(
            required=False,
            allow_null=True,
            min_value=1,
            help_text="How many of the held points it takes; left out: as many as bill and agreement allow.",
        )
        eligible_fen = fields.Whole(
            required=False, allow_null=True, help_text="The part of the money that earns points; left out: all of it."
        )
        reference = fields.reference()

    @extend_schema(
        operation_id="captureHold",
        tags=["holds"],
        request=Input,
        parameters=[REQUEST_KEY, NUMBER],
        responses=answers(
            ReceiptOutput,
            status=201,
            has_body=True,
            p400="The Idempotency-Key is missing, or the body is not JSON.",
            p404="No such hold at this outlet.",
            p409="It was closed before, its time is over, or it holds fewer points.",
        ),
    )
    def post(self, request: Request, hold_id: int) -> Response:
        data = self.Input.read(request.data)
        if data.get("eligible_fen") != 0 and Scope.SALES not in self.key.scopes:
            raise SCOPE_MISSING(scope=str(Scope.SALES))
        key = self.request_key
        receipt = holds.capture(
            outlet=self.outlet(data.get("outlet")),
            hold_id=hold_id,
            final=holds.Final(
                data["bill_fen"], data.get("points"), data.get("eligible_fen"), data.get("reference", "")
            ),
            caller=self.caller,
            key=key,
            actor=self.actor,
            at=timezone.now(),
        )
        return replied(told(receipt), is_replay=receipt.is_replay)


class ReleaseView(MerchantView):
    """Give all held points back: no bill came of it."""

    scope = Scope.SPENDS

    class Input(fields.Body):
        outlet = fields.outlet()

    @extend_schema(
        operation_id="voidHold",
        tags=["holds"],
        request=Input,
        parameters=[REQUEST_KEY, NUMBER],
        responses=answers(
            HoldOutput,
            status=201,
            has_body=True,
            p400="The Idempotency-Key is missing, or the body is not JSON.",
            p404="No such hold at this outlet.",
            p409="It was captured or released before, or its time is over.",
        ),
    )
    def post(self, request: Request, hold_id: int) -> Response:
        given = self.Input.read(request.data)
        held = holds.release(
            outlet=self.outlet(given.get("outlet")),
            hold_id=hold_id,
            caller=self.caller,
            key=self.request_key,
            actor=self.actor,
            at=timezone.now(),
        )
        return replied(HoldOutput(held).data, is_replay=held.is_replay)
