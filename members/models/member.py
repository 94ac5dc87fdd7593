"""Members: the only noun that joins a person to a wallet."""

from __future__ import annotations

from datetime import datetime

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _


class MemberQuerySet(models.QuerySet["Member"]):
    def joined_between(self, start: datetime, end: datetime) -> MemberQuerySet:
        """Return who joined in the half-open period."""
        return self.filter(joined_at__gte=start, joined_at__lt=end)

    def real(self) -> MemberQuerySet:
        return self.filter(is_synthetic=False)


class Member(models.Model):
    """A person of the alliance: who signs in (user) and what they hold (wallet)."""

    user = models.OneToOneField("alliance.User", models.PROTECT, related_name="member", verbose_name=_("user"))
    wallet = models.OneToOneField("points.Wallet", models.PROTECT, related_name="+", verbose_name=_("wallet"))
    # Eight digits, the last one a check digit (members.calc.number): to be read aloud at a till.
    number = models.CharField(_("member number"), max_length=8, unique=True)
    joined_at = models.DateTimeField(_("joined at"))
    is_synthetic = models.BooleanField(_("synthetic"), default=False)

    objects = MemberQuerySet.as_manager()

    class Meta:
        verbose_name = _("member")
        verbose_name_plural = _("members")
        indexes = [models.Index(fields=["joined_at"], name="members_member_joined")]
        constraints = [
            models.CheckConstraint(
                name="members_member_number_is_eight_digits",
                condition=Q(number__regex=r"^[1-9][0-9]{7}$"),
            ),
        ]

    def __str__(self) -> str:
        return self.number

    @property
    def grouped_number(self) -> str:
        """Return the number as it is read aloud: "8810 0742"."""
        return f"{self.number[:4]} {self.number[4:]}"
