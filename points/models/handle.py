"""How a till finds a wallet without knowing a person."""

from __future__ import annotations

from datetime import datetime

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.utils.translation import gettext_lazy as _

from points.models.account import Wallet


class HandleQuerySet(models.QuerySet["Handle"]):
    def open(self, at: datetime) -> HandleQuerySet:
        return self.filter(models.Q(ends_at__isnull=True) | models.Q(ends_at__gt=at), starts_at__lte=at)


class Handle(models.Model):
    """A keyed digest of a phone, member number or card, from a time to a time. The value itself is not kept."""

    class Kind(models.TextChoices):
        PHONE = "phone", _("phone")
        NUMBER = "number", _("member number")
        CARD = "card", _("card")

    wallet = models.ForeignKey(Wallet, models.PROTECT, related_name="handles")
    kind = models.CharField(max_length=10, choices=Kind.choices)
    digest = models.BinaryField()
    starts_at = models.DateTimeField()
    ends_at = models.DateTimeField(null=True)

    objects = HandleQuerySet.as_manager()

    class Meta:
        db_table = "points_handle"
        verbose_name = _("handle")
        verbose_name_plural = _("handles")

    def __str__(self) -> str:
        return f"{self.kind} of W{self.wallet_id}"


class Pass(models.Model):
    """The rotating code and the PIN of a wallet."""

    wallet = models.OneToOneField(Wallet, models.PROTECT, primary_key=True, related_name="code_pass")
    code_number = models.IntegerField(unique=True)
    code_secret = models.BinaryField()
    code_step = models.BigIntegerField(default=0)
    # The steps whose codes were taken within the last 72 hours, also by tills that were offline then.
    used_steps = ArrayField(models.BigIntegerField(), default=list)
    pin_hash = models.CharField(max_length=128, default="", blank=True)
    pin_tries = models.SmallIntegerField(default=0)
    pin_locked_until = models.DateTimeField(null=True)

    class Meta:
        db_table = "points_pass"
        verbose_name = _("pass")
        verbose_name_plural = _("passes")

    def __str__(self) -> str:
        return f"pass of W{self.pk}"
