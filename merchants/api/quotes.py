"""POST /quote: what a bill would bring and cost."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from merchants import sales, tills
from merchants.api import fields
from merchants.api.base import MerchantView, answers
from merchants.api.receipts import BonusOutput
from merchants.models.key import Scope


class QuoteView(MerchantView):
    """Preview a bill; nothing is booked. With a member token the limits of that member are told too."""

    scope = Scope.SALES

    class Input(fields.Body):
        outlet = fields.outlet()
        member_token = fields.Text(required=False, max_length=500)
        bill_fen = fields.Whole(min_value=1)
        spend_points = fields.Whole(default=0)
        eligible_fen = fields.Whole(required=False, allow_null=True)
        lines = fields.lines()

    class Output(serializers.Serializer[Any]):
        bill_fen = fields.Whole()
        spend_points = fields.Whole()
        paid_fen = fields.Whole(help_text="What the customer pays in money.")
        eligible_fen = fields.Whole()
        rate_bps = fields.Whole()
        rebate_fen = fields.Whole(help_text="What the sale costs the merchant's float.")
        points = fields.Whole(help_text="What the member would earn.")
        bonus_points = fields.Whole(help_text="What rules would give on top, as far as it is known who buys.")
        bonuses = BonusOutput(many=True)
        spend_fee = fields.Whole(help_text="What is kept of the points taken.")
        max_spend_points = fields.Whole(
            help_text="By the agreement's largest share and, when the member showed a code or PIN, by the balance."
        )
        needs_pin = serializers.BooleanField()
        matures_on = serializers.DateField()
        expires_on = serializers.DateField()

    @extend_schema(
        operation_id="quote",
        tags=["sales"],
        request=Input,
        responses=answers(
            Output,
            has_body=True,
            p404="An outlet that is not yours.",
            p409="The shop is not live, or has no agreement in force.",
        ),
    )
    def post(self, request: Request) -> Response:
        data = self.Input.read(request.data)
        now = timezone.now()
        outlet = self.outlet(data.get("outlet"))
        token = data.get("member_token")
        member = tills.read_token(token, outlet_id=outlet.pk, at=now) if token else None
        bill = sales.Request("", data["bill_fen"], data["spend_points"], data.get("eligible_fen"))
        bill = replace(bill, lines=fields.read_lines(data.get("lines")))
        return Response(self.Output(sales.quote(outlet=outlet, member=member, request=bill, at=now)).data)
