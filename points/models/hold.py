"""Holds: points set aside for a bill that is not final."""

from __future__ import annotations

from datetime import datetime

from django.db import models
from django.utils.translation import gettext_lazy as _

from points.models.account import Wallet


class HoldQuerySet(models.QuerySet["Hold"]):
    def open(self) -> HoldQuerySet:
        return self.filter(state=Hold.State.OPEN)

    def of_outlets(self, outlet_ids: list[int]) -> HoldQuerySet:
        return self.filter(outlet_id__in=outlet_ids)


class Hold(models.Model):
    """Points of one wallet that one outlet has set aside; closed once, by a capture, a release, or its end."""

    class State(models.IntegerChoices):
        # Translators: 预占中
        OPEN = 1, _("open")
        # Translators: 已收取
        CAPTURED = 2, _("captured")
        # Translators: 已取消
        RELEASED = 3, _("released")
        # Translators: 超时退回
        LAPSED = 4, _("timed out")

    id = models.BigIntegerField(primary_key=True)
    wallet = models.ForeignKey(Wallet, models.PROTECT, related_name="+", verbose_name=_("wallet"), db_index=False)
    outlet_id = models.BigIntegerField(_("outlet"))
    float_id = models.BigIntegerField(_("float"))
    # Translators: 预占积分
    points = models.BigIntegerField(_("points set aside"))
    # Translators: 预计账单
    bill_fen = models.BigIntegerField(_("expected bill"))
    state = models.SmallIntegerField(_("state"), choices=State.choices, default=State.OPEN)
    # Translators: 预占时间
    placed_at = models.DateTimeField(_("set aside at"))
    # Translators: 到时自动退回
    ends_at = models.DateTimeField(_("ends at"))
    closed_at = models.DateTimeField(_("closed at"), null=True)
    # Translators: 收取积分
    captured = models.BigIntegerField(_("points captured"), default=0)
    sale_id = models.BigIntegerField(_("sale"), null=True, unique=True)
    actor = models.CharField(_("actor"), max_length=40)
    closed_by = models.CharField(_("closed by"), max_length=40, default="")
    reference = models.CharField(_("reference"), max_length=64, default="")

    objects = HoldQuerySet.as_manager()

    class Meta:
        db_table = "points_hold"
        # Translators: 积分预占
        verbose_name = _("hold")
        verbose_name_plural = _("holds")

    def __str__(self) -> str:
        return f"H{self.pk}"

    @property
    def is_open(self) -> bool:
        return self.state == self.State.OPEN

    def is_over(self, at: datetime) -> bool:
        """Whether it can be captured no more, though the clock's task may not have come round yet."""
        return at >= self.ends_at


class HoldLot(models.Model):
    """A part of a lot that a hold has set aside, named as the lot was then. Kept for good."""

    pk = models.CompositePrimaryKey("hold", "lapses_on", "funder_id", "expires_on")
    hold = models.ForeignKey(Hold, models.PROTECT, related_name="lots", verbose_name=_("hold"), db_index=False)
    lapses_on = models.DateField(_("lapses on"))
    funder_id = models.BigIntegerField(_("funder"))
    expires_on = models.DateField(_("expires on"))
    points = models.BigIntegerField(_("points"))

    class Meta:
        db_table = "points_hold_lot"
        verbose_name = _("part of a hold")
        verbose_name_plural = _("parts of holds")

    def __str__(self) -> str:
        return f"{self.points} until {self.lapses_on}"
