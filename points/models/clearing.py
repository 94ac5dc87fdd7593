"""What the roll-up and the daily close keep, and the lines of the bank."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _

from points.models.account import Account


class AccountDay(models.Model):
    """Running totals of an account by accounting day and day of release; kept by the roll-up."""

    pk = models.CompositePrimaryKey("account_id", "booked_on", "due_on")
    account_id = models.BigIntegerField()
    booked_on = models.DateField()
    due_on = models.DateField()
    amount = models.BigIntegerField()
    n = models.BigIntegerField()

    class Meta:
        db_table = "points_account_day"
        verbose_name = _("day of an account")
        verbose_name_plural = _("days of accounts")

    def __str__(self) -> str:
        return f"{self.account_id} {self.booked_on}: {self.amount}"


class Mark(models.Model):
    """A transaction id below which everything has been taken. Reset it (and what it keeps) after a logical restore."""

    name = models.CharField(max_length=20, primary_key=True)
    xid = models.BigIntegerField()
    moved_at = models.DateTimeField()

    class Meta:
        db_table = "points_mark"
        verbose_name = _("watermark")
        verbose_name_plural = _("watermarks")

    def __str__(self) -> str:
        return self.name


class Split(models.Model):
    """What the closes have posted out of a collecting account so far: fee + centre + promo + buffer = total."""

    account = models.OneToOneField(Account, models.PROTECT, primary_key=True, related_name="+")
    total = models.BigIntegerField(default=0)
    fee = models.BigIntegerField(default=0)
    centre = models.BigIntegerField(default=0)
    promo = models.BigIntegerField(default=0)
    buffer = models.BigIntegerField(default=0)
    closed_on = models.DateField()

    class Meta:
        db_table = "points_split"
        verbose_name = _("split")
        verbose_name_plural = _("splits")

    def __str__(self) -> str:
        return f"{self.pk}: {self.total}"


class BankLineQuerySet(models.QuerySet["BankLine"]):
    def waiting(self) -> BankLineQuerySet:
        return self.filter(allotted_to__isnull=True)


class BankLine(models.Model):
    """A line of the bank's statement, unique by the bank's serial number. Waits in suspense until it is allotted."""

    bank = models.CharField(_("bank"), max_length=40)
    account = models.CharField(_("account"), max_length=40)
    serial = models.CharField(_("serial number"), max_length=80)
    amount_fen = models.BigIntegerField(_("amount"))
    value_on = models.DateField(_("value date"))
    payer = models.CharField(_("payer"), max_length=120, default="", blank=True)
    memo = models.CharField(_("memo"), max_length=200, default="", blank=True)
    received_at = models.DateTimeField(_("received at"))
    journal_id = models.BigIntegerField(_("journal"))
    allotted_to = models.ForeignKey(Account, models.PROTECT, null=True, related_name="+", verbose_name=_("allotted to"))
    allotted_at = models.DateTimeField(_("allotted at"), null=True)
    allot_journal_id = models.BigIntegerField(null=True)

    objects = BankLineQuerySet.as_manager()

    class Meta:
        db_table = "points_bank_line"
        verbose_name = _("bank line")
        verbose_name_plural = _("bank lines")

    def __str__(self) -> str:
        return f"{self.bank} {self.serial}"
