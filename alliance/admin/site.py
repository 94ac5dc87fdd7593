"""The console: one admin site for all staff, each within their own units."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial, update_wrapper
from http import HTTPStatus
from typing import Any

from csp.constants import UNSAFE_EVAL, UNSAFE_INLINE
from csp.decorators import csp_update
from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.templatetags.static import static
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.i18n import JavaScriptCatalog
from unfold.sites import UnfoldAdminSite

from alliance import events, sessions
from alliance.access import public
from alliance.actors import Actor
from alliance.admin import door, pages, search
from alliance.models import User

# Unfold's Alpine evaluates expressions and sets styles; nowhere but in the console.
_LOOSER = csp_update({"script-src": [UNSAFE_EVAL], "style-src": [UNSAFE_INLINE]})


class Console(UnfoldAdminSite):
    """Unfold's site with our door, our search and a policy for its scripts."""

    enable_nav_sidebar = True
    empty_value_display = "–"
    final_catch_all_view = True

    def register(self, model_or_iterable: Any, admin_class: Any = None, **options: Any) -> None:
        """Take only classes that say whose rows they show; other packages' classes know no units."""
        from alliance.admin.scoped import ScopedAdmin

        if admin_class is not None and issubclass(admin_class, ScopedAdmin):
            super().register(model_or_iterable, admin_class, **options)

    def has_permission(self, request: HttpRequest) -> bool:
        return door.is_open(request)

    def admin_view(self, view: Any, cacheable: bool = False) -> Any:
        return _LOOSER(super().admin_view(view, cacheable))

    def get_urls(self) -> list[URLPattern]:
        steps: list[tuple[str, str, Callable[..., HttpResponse]]] = [
            ("login/code/", "second_factor", door.second_factor),
            ("login/enrol/", "enrol", door.enrol),
        ]
        return [
            *(path(route, self._before_the_door(view), name=name) for route, name, view in steps),
            path("recovery-codes/", self.admin_view(partial(door.recovery_codes, self)), name="recovery_codes"),
            *(path(page.route, self.admin_view(page.view), name=name) for name, page in pages.registered().items()),
            *super().get_urls(),
        ]

    def _before_the_door(self, step: Callable[..., HttpResponse]) -> Any:
        def view(request: HttpRequest) -> HttpResponse:
            return step(self, request)

        return public(_LOOSER(never_cache(sensitive_post_parameters()(update_wrapper(view, step)))))

    def login(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        response: HttpResponse = self._before_the_door(door.password)(request)
        return response

    login.access = "public"  # type: ignore[attr-defined]

    def logout(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        sessions.leave(request)
        return super().logout(request, extra_context)

    def password_change(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """Change one's own password; the diary hears of it."""
        response: HttpResponse = super().password_change(request, extra_context)
        if request.method == "POST" and response.status_code == HTTPStatus.FOUND and isinstance(request.user, User):
            events.record("user.password_set", request.user, Actor.user(request.user), timezone.now())
        return response

    def i18n_javascript(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """Give the scripts of the console their words: Django's, and ours where Django's are not Chinese."""
        return JavaScriptCatalog.as_view(packages=["django.contrib.admin", "alliance"])(request)

    def search(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> TemplateResponse:
        return search.results(self, request)

    def get_app_list(self, request: HttpRequest, app_label: str | None = None) -> list[dict[str, Any]]:
        apps: list[dict[str, Any]] = super().get_app_list(request, app_label)
        return apps


def environment(request: HttpRequest) -> list[str] | None:
    """Return the mark in the page's corner: this is a demonstration with invented people."""
    return [_("Demo"), "warning"] if settings.LIANHUI_DEMO else None


def favicon(request: HttpRequest) -> str:
    return static("img/logo.svg")


def stylesheet(request: HttpRequest) -> str:
    return static("console/console.css")


def language_switch(request: HttpRequest) -> str:
    """Return where Unfold's language menu posts to."""
    return reverse("language")
