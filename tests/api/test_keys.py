"""The API key itself: missing, wrong, revoked, rotated; how often it may call."""

from datetime import timedelta

import pytest
from django.utils import timezone

from merchants import keys
from merchants.api import throttling
from merchants.models import ApiKey
from tests.api.conftest import Machine
from tests.cast import SYSTEM, Town
from tests.factories.merchants import api_key


def test_me_says_whose_key_it_is(town: Town, pos: Machine) -> None:
    told = pos.get("me").json()
    assert (told["merchant"], told["merchant_state"], told["is_test"]) == ("老灶火锅", "live", False)
    assert "sales:write" in told["scopes"]
    assert "digest" not in told


def test_no_key(town: Town) -> None:
    answer = Machine("").get("me")
    assert (answer.status_code, answer.json()["code"]) == (401, "api_key_missing")
    assert answer["WWW-Authenticate"].startswith("Bearer")
    assert answer.json()["request_id"] == answer["X-Request-ID"]


@pytest.mark.parametrize("secret", ["lh_live_unknown00000", "x", "lh_live_", "é"])
def test_an_unknown_key(town: Town, secret: str) -> None:
    answer = Machine(secret).get("me")
    assert (answer.status_code, answer.json()["code"]) == (401, "api_key_unknown")


def test_a_key_with_one_wrong_character(town: Town) -> None:
    secret = api_key(town.hotpot.merchant)
    answer = Machine(secret[:-1] + ("a" if secret[-1] != "a" else "b")).get("me")
    assert answer.status_code == 401


def test_a_revoked_key_is_refused_at_once(town: Town, pos: Machine) -> None:
    assert pos.get("me").status_code == 200
    keys.revoke(key=ApiKey.objects.get(), actor=SYSTEM, at=timezone.now())
    assert pos.get("me").status_code == 401


def test_a_rotated_key_overlaps(town: Town, pos: Machine) -> None:
    now = timezone.now()
    _key, secret = keys.rotate(key=ApiKey.objects.get(), actor=SYSTEM, at=now)
    assert pos.get("me").status_code == Machine(secret).get("me").status_code == 200
    assert keys.find(pos.secret, now + timedelta(hours=25)) is None
    assert keys.find(secret, now + timedelta(hours=25)) is not None


def test_only_a_digest_is_kept(town: Town, pos: Machine) -> None:
    key = ApiKey.objects.get()
    assert pos.secret.encode() not in bytes(key.digest)
    assert key.prefix == pos.secret[:16]
    assert key.last_used_at is None
    pos.get("me")
    key.refresh_from_db()
    assert key.last_used_at is not None


def test_every_answer_tells_the_rate(town: Town, pos: Machine) -> None:
    answer = pos.get("me")
    limit, _seconds = throttling.rate()
    assert (answer["X-RateLimit-Limit"], answer["X-RateLimit-Remaining"]) == (str(limit), str(limit - 1))


def test_too_many_calls(town: Town, pos: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(throttling, "rate", lambda: (2, 3600))
    assert [pos.get("me").status_code for _ in range(3)] == [200, 200, 429]
    answer = pos.get("me")
    assert answer.json()["code"] == "too_many_requests"
    assert 0 < int(answer["Retry-After"]) <= 3600
    assert answer["X-RateLimit-Remaining"] == "0"


def test_the_keys_own_language(town: Town) -> None:
    _key, secret = keys.create(
        merchant=town.hotpot.merchant,
        name="POS",
        scopes=["sales:write"],
        language="en",
        actor=SYSTEM,
        at=timezone.now(),
    )
    assert "lacks" in Machine(secret).get("outlets").json()["title"]


def test_method_and_address_and_media_type(town: Town, pos: Machine) -> None:
    assert pos.post("me", {}).json()["code"] == "method_not_allowed"
    assert pos.get("nothing").json()["code"] == "not_found"
    answer = pos.client.post(
        "/api/v1/quote", "a=1", headers={"Authorization": f"Bearer {pos.secret}"}, content_type="text/plain"
    )
    assert (answer.status_code, answer.json()["code"]) == (415, "media_type_unsupported")
