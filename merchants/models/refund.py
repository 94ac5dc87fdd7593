"""What the book does not keep of a refund: why, and which lines came back."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _


class RefundNote(models.Model):
    """One per refund, written with it and never changed."""

    class Reason(models.TextChoices):
        # Translators: 商品有问题
        DEFECTIVE = "defective", _("Something is wrong with it")
        # Translators: 不想要了
        UNWANTED = "unwanted", _("Not wanted any more")
        # Translators: 拿错或发错
        WRONG_ITEM = "wrong_item", _("Wrong item")
        # Translators: 多收了钱
        OVERCHARGED = "overcharged", _("Charged too much")
        # Translators: 没有提供或没送到
        NOT_DELIVERED = "not_delivered", _("Not delivered")
        # Translators: 其他原因
        OTHER = "other", _("Another reason")

    # The number of the refund's document in the book.
    refund_id = models.BigIntegerField(_("refund"), primary_key=True)
    sale_id = models.BigIntegerField(_("sale"))
    outlet = models.ForeignKey(
        "merchants.Outlet", models.PROTECT, related_name="+", verbose_name=_("outlet"), db_index=False
    )
    reason = models.CharField(_("reason"), max_length=20, choices=Reason)
    note = models.CharField(_("note"), max_length=200, blank=True)
    # [[number of the line, units], …]; empty: by amount.
    lines = models.JSONField(_("lines"), default=list, blank=True)
    actor = models.CharField(_("actor"), max_length=40)
    made_at = models.DateTimeField(_("made at"))

    class Meta:
        verbose_name = _("note on a refund")
        verbose_name_plural = _("notes on refunds")
        indexes = [models.Index(fields=["sale_id"], name="merchants_refundnote_sale")]

    def __str__(self) -> str:
        return f"R{self.pk}"
