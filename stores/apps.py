from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class StoresConfig(AppConfig):
    name = "stores"
    default_auto_field = "django.db.models.BigAutoField"
    verbose_name = _("Supermarkets")

    def ready(self) -> None:
        from stores import histories  # noqa: F401 - it registers the lines of past receipts
