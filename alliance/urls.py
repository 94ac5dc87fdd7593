"""Where every address leads. Strings only: the ground knows the faces of the upper floors by name."""

from importlib.util import find_spec

from django.contrib import admin
from django.urls import include, path

_FACES = [
    ("", "alliance.web.urls"),
    ("", "members.web.urls"),
    ("", "merchants.web.urls"),
    ("api/v1/", "merchants.api.urls"),
]

urlpatterns = [
    *(path(prefix, include(module)) for prefix, module in _FACES if find_spec(module)),
    path("admin/", admin.site.urls),
]

handler400 = "alliance.web.errors.bad_request"
handler403 = "alliance.web.errors.forbidden"
handler404 = "alliance.web.errors.not_found"
handler500 = "alliance.web.errors.broken"
