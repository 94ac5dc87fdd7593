"""Who works for a merchant, where, as what, from when until when."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from django.contrib.postgres.constraints import ExclusionConstraint
from django.contrib.postgres.fields import RangeOperators
from django.db import models
from django.db.models import F, Func, Q, Value
from django.db.models.functions import Coalesce
from django.utils.translation import gettext_lazy as _

if TYPE_CHECKING:
    from alliance.models import User


class StaffQuerySet(models.QuerySet["Staff"]):
    def active(self, at: datetime) -> StaffQuerySet:
        return self.filter(Q(ends_at__isnull=True) | Q(ends_at__gt=at), starts_at__lte=at)

    def visible_to(self, user: User) -> StaffQuerySet:
        from merchants.models.merchant import Merchant

        return self.filter(merchant__in=Merchant.objects.visible_to(user))


class Staff(models.Model):
    """Somebody serves a merchant, in one outlet or in all, until dismissed (half-open period)."""

    class Role(models.TextChoices):
        OWNER = "owner", _("Owner")
        MANAGER = "manager", _("Manager")
        CASHIER = "cashier", _("Cashier")

    user = models.ForeignKey(
        "alliance.User", models.PROTECT, related_name="merchant_posts", verbose_name=_("user"), db_index=False
    )
    merchant = models.ForeignKey("merchants.Merchant", models.PROTECT, related_name="staff", verbose_name=_("merchant"))
    # Empty: all outlets of the merchant.
    outlet = models.ForeignKey(
        "merchants.Outlet", models.PROTECT, null=True, blank=True, related_name="staff", verbose_name=_("outlet")
    )
    role = models.CharField(_("role"), max_length=7, choices=Role)
    starts_at = models.DateTimeField(_("from"))
    ends_at = models.DateTimeField(_("until"), null=True, blank=True)

    objects = StaffQuerySet.as_manager()

    class Meta:
        verbose_name = _("merchant's staff")
        verbose_name_plural = _("merchants' staff")
        indexes = [models.Index(fields=["user", "ends_at"], name="merchants_staff_user")]
        constraints = [
            models.CheckConstraint(
                name="merchants_staff_ends_not_before_start",
                condition=Q(ends_at__isnull=True) | Q(ends_at__gte=F("starts_at")),
            ),
            models.CheckConstraint(
                name="merchants_staff_owner_owns_all_outlets",
                condition=~Q(role="owner") | Q(outlet__isnull=True),
            ),
            ExclusionConstraint(
                name="merchants_staff_once_at_a_time",
                expressions=[
                    ("user", RangeOperators.EQUAL),
                    ("merchant", RangeOperators.EQUAL),
                    (Coalesce(F("outlet"), Value(0)), RangeOperators.EQUAL),
                    (Func(F("starts_at"), F("ends_at"), Value("[)"), function="tstzrange"), RangeOperators.OVERLAPS),
                ],
            ),
        ]

    def __str__(self) -> str:
        return f"{self.user} · {self.get_role_display()} · {self.merchant}"

    @property
    def is_owner(self) -> bool:
        return self.role == self.Role.OWNER

    @property
    def is_cashier(self) -> bool:
        return self.role == self.Role.CASHIER
