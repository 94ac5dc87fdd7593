"""What makes the site installable: the manifest, the service worker (which must live at the root), the offline page."""

from __future__ import annotations

from django.conf import settings
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.templatetags.static import static
from django.utils.translation import gettext as _
from django.views.decorators.cache import cache_control
from django.views.decorators.http import require_safe

from alliance.access import public


@public
@require_safe
@cache_control(max_age=3600)
def manifest(request: HttpRequest) -> JsonResponse:
    """The web app manifest, in the reader's language."""
    icons = [
        ("icon-192", "192x192", "any"),
        ("icon-512", "512x512", "any"),
        ("icon-maskable-512", "512x512", "maskable"),
    ]
    return JsonResponse(
        {
            "id": "/",
            "name": settings.LIANHUI_NAME,
            "short_name": settings.LIANHUI_NAME,
            # Translators: 全城通用的积分
            "description": _("One town, one kind of points"),
            "lang": "zh-CN",
            "start_url": "/",
            "scope": "/",
            "display": "standalone",
            "background_color": "#f7f5f2",
            "theme_color": "#c2410c",
            "icons": [
                {"src": static(f"img/{name}.png"), "sizes": f"{size}x{size}", "type": "image/png", "purpose": purpose}
                for name, size, purpose in icons
            ],
            "shortcuts": [
                # Translators: 会员码
                {"name": _("Member code"), "url": "/code/"},
                # Translators: 收银台
                {"name": _("Till"), "url": "/till/"},
            ],
        },
        content_type="application/manifest+json",
    )


@public
@require_safe
@cache_control(no_cache=True)
def service_worker(request: HttpRequest) -> HttpResponse:
    """The worker, with today's names of the static files in it: new files make a new worker."""
    return render(request, "sw.js", {"version": settings.LIANHUI_VERSION}, content_type="text/javascript")


@public
@require_safe
def offline(request: HttpRequest) -> HttpResponse:
    """Kept by the worker and shown when there is no connection: must hold nothing of the reader."""
    return render(request, "offline.html")
