"""Careless and hostile callers: each gets a stable code, and nothing is half-done."""

from __future__ import annotations

import json
from datetime import UTC, timedelta
from typing import Any

import pytest
from django.core.signing import Signer
from django.test import Client
from django.utils import timezone

from points.models import Pass, Sale
from tests.api.conftest import Machine
from tests.cast import LIN_PHONE, Town
from tests.factories.merchants import token
from tests.factories.shops import sale


def code(answer: Any) -> tuple[int, str]:
    assert answer["Content-Type"] == "application/problem+json"
    return answer.status_code, answer.json()["code"]


def bill(town: Town, **more: Any) -> dict[str, Any]:
    return {
        "outlet": town.hotpot.outlet.pk,
        "member": token(town.hotpot, town.lin.wallet_id),
        "bill_fen": 1_000,
        **more,
    }


# --- the body --------------------------------------------------------------------------------------


def test_a_body_of_ten_megabytes(town: Town, pos: Machine) -> None:
    answer = pos.post("sales", b" " * 10_000_000)
    assert code(answer) == (413, "body_too_large")
    assert "X-RateLimit-Remaining" in answer and "Set-Cookie" not in answer.headers


def test_a_body_without_its_length_is_not_taken_for_an_empty_one(town: Town, pos: Machine) -> None:
    headers = {
        "Authorization": f"Bearer {pos.secret}",
        "Idempotency-Key": "a-key-of-mine",
        "Transfer-Encoding": "chunked",
    }
    body = json.dumps(bill(town))
    answer = pos.client.generic("POST", "/api/v1/sales", body, "application/json", headers=headers, CONTENT_LENGTH="")
    assert code(answer) == (411, "length_required")
    assert not Sale.objects.filter(outlet_id=town.hotpot.outlet.pk).exists()


def test_thousands_of_unknown_fields_are_not_all_told(town: Town, pos: Machine) -> None:
    answer = pos.post("sales", {**bill(town), **{f"field{n}": 1 for n in range(3_000)}})
    assert code(answer) == (422, "input_invalid")
    assert len(answer.json()["fields"]) == 20


@pytest.mark.parametrize(
    "given",
    [
        "2026-11-23T08:00:00",
        "2026-11-23",
        "２０２６-11-23T08:00:00Z",
        "2026-W48-1T08:00:00Z",
        "2026-11-23T08:00:00+08",
        "2026-11-23T08:00:00 +08:00",
        "20261123T080000Z",
        "2026-11-23T08:00:00−08:00",
        "2026-02-30T08:00:00Z",
        "2026-11-23T08:00:00+25:00",
        "0001-01-01T00:00:00+14:00",
    ],
)
def test_times_that_could_be_read_in_two_ways(town: Town, pos: Machine, given: str) -> None:
    answer = pos.post("sales", bill(town, occurred_at=given))
    assert code(answer) == (422, "input_invalid")
    assert [field["field"] for field in answer.json()["fields"]] == ["occurred_at"]


@pytest.mark.parametrize(
    ("ahead", "is_booked"), [(timedelta(minutes=3, seconds=50), True), (timedelta(minutes=4, seconds=10), False)]
)
def test_a_clock_that_is_ahead(town: Town, pos: Machine, ahead: timedelta, is_booked: bool) -> None:
    """The book itself takes five minutes: what a front lets through must not fail there for a second's difference."""
    answer = pos.post("sales", bill(town, occurred_at=(timezone.now() + ahead).isoformat()))
    if is_booked:
        assert answer.status_code == 201
    else:
        assert code(answer) == (422, "time_out_of_range")


@pytest.mark.parametrize(
    "written",
    ["{:%Y-%m-%dT%H:%M}Z", "{:%Y-%m-%d %H:%M:%S%z}", "{:%Y-%m-%dt%H:%M:%S.%f}z", "{:%Y-%m-%dT%H:%M:%S}-00:00"],
)
def test_times_as_rfc_3339_has_them(town: Town, pos: Machine, written: str) -> None:
    at = written.format(timezone.now().astimezone(UTC))
    assert pos.post("sales", bill(town, occurred_at=at)).status_code == 201


def test_answers_are_in_utc(town: Town, pos: Machine) -> None:
    booked = pos.post("sales", bill(town)).json()
    assert booked["booked_at"].endswith("Z") and booked["void_until"].endswith("Z")
    (row,) = pos.get("statement").json()["items"]
    assert row["booked_at"] == booked["booked_at"] and row["occurred_at"].endswith("Z")
    assert pos.get("me").json()["created_at"].endswith("Z")
    shown = pos.post("identify", {"outlet": town.hotpot.outlet.pk, "member": LIN_PHONE}).json()
    assert shown["expires_at"].endswith("Z")
    void = pos.post(f"sales/{booked['id']}/void", {"outlet": town.hotpot.outlet.pk}).json()
    assert void["booked_at"].endswith("Z")


HIDDEN = ["a\x85b", "a\u2028b", "\u202e0001", "a\u2066b\u2069", "\x9b31m", "\ufeff1"]
HIDDEN += ["a\u200bb", "a\xadb", "\u061c1", "a\u2060b", "\u180e", "a\U000e0041", "\u200c", "\ufffc"]


@pytest.mark.parametrize("given", HIDDEN)
def test_references_hold_nothing_that_hides_or_turns_a_line_around(town: Town, pos: Machine, given: str) -> None:
    assert code(pos.post("sales", bill(town, reference=given))) == (422, "reference_invalid")


@pytest.mark.parametrize("given", ["👩\u200d🍳 7", "❤\ufe0f", "单号 №12-é"])
def test_references_hold_what_people_write(town: Town, pos: Machine, given: str) -> None:
    sent = pos.post("sales", bill(town, reference=given))
    assert sent.status_code == 201
    assert pos.get("statement").json()["items"][0]["reference"] == given


def test_the_character_that_cannot_be_kept_is_refused_in_our_own_words(town: Town, pos: Machine) -> None:
    answer = pos.post("sales", bill(town, reference="a\x00b"), **{"Accept-Language": "zh-hans"})
    assert code(answer) == (422, "input_invalid")
    assert "空字符（NUL）" in answer.content.decode()


@pytest.mark.parametrize("pin", ["1", "12345", "１２３４５６", "😀😀😀😀😀😀", "12345a", " 12345", "abcdef"])
def test_what_is_no_pin_costs_no_try(town: Town, pos: Machine, pin: str) -> None:
    member = token(town.hotpot, town.lin.wallet_id, proof="phone")
    for path, more in (("identify", {}), ("sales", {"bill_fen": 1_000, "spend_points": 10})):
        answer = pos.post(path, {"outlet": town.hotpot.outlet.pk, "member": member, "pin": pin, **more})
        assert code(answer) == (422, "input_invalid")
    assert Pass.objects.get(pk=town.lin.wallet_id).pin_tries == 0


# --- the address -----------------------------------------------------------------------------------


def test_a_cursor_of_another_list(town: Town, pos: Machine) -> None:
    for n in range(2):
        sale(town.hotpot, town.lin.wallet_id, 1_000 + n)
    cursor = pos.get("statement?limit=1").json()["next"]
    assert code(pos.get(f"outlets?cursor={cursor}")) == (422, "cursor_invalid")
    # Even one that we signed ourselves, with something else in it.
    for place in ("x", [1], {"a": 1}, ["2026-01-01", 1], ["2026-01-01T00:00:00", 1], [None, None], 2**70, -1, True):
        for path in ("statement", "outlets"):
            forged = Signer(salt=f"merchants.api.cursor.{path}").sign_object(place)
            assert code(pos.get(f"{path}?cursor={forged}")) == (422, "cursor_invalid"), (path, place)


@pytest.mark.parametrize(
    "path", ["statement?form=2026-11-01", "statement?limits=5", "outlets?outlet=1", "me?x=", "members/balance?member=1"]
)
def test_a_misspelt_parameter_is_not_left_out_in_silence(town: Town, pos: Machine, path: str) -> None:
    answer = pos.get(path)
    assert code(answer) == (422, "parameter_unknown")
    assert answer.json()["facts"]["name"] == path.partition("?")[2].partition("=")[0]


def test_a_write_takes_no_parameters(town: Town, pos: Machine) -> None:
    assert code(pos.post("sales?bill_fen=1", bill(town))) == (422, "parameter_unknown")
    assert not Sale.objects.filter(outlet_id=town.hotpot.outlet.pk).exists()


def test_a_parameter_that_stands_twice(town: Town, pos: Machine) -> None:
    assert code(pos.get("statement?limit=5&limit=7")) == (422, "parameter_twice")


@pytest.mark.parametrize("day", ["2026-W48-1", "２０２６-11-01", "20261101", "2026-11-1", "+026-11-01", "1999-12-31"])
def test_days_are_written_in_one_way(town: Town, pos: Machine, day: str) -> None:
    assert code(pos.get(f"statement?from={day}")) == (422, "day_invalid")


@pytest.mark.parametrize("method", ["OPTIONS", "HEAD", "PUT", "DELETE", "PATCH", "TRACE"])
@pytest.mark.parametrize("path", ["docs", "openapi.json", "me", "sales", "sales/1/void", "nothing"])
def test_other_methods(town: Town, pos: Machine, path: str, method: str) -> None:
    answer = pos.client.generic(method, f"/api/v1/{path}", headers={"Authorization": f"Bearer {pos.secret}"})
    assert answer.status_code in ((200, 404, 405) if method == "HEAD" else (404, 405))
    if answer.status_code >= 400 and method != "HEAD":
        code(answer)
        assert path == "nothing" or "GET" in answer["Allow"] or "POST" in answer["Allow"]


def test_a_stranger_host(town: Town) -> None:
    assert code(Client().get("/api/v1/me", headers={"Host": "evil.example"})) == (400, "request_unreadable")


def test_a_refused_key_is_told_how_to_ask(town: Town) -> None:
    answer = Machine("lh_live_wrong").get("me")
    assert code(answer) == (401, "api_key_unknown")
    assert answer["WWW-Authenticate"] == 'Bearer realm="lianhui"'


def test_a_header_cannot_bring_another_one(town: Town, pos: Machine) -> None:
    answer = pos.get("me", **{"X-Request-ID": "abcdefgh\r\nSet-Cookie: a=b"})
    assert "Set-Cookie" not in answer.headers and "\r" not in answer["X-Request-ID"]
