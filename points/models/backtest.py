"""Back-tests of rule versions: what a draft would have given, kept with the version that it was made of."""

from __future__ import annotations

from datetime import date, datetime, timedelta

from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from points.models.rule import RuleVersion


class BacktestQuerySet(models.QuerySet["Backtest"]):
    def running(self) -> BacktestQuerySet:
        return self.filter(state=Backtest.State.RUNNING)

    def of_content(self, version: RuleVersion) -> BacktestQuerySet:
        """Return the finished ones of just what this version says, the newest first."""
        done = self.filter(version__rule=version.rule_id, digest=version.digest, state=Backtest.State.DONE)
        return done.order_by("-state_since", "-pk")

    def fresh(self, version: RuleVersion, at: datetime) -> BacktestQuerySet:
        return self.of_content(version).filter(state_since__gte=at - Backtest.VALID)


class Backtest(models.Model):
    """One run over a period of history: the rules in force, and the same with this version in its place."""

    class State(models.TextChoices):
        RUNNING = "running", _("Running")
        DONE = "done", _("Done")
        FAILED = "failed", _("Failed")
        CANCELLED = "cancelled", _("Cancelled")

    # So old may a back-test be when its version is handed in.
    VALID = timedelta(days=30)

    version = models.ForeignKey(RuleVersion, models.PROTECT, related_name="backtests", verbose_name=_("rule version"))
    # Of what the version said then: a draft that was changed needs another one.
    digest = models.CharField(_("digest"), max_length=64)
    days = models.PositiveSmallIntegerField(_("days"))
    first_on = models.DateField(_("first day"))
    last_on = models.DateField(_("last day"))
    state = models.CharField(_("state"), max_length=9, choices=State, default=State.RUNNING)
    state_since = models.DateTimeField(_("in this state since"))
    job = models.ForeignKey("alliance.Job", models.PROTECT, related_name="+", verbose_name=_("job"))
    asked_by = models.CharField(_("asked by"), max_length=40)
    asked_at = models.DateTimeField(_("asked at"))
    receipts = models.BigIntegerField(_("receipts"), default=0)
    touched = models.BigIntegerField(_("receipts touched"), default=0)
    points_before = models.BigIntegerField(_("points by the rules in force"), default=0)
    points_after = models.BigIntegerField(_("points with the draft"), default=0)
    result = models.JSONField(_("result"), default=dict)

    objects = BacktestQuerySet.as_manager()

    class Meta:
        db_table = "rules_backtest"
        verbose_name = _("back-test")  # Translators: 回测
        verbose_name_plural = _("back-tests")
        constraints = [
            models.UniqueConstraint(
                name="points_backtest_one_running", fields=["version"], condition=Q(state="running")
            ),
            models.CheckConstraint(
                name="points_backtest_state_is_known",
                condition=Q(state__in=["running", "done", "failed", "cancelled"]),
            ),
            models.CheckConstraint(name="points_backtest_days_in_order", condition=Q(last_on__gte=F("first_on"))),
        ]

    def __str__(self) -> str:
        return f"{self.version} · {self.first_on} – {self.last_on}"

    @property
    def added(self) -> int:
        """Points that the alliance would owe on top; as many fen."""
        return self.points_after - self.points_before

    def day(self, name: str, key: str) -> date | None:
        """Return the day on which a budget (used_up) or an account (empty) would have come to its end."""
        found = self.result.get(name, {}).get(key)
        return date.fromisoformat(found) if found else None


class BacktestRow(models.Model):
    """What one merchant, tier, trade, payer, rule or day came to (points.calc.backtest.Figures)."""

    backtest = models.ForeignKey(Backtest, models.CASCADE, related_name="rows", db_index=False)
    part = models.CharField(max_length=8)
    key = models.CharField(max_length=64)
    receipts = models.BigIntegerField()
    touched = models.BigIntegerField()
    before = models.BigIntegerField()
    after = models.BigIntegerField()
    own_before = models.BigIntegerField()
    own_after = models.BigIntegerField()
    better = models.BigIntegerField()
    worse = models.BigIntegerField()
    difference = models.GeneratedField(
        expression=F("after") - F("before"), output_field=models.BigIntegerField(), db_persist=True
    )

    class Meta:
        db_table = "rules_backtest_row"
        verbose_name = _("line of a back-test")
        verbose_name_plural = _("lines of back-tests")
        constraints = [
            models.UniqueConstraint(name="points_backtestrow_once", fields=["backtest", "part", "key"]),
        ]
        indexes = [models.Index(fields=["backtest", "part", "difference"], name="points_backtestrow_moved")]

    def __str__(self) -> str:
        return f"{self.part} {self.key}"
