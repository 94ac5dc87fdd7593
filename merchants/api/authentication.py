"""Who calls: a merchant's machine with its API key."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.utils import timezone, translation
from django.utils.translation import gettext_lazy as _
from drf_spectacular.extensions import OpenApiAuthenticationExtension
from rest_framework.authentication import BaseAuthentication
from rest_framework.exceptions import NotAuthenticated
from rest_framework.permissions import BasePermission
from rest_framework.request import Request

from alliance import logs
from alliance.api import problems
from alliance.refusals import declare
from merchants import keys
from merchants.models import ApiKey

KEY_UNKNOWN = declare(
    "api_key_unknown", 401, _("This API key is unknown, revoked or has ended. Create a new one in the shop's pages.")
)
SCOPE_MISSING = declare(
    "api_scope_missing", 403, _("This API key may not do this: it lacks %(scope)s. Create one that has it.")
)


class ApiKeyAuthentication(BaseAuthentication):
    """`Authorization: Bearer lh_live_…`; request.auth is the ApiKey, there is no user."""

    def authenticate(self, request: Request) -> tuple[None, ApiKey] | None:
        scheme, _space, secret = request.headers.get("Authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not secret:
            return None
        now = timezone.now()
        key = keys.find(secret.strip(), now)
        if key is None:
            raise KEY_UNKNOWN()
        keys.touch(key, now)
        logs.bind(key_id=key.pk)
        if not request.headers.get("Accept-Language") and key.language in dict(settings.LANGUAGES):
            translation.activate(key.language)
        return None, key

    def authenticate_header(self, request: Request) -> str:
        return problems.CHALLENGE


class HasScope(BasePermission):
    """The key holds the scope that the view names; a view without one is open to every key."""

    def has_permission(self, request: Request, view: Any) -> bool:
        key = request.auth
        if not isinstance(key, ApiKey):
            raise NotAuthenticated
        scope = getattr(view, "scope", None)
        if scope and scope not in key.scopes:
            raise SCOPE_MISSING(scope=scope)
        return True


class ApiKeyScheme(OpenApiAuthenticationExtension):
    target_class = ApiKeyAuthentication
    name = "apiKey"

    def get_security_definition(self, auto_schema: Any) -> dict[str, str]:
        return {
            "type": "http",
            "scheme": "bearer",
            "bearerFormat": "lh_live_… or lh_test_…",
            "description": "An API key of the merchant, made under /shop/keys/ and shown once.",
        }
