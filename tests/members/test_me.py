"""The member's own page."""

from __future__ import annotations

import pytest
from django.test import Client
from django.urls import reverse

from alliance.models import Event, User
from members.models import Member
from tests.factories import members
from tests.members.conftest import browser

pytestmark = pytest.mark.django_db
ME = "/me/"


def test_it_works(page: Client, lin: Member):
    answer = page.get(ME)
    text = answer.content.decode()
    assert answer.status_code == 200
    assert "林婶" in text
    assert lin.grouped_number in text
    assert lin.user.masked in text
    assert lin.user.phone[3:] not in text
    assert "Version 2026-11" in " ".join(text.split())


def test_the_name_can_be_changed(page: Client, lin: Member):
    page.post(reverse("rename"), {"name": "  林大姐 "})
    assert User.objects.get(pk=lin.user_id).name == "林大姐"
    event = Event.objects.get(verb="user.renamed")
    assert "林大姐" not in str(event.facts)
    assert page.get(reverse("rename")).status_code == 405


def test_a_name_that_is_too_long_changes_nothing(page: Client, lin: Member):
    page.post(reverse("rename"), {"name": "长" * 31})
    assert User.objects.get(pk=lin.user_id).name == "林婶"


def test_language_and_theme_are_kept_in_the_profile(page: Client, lin: Member):
    page.post(reverse("language"), {"language": "en", "next": ME})
    page.post(reverse("theme"), {"theme": "dark", "next": ME})
    user = User.objects.get(pk=lin.user_id)
    assert (user.language, user.theme) == ("en", "dark")
    other = Client()
    other.force_login(user)
    text = other.get(ME).content.decode()
    assert '<html lang="en"' in text
    assert 'data-theme="lianhui-dark"' in text


def test_the_page_takes_few_queries(page: Client, django_assert_max_num_queries):
    page.get(ME)
    with django_assert_max_num_queries(15):
        page.get(ME)


def test_others_find_nothing(client: Client):
    assert client.get(ME)["Location"].startswith(reverse("login"))
    client.force_login(members.user())
    assert client.get(ME).status_code == 404


def test_the_page_speaks_the_language_of_the_reader(lin: Member):
    assert '<html lang="zh-CN"' in browser(lin, "zh-hans").get(ME).content.decode()
