"""Hostile requests made from the API's own description: never a 5xx, never an answer that it does not describe."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

import pytest
import schemathesis
from django.core.cache import cache
from django.core.signals import request_finished, request_started
from django.db import close_old_connections
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from schemathesis.checks import not_a_server_error
from schemathesis.core.failures import FailureGroup
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from alliance.wsgi import application
from tests.cast import Town
from tests.factories.merchants import api_key, token

pytestmark = [pytest.mark.fuzz, pytest.mark.django_db]
EXAMPLES = int(os.environ.get("FUZZ_EXAMPLES", "15"))
CHECKS: Any = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
    response_headers_conformance,
]


@pytest.fixture
def one_connection(db: None) -> Iterator[None]:
    """Keep the test's transaction open: a server would close its connection after each request."""
    for signal in (request_started, request_finished):
        signal.disconnect(close_old_connections)
    yield
    for signal in (request_started, request_finished):
        signal.connect(close_old_connections)


@pytest.fixture
def described(one_connection: None) -> Any:
    cache.clear()
    return schemathesis.openapi.from_wsgi("/api/v1/openapi.json", application)


@pytest.fixture
def headers(db: None) -> dict[str, str]:
    """A key bound to an outlet, so that requests get far, and the token of somebody with points."""
    town = Town()
    secret = api_key(town.hotpot.merchant, outlet=town.hotpot.outlet)
    return {"Authorization": f"Bearer {secret}", "Member-Token": token(town.hotpot, town.lin.wallet_id)}


def test_no_request_breaks_it(described: Any, headers: dict[str, str]) -> None:
    wrong = []
    for found in described.get_all_operations():
        operation = found.ok()

        @settings(max_examples=EXAMPLES, deadline=None, database=None, suppress_health_check=list(HealthCheck))
        @given(case=operation.as_strategy(), key=st.uuids(), is_known=st.booleans())
        def run(case: Any, key: Any, is_known: bool) -> None:
            sent = dict(headers)
            # Half of the requests name a member who stands there and carry a good key, so that they reach the book.
            if is_known and isinstance(case.body, dict) and "member" in case.body:
                case.body = {**case.body, "member": headers["Member-Token"]}
                case.body.pop("outlet", None)
                sent["Idempotency-Key"] = str(key)
            case.call_and_validate(headers=sent, checks=CHECKS)

        try:
            run()
        except (AssertionError, FailureGroup) as failure:
            wrong.append(f"{operation.label}: {failure}")
    assert not wrong, "\n\n".join(wrong)
