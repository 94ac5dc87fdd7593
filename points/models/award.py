"""Bonuses of rules: what was given and taken back, the sums that limits look at, first visits, and the reasons kept."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _


class Award(models.Model):
    """What a rule gave on a sale, or (below zero, in the journal of a void or refund) was undone. Kept for good."""

    pk = models.CompositePrimaryKey("sale_id", "version_id", "journal_id")
    sale_id = models.BigIntegerField(_("sale"))
    version_id = models.BigIntegerField(_("rule version"))
    journal_id = models.BigIntegerField(_("journal"))
    rule_id = models.BigIntegerField(_("rule"))
    wallet_id = models.BigIntegerField(_("wallet"))
    payer_id = models.BigIntegerField(_("paid by"))
    transfer_id = models.BigIntegerField(_("transfer"), null=True)
    on_day = models.DateField(_("day of the sale"))
    points = models.BigIntegerField(_("points"))
    stamps = models.IntegerField(_("stamps"))
    is_outside = models.BooleanField(_("paid by others"))
    is_loss = models.BooleanField(_("out of a loss budget"))
    is_saved = models.BooleanField(_("may draw on saved credit"))
    is_pending = models.BooleanField(_("pending"))

    class Meta:
        db_table = "points_award"
        verbose_name = _("bonus")
        verbose_name_plural = _("bonuses")

    def __str__(self) -> str:
        return f"{self.sale_id}: {self.points}"


class AwardUsed(models.Model):
    """The sum of a rule's bonuses: to all (wallet 0) or one member, on one day or in all (2000-01-01)."""

    pk = models.CompositePrimaryKey("rule_id", "wallet_id", "on_day")
    rule_id = models.BigIntegerField(_("rule"))
    wallet_id = models.BigIntegerField(_("wallet"))
    on_day = models.DateField(_("day"))
    points = models.BigIntegerField(_("points"), default=0)
    stamps = models.BigIntegerField(_("stamps"), default=0)

    class Meta:
        db_table = "points_award_used"
        verbose_name = _("sum of bonuses")
        verbose_name_plural = _("sums of bonuses")

    def __str__(self) -> str:
        return f"{self.rule_id}: {self.points}"


class Visit(models.Model):
    """Which sale was a member's first one at a merchant, where a rule asks for it."""

    pk = models.CompositePrimaryKey("float_id", "wallet_id")
    float_id = models.BigIntegerField(_("float"))
    wallet_id = models.BigIntegerField(_("wallet"))
    sale_id = models.BigIntegerField(_("sale"))

    class Meta:
        db_table = "points_visit"
        verbose_name = _("first visit")
        verbose_name_plural = _("first visits")

    def __str__(self) -> str:
        return f"{self.wallet_id} at {self.float_id}"


class Trace(models.Model):
    """Why a sale got what it got: a step for each rule that was looked at, and the facts that went in; for good."""

    sale_id = models.BigIntegerField(primary_key=True)
    wallet_id = models.BigIntegerField(_("wallet"))
    steps = models.JSONField(_("steps"))
    facts = models.JSONField(_("facts"))

    class Meta:
        db_table = "points_trace"
        verbose_name = _("reckoning of bonuses")
        verbose_name_plural = _("reckonings of bonuses")

    def __str__(self) -> str:
        return f"{self.sale_id}"


class AwaitedQuerySet(models.QuerySet["Awaited"]):
    def due(self) -> AwaitedQuerySet:
        """Those whose sale was paid."""
        return self.filter(state=Awaited.State.DUE)

    def waiting(self) -> AwaitedQuerySet:
        """Those that may still come."""
        return self.filter(state__in=[Awaited.State.OPEN, Awaited.State.DUE])


class Awaited(models.Model):
    """Bonuses of a promised sale: told at the till, given when the sale is paid, dropped with its promise."""

    class State(models.IntegerChoices):
        # Translators: 等商户付款
        OPEN = 1, _("waits for the bill")
        # Translators: 即将到账
        DUE = 2, _("comes now")
        # Translators: 已到账
        GIVEN = 3, _("given")
        # Translators: 已取消
        DROPPED = 4, _("dropped")

    sale_id = models.BigIntegerField(_("sale"), primary_key=True)
    wallet_id = models.BigIntegerField(_("wallet"))
    told = models.BigIntegerField(_("told at the till"))
    state = models.SmallIntegerField(_("state"), choices=State.choices)
    points = models.BigIntegerField(_("points"), default=0)
    facts = models.JSONField(_("facts"), null=True)
    settled_at = models.DateTimeField(_("settled at"), null=True)

    objects = AwaitedQuerySet.as_manager()

    class Meta:
        db_table = "points_awaited"
        verbose_name = _("bonus of a promised sale")
        verbose_name_plural = _("bonuses of promised sales")

    def __str__(self) -> str:
        return f"{self.sale_id}: {self.told}"
