"""Memo A: what postpaid merchants owe and what their members were promised, in no balance and no proof."""

from __future__ import annotations

from datetime import date

from django.db import models
from django.utils.translation import gettext_lazy as _

from points.models.account import Account, Terms, Wallet


class CreditLine(models.Model):
    """How much a merchant may owe, and how much it does: owed = Σ its open promises."""

    class Period(models.IntegerChoices):
        # Translators: 每周
        WEEK = 1, _("weekly")
        # Translators: 每月
        MONTH = 2, _("monthly")

    class State(models.IntegerChoices):
        # Translators: 可赊
        OPEN = 1, _("open")
        # Translators: 已停用，改为先充值
        STOPPED = 2, _("stopped: in advance again")

    float = models.OneToOneField(Account, models.PROTECT, primary_key=True, related_name="+", verbose_name=_("float"))
    limit_fen = models.BigIntegerField(_("limit"))
    owed_fen = models.BigIntegerField(_("owed"), default=0)
    period = models.SmallIntegerField(_("bills"), choices=Period.choices)
    due_days = models.SmallIntegerField(_("days to pay"))
    drop_days = models.SmallIntegerField(_("days after which promises are dropped"))
    state = models.SmallIntegerField(_("state"), choices=State.choices)
    opened_at = models.DateTimeField(_("opened at"))
    changed_at = models.DateTimeField(_("changed at"))

    class Meta:
        db_table = "points_credit_line"
        verbose_name = _("credit line")
        verbose_name_plural = _("credit lines")

    def __str__(self) -> str:
        return f"L{self.pk}"

    @property
    def is_open(self) -> bool:
        return self.state == self.State.OPEN

    @property
    def room_fen(self) -> int:
        return max(0, self.limit_fen - self.owed_fen) if self.is_open else 0


class MerchantBillQuerySet(models.QuerySet["MerchantBill"]):
    def unpaid(self) -> MerchantBillQuerySet:
        return self.filter(open_fen__gt=0)

    def overdue(self, on: date) -> MerchantBillQuerySet:
        """Those whose promises may be dropped."""
        return self.unpaid().filter(drop_on__lt=on)


class MerchantBill(models.Model):
    """What a merchant owes for the promises of a period: amount = open + paid + dropped + undone."""

    id = models.BigAutoField(primary_key=True)
    float = models.ForeignKey(CreditLine, models.PROTECT, related_name="bills", verbose_name=_("credit line"))
    from_on = models.DateField(_("from"))
    until_on = models.DateField(_("until"))
    due_on = models.DateField(_("due on"))
    drop_on = models.DateField(_("promises are kept until"))
    drawn_at = models.DateTimeField(_("drawn at"))
    sales = models.IntegerField(_("sales"))
    amount_fen = models.BigIntegerField(_("amount"))
    open_fen = models.BigIntegerField(_("open"))
    paid_fen = models.BigIntegerField(_("paid"), default=0)
    dropped_fen = models.BigIntegerField(_("dropped"), default=0)
    undone_fen = models.BigIntegerField(_("undone"), default=0)

    objects = MerchantBillQuerySet.as_manager()

    class Meta:
        db_table = "points_bill"
        verbose_name = _("merchant’s bill")
        verbose_name_plural = _("merchants’ bills")

    def __str__(self) -> str:
        return f"B{self.pk}"


class PromiseQuerySet(models.QuerySet["Promise"]):
    def open(self) -> PromiseQuerySet:
        return self.filter(state=Promise.State.OPEN)


class Promise(models.Model):
    """One postpaid sale: its points and rest, until the merchant has paid."""

    class State(models.IntegerChoices):
        # Translators: 待发
        OPEN = 1, _("promised")
        # Translators: 已到账
        ISSUED = 2, _("issued")
        # Translators: 商户未付款，已取消
        DROPPED = 3, _("dropped: the merchant did not pay")
        # Translators: 已撤销
        UNDONE = 4, _("undone with its sale")

    sale_id = models.BigIntegerField(_("sale"), primary_key=True)
    outlet_id = models.BigIntegerField(_("outlet"))
    booked_at = models.DateTimeField(_("booked at"))
    wallet = models.ForeignKey(Wallet, models.PROTECT, related_name="+", verbose_name=_("wallet"))
    float = models.ForeignKey(CreditLine, models.PROTECT, related_name="promises", verbose_name=_("credit line"))
    terms = models.ForeignKey(Terms, models.PROTECT, related_name="+", verbose_name=_("terms"))
    rest_account = models.ForeignKey(
        Account, models.PROTECT, db_column="rest_id", related_name="+", verbose_name=_("rest account")
    )
    booked_on = models.DateField(_("accounting day"))
    matures_on = models.DateField(_("matures on"))
    expires_on = models.DateField(_("expires on"))
    points = models.IntegerField(_("points"))
    rest = models.IntegerField(_("rest"))
    owed_after = models.BigIntegerField(_("owed after it"))
    limit_fen = models.BigIntegerField(_("limit at that time"))
    state = models.SmallIntegerField(_("state"), choices=State.choices)
    bill = models.ForeignKey(MerchantBill, models.PROTECT, null=True, related_name="promises", verbose_name=_("bill"))
    settled_at = models.DateTimeField(_("settled at"), null=True)
    issue_id = models.BigIntegerField(_("issued by"), null=True)

    objects = PromiseQuerySet.as_manager()

    class Meta:
        db_table = "points_promise"
        verbose_name = _("promise")
        verbose_name_plural = _("promises")

    def __str__(self) -> str:
        return f"P{self.pk}"
