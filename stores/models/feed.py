"""Tills' files and what became of them.

A feed is the caller of its sales in the book: its keys belong to it, so a basket is booked once however often its file
is sent. A run is one reading; it works in lanes, each of which owns some buckets of wallets and keeps its own place,
written in the transaction that books the baskets up to there. So a run may be killed at any moment.
"""

from __future__ import annotations

from django.contrib.postgres.indexes import BrinIndex
from django.db import models
from django.utils.translation import gettext_lazy as _


class Feed(models.Model):
    """A source of baskets: one chain's tills, or a replayed history."""

    id = models.AutoField(primary_key=True)
    code = models.SlugField(_("code"), max_length=40, unique=True)
    title = models.CharField(_("title"), max_length=80)
    moved_days = models.IntegerField(_("dates moved by days"), default=0)
    created_at = models.DateTimeField(_("created"))
    is_synthetic = models.BooleanField(_("synthetic"), default=False)

    class Meta:
        verbose_name = _("feed")  # Translators: 数据源
        verbose_name_plural = _("feeds")

    def __str__(self) -> str:
        return self.title


class FeedRun(models.Model):
    """One reading of a feed, from its first basket to its last."""

    class State(models.TextChoices):
        OPEN = "open", _("running")  # Translators: 进行中
        DONE = "done", _("done")  # Translators: 已完成
        ABANDONED = "abandoned", _("abandoned")  # Translators: 已放弃

    id = models.AutoField(primary_key=True)
    feed = models.ForeignKey(Feed, models.PROTECT, related_name="runs", verbose_name=_("feed"))
    scope = models.JSONField(_("scope"), default=dict)
    state = models.CharField(_("state"), max_length=12, choices=State.choices, default=State.OPEN)
    baskets_expected = models.PositiveIntegerField(_("baskets expected"))
    started_at = models.DateTimeField(_("started"))
    ended_at = models.DateTimeField(_("ended"), null=True, blank=True)

    class Meta:
        verbose_name = _("feed run")  # Translators: 数据源读取
        verbose_name_plural = _("feed runs")
        constraints = [
            models.UniqueConstraint(
                name="stores_feedrun_one_open_per_feed", fields=["feed"], condition=models.Q(state="open")
            ),
            models.CheckConstraint(
                name="stores_feedrun_ended_when_not_open",
                condition=models.Q(state__in=["done", "abandoned"], ended_at__isnull=False)
                | models.Q(state="open", ended_at__isnull=True),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.feed_id}/{self.pk}"


class FeedLane(models.Model):
    """How far one lane of a run has come. position: the number in the file of the last row that is settled.

    moved_at: when it last got on; the youngest of a run is the run's heartbeat.
    """

    id = models.AutoField(primary_key=True)
    run = models.ForeignKey(FeedRun, models.CASCADE, related_name="lanes", verbose_name=_("run"))
    number = models.PositiveSmallIntegerField(_("number"))
    position = models.PositiveBigIntegerField(_("position"), default=0)
    moved_at = models.DateTimeField(_("got on"), null=True, blank=True)  # Translators: 最近推进
    baskets = models.PositiveIntegerField(_("baskets"), default=0)
    repeated = models.PositiveIntegerField(_("baskets known already"), default=0)
    without_points = models.PositiveIntegerField(_("baskets without points"), default=0)
    lines = models.PositiveIntegerField(_("lines"), default=0)
    value_fen = models.PositiveBigIntegerField(_("sales in fen"), default=0)
    points = models.PositiveBigIntegerField(_("points"), default=0)
    refused_baskets = models.PositiveIntegerField(_("baskets refused"), default=0)
    refused_lines = models.PositiveIntegerField(_("lines refused"), default=0)

    class Meta:
        verbose_name = _("lane of a feed run")
        verbose_name_plural = _("lanes of feed runs")
        constraints = [
            models.UniqueConstraint(name="stores_feedlane_number_once_per_run", fields=["run", "number"]),
        ]

    def __str__(self) -> str:
        return f"{self.run_id}/{self.number}"


class FeedRefusal(models.Model):
    """A line that was not counted, or a basket that the book did not take, and why."""

    class Reason(models.TextChoices):
        PRODUCT_UNKNOWN = "product_unknown", _("unknown product")  # Translators: 未知商品
        DEPARTMENT_EXCLUDED = "department_excluded", _("department earns nothing")  # Translators: 部门不参与积分
        QUANTITY_NOT_POSITIVE = "quantity_not_positive", _("quantity not above zero")  # Translators: 数量不大于零
        VALUE_NOT_POSITIVE = "value_not_positive", _("value not above zero")  # Translators: 金额不大于零
        HOLDER_UNKNOWN = "holder_unknown", _("unknown member")  # Translators: 未知会员
        BOOK_REFUSED = "book_refused", _("refused by the book")  # Translators: 账本拒绝

    id = models.BigAutoField(primary_key=True)
    feed = models.ForeignKey(Feed, models.PROTECT, related_name="refusals", verbose_name=_("feed"))
    run = models.ForeignKey(FeedRun, models.CASCADE, related_name="refusals", verbose_name=_("run"))
    row = models.PositiveBigIntegerField(_("row"))
    basket = models.CharField(_("basket"), max_length=40)
    product = models.CharField(_("product"), max_length=32, blank=True)
    reason = models.CharField(_("reason"), max_length=24, choices=Reason.choices)
    detail = models.CharField(_("detail"), max_length=80, blank=True)

    class Meta:
        verbose_name = _("refused line")  # Translators: 被拒行
        verbose_name_plural = _("refused lines")
        constraints = [
            models.UniqueConstraint(name="stores_feedrefusal_row_once_per_run", fields=["run", "row"]),
        ]

    def __str__(self) -> str:
        return f"{self.row}: {self.reason}"


class BasketLine(models.Model):
    """What one line of a sale was: kept for refunds by line, back-tests and forecasts.

    Written in bulk (1.4 million lines a year for one small chain), so it is narrow: whole numbers, no foreign key that
    the database would look up for each row. The feed knows the store and product that it names, and `sale_id` is the
    book's. Time order on disk is what BRIN needs.
    """

    pk = models.CompositePrimaryKey("sale_id", "line")
    sale_id = models.BigIntegerField(_("sale"))
    wallet_id = models.BigIntegerField(_("wallet"))
    sold_at = models.DateTimeField(_("sold"))
    store = models.ForeignKey(
        "stores.Store", models.PROTECT, related_name="+", db_constraint=False, db_index=False, verbose_name=_("store")
    )
    product = models.ForeignKey(
        "stores.Product",
        models.PROTECT,
        related_name="+",
        db_constraint=False,
        db_index=False,
        verbose_name=_("product"),
    )
    quantity = models.IntegerField(_("quantity"))
    value_fen = models.IntegerField(_("value in fen"))
    discount_fen = models.IntegerField(_("discount in fen"))
    line = models.SmallIntegerField(_("line"))

    class Meta:
        verbose_name = _("basket line")  # Translators: 小票明细
        verbose_name_plural = _("basket lines")
        indexes = [BrinIndex(name="stores_basketline_sold", fields=["sold_at"], pages_per_range=32)]
        constraints = [
            models.CheckConstraint(
                name="stores_basketline_sold_something",
                condition=models.Q(quantity__gt=0) & models.Q(value_fen__gt=0),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.sale_id}/{self.line}"
