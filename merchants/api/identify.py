"""POST /identify: who stands at the till."""

from __future__ import annotations

from typing import Any

from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from merchants import guesses, tills
from merchants.api import fields
from merchants.api.base import MerchantView, answers
from merchants.models.key import Scope


class IdentifyView(MerchantView):
    """Find a member; the answer never has a name."""

    scope = Scope.IDENTIFY

    class Input(fields.Body):
        outlet = fields.outlet()
        member = fields.member()
        pin = fields.pin()

    class Output(serializers.Serializer[Any]):
        member_token = serializers.CharField(
            help_text="For this outlet, five minutes, any number of sales, one spending."
        )
        expires_at = fields.Time()
        proof = serializers.ChoiceField(choices=["code", "pin", "phone", "number", "card"])
        tier = serializers.IntegerField()
        mark = serializers.CharField(help_text="Three characters that the member sees too: compare them.")
        available_points = fields.Whole(allow_null=True, help_text="Null unless proof is code or pin.")

    @extend_schema(
        operation_id="identify",
        tags=["members"],
        request=Input,
        responses=answers(
            Output,
            has_body=True,
            p404="No such member, or an outlet that is not yours.",
            p409="The code has expired or was used; the shop is not live; the PIN is wrong or locked.",
        ),
    )
    def post(self, request: Request) -> Response:
        data = self.Input.read(request.data)
        now = timezone.now()
        outlet = self.outlet(data.get("outlet"))
        whose = guesses.who(self.caller, self.actor)
        member = tills.identify(outlet=outlet, given=data["member"], pin=data.get("pin"), at=now, whose=whose)
        answer = {
            "member_token": member.token,
            "expires_at": member.until,
            "proof": member.proof,
            "tier": member.tier,
            "mark": member.mark,
            "available_points": tills.available_points(member),
        }
        return Response(self.Output(answer).data)
