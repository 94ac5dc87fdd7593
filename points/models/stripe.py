"""Allowances: what a busy float has beside its row, so that its sales need not wait for each other."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _


class Allowance(models.Model):
    """One of the parts of a striped float. Only single sales draw on it; the system makes and gathers them."""

    pk = models.CompositePrimaryKey("float_id", "stripe")
    float_id = models.BigIntegerField(_("float"))
    stripe = models.SmallIntegerField(_("part"))
    balance = models.BigIntegerField(_("balance"))

    class Meta:
        db_table = "points_allowance"
        verbose_name = _("allowance")
        verbose_name_plural = _("allowances")

    def __str__(self) -> str:
        return f"A{self.float_id} {self.stripe}"
