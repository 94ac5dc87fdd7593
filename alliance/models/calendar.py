"""Working days: an editable table, seeded; never a library that fails for years not yet announced."""

from django.db import models
from django.utils.translation import gettext_lazy as _


class BusinessDay(models.Model):
    """A day that differs from its weekday: a public holiday, or a weekend day that is worked."""

    on = models.DateField(_("day"), unique=True)
    is_working = models.BooleanField(_("working day"))
    name = models.CharField(_("name"), max_length=40, blank=True)

    class Meta:
        verbose_name = _("exceptional day")
        verbose_name_plural = _("exceptional days")

    def __str__(self) -> str:
        return f"{self.on} {self.name}"
