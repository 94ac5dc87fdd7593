"""Language and theme: kept in this browser, and in the profile of whoever is signed in."""

from __future__ import annotations

from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.http import require_POST

from alliance import people
from alliance.access import public
from alliance.middleware import THEME_COOKIE, THEMES, supported

YEAR = 365 * 24 * 3600


@public
@require_POST
def language(request: HttpRequest) -> HttpResponse:
    """Switch the language and go back to where the reader was."""
    chosen = supported(request.POST.get("language", ""))
    if request.user.is_authenticated:
        people.prefer(user=request.user, language=chosen)
    response = HttpResponseRedirect(_back(request))
    _remember(response, settings.LANGUAGE_COOKIE_NAME, chosen)
    return response


@public
@require_POST
def theme(request: HttpRequest) -> HttpResponse:
    """Switch between light, dark and whatever the device says."""
    given = request.POST.get("theme", "")
    chosen = given if given in THEMES else "system"
    if request.user.is_authenticated:
        people.prefer(user=request.user, theme=chosen)
    is_quiet = bool(getattr(request, "htmx", False)) or request.headers.get("X-Requested-With") == "fetch"
    response = HttpResponse(status=204) if is_quiet else HttpResponseRedirect(_back(request))
    _remember(response, THEME_COOKIE, chosen)
    return response


def _remember(response: HttpResponse, name: str, value: str) -> None:
    response.set_cookie(name, value, max_age=YEAR, samesite="Lax", secure=settings.HTTPS, httponly=False)


def _back(request: HttpRequest) -> str:
    for url in (request.POST.get("next", ""), request.headers.get("Referer", "")):
        if url and url_has_allowed_host_and_scheme(url, {request.get_host()}, request.is_secure()):
            return url
    return "/"
