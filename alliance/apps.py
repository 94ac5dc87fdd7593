from importlib import import_module

from django.apps import AppConfig
from django.contrib.admin import apps as admin_apps
from django.utils.translation import gettext_lazy as _


class AllianceConfig(AppConfig):
    name = "alliance"
    default = True
    default_auto_field = "django.db.models.BigAutoField"
    # Translators: 基础
    verbose_name = _("Ground")

    def ready(self) -> None:
        import_module("alliance.ports.checks")


class ConsoleConfig(admin_apps.AdminConfig):
    """Django's admin with our own site (alliance.admin.site)."""

    default = False
    default_site = "alliance.admin.site.Console"

    def ready(self) -> None:
        super().ready()
        import_module("alliance.admin.classes")
