"""Balances taken over from an earlier scheme, with the bank line that pays for them (row 32)."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _


class Opening(models.Model):
    """One file of balances: staged, started with its money, booked lot by lot."""

    id = models.BigAutoField(primary_key=True)
    title = models.CharField(_("title"), max_length=80)
    digest = models.BinaryField(max_length=32)
    lines = models.IntegerField(_("lines"))
    points = models.BigIntegerField(_("points"))
    # Translators: 上传时间
    staged_at = models.DateTimeField(_("taken up at"))
    # Translators: 上传人
    staged_by = models.CharField(_("taken up by"), max_length=40)
    bank_line = models.ForeignKey(
        "points.BankLine",
        models.DO_NOTHING,
        null=True,
        related_name="+",
        verbose_name=_("bank line"),
        db_constraint=False,
    )
    account = models.ForeignKey(
        "points.Account", models.DO_NOTHING, null=True, related_name="+", verbose_name=_("account"), db_constraint=False
    )
    started_at = models.DateTimeField(_("started at"), null=True)
    cancelled_at = models.DateTimeField(_("cancelled at"), null=True)
    finished_at = models.DateTimeField(_("finished at"), null=True)

    class Meta:
        db_table = "points_opening"
        # Translators: 期初导入
        verbose_name = _("import of opening balances")
        verbose_name_plural = _("imports of opening balances")

    def __str__(self) -> str:
        return self.title


class OpeningLine(models.Model):
    """One lot to be opened."""

    pk = models.CompositePrimaryKey("opening_id", "no")
    opening_id = models.BigIntegerField()
    no = models.IntegerField()
    bucket = models.SmallIntegerField()
    wallet_id = models.BigIntegerField()
    points = models.BigIntegerField()
    expires_on = models.DateField()
    transfer_id = models.BigIntegerField(null=True)

    class Meta:
        db_table = "points_opening_line"
        verbose_name = _("line of opening balances")
        verbose_name_plural = _("lines of opening balances")

    def __str__(self) -> str:
        return f"{self.opening_id} {self.no}"
