"""Pages of the console that belong to no class: desks and views of the whole alliance. Each floor registers its own.

    @pages.page("finance_desk", route="finance/", title=_("Finance desk"), icon="payments", permission="book.view")
    def desk(request): return pages.draw(request, "admin/finance/desk.html", {...})

Who has the permission at the very top may open it; everybody else gets 403.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from typing import Any

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import reverse

from alliance import access
from alliance.models import User

View = Callable[..., HttpResponse]


@dataclass(frozen=True)
class Page:
    """Where it is, what it is called, who may open it."""

    name: str
    route: str
    title: Any
    icon: str
    permission: str
    view: View

    def is_open_to(self, request: HttpRequest) -> bool:
        user = request.user
        return isinstance(user, User) and access.is_alliance_wide(user, self.permission)

    @property
    def url(self) -> str:
        return reverse(f"admin:{self.name}")


_PAGES: dict[str, Page] = {}


def page(name: str, *, route: str, title: Any, permission: str, icon: str = "") -> Callable[[View], View]:
    """Register a page at /admin/<route>."""

    def register(view: View) -> View:
        if name in _PAGES:
            raise RuntimeError(f"page {name} is registered twice")

        @wraps(view)
        def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
            if not _PAGES[name].is_open_to(request):
                raise PermissionDenied
            return view(request, *args, **kwargs)

        _PAGES[name] = Page(name, route, title, icon, permission, guarded)
        return guarded

    return register


def registered() -> dict[str, Page]:
    return dict(_PAGES)


def draw(request: HttpRequest, template: str, context: dict[str, Any], *, status: int = 200) -> TemplateResponse:
    """Draw a page inside the console's frame."""
    return TemplateResponse(request, template, {**admin.site.each_context(request), **context}, status=status)
