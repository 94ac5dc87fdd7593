"""Where every address leads. Strings only: the ground knows the faces of the upper floors by name."""

from django.contrib import admin
from django.urls import include, path

urlpatterns = [
    # First: tills ask most often, and addresses are tried in their order.
    path("api/v1/", include("merchants.api.urls")),
    path("", include("alliance.web.urls")),
    path("", include("members.web.urls")),
    path("", include("merchants.web.urls")),
    path("", include("points.web.urls")),
    path("admin/", admin.site.urls),
]

handler400 = "alliance.web.errors.bad_request"
handler403 = "alliance.web.errors.forbidden"
handler404 = "alliance.web.errors.not_found"
handler500 = "alliance.web.errors.broken"
