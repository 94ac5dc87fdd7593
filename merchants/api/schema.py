"""The description of the API: OpenAPI 3.1, and a page to read and try it, served from here."""

from __future__ import annotations

from typing import Any

from csp.decorators import csp_update
from django.http import JsonResponse
from django.utils.decorators import method_decorator
from drf_spectacular.renderers import OpenApiJsonRenderer
from drf_spectacular.views import SpectacularAPIView, SpectacularSwaggerSplitView
from rest_framework.renderers import TemplateHTMLRenderer

from alliance.api import problems


class SchemaView(SpectacularAPIView):
    """GET /api/v1/openapi.json."""

    http_method_names = ["get", "head"]
    authentication_classes: list[Any] = []
    permission_classes: list[Any] = []
    renderer_classes = [OpenApiJsonRenderer]

    @classmethod
    def as_view(cls, **initkwargs: Any) -> Any:
        view: Any = super().as_view(**initkwargs)
        view.access = "public"
        return view


# Swagger's page brings one inline style; only this page may have it.
@method_decorator(csp_update({"style-src": ["'unsafe-inline'"]}), name="dispatch")
class DocsView(SpectacularSwaggerSplitView):
    """GET /api/v1/docs."""

    http_method_names = ["get", "head"]
    authentication_classes: list[Any] = []
    permission_classes: list[Any] = []
    renderer_classes = [TemplateHTMLRenderer]
    url_name = "api:openapi"

    def handle_exception(self, exc: Exception) -> Any:
        """Answer with a problem: this view's renderer draws a page, and there is none for an error."""
        response = super().handle_exception(exc)
        return JsonResponse(response.data, status=response.status_code, content_type=problems.CONTENT_TYPE)

    @classmethod
    def as_view(cls, **initkwargs: Any) -> Any:
        view: Any = super().as_view(**initkwargs)
        view.access = "public"
        return view
