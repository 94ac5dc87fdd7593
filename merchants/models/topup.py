"""Money on its way into a merchant's float."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from alliance.calc.money import yuan

if TYPE_CHECKING:
    from alliance.models import User


class TopUpQuerySet(models.QuerySet["TopUp"]):
    def pending(self) -> TopUpQuerySet:
        return self.filter(state__in=[TopUp.State.ANNOUNCED, TopUp.State.MATCHED])

    def visible_to(self, user: User) -> TopUpQuerySet:
        from merchants.models.merchant import Merchant

        return self.filter(merchant__in=Merchant.objects.visible_to(user))


class TopUp(models.Model):
    """A merchant's transfer: announced, matched to a bank line by one person, booked when a second one agrees."""

    class State(models.TextChoices):
        ANNOUNCED = "announced", _("Announced")
        MATCHED = "matched", _("Waiting for the second person")
        BOOKED = "booked", _("Booked")
        REFUSED = "refused", _("Refused")
        WITHDRAWN = "withdrawn", _("Withdrawn")

    merchant = models.ForeignKey(
        "merchants.Merchant", models.PROTECT, related_name="topups", verbose_name=_("merchant"), db_index=False
    )
    amount_fen = models.BigIntegerField(_("amount"))
    state = models.CharField(_("state"), max_length=9, choices=State)
    bank_line = models.ForeignKey(
        "points.BankLine", models.PROTECT, null=True, blank=True, related_name="+", verbose_name=_("bank line")
    )
    approval = models.OneToOneField(
        "alliance.Approval", models.PROTECT, null=True, blank=True, related_name="+", verbose_name=_("approval")
    )
    asked_at = models.DateTimeField(_("asked at"))
    asked_by = models.CharField(_("asked by"), max_length=40)
    booked_at = models.DateTimeField(_("booked at"), null=True, blank=True)

    objects = TopUpQuerySet.as_manager()

    class Meta:
        verbose_name = _("top-up")
        verbose_name_plural = _("top-ups")
        indexes = [
            models.Index(fields=["merchant", "-asked_at"], name="merchants_topup_merchant"),
            # Whose money a line of the bank may be: by the amount that somebody announced.
            models.Index(fields=["amount_fen"], name="merchants_topup_announced", condition=Q(state="announced")),
        ]
        constraints = [
            models.CheckConstraint(name="merchants_topup_amount_is_positive", condition=Q(amount_fen__gt=0)),
            models.CheckConstraint(
                name="merchants_topup_matched_has_line_and_approval",
                condition=Q(state__in=["announced", "withdrawn"], bank_line__isnull=True, approval__isnull=True)
                | Q(state__in=["matched", "booked", "refused"], bank_line__isnull=False, approval__isnull=False),
            ),
            models.CheckConstraint(
                name="merchants_topup_booked_has_a_time",
                condition=Q(state="booked", booked_at__isnull=False) | (~Q(state="booked") & Q(booked_at__isnull=True)),
            ),
            models.UniqueConstraint(
                name="merchants_topup_bank_line_once",
                fields=["bank_line"],
                condition=Q(state__in=["matched", "booked"]),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.merchant} ¥{yuan(self.amount_fen)}"
