"""Nobody gets into the console without password and second factor."""

from __future__ import annotations

import time
from datetime import date, datetime, timedelta

import pytest
import time_machine
from allauth.mfa.models import Authenticator
from allauth.mfa.totp.internal.auth import format_hotp_value, hotp_value
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from alliance import org, staff
from alliance.actors import Actor
from alliance.models import Event, User
from tests.factories import staff as people
from tests.factories.members import user as stranger

LOGIN, CODE, ENROL, HOME = "/admin/login/", "/admin/login/code/", "/admin/login/enrol/", "/admin/"


@pytest.fixture
def finance(db: None) -> User:
    return people.colleague("finance", name="钱会计")


def code_of(secret: str, at: float | None = None) -> str:
    return format_hotp_value(hotp_value(secret, int(at or time.time()) // 30))


def password(client: Client, user: User, word: str = people.PASSWORD) -> object:
    return client.post(LOGIN, {"email": user.email, "password": word})


def bound(user: User) -> str:
    secret = staff.new_secret()
    staff.enrol(user=user, secret=secret, code=code_of(secret), actor=Actor.user(user), at=timezone.now())
    return secret


def test_password_and_code_open_the_console(finance: User) -> None:
    secret = bound(finance)
    client = Client()
    assert password(client, finance).headers["Location"] == CODE
    assert client.get(HOME).headers["Location"].startswith(LOGIN)
    answer = client.post(CODE, {"code": code_of(secret)})
    assert answer.headers["Location"] == HOME
    assert client.get(HOME).status_code == 200
    assert Event.objects.filter(verb="console.signed_in", actor=f"user:{finance.pk}").count() == 1


def test_without_an_app_it_must_be_bound_first(finance: User) -> None:
    client = Client()
    assert password(client, finance).headers["Location"] == ENROL
    page = client.get(ENROL)
    secret = page.context["secret"]
    assert "data:image/svg+xml" in page.content.decode()
    assert client.get(HOME).status_code == 302
    answer = client.post(ENROL, {"code": code_of(secret)})
    assert answer.headers["Location"] == reverse("admin:recovery_codes")
    shown = client.get(answer.headers["Location"])
    assert shown.context["codes"] == staff.recovery_codes(finance)
    # Shown once.
    assert client.get(reverse("admin:recovery_codes")).status_code == 302
    assert client.get(HOME).status_code == 200


def test_a_code_works_once(finance: User) -> None:
    secret = bound(finance)
    with time_machine.travel(timezone.now() + timedelta(minutes=5), tick=False):
        code = code_of(secret)
        first, second = Client(), Client()
        for client in (first, second):
            password(client, finance)
        assert first.post(CODE, {"code": code}).status_code == 302
        assert second.post(CODE, {"code": code}).status_code == 422
    assert second.get(HOME).status_code == 302


def test_a_recovery_code_opens_once(finance: User) -> None:
    bound(finance)
    code = staff.recovery_codes(finance)[0]
    client = Client()
    password(client, finance)
    assert client.post(CODE, {"code": code}).status_code == 302
    again = Client()
    password(again, finance)
    assert again.post(CODE, {"code": code}).status_code == 422


@pytest.mark.parametrize("code", ["", "000000", "abc", "１２３４５６", "9" * 20])
def test_wrong_codes_are_refused(finance: User, code: str) -> None:
    bound(finance)
    client = Client()
    password(client, finance)
    assert client.post(CODE, {"code": code}).status_code in (200, 422)
    assert client.get(HOME).status_code == 302


def test_codes_cannot_be_guessed(finance: User) -> None:
    secret = bound(finance)
    client = Client()
    password(client, finance)
    wrong = "000000" if code_of(secret) != "000000" else "111111"
    for _ in range(staff.TRIES_PER_CODE):
        assert client.post(CODE, {"code": wrong}).status_code == 422
    assert client.post(CODE, {"code": code_of(secret)}).status_code == 429


def test_passwords_cannot_be_guessed(finance: User) -> None:
    client = Client()
    for _ in range(staff.TRIES_PER_ADDRESS):
        assert password(client, finance, "wrong").status_code == 422
    assert password(client, finance).status_code == 429


def test_an_unknown_address_is_answered_like_a_wrong_password(db: None) -> None:
    answer = Client().post(LOGIN, {"email": "nobody@example.cn", "password": "x"})
    assert answer.status_code == 422


def test_members_cannot_come_in(db: None) -> None:
    member = stranger()
    client = Client()
    client.force_login(member, backend="alliance.auth.StaffBackend")
    assert client.get(HOME).headers["Location"].startswith(LOGIN)


def test_a_one_time_code_is_not_enough_for_staff(finance: User) -> None:
    """Whoever signed in as a member with the same account has passed one step only."""
    client = Client()
    client.force_login(finance, backend="alliance.auth.StaffBackend")
    assert client.get(HOME).status_code == 302


def test_someone_elses_passed_door_is_not_mine(finance: User) -> None:
    client = people.console(finance)
    session = client.session
    session["console"] = {**session["console"], "user": finance.pk + 1}
    session.save()
    assert client.get(HOME).status_code == 302


def test_the_door_closes_after_hours_and_when_idle(finance: User) -> None:
    client = people.console(finance)
    assert client.get(HOME).status_code == 200
    with time_machine.travel(timezone.now() + timedelta(hours=2, minutes=5)):
        assert client.get(HOME).status_code == 302


def test_without_a_post_today_there_is_no_console(finance: User) -> None:
    post = finance.posts.get()
    org.relieve(post=post, ends_on=date(2026, 2, 1), actor=Actor.system("tests"), at=datetime.now().astimezone())
    assert people.console(finance).get(HOME).status_code == 302
    assert password(Client(), finance).status_code == 403


def test_closed_accounts_are_out_at_once(finance: User) -> None:
    client = people.console(finance)
    User.objects.filter(pk=finance.pk).update(is_active=False)
    assert client.get(HOME).status_code == 302


def test_secrets_lie_encrypted_in_the_database(finance: User) -> None:
    secret = bound(finance)
    stored = Authenticator.objects.get(user_id=finance.pk, type="totp").data["secret"]
    assert secret not in stored


def test_the_demo_shows_codes_for_demo_users_only(finance: User, settings: object) -> None:
    settings.LIANHUI_DEMO = True
    assert staff.demo_code(finance) is None
    finance.email = "finance@demo.lianhui"
    assert staff.demo_code(finance) is not None
    settings.LIANHUI_DEMO = False
    assert staff.demo_code(finance) is None


def test_the_way_back_stays_on_our_own_site(finance: User) -> None:
    secret = bound(finance)
    client = Client()
    client.post(LOGIN + "?next=https://evil.example/", {"email": finance.email, "password": people.PASSWORD})
    answer = client.post(CODE + "?next=https://evil.example/", {"code": code_of(secret)})
    assert answer.headers["Location"] == HOME


def test_every_console_address_needs_the_door(db: None) -> None:
    from django.contrib import admin as django_admin

    client = Client()
    for model in django_admin.site._registry:
        url = reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist")
        assert client.get(url).headers["Location"].startswith(LOGIN)
    for name in ("index", "search", "autocomplete", "recovery_codes", "password_change"):
        assert client.get(reverse(f"admin:{name}")).status_code == 302
