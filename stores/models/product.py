"""The catalogue: what a till's line can name."""

from django.db import models
from django.utils.translation import gettext_lazy as _


class ProductQuerySet(models.QuerySet["Product"]):
    def earning(self) -> "ProductQuerySet":
        """Products whose sale earns points."""
        return self.filter(is_excluded=False)


class Product(models.Model):
    """An article. Its code is unique within the catalogue that it comes from."""

    id = models.AutoField(primary_key=True)
    catalogue = models.CharField(_("catalogue"), max_length=32)
    code = models.CharField(_("code"), max_length=32)
    name = models.CharField(_("name"), max_length=120)
    department = models.CharField(_("department"), max_length=40)
    category = models.CharField(_("category"), max_length=80, blank=True)
    brand = models.CharField(_("brand"), max_length=80, blank=True)
    package = models.CharField(_("package"), max_length=40, blank=True)
    is_excluded = models.BooleanField(_("earns nothing"), default=False)
    is_synthetic = models.BooleanField(_("synthetic"), default=False)

    objects = ProductQuerySet.as_manager()

    class Meta:
        verbose_name = _("product")  # Translators: 商品
        verbose_name_plural = _("products")
        constraints = [
            models.UniqueConstraint(name="stores_product_code_once_per_catalogue", fields=["catalogue", "code"]),
        ]

    def __str__(self) -> str:
        return self.name
