"""What tills did without a connection."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _


class SyncMark(models.Model):
    """Until when a device has sent off what it kept. Marks older than 72 hours mean nothing and are swept."""

    # Whose request keys these are, as the book numbers callers, and the device among its devices.
    caller_kind = models.SmallIntegerField(_("kind of caller"))
    caller_id = models.BigIntegerField(_("caller"))
    device = models.CharField(_("device"), max_length=80)
    synced_at = models.DateTimeField(_("synced at"), db_index=True)

    class Meta:
        verbose_name = _("last sync of a device")
        verbose_name_plural = _("last syncs of devices")
        constraints = [
            models.UniqueConstraint(fields=["caller_kind", "caller_id", "device"], name="merchants_syncmark_device")
        ]

    def __str__(self) -> str:
        return f"{self.caller_kind}:{self.caller_id} {self.device}"


class OfflineSpend(models.Model):
    """Points that a till took without a connection, written in the transaction that answers the request."""

    class State(models.TextChoices):
        # Translators: 已收到积分
        COVERED = "covered", _("Covered")
        # Translators: 积分不足，由商家承担
        NOT_COVERED = "not_covered", _("Not covered")

    outlet = models.ForeignKey("merchants.Outlet", models.PROTECT, related_name="+", verbose_name=_("outlet"))
    caller_kind = models.SmallIntegerField(_("kind of caller"))
    caller_id = models.BigIntegerField(_("caller"))
    # The digest of the request key, as the book keeps it.
    key = models.UUIDField(_("request key"))
    wallet_id = models.BigIntegerField(_("wallet"))
    # The day in Shanghai on which the till took them: the limit for each member is reckoned by it.
    taken_on = models.DateField(_("day"))
    taken_at = models.DateTimeField(_("taken at"))
    arrived_at = models.DateTimeField(_("arrived at"))
    bill_fen = models.BigIntegerField(_("bill (fen)"))
    points = models.BigIntegerField(_("points"))
    reference = models.CharField(_("reference"), max_length=64, blank=True)
    state = models.CharField(_("state"), max_length=12, choices=State, default=State.COVERED)
    # The sale that the money was booked as when the points were not covered.
    sale_id = models.BigIntegerField(_("sale"), null=True)

    class Meta:
        verbose_name = _("points taken offline")
        verbose_name_plural = _("points taken offline")
        constraints = [
            models.UniqueConstraint(fields=["caller_kind", "caller_id", "key"], name="merchants_offlinespend_key"),
            models.CheckConstraint(condition=models.Q(points__gt=0), name="merchants_offlinespend_points"),
        ]
        indexes = [
            models.Index(fields=["wallet_id", "taken_on"], name="merchants_offlinespend_day"),
            models.Index(
                fields=["outlet", "-taken_at", "-id"],
                condition=models.Q(state="not_covered"),
                name="merchants_offlinespend_open",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.points} of W{self.wallet_id}"

    @property
    def cash_fen(self) -> int:
        """What was paid in money."""
        return self.bill_fen - self.points
