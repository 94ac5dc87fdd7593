"""Joining: one person, one wallet, once."""

from __future__ import annotations

import threading
from datetime import UTC, datetime

import pytest
from django.db import connection, connections
from django.db.utils import IntegrityError, InternalError
from django.utils import timezone

from alliance.actors import Actor
from alliance.models import Event, User
from alliance.refusals import Refused
from members import enrolment, texts
from members.calc import number
from members.enrolment import Newcomer
from members.models import ConsentRecord, Member
from points import identify
from points.models import Wallet
from tests.factories import members

pytestmark = pytest.mark.django_db
AT = datetime(2026, 11, 20, 2, tzinfo=UTC)
PHONE = "+8613800138001"
SYSTEM = Actor.system("tests")


def test_it_works():
    member = enrolment.join(phone=PHONE, name="林婶", at=AT)
    assert member.user.phone == PHONE
    assert member.user.name == "林婶"
    assert number.is_valid(member.number)
    assert member.wallet.balance == 0
    assert identify.by_phone(PHONE, AT).wallet_id == member.wallet_id
    assert identify.by_number(member.number, AT).wallet_id == member.wallet_id
    code = identify.show_code(member.wallet_id, AT)
    assert identify.by_code(code.digits, AT).wallet_id == member.wallet_id
    event = Event.objects.get(verb="member.joined")
    assert event.subject == f"members.member:{member.pk}"
    assert event.actor == f"user:{member.user_id}"
    assert "1380013" not in str(event.facts)


def test_both_receipts_are_written():
    member = enrolment.join(phone=PHONE, at=AT)
    receipts = member.consents.order_by("purpose").values_list("purpose", "text_version", "given_at", "withdrawn_at")
    assert list(receipts) == [
        ("privacy", texts.in_force("privacy"), AT, None),
        ("terms", texts.in_force("terms"), AT, None),
    ]


def test_joining_twice_is_joining_once():
    first = enrolment.join(phone=PHONE, name="林婶", at=AT)
    second = enrolment.join(phone=PHONE, name="somebody else", at=timezone.now())
    assert second == first
    assert second.user.name == "林婶"
    assert (Member.objects.count(), Wallet.objects.count(), ConsentRecord.objects.count()) == (1, 1, 2)
    assert Event.objects.filter(verb="member.joined").count() == 1


def test_an_e_mail_address_is_enough():
    member = enrolment.join(email="lin@example.com", at=AT)
    assert (member.user.email, member.user.phone) == ("lin@example.com", None)
    assert identify.by_number(member.number, AT).wallet_id == member.wallet_id


def test_staff_of_a_shop_joins_with_the_user_it_has():
    user = User.objects.create_user(phone=PHONE, name="小周")
    member = enrolment.join(phone=PHONE, at=AT)
    assert member.user == user
    assert User.objects.count() == 1


def test_a_closed_account_does_not_come_back():
    User.objects.create_user(phone=PHONE, is_active=False)
    with pytest.raises(Refused, match="account_closed"):
        enrolment.join(phone=PHONE, at=AT)
    assert Member.objects.count() == 0
    assert Wallet.objects.count() == 0


def test_phone_and_mail_together_or_neither_is_a_mistake():
    for given in ({}, {"phone": PHONE, "email": "lin@example.com"}):
        with pytest.raises(ValueError, match="phone or"):
            enrolment.join(**given, at=AT)


@pytest.mark.race
@pytest.mark.django_db(transaction=True)
def test_eight_first_sign_ins_of_one_phone_make_one_member():
    gate = threading.Barrier(8)
    made: list[int] = []

    def join() -> None:
        gate.wait()
        try:
            made.append(enrolment.join(phone=PHONE, at=AT).pk)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=join) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert len(made) == 8
    assert len(set(made)) == 1
    assert (User.objects.count(), Member.objects.count(), Wallet.objects.count()) == (1, 1, 1)
    assert Event.objects.filter(verb="member.joined").count() == 1


def test_many_join_in_the_order_of_the_list():
    known = members.member(phone_number=PHONE)
    people = [Newcomer(f"+861390000{n:04}", f"会员{n}", AT) for n in range(25)]
    people.insert(7, Newcomer(PHONE))
    joined = enrolment.join_many(people, actor=SYSTEM, at=timezone.now())
    assert len(joined) == 26
    assert joined[7].member_id == known.pk
    for person, row in zip(people, joined, strict=True):
        assert identify.by_phone(person.phone, timezone.now()).wallet_id == row.wallet_id
        assert identify.by_number(row.number, timezone.now()).wallet_id == row.wallet_id
    row = Member.objects.get(pk=joined[0].member_id)
    assert (row.joined_at, row.is_synthetic, row.user.name) == (AT, True, "会员0")
    assert ConsentRecord.objects.count() == 2 * 26
    assert Event.objects.get(verb="members.imported").facts == {"members": 25}


def test_many_joining_again_changes_nothing():
    people = [Newcomer(f"+861390000{n:04}") for n in range(5)]
    first = enrolment.join_many(people, actor=SYSTEM, at=AT)
    assert enrolment.join_many(people, actor=SYSTEM, at=AT) == first
    assert Wallet.objects.count() == 5
    assert Event.objects.filter(verb="members.imported").count() == 1


def test_many_need_few_statements(django_assert_max_num_queries):
    people = [Newcomer(f"+861390000{n:04}") for n in range(200)]
    with django_assert_max_num_queries(25):
        enrolment.join_many(people, actor=SYSTEM, at=AT)


def test_a_member_number_is_eight_digits_by_constraint():
    member = members.member()
    with pytest.raises(IntegrityError, match="members_member_number_is_eight_digits"):
        Member.objects.filter(pk=member.pk).update(number="0123456")


def test_a_consent_is_withdrawn_once_and_never_deleted_or_rewritten():
    receipt = members.member().consents.first()
    rows = ConsentRecord.objects.filter(pk=receipt.pk)
    for change in ({"text_version": "2020-01"}, {"given_at": AT}):
        with pytest.raises((InternalError, IntegrityError)), _savepoint():
            rows.update(**change)
    with pytest.raises((InternalError, IntegrityError)), _savepoint(), connection.cursor() as cursor:
        cursor.execute("DELETE FROM members_consentrecord WHERE id = %s", [receipt.pk])
    assert rows.update(withdrawn_at=timezone.now()) == 1
    with pytest.raises((InternalError, IntegrityError)), _savepoint():
        rows.update(withdrawn_at=None)


def _savepoint():
    from django.db import transaction

    return transaction.atomic()
