"""What happens around every page: an id, a language, the reader's preferences, and a polite no."""

from __future__ import annotations

import re
import time
import uuid
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

import structlog
from django.conf import settings
from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.utils import translation
from django.utils.cache import patch_vary_headers
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext_lazy as _
from django_htmx.http import trigger_client_event

from alliance import logs
from alliance.refusals import Refused, declare

GetResponse = Callable[[HttpRequest], HttpResponse]
THEMES = ("system", "light", "dark")
THEME_COOKIE = "theme"
_log = logs.get("alliance.requests")
_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{8,64}")
_FORMS = ("application/x-www-form-urlencoded", "multipart/form-data")
# Translators: 输入里有无法保存的字符（零字节）
NO_TEXT = declare("text_invalid", 400, _("What you sent holds a zero byte, which cannot be kept. Type it again."))
_QUIET = ("/healthz", "/readyz", "/static/")


def request_id(get_response: GetResponse) -> GetResponse:
    """Give the request an id (the caller's, if it is a sane one), put it into every log line and into the answer."""

    def middleware(request: HttpRequest) -> HttpResponse:
        given = request.headers.get("X-Request-ID", "")
        number = given if _REQUEST_ID.fullmatch(given) and logs.mask_text(given) == given else uuid.uuid4().hex
        request.request_id = number  # type: ignore[attr-defined]
        structlog.contextvars.clear_contextvars()
        logs.bind(request_id=number)
        start = time.perf_counter()
        response = get_response(request)
        response["X-Request-ID"] = number
        if not request.path.startswith(_QUIET):
            # The name of the view, not the path: paths may hold numbers that belong to people.
            match = request.resolver_match
            _log.info(
                "request",
                method=request.method,
                view=match.view_name if match else "-",
                status=response.status_code,
                milliseconds=round((time.perf_counter() - start) * 1000, 1),
            )
        structlog.contextvars.clear_contextvars()
        return response

    return middleware


def language(get_response: GetResponse) -> GetResponse:
    """Speak the cookie's language, else Chinese. Only the API listens to Accept-Language: browsers often lie there."""

    def middleware(request: HttpRequest) -> HttpResponse:
        chosen = request.COOKIES.get(settings.LANGUAGE_COOKIE_NAME, "")
        if request.path.startswith("/api/"):
            chosen = translation.get_language_from_request(request)
        with translation.override(supported(chosen)):
            request.LANGUAGE_CODE = translation.get_language()
            response = get_response(request)
            response.headers.setdefault("Content-Language", translation.get_language())
            if request.path.startswith("/api/"):
                patch_vary_headers(response, ["Accept-Language"])
        return response

    return middleware


def supported(code: str) -> str:
    return code if code in dict(settings.LANGUAGES) else settings.LANGUAGE_CODE


def preferences(get_response: GetResponse) -> GetResponse:
    """Take language and theme from the profile of whoever is signed in, unless this browser says otherwise."""

    def middleware(request: HttpRequest) -> HttpResponse:
        user = request.user
        if user.is_authenticated:
            logs.bind(user_id=user.pk)
        theme = request.COOKIES.get(THEME_COOKIE) or (user.theme if user.is_authenticated else "")
        request.theme = theme if theme in THEMES else "system"  # type: ignore[attr-defined]
        if user.is_authenticated and user.language and settings.LANGUAGE_COOKIE_NAME not in request.COOKIES:
            translation.activate(supported(user.language))
            request.LANGUAGE_CODE = translation.get_language()
        return get_response(request)

    return middleware


def refusals(get_response: GetResponse) -> GetResponse:
    """Turn a Refused that a page did not handle into a message and the way back, or into a page of its own."""

    def middleware(request: HttpRequest) -> HttpResponse:
        return get_response(request)

    def process_exception(request: HttpRequest, error: Exception) -> HttpResponse | None:
        return answer(request, error) if isinstance(error, Refused) else None

    def process_view(request: HttpRequest, *_view: Any) -> HttpResponse | None:
        return answer(request, NO_TEXT()) if _has_nul(request) else None

    middleware.process_exception = process_exception  # type: ignore[attr-defined]
    middleware.process_view = process_view  # type: ignore[attr-defined]
    return middleware


def _has_nul(request: HttpRequest) -> bool:
    """Whether a form holds a zero byte, which no database can keep. The API's bodies are read by their serializers."""
    if request.path.startswith("/api/") or request.content_type not in _FORMS:
        return False
    return any("\0" in value for _name, values in request.POST.lists() for value in values)


def answer(request: HttpRequest, refused: Refused) -> HttpResponse:
    """Say no. Nothing was changed: the verb's transaction is rolled back by the exception."""
    _log.info("refused", refusal_code=refused.code, status=refused.status)
    htmx: Any = getattr(request, "htmx", False)
    if htmx:
        response = HttpResponse(status=refused.status, headers={"HX-Reswap": "none"})
        return trigger_client_event(response, "refused", {"code": refused.code, "message": refused.text()})
    back = request.headers.get("Referer", "")
    if request.method == "POST" and _is_ours(request, back):
        messages.error(request, refused.text())
        return HttpResponseRedirect(back)
    context = {"refused": refused, "message": refused.text(), "status": refused.status}
    return render(request, "errors/refused.html", context, status=refused.status)


def _is_ours(request: HttpRequest, url: str) -> bool:
    if not url or not url_has_allowed_host_and_scheme(url, {request.get_host()}, request.is_secure()):
        return False
    return urlsplit(url).path != request.path or request.method == "POST"
