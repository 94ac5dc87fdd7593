"""Becoming a member: after the code, one page with one tick."""

from __future__ import annotations

import logging
import re
from datetime import timedelta

import pytest
import time_machine
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from alliance.models import SignIn, User
from alliance.ports import outbox
from members.models import Member
from points.models import Wallet
from tests.factories import members

pytestmark = pytest.mark.django_db
JOIN = "/join/"
PHONE = "+8613900000077"


@pytest.fixture
def newcomer(client: Client) -> Client:
    """A browser in which a phone that nobody knows was proved."""
    client.cookies["language"] = "en"
    client.post(reverse("login"), {"address": "139 0000 0077"})
    message = outbox.last(PHONE)
    assert message is not None
    code = re.search(r"\d{6}", message["text"]).group()
    assert client.post(reverse("login_code"), {"code": code})["Location"] == JOIN
    return client


def test_it_works(newcomer: Client):
    text = newcomer.get(JOIN).content.decode()
    assert "139 0000 0077" in text
    assert reverse("text", args=["terms"]) in text
    assert reverse("text", args=["privacy"]) in text
    answer = newcomer.post(JOIN, {"name": "小周", "agreed": "on"})
    assert answer["Location"] == reverse("front")
    member = Member.objects.get()
    assert (member.user.phone, member.user.name) == (PHONE, "小周")
    assert newcomer.session["_auth_user_id"] == str(member.user_id)
    assert SignIn.objects.filter(user=member.user).count() == 1
    assert newcomer.get("/").status_code == 200


def test_without_the_tick_nobody_joins(newcomer: Client):
    answer = newcomer.post(JOIN, {"name": "小周"})
    assert answer.status_code == 422
    assert "please agree first" in answer.content.decode()
    assert (User.objects.count(), Wallet.objects.count()) == (0, 0)


def test_the_name_may_stay_empty(newcomer: Client):
    newcomer.post(JOIN, {"agreed": "on"})
    assert Member.objects.get().user.name == ""


def test_without_a_proved_address_there_is_no_joining(client: Client):
    assert client.get(JOIN)["Location"] == reverse("login")
    assert client.post(JOIN, {"agreed": "on"})["Location"] == reverse("login")
    assert Member.objects.count() == 0


def test_a_proof_lasts_a_quarter_of_an_hour(newcomer: Client):
    with time_machine.travel(timezone.now() + timedelta(minutes=16)):
        assert newcomer.post(JOIN, {"agreed": "on"})["Location"] == reverse("login")
    assert Member.objects.count() == 0


def test_pressing_twice_makes_one_member(newcomer: Client):
    newcomer.post(JOIN, {"agreed": "on"})
    assert newcomer.post(JOIN, {"agreed": "on"})["Location"] == reverse("home")
    assert Member.objects.count() == 1


def test_a_shops_staff_joins_without_a_second_code(client: Client):
    user = members.user(name="收银员")
    client.force_login(user)
    assert client.get(JOIN).status_code == 200
    client.post(JOIN, {"agreed": "on"})
    assert Member.objects.get().user == user


def test_console_staff_do_not_join_with_their_console_login(client: Client):
    client.force_login(User.objects.create_superuser(email="hq@example.com", password="not-used-here-1"))
    assert client.post(JOIN, {"agreed": "on"})["Location"] == reverse("login")
    assert Member.objects.count() == 0


def test_a_member_is_sent_home(page: Client):
    assert page.get(JOIN)["Location"] == reverse("home")


def test_a_name_that_is_a_script_is_only_text(newcomer: Client):
    newcomer.post(JOIN, {"name": "<script>alert(1)", "agreed": "on"})
    text = newcomer.get("/").content.decode()
    assert "<script>alert(1)" not in text
    assert "&lt;script&gt;alert(1)" in text


def test_no_personal_data_in_the_logs(newcomer: Client, caplog):
    with caplog.at_level(logging.DEBUG):
        newcomer.post(JOIN, {"name": "小周来了", "agreed": "on"})
        newcomer.get("/me/")
        newcomer.post(reverse("rename"), {"name": "新名字"})
        newcomer.get("/me/data/")
    written = " ".join(record.getMessage() for record in caplog.records)
    for secret in (PHONE, PHONE[3:], "小周来了", "新名字", Member.objects.get().number):
        assert secret not in written
