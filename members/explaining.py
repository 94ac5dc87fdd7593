"""“Why did I get 43 points?”: one movement taken apart, in words that a member reads."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date

from django.utils.formats import date_format
from django.utils.translation import gettext as _

from alliance.calc.worktime import shanghai_day
from alliance.templatetags.lianhui import bps, local_time, points, thousands, yuan
from members import wallets
from members.models import Member
from merchants import refunding
from merchants.models import Outlet
from merchants.refunding import Done
from points import awards, rewards
from points.awards import Said
from points.models import LotUse, Promise, Refund, Reward, Sale, Transfer


@dataclass(frozen=True, slots=True)
class Step:
    """One line of the reckoning: what, how much, and why."""

    label: str
    figure: str
    text: str = ""


@dataclass(frozen=True, slots=True)
class Reason:
    """The reckoning of one movement."""

    title: str
    steps: list[Step]


@dataclass(frozen=True, slots=True)
class Move:
    what: str
    points: int


@dataclass(frozen=True, slots=True)
class Line:
    label: str
    figure: str
    is_total: str = ""


@dataclass(frozen=True, slots=True)
class Receipt:
    shop: str
    outlet: str
    number: str
    when: str
    lines: list[Line]


@dataclass(frozen=True, slots=True)
class Detail:
    """All of one journal that touched the member's wallet."""

    title: str
    subtitle: str
    trade: str
    moves: list[Move]
    balance_after: int
    why: list[Reason] = field(default_factory=list)
    receipt: Receipt | None = None
    outlet: Outlet | None = None
    undoes: int | None = None
    undone_by: int | None = None
    # The refund that this is, and those that took something of it back.
    refund: Done | None = None
    is_part_back: bool = False


def explain(member: Member, journal_id: int) -> Detail | None:
    """Return the member's journal in plain words; None when it is not in the member's wallet."""
    mine = wallets.transfers_of(member.wallet_id)
    rows = list(mine.filter(journal_id=journal_id).order_by("booked_at", "seq"))
    if not rows:
        return None
    first, last = rows[0], rows[-1]
    outlet = Outlet.objects.select_related("merchant__trade").filter(pk=first.outlet_id or 0).first()
    sale = _sale(first)
    if first.kind == Transfer.Kind.ISSUE:
        sale = _promised_sale(issue_id=first.pk, wallet_id=first.wallet_id)
    elif sale is None and first.kind == Transfer.Kind.AWARD:
        sale = _promised_sale(sale_id=first.journal_id, wallet_id=first.wallet_id)
    is_refund = sale is not None and sale.kind == Sale.Kind.REFUND
    done = refunding.told(outlet, journal_id) if is_refund and outlet else None
    what = [str(wallets.WORDS[row.kind][row.reverses_id is not None]) for row in rows]
    undoes = mine.filter(id=first.reverses_id or 0).values_list("journal_id", flat=True).first()
    undone_by = mine.filter(reverses_id__in=[row.pk for row in rows]).values_list("journal_id", flat=True).first()
    return Detail(
        title=outlet.name if outlet else what[0],
        subtitle=f"{' · '.join(dict.fromkeys(what))} · {local_time(first.event_at)}",
        trade=outlet.merchant.trade.code if outlet else "",
        moves=[Move(word, row.signed) for word, row in zip(what, rows, strict=True)],  # type: ignore[attr-defined]
        balance_after=last.balance_after or 0,
        why=_why(rows, sale) if undoes is None else [],
        receipt=(_refund_receipt(done, outlet, rows) if done else _receipt(sale, outlet, rows))
        if sale and outlet
        else None,
        outlet=outlet,
        undoes=undoes,
        undone_by=undone_by,
        refund=done,
        is_part_back=undone_by is not None and _is_refund(undone_by),
    )


def _sale(row: Transfer) -> Sale | None:
    """Return the till's document of a journal, found by its key: outlet, time, number."""
    if row.outlet_id is None:
        return None
    return Sale.objects.filter(outlet_id=row.outlet_id, booked_at=row.booked_at, id=row.journal_id).first()


def _promised_sale(**which: int) -> Sale | None:
    """Return the sale of which points were promised until its merchant paid."""
    promise = Promise.objects.filter(**which).first()
    if promise is None:
        return None
    return Sale.objects.filter(outlet_id=promise.outlet_id, booked_at=promise.booked_at, id=promise.pk).first()


def _why(rows: list[Transfer], sale: Sale | None) -> list[Reason]:
    """Return one reckoning for each movement of the journal, earned points first: that is what people ask about."""
    reasons = []
    bonuses = _bonuses(rows)
    for row in sorted(rows, key=lambda row: row.kind != Transfer.Kind.EARN):
        if row.kind in (Transfer.Kind.EARN, Transfer.Kind.ISSUE) and sale is not None:
            # Translators: 为什么得 %(points)s 分
            reasons.append(
                Reason(_("Why %(points)s points?") % {"points": thousands(row.points)}, _why_earned(row, sale))
            )
        elif row.kind == Transfer.Kind.AWARD:
            reasons.append(bonuses[row.pk])
        elif row.kind == Transfer.Kind.SPEND:
            # Translators: 用掉的是哪些积分
            reasons.append(Reason(_("Which points were spent?"), _why_spent(row)))
        elif row.kind == Transfer.Kind.EXPIRE:
            # Translators: 这些积分到了到期日还没用，按条款失效
            text = _("They were not spent by their last day. What expires first is always spent first.")
            reasons.append(Reason(_("Why did they expire?"), [Step(_("Expired"), points(_moved(row)), text)]))
        elif row.kind == Transfer.Kind.SURPLUS:
            # Translators: 联盟已实现的盈余，按您的消费给联盟带来的收入分给会员
            text = _(
                "What the alliance had left over was shared among members, by what their own purchases brought it. It "
                "was earned before; nobody can count on it again."
            )
            # Translators: 为什么得惠顾积分？
            reasons.append(Reason(_("Why patronage points?"), [Step(_("Patronage points"), points(_moved(row)), text)]))
        elif row.kind == Transfer.Kind.REWARD:
            reasons.append(_why_rewarded(row))
        elif row.kind == Transfer.Kind.OPEN:
            # Translators: 原会员积分，连同对应的钱一起转入
            text = _("Your balance of the earlier scheme. The money for it came with it.")
            reasons.append(
                Reason(_("Where do these points come from?"), [Step(_("Taken over"), points(_moved(row)), text)])
            )
        elif row.kind == Transfer.Kind.WIND_UP:
            # Translators: 停业期内未用的积分退回出资的商户
            text = _("Their shop or the alliance has closed, and the last day to spend them was over.")
            reasons.append(Reason(_("Why were they returned?"), [Step(_("Returned"), points(_moved(row)), text)]))
        elif row.kind == Transfer.Kind.ADJUST:
            # Translators: 由两名工作人员核对后更正
            text = _("Checked by two people of the operator.")
            reasons.append(Reason(_("Why was it corrected?"), [Step(_("Corrected"), points(_moved(row)), text)]))
    missed = [Step(said.title, points(0), said.text) for said in _looked_at(rows) if not said.points]
    if missed:
        # Translators: 没有得到的奖励
        reasons.append(Reason(_("What gave nothing this time"), missed))
    return reasons


def _why_rewarded(row: Transfer) -> Reason:
    """Return for what a reward was given, in a sentence, and who pays it."""
    reward, is_inviter = rewards.kinds_of([row.pk])[row.pk]
    if is_inviter:
        # Translators: 您邀请的会员已有足够的消费，双方各得一次
        text = _("Somebody you invited has bought enough to bear it. Both of you get it once.")
    elif reward.kind == Reward.Kind.REFERRAL:
        # Translators: 有人邀请了您；您的消费已足够，双方各得一次
        text = _("You were invited, and your purchases bear it. Whoever invited you gets a reward too.")
    elif reward.kind == Reward.Kind.REVIEW:
        # Translators: 您的评价已发布；评价被删除时收回
        text = _("For a review of what you bought. It goes back when the review is removed.")
    else:
        # Translators: 您完成了一项任务；每项任务奖励一次
        text = _("For a mission that you finished. Each pays once.")
    funder = wallets.funders_of({row.debit_id}).get(row.debit_id, ("", ""))[0]
    # Translators: 为什么有这笔奖励
    title = _("Why a reward?")
    return Reason(
        title,
        [Step(str(reward.get_kind_display()).capitalize(), points(_moved(row)), text), Step(_("Paid for by"), funder)],
    )


def _looked_at(rows: list[Transfer]) -> tuple[Said, ...]:
    """Return what became of each rule that was looked at, as it was kept with the sale."""
    if not any(row.outlet_id for row in rows):
        return ()
    number = rows[0].journal_id
    return awards.told([number], only_given=False).get(number, ())


def _bonuses(rows: list[Transfer]) -> dict[int, Reason]:
    """Return the reckoning of each bonus, by its transfer: the rule's own words, and who pays."""
    given = [row for row in rows if row.kind == Transfer.Kind.AWARD]
    if not given:
        return {}
    said = [one for one in _looked_at(rows) if one.points]
    funders = wallets.funders_of({row.debit_id for row in given})
    found = {}
    for row, one in zip(given, said, strict=True):
        steps = [
            Step(one.title, points(row.points), one.text),
            # Translators: 谁出的
            Step(_("Paid for by"), funders.get(row.debit_id, ("", ""))[0]),
        ]
        # Translators: 为什么多得 %(points)s 分
        found[row.pk] = Reason(_("Why %(points)s points on top?") % {"points": thousands(row.points)}, steps)
    return found


def _moved(row: Transfer) -> int:
    return abs(row.signed)  # type: ignore[attr-defined]


def _why_earned(row: Transfer, sale: Sale) -> list[Step]:
    funder = wallets.funders_of([row.debit_id]).get(row.debit_id, ("", ""))[0]
    left_out = sale.paid_fen - sale.eligible_fen
    # Translators: 用钱付的才算，积分抵扣的部分不再得积分
    counted = _("What you paid in money. The part paid with points earns none.")
    if left_out:
        # Translators: 其中 %(amount)s 的商品不积分
        counted = _("What you paid in money, without %(amount)s for goods that give no points.") % {
            "amount": yuan(left_out)
        }
    steps = [
        # Translators: 计入积分的金额
        Step(_("Counts for points"), yuan(sale.eligible_fen), counted),
        Step(
            # Translators: 商户让利 %(rate)s
            _("The shop’s rebate of %(rate)s") % {"rate": bps(sale.rate_bps)},
            yuan(sale.rebate_fen),
            # Translators: 商户自己定的让利，从它的备付金里出；不足一分四舍五入
            _("Set by the shop and paid from money that it put in beforehand; half a fen is rounded up."),
        ),
        Step(
            # Translators: 其中 %(share)s 归您
            _("Your share: %(share)s of it") % {"share": bps(sale.member_bps)},
            points(row.points),
            # Translators: 1 分钱就是 1 积分，不足 1 积分的零头不计
            _("One fen is one point; a part of a point is left out."),
        ),
    ]
    if row.kind == Transfer.Kind.ISSUE:
        steps.append(
            Step(
                # Translators: 承诺 / 到账
                _("Promised on %(day)s") % {"day": _day(shanghai_day(sale.booked_at))},
                _day(shanghai_day(row.booked_at)),
                # Translators: 这家店后付款，付清后积分到账
                _("The shop pays later; it has paid for this sale now."),
            )
        )
    if row.matures_on:
        # Translators: 从这天起可以用
        label = _("Can be spent from")
        if row.matures_on <= row.booked_on:
            # Translators: 马上可以用
            steps.append(Step(label, _("at once")))
        else:
            # Translators: 等退货期过去
            steps.append(Step(label, _day(row.matures_on), _("When the time for returns is over.")))
    if row.expires_on:
        # Translators: 到期日，这天还能用
        steps.append(Step(_("Expires on"), _day(row.expires_on), _("The last day on which you can spend them.")))
    # Translators: 谁出的
    steps.append(Step(_("Paid for by"), funder))
    return steps


def _why_spent(row: Transfer) -> list[Step]:
    uses = LotUse.objects.filter(
        bucket=row.bucket, wallet_id=row.wallet_id, booked_at=row.booked_at, transfer_id=row.pk
    ).order_by("lapses_on", "funder_id")
    used = [(use.lapses_on, use.funder_id, use.points) for use in uses]
    funders = wallets.funders_of({funder for _on, funder, _n in used})
    moved = _moved(row)
    # Translators: 抵了 %(amount)s
    steps = [Step(_("Points spent"), points(moved), _("They took %(amount)s off the bill.") % {"amount": yuan(moved)})]
    for on, funder, n in used:
        name = funders.get(funder, ("", ""))[0]
        # Translators: %(day)s 到期的
        text = _("good until %(day)s") % {"day": _day(on)}
        # Translators: %(name)s 给的积分
        steps.append(Step(_("Given by %(name)s") % {"name": name}, points(n), text))
    return steps


def _receipt(sale: Sale, outlet: Outlet, rows: list[Transfer]) -> Receipt:
    lines = [
        # Translators: 合计
        Line(_("Bill"), yuan(sale.bill_fen)),
        # Translators: 积分抵扣
        *([Line(_("Paid with points"), yuan(-sale.spent_points))] if sale.spent_points else []),
        # Translators: 实付
        Line(_("Paid in money"), yuan(sale.paid_fen), "1"),
        (
            # Translators: 待发积分
            Line(_("Points promised"), thousands(sale.points))
            if sale.reason == Sale.Reason.PROMISED and rows[0].kind != Transfer.Kind.ISSUE
            # Translators: 本次得积分
            else Line(_("Points received"), thousands(sale.points))
        ),
        *(Line(_("Bonus"), thousands(row.points)) for row in rows if row.kind == Transfer.Kind.AWARD),
        # Translators: 余额
        Line(_("Balance"), thousands(rows[-1].balance_after)),
    ]
    number = sale.reference or str(sale.pk)
    return Receipt(str(outlet.merchant), outlet.name, number, local_time(sale.event_at), lines)


def _is_refund(journal_id: int) -> bool:
    """Return whether what undid an entry is a refund, of a part or of all, and not a void."""
    return Refund.objects.filter(pk=journal_id).exists()


def _refund_receipt(done: Done, outlet: Outlet, rows: list[Transfer]) -> Receipt:
    figures = done.figures
    lines = [
        # Translators: 原小票
        Line(_("For receipt"), str(done.sale.pk)),
        # Translators: 退的商品
        Line(_("Goods that came back"), yuan(figures.returned_fen)),
        # Translators: 退回积分
        *([Line(_("Points back"), thousands(figures.points_back))] if figures.points_back else []),
        # Translators: 扣已用积分
        *([Line(_("Kept for spent points"), yuan(-figures.keep_back_fen))] if figures.keep_back_fen else []),
        # Translators: 退现金
        Line(_("Money back"), yuan(figures.cash_back_fen), "1"),
        # Translators: 收回积分
        *([Line(_("Points taken back"), thousands(-figures.points_taken))] if figures.points_taken else []),
        # Translators: 以后从积分扣
        *([Line(_("From the next points"), yuan(figures.claim_fen))] if figures.claim_fen else []),
        # Translators: 小票余额
        Line(_("Left of the bill"), yuan(done.left_fen)),
        # Translators: 余额
        Line(_("Balance"), thousands(rows[-1].balance_after)),
    ]
    return Receipt(str(outlet.merchant), outlet.name, str(done.number), local_time(done.booked_at), lines)


def _day(on: date) -> str:
    return date_format(on, "DATE_FORMAT")
