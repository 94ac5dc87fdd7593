"""One hash per day and bucket over the whole history of that day, each hanging on the day before."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _


class Seal(models.Model):
    """Written once, an hour and more after its day is over; never changed (points/sql/seal.sql)."""

    pk = models.CompositePrimaryKey("sealed_on", "bucket")
    # Translators: 日期
    sealed_on = models.DateField(_("day"))
    bucket = models.SmallIntegerField()
    rows = models.BigIntegerField(_("rows"))
    digest = models.BinaryField(max_length=32)
    chain = models.BinaryField(max_length=32)
    sealed_at = models.DateTimeField(_("sealed at"))

    class Meta:
        db_table = "points_seal"
        # Translators: 封存
        verbose_name = _("seal of a day")
        verbose_name_plural = _("seals of days")

    def __str__(self) -> str:
        return f"{self.sealed_on} {self.bucket}"
