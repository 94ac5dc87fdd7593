"""The diary: what happened that moved no money."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.db import models
from django.utils.translation import gettext_lazy as _

if TYPE_CHECKING:
    from alliance.models.user import User


class EventQuerySet(models.QuerySet["Event"]):
    def of(self, subject: str) -> EventQuerySet:
        return self.filter(subject=subject)

    def visible_to(self, user: User) -> EventQuerySet:
        """Return the events of the user's units; those of no unit are for the top of the tree."""
        from alliance import access

        if access.is_at_the_top(user):
            return self.all()
        return self.filter(unit__in=access.units_of(user))


class Event(models.Model):
    """One act, written in its own transaction, never changed: verb, subject, actor, at, facts."""

    id = models.BigAutoField(primary_key=True)
    verb = models.CharField(_("verb"), max_length=60)
    subject = models.CharField(_("subject"), max_length=60)
    actor = models.CharField(_("actor"), max_length=40)
    at = models.DateTimeField(_("at"))
    # No personal data: ids, codes, amounts.
    facts = models.JSONField(_("facts"), default=dict)
    # The unit whose staff may read it; null: headquarters only.
    unit = models.ForeignKey(
        "alliance.Unit",
        models.PROTECT,
        null=True,
        blank=True,
        related_name="+",
        verbose_name=_("unit"),
        # The index below begins with it; so elsewhere.
        db_index=False,
    )
    # The writing transaction, for the cursor of reactions: ids commit out of order, transaction ids below xmin cannot.
    xid = models.BigIntegerField(db_default=models.expressions.RawSQL("pg_current_xact_id()::text::bigint", ()))

    objects = EventQuerySet.as_manager()

    class Meta:
        verbose_name = _("event")
        verbose_name_plural = _("events")
        indexes = [
            models.Index(fields=["subject", "-id"], name="alliance_event_subject"),
            models.Index(fields=["verb", "-id"], name="alliance_event_verb"),
            models.Index(fields=["actor", "-id"], name="alliance_event_actor"),
            models.Index(fields=["unit", "-id"], name="alliance_event_unit"),
            models.Index(fields=["xid", "id"], name="alliance_event_xid"),
        ]

    def __str__(self) -> str:
        return f"#{self.pk}"


class ReactionMark(models.Model):
    """How far one reaction has read the diary: all events of transactions below `xid` are done."""

    name = models.CharField(max_length=200, primary_key=True)
    xid = models.BigIntegerField(default=0)
    moved_at = models.DateTimeField(null=True)

    class Meta:
        verbose_name = _("reaction mark")
        verbose_name_plural = _("reaction marks")

    def __str__(self) -> str:
        return self.name
