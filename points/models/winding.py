"""The closing mode: who stops, until when points can be spent, and that they went back to their funders (row 37)."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _


class Winding(models.Model):
    """One closing mode of the alliance, of a region or of a merchant."""

    class Scope(models.IntegerChoices):
        # Translators: 整个联盟
        ALLIANCE = 1, _("the alliance")
        # Translators: 一个区域（若干商户）
        REGION = 2, _("a region: some merchants")
        # Translators: 一家商户
        MERCHANT = 3, _("one merchant")

    id = models.BigAutoField(primary_key=True)
    # Translators: 范围
    scope = models.SmallIntegerField(_("scope"), choices=Scope.choices)
    title = models.CharField(_("title"), max_length=120)
    # Translators: 停止发放日（当天仍可发放）
    issue_ends_on = models.DateField(_("last day of issue"))
    # Translators: 最后可用日
    spend_ends_on = models.DateField(_("last day of spending"))
    approval_id = models.BigIntegerField()
    decided_at = models.DateTimeField(_("decided at"))
    actor = models.CharField(_("actor"), max_length=40)
    # Translators: 清退完成时间
    ended_at = models.DateTimeField(_("ended at"), null=True)

    class Meta:
        db_table = "points_winding"
        # Translators: 停业清退
        verbose_name = _("closing mode")
        verbose_name_plural = _("closing modes")

    def __str__(self) -> str:
        return self.title


class WindingFloat(models.Model):
    """A merchant of a closing mode."""

    pk = models.CompositePrimaryKey("winding_id", "float_id")
    winding_id = models.BigIntegerField()
    float_id = models.BigIntegerField()

    class Meta:
        db_table = "points_winding_float"
        verbose_name = _("merchant of a closing mode")
        verbose_name_plural = _("merchants of closing modes")

    def __str__(self) -> str:
        return f"{self.winding_id} {self.float_id}"
