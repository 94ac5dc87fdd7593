"""Signing in with one field and a one-time code."""

from __future__ import annotations

import logging
import re
from datetime import timedelta

import pytest
import time_machine
from django.core.cache import cache
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from alliance import codes, sessions
from alliance.codes import Address
from alliance.models import Event, SignIn, User
from alliance.ports import outbox
from alliance.refusals import Refused
from members.models import Member
from tests.factories import members

pytestmark = pytest.mark.django_db

PHONE = "+8613800138001"
TYPED = "138 0013 8001"


@pytest.fixture(autouse=True)
def _fresh_cache():
    cache.clear()


@pytest.fixture
def lin() -> Member:
    return members.member(name="林婶", phone_number=PHONE)


def code_for(value: str) -> str:
    message = outbox.last(value)
    assert message is not None
    return re.search(r"\d{6}", message["text"]).group()


def ask(client: Client, typed: str = TYPED, **more):
    return client.post(reverse("login"), {"address": typed, **more})


def come_in(client: Client, typed: str = TYPED, value: str = PHONE):
    ask(client, typed)
    return client.post(reverse("login_code"), {"code": code_for(value)})


def another(code: str) -> str:
    return f"{(int(code) + 1) % 1_000_000:06}"


def test_it_works(client: Client, lin: Member):
    page = client.get(reverse("login"))
    assert page.status_code == 200
    assert b'name="address"' in page.content
    assert page.content.count(b'<input type="text"') == 1

    asked = ask(client)
    assert asked.status_code == 302
    assert asked["Location"] == reverse("login_code")
    page = client.get(reverse("login_code"))
    assert TYPED in page.content.decode()
    assert 'autocomplete="one-time-code"' in page.content.decode()

    entered = client.post(reverse("login_code"), {"code": code_for(PHONE)})
    assert entered["Location"] == reverse("front")
    assert client.get(reverse("front"))["Location"] == reverse("home")
    assert client.session["_auth_user_id"] == str(lin.user_id)
    assert Event.objects.filter(verb="user.signed_in", actor=f"user:{lin.user_id}").count() == 1


@pytest.mark.parametrize(
    "typed", ["13800138001", "138-0013-8001", "+86 138 0013 8001", "0086 13800138001", "１３８００１３８００１"]
)
def test_a_phone_may_be_typed_in_many_ways(client: Client, lin: Member, typed: str):
    assert come_in(client, typed)["Location"] == reverse("front")


@pytest.mark.parametrize("typed", ["", "12345", "138001380012", "lin@", "lin@example", "💰", "' OR 1=1 --", "a" * 300])
def test_what_is_neither_phone_nor_mail_is_refused_with_an_example(client: Client, typed: str):
    client.cookies["language"] = "en"
    answer = ask(client, typed)
    assert answer.status_code == 422
    assert 'aria-invalid="true"' in answer.content.decode()
    assert "login_asked" not in client.session


def test_an_e_mail_address_works_as_well(client: Client):
    answer = come_in(client, "Lin@Example.COM", "lin@example.com")
    assert answer["Location"] == reverse("join")


def test_the_answer_does_not_tell_whether_a_number_is_known(client: Client, lin: Member):
    known, unknown = ask(client), ask(Client(), "139 0000 0099")
    assert (known.status_code, known["Location"]) == (unknown.status_code, unknown["Location"])
    other = Client()
    ask(other, "139 0000 0098")
    pages = [each.get(reverse("login_code")).content.decode() for each in (client, other)]

    def anonymous(page: str) -> str:
        page = re.sub(r'csrfmiddlewaretoken" value="\w+|X-CSRFToken": "\w+|\d{3} \d{4} \d{4}|\d{6}', "", page)
        return re.sub(r"[0-9a-f]{32}", "", page)

    assert anonymous(pages[0]) == anonymous(pages[1])


def test_a_code_works_once(client: Client, lin: Member):
    come_in(client)
    other = Client()
    ask(other)
    code = code_for(PHONE)
    assert other.post(reverse("login_code"), {"code": code})["Location"] == reverse("front")
    with pytest.raises(Refused, match="login_code_over"):
        codes.check(address=Address("phone", PHONE), code=code, purpose="login", at=timezone.now())


def test_a_code_of_eleven_minutes_ago_is_over(client: Client, lin: Member):
    ask(client)
    code = code_for(PHONE)
    with time_machine.travel(timezone.now() + timedelta(minutes=11)):
        answer = client.post(reverse("login_code"), {"code": code})
    assert answer.status_code == 422
    assert "_auth_user_id" not in client.session


def test_the_fifth_wrong_try_ends_the_code(client: Client, lin: Member):
    ask(client)
    code = code_for(PHONE)
    for _ in range(5):
        assert client.post(reverse("login_code"), {"code": another(code)}).status_code == 422
    assert client.post(reverse("login_code"), {"code": code}).status_code == 422
    assert "_auth_user_id" not in client.session
    assert SignIn.objects.count() == 0


def test_the_fourth_wrong_try_does_not(client: Client, lin: Member):
    ask(client)
    code = code_for(PHONE)
    for _ in range(4):
        client.post(reverse("login_code"), {"code": another(code)})
    assert client.post(reverse("login_code"), {"code": code}).status_code == 302


@pytest.mark.parametrize("code", ["", "12", "abcdef", "１２", "💰💰💰", "0" * 20])
def test_nonsense_is_no_code(client: Client, lin: Member, code: str):
    ask(client)
    assert client.post(reverse("login_code"), {"code": code}).status_code == 422


def test_a_new_code_comes_after_a_minute_and_ends_the_old_one(client: Client, lin: Member):
    ask(client)
    first = code_for(PHONE)
    client.post(reverse("login_resend"))
    assert code_for(PHONE) == first
    with time_machine.travel(timezone.now() + timedelta(seconds=61)):
        client.post(reverse("login_resend"))
        second = code_for(PHONE)
        if second != first:
            assert client.post(reverse("login_code"), {"code": first}).status_code == 422
        assert client.post(reverse("login_code"), {"code": second}).status_code == 302


def test_asking_again_within_the_minute_leads_to_the_code_that_was_sent(client: Client, lin: Member):
    ask(client)
    code = code_for(PHONE)
    other = Client()
    assert ask(other)["Location"] == reverse("login_code")
    assert code_for(PHONE) == code
    assert other.post(reverse("login_code"), {"code": code}).status_code == 302


def test_an_address_gets_five_codes_an_hour(client: Client):
    start = timezone.now()
    for n in range(5):
        with time_machine.travel(start + timedelta(seconds=61 * n)):
            assert ask(client).status_code == 302
    with time_machine.travel(start + timedelta(seconds=61 * 5)):
        assert ask(client).status_code == 429
    with time_machine.travel(start + timedelta(seconds=3700)):
        assert ask(client).status_code == 302


def test_a_network_address_has_its_limit(client: Client, settings):
    settings.LOGIN_CODES_PER_IP_HOUR = 3
    answers = [ask(client, f"139 0000 000{n}").status_code for n in range(5)]
    assert answers == [302, 302, 302, 429, 429]


def test_codes_are_kept_as_hashes(client: Client):
    ask(client)
    code = code_for(PHONE)
    names = [name.split(":", 2)[2] for name in cache._cache]
    kept = " ".join(str(cache.get(name)) for name in names if name != outbox._key(PHONE))
    assert "login-code" in " ".join(names)
    assert code not in kept
    assert PHONE not in kept + " ".join(names)


def test_the_demo_shows_the_code_and_production_does_not(client: Client, lin: Member, settings):
    ask(client)
    code = code_for(PHONE)
    page = client.get(reverse("login_code")).content.decode()
    assert code in page
    assert "data-demo-message" in page
    settings.LIANHUI_DEMO = False
    assert code not in client.get(reverse("login_code")).content.decode()


def test_console_staff_are_sent_to_their_own_door(client: Client):
    staff = User.objects.create_user(phone=PHONE, name="老陈", is_staff=True)
    answer = come_in(client)
    assert answer["Location"] == reverse("admin:login")
    assert "_auth_user_id" not in client.session
    assert not Event.objects.filter(actor=f"user:{staff.pk}").exists()


def test_a_closed_account_stays_outside(client: Client, lin: Member):
    User.objects.filter(pk=lin.user_id).update(is_active=False)
    assert come_in(client)["Location"] == reverse("login")
    assert "_auth_user_id" not in client.session


def test_the_code_page_without_an_address_leads_back(client: Client):
    assert client.get(reverse("login_code"))["Location"] == reverse("login")
    assert client.post(reverse("login_resend"))["Location"] == reverse("login")


def test_next_is_followed_only_on_this_site(client: Client, lin: Member):
    ask(client, next="/wallet/")
    answer = client.post(reverse("login_code"), {"code": code_for(PHONE)})
    assert answer["Location"] == "/wallet/"
    other = Client()
    ask(other, next="https://evil.example/")
    answer = other.post(reverse("login_code"), {"code": code_for(PHONE)})
    assert answer["Location"] == reverse("front")


def test_the_session_gets_a_new_key(client: Client, lin: Member):
    ask(client)
    before = client.session.session_key
    client.post(reverse("login_code"), {"code": code_for(PHONE)})
    assert client.session.session_key != before


def test_signing_out_wipes_what_the_browser_kept(client: Client, lin: Member):
    come_in(client)
    answer = client.post(reverse("logout"))
    assert answer["Location"] == reverse("login")
    assert answer["Clear-Site-Data"] == '"cache", "storage"'
    assert client.get(reverse("front")).status_code == 302
    assert "_auth_user_id" not in client.session
    assert SignIn.objects.count() == 0
    assert client.get(reverse("logout")).status_code == 405


def test_devices_are_listed_and_ended_elsewhere(lin: Member):
    phone = Client(HTTP_USER_AGENT="Mozilla/5.0 (Linux; Android 14) Chrome/126.0 Mobile Safari/537.36")
    desk = Client(HTTP_USER_AGENT="Mozilla/5.0 (Windows NT 10.0) Gecko/20100101 Firefox/128.0")
    for device in (phone, desk):
        come_in(device)
        cache.clear()
    page = desk.get(reverse("devices")).content.decode()
    assert "Chrome · Android" in page
    assert "Firefox · Windows" in page
    desk.post(reverse("devices_end_others"))
    assert phone.get(reverse("home")).status_code == 200
    assert "_auth_user_id" not in phone.session
    assert "_auth_user_id" in desk.session
    assert SignIn.objects.of(lin.user).count() == 1
    assert Event.objects.filter(verb="user.signed_out_elsewhere").count() == 1


def test_nobody_ends_the_device_of_another(client: Client, lin: Member):
    come_in(client)
    row = SignIn.objects.get(user=lin.user)
    other = Client()
    other.force_login(members.member(name="小周").user)
    assert other.post(reverse("device_end", args=[row.pk])).status_code == 404
    assert SignIn.objects.filter(pk=row.pk).exists()


def test_last_seen_is_written_at_most_every_five_minutes(client: Client, lin: Member):
    come_in(client)
    first = SignIn.objects.get(user=lin.user).seen_at
    client.get(reverse("devices"))
    assert SignIn.objects.get(user=lin.user).seen_at == first
    with time_machine.travel(timezone.now() + timedelta(minutes=6)):
        client.get(reverse("devices"))
    assert SignIn.objects.get(user=lin.user).seen_at > first


def test_a_user_without_a_face_is_asked_to_join(client: Client):
    client.force_login(members.user(name="新人"))
    assert client.get(reverse("front"))["Location"] == reverse("join")


def test_several_faces_ask_once_and_are_remembered(client: Client, lin: Member):
    User.objects.filter(pk=lin.user_id).update(is_staff=True)
    client.force_login(lin.user)
    page = client.get(reverse("front"))
    assert page.status_code == 200
    assert 'value="member"' in page.content.decode()
    assert client.post(reverse("front"), {"face": "member"})["Location"] == reverse("home")
    assert client.get(reverse("front"))["Location"] == reverse("home")
    assert client.get(reverse("front"), {"choose": "1"}).status_code == 200
    assert client.post(reverse("front"), {"face": "nobody"}).status_code == 200


def test_the_pages_speak_the_language_of_the_reader(client: Client):
    client.cookies["language"] = "en"
    page = client.get(reverse("login")).content.decode()
    assert '<html lang="en"' in page
    assert "Send the code" in page


def test_no_personal_data_in_the_logs(client: Client, caplog):
    with caplog.at_level(logging.DEBUG):
        ask(client)
        code = code_for(PHONE)
        client.post(reverse("login_code"), {"code": another(code)})
        client.post(reverse("login_code"), {"code": code})
    written = " ".join(record.getMessage() for record in caplog.records)
    for secret in (PHONE, PHONE[3:], TYPED, code):
        assert secret not in written


def test_demo_adapters_are_refused_outside_the_demo(settings):
    from alliance.ports.checks import nothing_pretends_in_production, ports_are_known_and_demo_only_in_the_demo

    settings.SMS_PORT, settings.MAIL_PORT, settings.LIANHUI_DEMO = "demo", "smtp", False
    assert [error.id for error in ports_are_known_and_demo_only_in_the_demo(None)] == ["alliance.E002"]
    settings.SMS_PORT, settings.SMS_GATEWAY_URL = "http", "https://sms.example/send"
    assert ports_are_known_and_demo_only_in_the_demo(None) == []
    assert nothing_pretends_in_production(None) == []
    settings.LIANHUI_DEMO = True
    assert [error.id for error in nothing_pretends_in_production(None)] == ["alliance.E005"]
    settings.SMS_PORT = "pigeon"
    assert [error.id for error in ports_are_known_and_demo_only_in_the_demo(None)] == ["alliance.E001"]


def test_sessions_that_are_over_are_swept(client: Client, lin: Member):
    come_in(client)
    assert sessions.sweep(timezone.now()) == 0
    assert sessions.sweep(timezone.now() + timedelta(days=31)) == 1
    assert SignIn.objects.count() == 0
    assert "_auth_user_id" not in client.session


@pytest.mark.race
def test_one_of_many_parallel_tries_uses_the_code():
    from concurrent.futures import ThreadPoolExecutor

    address = Address("phone", PHONE)
    codes.send(address=address, ip="127.0.0.1", purpose="login", at=timezone.now())
    code = code_for(PHONE)

    def attempt(_n: int) -> bool:
        try:
            codes.check(address=address, code=code, purpose="login", at=timezone.now())
        except Refused:
            return False
        return True

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(attempt, range(8))) <= 1


def test_the_checks_of_the_doors_are_registered():
    from django.core.checks.registry import registry

    names = {check.__name__ for check in registry.get_checks(include_deployment_checks=True)}
    assert {"ports_are_known_and_demo_only_in_the_demo", "nothing_pretends_in_production"} <= names
