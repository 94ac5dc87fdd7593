"""The merchant: who funds points and takes them."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, NamedTuple

from django.contrib.postgres.indexes import GinIndex, OpClass
from django.db import models
from django.db.models import Q
from django.db.models.functions import Upper
from django.utils.translation import gettext_lazy as _

from merchants.calc import references

if TYPE_CHECKING:
    from alliance.models import User


class Accounts(NamedTuple):
    """Where a merchant's money is in the book."""

    float_id: int
    proceeds_id: int
    fee_rest_id: int


class MerchantQuerySet(models.QuerySet["Merchant"]):
    def live(self) -> MerchantQuerySet:
        return self.filter(state=Merchant.State.LIVE)

    def of_staff(self, user: User, at: datetime) -> MerchantQuerySet:
        """Return the merchants that this person works for."""
        from merchants.models.staff import Staff

        return self.filter(pk__in=Staff.objects.active(at).filter(user=user).values("merchant"))

    def visible_to(self, user: User) -> MerchantQuerySet:
        """Return the merchants of the person's units, and those that the person works for."""
        from django.utils import timezone

        from alliance import access

        mine = self.model.objects.of_staff(user, timezone.now()).values("pk")
        return self.filter(Q(centre__in=access.units_of(user)) | Q(pk__in=mine))

    def search(self, words: str) -> MerchantQuerySet:
        """Return those that have each of the words in a name, or as their credit code."""
        found = self
        for word in words.split():
            found = found.filter(
                Q(name__icontains=word) | Q(short_name__icontains=word) | Q(credit_code=word.upper()),
            )
        return found


class Merchant(models.Model):
    """A legal entity that gives points out of its rebate and takes points as payment."""

    class Kind(models.TextChoices):
        PARTNER = "partner", _("Partner")
        DIRECT = "direct", _("Direct-run")

    class State(models.TextChoices):
        DRAFT = "draft", _("Draft")
        LIVE = "live", _("Live")
        PAUSED = "paused", _("Paused")
        LEFT = "left", _("Left")

    name = models.CharField(_("name"), max_length=80)
    short_name = models.CharField(_("short name"), max_length=30)
    kind = models.CharField(_("kind"), max_length=7, choices=Kind, default=Kind.PARTNER)
    trade = models.ForeignKey("alliance.Trade", models.PROTECT, related_name="merchants", verbose_name=_("trade"))
    centre = models.ForeignKey(
        "alliance.Unit", models.PROTECT, related_name="merchants", verbose_name=_("service centre"), db_index=False
    )
    # The unified social credit code of the licence: 18 characters, the last one a check character.
    credit_code = models.CharField(_("credit code"), max_length=18, unique=True, null=True, blank=True)
    contact_phone = models.CharField(_("contact phone"), max_length=16, blank=True)
    state = models.CharField(_("state"), max_length=6, choices=State, default=State.DRAFT)
    state_since = models.DateTimeField(_("in this state since"))
    live_at = models.DateTimeField(_("live since"), null=True, blank=True)
    # Accounts in the book.
    float_id = models.BigIntegerField(unique=True, null=True, editable=False)
    proceeds_id = models.BigIntegerField(unique=True, null=True, editable=False)
    fee_rest_id = models.BigIntegerField(unique=True, null=True, editable=False)
    opened_at = models.DateTimeField(_("opened at"))
    is_synthetic = models.BooleanField(_("synthetic"), default=False)

    objects = MerchantQuerySet.as_manager()

    class Meta:
        verbose_name = _("merchant")
        verbose_name_plural = _("merchants")
        indexes = [
            models.Index(fields=["centre", "state"], name="merchants_merchant_centre"),
            # For `icontains`, from three letters on: what has fewer holds no trigram.
            GinIndex(OpClass(Upper("name"), name="gin_trgm_ops"), name="merchants_merchant_name"),
            GinIndex(OpClass(Upper("short_name"), name="gin_trgm_ops"), name="merchants_merchant_short_name"),
        ]
        constraints = [
            models.CheckConstraint(
                name="merchants_merchant_state_is_known",
                condition=Q(state__in=["draft", "live", "paused", "left"]),
            ),
            models.CheckConstraint(
                name="merchants_merchant_live_has_accounts",
                condition=Q(state="draft")
                | Q(
                    live_at__isnull=False,
                    float_id__isnull=False,
                    proceeds_id__isnull=False,
                    fee_rest_id__isnull=False,
                ),
            ),
            models.CheckConstraint(
                name="merchants_merchant_credit_code_is_well_formed",
                condition=Q(credit_code__isnull=True)
                | Q(credit_code__regex=r"^[0-9A-HJ-NPQRTUWXY]{2}[0-9]{6}[0-9A-HJ-NPQRTUWXY]{10}$"),
            ),
        ]

    def __str__(self) -> str:
        return self.short_name or self.name

    @property
    def is_live(self) -> bool:
        return self.state == self.State.LIVE

    @property
    def book(self) -> Accounts:
        """Return the merchant's accounts; every merchant gets them in the transaction that opens it."""
        if self.float_id is None or self.proceeds_id is None or self.fee_rest_id is None:
            raise RuntimeError(f"merchant {self.pk} has no accounts")
        return Accounts(self.float_id, self.proceeds_id, self.fee_rest_id)

    @property
    def outlet_numbers(self) -> list[int]:
        """Return the numbers of all its outlets, closed ones too: receipts are found by them."""
        return list(self.outlets.order_by("pk").values_list("pk", flat=True))

    @property
    def payment_reference(self) -> str:
        """Return what the merchant writes on a bank transfer, so that a top-up finds its way."""
        return references.payment_reference(self.pk)
