"""Errors of the API as application/problem+json (RFC 9457) with a stable `code`."""

from __future__ import annotations

import math
from itertools import islice
from typing import Any

from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, JsonResponse
from django.utils.translation import gettext_lazy as _
from rest_framework import exceptions
from rest_framework.response import Response

from alliance import logs
from alliance.refusals import NOT_ALLOWED, NOT_FOUND, Refused, declare

CONTENT_TYPE = "application/problem+json"
INPUT_INVALID = declare("input_invalid", 422, _("Some fields are missing or wrong; see “fields”."))
BODY_UNREADABLE = declare("body_unreadable", 400, _("The body is not valid JSON in UTF-8."))
KEY_MISSING = declare("api_key_missing", 401, _("Send your API key as “Authorization: Bearer …”."))
METHOD_UNKNOWN = declare("method_not_allowed", 405, _("This address does not know the method %(method)s."))
MEDIA_TYPE = declare("media_type_unsupported", 415, _("Send JSON (Content-Type: application/json)."))
NOT_ACCEPTABLE = declare("not_acceptable", 406, _("This address answers in JSON only."))
TOO_MANY = declare("too_many_requests", 429, _("Too many requests. Try again in %(seconds)s seconds."))
UNREADABLE = declare(
    "request_unreadable", 400, _("This request cannot be read. Check its address, its host and its headers.")
)
WRONG = declare("server_error", 500, _("Something went wrong on our side. Quote the request id when you ask us."))
AWAY = declare(
    "try_again",
    503,
    # Translators: 系统正在恢复。请用同一个请求键重试；已入账的不会重复入账。
    _("We are coming back. Send the request again in a moment, with the same key: nothing is booked twice."),
)
CHALLENGE = 'Bearer realm="lianhui"'
MOST_FIELDS = 20
_log = logs.get("alliance.api")


def problem(refused: Refused, request: HttpRequest | None, **more: Any) -> dict[str, Any]:
    """Return the body of a problem: a stable code, one sentence in the reader's language, and the facts."""
    facts = {name: value for name, value in refused.facts.items() if isinstance(value, int | str | bool)}
    return {
        "type": f"urn:lianhui:problem:{refused.code}",
        "title": refused.text(),
        "status": refused.status,
        "code": refused.code,
        **({"facts": facts} if facts else {}),
        **more,
        "request_id": getattr(request, "request_id", ""),
    }


def handler(error: Exception, context: dict[str, Any]) -> Response | None:
    """Django REST framework's exception handler."""
    request = context.get("request")
    refused, more, headers = _understand(error)
    if refused is None:
        return None
    # Imported here: it loads the authentication classes, which belong to an upper floor.
    from rest_framework.views import set_rollback

    set_rollback()
    inner: Any = getattr(request, "_request", request)
    return Response(problem(refused, inner, **more), status=refused.status, headers=headers, content_type=CONTENT_TYPE)


def of(error: Exception, request: HttpRequest | None) -> dict[str, Any]:
    """Return the problem that an error is, where it spoils only one item of many."""
    refused, more, _headers = _understand(error)
    return problem(refused or WRONG(), request, **more)


def page(request: HttpRequest, refused: Refused) -> JsonResponse:
    """Return a problem for an address under /api/ that no API view answers (404, 500)."""
    return JsonResponse(problem(refused, request), status=refused.status, content_type=CONTENT_TYPE)


def _understand(error: Exception) -> tuple[Refused | None, dict[str, Any], dict[str, str]]:
    match error:
        case Refused():
            return error, {}, _headers(error)
        case exceptions.ValidationError():
            return INPUT_INVALID(), {"fields": list(islice(_fields(error.detail), MOST_FIELDS))}, {}
        case exceptions.ParseError():
            return BODY_UNREADABLE(), {}, {}
        case exceptions.NotAuthenticated() | exceptions.AuthenticationFailed():
            return KEY_MISSING(), {}, _headers(KEY_MISSING())
        case exceptions.PermissionDenied() | PermissionDenied():
            return NOT_ALLOWED(), {}, {}
        case exceptions.NotFound() | Http404():
            return NOT_FOUND(), {}, {}
        case exceptions.MethodNotAllowed():
            method = error.args[0] if error.args else ""
            return METHOD_UNKNOWN(method=method), {}, {}
        case exceptions.UnsupportedMediaType():
            return MEDIA_TYPE(), {}, {}
        case exceptions.NotAcceptable():
            return NOT_ACCEPTABLE(), {}, {}
        case exceptions.Throttled():
            seconds = math.ceil(getattr(error, "wait", None) or 1)
            return TOO_MANY(seconds=seconds), {}, {"Retry-After": str(seconds)}
        case exceptions.APIException():
            _log.error("api error without a code", error=type(error).__name__)
            return WRONG(), {}, {}
    return None, {}, {}


def _headers(refused: Refused) -> dict[str, str]:
    if refused.status == 401:
        return {"WWW-Authenticate": CHALLENGE}
    wait = refused.facts.get("seconds") if refused.status == 429 else None
    return {"Retry-After": str(wait)} if wait else {}


def _fields(detail: Any, path: str = "") -> Any:
    """Yield {"field", "code", "message"} for every error, with a path like bills.2.paid_fen."""
    if isinstance(detail, dict):
        for name, inner in detail.items():
            here = path if name == "non_field_errors" else f"{path}.{name}".strip(".")
            yield from _fields(inner, here)
    elif isinstance(detail, list):
        for position, inner in enumerate(detail):
            is_leaf = isinstance(inner, exceptions.ErrorDetail)
            yield from _fields(inner, path if is_leaf else f"{path}.{position}".strip("."))
    else:
        yield {"field": path, "code": getattr(detail, "code", "invalid"), "message": str(detail)}
