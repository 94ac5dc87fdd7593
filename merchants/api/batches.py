"""POST /sales/batch: up to 500 sales of one outlet."""

from __future__ import annotations

from collections import Counter
from typing import Any

from django.utils import timezone
from drf_spectacular.utils import extend_schema, extend_schema_serializer
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from alliance.api import problems
from alliance.refusals import Refused
from merchants import offline, sales
from merchants.api import fields, receipts
from merchants.api.authentication import SCOPE_MISSING
from merchants.api.base import MerchantView, answers, read_request_key
from merchants.api.receipts import ReceiptOutput
from merchants.models.key import Scope


@extend_schema_serializer(component_name="BatchInput")
class Documented(fields.Body):
    """The body as it is documented; items are read one by one, so that a bad one spoils only itself."""

    @extend_schema_serializer(component_name="BatchSale")
    class Item(fields.Body):
        key = fields.Text(min_length=8, max_length=200, help_text="The Idempotency-Key of this sale.")
        member = fields.member()
        bill_fen = fields.Whole(min_value=1)
        eligible_fen = fields.Whole(required=False, allow_null=True)
        lines = fields.lines()
        reference = fields.reference()
        occurred_at = fields.When(required=False, help_text="Up to 30 days ago; believed for 72 hours.")
        synced_at = fields.When(required=False, help_text="When this device had last sent everything off.")
        spend_points = fields.Whole(
            required=False,
            help_text="Taken offline with the member's code, scanned at occurred_at; few, at the shop's risk.",
        )

    outlet = fields.outlet()
    device = fields.device()
    more_follows = fields.more_follows()
    sales = Item(
        many=True,
        min_length=1,  # type: ignore[call-arg] # of the list
        max_length=sales.BATCH_LIMIT,
        help_text=f"1 to {sales.BATCH_LIMIT}; each is read and answered for itself, also what is wrong in it.",
    )


AT_RISK = "spend_at_merchants_risk"
STATUSES = ["booked", "without_points", "promised", AT_RISK, "refused"]


class BatchView(MerchantView):
    """Book sales that were kept offline. Each item has a key of its own and is answered for itself.

    An item that takes points was made offline with the member's code: a small amount, and the shop bears what the
    wallet has not (status "spend_at_merchants_risk").
    """

    scope = Scope.SALES

    class Input(fields.Body):
        outlet = fields.outlet()
        device = fields.device()
        more_follows = fields.more_follows()
        sales = serializers.ListField(child=serializers.DictField(), min_length=1, max_length=sales.BATCH_LIMIT)

    class Output(serializers.Serializer[Any]):
        class Result(serializers.Serializer[Any]):
            key = serializers.CharField()
            status = serializers.ChoiceField(choices=STATUSES)
            is_replay = serializers.BooleanField()
            sale = ReceiptOutput(allow_null=True, help_text="At the shop's risk: of the money part, if there was any.")
            problem = serializers.DictField(allow_null=True)

        booked = serializers.IntegerField()
        without_points = serializers.IntegerField()
        promised = serializers.IntegerField()
        at_merchants_risk = serializers.IntegerField()
        refused = serializers.IntegerField()
        results = Result(many=True)

    @extend_schema(
        operation_id="recordSales",
        tags=["sales"],
        request=Documented,
        responses=answers(
            Output,
            has_body=True,
            p404="An outlet that is not yours.",
            p409="The shop is not live.",
        ),
    )
    def post(self, request: Request) -> Response:
        given = self.Input.read(request.data)
        raw = given["sales"]
        items, wrong = self.read(raw)
        outlet = self.outlet(given.get("outlet"))
        now = timezone.now()
        booked = (
            sales.batch(
                outlet=outlet,
                items=items,
                caller=self.caller,
                actor=self.actor,
                at=now,
                device=given.get("device", ""),
                # What could not be read is still with the till.
                more_follows=given["more_follows"] or bool(wrong),
            )
            if items
            else []
        )
        answered = iter(booked)
        results = [
            self.told(sale, wrong[position] if position in wrong else next(answered))
            for position, sale in enumerate(raw)
        ]
        counts = Counter(result["status"] for result in results)
        return Response(
            {
                "booked": counts["booked"],
                "without_points": counts["without_points"],
                "promised": counts["promised"],
                "at_merchants_risk": counts[AT_RISK],
                "refused": counts["refused"],
                "results": results,
            }
        )

    def read(self, raw: list[dict[str, Any]]) -> tuple[list[sales.BatchItem], dict[int, Exception]]:
        """Return the items that can be read, and by position what is wrong with the others."""
        items, wrong = [], {}
        for position, sale in enumerate(raw):
            try:
                data = Documented.Item.read(sale)
                key = read_request_key(data.pop("key"))
                if data.get("spend_points") and Scope.SPENDS not in self.key.scopes:
                    raise SCOPE_MISSING(scope=str(Scope.SPENDS))
                data["lines"] = fields.read_lines(data.get("lines"))
                items.append(sales.BatchItem(key, sales.Request(**data)))
            except (serializers.ValidationError, Refused) as error:
                wrong[position] = error
        return items, wrong

    def told(self, sale: dict[str, Any], answer: sales.Receipt | sales.AtRisk | Exception) -> dict[str, Any]:
        given = sale.get("key", "")
        key = given[:200] if isinstance(given, str) else ""
        if isinstance(answer, sales.Receipt):
            told = receipts.told(answer)
            return {"key": key, "status": answer.status, "is_replay": answer.is_replay, "sale": told, "problem": None}
        if isinstance(answer, sales.AtRisk):
            sale_told = receipts.told(answer.receipt) if answer.receipt else None
            problem = problems.of(offline.AT_RISK(points=answer.points), self.request._request)
            return {
                "key": key,
                "status": AT_RISK,
                "is_replay": answer.is_replay,
                "sale": sale_told,
                "problem": problem,
            }
        problem = problems.of(answer, self.request._request)
        return {"key": key, "status": "refused", "is_replay": False, "sale": None, "problem": problem}
