"""GET /members/balance: what a member can spend, after the member's proof."""

from __future__ import annotations

from typing import Any

from django.utils import timezone
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from merchants import tills
from merchants.api import fields
from merchants.api.base import MerchantView, answers
from merchants.models.key import Scope
from points.models import Wallet


class BalanceView(MerchantView):
    """The token travels in a header, so that it stands in no log of addresses."""

    scope = Scope.BALANCE
    parameters = frozenset({"outlet"})

    class Output(serializers.Serializer[Any]):
        available_points = fields.Whole(help_text="Can be spent now; 1 point = 1 fen.")
        pending_points = fields.Whole(source="pending", help_text="Earned, not mature yet.")

    @extend_schema(
        operation_id="memberBalance",
        tags=["members"],
        parameters=[
            OpenApiParameter("Member-Token", str, OpenApiParameter.HEADER, required=True),
            OpenApiParameter("outlet", {"type": "integer", "minimum": 1}, required=False),
        ],
        responses=answers(
            Output,
            p404="An outlet that is not yours.",
            p409="The token has expired, or belongs to another outlet.",
        ),
    )
    def get(self, request: Request) -> Response:
        outlet = self.outlet(fields.query_number(request, "outlet"))
        token = request.headers.get("Member-Token", "")
        member = tills.read_token(token, outlet_id=outlet.pk, at=timezone.now())
        if not member.is_sure:
            raise tills.PROOF_NEEDED()
        wallet = Wallet.objects.get(pk=member.wallet_id)
        return Response(self.Output({"available_points": wallet.available, "pending": wallet.pending}).data)
