"""Closings of the surplus, and each member's share, fixed at the closing (row 38)."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _


class SurplusClosing(models.Model):
    """What breakage and buffer gave to the surplus, and what of it is shared."""

    id = models.BigAutoField(primary_key=True)
    approval_id = models.BigIntegerField()
    closed_at = models.DateTimeField(_("closed at"))
    actor = models.CharField(_("actor"), max_length=40)
    # Translators: 来自过期沉淀
    breakage_fen = models.BigIntegerField(_("from breakage"))
    # Translators: 来自缓冲金
    buffer_fen = models.BigIntegerField(_("from the buffer"))
    # Translators: 缓冲金下限
    floor_fen = models.BigIntegerField(_("floor of the buffer"))
    # Translators: 盈余池
    pool_fen = models.BigIntegerField(_("surplus"))
    # Translators: 未用的奖励额度合计
    credit = models.BigIntegerField(_("unused reward credit"))
    members = models.IntegerField(_("members"))
    # Translators: 分配的积分
    points = models.BigIntegerField(_("points shared"))
    expires_on = models.DateField(_("expires on"))
    # Translators: 已到账
    paid = models.BigIntegerField(_("points given so far"), default=0)
    finished_at = models.DateTimeField(_("finished at"), null=True)

    class Meta:
        db_table = "points_surplus_closing"
        # Translators: 盈余结算
        verbose_name = _("closing of the surplus")
        verbose_name_plural = _("closings of the surplus")

    def __str__(self) -> str:
        return f"{self.closed_at:%Y-%m-%d}"

    @property
    def left_fen(self) -> int:
        """Return what stays in the surplus when everything is shared."""
        return self.pool_fen - (self.paid if self.finished_at else self.points)


class SurplusShare(models.Model):
    """One wallet's part of a closing."""

    pk = models.CompositePrimaryKey("closing_id", "bucket", "wallet_id")
    closing_id = models.BigIntegerField()
    bucket = models.SmallIntegerField()
    wallet_id = models.BigIntegerField()
    credit = models.BigIntegerField()
    points = models.BigIntegerField()
    paid = models.BigIntegerField(null=True)
    transfer_id = models.BigIntegerField(null=True)

    class Meta:
        db_table = "points_surplus_share"
        verbose_name = _("share of the surplus")
        verbose_name_plural = _("shares of the surplus")

    def __str__(self) -> str:
        return f"{self.closing_id} {self.wallet_id}"
