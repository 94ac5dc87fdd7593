"""Notices ahead of expiry: everybody once, whatever runs twice or is killed, and the inbox that shows them."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Any

import pytest
import time_machine
from django.db import IntegrityError, transaction
from django.test import Client
from django.utils import timezone

from alliance.models import Event, Job
from members import noticing, tasks
from members.calc.ahead import Window, windows
from members.models import Member, Notice
from points import expiring
from points.models import Lot
from tests.factories import members, shops
from tests.members.conftest import browser, day

pytestmark = pytest.mark.django_db
TODAY = date(2026, 11, 20)
MORNING = datetime(2026, 11, 20, 8, 25, tzinfo=timezone.get_default_timezone())


def lapse(member: Member, points: int, in_days: int, today: date = TODAY) -> None:
    """Give a member points that lapse so many days from now."""
    shop = shops.shop(f"店{member.pk}-{in_days}-{points}", matures_days=0, member_bps=10_000, fee_bps=0, centre_bps=0)
    shops.sale(shop, member.wallet_id, points * 100 * 100 // 800, now=MORNING)
    day_of = today + timedelta(days=in_days)
    lots = Lot.objects.filter(wallet_id=member.wallet_id, funder_id=shop.merchant.float_id)
    assert lots.update(lapses_on=day_of, expires_on=day_of, remaining=points, earned=points) == 1


def run(on: datetime = MORNING) -> int:
    with time_machine.travel(on, tick=False):
        return tasks.notices()


def told(member: Member) -> list[tuple[int, int]]:
    return list(Notice.objects.filter(member=member).order_by("pk").values_list("days_ahead", "points"))


def test_it_works(lin: Member, zhou: Member):
    lapse(lin, 500, 30)
    lapse(zhou, 800, 60)
    lapse(zhou, 200, 7)
    assert run() == 3
    assert told(lin) == [(30, 500)]
    assert sorted(told(zhou)) == [(7, 200), (60, 800)]
    job = Job.objects.get(kind=tasks.NOTICES)
    assert (job.state, job.done, job.result["told"]) == ("done", 64, 3)


def test_one_notice_adds_up_all_lots_of_its_day(lin: Member):
    lapse(lin, 300, 30)
    lapse(lin, 250, 30)
    run()
    assert told(lin) == [(30, 550)]


def test_it_is_told_three_times_in_its_life(lin: Member):
    lapse(lin, 500, 65)
    for n in range(66):
        run(MORNING + timedelta(days=n))
    assert told(lin) == [(60, 500), (30, 500), (7, 500)]
    days = [MORNING + timedelta(days=n) for n in (5, 35, 58)]
    assert list(Notice.objects.order_by("pk").values_list("created_at", flat=True)) == days


def test_small_sums_are_told_once(lin: Member, zhou: Member):
    lapse(lin, 99, 65)
    lapse(zhou, 100, 65)
    for n in range(66):
        run(MORNING + timedelta(days=n))
    assert told(lin) == [(30, 99)]
    assert [distance for distance, _points in told(zhou)] == [60, 30, 7]


def test_a_run_that_was_killed_is_finished_and_nobody_hears_twice(lin: Member, monkeypatch: pytest.MonkeyPatch):
    people = [lin, *(members.member() for _ in range(5))]
    for person in people:
        lapse(person, 500, 30)
    tell = noticing.tell_bucket
    calls = iter(range(100))

    def until_killed(*arguments: Any) -> int:
        if arguments[0] == people[3].wallet_id % 64:
            raise KeyboardInterrupt
        next(calls)
        return tell(*arguments)

    monkeypatch.setattr(noticing, "tell_bucket", until_killed)
    with pytest.raises(KeyboardInterrupt):
        run()
    assert Job.objects.get(kind=tasks.NOTICES).state == "running"
    assert 0 < Notice.objects.count() < len(people)
    monkeypatch.setattr(noticing, "tell_bucket", tell)
    run(MORNING + timedelta(hours=1))
    assert [told(person) for person in people] == [[(30, 500)]] * len(people)
    assert sorted(Job.objects.filter(kind=tasks.NOTICES).values_list("state", flat=True)) == ["done", "failed"]
    assert run(MORNING + timedelta(hours=2)) == 0


def test_chunks_that_are_smaller_than_a_bucket_tell_everybody(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(noticing, "CHUNK", 1)
    people = [members.member() for _ in range(4)]
    for person in people:
        lapse(person, 500, 30)
    assert run() == 4


def test_the_constraint_refuses_what_was_told(lin: Member):
    facts = {"member": lin, "code": "lapsing", "lapses_on": TODAY, "days_ahead": 30, "points": 5, "created_at": MORNING}
    Notice.objects.create(**facts)
    with pytest.raises(IntegrityError), transaction.atomic():
        Notice.objects.create(**facts)


def test_after_a_pause_nobody_is_forgotten_and_nobody_hears_twice_at_once():
    ordinary = list(windows(TODAY, TODAY - timedelta(days=1)))
    assert [(w.distance, (w.first - TODAY).days, (w.last - TODAY).days) for w in ordinary] == [
        (60, 60, 60), (30, 30, 30), (7, 7, 7),
    ]  # fmt: skip
    assert list(windows(TODAY, TODAY)) == []
    first = [(w.distance, (w.first - TODAY).days, (w.last - TODAY).days) for w in windows(TODAY, None)]
    assert first == [(60, 31, 60), (30, 8, 30), (7, 1, 7)]
    # After 40 days of silence: no day of expiry stands in two windows, and none within 60 days is left out.
    late = list(windows(TODAY, TODAY - timedelta(days=40)))
    days = [w.first + timedelta(days=n) for w in late for n in range((w.last - w.first).days + 1)]
    assert len(days) == len(set(days))
    assert late[0] == Window(60, TODAY + timedelta(days=31), TODAY + timedelta(days=60))
    assert min(days) == TODAY + timedelta(days=1)


def test_a_missed_day_is_made_up_for(lin: Member):
    lapse(lin, 500, 32)
    run(MORNING)
    Notice.objects.all().delete()
    assert run(MORNING + timedelta(days=5)) == 1
    assert told(lin) == [(30, 500)]


def test_who_has_switched_it_off_hears_nothing(page: Client, lin: Member):
    lapse(lin, 500, 30)
    assert (
        "You will not be told ahead." in page.post("/notices/choice/", {"wanted": "no"}, follow=True).content.decode()
    )
    page.post("/notices/choice/", {"wanted": "no"})
    assert run() == 0
    page.post("/notices/choice/", {"wanted": "yes"})
    assert noticing.wanted(lin)
    verbs = list(Event.objects.filter(verb__startswith="notices.").order_by("pk").values_list("verb", flat=True))
    assert verbs == ["notices.muted", "notices.unmuted"]


def test_who_has_left_hears_nothing(lin: Member):
    lapse(lin, 500, 30)
    lin.user.is_active = False
    lin.user.save()
    assert run() == 0


def test_what_is_long_over_is_swept(lin: Member):
    lapse(lin, 500, 30)
    run()
    run(MORNING + timedelta(days=30 + noticing.KEPT_DAYS))
    assert Notice.objects.count() == 1
    run(MORNING + timedelta(days=31 + noticing.KEPT_DAYS))
    assert Notice.objects.count() == 0


def test_the_inbox_says_what_became_of_the_points(lin: Member):
    lapse(lin, 500, 30)
    lapse(lin, 300, 60)
    run()
    Lot.objects.filter(wallet_id=lin.wallet_id, remaining=300).update(remaining=0)
    with time_machine.travel(MORNING + timedelta(hours=1)):
        text = browser(lin).get("/notices/").content.decode()
        assert f"500 points expire on {day(2026, 12, 20)}" in text
        assert "500 left" in text
        assert "all used" in text
        assert "Notices, 2 unread" in text
    with time_machine.travel(MORNING + timedelta(days=31)):
        assert "that day is over" in browser(lin).get("/notices/").content.decode()
        assert "500积分将于2026年12月20日到期" in browser(lin, "zh-hans").get("/notices/").content.decode()


def test_opening_a_notice_reads_it_and_leads_to_its_day(page: Client, lin: Member, zhou: Member):
    lapse(lin, 500, 30)
    run()
    notice = Notice.objects.get()
    assert browser(zhou).post(f"/notices/{notice.pk}/").status_code == 404
    assert page.get(f"/notices/{notice.pk}/").status_code == 405
    assert "Notices, 1 unread" in page.get("/").content.decode()
    answer = page.post(f"/notices/{notice.pk}/")
    assert answer["Location"] == "/wallet/lots/#d2026-12-20"
    read_at = Notice.objects.get().read_at
    assert read_at is not None
    page.post(f"/notices/{notice.pk}/")
    assert Notice.objects.get().read_at == read_at
    assert "unread" not in page.get("/").content.decode()


def test_all_are_read_at_once(page: Client, lin: Member, zhou: Member):
    for person in (lin, zhou):
        lapse(person, 500, 30)
        lapse(person, 500, 60)
    run()
    page.post("/notices/read/")
    assert noticing.unread(lin) == 0
    assert noticing.unread(zhou) == 2


def test_nothing_to_tell_is_quiet(page: Client):
    text = page.get("/notices/").content.decode()
    assert "No notices" in text
    assert "unread" not in text


def test_the_page_takes_the_same_queries_for_2_and_20_notices(lin: Member, django_assert_max_num_queries):
    counts = []
    for n in (2, 20):
        for number in range(n):
            Notice.objects.get_or_create(
                member=lin, code="lapsing", lapses_on=TODAY + timedelta(days=number), days_ahead=7,
                defaults={"points": 5, "created_at": MORNING},
            )  # fmt: skip
        client = browser(lin)
        client.get("/notices/")
        with django_assert_max_num_queries(12) as queries:
            client.get("/notices/")
        counts.append(len(queries))
    assert counts[0] == counts[1]


def test_the_members_own_file_holds_them(page: Client, lin: Member):
    lapse(lin, 500, 30)
    run()
    data = page.get("/me/data/").json()
    assert [(row["points"], row["expire_on"]) for row in data["notices"]] == [(500, "2026-12-20")]
    assert data["notices_switched_off"] == []


def test_days_without_anything_cost_one_probe_each_bucket(lin: Member, django_assert_num_queries):
    lapse(lin, 500, 400)
    with django_assert_num_queries(3):
        noticing.tell_bucket(lin.wallet_id % 64, list(windows(TODAY, TODAY - timedelta(days=1))), MORNING)
    assert expiring.days(lin.wallet_id % 64, TODAY, TODAY + timedelta(days=500)) == [TODAY + timedelta(days=400)]
