"""Lots: what is left of each credit, merged by maturity, expiry and funder."""

from __future__ import annotations

from datetime import date

from django.db import models
from django.utils.translation import gettext_lazy as _

# A mature lot has this date; a pending lot the day on which it will mature.
MATURE = date(2000, 1, 1)


class LotQuerySet(models.QuerySet["Lot"]):
    def live(self) -> LotQuerySet:
        return self.filter(remaining__gt=0)

    def pending(self) -> LotQuerySet:
        return self.filter(matures_on__gt=MATURE)


class Lot(models.Model):
    """Points of one funder that mature and expire together. `lapses_on` is the last day on which they can be used."""

    pk = models.CompositePrimaryKey("bucket", "wallet_id", "matures_on", "lapses_on", "funder_id", "expires_on")
    bucket = models.SmallIntegerField()
    wallet_id = models.BigIntegerField()
    matures_on = models.DateField(_("matures on"))
    lapses_on = models.DateField(_("lapses on"))
    funder_id = models.BigIntegerField(_("funder"))
    expires_on = models.DateField(_("expires on"))
    is_open = models.BooleanField(default=True)
    earned = models.BigIntegerField(_("earned"))
    remaining = models.BigIntegerField(_("remaining"))
    held = models.BigIntegerField(_("held"), default=0)

    objects = LotQuerySet.as_manager()

    class Meta:
        db_table = "points_lot"
        verbose_name = _("lot")
        verbose_name_plural = _("lots")

    def __str__(self) -> str:
        return f"{self.remaining} until {self.lapses_on}"

    @property
    def is_mature(self) -> bool:
        return self.matures_on == MATURE


class LotUse(models.Model):
    """Which lot a taking drew on; negative when it was given back. Kept for good."""

    pk = models.CompositePrimaryKey("bucket", "wallet_id", "booked_at", "transfer_id", "lapses_on", "funder_id")
    bucket = models.SmallIntegerField()
    wallet_id = models.BigIntegerField()
    booked_at = models.DateTimeField()
    transfer_id = models.BigIntegerField()
    lapses_on = models.DateField()
    funder_id = models.BigIntegerField()
    expires_on = models.DateField()
    points = models.BigIntegerField()

    class Meta:
        db_table = "points_lot_use"
        verbose_name = _("use of a lot")
        verbose_name_plural = _("uses of lots")

    def __str__(self) -> str:
        return f"{self.transfer_id}: {self.points}"
