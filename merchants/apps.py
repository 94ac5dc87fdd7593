from importlib import import_module

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class MerchantsConfig(AppConfig):
    name = "merchants"
    default_auto_field = "django.db.models.BigAutoField"
    verbose_name = _("Merchants")

    def ready(self) -> None:
        # Faces, approval kinds and reactions register themselves when they are imported.
        for module in (
            "access",
            "topups",
            "reassigning",
            "refunding",
            "clearing",
            "disputes",
            "returns",
            "reactions",
            "histories",
            "checks",
        ):
            import_module(f"merchants.{module}")
