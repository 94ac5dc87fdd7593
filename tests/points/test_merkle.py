"""The tree of all balances: by hand, at random against a plain recursion, and under every forgery that we know of."""

from __future__ import annotations

import struct
from hashlib import sha256

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from points.calc import merkle
from points.calc.merkle import EMPTY, LIMIT, START, Node, Step

SECRET = bytes(range(32))
SALTS = [bytes([n]) * 16 for n in range(8)]


def leaves(*balances: int) -> list[Node]:
    return [merkle.leaf(SALTS[n], 1024 + n, balance) for n, balance in enumerate(balances)]


def eight(number: int) -> bytes:
    return number.to_bytes(8, "big")


def checked(nodes: list[Node], index: int, **other: object) -> bool:
    """Verify one leaf of a tree, with something changed."""
    top = merkle.root(nodes)
    facts: dict[str, object] = {
        "wallet": 1024 + index,
        "balance": nodes[index].sum,
        "salt": SALTS[index],
        "path": merkle.path(nodes, index),
        "root": top.hash,
        "total": top.sum,
    }
    return merkle.verify(**{**facts, **other})  # type: ignore[arg-type]


# --- by hand ------------------------------------------------------------------------------------------


def test_three_wallets_by_hand() -> None:
    """500, 0 and 1,234 points: the third has no partner and goes up as it is."""
    a = sha256(b"\x00" + b"\x00" * 16 + eight(1024) + eight(500)).digest()
    b = sha256(b"\x00" + b"\x01" * 16 + eight(1025) + eight(0)).digest()
    c = sha256(b"\x00" + b"\x02" * 16 + eight(1026) + eight(1234)).digest()
    ab = sha256(b"\x01" + a + eight(500) + b + eight(0)).digest()
    top = sha256(b"\x01" + ab + eight(500) + c + eight(1234)).digest()
    assert merkle.root(leaves(500, 0, 1234)) == (top, 1734)
    assert merkle.path(leaves(500, 0, 1234), 2) == [("left", ab, 500)]
    # The same in figures, so that nobody changes the format in silence.
    assert top.hex() == "541df55a771ee00a54f13da6678bb76b5fa083d32abbae526785977990b89a85"


def test_an_empty_tree_and_a_single_leaf() -> None:
    assert merkle.root([]) == (sha256(b"\x02").digest(), 0) == EMPTY
    (only,) = leaves(7)
    assert merkle.root([only]) == only
    assert merkle.path([only], 0) == []
    assert checked([only], 0)


def test_the_salt_is_keyed_by_the_secret_and_the_wallet() -> None:
    assert merkle.salt(SECRET, 1024).hex() == "5ccb05e5793114cd9c2deb91fccb3bff"
    assert len({merkle.salt(SECRET, 1024), merkle.salt(SECRET, 1025), merkle.salt(b"x" * 32, 1024)}) == 3


def test_the_chain_hangs_on_everything() -> None:
    facts = {"before": START, "on": "2026-11-23", "root": b"r" * 32, "total": 5, "figures": "{}"}
    expected = sha256(b"\x03" + bytes(32) + b"2026-11-23" + b"r" * 32 + eight(5) + sha256(b"{}").digest()).digest()
    assert merkle.chain(**facts) == expected
    others = {"before": b"b" * 32, "on": "2026-11-24", "root": b"s" * 32, "total": 6, "figures": "{ }"}
    assert len({merkle.chain(**{**facts, name: value}) for name, value in others.items()} | {expected}) == 6


# --- at random ----------------------------------------------------------------------------------------


def plain(nodes: list[Node]) -> Node:
    """The same tree as a recursion: the left side holds the largest power of two below the number of leaves."""
    if len(nodes) == 1:
        return nodes[0]
    cut = 1
    while cut * 2 < len(nodes):
        cut *= 2
    return merkle.node(plain(nodes[:cut]), plain(nodes[cut:]))


balances = st.lists(st.integers(0, 10**12), min_size=1, max_size=70)


@given(balances)
def test_every_leaf_leads_to_the_root_and_the_sum(amounts: list[int]) -> None:
    nodes = [merkle.leaf(SALTS[0], n, amount) for n, amount in enumerate(amounts)]
    top = merkle.root(nodes)
    assert top == plain(nodes)
    assert top.sum == sum(amounts)
    for index, leaf in enumerate(nodes):
        steps = merkle.path(nodes, index)
        assert merkle.climb(leaf, steps) == top
        assert len(steps) <= max(len(nodes) - 1, 0).bit_length()


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 1200), st.integers(0, 2**32))
def test_a_bucket_that_is_kept_gives_the_same_tree(count: int, seed: int) -> None:
    """Groups, order and packing change nothing: every wallet is found with its balance and a way to the top."""
    rows = [(1024 + 64 * n, (seed * (n + 1)) % 10**9) for n in range(count)]
    bucket = merkle.grow(b"".join(struct.pack(">QQ", *row) for row in rows), SECRET)
    ordered = sorted(rows, key=lambda row: merkle.salt(SECRET, row[0]))
    nodes = [merkle.leaf(merkle.salt(SECRET, wallet), wallet, amount) for wallet, amount in ordered]
    assert bucket.top == merkle.root(nodes)
    assert (bucket.wallets, bucket.top.sum) == (count, sum(amount for _wallet, amount in rows))
    assert merkle.holdings(bucket.leaves) == ordered
    for index in {0, count // 3, count - 1} & set(range(count)):
        wallet, amount = ordered[index]
        place = merkle.find(bucket.leaves, bucket.groups, SECRET, wallet)
        assert place is not None
        assert (place.balance, place.salt) == (amount, merkle.salt(SECRET, wallet))
        assert place.path == merkle.path(nodes, index)
    assert merkle.find(bucket.leaves, bucket.groups, SECRET, 7) is None


# --- forgeries ----------------------------------------------------------------------------------------

FIVE = (500, 0, 1234, 88, 3)


@pytest.mark.parametrize("index", range(5))
def test_nothing_of_a_proof_can_be_changed(index: int) -> None:
    nodes = leaves(*FIVE)
    top, steps = merkle.root(nodes), merkle.path(nodes, index)
    assert checked(nodes, index)
    assert not checked(nodes, index, balance=FIVE[index] + 1)
    assert not checked(nodes, index, wallet=2000)
    assert not checked(nodes, index, salt=b"\xff" * 16)
    assert not checked(nodes, index, total=top.sum + 1)
    assert not checked(nodes, index, total=top.sum - 1)
    assert not checked(nodes, index, root=b"\xff" * 32)
    assert not checked(nodes, index, path=steps[:-1])
    assert not checked(nodes, index, path=[*steps, steps[-1]])
    for n, (side, digest, amount) in enumerate(steps):
        other = "left" if side == "right" else "right"
        for forged in (Step(other, digest, amount), Step(side, digest, amount + 1), Step(side, b"\xee" * 32, amount)):
            assert not checked(nodes, index, path=[*steps[:n], forged, *steps[n + 1 :]])


def test_points_cannot_be_shifted_between_two_children() -> None:
    """A tree that commits to the total of a node only would take this."""
    nodes = leaves(500, 300)
    assert not checked(nodes, 0, balance=400, path=[Step("right", nodes[1].hash, 400)])


def test_the_last_leaf_repeated_is_another_tree() -> None:
    """Where an odd node is paired with itself, a list and the list with its end repeated share a root."""
    three = leaves(500, 0, 1234)
    assert merkle.root(three).hash != merkle.root([*three, three[-1]]).hash
    doubled = merkle.node(three[2], three[2])
    forged = merkle.node(merkle.node(three[0], three[1]), doubled)
    assert not checked(three, 2, root=forged.hash, total=forged.sum)
    assert forged != merkle.root(three)


def test_a_wallet_is_not_there_twice() -> None:
    twice = struct.pack(">QQ", 1024, 500) * 2
    with pytest.raises(ValueError, match="twice"):
        merkle.grow(twice, SECRET)


@pytest.mark.parametrize("amount", [-1, -(2**63), LIMIT, 2**64, 2**64 - 1])
def test_no_leaf_and_no_step_is_negative_or_too_large(amount: int) -> None:
    """An operator hides debts with a negative leaf, or with one so large that the sum wraps around."""
    with pytest.raises(ValueError, match="between 0 and"):
        merkle.leaf(SALTS[0], 1024, amount)
    nodes = leaves(*FIVE)
    for index in range(5):
        (side, digest, _amount), *rest = merkle.path(nodes, index)
        assert not checked(nodes, index, path=[Step(side, digest, amount), *rest])
        assert not checked(nodes, index, balance=amount)


@pytest.mark.parametrize("amount", [-1, -500])
def test_a_bucket_with_a_negative_balance_is_refused(amount: int) -> None:
    with pytest.raises(ValueError, match="negative"):
        merkle.grow(struct.pack(">QqQq", 1024, 500, 1088, amount), SECRET)


def test_a_sum_that_would_wrap_around_is_refused() -> None:
    with pytest.raises(ValueError, match="between 0 and"):
        merkle.root(leaves(LIMIT - 1, 1))
    with pytest.raises(ValueError, match="between 0 and"):
        merkle.grow(struct.pack(">QQQQ", 1024, LIMIT - 1, 1088, 1), SECRET)


def test_somebody_elses_path_does_not_fit() -> None:
    nodes = leaves(500, 500, 500, 500)
    for mine in range(4):
        for other in range(4):
            assert checked(nodes, mine, path=merkle.path(nodes, other)) is (mine == other)


def test_a_node_does_not_pass_for_a_leaf_nor_a_leaf_for_a_node() -> None:
    """What stands inside a node starts with another byte: the top of two leaves is no leaf of a smaller tree."""
    nodes = leaves(1, 2, 3, 4)
    inner = merkle.node(nodes[0], nodes[1])
    text = nodes[0].hash + eight(1) + nodes[1].hash + eight(2)
    assert inner.hash == sha256(b"\x01" + text).digest() != sha256(b"\x00" + text).digest()
