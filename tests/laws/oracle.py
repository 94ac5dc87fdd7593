"""The money model in plain Python: what every verb of the book must do, written from docs/ledger.md and not from its SQL.

It knows no database, no concurrency and no batches: a batch is its bills, one after another.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

SHANGHAI = ZoneInfo("Asia/Shanghai")
GRACE = timedelta(days=30)
VOID_WITHIN = timedelta(minutes=10)


def day_of(at: datetime) -> date:
    return at.astimezone(SHANGHAI).date()


def end_of_quarter_in_two_years(on: date) -> date:
    last_month = (on.month - 1) // 3 * 3 + 3
    year = on.year + 2
    return date(year + last_month // 12, last_month % 12 + 1, 1) - timedelta(days=1)


@dataclass(frozen=True)
class Terms:
    id: int
    rate: int
    member: int
    fee: int
    centre: int
    promo: int
    spend_fee: int
    matures_days: int
    holdback_days: int
    float_id: int
    proceeds_id: int
    fee_rest_id: int
    promo_id: int


@dataclass(frozen=True)
class Bill:
    key: str
    body: str
    wallet: int
    outlet: int
    terms: Terms
    centre: int
    rest_id: int
    event_at: datetime
    paid: int
    eligible: int
    spend: int


@dataclass(frozen=True)
class Answer:
    status: str
    points: int = 0
    spent: int = 0
    rest: int = 0
    balance: int | None = None
    available: int | None = None
    figure: int | None = None


@dataclass
class Lot:
    """Points of one funder; `matures` is None once they are mature. `lapses` is the last day of use."""

    matures: date | None
    lapses: date
    funder: int
    expires: date
    points: int
    # Set aside for open bills; a part of `points`.
    held: int = 0

    @property
    def free(self) -> int:
        return self.points - self.held


@dataclass
class Wallet:
    lots: list[Lot] = field(default_factory=list)
    is_frozen: bool = False
    movements: list[tuple[int, int]] = field(default_factory=list)
    last_at: datetime | None = None

    @property
    def balance(self) -> int:
        return sum(lot.points for lot in self.lots)

    @property
    def pending(self) -> int:
        return sum(lot.points for lot in self.lots if lot.matures is not None)

    @property
    def available(self) -> int:
        return self.balance - self.pending - self.held

    @property
    def held(self) -> int:
        return sum(lot.held for lot in self.lots)

    def put(self, matures: date | None, lapses: date, funder: int, expires: date, points: int) -> None:
        for lot in self.lots:
            if (lot.matures, lot.lapses, lot.funder, lot.expires) == (matures, lapses, funder, expires):
                lot.points += points
                return
        self.lots.append(Lot(matures, lapses, funder, expires, points))

    def draw(self, points: int, funder: int | None = None) -> list[tuple[Lot, int]]:
        """Take mature points, what lapses first goes first; return what came out of which lot."""
        taken = []
        for lot in sorted(self.lots, key=lambda lot: (lot.lapses, lot.funder, lot.expires)):
            if lot.matures is None and points and (funder is None or lot.funder == funder):
                n = min(lot.free, points)
                lot.points -= n
                points -= n
                if n:
                    taken.append((lot, n))
        assert points == 0
        return taken

    def moved(self, points: int, at: datetime) -> None:
        self.movements.append((points, self.balance))
        self.last_at = self.next_at(at)

    def next_at(self, at: datetime) -> datetime:
        """Return when a movement is booked: never backwards, never twice at the same time."""
        return at if self.last_at is None else max(at, self.last_at + timedelta(microseconds=1))


@dataclass
class Sale:
    bill: Bill
    booked_at: datetime
    due: date
    points: int
    rest: int
    matures: date | None
    expires: date
    drawn: list[tuple[Lot, int]]
    is_void: bool = False


@dataclass
class Hold:
    wallet: int
    outlet: int
    points: int
    ends_at: datetime
    parts: list[tuple[Lot, int]]
    state: str = "open"


class Oracle:
    def __init__(self) -> None:
        self.wallets: dict[int, Wallet] = {}
        self.accounts: dict[int, int] = defaultdict(int)
        self.keys: dict[str, tuple[str, int, Answer, int | None]] = {}
        self.sales: dict[int, Sale] = {}
        self.closed: dict[int, date] = {}
        # Rests and spending fees by account and the day on which they are released.
        self.held_back: dict[int, dict[date, int]] = defaultdict(lambda: defaultdict(int))
        self.posted: dict[int, dict[str, int]] = defaultdict(lambda: defaultdict(int))
        self.rest_of: dict[int, tuple[Terms, int]] = {}
        self.fee_rest_of: dict[int, int] = {}
        self.budgets: set[int] = set()
        self.n_sales = 0
        self.holds: list[Hold] = []

    # --- bills ----------------------------------------------------------------------------------

    def post(self, bill: Bill, at: datetime) -> Answer:
        """Rows 2, 3, 11 and 12 in one step, 22."""
        known = self.keys.get(bill.key)
        if known is not None:
            body, wallet_id, answer, _sale = known
            return answer if (body, wallet_id) == (bill.body, bill.wallet) else Answer("key_reused")
        wallet = self.wallets.get(bill.wallet)
        if wallet is None:
            return self._keep(bill, Answer("wallet_unknown"))
        if wallet.is_frozen:
            return self._keep(bill, Answer("wallet_frozen"))
        if bill.spend > wallet.available:
            there = wallet.available
            return self._keep(bill, Answer("points_short", balance=wallet.balance, available=there, figure=there))
        terms, today, first_at = bill.terms, day_of(at), wallet.next_at(at)
        booked_on = today
        if terms.float_id in self.closed:
            booked_on = max(booked_on, self.closed[terms.float_id] + timedelta(days=1))
        due = booked_on + timedelta(days=terms.holdback_days)
        drawn = []
        if bill.spend:
            fee = bill.spend * terms.spend_fee // 10_000
            drawn = wallet.draw(bill.spend)
            self.accounts[terms.proceeds_id] += bill.spend - fee
            self.accounts[terms.fee_rest_id] += fee
            self.held_back[terms.fee_rest_id][due] += fee
            self.fee_rest_of[terms.fee_rest_id] = terms.float_id
            wallet.moved(-bill.spend, at)
        rebate = (bill.eligible * terms.rate * 2 + 10_000) // 20_000
        points = rebate * terms.member // 10_000
        rest = rebate - points
        expires = end_of_quarter_in_two_years(today)
        promised = today + timedelta(days=terms.matures_days)
        matures = promised if promised > today else None
        status, figure = "booked", None
        if rebate > self.accounts[terms.float_id]:
            status, figure, points, rest = "without_points", rebate, 0, 0
        elif rebate:
            self.accounts[terms.float_id] -= rebate
            self.accounts[bill.rest_id] += rest
            self.held_back[bill.rest_id][due] += rest
            self.rest_of[bill.rest_id] = (terms, bill.centre)
            if points:
                wallet.put(matures, expires, terms.float_id, expires, points)
            wallet.moved(points, at)
        self.n_sales += 1
        sale = Sale(bill, first_at, due, points, rest, matures, expires, drawn)
        answer = Answer(status, points, bill.spend, rest, wallet.balance, wallet.available, figure)
        return self._keep(bill, answer, sale)

    def _keep(self, bill: Bill, answer: Answer, sale: Sale | None = None) -> Answer:
        number = None
        if sale is not None:
            number = len(self.sales)
            self.sales[number] = sale
        self.keys[bill.key] = (bill.body, bill.wallet, answer, number)
        return answer

    def void(self, key: str, number: int, outlet: int, now: datetime) -> Answer:
        """Rows 14 and 16 as the full void, 25: points back first, then the take-back from the sale's own lot."""
        if key in self.keys:
            return self.keys[key][2]
        answer = self._void(self.sales[number], outlet, now)
        self.keys[key] = ("", 0, answer, None)
        return answer

    def _void(self, sale: Sale, outlet: int, now: datetime) -> Answer:
        bill, wallet, today = sale.bill, self.wallets[sale.bill.wallet], day_of(now)
        if outlet != bill.outlet:
            return Answer("sale_unknown")
        if sale.is_void:
            return Answer("already_void")
        if now > sale.booked_at + VOID_WITHIN:
            return Answer("void_too_late")
        terms = bill.terms
        comes_back = [
            (lot.lapses if lot.lapses >= today else lot.expires + GRACE, lot.funder, lot.expires, points)
            for lot, points in sale.drawn
        ]
        if sale.points:
            own = self._own_lot(wallet, sale)
            there = own.free if own else 0
            if own and own.matures is None:
                mine = (sale.expires, terms.float_id, sale.expires)
                there += sum(points for *lot, points in comes_back if tuple(lot) == mine)
            if there < sale.points:
                return Answer("void_points_gone", figure=sale.points - there)
        for lapses, funder, expires, points in comes_back:
            wallet.put(None, lapses, funder, expires, points)
        if bill.spend:
            fee = bill.spend * terms.spend_fee // 10_000
            self.accounts[terms.proceeds_id] -= bill.spend - fee
            self.accounts[terms.fee_rest_id] -= fee
            self.held_back[terms.fee_rest_id][sale.due] -= fee
            wallet.moved(bill.spend, now)
        if sale.points or sale.rest:
            if sale.points:
                own = self._own_lot(wallet, sale)
                assert own is not None
                own.points -= sale.points
            self.accounts[bill.rest_id] -= sale.rest
            self.held_back[bill.rest_id][sale.due] -= sale.rest
            self.accounts[terms.float_id] += sale.points + sale.rest
            wallet.moved(-sale.points, now)
        sale.is_void = True
        self.n_sales += 1
        return Answer("booked", -sale.points, -bill.spend, -sale.rest, wallet.balance, wallet.available)

    def _own_lot(self, wallet: Wallet, sale: Sale) -> Lot | None:
        for matures in (sale.matures, None):
            for lot in wallet.lots:
                mine = (matures, sale.expires, sale.bill.terms.float_id, sale.expires)
                if (lot.matures, lot.lapses, lot.funder, lot.expires) == mine:
                    return lot
        return None

    # --- holds ----------------------------------------------------------------------------------

    def place(self, key: str, wallet_id: int, outlet: int, points: int, lasts: timedelta, at: datetime) -> Answer:
        """Row 11: what lapses first is set aside first; nothing moves."""
        if key in self.keys:
            return self.keys[key][2]
        wallet = self.wallets[wallet_id]
        if wallet.is_frozen:
            answer = Answer("wallet_frozen")
        elif points > (there := wallet.available):
            answer = Answer("points_short", balance=wallet.balance, available=there, figure=there)
        else:
            parts, left = [], points
            for lot in sorted(wallet.lots, key=lambda lot: (lot.lapses, lot.funder, lot.expires)):
                if lot.matures is None and (n := min(left, lot.free)):
                    lot.held += n
                    left -= n
                    parts.append((lot, n))
            assert left == 0
            self.holds.append(Hold(wallet_id, outlet, points, at + lasts, parts))
            answer = Answer("booked", 0, points, 0, wallet.balance, wallet.available)
        self.keys[key] = ("", wallet_id, answer, None)
        return answer

    def capture(self, number: int, bill: Bill, at: datetime) -> Answer:
        """Row 12: what is held comes back, and an ordinary bill takes what it needs; frozen or not."""
        if bill.key in self.keys:
            return self.keys[bill.key][2]
        hold = self.holds[number]
        wallet = self.wallets[hold.wallet]
        answer = self._refused(hold, bill.outlet)
        if answer is None and wallet.next_at(at) >= hold.ends_at:
            answer = Answer("hold_expired")
        if answer is None and bill.spend > hold.points:
            answer = Answer("hold_too_small", figure=hold.points)
        if answer is not None:
            self.keys[bill.key] = (bill.body, hold.wallet, answer, None)
            return answer
        self._let_go(hold, "captured", at)
        was_frozen, wallet.is_frozen = wallet.is_frozen, False
        answer = self.post(bill, at)
        wallet.is_frozen = was_frozen
        return answer

    def release(self, key: str, number: int, outlet: int, at: datetime) -> Answer:
        """Row 13, by the outlet."""
        if key in self.keys:
            return self.keys[key][2]
        hold = self.holds[number]
        wallet = self.wallets[hold.wallet]
        answer = self._refused(hold, outlet)
        if answer is None:
            self._let_go(hold, "released", at)
            answer = Answer("booked", 0, -hold.points, 0, wallet.balance, wallet.available)
        self.keys[key] = ("", hold.wallet, answer, None)
        return answer

    def release_overdue(self, at: datetime) -> int:
        """Row 13, by the clock."""
        overdue = [hold for hold in self.holds if hold.state == "open" and hold.ends_at <= at]
        for hold in overdue:
            self._let_go(hold, "lapsed", at)
        return len(overdue)

    def _refused(self, hold: Hold, outlet: int) -> Answer | None:
        if outlet != hold.outlet:
            return Answer("hold_unknown")
        return None if hold.state == "open" else Answer("hold_expired" if hold.state == "lapsed" else "hold_closed")

    def _let_go(self, hold: Hold, state: str, at: datetime) -> None:
        """Row 25: a lot that lapsed meanwhile lives until thirty days after its own expiry."""
        hold.state = state
        for lot, points in hold.parts:
            lot.held -= points
            if lot.lapses < day_of(at) and lot.lapses == lot.expires:
                lot.points -= points
                self.wallets[hold.wallet].put(None, lot.expires + GRACE, lot.funder, lot.expires, points)

    # --- money and corrections ------------------------------------------------------------------

    def top_up(self, account: int, fen: int) -> None:
        """Row 1: custody → suspense → float."""
        self.accounts[1] -= fen
        self.accounts[account] += fen

    def adjust(self, wallet_id: int, funder: int, points: int, expires: date, now: datetime) -> Answer:
        """Row 31."""
        wallet = self.wallets[wallet_id]
        if points > 0:
            if self.accounts[funder] < points:
                return Answer("funder_short", figure=points)
            wallet.put(None, expires, funder, expires, points)
        else:
            there = sum(lot.free for lot in wallet.lots if lot.matures is None and lot.funder == funder)
            if there < -points:
                return Answer("points_short", figure=there)
            wallet.draw(-points, funder)
        self.accounts[funder] -= points
        wallet.moved(points, now)
        return Answer("booked", points, 0, 0, wallet.balance, wallet.available)

    # --- the clock ------------------------------------------------------------------------------

    def mature(self, on: date) -> None:
        """Row 4."""
        for wallet in self.wallets.values():
            for lot in [lot for lot in wallet.lots if lot.matures is not None and lot.matures <= on]:
                wallet.lots.remove(lot)
                wallet.put(None, lot.lapses, lot.funder, lot.expires, lot.points)

    def expire(self, on: date, now: datetime) -> None:
        """Row 24: a merchant's points to breakage, a budget's back to it."""
        for wallet in self.wallets.values():
            for lot in sorted(wallet.lots, key=lambda lot: (lot.lapses, lot.funder, lot.expires)):
                if lot.matures is None and lot.lapses < on and lot.free:
                    self.accounts[lot.funder if lot.funder in self.budgets else 5] += lot.free
                    points, lot.points = lot.free, lot.held
                    wallet.moved(-points, now)

    def close(self, on: date, floats: list[int]) -> None:
        """Row 5: split of the running total, less what was posted; named parties down, the buffer takes the rest."""
        for float_id in floats:
            if self.closed.get(float_id, date.min) >= on:
                continue
            self.closed[float_id] = on
            for rest_id, (terms, centre) in self.rest_of.items():
                if terms.float_id == float_id:
                    self._split(rest_id, on, terms, centre)
            for fee_rest_id, owner in self.fee_rest_of.items():
                if owner == float_id:
                    total = sum(fen for due, fen in self.held_back[fee_rest_id].items() if due <= on)
                    self._pay(fee_rest_id, 3, "fee", total)

    def _split(self, rest_id: int, on: date, terms: Terms, centre: int) -> None:
        total = sum(fen for due, fen in self.held_back[rest_id].items() if due <= on)
        weight = 10_000 - terms.member
        fee, to_centre, promo = (
            total * part // weight if weight else 0 for part in (terms.fee, terms.centre, terms.promo)
        )
        self._pay(rest_id, 3, "fee", fee)
        self._pay(rest_id, centre, "centre", to_centre)
        self._pay(rest_id, terms.promo_id, "promo", promo)
        self._pay(rest_id, 4, "buffer", total - fee - to_centre - promo)

    def _pay(self, source: int, to: int, part: str, target: int) -> None:
        fen = target - self.posted[source][part]
        self.posted[source][part] = target
        self.accounts[source] -= fen
        self.accounts[to] += fen
