"""What is around every page: request id, language, theme, health, errors, refusals."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest
from django.core.cache import cache
from django.db import OperationalError
from django.http import HttpRequest
from django.test import Client, RequestFactory, override_settings
from django.urls import path
from rest_framework.exceptions import ErrorDetail, MethodNotAllowed, ParseError, Throttled, ValidationError

from alliance import middleware
from alliance.api import problems
from alliance.models import User
from alliance.refusals import NOT_ALLOWED
from alliance.tasks import HEARTBEAT
from alliance.urls import urlpatterns as real
from tests.factories.members import user as somebody


def refuses(request: HttpRequest) -> Any:
    raise NOT_ALLOWED()


def breaks(request: HttpRequest) -> Any:
    raise RuntimeError("13800138001")


def away(request: HttpRequest) -> Any:
    raise OperationalError("server closed the connection unexpectedly")


urlpatterns = [
    *real,
    path("refuses/", refuses),
    path("breaks/", breaks),
    path("api/v1/breaks", breaks),
    path("away/", away),
    path("api/v1/away", away),
]
handler404 = "alliance.web.errors.not_found"
handler500 = "alliance.web.errors.broken"


@pytest.fixture
def client(db: None) -> Client:
    cache.clear()
    return Client(raise_request_exception=False)


def test_a_request_gets_an_id_or_keeps_its_own(client: Client) -> None:
    assert len(client.get("/healthz").headers["X-Request-ID"]) == 32
    assert client.get("/healthz", headers={"X-Request-ID": "till-7-000042"}).headers["X-Request-ID"] == "till-7-000042"


@pytest.mark.parametrize(
    "bad", ["short", "x" * 65, "with space 1", "<script>alert(1)", "phone-13800138001", "a@b.cn-aaaa"]
)
def test_an_id_that_is_no_id_is_replaced(client: Client, bad: str) -> None:
    assert client.get("/healthz", headers={"X-Request-ID": bad}).headers["X-Request-ID"] != bad


def test_health(client: Client) -> None:
    assert client.get("/healthz").json() == {"status": "ok"}
    assert set(client.get("/version").json()) == {"name", "version", "demo"}


def test_readiness_names_what_is_missing(client: Client) -> None:
    answer = client.get("/readyz")
    checks = answer.json()["checks"]
    assert set(checks) == {"database", "migrations", "broker", "beat", "disk"}
    assert answer.status_code == 503
    assert checks["database"] == checks["migrations"] == "ok"
    assert "not been seen" in checks["beat"]
    cache.set(HEARTBEAT, time.time() - 1000)
    assert "seconds ago" in client.get("/readyz").json()["checks"]["beat"]
    cache.set(HEARTBEAT, time.time())
    assert client.get("/readyz").json()["checks"]["beat"] == "ok"


def test_pages_speak_chinese_whatever_the_browser_asks_for(client: Client) -> None:
    assert client.get("/login/", headers={"Accept-Language": "en"}).headers["Content-Language"] == "zh-hans"


def test_the_api_listens_to_the_caller(client: Client) -> None:
    assert client.get("/api/v1/me", headers={"Accept-Language": "en"}).headers["Content-Language"] == "en"
    assert client.get("/api/v1/me").headers["Content-Language"] == "zh-hans"


def test_switching_the_language_stays_with_browser_and_profile(client: Client) -> None:
    user = somebody()
    client.force_login(user, backend="alliance.auth.StaffBackend")
    answer = client.post("/lang/", {"language": "en", "next": "/login/"})
    assert answer.headers["Location"] == "/login/"
    assert answer.cookies["language"].value == "en"
    assert User.objects.get(pk=user.pk).language == "en"
    elsewhere = Client()
    elsewhere.force_login(user, backend="alliance.auth.StaffBackend")
    assert elsewhere.get("/devices/").headers["Content-Language"] == "en"


@pytest.mark.parametrize("language", ["xx", "", "zh-hans; path=/", "e" * 500])
def test_an_unknown_language_is_chinese(client: Client, language: str) -> None:
    assert client.post("/lang/", {"language": language}).cookies["language"].value == "zh-hans"


@pytest.mark.parametrize("target", ["https://evil.example/", "//evil.example", "javascript:alert(1)"])
def test_the_switch_leads_to_our_own_pages_only(client: Client, target: str) -> None:
    assert client.post("/lang/", {"language": "en", "next": target}).headers["Location"] == "/"


def test_switching_the_theme(client: Client) -> None:
    user = somebody()
    client.force_login(user, backend="alliance.auth.StaffBackend")
    assert client.post("/theme/", {"theme": "dark"}, headers={"HX-Request": "true"}).status_code == 204
    assert User.objects.get(pk=user.pk).theme == "dark"
    assert client.post("/theme/", {"theme": "pink"}).cookies["theme"].value == "system"


@override_settings(ROOT_URLCONF="tests.alliance.test_pages")
def test_a_refusal_becomes_a_message_and_the_way_back(client: Client) -> None:
    answer = client.post("/refuses/", headers={"Referer": "http://testserver/login/"})
    assert answer.status_code == 302
    assert answer.headers["Location"] == "http://testserver/login/"
    assert client.post("/refuses/", headers={"Referer": "https://evil.example/"}).status_code == 403
    assert client.get("/refuses/").status_code == 403
    answer = client.post("/refuses/", headers={"HX-Request": "true"})
    assert answer.status_code == 403
    assert json.loads(answer.headers["HX-Trigger"])["refused"]["code"] == "not_allowed"


@override_settings(ROOT_URLCONF="tests.alliance.test_pages")
def test_broken_pages_say_so_in_both_languages(client: Client) -> None:
    for language, word in (("zh-hans", "zh-hans"), ("en", "en")):
        client.cookies["language"] = language
        for address, status in (("/breaks/", 500), ("/nothing-here/", 404)):
            answer = client.get(address)
            assert answer.status_code == status
            assert answer.headers["Content-Language"] == word
            assert "13800138001" not in answer.content.decode()
    answer = client.get("/api/v1/breaks")
    assert answer.status_code == 500
    assert answer.headers["Content-Type"] == problems.CONTENT_TYPE
    assert answer.json()["code"] == "server_error"


@override_settings(ROOT_URLCONF="tests.alliance.test_pages")
def test_while_the_database_is_away_one_is_asked_to_come_back(client: Client) -> None:
    client.raise_request_exception = False
    page, answer = client.get("/away/"), client.get("/api/v1/away")
    assert (page.status_code, page.headers["Retry-After"]) == (503, "5")
    assert "请稍候再试" in page.content.decode()
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "5")
    assert answer.json()["code"] == "try_again"


def test_an_address_of_the_api_that_is_not_there_is_a_problem(client: Client) -> None:
    answer = client.get("/api/v1/nothing", headers={"X-Request-ID": "till-7-000042"})
    assert answer.status_code == 404
    assert answer.json() == {
        "type": "urn:lianhui:problem:not_found",
        "title": answer.json()["title"],
        "status": 404,
        "code": "not_found",
        "request_id": "till-7-000042",
    }


def handled(error: Exception) -> tuple[int, dict[str, Any], Any]:
    request = RequestFactory().get("/api/v1/x")
    response = problems.handler(error, {"request": request})
    assert response is not None
    return response.status_code, response.data, response.headers


def test_problems_of_fields_name_the_field() -> None:
    detail = {"bills": [{}, {"paid_fen": [ErrorDetail("Too much.", "max_value")]}], "non_field_errors": ["No."]}
    status, data, _headers = handled(ValidationError(detail))
    assert status == 422
    assert data["code"] == "input_invalid"
    assert {"field": "bills.1.paid_fen", "code": "max_value", "message": "Too much."} in data["fields"]
    assert "" in {row["field"] for row in data["fields"]}


def test_other_problems() -> None:
    status, data, headers = handled(Throttled(wait=2.2))
    assert (status, data["code"], headers["Retry-After"]) == (429, "too_many_requests", "3")
    assert handled(ParseError())[1]["code"] == "body_unreadable"
    status, data, _headers = handled(MethodNotAllowed("PUT"))
    assert (status, data["facts"]) == (405, {"method": "PUT"})
    assert problems.handler(RuntimeError(), {"request": None}) is None


def test_theme_words_are_those_of_the_profile() -> None:
    assert set(middleware.THEMES) == set(User.Theme.values)
