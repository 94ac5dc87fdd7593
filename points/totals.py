"""What all wallets, all floats and the custody come to: exact at any moment, in a few milliseconds.

Every transfer sums to zero, so wallets are what all accounts together lack. Below the roll-up's mark nothing can be
added any more: the totals of everything before it are a fact for good, kept in the cache, and only what was booked
since is added up. Each call moves the place that is kept up to the mark, the roll-up's task every few seconds; without
it (a new cache, a database that was started anew) the accounts are added up once, 800,000 of them in 0.1 to 0.3 s.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.core.cache import cache
from django.db import connection

from points.models import Account

KEPT_SECONDS = 24 * 3600
_KINDS = [kind.value for kind in Account.Kind]

# What was booked since a place, before the mark and after it: by account, then by kind. Wallets are no accounts and fall out.
_SINCE = """
  SELECT a.kind, sum(l.amount) FILTER (WHERE NOT l.is_late) AS early, sum(l.amount) FILTER (WHERE l.is_late) AS late FROM (
    SELECT v.id, t.xid >= (SELECT xid FROM m) AS is_late, sum(v.amount) AS amount FROM points_transfer t
      CROSS JOIN LATERAL (VALUES (t.debit_id, -(t.points + t.rest)), (t.credit_id, t.points), (t.rest_id, t.rest)) v(id, amount)
      WHERE t.xid >= {start} AND v.id <> t.wallet_id GROUP BY 1, 2) l
  JOIN points_account a ON a.id = l.id GROUP BY a.kind"""
_MARK = "WITH m AS MATERIALIZED (SELECT xid FROM points_mark WHERE name = 'rollup')"
_FROM_THE_START = f"""{_MARK}
SELECT m.xid, k.kind, b.balance, s.late FROM m CROSS JOIN unnest(%s::smallint[]) AS k(kind)
LEFT JOIN (SELECT kind, sum(balance) AS balance FROM points_money GROUP BY kind) b ON b.kind = k.kind
LEFT JOIN ({_SINCE.format(start="(SELECT xid FROM m)")}) s ON s.kind = k.kind"""
_GO_ON = f"""{_MARK}
SELECT m.xid, k.kind, s.early, s.late FROM m CROSS JOIN unnest(%s::smallint[]) AS k(kind)
LEFT JOIN ({_SINCE.format(start="%s")}) s ON s.kind = k.kind"""
# A history that was restored is another one: then the server was started or the database made since.
_HISTORY = """SELECT oid::text || ':' || extract(epoch FROM pg_postmaster_start_time())
  FROM pg_database WHERE datname = current_database()"""


@dataclass(frozen=True, slots=True)
class Totals:
    """Sums by kind of account, and of all wallets."""

    by_kind: dict[int, int]

    @property
    def wallets(self) -> int:
        return -sum(self.by_kind.values())

    @property
    def floats(self) -> int:
        return self.by_kind[Account.Kind.FLOAT]

    @property
    def custody(self) -> int:
        """Return the money at the bank."""
        return -self.by_kind[Account.Kind.CUSTODY]


def now() -> Totals:
    """Return the totals of this moment, in one snapshot."""
    name = f"points.totals:{_rows(_HISTORY)[0][0]}"
    kept: tuple[int, dict[int, int]] | None = cache.get(name)
    mark, before, since = _begin() if kept is None else _go_on(*kept)
    if kept is None or mark > kept[0]:
        cache.set(name, (mark, before), KEPT_SECONDS)
    return Totals({kind: before[kind] + since[kind] for kind in _KINDS})


def _begin() -> tuple[int, dict[int, int], dict[int, int]]:
    """Add up the accounts. Live ones are ahead of the mark by what was booked since; collecting ones are not."""
    rows = _rows(_FROM_THE_START, [_KINDS])
    since = {kind: int(late or 0) for _mark, kind, _balance, late in rows}
    ahead = {kind: since[kind] if kind in Account.LIVE else 0 for kind in since}
    return rows[0][0], {kind: int(balance or 0) - ahead[kind] for _mark, kind, balance, _late in rows}, since


def _go_on(place: int, known: dict[int, int]) -> tuple[int, dict[int, int], dict[int, int]]:
    rows = _rows(_GO_ON, [_KINDS, place])
    since = {kind: int(late or 0) for _mark, kind, _early, late in rows}
    return rows[0][0], {kind: known[kind] + int(early or 0) for _mark, kind, early, _late in rows}, since


def _rows(statement: str, arguments: list[Any] | None = None) -> list[Any]:
    with connection.cursor() as cursor:
        cursor.execute(statement, arguments)
        return cursor.fetchall()
