"""The organisation: a tree of units and the posts in it."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING

from django.contrib.postgres.constraints import ExclusionConstraint
from django.contrib.postgres.fields import RangeOperators
from django.db import models
from django.db.models import F, Func, Q, Value
from django.utils.translation import gettext_lazy as _

if TYPE_CHECKING:
    from alliance.models.user import User


class UnitQuerySet(models.QuerySet["Unit"]):
    def within(self, *paths: str) -> UnitQuerySet:
        """Return the units at or below any of the paths."""
        wanted = Q(pk__in=[])
        for path in paths:
            wanted |= Q(path__startswith=path)
        return self.filter(wanted)

    def visible_to(self, user: User) -> UnitQuerySet:
        from alliance import access

        return self.within(*access.paths_of(user))


class Unit(models.Model):
    """A node of the organisation: headquarters, a region, a service centre or a store."""

    class Kind(models.TextChoices):
        HQ = "hq", _("Headquarters")
        REGION = "region", _("Region")
        CENTRE = "centre", _("Service centre")
        STORE = "store", _("Store")

    parent = models.ForeignKey(
        "self", models.PROTECT, null=True, blank=True, related_name="children", verbose_name=_("unit above")
    )
    kind = models.CharField(_("kind"), max_length=6, choices=Kind)
    code = models.CharField(_("code"), max_length=20, unique=True)
    name = models.CharField(_("name"), max_length=80)
    # Ids of all ancestors and itself, "1.4.17.": a prefix search finds everything below.
    path = models.CharField(max_length=120, unique=True)
    province = models.ForeignKey("alliance.Province", models.PROTECT, null=True, blank=True, verbose_name=_("province"))
    city = models.ForeignKey("alliance.City", models.PROTECT, null=True, blank=True, verbose_name=_("city"))
    is_synthetic = models.BooleanField(_("synthetic"), default=False)

    objects = UnitQuerySet.as_manager()

    class Meta:
        verbose_name = _("unit")
        verbose_name_plural = _("units")
        constraints = [
            models.CheckConstraint(
                name="alliance_unit_only_hq_has_no_parent",
                condition=Q(kind="hq", parent__isnull=True) | (~Q(kind="hq") & Q(parent__isnull=False)),
            ),
            models.UniqueConstraint(name="alliance_unit_one_hq", fields=["kind"], condition=Q(kind="hq")),
        ]

    def __str__(self) -> str:
        return self.name


class PostQuerySet(models.QuerySet["Post"]):
    def active(self, on: date) -> PostQuerySet:
        return self.filter(Q(ends_on__isnull=True) | Q(ends_on__gt=on), starts_on__lte=on)

    def visible_to(self, user: User) -> PostQuerySet:
        return self.filter(unit__in=Unit.objects.visible_to(user))


class Post(models.Model):
    """Somebody serves in a unit, in a role, from one day until another (half-open)."""

    class Role(models.TextChoices):
        HQ_ADMIN = "hq_admin", _("Headquarters")
        FINANCE = "finance", _("Finance")
        RISK = "risk", _("Risk")
        REGION_MANAGER = "region_manager", _("Regional manager")
        CENTRE_STAFF = "centre_staff", _("Service-centre staff")
        STORE_MANAGER = "store_manager", _("Store manager")

    user = models.ForeignKey("alliance.User", models.PROTECT, related_name="posts", verbose_name=_("user"))
    unit = models.ForeignKey(Unit, models.PROTECT, related_name="posts", verbose_name=_("unit"))
    role = models.CharField(_("role"), max_length=16, choices=Role)
    starts_on = models.DateField(_("from"))
    ends_on = models.DateField(_("until"), null=True, blank=True)

    objects = PostQuerySet.as_manager()

    class Meta:
        verbose_name = _("post")
        verbose_name_plural = _("posts")
        constraints = [
            models.CheckConstraint(
                name="alliance_post_ends_after_start",
                condition=Q(ends_on__isnull=True) | Q(ends_on__gt=F("starts_on")),
            ),
            ExclusionConstraint(
                name="alliance_post_once_at_a_time",
                expressions=[
                    ("user", RangeOperators.EQUAL),
                    ("unit", RangeOperators.EQUAL),
                    ("role", RangeOperators.EQUAL),
                    (Func(F("starts_on"), F("ends_on"), Value("[)"), function="daterange"), RangeOperators.OVERLAPS),
                ],
            ),
        ]

    def __str__(self) -> str:
        return f"{self.user} · {self.get_role_display()} · {self.unit}"
