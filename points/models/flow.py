"""What moved in wallets, summed by accounting day: behind the roll-forward, the breakage curve and the circulation."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _


class FlowDay(models.Model):
    """Points of one day, class, cohort and origin; signed by what they did to the wallets (points/sql/flow.sql)."""

    class Class(models.IntegerChoices):
        # Translators: 与会员积分无关
        NONE = 0, _("not in wallets")
        # Translators: 发放
        ISSUED = 1, _("issued")
        # Translators: 使用
        SPENT = 2, _("spent")
        # Translators: 过期
        EXPIRED = 3, _("expired")
        # Translators: 调整
        ADJUSTED = 4, _("adjusted")
        # Translators: 退回出资方
        RETURNED = 5, _("returned to its funder")

    class Origin(models.IntegerChoices):
        # Translators: 不适用
        UNKNOWN = 0, _("no merchant gave it")
        # Translators: 在得积分的商户使用
        SAME = 1, _("where it was earned")
        # Translators: 在别家使用
        ELSEWHERE = 2, _("elsewhere")

    id = models.BigAutoField(primary_key=True)
    booked_on = models.DateField(_("accounting day"))
    flow = models.SmallIntegerField(_("class"), choices=Class.choices, db_column="class")
    # Translators: 冲回
    is_back = models.BooleanField(_("taken or given back"))
    # Translators: 到期批次
    cohort_on = models.DateField(_("expires with"))
    # Translators: 来源
    origin = models.SmallIntegerField(_("origin"), choices=Origin.choices)
    points = models.BigIntegerField(_("points"))
    n = models.BigIntegerField(_("rows"))

    class Meta:
        db_table = "points_flow_day"
        # Translators: 积分流量
        verbose_name = _("flow of a day")
        verbose_name_plural = _("flows of points")

    def __str__(self) -> str:
        return f"{self.booked_on} {self.get_flow_display()}"
