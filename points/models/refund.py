"""Refunds: what each came to beyond its document, what is due, promised or owed because of it."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _

from points.models.account import Account, Wallet


class Refund(models.Model):
    """Beside the document (a sale of kind 3): where spent points came from, what was missing of the earned ones."""

    refund_id = models.BigIntegerField(_("refund"), primary_key=True)
    sale_id = models.BigIntegerField(_("sale"))
    n = models.SmallIntegerField(_("number"))
    wallet_id = models.BigIntegerField(_("wallet"))
    float = models.ForeignKey(Account, models.PROTECT, related_name="+", verbose_name=_("float"))
    is_late = models.BooleanField()
    is_cash_given = models.BooleanField()
    cash_fen = models.BigIntegerField(_("paid in money"))
    keep_back_fen = models.BigIntegerField(_("kept back"))
    claimed = models.BigIntegerField()
    from_fee = models.BigIntegerField()
    from_proceeds = models.BigIntegerField()
    from_float = models.BigIntegerField()
    advanced = models.BigIntegerField()
    promised = models.BigIntegerField()
    fee_lacking = models.BigIntegerField()
    taken = models.BigIntegerField()
    short = models.BigIntegerField()
    rest_back = models.BigIntegerField()
    rest_due = models.BigIntegerField()
    credit_charged = models.BigIntegerField()
    unpromised = models.BigIntegerField()
    unpromised_rest = models.BigIntegerField()
    lapsed = models.BigIntegerField()
    # After the last day of spending: gone on to its funder; wound up before, so no shortfall; of that, the sale's own.
    wound = models.BigIntegerField(db_default=0)
    home = models.BigIntegerField(db_default=0)
    home_own = models.BigIntegerField(db_default=0)

    class Meta:
        db_table = "points_refund"
        verbose_name = _("refund")
        verbose_name_plural = _("refunds")

    def __str__(self) -> str:
        return f"R{self.pk}"


class RefundAward(models.Model):
    """What became of a bonus of the sale, or of a reward that it had borne."""

    pk = models.CompositePrimaryKey("refund_id", "transfer_id")
    refund = models.ForeignKey(Refund, models.PROTECT, related_name="awards")
    transfer_id = models.BigIntegerField()
    payer = models.ForeignKey(Account, models.PROTECT, related_name="+")
    is_outside = models.BooleanField()
    is_reward = models.BooleanField()
    points = models.BigIntegerField()
    taken = models.BigIntegerField()
    charged = models.BigIntegerField()
    due = models.BigIntegerField()
    owed = models.BigIntegerField()
    home = models.BigIntegerField(db_default=0)

    class Meta:
        db_table = "points_refund_award"
        verbose_name = _("bonus undone")
        verbose_name_plural = _("bonuses undone")

    def __str__(self) -> str:
        return f"{self.transfer_id}: {self.points}"


class DueQuerySet(models.QuerySet["Due"]):
    def open(self) -> DueQuerySet:
        return self.filter(paid__lt=models.F("amount"))


class Due(models.Model):
    """What a rest account owes once its parties have given back their own parts of a late refund."""

    account = models.ForeignKey(Account, models.PROTECT, related_name="+")
    refund = models.ForeignKey(Refund, models.PROTECT, related_name="dues")
    to = models.ForeignKey(Account, models.PROTECT, related_name="+")
    amount = models.BigIntegerField(_("amount"))
    paid = models.BigIntegerField(_("paid"), default=0)
    taken_on = models.DateField(null=True)
    made_at = models.DateTimeField()

    objects = DueQuerySet.as_manager()

    class Meta:
        db_table = "points_due"
        verbose_name = _("amount due")
        verbose_name_plural = _("amounts due")

    def __str__(self) -> str:
        return f"{self.paid}/{self.amount}"


class ClaimQuerySet(models.QuerySet["Claim"]):
    def open(self) -> ClaimQuerySet:
        return self.filter(repaid__lt=models.F("points"))


class Claim(models.Model):
    """Who should still pay back: debtor and creditor in one row, so that both sides sum to zero. No money."""

    class Why(models.IntegerChoices):
        # Translators: 退货时积分已用
        POINTS_GONE = 1, _("points of a returned purchase were gone")
        # Translators: 缓冲金垫付
        ADVANCE = 2, _("advanced by the buffer")
        # Translators: 奖励积分应退
        BONUS = 3, _("bonus of a returned purchase")
        # Translators: 运营费应退
        FEE = 4, _("spending fee of a returned purchase")
        # Translators: 应退回的奖励
        REWARD = 5, _("reward taken back, its points were gone")
        # Translators: 应留的运营费（退货积分缺口）
        KEPT_FEE = 6, _("fee kept on points of returned purchases that were gone")

    # None: a reward that was taken back without a refund, or the fee kept of a month.
    refund = models.ForeignKey(Refund, models.PROTECT, null=True, related_name="claims")
    reward_id = models.BigIntegerField(_("reward"), null=True)
    why = models.SmallIntegerField(_("why"), choices=Why.choices)
    # A wallet, a float or the operator's fee: they share one sequence.
    debtor_id = models.BigIntegerField(_("debtor"))
    creditor = models.ForeignKey(Account, models.PROTECT, related_name="+", verbose_name=_("creditor"))
    points = models.BigIntegerField(_("points"))
    repaid = models.BigIntegerField(_("paid back"), default=0)
    made_at = models.DateTimeField()

    objects = ClaimQuerySet.as_manager()

    class Meta:
        db_table = "points_claim"
        verbose_name = _("claim")
        verbose_name_plural = _("claims")

    def __str__(self) -> str:
        return f"{self.repaid}/{self.points}"


class ReturnDueQuerySet(models.QuerySet["ReturnDue"]):
    def open(self) -> ReturnDueQuerySet:
        return self.filter(issued__lt=models.F("points"))


class ReturnDue(models.Model):
    """Spent points that come back when the merchant has money again; nobody's balance has moved."""

    refund = models.ForeignKey(Refund, models.PROTECT, related_name="promises")
    wallet = models.ForeignKey(Wallet, models.PROTECT, related_name="+")
    float = models.ForeignKey(Account, models.PROTECT, related_name="+")
    transfer_id = models.BigIntegerField()
    lapses_on = models.DateField()
    funder = models.ForeignKey(Account, models.PROTECT, related_name="+")
    expires_on = models.DateField()
    points = models.BigIntegerField(_("points"))
    issued = models.BigIntegerField(_("issued"), default=0)
    made_at = models.DateTimeField()

    objects = ReturnDueQuerySet.as_manager()

    class Meta:
        db_table = "points_return_due"
        verbose_name = _("promised return")
        verbose_name_plural = _("promised returns")

    def __str__(self) -> str:
        return f"{self.issued}/{self.points}"


class KeptFee(models.Model):
    """A month in which points of a merchant's returned purchases were gone; fee 0: within the share (hole H23).

    issued: points given for sales less those that came back; short: those that were gone; fee = taken + claim.
    """

    pk = models.CompositePrimaryKey("float_id", "month")
    float = models.ForeignKey(Account, models.PROTECT, related_name="+", verbose_name=_("float"))
    month = models.DateField(_("month"))
    # Translators: 当月净发积分
    issued = models.BigIntegerField(_("points issued"))
    short = models.BigIntegerField(_("points that were gone"))
    share_bps = models.IntegerField()
    # Translators: 应留运营费
    fee = models.BigIntegerField(_("fee kept"))
    taken = models.BigIntegerField()
    transfer_id = models.BigIntegerField(null=True)
    claim = models.ForeignKey(Claim, models.PROTECT, null=True, related_name="+")
    kept_at = models.DateTimeField()

    class Meta:
        db_table = "points_kept_fee"
        # Translators: 缺口留费
        verbose_name = _("fee kept on missing points")
        verbose_name_plural = _("fees kept on missing points")

    def __str__(self) -> str:
        return f"{self.month:%Y-%m}: {self.fee}"

    @property
    def share(self) -> str:
        """The share above which it is kept, in percent."""
        return f"{self.share_bps / 100:g}"

    @property
    def owed_fen(self) -> int:
        """What the merchant still owes of it."""
        return self.claim.points - self.claim.repaid if self.claim else 0
