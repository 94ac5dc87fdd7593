"""Devices on which somebody is signed in."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.db import models
from django.utils.translation import gettext_lazy as _

if TYPE_CHECKING:
    from alliance.models.user import User


class SignInQuerySet(models.QuerySet["SignIn"]):
    def of(self, user: User) -> SignInQuerySet:
        return self.filter(user=user)


class SignIn(models.Model):
    """One session of one person, so that it can be shown and ended from elsewhere."""

    user = models.ForeignKey(
        "alliance.User", models.CASCADE, related_name="sign_ins", verbose_name=_("user"), db_index=False
    )
    session_key = models.CharField(max_length=40, unique=True)
    # "Chrome · Android": words for its owner, never the browser's whole header.
    device = models.CharField(_("device"), max_length=60, blank=True)
    started_at = models.DateTimeField(_("signed in"))
    seen_at = models.DateTimeField(_("last seen"))

    objects = SignInQuerySet.as_manager()

    class Meta:
        verbose_name = _("signed-in device")
        verbose_name_plural = _("signed-in devices")
        indexes = [models.Index(fields=["user", "-seen_at"], name="alliance_signin_user")]

    def __str__(self) -> str:
        return self.device or self.session_key[:6]
