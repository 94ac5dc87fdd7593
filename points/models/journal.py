"""The history: transfers (one balanced row each), the till's sales, the keys of requests.

The tables are partitioned by month and keyed for the way they are read; `id` is unique by its sequence, and is the
primary key for Django only. Nothing here is ever changed.
"""

from __future__ import annotations

from typing import Any

from django.db import models
from django.utils.translation import gettext_lazy as _


class Transfer(models.Model):
    """debit_id changes by −(points + rest), credit_id by +points, rest_id by +rest."""

    class Kind(models.IntegerChoices):
        # Translators: 获得积分
        EARN = 1, _("earned")
        # Translators: 使用积分
        SPEND = 2, _("spent")
        # Translators: 积分过期
        EXPIRE = 3, _("expired")
        # Translators: 人工调整
        ADJUST = 4, _("adjusted")
        # Translators: 银行入账
        RECEIVE = 5, _("received")
        # Translators: 认领入账
        ALLOT = 6, _("allotted")
        # Translators: 日结分配
        CLOSE = 7, _("closed")
        # Translators: 奖励积分
        AWARD = 8, _("bonus")
        # Translators: 由退货商户承担
        CHARGE = 9, _("charged to the merchant")
        # Translators: 缓冲金垫付
        ADVANCE = 10, _("advanced by the buffer")
        # Translators: 清算
        CLEAR = 11, _("cleared")
        # Translators: 付款
        PAY_OUT = 12, _("paid out")
        # Translators: 争议留存
        RETAIN = 13, _("retained")
        # Translators: 惠顾积分
        SURPLUS = 14, _("surplus shared")
        # Translators: 待发积分到账
        ISSUE = 15, _("issued when paid")
        # Translators: 期初余额
        OPEN = 16, _("opening balance")
        # Translators: 停业清退
        WIND_UP = 17, _("wound up")
        # Translators: 欠款收回
        REPAY = 18, _("paid back")
        # Translators: 运营费提取
        WITHDRAW = 19, _("fee withdrawn")
        # Translators: 银行退回
        BOUNCE = 20, _("returned by the bank")
        # Translators: 奖励（邀请、评价、任务）
        REWARD = 21, _("reward")

    id = models.BigIntegerField(primary_key=True, verbose_name=_("number"))
    bucket = models.SmallIntegerField()
    wallet_id = models.BigIntegerField(_("wallet"))
    booked_at = models.DateTimeField(_("booked at"))
    seq = models.BigIntegerField(verbose_name=_("place in the wallet"))
    journal_id = models.BigIntegerField(_("journal"))
    kind = models.SmallIntegerField(_("kind"), choices=Kind.choices)
    event_at = models.DateTimeField(_("happened at"))
    booked_on = models.DateField(_("accounting day"))
    outlet_id = models.BigIntegerField(_("outlet"), null=True)
    actor = models.CharField(_("actor"), max_length=40)
    debit_id = models.BigIntegerField(_("debit"))
    credit_id = models.BigIntegerField(_("credit"))
    points = models.BigIntegerField(_("points"))
    rest_id = models.BigIntegerField(_("rest account"), null=True)
    rest = models.BigIntegerField(_("rest"), default=0)
    matures_on = models.DateField(_("matures on"), null=True)
    expires_on = models.DateField(_("expires on"), null=True)
    due_on = models.DateField(_("released on"), null=True)
    balance_after = models.BigIntegerField(_("balance after"), null=True)
    reverses_id = models.BigIntegerField(_("reverses"), null=True)
    xid = models.BigIntegerField()

    class Meta:
        db_table = "points_transfer"
        verbose_name = _("transfer")
        verbose_name_plural = _("transfers")

    def __str__(self) -> str:
        return f"{self.pk}"


class JournalQuerySet(models.QuerySet["Journal"]):
    def of_outlets(self, outlet_ids: list[int]) -> JournalQuerySet:
        return self.filter(outlet_id__in=outlet_ids)


class Journal(models.Model):
    """A view: one row per journal, its first transfer speaks for it. The diary's source for what moved money."""

    id = models.BigIntegerField(primary_key=True)
    booked_at = models.DateTimeField(_("booked at"))
    booked_on = models.DateField(_("accounting day"))
    event_at = models.DateTimeField(_("happened at"))
    kind = models.SmallIntegerField(_("kind"), choices=Transfer.Kind.choices)
    wallet_id = models.BigIntegerField(_("wallet"))
    outlet_id = models.BigIntegerField(_("outlet"), null=True)
    actor = models.CharField(_("actor"), max_length=40)
    reverses_id = models.BigIntegerField(_("reverses"), null=True)
    xid = models.BigIntegerField()

    objects = JournalQuerySet.as_manager()

    class Meta:
        db_table = "points_journal"
        managed = False
        verbose_name = _("journal")
        verbose_name_plural = _("journals")

    def __str__(self) -> str:
        return f"J{self.pk}"


class SaleQuerySet(models.QuerySet["Sale"]):
    def sales(self) -> SaleQuerySet:
        return self.filter(kind=Sale.Kind.SALE)

    def of_outlets(self, outlet_ids: list[int]) -> SaleQuerySet:
        return self.filter(outlet_id__in=outlet_ids)


class Sale(models.Model):
    """The till's document: what was paid, what it came to. A void is a sale with all amounts negative."""

    class Kind(models.IntegerChoices):
        # Translators: 收银
        SALE = 1, _("sale")
        # Translators: 撤销
        VOID = 2, _("void")
        # Translators: 退货
        REFUND = 3, _("refund")

    class Reason(models.IntegerChoices):
        AS_AGREED = 0, _("as agreed")
        # Translators: 备付金不足，未发积分
        FLOAT_EXHAUSTED = 1, _("without points: the float was too small")
        # Translators: 待发积分：商户付账后发放
        PROMISED = 2, _("promised: points come when the merchant has paid")

    id = models.BigIntegerField(primary_key=True)
    outlet_id = models.BigIntegerField(_("outlet"))
    booked_at = models.DateTimeField(_("booked at"))
    wallet_id = models.BigIntegerField(_("wallet"))
    float_id = models.BigIntegerField(_("float"))
    terms_id = models.BigIntegerField(_("terms"))
    reverses_id = models.BigIntegerField(_("reverses"), null=True)
    event_at = models.DateTimeField(_("happened at"))
    booked_on = models.DateField(_("accounting day"))
    bill_fen = models.IntegerField(_("bill"))
    paid_fen = models.IntegerField(_("paid in money"))
    eligible_fen = models.IntegerField(_("eligible for points"))
    rebate_fen = models.IntegerField(_("rebate"))
    points = models.IntegerField(_("points earned"))
    rest = models.IntegerField(_("rest of the rebate"))
    spent_points = models.IntegerField(_("points spent"))
    spend_fee = models.IntegerField(_("spending fee"))
    rate_bps = models.IntegerField(_("rate"))
    member_bps = models.IntegerField(_("member's share"))
    spend_fee_bps = models.IntegerField(_("spending fee rate"))
    kind = models.SmallIntegerField(_("kind"), choices=Kind.choices)
    reason = models.SmallIntegerField(_("reason"), choices=Reason.choices)
    actor = models.CharField(_("actor"), max_length=40)
    reference = models.CharField(_("reference"), max_length=64)

    objects = SaleQuerySet.as_manager()

    class Meta:
        db_table = "points_sale"
        verbose_name = _("sale")
        verbose_name_plural = _("sales")

    def __str__(self) -> str:
        return f"S{self.pk}"


class Key(models.Model):
    """A request and its whole answer, refusals too; belongs to the caller, kept for good."""

    pk = models.CompositePrimaryKey("caller_kind", "caller_id", "key")
    caller_kind = models.SmallIntegerField()
    caller_id = models.BigIntegerField()
    key = models.UUIDField()
    body = models.UUIDField()
    wallet_id = models.BigIntegerField()
    sale_id = models.BigIntegerField(null=True)
    booked_at = models.DateTimeField(null=True)
    balance_after = models.BigIntegerField(null=True)
    available_after = models.BigIntegerField(null=True)
    figure = models.BigIntegerField(null=True)
    points = models.IntegerField(default=0)
    spent = models.IntegerField(default=0)
    rest = models.IntegerField(default=0)
    status = models.SmallIntegerField()

    class Meta:
        db_table = "points_key"
        verbose_name = _("request key")
        verbose_name_plural = _("request keys")

    def __str__(self) -> str:
        return str(self.key)


class Reversal(models.Model):
    """What has been undone of a sale, never more than the original, and what stays of it. No refunds: it is void."""

    sale_id = models.BigIntegerField(primary_key=True)
    amount = models.BigIntegerField()
    reversed: Any = models.BigIntegerField()
    refunds = models.SmallIntegerField(default=0)
    kept_bill = models.IntegerField(default=0)
    kept_spent = models.IntegerField(default=0)
    kept_eligible = models.IntegerField(default=0)
    # [[fen, units], …] of each line, where lines came back as such.
    kept_lines: Any = models.JSONField(null=True)

    class Meta:
        db_table = "points_reversal"
        verbose_name = _("reversal")
        verbose_name_plural = _("reversals")

    def __str__(self) -> str:
        return f"R{self.pk}"
