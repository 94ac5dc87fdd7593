"""How a booked bill is told."""

from __future__ import annotations

from typing import Any

from django.utils.translation import gettext as _
from drf_spectacular.utils import extend_schema_field, extend_schema_serializer
from rest_framework import serializers

from merchants.api.fields import Number, Time, Whole, time_text
from merchants.sales import Receipt


@extend_schema_serializer(component_name="Notice")
class NoticeOutput(serializers.Serializer[Any]):
    code = serializers.ChoiceField(choices=["float_exhausted", "points_promised"])
    text = serializers.CharField()


@extend_schema_serializer(component_name="Bonus")
class BonusOutput(serializers.Serializer[Any]):
    """What a rule gives on top of the points of the rebate."""

    rule = serializers.CharField(help_text="The rule's code.")
    title = serializers.CharField(help_text="Its name, as members read it.")
    points = Whole()
    text = serializers.CharField(help_text="One sentence for the receipt.")


@extend_schema_serializer(component_name="Receipt")
class ReceiptOutput(serializers.Serializer[Any]):
    """A bill as it was booked."""

    id = Number(source="sale_id")
    status = serializers.ChoiceField(choices=["booked", "without_points", "promised"])
    outlet = Number(source="outlet_id")
    booked_at = Time()
    bill_fen = Whole(help_text="The whole bill.")
    paid_fen = Whole(help_text="What was paid in money.")
    spent_points = Whole(help_text="What was paid in points; 1 point = 1 fen.")
    points = Whole(help_text="What the member earned from the rebate; 0 while it is only promised.")
    promised_points = Whole(help_text="What the member gets when the merchant, who pays later, has paid its bill.")
    bonus_points = Whole(help_text="What rules gave on top.")
    bonuses = BonusOutput(many=True)
    rebate_fen = Whole(help_text="What left the merchant's float.")
    matures_on = serializers.DateField(allow_null=True)
    expires_on = serializers.DateField(allow_null=True)
    available_points = Whole(allow_null=True, help_text="Null unless the member showed a code or typed the PIN.")
    reference = serializers.CharField(allow_blank=True)
    void_until = Time()
    notice = serializers.SerializerMethodField()

    @extend_schema_field(NoticeOutput(allow_null=True))
    def get_notice(self, receipt: Receipt) -> dict[str, str] | None:
        return _notice(receipt)


def told(receipt: Receipt) -> dict[str, Any]:
    """Return a receipt as ReceiptOutput documents it; written out, since five hundred of them are one answer."""
    return {
        "id": receipt.sale_id,
        "status": receipt.status,
        "outlet": receipt.outlet_id,
        "booked_at": time_text(receipt.booked_at),
        "bill_fen": receipt.bill_fen,
        "paid_fen": receipt.paid_fen,
        "spent_points": receipt.spent_points,
        "points": receipt.points,
        "promised_points": receipt.promised_points,
        "bonus_points": receipt.bonus_points,
        "bonuses": [
            {"rule": bonus.rule, "title": bonus.title, "points": bonus.points, "text": bonus.text}
            for bonus in receipt.bonuses
        ],
        "rebate_fen": receipt.rebate_fen,
        "matures_on": receipt.matures_on.isoformat() if receipt.matures_on else None,
        "expires_on": receipt.expires_on.isoformat() if receipt.expires_on else None,
        "available_points": receipt.available_points,
        "reference": receipt.reference,
        "void_until": time_text(receipt.void_until),
        "notice": _notice(receipt),
    }


def _notice(receipt: Receipt) -> dict[str, str] | None:
    if receipt.status == "promised":
        # Translators: 本店后付款：%(points)s 积分在本店付清账单后到账
        text = _("This shop pays later: the %(points)s points come when it has paid its bill.")
        if receipt.promised_bonus:
            # Translators: 本店后付款：%(points)s 积分在本店付清账单后到账，另有奖励最多 %(bonus)s 积分
            text = _(
                "This shop pays later: the %(points)s points come when it has paid its bill, and up to %(bonus)s "
                "on top."
            )
        figures = {"points": receipt.promised_points, "bonus": receipt.promised_bonus}
        return {"code": "points_promised", "text": text % figures}
    if receipt.status != "without_points":
        return None
    text = _(
        "The shop's float is empty: the sale was recorded without points, and a later top-up does not change that."
    )
    return {"code": "float_exhausted", "text": text}
