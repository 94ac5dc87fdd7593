from django.urls import path

from alliance.web import health, login, preferences, shell

urlpatterns = [
    path("healthz", health.healthz, name="healthz"),
    path("readyz", health.readyz, name="readyz"),
    path("version", health.version, name="version"),
    path("lang/", preferences.language, name="language"),
    path("theme/", preferences.theme, name="theme"),
    path("sw.js", shell.service_worker, name="service_worker"),
    path("manifest.webmanifest", shell.manifest, name="manifest"),
    path("offline/", shell.offline, name="offline"),
    path("login/", login.start, name="login"),
    path("login/code/", login.code, name="login_code"),
    path("login/code/resend/", login.resend, name="login_resend"),
    path("logout/", login.leave, name="logout"),
    path("front/", login.front, name="front"),
    path("devices/", login.devices, name="devices"),
    path("devices/end-others/", login.end_elsewhere, name="devices_end_others"),
    path("devices/<int:pk>/end/", login.end_one, name="device_end"),
]
