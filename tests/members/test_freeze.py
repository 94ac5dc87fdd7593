"""Freezing at once, unfreezing with a proof."""

from __future__ import annotations

import re

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from alliance.actors import Actor
from alliance.models import Event
from alliance.ports import outbox
from members.models import Member
from points import identify
from points.models import Wallet
from tests.factories import members, shops

pytestmark = pytest.mark.django_db


def is_frozen(member: Member) -> bool:
    return Wallet.objects.get(pk=member.wallet_id).frozen_at is not None


@pytest.fixture
def frozen(page: Client, lin: Member) -> Member:
    page.post(reverse("freeze"))
    return lin


def test_it_works(page: Client, lin: Member):
    hotpot = shops.shop(matures_days=0)
    shops.sale(hotpot, lin.wallet_id, 100_00)
    assert page.post(reverse("freeze"))["Location"] == reverse("me")
    assert is_frozen(lin)
    assert "Your points are frozen" in page.get("/").content.decode()
    with pytest.raises(AssertionError, match="wallet_frozen"):
        shops.sale(hotpot, lin.wallet_id, 10_00, spend=100)
    assert Event.objects.filter(verb="wallet.frozen", actor=f"user:{lin.user_id}").count() == 1


def test_freezing_twice_is_freezing_once(page: Client, frozen: Member):
    page.post(reverse("freeze"))
    assert is_frozen(frozen)
    assert Event.objects.filter(verb="wallet.frozen").count() == 1


def test_a_code_unfreezes(page: Client, frozen: Member):
    page.post(reverse("safety_code"), {"to": "unfreeze"})
    message = outbox.last(frozen.user.phone or "")
    assert message is not None
    code = re.search(r"\d{6}", message["text"]).group()
    assert page.post(reverse("unfreeze"), {"code": code})["Location"] == reverse("me")
    assert not is_frozen(frozen)


def test_the_pin_unfreezes(page: Client, frozen: Member):
    identify.set_pin(wallet_id=frozen.wallet_id, pin="738264", actor=Actor.system("tests"), at=timezone.now())
    assert page.post(reverse("unfreeze"), {"pin": "738265"}).status_code == 422
    assert is_frozen(frozen)
    assert page.post(reverse("unfreeze"), {"pin": "738264"}).status_code == 302
    assert not is_frozen(frozen)


def test_without_a_proof_it_stays_frozen(page: Client, frozen: Member):
    for given in ({}, {"code": ""}, {"code": "123456"}, {"pin": "738264"}):
        assert page.post(reverse("unfreeze"), given).status_code == 422
    assert is_frozen(frozen)


def test_nothing_to_unfreeze_leads_back(page: Client):
    assert page.get(reverse("unfreeze"))["Location"] == reverse("me")


def test_others_find_nothing(client: Client):
    client.force_login(members.user())
    assert client.post(reverse("freeze")).status_code == 404
    assert client.get(reverse("unfreeze")).status_code == 404
