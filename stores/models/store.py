"""Supermarket stores: outlets with shelves."""

from __future__ import annotations

from typing import Any

from django.db import models
from django.utils.translation import gettext_lazy as _

from alliance import access


class StoreQuerySet(models.QuerySet["Store"]):
    def visible_to(self, user: Any, at: Any = None) -> StoreQuerySet:
        """Stores whose unit is one of the user's units or lies below one."""
        return self.filter(unit__in=access.units_of(user))


class Store(models.Model):
    """A supermarket store. It *is* an outlet; here stand the things that only a store has."""

    class Kind(models.TextChoices):
        DIRECT = "direct", _("direct")  # Translators: 直营
        PARTNER = "partner", _("partner")  # Translators: 加盟

    class Format(models.TextChoices):
        HYPERMARKET = "hyper", _("hypermarket")  # Translators: 大卖场
        SUPERMARKET = "super", _("supermarket")  # Translators: 超市
        CONVENIENCE = "convenience", _("convenience store")  # Translators: 便利店

    id = models.AutoField(primary_key=True)
    code = models.CharField(_("code"), max_length=32, unique=True)
    kind = models.CharField(_("kind"), max_length=8, choices=Kind.choices)
    format = models.CharField(_("format"), max_length=12, choices=Format.choices, default=Format.SUPERMARKET)
    outlet = models.OneToOneField("merchants.Outlet", models.PROTECT, related_name="store", verbose_name=_("outlet"))
    unit = models.ForeignKey("alliance.Unit", models.PROTECT, related_name="+", verbose_name=_("unit"))
    area_sqm = models.PositiveIntegerField(_("area in m²"))
    opened_on = models.DateField(_("opened on"))
    is_synthetic = models.BooleanField(_("synthetic"), default=False)

    objects = StoreQuerySet.as_manager()

    class Meta:
        verbose_name = _("store")  # Translators: 超市门店
        verbose_name_plural = _("stores")
        constraints = [
            models.CheckConstraint(name="stores_store_area_is_positive", condition=models.Q(area_sqm__gt=0)),
        ]

    def __str__(self) -> str:
        return self.code
