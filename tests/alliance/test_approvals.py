"""Decisions by two people."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta

import pytest
from django.db import IntegrityError, transaction

from alliance import approvals, events, org
from alliance.actors import Actor
from alliance.models import Approval, Event, Unit, User
from alliance.refusals import Refused

pytestmark = pytest.mark.django_db
AT = datetime(2026, 11, 20, 2, tzinfo=UTC)
SYSTEM = Actor.system("test")


@pytest.fixture
def hq() -> Unit:
    return org.found(kind="hq", code="HQ", name="总部", parent=None, actor=SYSTEM, at=AT)


def person(email: str, role: str, unit: Unit) -> User:
    user = User.objects.create_superuser(email=email, password="not-used-here-1")
    org.appoint(user=user, unit=unit, role=role, starts_on=date(2020, 1, 1), actor=SYSTEM, at=AT)
    return user


@pytest.fixture
def done() -> Iterator[list[int]]:
    """Register a kind of decision for one test; collect what was carried out."""
    carried: list[int] = []

    @approvals.kind("test.thing", permission="topup.approve", title="Thing")
    def carry(approval: Approval, actor: Actor, at: datetime) -> None:
        carried.append(approval.pk)

    yield carried
    del approvals._KINDS["test.thing"]


def ask(user: User, unit: Unit, subject: str = "thing:1") -> Approval:
    return approvals.ask(kind="test.thing", subject=subject, facts={}, unit=unit, user=user, at=AT)


def test_a_second_person_decides_and_it_is_done(hq: Unit, done: list[int]) -> None:
    first, second = person("a@x.cn", "finance", hq), person("b@x.cn", "finance", hq)
    approval = ask(first, hq)
    approvals.approve(approval, user=second, at=AT)
    approval.refresh_from_db()
    assert (approval.state, approval.decided_by, done) == ("approved", second, [approval.pk])
    assert list(Event.objects.of(f"alliance.approval:{approval.pk}").order_by("pk").values_list("verb", flat=True)) == [
        "approval.asked",
        "approval.approved",
    ]


def test_nobody_approves_what_they_asked_for(hq: Unit, done: list[int]) -> None:
    first = person("a@x.cn", "finance", hq)
    approval = ask(first, hq)
    with pytest.raises(Refused, match="approval_same_person"):
        approvals.approve(approval, user=first, at=AT)
    approval.refresh_from_db()
    assert (approval.state, done) == ("waiting", [])


@pytest.mark.parametrize("how", ["dismissed", "inactive"])
def test_what_somebody_asked_who_left_is_not_done(hq: Unit, done: list[int], how: str) -> None:
    first, second = person("a@x.cn", "finance", hq), person("b@x.cn", "finance", hq)
    approval = ask(first, hq)
    if how == "dismissed":
        first.posts.update(ends_on=date(2021, 1, 1))
    else:
        User.objects.filter(pk=first.pk).update(is_active=False)
    approval = Approval.objects.get(pk=approval.pk)
    with pytest.raises(Refused, match="approval_asker_gone"):
        approvals.approve(approval, user=second, at=AT)
    assert done == []
    approvals.refuse(approval, user=second, at=AT, reason="left")
    approval.refresh_from_db()
    assert approval.state == "refused"


def test_the_database_knows_that_law_too(hq: Unit, done: list[int]) -> None:
    first = person("a@x.cn", "finance", hq)
    approval = ask(first, hq)
    with pytest.raises(IntegrityError, match="alliance_approval_by_a_second_person"), transaction.atomic():
        Approval.objects.filter(pk=approval.pk).update(state="approved", decided_by=first, decided_at=AT)


def test_a_role_without_the_permission_is_refused(hq: Unit, done: list[int]) -> None:
    approval = ask(person("a@x.cn", "finance", hq), hq)
    with pytest.raises(Refused, match="not_allowed"):
        approvals.approve(approval, user=person("r@x.cn", "risk", hq), at=AT)
    assert done == []


def test_a_decision_is_taken_once(hq: Unit, done: list[int]) -> None:
    approval = ask(person("a@x.cn", "finance", hq), hq)
    second = person("b@x.cn", "finance", hq)
    approvals.refuse(approval, user=second, at=AT, reason="wrong merchant")
    with pytest.raises(Refused, match="approval_already_decided"):
        approvals.approve(approval, user=second, at=AT)
    assert done == []


def test_one_question_waits_per_subject(hq: Unit, done: list[int]) -> None:
    first = person("a@x.cn", "finance", hq)
    ask(first, hq)
    with pytest.raises(Refused, match="approval_already_asked"):
        ask(first, hq)
    assert Approval.objects.count() == 1


def test_only_the_asker_withdraws(hq: Unit, done: list[int]) -> None:
    first, second = person("a@x.cn", "finance", hq), person("b@x.cn", "finance", hq)
    approval = ask(first, hq)
    with pytest.raises(Refused, match="not_allowed"):
        approvals.withdraw(approval, user=second, at=AT)
    approvals.withdraw(approval, user=first, at=AT)
    approval.refresh_from_db()
    assert approval.state == "withdrawn"


def test_when_what_follows_is_refused_the_decision_is_not_taken_either(hq: Unit, done: list[int]) -> None:
    @approvals.kind("test.thing", permission="topup.approve", title="Thing")
    def carry(approval: Approval, actor: Actor, at: datetime) -> None:
        raise Refused("not_found", "gone")

    approval = ask(person("a@x.cn", "finance", hq), hq)
    with pytest.raises(Refused, match="not_found"):
        approvals.approve(approval, user=person("b@x.cn", "finance", hq), at=AT)
    approval.refresh_from_db()
    assert approval.state == "waiting"


@pytest.mark.parametrize(
    ("verb", "by_self", "is_refused"),
    [
        ("user.password_set", False, True),
        ("console.second_factor_reset", False, True),
        ("user.password_set", True, False),
    ],
)
def test_an_account_that_somebody_else_took_in_hand_decides_nothing_for_three_days(
    hq: Unit, done: list[int], verb: str, by_self: bool, is_refused: bool
) -> None:
    admin, second = person("hq@x.cn", "hq_admin", hq), person("b@x.cn", "finance", hq)
    approval = ask(person("a@x.cn", "finance", hq), hq)
    events.record(verb, second, Actor.user(second if by_self else admin), AT - timedelta(days=2))
    if is_refused:
        with pytest.raises(Refused, match="approval_hand_too_new"):
            approvals.approve(approval, user=second, at=AT)
        assert done == []
        approvals.approve(approval, user=second, at=AT + timedelta(days=1, seconds=1))
    else:
        approvals.approve(approval, user=second, at=AT)
    assert done == [approval.pk]


def test_nobody_appoints_the_second_person_on_the_spot(hq: Unit, done: list[int]) -> None:
    admin, first = person("hq@x.cn", "hq_admin", hq), person("a@x.cn", "finance", hq)
    approval = ask(first, hq)
    org.appoint(user=admin, unit=hq, role="finance", starts_on=date(2026, 1, 1), actor=Actor.user(admin), at=AT)
    with pytest.raises(Refused, match="approval_hand_too_new"):
        approvals.approve(approval, user=User.objects.get(pk=admin.pk), at=AT)
    assert done == []
