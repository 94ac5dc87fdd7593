"""Everything that we hold about a member, for the member alone."""

from __future__ import annotations

import json

import pytest
from django.test import Client
from django.urls import reverse

from members.models import Member
from points.models import Wallet
from tests.factories import members, shops

pytestmark = pytest.mark.django_db
DATA = "/me/data/"


def test_it_works(page: Client, lin: Member, zhou: Member):
    hotpot = shops.shop(matures_days=0)
    shops.sale(hotpot, lin.wallet_id, 100_00)
    shops.sale(hotpot, lin.wallet_id, 20_00, spend=300)
    shops.sale(hotpot, zhou.wallet_id, 77_00)
    answer = page.get(DATA)
    assert answer["Content-Disposition"].startswith(f'attachment; filename="lianhui-{lin.number}-')
    data = json.loads(answer.content)
    assert data["member"]["phone"] == lin.user.phone
    assert [consent["purpose"] for consent in data["consents"]] == ["terms", "privacy"]
    wallet = data["wallet"]
    assert wallet["balance"] == Wallet.objects.get(pk=lin.wallet_id).balance == 300
    assert sum(movement["points"] for movement in wallet["movements"]) == 300
    assert sum(lot["points"] for lot in wallet["lots"]) == 300
    assert len(wallet["movements"]) == 3
    assert zhou.number not in answer.content.decode()
    assert "no-store" in answer["Cache-Control"]


def test_more_than_one_chunk_is_complete(page: Client, lin: Member, monkeypatch):
    monkeypatch.setattr("members.wallets.EXPORT_CHUNK", 3)
    hotpot = shops.shop(matures_days=0)
    for _ in range(10):
        shops.sale(hotpot, lin.wallet_id, 10_00)
    movements = json.loads(page.get(DATA).content)["wallet"]["movements"]
    assert len({movement["journal"] for movement in movements}) == len(movements) == 10


def test_no_secret_is_in_it(page: Client, lin: Member):
    text = page.get(DATA).content.decode()
    for word in ("secret", "pin_hash", "password", "session_key"):
        assert word not in text


def test_others_find_nothing(client: Client):
    assert client.get(DATA)["Location"].startswith(reverse("login"))
    client.force_login(members.user())
    assert client.get(DATA).status_code == 404
