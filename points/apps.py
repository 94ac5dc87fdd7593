from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class PointsConfig(AppConfig):
    name = "points"
    default_auto_field = "django.db.models.BigAutoField"
    verbose_name = _("The book")

    def ready(self) -> None:
        from points import checks

        checks.take_up()
