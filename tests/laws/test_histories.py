"""Random histories of all money verbs against an independent oracle: zero differences, one by one and in batches."""

import os

import pytest

from tests.laws.histories import History
from tests.laws.whole_histories import WholeHistory

SEED = int(os.environ.get("LAW_SEED", "1"))
SEEDS = int(os.environ.get("LAW_SEEDS", "5"))
OPERATIONS = int(os.environ.get("LAW_OPERATIONS", "200000"))


@pytest.mark.law
@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(("is_batched", "operations"), [(True, 16_500), (False, 3_600)])
def test_the_book_answers_as_the_oracle(is_batched: bool, operations: int) -> None:
    history = History(SEED, is_batched=is_batched)
    history.play(operations)
    # The long one was not a tame one: everything that can be answered was.
    assert not is_batched or history.seen.keys() >= {
        "booked", "without_points", "points_short", "key_reused", "wallet_unknown", "wallet_frozen",
        "sale_unknown", "already_void", "void_too_late", "void_points_gone", "funder_short",
        "hold_unknown", "hold_closed", "hold_expired", "hold_too_small",
    }, history.seen  # fmt: skip


@pytest.mark.law
@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(("is_batched", "operations"), [(True, 700), (False, 350)])
def test_the_book_settles_as_the_oracle(is_batched: bool, operations: int) -> None:
    """Refunds, rules, promises, dues, clearing, payouts, surplus: few operations, each of them a costly one."""
    history = WholeHistory(SEED + 2, is_batched=is_batched)
    history.play(operations)
    rare = {"refund rest_due", "sale_refunded"} if is_batched else set()
    assert history.seen.keys() >= {"refund booked", "refund refund_too_much", "promised", *rare}, history.seen


@pytest.mark.law
@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("seed", range(SEED + 1, SEED + 1 + SEEDS))
@pytest.mark.parametrize("kind", [History, WholeHistory])
def test_longer_lives(kind: type[History], seed: int) -> None:
    history = kind(seed, is_batched=seed % 2 == 0)
    history.play(OPERATIONS // SEEDS if kind is History else OPERATIONS // SEEDS // 10)
    answers = ", ".join(f"{status} {number:,}" for status, number in sorted(history.seen.items()))
    print(f"seed {seed}: {history.operations:,} operations until {history.now:%Y-%m-%d}, no difference ({answers})")
