"""The 28 trades."""

from django.db import models
from django.utils.translation import get_language
from django.utils.translation import gettext_lazy as _


class Trade(models.Model):
    """A line of business, such as restaurants or hair salons; the list is an editable seed file."""

    code = models.SlugField(_("code"), max_length=30, unique=True)
    name = models.CharField(_("name"), max_length=30)
    name_en = models.CharField(_("English name"), max_length=40)
    position = models.PositiveSmallIntegerField(_("position"))

    class Meta:
        verbose_name = _("trade")
        verbose_name_plural = _("trades")

    def __str__(self) -> str:
        return self.name_en if (get_language() or "").startswith("en") else self.name
