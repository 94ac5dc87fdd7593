"""What a merchant agreed to give: versions, never two at a time."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING

from django.contrib.postgres.constraints import ExclusionConstraint
from django.contrib.postgres.fields import RangeOperators
from django.db import models
from django.db.models import F, Func, Q, Value
from django.utils.translation import gettext_lazy as _

if TYPE_CHECKING:
    from alliance.models import User


class AgreementQuerySet(models.QuerySet["Agreement"]):
    def in_force(self, on: date) -> AgreementQuerySet:
        return self.filter(Q(ends_on__isnull=True) | Q(ends_on__gt=on), starts_on__lte=on)

    def visible_to(self, user: User) -> AgreementQuerySet:
        from merchants.models.merchant import Merchant

        return self.filter(merchant__in=Merchant.objects.visible_to(user))


class Agreement(models.Model):
    """One version of a merchant's rate card, in force from one day until another (half-open)."""

    merchant = models.ForeignKey(
        "merchants.Merchant", models.PROTECT, related_name="agreements", verbose_name=_("merchant"), db_index=False
    )
    version = models.PositiveIntegerField(_("version"))
    rate_bps = models.PositiveIntegerField(_("rebate rate"), help_text=_("in 1/10,000 of the sale"))
    # Shares of the rebate; what is left goes to the buffer.
    member_bps = models.PositiveIntegerField(_("member's share"), default=6250)
    fee_bps = models.PositiveIntegerField(_("operator's share"), default=1875)
    centre_bps = models.PositiveIntegerField(_("service centre's share"), default=1250)
    promo_bps = models.PositiveIntegerField(_("promotion credit's share"), default=0)
    spend_fee_bps = models.PositiveIntegerField(_("spending fee"), default=100)
    spend_share_bps = models.PositiveIntegerField(_("largest share of a bill payable in points"), default=5000)
    matures_days = models.PositiveSmallIntegerField(_("days until points can be spent"), default=7)
    holdback_days = models.PositiveSmallIntegerField(_("days that the rest is held back"), default=7)
    starts_on = models.DateField(_("from"))
    ends_on = models.DateField(_("until"), null=True, blank=True)
    # The same terms in the book.
    terms_id = models.BigIntegerField(unique=True, editable=False)
    signed_at = models.DateTimeField(_("signed at"))
    signed_by = models.CharField(_("signed by"), max_length=40)

    objects = AgreementQuerySet.as_manager()

    class Meta:
        verbose_name = _("agreement")
        verbose_name_plural = _("agreements")
        constraints = [
            models.UniqueConstraint(name="merchants_agreement_version_once", fields=["merchant", "version"]),
            models.CheckConstraint(
                name="merchants_agreement_ends_after_start",
                condition=Q(ends_on__isnull=True) | Q(ends_on__gt=F("starts_on")),
            ),
            models.CheckConstraint(
                name="merchants_agreement_rate_is_3_to_20_percent",
                condition=Q(rate_bps__gte=300, rate_bps__lte=2000),
            ),
            models.CheckConstraint(
                name="merchants_agreement_shares_fit_into_the_rebate",
                condition=Q(member_bps__lte=10_000 - F("fee_bps") - F("centre_bps") - F("promo_bps")),
            ),
            models.CheckConstraint(
                name="merchants_agreement_spend_share_and_fee_are_shares",
                condition=Q(spend_share_bps__lte=10_000, spend_fee_bps__lte=2000),
            ),
            models.CheckConstraint(
                name="merchants_agreement_holdback_covers_the_refund_window",
                condition=Q(holdback_days__gte=7, matures_days__lte=90),
            ),
            ExclusionConstraint(
                name="merchants_agreement_one_at_a_time",
                expressions=[
                    ("merchant", RangeOperators.EQUAL),
                    (Func(F("starts_on"), F("ends_on"), Value("[)"), function="daterange"), RangeOperators.OVERLAPS),
                ],
            ),
        ]

    def __str__(self) -> str:
        return f"{self.merchant} v{self.version}"
