"""What the roll-up, the daily close and the clearing keep, and the lines of the bank."""

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
    """What the closes have posted out of a collecting account: fee + centre + promo + buffer = total + unpaid."""

    account = models.OneToOneField(Account, models.PROTECT, primary_key=True, related_name="+")
    total = models.BigIntegerField(default=0)
    fee = models.BigIntegerField(default=0)
    centre = models.BigIntegerField(default=0)
    promo = models.BigIntegerField(default=0)
    buffer = models.BigIntegerField(default=0)
    closed_on = models.DateField()
    unpaid = models.BigIntegerField(default=0)
    short = models.BigIntegerField(default=0)

    class Meta:
        db_table = "points_split"
        verbose_name = _("split")
        verbose_name_plural = _("splits")

    def __str__(self) -> str:
        return f"{self.pk}: {self.total}"


class Clearing(models.Model):
    """A clearing day: one run, which may be killed and gone on with."""

    cleared_on = models.DateField(_("clearing day"), primary_key=True)
    started_at = models.DateTimeField(_("started at"))
    finished_at = models.DateTimeField(_("finished at"), null=True)
    minimum_fen = models.BigIntegerField(_("smallest payout"))
    actor = models.CharField(_("actor"), max_length=40)

    class Meta:
        db_table = "points_clearing"
        # Translators: 清算
        verbose_name = _("clearing")
        verbose_name_plural = _("clearings")

    def __str__(self) -> str:
        return f"{self.cleared_on:%Y-%m-%d}"


class StatementQuerySet(models.QuerySet["Statement"]):
    def of_accounts(self, account_ids: list[int]) -> StatementQuerySet:
        return self.filter(account_id__in=account_ids)

    def newest_first(self) -> StatementQuerySet:
        return self.order_by("-clearing_id", "-pk")


class Statement(models.Model):
    """What happened to a merchant's proceeds (or a centre's account) since the statement before, and what was taken.

    opening + proceeds + returned − retained − claims − bills − standing − paid = closing. `points.stated` lists the
    rows of each figure; `mark` and `cleared_on` say which rows belong to it.
    """

    clearing = models.ForeignKey(
        Clearing, models.PROTECT, db_column="cleared_on", related_name="statements", verbose_name=_("clearing day")
    )
    account = models.ForeignKey(Account, models.PROTECT, related_name="+", verbose_name=_("account"))
    since_on = models.DateField(_("statement before"), null=True)
    opening_fen = models.BigIntegerField(_("opening balance"))
    # Translators: 核销收入
    proceeds_fen = models.BigIntegerField(_("points taken, less fees and refunds"))
    # Translators: 退回的付款
    returned_fen = models.BigIntegerField(_("payouts that came back"))
    # Translators: 争议留存
    retained_fen = models.BigIntegerField(_("set apart for disputes"))
    # Translators: 抵扣垫付及欠款
    claims_fen = models.BigIntegerField(_("advances and claims repaid"), default=0)
    # Translators: 抵扣账单
    bills_fen = models.BigIntegerField(_("bills paid"), default=0)
    # Translators: 自动补足备付金
    standing_fen = models.BigIntegerField(_("standing top-up of the float"), default=0)
    # Translators: 应付款
    paid_fen = models.BigIntegerField(_("to be paid out"), default=0)
    closing_fen = models.BigIntegerField(_("closing balance"))
    free_fen = models.BigIntegerField(_("free at that moment"))
    journal_id = models.BigIntegerField(_("journal"))
    mark = models.BigIntegerField()
    xid = models.BigIntegerField()
    booked_at = models.DateTimeField(_("booked at"))

    objects = StatementQuerySet.as_manager()

    class Meta:
        db_table = "points_statement"
        # Translators: 对账单
        verbose_name = _("statement")
        verbose_name_plural = _("statements")

    def __str__(self) -> str:
        return f"{self.clearing_id:%Y-%m-%d} A{self.account_id}"


class PayoutQuerySet(models.QuerySet["Payout"]):
    def open(self) -> PayoutQuerySet:
        return self.filter(state__in=[Payout.State.PROPOSED, Payout.State.APPROVED, Payout.State.SENT])

    def proposed(self) -> PayoutQuerySet:
        return self.filter(state=Payout.State.PROPOSED)


class Payout(models.Model):
    """Money on its way to a bank account. Only the book's functions change its state."""

    class State(models.IntegerChoices):
        # Translators: 待审批
        PROPOSED = 1, _("proposed")
        # Translators: 已批准
        APPROVED = 2, _("approved")
        # Translators: 已提交银行
        SENT = 3, _("handed to the bank")
        # Translators: 已付款
        PAID = 4, _("paid")
        # Translators: 银行退回
        RETURNED = 5, _("returned by the bank")
        # Translators: 已停止
        STOPPED = 6, _("stopped")

    account = models.ForeignKey(Account, models.PROTECT, related_name="+", verbose_name=_("in payout"))
    source = models.ForeignKey(Account, models.PROTECT, related_name="+", verbose_name=_("whose money"))
    statement = models.OneToOneField(
        Statement, models.PROTECT, null=True, related_name="payout", verbose_name=_("statement")
    )
    amount_fen = models.BigIntegerField(_("amount"))
    state = models.SmallIntegerField(_("state"), choices=State.choices, default=State.PROPOSED)
    run_no = models.BigIntegerField(_("payout run"), null=True)
    opened_at = models.DateTimeField(_("proposed at"))
    journal_id = models.BigIntegerField(_("journal"))
    ended_at = models.DateTimeField(_("paid or stopped at"), null=True)
    end_journal_id = models.BigIntegerField(null=True)
    returned_at = models.DateTimeField(_("returned at"), null=True)
    return_journal_id = models.BigIntegerField(null=True)

    objects = PayoutQuerySet.as_manager()

    class Meta:
        db_table = "points_payout"
        # Translators: 付款
        verbose_name = _("payout")
        verbose_name_plural = _("payouts")

    def __str__(self) -> str:
        return f"P{self.pk}"


class RetentionQuerySet(models.QuerySet["Retention"]):
    def open(self) -> RetentionQuerySet:
        return self.filter(decided_at__isnull=True)

    def to_be_paid(self) -> RetentionQuerySet:
        """Return what was awarded before and has come meanwhile, the oldest dispute first."""
        return self.open().filter(root__isnull=False, held_fen__gt=0).order_by("root_id", "pk")


class Retention(models.Model):
    """An amount in dispute: what is contested, and what of it could be set apart so far."""

    source = models.ForeignKey(Account, models.PROTECT, related_name="+", verbose_name=_("whose money"))
    wanted_fen = models.BigIntegerField(_("contested amount"))
    held_fen = models.BigIntegerField(_("set apart so far"))
    opened_at = models.DateTimeField(_("opened at"))
    decided_at = models.DateTimeField(_("decided at"), null=True)
    decided_to = models.ForeignKey(Account, models.PROTECT, null=True, related_name="+", verbose_name=_("goes to"))
    decide_journal_id = models.BigIntegerField(null=True)
    # Of what was awarded to somebody else, what was not there at the decision: it goes on as a retention of its own.
    owed_fen = models.BigIntegerField(_("still owed at the decision"), default=0)
    root = models.ForeignKey(
        "self", models.PROTECT, null=True, related_name="rests", verbose_name=_("first of its dispute")
    )
    awarded_to = models.ForeignKey(Account, models.PROTECT, null=True, related_name="+", verbose_name=_("awarded to"))

    objects = RetentionQuerySet.as_manager()

    class Meta:
        db_table = "points_retention"
        # Translators: 争议留存
        verbose_name = _("retained amount")
        verbose_name_plural = _("retained amounts")

    def __str__(self) -> str:
        return f"R{self.pk}"


class Movement(models.Model):
    """What moved an account that is cleared between two runs, other than trade."""

    class Kind(models.IntegerChoices):
        RETAINED = 1, _("set apart for a dispute")
        RELEASED = 2, _("given back from a dispute")
        STOPPED = 3, _("payout stopped")
        RETURNED = 4, _("payout returned by the bank")
        EMPTIED = 5, _("from the float, on leaving")

    journal_id = models.BigIntegerField(primary_key=True)
    account = models.ForeignKey(Account, models.PROTECT, related_name="+", verbose_name=_("account"))
    kind = models.SmallIntegerField(_("kind"), choices=Kind.choices)
    amount_fen = models.BigIntegerField(_("amount"))
    booked_on = models.DateField(_("accounting day"))
    retention = models.ForeignKey(Retention, models.PROTECT, null=True, related_name="movements")
    payout = models.ForeignKey(Payout, models.PROTECT, null=True, related_name="movements")
    xid = models.BigIntegerField()

    class Meta:
        db_table = "points_movement"
        verbose_name = _("movement between two clearings")
        verbose_name_plural = _("movements between two clearings")

    def __str__(self) -> str:
        return f"J{self.pk}"


class Standing(models.Model):
    """How a merchant is cleared: the float is filled up to an amount first; who leaves is paid whatever is left."""

    float = models.OneToOneField(Account, models.PROTECT, primary_key=True, related_name="+")
    standing_fen = models.BigIntegerField(_("the float is filled up to"), default=0)
    is_leaving = models.BooleanField(_("leaves"), default=False)

    class Meta:
        db_table = "points_standing"
        # Translators: 清算约定
        verbose_name = _("clearing instruction")
        verbose_name_plural = _("clearing instructions")

    def __str__(self) -> str:
        return f"A{self.pk}"


class BankStatement(models.Model):
    """A file of the bank that was booked whole: opening + its lines = closing."""

    bank = models.CharField(_("bank"), max_length=40)
    account = models.CharField(_("account"), max_length=40)
    from_on = models.DateField(_("from"))
    to_on = models.DateField(_("to"))
    opening_fen = models.BigIntegerField(_("opening balance"))
    closing_fen = models.BigIntegerField(_("closing balance"))
    lines = models.IntegerField(_("lines"))
    digest = models.BinaryField(_("SHA-256 of the file"))
    booked_at = models.DateTimeField(_("booked at"))
    actor = models.CharField(_("actor"), max_length=40)

    class Meta:
        db_table = "points_bank_statement"
        # Translators: 银行对账文件
        verbose_name = _("bank statement")
        verbose_name_plural = _("bank statements")

    def __str__(self) -> str:
        return f"{self.bank} {self.to_on:%Y-%m-%d}"


class BankLineQuerySet(models.QuerySet["BankLine"]):
    def waiting(self) -> BankLineQuerySet:
        return self.filter(allotted_to__isnull=True)

    def unknown_debits(self) -> BankLineQuerySet:
        """Return what left the bank for no payout that we know: the fee bears it until somebody finds out why."""
        return self.filter(amount_fen__lt=0, payout__isnull=True, reassigned_at__isnull=True)


class BankLine(models.Model):
    """A line of the bank's statement, unique by account (in its normal form) and the bank's serial number.

    A credit waits in suspense until it is allotted; a debit (below zero) is charged at once: to its payout, or the fee.
    """

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
    # Which file of the bank says so; none as long as it was only typed by hand.
    statement = models.ForeignKey(
        BankStatement, models.PROTECT, null=True, related_name="booked", verbose_name=_("bank statement")
    )
    payout = models.ForeignKey(Payout, models.PROTECT, null=True, related_name="lines", verbose_name=_("payout"))
    # A debit that the fee bore until two people found out whose it was: in payout of a payout, or a float.
    reassigned_to = models.ForeignKey(
        Account, models.PROTECT, null=True, related_name="+", verbose_name=_("charged afterwards to")
    )
    reassigned_at = models.DateTimeField(_("charged afterwards at"), null=True)
    reassign_journal_id = models.BigIntegerField(null=True)
    # Booked a second time, under another spelling, before the book kept one identity for a line.
    is_double = models.BooleanField(_("booked twice"), default=False)

    objects = BankLineQuerySet.as_manager()

    class Meta:
        db_table = "points_bank_line"
        verbose_name = _("bank line")
        verbose_name_plural = _("bank lines")

    def __str__(self) -> str:
        return f"{self.bank} {self.serial}"
