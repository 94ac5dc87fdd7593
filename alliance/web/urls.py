from django.urls import path

from alliance.web import health, preferences

urlpatterns = [
    path("healthz", health.healthz, name="healthz"),
    path("readyz", health.readyz, name="readyz"),
    path("version", health.version, name="version"),
    path("lang/", preferences.language, name="language"),
    path("theme/", preferences.theme, name="theme"),
]
