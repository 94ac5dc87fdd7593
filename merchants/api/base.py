"""What every endpoint shares: the key's outlets, the request key, and headers."""

from __future__ import annotations

import re
from typing import Any, ClassVar

from django.conf import settings
from django.http import HttpResponse
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema_serializer, inline_serializer
from rest_framework import serializers
from rest_framework.response import Response
from rest_framework.views import APIView

from alliance.actors import Actor
from alliance.refusals import declare
from merchants import tills
from merchants.api import throttling
from merchants.models import ApiKey, Outlet
from merchants.staff import OUTLET_OF_ANOTHER
from points.bills import Caller

OUTLET_MISSING = declare("outlet_missing", 422, _("Say which outlet this is: your key speaks for several."))
REQUEST_KEY_MISSING = declare(
    "idempotency_key_missing",
    400,
    _("Send an Idempotency-Key header with every write, and the same one when you retry."),
)
REQUEST_KEY_WRONG = declare(
    "idempotency_key_invalid", 422, _("An Idempotency-Key has 8 to 200 visible ASCII characters.")
)
PARAMETER_UNKNOWN = declare(
    "parameter_unknown", 422, _("This address knows no parameter “%(name)s”. Look for a slip of the pen.")
)
PARAMETER_TWICE = declare("parameter_twice", 422, _("The parameter “%(name)s” stands twice. Send it once."))
BODY_TOO_LARGE = declare(
    "body_too_large", 413, _("The body has more than %(most)s bytes. Send the sales in smaller batches.")
)
LENGTH_REQUIRED = declare(
    "length_required", 411, _("Send the body in one piece with its Content-Length, not in chunks.")
)
NO_TEST_OUTLET = declare(
    "test_key_without_outlet",
    409,
    _("This is a test key, and it sees test outlets only; this is not one. Use a test outlet, or a live key."),
)
_REQUEST_KEY = re.compile(r"[\x21-\x7e]{8,200}")

REQUEST_KEY = OpenApiParameter(
    "Idempotency-Key",
    {"type": "string", "minLength": 8, "maxLength": 200, "pattern": "^[!-~]{8,200}$"},
    OpenApiParameter.HEADER,
    required=True,
    description="Yours to choose, 8 to 200 visible ASCII characters, one per act. Same key and same body: same answer.",
)
_problem = inline_serializer(
    "Problem",
    {
        "type": serializers.CharField(),
        "title": serializers.CharField(help_text="One sentence in the caller's language: what is wrong, what to do."),
        "status": serializers.IntegerField(),
        "code": serializers.CharField(help_text="Stable; see the table of codes."),
        "facts": serializers.DictField(required=False),
        "fields": serializers.ListField(child=serializers.DictField(), required=False),
        "request_id": serializers.CharField(),
    },
)


def answers(success: Any, *, status: int = 200, has_body: bool = False, **also: str) -> dict[Any, Any]:
    """Return the documented answers of an endpoint: the good one, and the problems it can have.

    has_body: it reads JSON. also: p404="An outlet that is not yours." for each further status.
    """
    problems = {
        401: "The API key is missing, unknown or revoked.",
        403: "The API key lacks the scope.",
        406: "The answer is JSON, which the Accept header excludes.",
        422: "The body or the parameters are not what they should be.",
        429: "Too many requests; see Retry-After.",
    }
    if has_body:
        problems |= {
            400: "The body is not JSON.",
            411: "The body came in chunks.",
            413: "The body is too large.",
            415: "The body says that it is something else than JSON.",
        }
    problems |= {int(name[1:]): text for name, text in also.items()}
    documented: dict[Any, Any] = {status: success}
    for code, text in sorted(problems.items()):
        documented[code, "application/problem+json"] = OpenApiResponse(_problem, text)
    return documented


class MerchantView(APIView):
    """An endpoint for a merchant's key. `scope` names what the key must hold; None: any key.

    parameters: what may stand behind the question mark; anything else is a slip, and refused.
    """

    scope: ClassVar[str | None] = None
    parameters: ClassVar[frozenset[str]] = frozenset()
    http_method_names = ["get", "head", "post"]
    throttle_classes = [throttling.KeyThrottle]

    def __init_subclass__(cls, **kwargs: Any) -> None:
        """Name the nested serializers after their view: IdentifyInput, StatementItem."""
        super().__init_subclass__(**kwargs)
        view = cls.__name__.removesuffix("View")
        for name in ("Input", "Output"):
            body = cls.__dict__.get(name)
            if body is not None:
                extend_schema_serializer(component_name=f"{view}{name}")(body)
                for inner in (body.__dict__.get("Item"), body.__dict__.get("Result")):
                    if inner is not None:
                        extend_schema_serializer(component_name=f"{view}{inner.__name__}")(inner)

    @classmethod
    def as_view(cls, **initkwargs: Any) -> Any:
        view: Any = super().as_view(**initkwargs)
        view.access = f"api:{cls.scope or 'any'}"
        return view

    def initial(self, request: Any, *args: Any, **kwargs: Any) -> None:
        """Check who calls, then the address and the size of the body, before any of it is read.

        Refuses: parameter_unknown, parameter_twice, length_required, body_too_large.
        """
        super().initial(request, *args, **kwargs)
        for name, values in request.query_params.lists():
            if name not in self.parameters:
                raise PARAMETER_UNKNOWN(name=name[:60])
            if len(values) > 1:
                raise PARAMETER_TWICE(name=name)
        # What comes in chunks would be read as an empty body.
        if request.headers.get("Transfer-Encoding"):
            raise LENGTH_REQUIRED()
        if int(request.META.get("CONTENT_LENGTH") or 0) > settings.DATA_UPLOAD_MAX_MEMORY_SIZE:
            raise BODY_TOO_LARGE(most=settings.DATA_UPLOAD_MAX_MEMORY_SIZE)

    def finalize_response(self, request: Any, response: Any, *args: Any, **kwargs: Any) -> HttpResponse:
        response = super().finalize_response(request, response, *args, **kwargs)
        for name, value in throttling.headers(request).items():
            response[name] = value
        response["Cache-Control"] = "no-store"
        return response

    @property
    def key(self) -> ApiKey:
        key: Any = self.request.auth
        return key

    @property
    def actor(self) -> Actor:
        return Actor.key(self.key.pk)

    @property
    def caller(self) -> Caller:
        """Return whose request keys these are: the merchant's, so that they survive a rotated API key."""
        return Caller("merchant", self.key.merchant_id)

    def outlet(self, number: int | None) -> Outlet:
        """Return the outlet that the request is about, with its merchant.

        Refuses: outlet_of_another, outlet_missing, test_key_without_outlet.
        """
        number = number or self.key.outlet_id
        if number is None:
            raise OUTLET_MISSING()
        if self.key.outlet_id is None:
            outlet = tills.desk_for(self.key, number, timezone.now())
        else:
            outlet = self.key.desk if number == self.key.outlet_id else None
        if outlet is None:
            raise OUTLET_OF_ANOTHER()
        if outlet.is_test != self.key.is_test:
            raise NO_TEST_OUTLET() if self.key.is_test else OUTLET_OF_ANOTHER()
        return outlet

    @property
    def request_key(self) -> str:
        """Return the Idempotency-Key. Refuses: idempotency_key_missing, idempotency_key_invalid."""
        return read_request_key(self.request.headers.get("Idempotency-Key", ""))


def read_request_key(given: str) -> str:
    if not given:
        raise REQUEST_KEY_MISSING()
    if not _REQUEST_KEY.fullmatch(given):
        raise REQUEST_KEY_WRONG()
    return given


def replied(data: Any, *, is_replay: bool, status: int = 201) -> Response:
    """Answer a write; a repeated request gets the same body and a header that says so."""
    return Response(data, status=status, headers={"Idempotent-Replayed": "true"} if is_replay else None)
