"""Setting and changing the PIN, with a proof."""

from __future__ import annotations

import re

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from alliance.actors import Actor
from alliance.models import Event
from alliance.ports import outbox
from alliance.refusals import Refused
from members.models import Member
from points import identify
from tests.factories import members

pytestmark = pytest.mark.django_db
PIN = "/me/pin/"
GOOD, OTHER = "738264", "951357"


def code_of(member: Member) -> str:
    message = outbox.last(member.user.phone or "")
    assert message is not None
    return re.search(r"\d{6}", message["text"]).group()


def works(member: Member, pin: str) -> bool:
    try:
        identify.check_pin(member.wallet_id, pin, timezone.now())
    except Refused:
        return False
    return True


@pytest.fixture
def with_pin(lin: Member) -> Member:
    identify.set_pin(wallet_id=lin.wallet_id, pin=GOOD, actor=Actor.system("tests"), at=timezone.now())
    return lin


def test_it_works(page: Client, lin: Member):
    text = page.get(PIN).content.decode()
    assert 'name="code"' in text
    assert 'name="pin"' not in text
    assert page.post(reverse("safety_code"), {"to": "pin"})["Location"] == f"{PIN}?by=code"
    answer = page.post(PIN, {"code": code_of(lin), "new": GOOD, "again": GOOD})
    assert answer["Location"] == reverse("me")
    assert works(lin, GOOD)
    assert Event.objects.filter(verb="wallet.pin_set").count() == 1


def test_the_old_pin_is_a_proof(page: Client, with_pin: Member):
    assert 'name="pin"' in page.get(PIN).content.decode()
    assert page.post(PIN, {"pin": GOOD, "new": OTHER, "again": OTHER}).status_code == 302
    assert works(with_pin, OTHER)


def test_a_wrong_old_pin_changes_nothing(page: Client, with_pin: Member):
    answer = page.post(PIN, {"pin": "000000", "new": OTHER, "again": OTHER})
    assert answer.status_code == 422
    assert works(with_pin, GOOD)


def test_five_wrong_pins_lock_and_a_code_opens(page: Client, with_pin: Member):
    for _ in range(5):
        page.post(PIN, {"pin": "000000", "new": OTHER, "again": OTHER})
    assert not works(with_pin, GOOD)
    page.post(reverse("safety_code"), {"to": "pin"})
    assert page.post(f"{PIN}?by=code", {"code": code_of(with_pin), "new": OTHER, "again": OTHER}).status_code == 302
    assert works(with_pin, OTHER)


@pytest.mark.parametrize(
    "new", ["", "12345", "1234567", "abcdef", "111111", "123456", "654321", "121212", "１２３４５７", "💰"]
)
def test_a_weak_pin_is_refused_before_the_proof_is_used(page: Client, with_pin: Member, new: str):
    assert page.post(PIN, {"pin": GOOD, "new": new, "again": new}).status_code == 422
    assert works(with_pin, GOOD)


def test_the_two_must_match(page: Client, with_pin: Member):
    answer = page.post(PIN, {"pin": GOOD, "new": OTHER, "again": "951358"})
    assert answer.status_code == 422
    assert "do not match" in answer.content.decode()
    assert works(with_pin, GOOD)


def test_no_proof_no_change(page: Client, with_pin: Member):
    for url in (PIN, f"{PIN}?by=code"):
        assert page.post(url, {"new": OTHER, "again": OTHER}).status_code == 422
    assert works(with_pin, GOOD)


def test_a_sign_in_code_is_no_proof_here(page: Client, lin: Member):
    Client().post(reverse("login"), {"address": lin.user.phone})
    assert page.post(PIN, {"code": code_of(lin), "new": GOOD, "again": GOOD}).status_code == 422
    assert not identify.has_pin(lin.wallet_id)


def test_the_pin_is_in_no_page_and_no_event(page: Client, with_pin: Member):
    assert GOOD not in page.get("/me/").content.decode()
    assert not any(GOOD in str(event.facts) for event in Event.objects.all())


def test_others_find_nothing(client: Client):
    client.force_login(members.user())
    assert client.get(PIN).status_code == 404
    assert client.post(reverse("safety_code")).status_code == 404


def test_the_page_shows_no_code_of_the_sign_in(page: Client, lin: Member):
    Client().post(reverse("login"), {"address": lin.user.phone})
    assert code_of(lin) not in page.get(PIN).content.decode()
    page.post(reverse("safety_code"), {"to": "pin"})
    assert code_of(lin) in page.get(PIN).content.decode()
