"""The rest of the money model in plain Python, on top of tests.laws.oracle: refunds, bonuses of rules, promises and bills,
dues and claims, clearing and payouts, the surplus. Written from docs/ledger.md and docs/rules.md; integers only.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta

from tests.laws.oracle import GRACE, Answer, Bill, Lot, Oracle, Sale, Terms, Wallet, day_of, end_of_quarter_in_two_years

CUSTODY, SUSPENSE, FEE, BUFFER, BREAKAGE, SURPLUS = 1, 2, 3, 4, 5, 6
REFUND_DAYS = 60
ONE_DAY = timedelta(days=1)


@dataclass(frozen=True)
class Kept:
    bill: int
    spent: int
    eligible: int


@dataclass
class Rule:
    """One rule: a rate of the money that earns, or so many points for a stamp card that is full."""

    code: str
    payer: int
    # The float of the merchant whose money it is; 0: the operator's.
    merchant: int
    shops: frozenset[int]
    starts_at: datetime
    ends_at: datetime
    bps: int = 0
    points: int = 0
    every: int = 0
    basket: int = 0
    most_bill: int | None = None
    most_member_day: int | None = None
    most_member: int | None = None
    most_day: int | None = None
    most_all: int | None = None
    # What it has given: to all, to all on a day, to a member, to a member on a day; and stamps of members.
    used: dict[object, int] = field(default_factory=lambda: defaultdict(int))
    stamps: dict[int, int] = field(default_factory=lambda: defaultdict(int))

    def room(self, wallet: int, day: date) -> list[int]:
        pairs = (
            (self.most_bill, 0), (self.most_member_day, self.used[wallet, day]), (self.most_member, self.used[wallet]),
            (self.most_day, self.used[day]), (self.most_all, self.used["all"]),
        )  # fmt: skip
        return [most - used for most, used in pairs if most is not None]

    def count(self, wallet: int, day: date, points: int, stamps: int) -> None:
        for key in ("all", day, wallet, (wallet, day)):
            self.used[key] += points
        self.stamps[wallet] += stamps


@dataclass(frozen=True)
class Facts:
    """What the rules saw when a bill was made; a refund reckons with the same."""

    credit: int
    rooms: dict[str, list[int]]
    stamps: dict[str, int]
    left: dict[int, int]
    rules: list[Rule]


@dataclass
class Bonus:
    """Points that others, or the merchant itself, gave on a sale; or a share of the surplus."""

    wallet: int
    payer: int
    points: int
    is_outside: bool
    sale: WholeSale | None
    rule: Rule | None = None
    stamps: int = 0
    day: date = date.min
    undone: int = 0
    is_void: bool = False
    was_charged: bool = False


@dataclass
class WholeSale(Sale):
    number: int = 0
    # 0 booked, 1 without points, 2 promised
    reason: int = 0
    refunds: int = 0
    kept: Kept = Kept(0, 0, 0)
    # open, issued, dropped, undone; of promised sales. Then points and rest are what is promised still.
    promise: str = ""
    promised: list[int] = field(default_factory=list)
    on: date = date.min
    bill_of: MerchantBill | None = None
    # When the rest of what was earned is released; none when nothing was earned.
    earned_due: date | None = None
    bonuses: list[Bonus] = field(default_factory=list)
    # Stamps of rules that gave nothing this time.
    stamped: list[tuple[Rule, int, date]] = field(default_factory=list)
    facts: Facts | None = None


@dataclass
class Line:
    limit: int
    period: str
    due_days: int
    drop_days: int
    is_open: bool = True
    owed: int = 0


@dataclass
class MerchantBill:
    float_id: int
    until: date
    drop_on: date
    open: int
    paid: int = 0
    dropped: int = 0
    undone: int = 0


@dataclass
class Due:
    account: int
    to: int
    amount: int
    paid: int = 0
    is_new: bool = True


@dataclass
class Claim:
    why: int
    debtor: int
    creditor: int
    points: int
    repaid: int = 0

    @property
    def open(self) -> int:
        return self.points - self.repaid


@dataclass
class ReturnDue:
    wallet: int
    float_id: int
    lapses: date
    funder: int
    expires: date
    points: int
    issued: int = 0


@dataclass
class Payout:
    source: int
    fen: int
    state: str = "proposed"


@dataclass(frozen=True)
class Refunded:
    """The answer to a refund: the row of the key, then what it came to."""

    answer: Answer
    cash: int = 0
    keep_back: int = 0
    claimed: int = 0
    taken: int = 0
    short: int = 0
    unpromised: int = 0
    promised: int = 0
    advanced: int = 0
    rest_back: int = 0
    rest_due: int = 0
    fee_back: int = 0
    charged: int = 0
    lapsed: int = 0


def kept_share(terms: Terms) -> int:
    return 10_000 - terms.member - terms.centre - terms.promo


def credit_of(rebate: int, terms: Terms) -> int:
    """G8: eight tenths of what fee and buffer keep of it."""
    return rebate * kept_share(terms) // 10_000 * 8 // 10


class WholeOracle(Oracle):
    def __init__(self) -> None:
        super().__init__()
        self.credit: dict[int, int] = defaultdict(int)
        self.rewarded: dict[int, int] = defaultdict(int)
        self.rewards: dict[int, list[Bonus]] = defaultdict(list)
        self.rules: list[Rule] = []
        self.lines: dict[int, Line] = {}
        self.bills: list[MerchantBill] = []
        self.promises: list[WholeSale] = []
        self.dues: list[Due] = []
        # What was released at the last close, less what was due by then.
        self.totals: dict[int, int] = {}
        self.claims: list[Claim] = []
        self.returns: list[ReturnDue] = []
        self.payouts: list[Payout] = []
        self.unpaid: dict[int, int] = defaultdict(int)
        self.short: dict[int, int] = defaultdict(int)
        # Proceeds and centres by accounting day, for the clearing.
        self.days: dict[int, dict[date, int]] = defaultdict(lambda: defaultdict(int))
        self.refunded: dict[str, Refunded] = {}
        self.proceeds_of: dict[int, int] = {}
        self.standing: dict[int, int] = defaultdict(int)
        self.shared: set[int] = set()

    # --- bills ----------------------------------------------------------------------------------

    def post(self, bill: Bill, at: datetime) -> Answer:
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
        on = self._day(terms.float_id, today)
        due = on + timedelta(days=terms.holdback_days)
        rebate = (bill.eligible * terms.rate * 2 + 10_000) // 20_000
        facts = self._facts(bill, rebate)
        drawn = []
        if bill.spend:
            fee = bill.spend * terms.spend_fee // 10_000
            drawn = wallet.draw(bill.spend)
            self._to(terms.proceeds_id, bill.spend - fee, on)
            self.accounts[terms.fee_rest_id] += fee
            self.held_back[terms.fee_rest_id][due] += fee
            self.fee_rest_of[terms.fee_rest_id] = terms.float_id
            wallet.moved(-bill.spend, at)
        points = rebate * terms.member // 10_000
        rest = rebate - points
        expires = end_of_quarter_in_two_years(today)
        matures = today + timedelta(days=terms.matures_days) if terms.matures_days else None
        sale = WholeSale(bill, first_at, due, points, rest, matures, expires, drawn, number=len(self.sales), on=on,
                         kept=Kept(bill.paid + bill.spend, bill.spend, bill.eligible))  # fmt: skip
        status, figure = "booked", None
        if rebate > self.accounts[terms.float_id]:
            status, figure = self._on_credit(sale, rebate), rebate
            points = rest = 0
        elif rebate:
            self.accounts[terms.float_id] -= rebate
            self._earn(sale, wallet, points, rest, matures, expires, due)
            wallet.moved(points, at)
            self.credit[bill.wallet] += credit_of(rebate, terms)
        self.n_sales += 1
        if status == "booked" and facts is not None:
            self._award(sale, wallet, facts, matures, expires, at)
        answer = Answer(status, points, bill.spend, rest, wallet.balance, wallet.available, figure)
        return self._keep(bill, answer, sale)

    def _day(self, float_id: int, today: date) -> date:
        """The accounting day: today, or the first open one."""
        return max(today, self.closed[float_id] + ONE_DAY) if float_id in self.closed else today

    def _to(self, account: int, fen: int, on: date) -> None:
        self.accounts[account] += fen
        self.days[account][on] += fen

    def _earn(
        self, sale: WholeSale, wallet: Wallet, points: int, rest: int, matures: date | None, expires: date, due: date
    ) -> None:
        bill = sale.bill
        if points:
            wallet.put(matures, expires, bill.terms.float_id, expires, points)
        self.accounts[bill.rest_id] += rest
        self.held_back[bill.rest_id][due] += rest
        self.rest_of[bill.rest_id] = (bill.terms, bill.centre)
        sale.matures, sale.expires, sale.earned_due = matures, expires, due

    def _on_credit(self, sale: WholeSale, rebate: int) -> str:
        """Rows 3 and 8: without points, or promised as far as the line goes."""
        line = self.lines.get(sale.bill.terms.float_id)
        if line is None or not line.is_open or line.owed + rebate > line.limit:
            sale.reason, sale.points, sale.rest = 1, 0, 0
            return "without_points"
        line.owed += rebate
        sale.reason, sale.promise, sale.promised = 2, "open", [sale.points, sale.rest]
        self.promises.append(sale)
        return "promised"

    # --- rules ----------------------------------------------------------------------------------

    def _facts(self, bill: Bill, rebate: int) -> Facts | None:
        here = [
            rule
            for rule in self.rules
            if bill.terms.float_id in rule.shops and rule.starts_at <= bill.event_at < rule.ends_at
        ]
        if not here:
            return None
        day = day_of(bill.event_at)
        left = {rule.payer: self.accounts[rule.payer] for rule in here}
        if bill.terms.float_id in left:
            left[bill.terms.float_id] -= rebate
        return Facts(
            self.credit[bill.wallet] - self.rewarded[bill.wallet], {rule.code: rule.room(bill.wallet, day) for rule in here},
            {rule.code: rule.stamps[bill.wallet] for rule in here}, left, sorted(here, key=lambda rule: rule.code),
        )  # fmt: skip

    def _gifts(self, bill: Bill, facts: Facts, eligible: int, units: int) -> list[tuple[Rule, int, int]]:
        """What each rule gives, and the stamps that it counts: by code, each within its limits, its payer's money and G8."""
        rebate = (eligible * bill.terms.rate * 2 + 10_000) // 20_000
        room = credit_of(rebate, bill.terms)
        credit = facts.credit + room
        left, found = dict(facts.left), []
        for rule in facts.rules:
            stamps = 0
            if eligible < max(rule.basket, 1):
                continue
            if rule.every:
                before, stamps = facts.stamps[rule.code], units
                asked = rule.points * ((before + units) // rule.every - before // rule.every)
            else:
                asked = rule.points or eligible * rule.bps // 10_000
            amount = min([asked, *facts.rooms[rule.code], left[rule.payer]])
            is_outside = rule.merchant != bill.terms.float_id
            if is_outside:
                amount = min(amount, credit if rule.every else min(room, credit))
            amount = max(amount, 0)
            if rule.points and amount < asked:
                amount = 0
            left[rule.payer] -= amount
            if is_outside:
                credit -= amount
                room -= 0 if rule.every else amount
            found.append((rule, amount, stamps))
        return found

    def _award(
        self, sale: WholeSale, wallet: Wallet, facts: Facts, matures: date | None, expires: date, at: datetime
    ) -> None:
        """Rows 6 and 7."""
        bill, day = sale.bill, day_of(sale.bill.event_at)
        sale.facts = facts
        for rule, points, stamps in self._gifts(bill, facts, bill.eligible, 1):
            rule.count(bill.wallet, day, points, stamps)
            if not points:
                if stamps:
                    sale.stamped.append((rule, stamps, day))
                continue
            is_outside = rule.merchant != bill.terms.float_id
            bonus = Bonus(bill.wallet, rule.payer, points, is_outside, sale, rule, stamps, day)
            sale.bonuses.append(bonus)
            self.rewards[bill.wallet].append(bonus)
            self.accounts[rule.payer] -= points
            wallet.put(matures, expires, rule.payer, expires, points)
            wallet.moved(points, at)
            self.rewarded[bill.wallet] += points if is_outside else 0

    def _bonus_undone(self, bonus: Bonus, points: int, *, is_whole: bool) -> None:
        bonus.undone += points
        if bonus.rule is not None:
            bonus.rule.count(bonus.wallet, bonus.day, -points, -bonus.stamps if is_whole else 0)
        if bonus.is_outside:
            self.rewarded[bonus.wallet] -= points

    def _unstamp(self, sale: WholeSale) -> None:
        for rule, stamps, day in sale.stamped:
            rule.count(sale.bill.wallet, day, 0, -stamps)

    # --- void -----------------------------------------------------------------------------------

    def _void(self, sale: Sale, outlet: int, now: datetime) -> Answer:  # noqa: C901
        assert isinstance(sale, WholeSale)
        bill, wallet, today = sale.bill, self.wallets[sale.bill.wallet], day_of(now)
        terms = bill.terms
        if outlet != bill.outlet:
            return Answer("sale_unknown")
        if sale.refunds:
            return Answer("sale_refunded")
        if sale.is_void:
            return Answer("already_void")
        if now > sale.booked_at + timedelta(minutes=10):
            return Answer("void_too_late")
        comes_back = [
            (lot.lapses if lot.lapses >= today else lot.expires + GRACE, lot.funder, lot.expires, points)
            for lot, points in sale.drawn
        ]
        has_earned = sale.earned_due is not None
        leaves: dict[tuple[date | None, int, date], int] = defaultdict(int)
        if has_earned and sale.points:
            leaves[sale.matures, terms.float_id, sale.expires] += sale.points
        for bonus in sale.bonuses:
            leaves[sale.matures, bonus.payer, sale.expires] += bonus.points
        gone = 0
        for (matures, funder, expires), points in leaves.items():
            own = self._lot(wallet, matures, funder, expires)
            there = own.free if own else 0
            if own and own.matures is None:
                there += sum(
                    n for *lot, n in comes_back if tuple(lot) == (own.lapses, funder, expires) and own.lapses >= today
                )
            gone += max(0, points - there)
        if gone:
            return Answer("void_points_gone", figure=gone)
        if any(bonus.was_charged for bonus in sale.bonuses):
            return Answer("void_rewarded")
        outside = sum(bonus.points for bonus in sale.bonuses if bonus.is_outside)
        credit, rewarded = self.credit[bill.wallet], self.rewarded[bill.wallet]
        rebate = sale.points + sale.rest if has_earned else 0
        if has_earned and rewarded - outside > max(credit, rewarded) - credit_of(rebate, terms):
            return Answer("void_rewarded")
        fee = bill.spend * terms.spend_fee // 10_000
        if bill.spend > fee and self.accounts[terms.proceeds_id] < bill.spend - fee:
            return Answer("void_paid_out")
        if sale.promise == "open":
            self._unpromise(sale, 0, 0)
        on = self._day(terms.float_id, today)
        for lapses, funder, expires, points in comes_back:
            wallet.put(None, lapses, funder, expires, points)
        if bill.spend:
            self._to(terms.proceeds_id, fee - bill.spend, on)
            self.accounts[terms.fee_rest_id] -= fee
            self.held_back[terms.fee_rest_id][sale.due] -= fee
            wallet.moved(bill.spend, now)
        if has_earned:
            assert sale.earned_due is not None
            self._leave(wallet, sale, terms.float_id, sale.points)
            self.accounts[bill.rest_id] -= sale.rest
            self.held_back[bill.rest_id][sale.earned_due] -= sale.rest
            self.accounts[terms.float_id] += rebate
            wallet.moved(-sale.points, now)
            self.credit[bill.wallet] -= credit_of(rebate, terms)
        for bonus in sale.bonuses:
            self._leave(wallet, sale, bonus.payer, bonus.points)
            self.accounts[bonus.payer] += bonus.points
            wallet.moved(-bonus.points, now)
            self._bonus_undone(bonus, bonus.points, is_whole=True)
            bonus.is_void = True
        self._unstamp(sale)
        sale.is_void = True
        self.n_sales += 1
        return Answer("booked", -sale.points, -bill.spend, -sale.rest, wallet.balance, wallet.available)

    @staticmethod
    def _lot(wallet: Wallet, matures: date | None, funder: int, expires: date) -> Lot | None:
        """The lot of its own, while it is pending, or the mature one that it joined."""
        for when in (matures, None):
            for lot in wallet.lots:
                if (lot.matures, lot.lapses, lot.funder, lot.expires) == (when, expires, funder, expires):
                    return lot
        return None

    def _leave(self, wallet: Wallet, sale: WholeSale, funder: int, points: int) -> None:
        if points:
            own = self._lot(wallet, sale.matures, funder, sale.expires)
            assert own is not None
            own.points -= points

    # --- refunds --------------------------------------------------------------------------------

    def refund(
        self, key: str, number: int, returned: int | tuple[int, int], now: datetime, *, cash_given: bool
    ) -> Refunded:
        """Rows 14 to 21, 23 and 25. returned: fen of the bill, or (money, points) of lines."""
        known = self.refunded.get(key)
        if known is None:
            sale = self.sales[number]
            assert isinstance(sale, WholeSale)
            known = self.refunded[key] = self._refund(sale, returned, now, cash_given=cash_given)
        return known

    def _refund(self, sale: WholeSale, returned: int | tuple[int, int], now: datetime, *, cash_given: bool) -> Refunded:  # noqa: C901
        bill, wallet, today, kept = sale.bill, self.wallets[sale.bill.wallet], day_of(now), sale.kept
        terms, w = bill.terms, sale.bill.wallet
        if sale.is_void:
            return Refunded(Answer("already_void"))
        if (today - day_of(sale.booked_at)).days > REFUND_DAYS:
            return Refunded(Answer("refund_too_late", figure=REFUND_DAYS))
        stays = self._stays(sale, returned)
        if stays is None:
            return Refunded(Answer("refund_too_much", figure=kept.bill))
        cash = (kept.bill - kept.spent) - (stays.bill - stays.spent)
        was, will = self._figures(sale, kept), self._figures(sale, stays)
        points, rest = was[1] - will[1], (was[0] - was[1]) - (will[0] - will[1])
        if sale.reason == 1:
            points = rest = 0
        spent, fee = kept.spent - stays.spent, was[2] - will[2]
        is_credited = sale.reason == 0 or sale.promise == "issued"
        credit_down = credit_of(was[0], terms) - credit_of(will[0], terms) if is_credited else 0
        unpromised = unpromised_rest = 0
        if sale.reason == 2 and sale.promise != "issued":
            self._unpromise(sale, will[1], will[0] - will[1])
            unpromised, unpromised_rest, points, rest = points, rest, 0, 0
        undone = self._bonuses_undone(sale, stays)
        outside_undone = sum(n for bonus, n in undone if bonus.is_outside)
        lacking = min(self.rewarded[w] - outside_undone - (self.credit[w] - credit_down), rest)
        charges: list[tuple[Bonus, int]] = []
        for bonus in reversed(self.rewards[w]):
            if lacking <= 0:
                break
            left = bonus.points - bonus.undone
            if bonus.is_outside and bonus.sale is not sale and not bonus.is_void and left > 0:
                charges.append((bonus, min(left, lacking)))
                lacking -= min(left, lacking)
        on = self._day(terms.float_id, today)
        spent_due = sale.due if bill.spend else None
        first_due = sale.earned_due or spent_due
        is_late = first_due is not None and terms.float_id in self.closed and first_due <= self.closed[terms.float_id]
        from_fee = from_proceeds = from_float = advanced = promised = 0
        if spent:
            is_fee_late = terms.float_id in self.closed and sale.due <= self.closed[terms.float_id]
            from_fee = max(0, min(fee, self.accounts[FEE])) if is_fee_late else fee
            need = spent - from_fee
            room = self._advance_room(terms.float_id, rest if is_late else 0)
            from_proceeds = max(0, min(need, self.accounts[terms.proceeds_id]))
            from_float = min(need - from_proceeds, self.accounts[terms.float_id])
            missing = need - from_proceeds - from_float
            advanced = max(0, min(missing, max(0, self.accounts[BUFFER]), room))
            promised = missing - advanced
            self._to(terms.proceeds_id, -from_proceeds, on)
            if is_fee_late:
                self.accounts[FEE] -= from_fee
            else:
                self.accounts[terms.fee_rest_id] -= from_fee
                self.held_back[terms.fee_rest_id][sale.due] -= from_fee
            self.accounts[terms.float_id] -= from_float
            self.accounts[BUFFER] -= advanced
        # First what was spent comes back …
        skip = bill.spend - kept.spent
        for part in (from_proceeds + from_fee, from_float, advanced):
            if part:
                for lapses, funder, expires, n in self._back(sale, skip, part):
                    wallet.put(None, lapses if lapses >= today else expires + GRACE, funder, expires, n)
                skip += part
                wallet.moved(part, now)
        # … then what was earned is taken
        taken, due_left = 0, 0
        if points + rest:
            taken = self._take(wallet, points, sale.matures, terms.float_id, sale.expires)
            back = 0 if is_late else rest
            if taken + back:
                wallet.moved(-taken, now)
            self.accounts[bill.rest_id] -= back
            assert sale.earned_due is not None
            self.held_back[bill.rest_id][sale.earned_due] -= back
            self.accounts[terms.float_id] += taken + back
            due_left = rest - back
        shorts = points - taken
        outside: list[tuple[Bonus, int]] = list(charges)
        for bonus, n in undone:
            took = self._take(wallet, n, sale.matures, bonus.payer, sale.expires)
            shorts += n - took
            if took:
                wallet.moved(-took, now)
                self.accounts[bonus.payer] += took
            self._bonus_undone(bonus, n, is_whole=False)
            if bonus.is_outside:
                outside.append((bonus, n - took))
        for bonus, n in charges:
            self._bonus_undone(bonus, n, is_whole=False)
            bonus.was_charged = True
        for bonus in sale.bonuses:
            bonus.was_charged = bonus.was_charged or any(bonus is other for other, _n in undone)
        if stays.bill == 0:
            for bonus in sale.bonuses:
                if bonus.rule is not None:
                    bonus.rule.count(w, bonus.day, 0, -bonus.stamps)
            self._unstamp(sale)
        # What others paid and is gone: the merchant's float, then what is due to it, then a claim.
        dues: dict[int, int] = defaultdict(int)
        owed: dict[int, int] = defaultdict(int)
        for bonus, n in outside:
            charged = min(n, self.accounts[terms.float_id])
            self.accounts[terms.float_id] -= charged
            self.accounts[bonus.payer] += charged
            due = min(n - charged, due_left)
            due_left -= due
            dues[bonus.payer] += due
            owed[bonus.payer] += n - charged - due
        self._pay_claims(terms.float_id, BUFFER, terms.float_id)
        came = self._back(sale, bill.spend - kept.spent, spent - promised) if spent > promised else []
        lapsed = self._lapse(wallet, came, today, now)
        keep_back = 0 if cash_given else min(shorts, cash)
        self.credit[w] -= credit_down
        self.dues += [Due(bill.rest_id, to, fen) for to, fen in sorted(dues.items()) if fen]
        if due_left:
            self.dues.append(Due(bill.rest_id, terms.float_id, due_left))
        self.claims += [
            claim for claim in (
                Claim(1, w, terms.float_id, shorts - keep_back), Claim(2, terms.float_id, BUFFER, advanced),
                *(Claim(3, terms.float_id, to, fen) for to, fen in sorted(owed.items())),
                Claim(4, FEE, terms.float_id, fee - from_fee if spent else 0),
            ) if claim.points
        ]  # fmt: skip
        if promised:
            self.returns += [
                ReturnDue(w, terms.float_id, lapses, funder, expires, n)
                for lapses, funder, expires, n in self._back(sale, skip, promised)
            ]
        sale.kept, sale.refunds = stays, sale.refunds + 1
        self.n_sales += 1
        answer = Answer(
            "booked", -points - unpromised, -spent, -rest - unpromised_rest, wallet.balance, wallet.available, keep_back
        )
        return Refunded(
            answer, cash, keep_back, shorts - keep_back, taken, points - taken, unpromised, promised, advanced, 0 if is_late else rest,
            rest if is_late else 0, from_fee, sum(n for _bonus, n in charges), lapsed,
        )  # fmt: skip

    @staticmethod
    def _stays(sale: WholeSale, returned: int | tuple[int, int]) -> Kept | None:
        """Row 23: parts are reckoned for all that came back so far; nothing becomes more than there is."""
        bill, kept = sale.bill, sale.kept
        whole = bill.paid + bill.spend
        if isinstance(returned, tuple):
            left, spent = kept.bill - sum(returned), kept.spent - returned[1]
        else:
            left = kept.bill - returned
            spent = bill.spend - bill.spend * (whole - left) // whole
            spent = min(max(spent, left - (kept.bill - kept.spent)), kept.spent, max(left, 0))
        if left < 0 or spent < 0 or left - spent < 0:
            return None
        eligible = 0
        if bill.paid:
            back = bill.paid - (left - spent)
            eligible = min(bill.eligible - bill.eligible * back // bill.paid, kept.eligible, left - spent)
        return Kept(left, spent, max(eligible, 0))

    @staticmethod
    def _figures(sale: WholeSale, kept: Kept) -> tuple[int, int, int]:
        terms = sale.bill.terms
        rebate = (kept.eligible * terms.rate * 2 + 10_000) // 20_000
        return rebate, rebate * terms.member // 10_000, kept.spent * terms.spend_fee // 10_000

    def _bonuses_undone(self, sale: WholeSale, stays: Kept) -> list[tuple[Bonus, int]]:
        """Row 17 for bonuses: what the rules give for what stays, with the facts of the purchase."""
        if not sale.bonuses:
            return []
        assert sale.facts is not None
        units = 1 if stays.eligible == sale.bill.eligible else 0
        gifts = {
            rule.code: points for rule, points, _stamps in self._gifts(sale.bill, sale.facts, stays.eligible, units)
        }
        found = []
        for bonus in sale.bonuses:
            assert bonus.rule is not None
            left = bonus.points - bonus.undone
            less = left - min(left, gifts.get(bonus.rule.code, 0), bonus.points)
            if less:
                found.append((bonus, less))
        return found

    @staticmethod
    def _back(sale: WholeSale, skip: int, points: int) -> list[tuple[date, int, date, int]]:
        """The lots that points of a spend came from, last used first; `skip` of them came back before."""
        found, upto = [], 0
        for lot, n in sorted(
            sale.drawn, key=lambda drawn: (drawn[0].lapses, drawn[0].funder, drawn[0].expires), reverse=True
        ):
            x = min(upto + n, skip + points) - max(upto, skip)
            upto += n
            if x > 0:
                found.append((lot.lapses, lot.funder, lot.expires, x))
        return found

    @staticmethod
    def _take(wallet: Wallet, points: int, matures: date | None, funder: int, expires: date | None) -> int:
        """Row 19: the pending lot, the lot, others of its funder, all others; by the day on which they lapse."""
        own = (funder, expires)
        lots = [
            lot for lot in wallet.lots
            if lot.free > 0 and (lot.matures is None or (lot.matures == matures and (lot.funder, lot.expires) == own))
        ]  # fmt: skip
        lots.sort(
            key=lambda lot: (
                lot.matures is None,
                (lot.funder, lot.expires) != own,
                lot.funder != funder,
                lot.lapses,
                lot.funder,
                lot.expires,
            )
        )
        taken = 0
        for lot in lots:
            n = min(points - taken, lot.free)
            lot.points -= n
            taken += n
        return taken

    def _lapse(self, wallet: Wallet, came: list[tuple[date, int, date, int]], today: date, now: datetime) -> int:
        """Row 25: of what came back with this refund, what came too late."""
        back: dict[tuple[date, int, date], int] = defaultdict(int)
        for lapses, funder, expires, n in came:
            back[(lapses if lapses >= today else expires + GRACE, funder, expires)] += n
        lapsed = 0
        for lot in sorted(wallet.lots, key=lambda lot: (lot.lapses, lot.funder, lot.expires)):
            points = min(lot.free, back.get((lot.lapses, lot.funder, lot.expires), 0)) if lot.matures is None else 0
            if points and lot.lapses < today:
                lot.points -= points
                self.accounts[lot.funder if lot.funder in self.budgets else BREAKAGE] += points
                wallet.moved(-points, now)
                lapsed += points
        return lapsed

    def _advance_room(self, float_id: int, due_now: int) -> int:
        """Row 15: a fifth of what fee and buffer have of its own kept sales, less what is due and advanced already."""
        mine = [rest for rest, (terms, _centre) in self.rest_of.items() if terms.float_id == float_id]
        has = sum(self.posted[rest]["fee"] + self.posted[rest]["buffer"] for rest in mine)
        due = sum(due.amount - due.paid for due in self.dues if due.account in mine)
        return max(0, has - due - due_now) * 2 // 10 - sum(
            c.open for c in self.claims if c.debtor == float_id and c.why == 2
        )

    def _pay_claims(self, debtor: int, creditor: int, source: int, most: int | None = None) -> int:
        """Open claims, oldest first, out of an account of the debtor."""
        money = self.accounts[source] if most is None else most
        used = 0
        for claim in self.claims:
            if (claim.debtor, claim.creditor) == (debtor, creditor) and claim.open and money > used:
                x = min(claim.open, money - used)
                claim.repaid += x
                used += x
        self.accounts[source] -= used
        self.accounts[creditor] += used
        return used

    def _creditors(self, debtor: int) -> list[int]:
        return list(dict.fromkeys(claim.creditor for claim in self.claims if claim.debtor == debtor and claim.open))

    def settle(self, now: datetime) -> None:
        """Row 20, then what merchants owe because of refunds."""
        for wallet_id in sorted({claim.debtor for claim in self.claims if claim.open and claim.why == 1}):
            wallet = self.wallets[wallet_id]
            for creditor in self._creditors(wallet_id):
                x = min(
                    wallet.available,
                    sum(c.open for c in self.claims if (c.debtor, c.creditor) == (wallet_id, creditor)),
                )
                if not x:
                    break
                took = self._take(wallet, x, None, creditor, None)
                assert took == x
                self._repay(wallet_id, creditor, x)
                self.accounts[creditor] += x
                wallet.moved(-x, now)
        floats = {claim.debtor for claim in self.claims if claim.open and claim.why in (2, 3)}
        floats |= {claim.creditor for claim in self.claims if claim.open and claim.why == 4}
        floats |= {due.float_id for due in self.returns if due.issued < due.points}
        for float_id in sorted(floats):
            self._settle_float(float_id, now)

    def _repay(self, debtor: int, creditor: int, points: int) -> None:
        for claim in self.claims:
            if (claim.debtor, claim.creditor) == (debtor, creditor):
                x = min(claim.open, points)
                claim.repaid += x
                points -= x

    def _settle_float(self, float_id: int, now: datetime) -> None:
        today = day_of(now)
        on = self._day(float_id, today)
        self._pay_claims(FEE, float_id, FEE)
        proceeds = self.proceeds_of[float_id]
        for source in (proceeds, float_id):
            before = self.accounts[source]
            for creditor in self._creditors(float_id):
                if not self._pay_claims(float_id, creditor, source):
                    break
            for due in self.returns:
                x = min(due.points - due.issued, max(self.accounts[source], 0)) if due.float_id == float_id else 0
                if due.float_id == float_id and due.issued < due.points:
                    if not x:
                        break
                    due.issued += x
                    self.accounts[source] -= x
                    wallet = self.wallets[due.wallet]
                    wallet.put(
                        None, due.lapses if due.lapses >= today else due.expires + GRACE, due.funder, due.expires, x
                    )
                    wallet.moved(x, now)
            self.days[source][on] += self.accounts[source] - before

    # --- promises and bills ---------------------------------------------------------------------

    def _unpromise(self, sale: WholeSale, points: int, rest: int) -> None:
        """Undone before it was paid: so much stays promised."""
        if sale.promise != "open":
            return
        less = sum(sale.promised) - points - rest
        sale.promised = [points, rest]
        self.lines[sale.bill.terms.float_id].owed -= less
        if sale.bill_of is not None:
            sale.bill_of.open -= less
            sale.bill_of.undone += less
        if points + rest == 0:
            sale.promise = "undone"

    def pay(self, float_id: int, now: datetime) -> None:
        """Row 9: the oldest sale first, each whole."""
        today = day_of(now)
        for sale in sorted(self.promises, key=lambda sale: (sale.booked_at, sale.number)):
            if sale.promise != "open" or sale.bill.terms.float_id != float_id:
                continue
            fen, (points, rest) = sum(sale.promised), sale.promised
            if fen > self.accounts[float_id]:
                break
            self.accounts[float_id] -= fen
            self.lines[float_id].owed -= fen
            wallet, terms = self.wallets[sale.bill.wallet], sale.bill.terms
            matures = sale.matures if sale.matures is not None and sale.matures > today else None
            expires = sale.expires if sale.expires > today else today + GRACE
            self._earn(
                sale,
                wallet,
                points,
                rest,
                matures,
                expires,
                self._day(float_id, today) + timedelta(days=terms.holdback_days),
            )
            wallet.moved(points, now)
            self.credit[sale.bill.wallet] += credit_of(fen, terms)
            sale.promise = "issued"
            if sale.bill_of is not None:
                sale.bill_of.open -= fen
                sale.bill_of.paid += fen
        self.promises = [sale for sale in self.promises if sale.promise == "open"]

    def draw(self, on: date) -> int:
        """One bill per merchant for the week or month that is over."""
        drawn = 0
        for float_id, line in sorted(self.lines.items()):
            until = (on - timedelta(days=on.weekday()) if line.period == "week" else on.replace(day=1)) - ONE_DAY
            mine = [
                s
                for s in self.promises
                if s.promise == "open" and s.bill.terms.float_id == float_id and s.bill_of is None and s.on <= until
            ]
            if not mine or any((bill.float_id, bill.until) == (float_id, until) for bill in self.bills):
                continue
            due_on = max(on, until + ONE_DAY) + timedelta(days=line.due_days)
            bill = MerchantBill(
                float_id, until, due_on + timedelta(days=line.drop_days), sum(sum(s.promised) for s in mine)
            )
            self.bills.append(bill)
            for sale in mine:
                sale.bill_of = bill
            drawn += 1
        return drawn

    def drop(self, on: date, now: datetime) -> int:
        """Row 10, after whatever money is there."""
        dropped = 0
        for bill in [bill for bill in self.bills if bill.open and bill.drop_on < on]:
            self.pay(bill.float_id, now)
            if not bill.open:
                continue
            for sale in self.promises:
                if sale.bill_of is bill and sale.promise == "open":
                    sale.promise = "dropped"
            self.lines[bill.float_id].owed -= bill.open
            self.lines[bill.float_id].is_open = False
            bill.dropped, bill.open = bill.dropped + bill.open, 0
            dropped += 1
        self.promises = [sale for sale in self.promises if sale.promise == "open"]
        return dropped

    # --- the close ------------------------------------------------------------------------------

    def close(self, on: date, floats: list[int]) -> None:
        """Rows 5 and 18: first where somebody has to give back, account by account; then all others."""
        todo = [float_id for float_id in floats if self.closed.get(float_id, date.min) < on]
        self.closed |= dict.fromkeys(todo, on)
        mine: list[tuple[int, int, list[tuple[str, int, int]], int]] = []
        for account in sorted({*self.rest_of, *self.fee_rest_of}):
            found = self._targets(account, on)
            if found is not None and found[0] in todo:
                mine.append((account, *found))
        slow = []
        for account, float_id, parts, released in mine:
            self.totals[account] = sum(want for _part, _to, want in parts)
            posted = self.posted[account]
            is_new = any(due.account == account and due.is_new for due in self.dues)
            if (
                is_new
                or self.unpaid[account] + self.short[account]
                or any(posted[part] > want for part, _to, want in parts)
            ):
                slow.append(account)
                self._give_back(account, float_id, parts, released, on)
        for account, _float_id, parts, _released in mine:
            if account not in slow:
                for part, to, want in parts:
                    self._post_part(account, part, to, want - self.posted[account][part], on)

    def _targets(self, account: int, on: date) -> tuple[int, list[tuple[str, int, int]], int] | None:
        released = sum(fen for due, fen in self.held_back[account].items() if due <= on)
        if account in self.fee_rest_of:
            return self.fee_rest_of[account], [("fee", FEE, released)], released
        terms, centre = self.rest_of[account]
        total = released - sum(due.amount for due in self.dues if due.account == account)
        weight = 10_000 - terms.member
        fee, to_centre, promo = (
            total * part // weight if weight else 0 for part in (terms.fee, terms.centre, terms.promo)
        )
        parts = [("fee", FEE, fee), ("centre", centre, to_centre), ("promo", terms.promo_id, promo),
                 ("buffer", BUFFER, total - fee - to_centre - promo)]  # fmt: skip
        return terms.float_id, parts, released

    def _post_part(self, account: int, part: str, to: int, fen: int, on: date) -> None:
        if fen:
            self.posted[account][part] += fen
            self.accounts[account] -= fen
            self._to(to, fen, on)

    def _give_back(
        self, account: int, float_id: int, parts: list[tuple[str, int, int]], released: int, on: date
    ) -> None:
        posted = self.posted[account]
        mine = [due for due in self.dues if due.account == account]
        for part, to, want in parts:
            less = posted[part] - want
            if less > 0:
                x = max(0, min(less, self.accounts[to]))
                self._post_part(account, part, to, -x, on)
                if part == "promo":
                    # Promotion credit that is used up is the merchant's own to give back.
                    self._post_part(account, part, float_id, -min(less - x, self.accounts[float_id]), on)
        room = released - sum(due.paid for due in mine) - sum(posted[part] for part, _to, _want in parts)
        for part, to, want in parts:
            x = max(0, min(want - posted[part], room))
            room -= x
            self._post_part(account, part, to, x, on)
        for due in mine:
            due.is_new = False
            x = max(0, min(due.amount - due.paid, room))
            room -= x
            due.paid += x
            self.accounts[account] -= x
            self.accounts[due.to] += x
        self.unpaid[account] = sum(due.amount - due.paid for due in mine)
        self.short[account] = sum(max(0, posted[part] - want) for part, _to, want in parts)

    # --- clearing, payouts, the bank ------------------------------------------------------------

    def clear(self, on: date, minimum: int, centres: list[int], now: datetime) -> None:
        """Row 33: what was booked through the day and is free now: claims, bills, the standing top-up, the payout."""
        owner = {proceeds: float_id for float_id, proceeds in self.proceeds_of.items()}
        free: dict[int, int] = {}
        for account in sorted([*owner, *centres]):
            if account in owner and self.closed.get(owner[account], date.min) < on:
                continue
            late = sum(fen for day, fen in self.days[account].items() if day > on)
            free[account] = max(0, min(self.accounts[account] - late, self.accounts[account]))
        for account, has in free.items():
            if account in owner and has:
                free[account] = self._clear_debts(owner[account], account, has, on, now)
        for account, has in free.items():
            fill = 0
            if account in owner:
                float_id = owner[account]
                fill = max(0, min(has, self.standing[float_id] - self.accounts[float_id]))
                self.accounts[float_id] += fill
                self._to(account, -fill, on)
            if has - fill >= max(1, minimum):
                self._set_off(account, has - fill, on)

    def _clear_debts(self, float_id: int, account: int, has: int, on: date, now: datetime) -> int:
        creditors, open_bills = (
            self._creditors(float_id),
            [bill for bill in self.bills if bill.float_id == float_id and bill.open],
        )
        if not creditors and not open_bills:
            return has
        for creditor in creditors:
            x = self._pay_claims(float_id, creditor, account, has)
            self.days[account][on] -= x
            has -= x
        if has:
            x = max(0, min(has, sum(bill.open for bill in open_bills) - self.accounts[float_id]))
            self.accounts[float_id] += x
            self._to(account, -x, on)
            has -= x
            self.pay(float_id, now)
        return has

    def _set_off(self, source: int, fen: int, on: date) -> None:
        """What is on its way to a bank lies in the account with the sign turned."""
        self._to(source, -fen, on)
        self.accounts[-source] += fen
        self.payouts.append(Payout(source, fen))

    def withdraw_fee(self, fen: int, on: date) -> bool:
        """Row 43: never what the fee will have to give back."""
        if self.accounts[FEE] - self.fee_owed_back() < fen:
            return False
        self._set_off(FEE, fen, on)
        return True

    def fee_owed_back(self) -> int:
        """Its part of what late refunds made due and nobody has paid (row 18), and what it owes to merchants."""
        owed = sum(claim.open for claim in self.claims if claim.debtor == FEE)
        for account in {due.account for due in self.dues if due.paid < due.amount}:
            terms, _centre = self.rest_of[account]
            fresh = sum(due.amount for due in self.dues if due.account == account and due.is_new)
            total, weight = max(0, self.totals.get(account, 0) - fresh), 10_000 - terms.member
            owed += max(0, self.posted[account]["fee"] - (total * terms.fee // weight if weight else 0))
        return owed

    def paid(self, payout: Payout) -> None:
        """Row 34: the bank's debit."""
        payout.state = "paid"
        self.accounts[-payout.source] -= payout.fen
        self.accounts[CUSTODY] += payout.fen

    def came_back(self, payout: Payout, on: date) -> None:
        payout.state = "returned"
        self.accounts[CUSTODY] -= payout.fen
        self._to(payout.source, payout.fen, on)

    def stop(self, payout: Payout, on: date) -> None:
        payout.state = "stopped"
        self.accounts[-payout.source] -= payout.fen
        self._to(payout.source, payout.fen, on)

    def empty(self, float_id: int, promo_id: int, on: date) -> None:
        """Row 36: promo → float → proceeds."""
        fen = self.accounts[float_id] + self.accounts[promo_id]
        self.accounts[float_id] = self.accounts[promo_id] = 0
        self._to(self.proceeds_of[float_id], fen, on)

    # --- the surplus ----------------------------------------------------------------------------

    def share_surplus(self, breakage: int, buffer: int, now: datetime) -> None:
        """Row 38: pro rata to unused reward credit, down, never above it."""
        self.accounts[BREAKAGE] -= breakage
        self.accounts[BUFFER] -= buffer
        self.accounts[SURPLUS] += breakage + buffer
        unused = {w: self.credit[w] - self.rewarded[w] for w in self.wallets if self.credit[w] > self.rewarded[w]}
        total = sum(unused.values())
        pool = min(self.accounts[SURPLUS], total)
        expires = end_of_quarter_in_two_years(day_of(now))
        for wallet_id, credit in unused.items():
            points = pool * credit // total
            if points:
                wallet = self.wallets[wallet_id]
                wallet.put(None, expires, SURPLUS, expires, points)
                wallet.moved(points, now)
                self.accounts[SURPLUS] -= points
                self.rewarded[wallet_id] += points
                self.rewards[wallet_id].append(Bonus(wallet_id, SURPLUS, points, True, None))
