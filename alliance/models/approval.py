"""Decisions that need two people: one row type for everything."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

if TYPE_CHECKING:
    from alliance.models.user import User


class ApprovalQuerySet(models.QuerySet["Approval"]):
    def waiting(self) -> ApprovalQuerySet:
        return self.filter(state=Approval.State.WAITING)

    def visible_to(self, user: User) -> ApprovalQuerySet:
        from alliance import access

        return self.filter(unit__in=access.units_of(user))


class Approval(models.Model):
    """Something one person asked for and a second person decides."""

    class State(models.TextChoices):
        WAITING = "waiting", _("Waiting")
        APPROVED = "approved", _("Approved")
        REFUSED = "refused", _("Refused")
        WITHDRAWN = "withdrawn", _("Withdrawn")

    kind = models.CharField(_("kind"), max_length=60)
    subject = models.CharField(_("subject"), max_length=60)
    facts = models.JSONField(_("facts"), default=dict)
    unit = models.ForeignKey("alliance.Unit", models.PROTECT, related_name="+", verbose_name=_("unit"))
    state = models.CharField(_("state"), max_length=9, choices=State, default=State.WAITING)
    asked_by = models.ForeignKey("alliance.User", models.PROTECT, related_name="+", verbose_name=_("asked by"))
    asked_at = models.DateTimeField(_("asked at"))
    decided_by = models.ForeignKey(
        "alliance.User", models.PROTECT, null=True, related_name="+", verbose_name=_("decided by")
    )
    decided_at = models.DateTimeField(_("decided at"), null=True)
    reason = models.CharField(_("reason"), max_length=200, blank=True)

    objects = ApprovalQuerySet.as_manager()

    class Meta:
        verbose_name = _("approval")
        verbose_name_plural = _("approvals")
        indexes = [models.Index(fields=["state", "-asked_at"], name="alliance_approval_queue")]
        constraints = [
            models.CheckConstraint(
                name="alliance_approval_by_a_second_person",
                condition=Q(decided_by__isnull=True) | Q(state="withdrawn") | ~Q(decided_by=F("asked_by")),
            ),
            models.CheckConstraint(
                name="alliance_approval_decided_has_a_decider",
                condition=Q(state="waiting", decided_by__isnull=True, decided_at__isnull=True)
                | (~Q(state="waiting") & Q(decided_by__isnull=False, decided_at__isnull=False)),
            ),
            models.UniqueConstraint(
                name="alliance_approval_one_waiting_per_subject",
                fields=["kind", "subject"],
                condition=Q(state="waiting"),
            ),
        ]

    def __str__(self) -> str:
        return f"#{self.pk}"
