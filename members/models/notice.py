"""What a member is told, as facts: the words are made when somebody reads them, in the reader's language."""

from __future__ import annotations

from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _


class NoticeQuerySet(models.QuerySet["Notice"]):
    def unread(self) -> NoticeQuerySet:
        return self.filter(read_at__isnull=True)

    def newest_first(self) -> NoticeQuerySet:
        return self.order_by("-created_at", "lapses_on", "-pk")


class Notice(models.Model):
    """So many points could be used until that day: told once for each member, day and distance, whatever runs twice."""

    class Code(models.TextChoices):
        # Translators: 积分即将到期
        LAPSING = "lapsing", _("points expire soon")

    # No index of its own: the constraint below begins with it, and a member has a few dozen of these.
    member = models.ForeignKey(
        "members.Member", models.CASCADE, related_name="notices", db_index=False, verbose_name=_("member")
    )
    code = models.CharField(_("about"), max_length=20, choices=Code)
    lapses_on = models.DateField(_("lapses on"))
    # 60, 30 or 7: which of the three it is. It may have been told later than that, never earlier.
    days_ahead = models.SmallIntegerField(_("days ahead"))
    points = models.BigIntegerField(_("points"))
    created_at = models.DateTimeField(_("created at"))
    read_at = models.DateTimeField(_("read at"), null=True, blank=True)

    objects = NoticeQuerySet.as_manager()

    class Meta:
        verbose_name = _("notice")
        verbose_name_plural = _("notices")
        # Old notices are swept by day.
        indexes = [models.Index(fields=["lapses_on"], name="members_notice_lapses")]
        constraints = [
            models.UniqueConstraint(
                name="members_notice_told_once", fields=["member", "code", "lapses_on", "days_ahead"]
            ),
            models.CheckConstraint(name="members_notice_of_something", condition=Q(points__gt=0, days_ahead__gt=0)),
            models.CheckConstraint(
                name="members_notice_read_after_it_came",
                condition=Q(read_at__isnull=True) | Q(read_at__gte=F("created_at")),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.code} {self.lapses_on}"


class MutedNotice(models.Model):
    """This member does not want notices of this kind; without a row they come."""

    member = models.ForeignKey(
        "members.Member", models.CASCADE, related_name="muted", db_index=False, verbose_name=_("member")
    )
    code = models.CharField(_("about"), max_length=20, choices=Notice.Code)
    since = models.DateTimeField(_("since"))

    class Meta:
        verbose_name = _("notice switched off")
        verbose_name_plural = _("notices switched off")
        constraints = [models.UniqueConstraint(name="members_muted_once", fields=["member", "code"])]

    def __str__(self) -> str:
        return self.code
