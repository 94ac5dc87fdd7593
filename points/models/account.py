"""Who holds what: wallets of members, accounts of everybody else. Accounts do not know their holders."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.db import models
from django.db.models.functions import Coalesce
from django.utils.translation import gettext_lazy as _

from points.models.stripe import Allowance


class WalletQuerySet(models.QuerySet["Wallet"]):
    def frozen(self) -> WalletQuerySet:
        return self.filter(frozen_at__isnull=False)


class Wallet(models.Model):
    """A member's points. `balance` includes what is pending and held; only the posting functions change it."""

    id = models.BigAutoField(primary_key=True)
    balance = models.BigIntegerField(_("balance"), default=0)
    pending = models.BigIntegerField(_("pending"), default=0)
    held = models.BigIntegerField(_("held"), default=0)
    # Reward credit (G8): what kept sales allow others to give, and what others have given.
    credit = models.BigIntegerField(_("reward credit earned"), default=0)
    rewarded = models.BigIntegerField(_("rewards given by others"), default=0)
    seq = models.BigIntegerField(default=0)
    last_at = models.DateTimeField(_("last movement"), null=True)
    tier = models.SmallIntegerField(_("tier"), default=0)
    frozen_at = models.DateTimeField(_("frozen at"), null=True, blank=True)
    opened_at = models.DateTimeField(_("opened at"))

    objects = WalletQuerySet.as_manager()

    class Meta:
        db_table = "points_wallet"
        verbose_name = _("wallet")
        verbose_name_plural = _("wallets")

    def __str__(self) -> str:
        return f"W{self.pk}"

    @property
    def bucket(self) -> int:
        """Batches are formed by it: two calls of different buckets never wait for each other at a wallet."""
        return self.pk % 64

    @property
    def available(self) -> int:
        """What may be spent now."""
        return self.balance - self.held - self.pending


class AccountQuerySet(models.QuerySet["Account"]):
    def floats(self) -> AccountQuerySet:
        return self.filter(kind=Account.Kind.FLOAT)

    def budgets(self) -> AccountQuerySet:
        return self.filter(kind=Account.Kind.BUDGET)

    def of_float(self, float_id: int) -> AccountQuerySet:
        return self.filter(float_id=float_id)

    def with_money(self) -> Any:
        """Add `money`: what the account has, the allowances of a striped float included."""
        beside = Allowance.objects.filter(float_id=models.OuterRef("pk")).order_by().values("float_id")
        parts = models.Subquery(beside.values(fen=models.Sum("balance")), output_field=models.BigIntegerField())
        return self.annotate(money=models.F("balance") + Coalesce(parts, 0))

    def money(self) -> dict[int, int]:
        """Return what each of the accounts has now."""
        return dict(self.with_money().values_list("pk", "money"))


class Account(models.Model):
    """An account of a merchant, a centre or the house. Collecting kinds are as far as the last roll-up."""

    class Kind(models.IntegerChoices):
        # Translators: 托管户（银行账户镜像）
        CUSTODY = 1, _("custody")
        # Translators: 待认领款
        SUSPENSE = 2, _("suspense")
        # Translators: 备付金
        FLOAT = 3, _("float")
        # Translators: 应收款
        PROCEEDS = 4, _("proceeds")
        # Translators: 待分配让利
        REST = 5, _("rest to be split")
        # Translators: 待结核销服务费
        FEE_REST = 6, _("spending fees held back")
        # Translators: 服务中心
        CENTRE = 7, _("service centre")
        # Translators: 运营费
        FEE = 8, _("operating fee")
        # Translators: 缓冲金
        BUFFER = 9, _("buffer")
        # Translators: 过期沉淀
        BREAKAGE = 10, _("breakage")
        # Translators: 活动预算
        BUDGET = 11, _("budget")
        # Translators: 商户促销金
        PROMO = 12, _("promotion credit")
        # Translators: 付款在途
        IN_PAYOUT = 13, _("in payout")
        # Translators: 争议留存
        RETAINED = 14, _("retained amount")
        # Translators: 盈余
        SURPLUS = 15, _("surplus")

    LIVE = (
        Kind.CUSTODY, Kind.SUSPENSE, Kind.FLOAT, Kind.BUDGET, Kind.PROMO, Kind.IN_PAYOUT, Kind.RETAINED, Kind.SURPLUS
    )  # fmt: skip

    id = models.BigAutoField(primary_key=True)
    kind = models.SmallIntegerField(_("kind"), choices=Kind.choices)
    owner_no = models.BigIntegerField(_("owner's number"), default=0)
    title = models.CharField(_("title"), max_length=120, default="", blank=True)
    float = models.ForeignKey("self", models.PROTECT, null=True, related_name="+", verbose_name=_("float"))
    terms = models.ForeignKey("points.Terms", models.PROTECT, null=True, related_name="+", verbose_name=_("terms"))
    centre = models.ForeignKey("self", models.PROTECT, null=True, related_name="+", verbose_name=_("service centre"))
    # The row alone: `money` is what the account has.
    balance = models.BigIntegerField(_("balance"), default=0)
    stripes = models.SmallIntegerField(_("allowances"), default=0)
    closed_on = models.DateField(_("closed through"), null=True)
    opened_at = models.DateTimeField(_("opened at"))

    objects = AccountQuerySet.as_manager()

    class Meta:
        db_table = "points_account"
        verbose_name = _("account")
        verbose_name_plural = _("accounts")

    def __str__(self) -> str:
        return f"A{self.pk} {self.title or self.get_kind_display()}"

    @property
    def is_live(self) -> bool:
        return self.kind in self.LIVE


class TermsQuerySet(models.QuerySet["Terms"]):
    def in_force(self, at: datetime) -> TermsQuerySet:
        return self.filter(models.Q(valid_to__isnull=True) | models.Q(valid_to__gt=at), valid_from__lte=at)


class Terms(models.Model):
    """One version of an agreement, as far as the book must know it. The shares are parts of the rebate."""

    float = models.ForeignKey(Account, models.PROTECT, related_name="+", verbose_name=_("float"))
    proceeds = models.ForeignKey(Account, models.PROTECT, related_name="+", verbose_name=_("proceeds"))
    fee_rest = models.ForeignKey(Account, models.PROTECT, related_name="+", verbose_name=_("spending fees held back"))
    promo = models.ForeignKey(Account, models.PROTECT, related_name="+", verbose_name=_("promotion credit"))
    version = models.IntegerField(_("version"))
    rate_bps = models.IntegerField(_("rate"))
    member_bps = models.IntegerField(_("member's share"))
    fee_bps = models.IntegerField(_("fee share"))
    centre_bps = models.IntegerField(_("centre's share"))
    promo_bps = models.IntegerField(_("promotion share"))
    spend_fee_bps = models.IntegerField(_("spending fee"))
    spend_share_bps = models.IntegerField(_("largest share of a bill in points"))
    matures_days = models.SmallIntegerField(_("days until points mature"))
    holdback_days = models.SmallIntegerField(_("days of hold-back"))
    valid_from = models.DateTimeField(_("valid from"))
    valid_to = models.DateTimeField(_("valid to"), null=True)

    objects = TermsQuerySet.as_manager()

    class Meta:
        db_table = "points_terms"
        verbose_name = _("terms")
        verbose_name_plural = _("terms")

    def __str__(self) -> str:
        return f"T{self.pk} v{self.version}"

    @property
    def buffer_bps(self) -> int:
        return 10_000 - self.member_bps - self.fee_bps - self.centre_bps - self.promo_bps
