"""The member's code: valid in its step and the next, once; a screenshot is worth nothing a minute later."""

from __future__ import annotations

import itertools
import json
from datetime import datetime, timedelta

import pytest
import time_machine
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from members.models import Member
from points import accounts, identify
from points.refusals import Refused
from tests.factories import members, shops

pytestmark = pytest.mark.django_db
NOON = datetime(2026, 11, 20, 12, 0, 5, tzinfo=timezone.get_default_timezone())


@pytest.fixture(autouse=True)
def _noon():
    with time_machine.travel(NOON, tick=False):
        yield


def steps(page: Client) -> list[dict[str, str]]:
    return json.loads(page.get(reverse("code_json")).content)["steps"]


def test_it_works(page: Client, lin: Member):
    answer = page.get(reverse("code"))
    text = answer.content.decode()
    assert answer.status_code == 200
    code = identify.show_code(lin.wallet_id, NOON)
    assert code.digits[:4] in text
    assert code.mark in text
    assert '<svg xmlns="http://www.w3.org/2000/svg"' in text
    assert identify.by_code(code.digits, NOON).wallet_id == lin.wallet_id
    assert "no-store" in answer["Cache-Control"]


def test_ten_steps_are_given_for_a_moment_without_network(page: Client, lin: Member):
    given = steps(page)
    assert len(given) == 10
    starts = [datetime.fromisoformat(step["valid_from"]) for step in given]
    assert [(b - a).total_seconds() for a, b in itertools.pairwise(starts)] == [30] * 9
    assert len({step["digits"] for step in given}) == 10
    for step, start in zip(given, starts, strict=True):
        with time_machine.travel(start + timedelta(seconds=1)):
            assert identify.by_code(step["digits"], timezone.now()).wallet_id == lin.wallet_id


def test_a_code_that_was_used_is_not_shown_again(page: Client, lin: Member):
    before = steps(page)
    identify.by_code(before[0]["digits"], NOON)
    after = steps(page)
    assert after[0] == before[1]
    text = page.get(reverse("code")).content.decode()
    assert before[0]["grouped"] not in text
    assert "is-stale" in text
    assert json.loads(page.get(reverse("code_watch")).content) == {"used": True}
    with pytest.raises(Refused, match="code_used"):
        identify.by_code(before[0]["digits"], NOON)


def test_a_screenshot_is_useless_a_minute_later(page: Client):
    digits = steps(page)[0]["digits"]
    with pytest.raises(Refused, match="code_expired"):
        identify.by_code(digits, NOON + timedelta(seconds=61))


def test_the_page_learns_what_was_booked(page: Client, lin: Member):
    hotpot = shops.shop(matures_days=0)
    assert json.loads(page.get(reverse("code_watch"), {"since": "0"}).content) == {"used": False}
    outcome = shops.sale(hotpot, lin.wallet_id, 100_00)
    answer = json.loads(page.get(reverse("code_watch"), {"since": "0"}).content)
    assert answer["href"] == f"{reverse('entry', args=[outcome.sale_id])}?new=1"
    assert "just been booked" in page.get(answer["href"]).content.decode()
    assert json.loads(page.get(reverse("code_watch"), {"since": "x'"}).content) == {"used": False}


def test_a_frozen_wallet_has_no_code(page: Client, lin: Member):
    accounts.freeze(lin.wallet_id, actor=shops.SYSTEM, at=NOON)
    assert steps(page) == []
    text = page.get(reverse("code")).content.decode()
    assert "Your points are frozen" in text
    assert "data-code-digits" not in text


def test_strangers_and_others_get_nothing(client: Client):
    for name in ("code", "code_json", "code_watch"):
        assert client.get(reverse(name))["Location"].startswith(reverse("login"))
    client.force_login(members.user())
    for name in ("code", "code_json", "code_watch"):
        assert client.get(reverse(name)).status_code == 404


def test_the_page_takes_few_queries(page: Client, django_assert_max_num_queries):
    page.get(reverse("code"))
    with django_assert_max_num_queries(10):
        page.get(reverse("code"))
