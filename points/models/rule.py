"""Earning rules and their versions. A version that was decided never changes: a trigger keeps it, not a habit."""

from __future__ import annotations

import hashlib
import json
from datetime import datetime

from django.contrib.postgres.constraints import ExclusionConstraint
from django.contrib.postgres.fields import RangeOperators
from django.db import models
from django.db.models import F, Func, Q, Value
from django.utils.translation import gettext_lazy as _

from points.models.account import Account


class Rule(models.Model):
    """A rule, owned by the account that pays for it: both stay for good, what it says is in its versions."""

    code = models.SlugField(_("code"), max_length=40, unique=True)
    payer = models.ForeignKey(Account, models.PROTECT, related_name="+", verbose_name=_("paid by"))
    opened_at = models.DateTimeField(_("opened at"))

    class Meta:
        # Settings of the application, not history of the book: without the prefix that `grants` keeps to read-only.
        db_table = "rules_rule"
        verbose_name = _("rule")
        verbose_name_plural = _("rules")

    def __str__(self) -> str:
        return self.code


class RuleVersionQuerySet(models.QuerySet["RuleVersion"]):
    def decided(self) -> RuleVersionQuerySet:
        return self.filter(state__in=RuleVersion.DECIDED)

    def in_force(self, at: datetime) -> RuleVersionQuerySet:
        return self.decided().filter(Q(ends_at__isnull=True) | Q(ends_at__gt=at), starts_at__lte=at)

    def from_now(self, at: datetime) -> RuleVersionQuerySet:
        """Return what is in force or will be; what was called off before it began never will."""
        return self.decided().filter(Q(ends_at__isnull=True) | Q(ends_at__gt=at) & Q(ends_at__gt=F("starts_at")))


class RuleVersion(models.Model):
    """One version of a rule: what it says (docs/rules.md) and from when until when (half-open)."""

    class State(models.TextChoices):
        DRAFT = "draft", _("Draft")
        SUBMITTED = "submitted", _("Waiting for a second person")
        APPROVED = "approved", _("Approved")
        LIVE = "live", _("In force")
        ENDED = "ended", _("Ended")

    DECIDED = (State.APPROVED, State.LIVE, State.ENDED)

    rule = models.ForeignKey(Rule, models.PROTECT, related_name="versions", verbose_name=_("rule"))
    version = models.PositiveIntegerField(_("version"))
    definition = models.JSONField(_("definition"))
    state = models.CharField(_("state"), max_length=9, choices=State, default=State.DRAFT)
    state_since = models.DateTimeField(_("in this state since"))
    starts_at = models.DateTimeField(_("from"))
    ends_at = models.DateTimeField(_("until"), null=True, blank=True)
    drafted_by = models.CharField(_("drafted by"), max_length=40)
    submitted_by = models.CharField(_("submitted by"), max_length=40, default="", blank=True)
    approved_by = models.CharField(_("approved by"), max_length=40, default="", blank=True)
    # Rolled back: equal to that version.
    equals_version = models.PositiveIntegerField(_("equal to version"), null=True, blank=True)

    objects = RuleVersionQuerySet.as_manager()

    class Meta:
        db_table = "rules_version"
        verbose_name = _("rule version")
        verbose_name_plural = _("rule versions")
        constraints = [
            models.UniqueConstraint(name="points_ruleversion_once", fields=["rule", "version"]),
            models.UniqueConstraint(
                name="points_ruleversion_one_undecided",
                fields=["rule"],
                condition=Q(state__in=["draft", "submitted"]),
            ),
            models.CheckConstraint(
                name="points_ruleversion_state_is_known",
                condition=Q(state__in=["draft", "submitted", "approved", "live", "ended"]),
            ),
            models.CheckConstraint(
                name="points_ruleversion_ends_after_start",
                condition=Q(ends_at__isnull=True) | Q(ends_at__gte=F("starts_at")),
            ),
            models.CheckConstraint(
                name="points_ruleversion_decided_by_a_second_person",
                condition=Q(state__in=["draft", "submitted"])
                | (~Q(submitted_by="") & ~Q(approved_by="") & ~Q(approved_by=F("submitted_by"))),
            ),
            ExclusionConstraint(
                name="points_ruleversion_one_in_force",
                expressions=[
                    ("rule", RangeOperators.EQUAL),
                    (Func(F("starts_at"), F("ends_at"), Value("[)"), function="tstzrange"), RangeOperators.OVERLAPS),
                ],
                condition=Q(state__in=["approved", "live", "ended"]),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.rule.code} v{self.version}"

    @property
    def is_decided(self) -> bool:
        return self.state in self.DECIDED

    def was_in_force(self, at: datetime) -> bool:
        """Return whether it is in force or was, for however short a time; one that was called off never was."""
        is_whole = self.ends_at is None or self.ends_at > self.starts_at
        return self.is_decided and self.starts_at <= at and is_whole

    @property
    def digest(self) -> str:
        """Return what stands for everything that this version says; its dates and number are not part of it."""
        said = [self.rule.code, self.rule.payer_id, self.definition]
        return hashlib.sha256(json.dumps(said, sort_keys=True, ensure_ascii=False).encode()).hexdigest()
