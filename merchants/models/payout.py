"""Where a merchant's (or a centre's) money goes, the files that carry it to the bank, and disputes about statements."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from alliance import ciphers
from alliance.calc.money import yuan

if TYPE_CHECKING:
    from alliance.models import User

USE = "payout_account"


class PayoutAccountQuerySet(models.QuerySet["PayoutAccount"]):
    def current(self) -> PayoutAccountQuerySet:
        return self.filter(state=PayoutAccount.State.CURRENT)

    def payable(self, at: datetime) -> PayoutAccountQuerySet:
        """Return the accounts that may be paid to now: decided, cooled down, and not one that the bank sent back."""
        return self.current().filter(valid_from__lte=at, returned_at__isnull=True)

    def visible_to(self, user: User) -> PayoutAccountQuerySet:
        from alliance import access
        from merchants.models.merchant import Merchant

        return self.filter(Q(merchant__in=Merchant.objects.visible_to(user)) | Q(unit__in=access.units_of(user)))


class PayoutAccount(models.Model):
    """A bank account on file. A change is a new row: asked by one person, decided by another, used after three days.

    The number is kept encrypted; lists show its last four digits.
    """

    class State(models.TextChoices):
        ASKED = "asked", _("Waiting for the second person")
        CURRENT = "current", _("On file")
        RETIRED = "retired", _("Replaced")
        REFUSED = "refused", _("Refused")

    # A merchant's, a service centre's, or (headquarters) the operator's own.
    merchant = models.ForeignKey(
        "merchants.Merchant", models.PROTECT, null=True, blank=True, related_name="payout_accounts", db_index=False,
        verbose_name=_("merchant"),
    )  # fmt: skip
    unit = models.ForeignKey(
        "alliance.Unit", models.PROTECT, null=True, blank=True, related_name="+", db_index=False, verbose_name=_("unit")
    )
    # Translators: 开户行
    bank_name = models.CharField(_("bank"), max_length=60)
    # Translators: 户名
    holder = models.CharField(_("account holder"), max_length=80)
    number_sealed = models.BinaryField(_("account number"))
    number_tail = models.CharField(_("last digits"), max_length=4)
    # Finds the same number on file of somebody else.
    number_fingerprint = models.BinaryField()
    state = models.CharField(_("state"), max_length=7, choices=State, default=State.ASKED)
    approval = models.OneToOneField(
        "alliance.Approval", models.PROTECT, null=True, related_name="+", verbose_name=_("approval")
    )
    asked_at = models.DateTimeField(_("asked at"))
    asked_by = models.CharField(_("asked by"), max_length=40)
    valid_from = models.DateTimeField(_("paid to from"), null=True)
    ended_at = models.DateTimeField(_("until"), null=True)
    returned_at = models.DateTimeField(_("a payout came back at"), null=True)

    objects = PayoutAccountQuerySet.as_manager()

    class Meta:
        # Translators: 收款账户
        verbose_name = _("payout account")
        verbose_name_plural = _("payout accounts")
        constraints = [
            models.CheckConstraint(
                name="merchants_payoutaccount_has_one_owner",
                condition=Q(merchant__isnull=False, unit__isnull=True) | Q(merchant__isnull=True, unit__isnull=False),
            ),
            models.CheckConstraint(
                name="merchants_payoutaccount_on_file_has_a_day",
                condition=Q(state__in=["asked", "refused"], valid_from__isnull=True)
                | Q(state__in=["current", "retired"], valid_from__isnull=False),
            ),
            models.UniqueConstraint(
                name="merchants_payoutaccount_one_per_merchant", fields=["merchant"], condition=Q(state="current")
            ),
            models.UniqueConstraint(
                name="merchants_payoutaccount_one_per_unit", fields=["unit"], condition=Q(state="current")
            ),
        ]
        indexes = [
            models.Index(fields=["merchant", "-asked_at"], name="merchants_payoutaccount_of"),
            models.Index(fields=["number_fingerprint"], name="merchants_payoutaccount_same"),
            # Accounts that the bank sent back, and those that cool down.
            models.Index(
                fields=["-returned_at"], name="merchants_payoutaccount_back", condition=Q(returned_at__isnull=False)
            ),
            models.Index(fields=["valid_from"], name="merchants_payoutaccount_from", condition=Q(state="current")),
        ]

    def __str__(self) -> str:
        return f"{self.bank_name} {self.masked}"

    @property
    def masked(self) -> str:
        return f"•••• {self.number_tail}"

    @property
    def number(self) -> str:
        """Return the whole number: for the bank's file only, never for a page or a log."""
        return ciphers.unseal(USE, bytes(self.number_sealed))


class PayoutRun(models.Model):
    """Payouts that are decided in one go and leave in one file."""

    class State(models.TextChoices):
        PROPOSED = "proposed", _("Waiting for the second person")
        APPROVED = "approved", _("Approved")
        REFUSED = "refused", _("Refused")
        FILED = "filed", _("Handed to the bank")
        # Translators: 无可付款
        EMPTY = "empty", _("Nobody could be paid")

    state = models.CharField(_("state"), max_length=8, choices=State, default=State.PROPOSED)
    state_since = models.DateTimeField(_("in this state since"))
    # All payouts up to this number that are still proposed when the second person says yes.
    through = models.BigIntegerField(_("payouts up to"))
    payouts = models.IntegerField(_("payouts"))
    amount_fen = models.BigIntegerField(_("amount"))
    approval = models.OneToOneField(
        "alliance.Approval", models.PROTECT, null=True, related_name="+", verbose_name=_("approval")
    )
    bank_format = models.CharField(_("bank format"), max_length=20, default="", blank=True)
    filed_on = models.DateField(_("day of the file"), null=True)
    content = models.BinaryField(_("file"), null=True)
    digest = models.CharField(_("SHA-256 of the file"), max_length=64, default="", blank=True)

    class Meta:
        # Translators: 付款批次
        verbose_name = _("payout run")
        verbose_name_plural = _("payout runs")
        constraints = [
            models.CheckConstraint(
                name="merchants_payoutrun_filed_has_a_file",
                condition=Q(state="filed", content__isnull=False, filed_on__isnull=False)
                | (~Q(state="filed") & Q(content__isnull=True, filed_on__isnull=True)),
            ),
        ]

    def __str__(self) -> str:
        return f"PR{self.pk}"


class PayoutLine(models.Model):
    """One line of a payout file: which payout goes to which account, and the code that comes back on the statement."""

    run = models.ForeignKey(PayoutRun, models.PROTECT, related_name="lines", verbose_name=_("payout run"))
    payout = models.OneToOneField("points.Payout", models.PROTECT, related_name="+", verbose_name=_("payout"))
    payout_account = models.ForeignKey(
        PayoutAccount, models.PROTECT, related_name="lines", verbose_name=_("payout account")
    )
    code = models.CharField(_("code"), max_length=24)
    amount_fen = models.BigIntegerField(_("amount"))

    class Meta:
        verbose_name = _("line of a payout file")
        verbose_name_plural = _("lines of payout files")
        constraints = [models.UniqueConstraint(name="merchants_payoutline_code_once", fields=["code"])]

    def __str__(self) -> str:
        return self.code


class DisputeQuerySet(models.QuerySet["Dispute"]):
    def open(self) -> DisputeQuerySet:
        return self.filter(state=Dispute.State.OPEN)

    def visible_to(self, user: User) -> DisputeQuerySet:
        from merchants.models.merchant import Merchant

        return self.filter(merchant__in=Merchant.objects.visible_to(user))


class Dispute(models.Model):
    """An amount of a statement that is contested. It lies apart in the book until two people have decided."""

    class State(models.TextChoices):
        OPEN = "open", _("Open")
        # Translators: 已退还商户
        RETURNED = "returned", _("Given back to the merchant")
        # Translators: 已判给对方
        AWARDED = "awarded", _("Given to the other side")

    merchant = models.ForeignKey(
        "merchants.Merchant", models.PROTECT, related_name="disputes", verbose_name=_("merchant"), db_index=False
    )
    statement = models.ForeignKey("points.Statement", models.PROTECT, related_name="+", verbose_name=_("statement"))
    retention = models.OneToOneField("points.Retention", models.PROTECT, related_name="+")
    # The receipt or row that it is about, if it is about one.
    journal_id = models.BigIntegerField(_("journal"), null=True, blank=True)
    amount_fen = models.BigIntegerField(_("contested amount"))
    reason = models.CharField(_("reason"), max_length=200)
    state = models.CharField(_("state"), max_length=8, choices=State, default=State.OPEN)
    state_since = models.DateTimeField(_("in this state since"))
    opened_at = models.DateTimeField(_("opened at"))
    opened_by = models.CharField(_("opened by"), max_length=40)
    approval = models.ForeignKey(
        "alliance.Approval", models.PROTECT, null=True, related_name="+", verbose_name=_("approval")
    )

    objects = DisputeQuerySet.as_manager()

    class Meta:
        # Translators: 争议
        verbose_name = _("dispute")
        verbose_name_plural = _("disputes")
        indexes = [
            models.Index(fields=["merchant", "-opened_at"], name="merchants_dispute_of"),
            models.Index(fields=["opened_at", "id"], name="merchants_dispute_open", condition=Q(state="open")),
        ]
        constraints = [
            models.CheckConstraint(name="merchants_dispute_amount_is_positive", condition=Q(amount_fen__gt=0)),
        ]

    def __str__(self) -> str:
        return f"D{self.pk} ¥{yuan(self.amount_fen)}"

    @property
    def is_withdrawn(self) -> bool:
        """Whether the merchant took it back: then nobody had decided."""
        return self.state == self.State.RETURNED and self.approval_id is None

    @property
    def owed_fen(self) -> int:
        """Return what of an award the merchant's next proceeds have still to bring."""
        if self.state != self.State.AWARDED or not self.retention.owed_fen:
            return 0
        return sum(rest.wanted_fen - rest.held_fen for rest in self.retention.rests.open())

    @property
    def waits_fen(self) -> int:
        """Return what the next clearing has still to set apart."""
        open_ = self.state == self.State.OPEN
        return self.retention.wanted_fen - self.retention.held_fen if open_ else 0
