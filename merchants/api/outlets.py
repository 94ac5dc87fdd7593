"""GET /outlets and GET /me: what the key speaks for."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from merchants.api import fields
from merchants.api.base import MerchantView, answers
from merchants.api.paging import CURSOR, CURSOR_INVALID, LIMIT, Page
from merchants.models import Outlet
from merchants.models.key import Scope


class OutletsView(MerchantView):
    """The outlets of the key, by number; a test key sees test outlets only."""

    scope = Scope.OUTLETS
    parameters = frozenset({"cursor", "limit"})

    class Output(serializers.Serializer[Any]):
        class Item(serializers.Serializer[Any]):
            id = fields.Number()
            name = serializers.CharField()
            address = serializers.CharField(allow_blank=True)
            city = serializers.CharField(source="city.name")
            district = serializers.CharField(allow_blank=True)
            lng = serializers.FloatField()
            lat = serializers.FloatField()
            hours = serializers.CharField(allow_blank=True)
            phone = serializers.CharField(allow_blank=True)
            is_open = serializers.BooleanField(help_text="False: closed for good.")
            is_test = serializers.BooleanField()

        items = Item(many=True)
        next = serializers.CharField(allow_null=True, help_text="The cursor of the next page; null on the last.")

    @extend_schema(operation_id="listOutlets", tags=["merchant"], parameters=[CURSOR, LIMIT], responses=answers(Output))
    def get(self, request: Request) -> Response:
        page = Page.of(request, "outlets")
        outlets = Outlet.objects.of_key(self.key).select_related("city").filter(pk__gt=_place(page.after))
        items, following = page.cut(list(outlets.order_by("pk")[: page.limit + 1]), lambda outlet: outlet.pk)
        return Response(self.Output({"items": items, "next": following}).data)


def _place(cursor: Any) -> int:
    if cursor is None:
        return 0
    if isinstance(cursor, bool) or not isinstance(cursor, int) or not 0 < cursor < 2**63:
        raise CURSOR_INVALID()
    return cursor


class MeView(MerchantView):
    """The key itself: whose it is and what it may do."""

    class Output(serializers.Serializer[Any]):
        merchant = serializers.CharField(source="merchant.short_name")
        merchant_id = fields.Number()
        merchant_state = serializers.CharField(source="merchant.state")
        outlet = fields.Number(source="outlet_id", allow_null=True, help_text="Null: all outlets of the merchant.")
        name = serializers.CharField()
        prefix = serializers.CharField()
        scopes = serializers.ListField(child=serializers.CharField())
        is_test = serializers.BooleanField()
        language = serializers.CharField()
        created_at = fields.Time()
        ends_at = fields.Time(source="revoked_at", allow_null=True)

    @extend_schema(operation_id="me", tags=["merchant"], responses=answers(Output))
    def get(self, request: Request) -> Response:
        return Response(self.Output(self.key).data)
