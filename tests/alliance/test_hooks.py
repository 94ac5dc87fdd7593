"""Reactions read the diary by the transaction watermark: at least once, in order, nothing lost."""

from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
from django.db import DatabaseError, connection, transaction

from alliance import events, hooks
from alliance.actors import Actor
from alliance.models import Event, ReactionMark

AT = datetime(2026, 11, 20, 2, tzinfo=UTC)


@pytest.fixture
def heard() -> Iterator[list[str]]:
    seen: list[str] = []

    @hooks.reaction("test.rang")
    def listen(event: Event) -> None:
        seen.append(event.subject)

    yield seen
    hooks._REACTIONS.pop(f"{__name__}.heard.<locals>.listen")


def ring(subject: str) -> None:
    events.record("test.rang", subject, Actor.system("test"), AT)


@pytest.mark.django_db
def test_what_is_not_committed_is_not_heard(heard: list[str]) -> None:
    ring("bell:1")  # still inside the test's own transaction
    hooks.run_reactions()
    assert heard == []


@pytest.mark.django_db
def test_a_committed_event_is_heard_once_and_in_order(heard: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    ring("bell:1")
    ring("bell:2")
    monkeypatch.setattr(hooks, "_WATERMARK", "SELECT pg_current_xact_id()::text::bigint + 1")
    hooks.run_reactions()
    hooks.run_reactions()
    assert heard == ["bell:1", "bell:2"]


@pytest.mark.django_db
def test_more_events_in_one_transaction_than_the_limit_are_all_heard(
    heard: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(5):
        ring(f"bell:{number}")
    monkeypatch.setattr(hooks, "_WATERMARK", "SELECT pg_current_xact_id()::text::bigint + 1")
    hooks.run_reactions(limit=2)
    assert len(heard) == 5


@pytest.mark.django_db
def test_a_reaction_that_fails_leaves_its_mark(monkeypatch: pytest.MonkeyPatch) -> None:
    @hooks.reaction("test.rang")
    def fail(event: Event) -> None:
        raise RuntimeError("no")

    try:
        ring("bell:1")
        monkeypatch.setattr(hooks, "_WATERMARK", "SELECT pg_current_xact_id()::text::bigint + 1")
        with pytest.raises(RuntimeError), transaction.atomic():
            hooks.run_reactions()
        assert not ReactionMark.objects.filter(name__endswith=".fail", xid__gt=0).exists()
    finally:
        hooks._REACTIONS = {name: value for name, value in hooks._REACTIONS.items() if not name.endswith(".fail")}


@pytest.mark.django_db
@pytest.mark.parametrize("statement", ["UPDATE alliance_event SET verb = 'x'", "DELETE FROM alliance_event"])
def test_the_diary_is_never_changed(statement: str) -> None:
    ring("bell:1")
    with pytest.raises(DatabaseError, match="never changed"), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(statement)
