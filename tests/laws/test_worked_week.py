"""The week of docs/ledger.md, played with the product's verbs: after each act every account stands where the tables say."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from django.db.models import Sum

from points import accounts, adjusting, clearing, closing, expiry, funding, partitions, promises, rollup, terms, verify
from points.bills import Caller, Outcome, OutletRef
from points.models import Account, BankLine, CreditLine, Payout, Promise, Sale, Wallet
from points.refunds import ByTotal, refund
from tests.points.ruling import rule
from tests.points.shops import TEST, Shop, totals

pytestmark = [pytest.mark.law, pytest.mark.django_db(transaction=True)]

LEDGER = Path(__file__).resolve().parents[2] / "docs" / "ledger.md"
SHANGHAI = ZoneInfo("Asia/Shanghai")
Row = dict[str, int]


@dataclass(frozen=True)
class Day:
    """One table: what each account had, what each act did to it, what it had then."""

    title: str
    before: Row
    acts: dict[str, Row]
    after: Row

    def at(self, act: str) -> datetime:
        return datetime.strptime(f"{self.title} {act}", "%A, %d %B %Y %H:%M").replace(tzinfo=SHANGHAI)


def read_days() -> list[Day]:
    chapter = LEDGER.read_text(encoding="utf-8").split("\n## A week\n")[1].split("\n## ")[0]
    return [_day(part) for part in chapter.split("\n### ")[1:]]


def _day(part: str) -> Day:
    rows = [
        [cell.strip() for cell in line.strip("| ").split("|")] for line in part.splitlines() if line.startswith("|")
    ]
    head, body = rows[0], rows[2:]
    columns = [{cells[0].strip("*"): _fen(cells[n]) for cells in body} for n in range(1, len(head))]
    title = part.split("\n", 1)[0]
    told = re.findall(r"^- (\d\d:\d\d) ", part, re.MULTILINE)
    assert head[1] == "before" and head[-1] == "after" and head[2:-1] == told, title
    return Day(title, columns[0], dict(zip(head[2:-1], columns[1:-1], strict=True)), columns[-1])


def _fen(cell: str) -> int:
    return int(cell.replace(",", "").replace("−", "-") or 0)


DAYS = read_days()
MEMO = ("not mature", "held", "promised", "owes")


def is_memo(name: str) -> bool:
    return name.endswith(MEMO)


def test_the_tables_add_up() -> None:
    """Each column sums to zero, each row goes from before to after, each day begins where the one before ended."""
    stood: Row = {}
    assert len(DAYS) == 11
    for day in DAYS:
        assert {name: fen for name, fen in day.before.items() if fen} == stood, day.title
        for column in (day.before, *day.acts.values(), day.after):
            assert column["Σ"] == 0
            assert sum(fen for name, fen in column.items() if name != "Σ" and not is_memo(name)) == 0, day.title
        for name, fen in day.after.items():
            assert fen == day.before[name] + sum(act[name] for act in day.acts.values()), (day.title, name)
            assert fen >= 0 or name == "custody"
        stood = {name: fen for name, fen in day.after.items() if fen}


class Week:
    """The merchants, the members, and the verbs of the week, each at its time."""

    def __init__(self) -> None:
        self.number = 0
        opened = DAYS[0].at("09:00") - timedelta(days=3)
        partitions.ahead(2, opened.date())
        self.centre = accounts.open_centre(owner_no=1, title="centre", at=opened)
        self.hotpot = self._sign(1, "老灶火锅", opened, rate_bps=800, matures_days=7)
        self.fruit = self._sign(2, "鲜果时光", opened, rate_bps=500, matures_days=0, spend_share_bps=10_000)
        self.cleaner = self._sign(3, "洁净家政", opened, rate_bps=1_000, matures_days=0)
        promises.set_line(float_id=self.cleaner.merchant.float_id, limit_fen=30_000, actor=TEST, at=opened, now=opened)
        self.budget = accounts.open_budget(title="Thursday", at=opened)
        thursday = DAYS[3].at("00:00")
        rule(
            self.budget, {"kind": "rate", "bps": 100}, starts_at=thursday, ends_at=thursday + timedelta(days=1),
            scope={"merchants": [self.hotpot.merchant.float_id]},
        )  # fmt: skip
        self.lin, self.zhou = (accounts.open_wallet(opened) for _n in range(2))
        self.dinner = self.hold = self.twin = Outcome("", False, None, None, None, 0, 0, 0, None, None, None, 0)

    def _sign(self, number: int, title: str, at: datetime, **card: int) -> Shop:
        merchant = accounts.open_merchant(owner_no=number, title=title, at=at)
        written = terms.write(merchant=merchant, version=1, valid_from=at, **card)
        return Shop(OutletRef(number, merchant.float_id, self.centre), merchant, written, Caller("till", number))

    def key(self) -> str:
        self.number += 1
        return f"week {self.number}"

    # --- what the tables name -------------------------------------------------------------------

    def names(self) -> dict[int, str]:
        """Return the name in the tables of every account that there is."""
        found = {number: name for name, number in accounts.HOUSE.items()}
        found |= {self.budget: "budget", self.centre: "centre", self.lin.pk: "林婶", self.zhou.pk: "老周"}
        kinds = Account.Kind
        parts = {
            kinds.FLOAT: "float", kinds.PROCEEDS: "proceeds", kinds.REST: "rest", kinds.FEE_REST: "fee rest",
            kinds.IN_PAYOUT: "in payout", kinds.PROMO: "promo",
        }  # fmt: skip
        for shop, title in ((self.hotpot, "老灶火锅"), (self.fruit, "鲜果时光"), (self.cleaner, "洁净家政")):
            found[shop.merchant.float_id] = f"{title} float"
            for row in Account.objects.of_float(shop.merchant.float_id):
                found[row.pk] = f"{title} {parts[Account.Kind(row.kind)]}"
        beside = Account.objects.filter(kind=kinds.IN_PAYOUT, centre_id=self.centre, float_id=None).first()
        return found | ({beside.pk: "centre, in payout"} if beside else {})

    def stands(self) -> Row:
        """Return every account that is not zero: by the history, and the same by the balances that are kept."""
        rollup.run()
        names, history = self.names(), totals()
        kept = dict(Account.objects.values_list("pk", "balance")) | dict(Wallet.objects.values_list("pk", "balance"))
        assert {number: fen for number, fen in kept.items() if fen} == {n: fen for n, fen in history.items() if fen}
        found = {names[number]: fen for number, fen in history.items()}
        for title, wallet in (("林婶", self.lin), ("老周", self.zhou)):
            wallet.refresh_from_db()
            promised = Promise.objects.filter(wallet_id=wallet.pk).open().aggregate(fen=Sum("points"))["fen"]
            found |= {f"{title}, not mature": wallet.pending, f"{title}, held": wallet.held}
            found[f"{title}, promised"] = promised or 0
        found["洁净家政 owes"] = CreditLine.objects.get(pk=self.cleaner.merchant.float_id).owed_fen
        return {name: fen for name, fen in found.items() if fen}

    # --- verbs ----------------------------------------------------------------------------------

    def bank(self, at: datetime, *lines: tuple[int, int | None]) -> None:
        number, opening = self.key(), -accounts.balance(accounts.house("custody"))
        funding.book_statement(
            bank="bank", account="1", from_on=at.date(), to_on=at.date(), opening_fen=opening,
            closing_fen=opening + sum(fen for fen, _payout in lines), digest=hashlib.sha256(number.encode()).digest(),
            lines=[funding.Line(f"{number}-{n}", fen, at.date(), payout_id=payout) for n, (fen, payout) in enumerate(lines)],
            actor=TEST, at=at, now=at,
        )  # fmt: skip

    def allot(self, at: datetime, *targets: tuple[int, int]) -> None:
        for fen, account in targets:
            line = BankLine.objects.get(amount_fen=fen, allotted_to_id=None)
            funding.allot(bank_line=line, float_id=account, actor=TEST, at=at, now=at)

    def night(self, at: datetime) -> None:
        expiry.expire(at.date(), now=at)
        expiry.mature(at.date(), now=at)
        closing.close(at.date() - timedelta(days=1), now=at)

    def clear(self, at: datetime) -> None:
        done = clearing.clear(at.date() - timedelta(days=1), actor=TEST, now=at)
        assert not done.failed

    def pay_out(self, at: datetime, run_no: int) -> None:
        clearing.approve(run_no=run_no, through=10**9)
        payouts = list(Payout.objects.filter(run_no=run_no).order_by("pk"))
        clearing.send(run_no=run_no, payout_ids=[payout.pk for payout in payouts])
        self.bank(at, *((-payout.amount_fen, payout.pk) for payout in payouts))

    def sell(self, shop: Shop, wallet: Wallet, at: datetime, paid_fen: int, spend: int = 0) -> Outcome:
        outcome = shop.sell(wallet, paid_fen, event_at=at, now=at, key=self.key(), spend_points=spend)
        assert outcome.is_booked
        return outcome

    def give_back(self, at: datetime, fen: int) -> None:
        sale, shop = Sale.objects.get(pk=self.dinner.sale_id), self.hotpot
        outcome = refund(
            sale=sale, outlet_id=shop.outlet.outlet_id, returned=ByTotal(fen), caller=shop.caller, key=self.key(), body="",
            actor=TEST, at=at, now=at,
        )  # fmt: skip
        assert (outcome.status, outcome.cash_back_fen) == ("booked", fen)

    def correct(self, at: datetime) -> None:
        outcome = adjusting.adjust(
            wallet_id=self.lin.pk, funder_id=self.fruit.merchant.float_id, points=300, caller=Caller("staff", 0),
            key=self.key(), actor=TEST, at=at, now=at, expires_on=at.date() + timedelta(days=2),
        )  # fmt: skip
        assert outcome.is_booked

    def eat(self, at: datetime) -> None:
        self.dinner = self.sell(self.hotpot, self.lin, at, 25_800)

    def place(self, at: datetime) -> None:
        self.hold = self.hotpot.hold(self.zhou, 200, now=at, bill_fen=40_000, key=self.key(), lasts=timedelta(hours=3))
        assert self.hold.is_booked

    def capture(self, at: datetime) -> None:
        assert self.hotpot.capture(self.hold.sale_id, 150, 11_850, now=at, key=self.key()).is_booked

    def clean(self, at: datetime) -> None:
        assert self.sell(self.cleaner, self.lin, at, 20_000).status == "promised"

    def issue(self, at: datetime) -> None:
        assert promises.pay(self.cleaner.merchant.float_id, at).fen == 2_000

    def twice(self, at: datetime) -> None:
        self.twin = self.sell(self.fruit, self.zhou, at, 3_000)

    def void(self, at: datetime) -> None:
        assert self.fruit.void(self.twin.sale_id, now=at, key=self.key()).is_booked


def acts(week: Week) -> dict[tuple[int, str], Callable[[datetime], object]]:
    """Return what is done when: (day of the week, its column) → verb. Every night that is not named is an ordinary one."""
    hotpot, fruit, cleaner, lin, zhou = week.hotpot, week.fruit, week.cleaner, week.lin, week.zhou
    first = (
        (100_000, hotpot.merchant.float_id),
        (50_000, fruit.merchant.float_id),
        (20_000, week.budget),
    )
    return {
        (1, "09:00"): lambda at: week.bank(at, (100_000, None), (50_000, None), (20_000, None)),
        (1, "09:10"): lambda at: week.allot(at, *first),
        (1, "12:30"): week.eat,
        (1, "17:00"): week.correct,
        (2, "10:00"): lambda at: week.sell(fruit, zhou, at, 8_650),
        (2, "11:00"): lambda at: week.sell(fruit, lin, at, 3_980, spend=120),
        (3, "18:00"): week.place,
        (3, "19:30"): week.capture,
        (3, "20:00"): week.clean,
        (4, "12:00"): lambda at: week.sell(hotpot, lin, at, 9_990),
        (4, "15:00"): lambda at: week.give_back(at, 5_800),
        (5, "01:00"): week.clear,
        (5, "10:00"): lambda at: week.bank(at, (2_500, None)),
        (5, "10:10"): lambda at: week.allot(at, (2_500, cleaner.merchant.float_id)),
        (5, "10:15"): week.issue,
        (6, "09:00"): lambda at: week.pay_out(at, 1),
        (6, "16:00"): lambda at: week.sell(fruit, lin, at, 0, spend=1_300),
        (7, "11:00"): lambda at: week.sell(fruit, zhou, at, 3_000),
        (7, "11:02"): week.twice,
        (7, "11:05"): week.void,
        (9, "01:00"): week.clear,
        (9, "14:00"): lambda at: week.give_back(at, 10_000),
        (10, "09:00"): lambda at: week.pay_out(at, 2),
    }


def test_the_book_stands_where_the_tables_say() -> None:
    week = Week()
    doing = acts(week)
    columns = {(n, act) for n, day in enumerate(DAYS, 1) for act in day.acts}
    assert columns - doing.keys() == {(n, "00:30") for n in range(2, 12)} and doing.keys() <= columns
    for n, day in enumerate(DAYS, 1):
        stands = dict(day.before)
        for act, moved in day.acts.items():
            doing.get((n, act), week.night)(day.at(act))
            stands = {name: fen + moved[name] for name, fen in stands.items()}
            assert week.stands() == {name: fen for name, fen in stands.items() if fen}, (day.title, act)
    assert [check for check in verify.checks() if check.differences] == []
