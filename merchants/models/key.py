"""Keys with which a merchant's machines call the API."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

if TYPE_CHECKING:
    from alliance.models import User
    from merchants.models.outlet import Outlet


class Scope(models.TextChoices):
    """What a key may do."""

    IDENTIFY = "members:identify", _("Find a member by code, phone or card")
    BALANCE = "members:balance", _("See a balance after the member's proof")
    SALES = "sales:write", _("Record sales")
    SPENDS = "spends:write", _("Take points")
    VOID = "sales:void", _("Void within ten minutes")
    REFUND = "sales:refund", _("Refund sales")
    STATEMENT = "statement:read", _("Read the statement")
    OUTLETS = "outlets:read", _("List outlets")


class ApiKeyQuerySet(models.QuerySet["ApiKey"]):
    def active(self, at: datetime) -> ApiKeyQuerySet:
        return self.filter(Q(revoked_at__isnull=True) | Q(revoked_at__gt=at))

    def visible_to(self, user: User) -> ApiKeyQuerySet:
        from merchants.models.merchant import Merchant

        return self.filter(merchant__in=Merchant.objects.visible_to(user))


class ApiKey(models.Model):
    """A secret of a merchant, kept as a digest; its prefix tells which one it is."""

    merchant = models.ForeignKey(
        "merchants.Merchant", models.PROTECT, related_name="keys", verbose_name=_("merchant"), db_index=False
    )
    outlet = models.ForeignKey(
        "merchants.Outlet", models.PROTECT, null=True, blank=True, related_name="keys", verbose_name=_("outlet")
    )
    name = models.CharField(_("name"), max_length=60)
    prefix = models.CharField(_("starts with"), max_length=20, unique=True)
    digest = models.BinaryField(max_length=32)
    scopes = ArrayField(models.CharField(max_length=20, choices=Scope), verbose_name=_("scopes"))
    is_test = models.BooleanField(_("test mode"), default=False)
    # The language of messages when the caller does not ask for one.
    language = models.CharField(_("language"), max_length=10, default="zh-hans")
    created_at = models.DateTimeField(_("created at"))
    created_by = models.CharField(_("created by"), max_length=40)
    # In the future while an old key still overlaps with its successor.
    revoked_at = models.DateTimeField(_("ends at"), null=True, blank=True)
    last_used_at = models.DateTimeField(_("last used at"), null=True, blank=True)

    objects = ApiKeyQuerySet.as_manager()
    # Its own outlet with the terms in force, where they were read together with the key (merchants.keys.find).
    desk: Outlet | None = None

    class Meta:
        verbose_name = _("API key")
        verbose_name_plural = _("API keys")
        indexes = [models.Index(fields=["merchant", "-created_at"], name="merchants_apikey_merchant")]
        constraints = [
            models.CheckConstraint(
                name="merchants_apikey_revoked_after_creation",
                condition=Q(revoked_at__isnull=True) | Q(revoked_at__gte=F("created_at")),
            ),
            models.CheckConstraint(
                name="merchants_apikey_has_a_scope",
                condition=Q(scopes__len__gt=0),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.name} ({self.prefix}…)"

    def is_active(self, at: datetime) -> bool:
        return self.revoked_at is None or self.revoked_at > at
