"""Where a merchant serves customers: outlets and the tills in them."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from django.contrib.postgres.indexes import GinIndex, GistIndex, OpClass
from django.db import models
from django.db.models import F, Func, Q
from django.db.models.functions import Upper
from django.utils.translation import gettext_lazy as _

from merchants.calc import references

if TYPE_CHECKING:
    from alliance.models import User
    from merchants.models.key import ApiKey
    from points.models import Terms


class Point(Func):
    """point(lng, lat), for nearest-neighbour order without PostGIS."""

    function = "point"
    output_field = models.TextField()


class OutletQuerySet(models.QuerySet["Outlet"]):
    def open(self) -> OutletQuerySet:
        return self.filter(state=Outlet.State.OPEN)

    def of_staff(self, user: User, at: datetime) -> OutletQuerySet:
        """Return the open outlets in which this person may serve now."""
        from merchants.models.staff import Staff

        posts = Staff.objects.active(at).filter(user=user)
        return self.open().filter(
            Q(pk__in=posts.filter(outlet__isnull=False).values("outlet"))
            | Q(merchant__in=posts.filter(outlet__isnull=True).values("merchant"))
        )

    def of_key(self, key: ApiKey) -> OutletQuerySet:
        """Return the outlets that a key speaks for: test keys see test outlets only, live keys all others."""
        outlets = self.filter(merchant=key.merchant_id, is_test=key.is_test)
        return outlets.filter(pk=key.outlet_id) if key.outlet_id else outlets

    def visible_to(self, user: User) -> OutletQuerySet:
        from django.utils import timezone

        from alliance import access
        from merchants.models.merchant import Merchant

        mine = Merchant.objects.of_staff(user, timezone.now())
        units = access.units_of(user)
        return self.filter(Q(centre__in=units) | Q(merchant__centre__in=units) | Q(merchant__in=mine))

    def search(self, words: str) -> OutletQuerySet:
        """Return those that have each of the words in their name, their address or their merchant's short name."""
        from merchants.models.merchant import Merchant

        found = self
        for word in words.split():
            # Two queries side by side: "or" across two tables would read both from one end to the other.
            own = Outlet.objects.filter(Q(name__icontains=word) | Q(address__icontains=word))
            of = Outlet.objects.filter(merchant__in=Merchant.objects.filter(short_name__icontains=word).values("pk"))
            found = found.filter(pk__in=own.values("pk").union(of.values("pk")))
        return found


class Outlet(models.Model):
    """A place with an address where points are given and taken."""

    class State(models.TextChoices):
        OPEN = "open", _("Open")
        CLOSED = "closed", _("Closed")

    merchant = models.ForeignKey(
        "merchants.Merchant", models.PROTECT, related_name="outlets", verbose_name=_("merchant"), db_index=False
    )
    name = models.CharField(_("name"), max_length=80)
    address = models.CharField(_("address"), max_length=160, blank=True)
    city = models.ForeignKey("alliance.City", models.PROTECT, related_name="outlets", verbose_name=_("city"))
    district = models.CharField(_("district"), max_length=40, blank=True)
    lng = models.FloatField(_("longitude"))
    lat = models.FloatField(_("latitude"))
    # "10:00-22:00", or by weekday "1-5 10:00-22:00; 6-7 09:00-23:00" (merchants.calc.hours).
    hours = models.CharField(_("opening hours"), max_length=120, blank=True)
    phone = models.CharField(_("contact phone"), max_length=20, blank=True)
    centre = models.ForeignKey(
        "alliance.Unit", models.PROTECT, related_name="outlets", verbose_name=_("service centre"), db_index=False
    )
    # The centre's account in the book: it is named on each sale, so that a change of centre does not move the past.
    centre_account_id = models.BigIntegerField(editable=False)
    state = models.CharField(_("state"), max_length=6, choices=State, default=State.OPEN)
    is_test = models.BooleanField(_("for tests only"), default=False)
    opened_at = models.DateTimeField(_("opened at"))
    closed_at = models.DateTimeField(_("closed at"), null=True, blank=True)

    objects = OutletQuerySet.as_manager()
    # The terms in force, where they were read together with the outlet (merchants.tills.desk_for).
    terms_now: Terms | None = None

    class Meta:
        verbose_name = _("outlet")
        verbose_name_plural = _("outlets")
        indexes = [
            GistIndex(Point(F("lng"), F("lat")), name="merchants_outlet_place"),
            models.Index(fields=["centre"], name="merchants_outlet_centre"),
            GinIndex(OpClass(Upper("name"), name="gin_trgm_ops"), name="merchants_outlet_name"),
            GinIndex(OpClass(Upper("address"), name="gin_trgm_ops"), name="merchants_outlet_address"),
        ]
        constraints = [
            models.UniqueConstraint(name="merchants_outlet_name_once_per_merchant", fields=["merchant", "name"]),
            models.CheckConstraint(
                name="merchants_outlet_lies_on_earth",
                condition=Q(lng__gte=-180, lng__lte=180, lat__gte=-90, lat__lte=90),
            ),
            models.CheckConstraint(
                name="merchants_outlet_closed_when_it_says_so",
                condition=Q(state="open", closed_at__isnull=True) | Q(state="closed", closed_at__isnull=False),
            ),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def is_open(self) -> bool:
        return self.state == self.State.OPEN

    @property
    def shop_code(self) -> str:
        """Return what the outlet's own QR code says."""
        return references.shop_code(self.pk)


class TillQuerySet(models.QuerySet["Till"]):
    def open(self) -> TillQuerySet:
        return self.filter(closed_at__isnull=True)

    def visible_to(self, user: User) -> TillQuerySet:
        return self.filter(outlet__in=Outlet.objects.visible_to(user))


class Till(models.Model):
    """A cash desk of an outlet; request keys of the till page belong to it."""

    outlet = models.ForeignKey(Outlet, models.PROTECT, related_name="tills", verbose_name=_("outlet"), db_index=False)
    number = models.PositiveSmallIntegerField(_("number"))
    opened_at = models.DateTimeField(_("opened at"))
    closed_at = models.DateTimeField(_("closed at"), null=True, blank=True)

    objects = TillQuerySet.as_manager()

    class Meta:
        verbose_name = _("till")
        verbose_name_plural = _("tills")
        constraints = [
            models.UniqueConstraint(name="merchants_till_number_once_per_outlet", fields=["outlet", "number"]),
        ]

    def __str__(self) -> str:
        return f"{self.outlet} #{self.number}"
