"""A Merkle-sum tree: one hash that commits to every wallet's balance and to what they come to.

leaf  = SHA-256(0x00 ‖ salt, 16 bytes ‖ wallet, 8 bytes ‖ balance, 8 bytes), its sum is the balance
node  = SHA-256(0x01 ‖ left hash ‖ left sum, 8 bytes ‖ right hash ‖ right sum, 8 bytes), its sum is left + right
empty = SHA-256(0x02), its sum is 0: a bucket without wallets
chain = SHA-256(0x03 ‖ chain of the day before ‖ day as "2026-11-23" ‖ root ‖ total, 8 bytes ‖ SHA-256 of the figures)

Numbers are unsigned, big-endian and below 2⁶³, so nothing is negative and no sum can wrap around. A node commits to the
sums of both children, not to their total alone: with the total alone an operator could shift points between the two. A
node without a partner goes up as it is; doubling it would let a list and the same list with its end repeated share a
root. What the first byte says keeps a node from being passed off as a leaf.

Leaves stand in the order of their salts, which nobody outside can foresee: the neighbour whose balance a path must show
is a stranger, and another one every day (docs/decisions/proof-of-reserves.md).
"""

from __future__ import annotations

import hmac
import sys
import zlib
from array import array
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from hashlib import sha256
from operator import add
from typing import Any, Literal, NamedTuple

BUCKETS = 64
LIMIT = 2**63
SALT_BYTES = 16
# So many levels from the bottom a bucket keeps its nodes: a path needs the leaves of one group, not of the bucket.
GROUP_LEVELS = 8
GROUP = 1 << GROUP_LEVELS
START = bytes(32)
_PAIR = 16


class Node(NamedTuple):
    hash: bytes
    sum: int


class Step(NamedTuple):
    """A node beside the way up, and on which side of it it stands."""

    side: Literal["left", "right"]
    hash: bytes
    sum: int


EMPTY = Node(sha256(b"\x02").digest(), 0)


@dataclass(frozen=True, slots=True)
class Bucket:
    """A subtree as it is kept: packed leaves in their order, the nodes GROUP_LEVELS up, and the top."""

    top: Node
    wallets: int
    leaves: bytes
    groups: bytes


@dataclass(frozen=True, slots=True)
class Place:
    """A wallet in its bucket: its balance, its salt and the way up to the bucket's top."""

    balance: int
    salt: bytes
    path: list[Step]


def salt(secret: bytes, wallet: int) -> bytes:
    """Return what hides a wallet's leaf from guessing; secret: 32 bytes of that day."""
    return hmac.digest(secret, _number(wallet), "sha256")[:SALT_BYTES]


def leaf(salt: bytes, wallet: int, balance: int) -> Node:
    """Return a wallet's leaf. Raises ValueError for a balance below 0 and for a salt of another length."""
    if len(salt) != SALT_BYTES:
        raise ValueError("a salt has 16 bytes")
    return Node(sha256(b"\x00" + salt + _number(wallet) + _number(balance)).digest(), balance)


def node(left: Node, right: Node) -> Node:
    """Return the parent of two nodes. Raises ValueError where a sum is negative or too large."""
    text = b"\x01" + left.hash + _number(left.sum) + right.hash + _number(right.sum)
    total = left.sum + right.sum
    _number(total)
    return Node(sha256(text).digest(), total)


def root(nodes: Sequence[Node]) -> Node:
    """Return the top of a tree over nodes in their order; EMPTY when there are none."""
    return _levels(nodes)[-1][0] if nodes else EMPTY


def path(nodes: Sequence[Node], index: int) -> list[Step]:
    """Return the nodes beside the way up from nodes[index]; levels at which it has no partner leave nothing."""
    steps = []
    for level in _levels(nodes)[:-1]:
        other = index ^ 1
        if other < len(level):
            steps.append(Step("left" if other < index else "right", *level[other]))
        index >>= 1
    return steps


def climb(start: Node, steps: Iterable[Step]) -> Node:
    """Return where the steps lead from a node. Raises ValueError where a sum is negative or too large."""
    for side, digest, amount in steps:
        beside = Node(digest, amount)
        start = node(beside, start) if side == "left" else node(start, beside)
    return start


def verify(*, wallet: int, balance: int, salt: bytes, path: Iterable[Step], root: bytes, total: int) -> bool:
    """Return whether a leaf belongs to a published root and its total."""
    try:
        return climb(leaf(salt, wallet, balance), path) == (root, total)
    except ValueError:
        return False


def chain(before: bytes, on: str, root: bytes, total: int, figures: str) -> bytes:
    """Return the link of a day. before: the link of the day before, or START. figures: all that is published."""
    text = b"\x03" + before + on.encode("ascii") + root + _number(total) + sha256(figures.encode()).digest()
    return sha256(text).digest()


def grow(pairs: bytes, secret: bytes) -> Bucket:
    """Return the subtree of a bucket. pairs: wallet and balance, 8 bytes each, for every wallet of the bucket.

    Raises ValueError for a balance below 0 and for a wallet that is there twice.
    """
    numbers = _numbers(pairs)
    wallets, balances = numbers[::2], numbers[1::2]
    if numbers and min(numbers) < 0:
        raise ValueError("wallets and balances are not negative")
    if len(set(wallets)) != len(wallets):
        raise ValueError("a wallet is there twice")
    if not numbers:
        return Bucket(EMPTY, 0, _pack([]), b"")
    _number(sum(balances))
    cut = [pairs[at : at + _PAIR] for at in range(0, len(pairs), _PAIR)]
    digest = hmac.digest
    salts = [digest(secret, pair[:8], "sha256")[:SALT_BYTES] for pair in cut]
    order = sorted(range(len(cut)), key=salts.__getitem__)
    nodes = [sha256(b"\x00" + salts[i] + cut[i]).digest() + cut[i][8:] for i in order]
    sums = [balances[i] for i in order]
    nodes, sums = _rise(nodes, sums, GROUP_LEVELS)
    groups = b"".join(nodes)
    nodes, sums = _rise(nodes, sums, 64)
    return Bucket(Node(nodes[0][:32], sums[0]), len(cut), _pack([cut[i] for i in order]), groups)


def find(leaves: bytes, groups: bytes, secret: bytes, wallet: int) -> Place | None:
    """Return a wallet's place in a bucket that was grown; None when it is not there."""
    pairs = _unpack(leaves)
    numbers = _numbers(pairs)
    wallets, balances = numbers[::2], numbers[1::2]
    try:
        at = wallets.index(wallet)
    except ValueError:
        return None
    first = at - at % GROUP
    near = [
        leaf(salt(secret, wallets[i]), wallets[i], balances[i]) for i in range(first, min(first + GROUP, len(wallets)))
    ]
    tops = [Node(groups[i : i + 32], int.from_bytes(groups[i + 32 : i + 40], "big")) for i in range(0, len(groups), 40)]
    steps = [*path(near, at - first), *path(tops, at // GROUP)]
    return Place(balances[at], salt(secret, wallet), steps)


def holdings(leaves: bytes) -> list[tuple[int, int]]:
    """Return the wallets and balances of a bucket that was grown, in the order of its leaves."""
    numbers = _numbers(_unpack(leaves))
    return list(zip(numbers[::2], numbers[1::2], strict=True))


def _levels(nodes: Sequence[Node]) -> list[list[Node]]:
    """Return the tree from its leaves to its top; there is at least one node."""
    level = list(nodes)
    levels = [level]
    while len(level) > 1:
        above = list(map(node, level[::2], level[1::2]))
        if len(level) % 2:
            above.append(level[-1])
        level = above
        levels.append(level)
    return levels


def _rise(nodes: list[bytes], sums: list[int], levels: int) -> tuple[list[bytes], list[int]]:
    """Return the nodes so many levels up, each as its hash and sum together. `node`, for millions of them."""
    while len(nodes) > 1 and levels:
        levels -= 1
        odd, last, amount = len(nodes) % 2, nodes[-1], sums[-1]
        sums = list(map(add, sums[::2], sums[1::2]))
        pairs = zip(nodes[::2], nodes[1::2], sums, strict=False)
        nodes = [sha256(b"\x01" + left + right).digest() + total.to_bytes(8, "big") for left, right, total in pairs]
        if odd:
            nodes.append(last)
            sums.append(amount)
    return nodes, sums


def _number(number: int) -> bytes:
    if not 0 <= number < LIMIT:
        raise ValueError("numbers lie between 0 and 2**63 - 1")
    return number.to_bytes(8, "big")


def _numbers(pairs: bytes) -> Any:
    """Return big-endian numbers of 8 bytes as an array."""
    numbers = array("q")
    numbers.frombytes(pairs)
    if sys.byteorder == "little":
        numbers.byteswap()
    return numbers


def _pack(cut: list[bytes]) -> bytes:
    """Return pairs byte by byte, all first bytes first: the upper ones are zeros, of which little is left."""
    joined = b"".join(cut)
    return zlib.compress(b"".join(joined[at::_PAIR] for at in range(_PAIR)), 1)


def _unpack(leaves: bytes) -> bytes:
    planes = zlib.decompress(leaves)
    count = len(planes) // _PAIR
    pairs = bytearray(len(planes))
    for at in range(_PAIR):
        pairs[at::_PAIR] = planes[at * count : (at + 1) * count]
    return bytes(pairs)
