"""Member tokens that were used to spend."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _


class SpentToken(models.Model):
    """One proof, one spending: the token was taken for a spending and cannot be taken again."""

    nonce = models.UUIDField(_("token"), primary_key=True)
    until = models.DateTimeField(_("valid until"), db_index=True)

    class Meta:
        verbose_name = _("spent member token")
        verbose_name_plural = _("spent member tokens")

    def __str__(self) -> str:
        return str(self.nonce)
