"""Pages for what goes wrong, in the reader's language; problems for machines under /api/."""

from __future__ import annotations

import sys
from typing import Any

from django.db import InterfaceError, OperationalError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.template import TemplateDoesNotExist
from django.views.decorators.csrf import requires_csrf_token

from alliance.api import problems
from alliance.refusals import NOT_ALLOWED, NOT_FOUND


def bad_request(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    if request.path.startswith("/api/"):
        return problems.page(request, problems.UNREADABLE())
    return _page(request, 400)


@requires_csrf_token
def forbidden(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    if request.path.startswith("/api/"):
        return problems.page(request, NOT_ALLOWED())
    return _page(request, 403)


@requires_csrf_token
def not_found(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    if request.path.startswith("/api/"):
        return problems.page(request, NOT_FOUND())
    return _page(request, 404)


RETRY_SECONDS = 5


def broken(request: HttpRequest) -> HttpResponse:
    """Answer for an error that nobody handled: 503 while the database is away or overburdened, else 500."""
    is_away = isinstance(sys.exc_info()[1], OperationalError | InterfaceError)
    response = _said(request, 503 if is_away else 500)
    if is_away:
        response["Retry-After"] = str(RETRY_SECONDS)
    return response


def _said(request: HttpRequest, status: int) -> HttpResponse:
    if request.path.startswith("/api/"):
        return problems.page(request, problems.AWAY() if status == 503 else problems.WRONG())
    try:
        return _page(request, status)
    except Exception:
        # The page of last resort may need nothing: no database, no template.
        return HttpResponse(f"{status} 请稍后再试。 Please try again in a moment.", status=status)


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:
    return _page(request, 403, "csrf")


def _page(request: HttpRequest, status: int, name: str = "") -> HttpResponse:
    context: dict[str, Any] = {"status": status}
    try:
        return render(request, f"errors/{name or status}.html", context, status=status)
    except TemplateDoesNotExist:
        return render(request, "errors/error.html", context, status=status)
