from django.apps import AppConfig
from django.contrib.admin import apps as admin_apps


class AllianceConfig(AppConfig):
    name = "alliance"
    default = True
    default_auto_field = "django.db.models.BigAutoField"


class ConsoleConfig(admin_apps.AdminConfig):
    """Django's admin with our own site (alliance.admin.site)."""

    default = False
    default_site = "alliance.admin.site.Console"
