"""POST /sales/{id}/void: undo a whole bill."""

from __future__ import annotations

from typing import Any

from django.utils import timezone
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from merchants import sales
from merchants.api import fields
from merchants.api.base import REQUEST_KEY, MerchantView, answers, replied
from merchants.models.key import Scope


class VoidView(MerchantView):
    """Undo a bill at the outlet that booked it, within ten minutes."""

    scope = Scope.VOID

    class Input(fields.Body):
        outlet = fields.outlet()

    class Output(serializers.Serializer[Any]):
        id = fields.Number(source="void_id")
        sale = fields.Number(source="sale_id")
        outlet = fields.Number(source="outlet_id")
        booked_at = fields.Time()
        points_taken = fields.Whole(help_text="Earned points that the member gave back.")
        bonus_points_taken = fields.Whole(help_text="Bonuses that went back to whoever paid them.")
        points_returned = fields.Whole(help_text="Spent points that the member has again.")

    @extend_schema(
        operation_id="voidSale",
        tags=["sales"],
        request=Input,
        parameters=[
            REQUEST_KEY,
            OpenApiParameter("sale_id", {"type": "integer", "minimum": 1}, OpenApiParameter.PATH),
        ],
        responses=answers(
            Output,
            status=201,
            has_body=True,
            p400="The Idempotency-Key is missing, or the body is not JSON.",
            p404="No such sale at this outlet.",
            p409="Ten minutes are over, it is void already, or the earned points are gone.",
        ),
    )
    def post(self, request: Request, sale_id: int) -> Response:
        given = self.Input.read(request.data)
        receipt = sales.void(
            outlet=self.outlet(given.get("outlet")),
            sale_id=sale_id,
            caller=self.caller,
            key=self.request_key,
            actor=self.actor,
            at=timezone.now(),
        )
        return replied(self.Output(receipt).data, is_replay=receipt.is_replay)
