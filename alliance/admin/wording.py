"""The diary in words: what was done, to what, by whom.

Stored are codes that never change (docs/events.md): verbs "merchant.go_live", subjects "merchants.merchant:12", actors
"user:12". Verbs of upper floors stand here as strings, so that nothing of them is imported; a code without words is
shown as it is.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from django.apps import apps
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, pgettext

from alliance import approvals
from alliance.actors import Actor
from alliance.templatetags.lianhui import yuan

VERBS: dict[str, Promise] = {
    "agreement.signed": gettext_lazy("agreement signed"),
    "approval.approved": gettext_lazy("approved by a second person"),
    "approval.asked": gettext_lazy("asked for a second person"),
    "approval.refused": gettext_lazy("refused by a second person"),
    "approval.withdrawn": gettext_lazy("question taken back"),
    "backtest.asked": gettext_lazy("back-test asked for"),
    "backtest.cancel": gettext_lazy("back-test stopped"),
    "backtest.fail": gettext_lazy("back-test broke off"),
    "backtest.finish": gettext_lazy("back-test finished"),
    # Translators: 逾期未付，承诺取消
    "bill.dropped": gettext_lazy("bill not paid, promises given up"),
    # Translators: 银行文件入账
    "bank_file.booked": gettext_lazy("bank file booked"),
    # Translators: 不明扣款
    "bank_file.debit_unknown": gettext_lazy("debit that nobody knows"),
    # Translators: 银行文件被退，未入账
    "bank_file.refused": gettext_lazy("bank file refused, nothing booked"),
    # Translators: 催付账单
    "bill.reminded": gettext_lazy("reminded of an unpaid bill"),
    # Translators: 争议款判给对方
    "dispute.award": gettext_lazy("disputed amount given to the other side"),
    # Translators: 判给款项补付
    "dispute.paid": gettext_lazy("more of an award paid"),
    # Translators: 提出争议
    "dispute.opened": gettext_lazy("dispute opened"),
    # Translators: 争议款退回商户
    "dispute.return": gettext_lazy("disputed amount given back"),
    # Translators: 撤回争议
    "dispute.withdraw": gettext_lazy("dispute taken back"),
    # Translators: 提取运营费
    "fee.withdrawn": gettext_lazy("operating fee withdrawn"),
    # Translators: 要求立即执行
    "job.asked": gettext_lazy("asked a worker to do it now"),
    # Translators: 同意商户退出
    # Translators: 留下手续费
    "fee.kept": gettext_lazy("fee kept on points that were gone"),
    "merchant.leaving": gettext_lazy("merchant may leave"),
    # Translators: 商户取消退出
    "merchant.leaving_cancelled": gettext_lazy("merchant stays after all"),
    # Translators: 不明支出改由他方承担
    "bank_line.reassigned": gettext_lazy("unknown debit charged anew"),
    # Translators: 记录邀请人
    "points.invited": gettext_lazy("inviter noted"),
    # Translators: 付款被止
    "payout.stopped": gettext_lazy("payout stopped"),
    # Translators: 认领为退汇
    "payout.came_back": gettext_lazy("payout taken back from the bank"),
    # Translators: 付款被银行退回
    "payout_account.came_back": gettext_lazy("payout came back from the bank"),
    # Translators: 收款账户已核对
    "payout_account.checked": gettext_lazy("payout account checked"),
    # Translators: 已通知原联系人收款账户变更
    "payout_account.old_contact_told": gettext_lazy("contact so far told of the new payout account"),
    # Translators: 收款账户已登记
    "payout_account.set": gettext_lazy("payout account put on file"),
    # Translators: 付款批次已复核
    "payout_run.approve": gettext_lazy("payout run approved"),
    # Translators: 付款文件已生成
    "payout_run.file": gettext_lazy("payout file written"),
    "payout_run.empty": gettext_lazy("payout run closed: nobody could be paid"),
    # Translators: 下载付款文件
    "payout_run.downloaded": gettext_lazy("payout file downloaded"),
    # Translators: 付款文件已交银行
    "payout_run.handed": gettext_lazy("payout file handed to the bank"),
    # Translators: 付款批次被拒
    "payout_run.refuse": gettext_lazy("payout run refused"),
    # Translators: 设定自动补足额
    "standing.set": gettext_lazy("standing top-up set"),
    "calendar.day_declared": gettext_lazy("exceptional day declared"),
    "consent.given": gettext_lazy("agreed to a text"),
    "consent.withdrawn": gettext_lazy("took an agreement back"),
    "console.second_factor_enrolled": gettext_lazy("authenticator app bound"),
    "console.second_factor_reset": gettext_lazy("authenticator app unbound"),
    "console.signed_in": gettext_lazy("signed in to the console"),
    "feed.abandoned": gettext_lazy("till feed abandoned"),
    # Translators: 设定赊账额度
    "credit_line.set": gettext_lazy("credit line set"),
    "feed.begun": gettext_lazy("till feed begun"),
    "feed.finished": gettext_lazy("till feed finished"),
    # Translators: 预占积分
    "hold.placed": gettext_lazy("points set aside"),
    # Translators: 取消预占
    "hold.released": gettext_lazy("points set aside given back"),
    # Translators: 预占超时退回
    "hold.timed_out": gettext_lazy("points set aside given back by the clock"),
    # Translators: 无积分的退款
    "refund.without_points": gettext_lazy("sale without points refunded"),
    "job.restarted": gettext_lazy("job run again"),
    "key.created": gettext_lazy("API key made"),
    "key.revoked": gettext_lazy("API key revoked"),
    "key.rotated": gettext_lazy("API key rotated"),
    "member.joined": gettext_lazy("became a member"),
    "members.imported": gettext_lazy("members taken over"),
    "merchant.go_live": gettext_lazy("merchant went live"),
    "merchant.leave": gettext_lazy("merchant left the alliance"),
    "merchant.opened": gettext_lazy("merchant entered"),
    "merchant.pause": gettext_lazy("merchant paused"),
    "merchant.resume": gettext_lazy("merchant resumed"),
    "opening.cancelled": gettext_lazy("file of opening balances let go of"),
    "opening.staged": gettext_lazy("file of opening balances taken up"),
    "opening.started": gettext_lazy("opening balances paid for"),
    "outlet.closed": gettext_lazy("outlet closed"),
    "notices.muted": gettext_lazy("notices switched off"),
    "notices.unmuted": gettext_lazy("notices switched on"),
    "outlet.opened": gettext_lazy("outlet opened"),
    "post.appointed": gettext_lazy("appointed to a post"),
    "post.relieved": gettext_lazy("relieved of a post"),
    "rule.approve": gettext_lazy("rule approved"),
    "rule.changed": gettext_lazy("draft of a rule changed"),
    "rule.drafted": gettext_lazy("rule drafted"),
    "rule.end": gettext_lazy("rule ended"),
    "rule.reopen": gettext_lazy("rule taken back to draft"),
    "rule.start": gettext_lazy("rule came into force"),
    "rule.submit": gettext_lazy("rule handed in"),
    "staff.appointed": gettext_lazy("appointed at a merchant"),
    "staff.dismissed": gettext_lazy("dismissed by a merchant"),
    "surplus.closed": gettext_lazy("surplus closed"),
    "topup.announced": gettext_lazy("top-up announced"),
    "topup.withdrawn": gettext_lazy("announcement of a top-up taken back"),
    "town.begun": gettext_lazy("synthetic town begun"),
    "town.built": gettext_lazy("synthetic town complete"),
    "town.lived": gettext_lazy("a day in the synthetic town"),
    "town.seeded": gettext_lazy("people and shops of the synthetic town stand"),
    "trade.added": gettext_lazy("trade added"),
    "trade.changed": gettext_lazy("trade changed"),
    "unit.founded": gettext_lazy("unit founded"),
    "user.closed": gettext_lazy("account closed"),
    "user.contact_revealed": gettext_lazy("looked at a whole phone number or e-mail"),
    "user.invited": gettext_lazy("console user made"),
    "user.password_set": gettext_lazy("password set"),
    "user.renamed": gettext_lazy("name changed"),
    "user.reopened": gettext_lazy("account opened again"),
    "user.signed_in": gettext_lazy("signed in by one-time code"),
    "user.signed_out_elsewhere": gettext_lazy("signed out on other devices"),
    "wallet.frozen": gettext_lazy("wallet frozen"),
    "wallet.pin_set": gettext_lazy("PIN set"),
    "wallet.tier_set": gettext_lazy("tier changed"),
    "wallet.unfrozen": gettext_lazy("wallet unfrozen"),
    # Translators: 停业清退完成
    "winding.ended": gettext_lazy("closing mode over"),
    "winding.started": gettext_lazy("closing mode began"),
}
# Names of facts that a reader of the list wants to see; the others are on the page of the row.
FACTS: dict[str, Promise] = {
    "amount_fen": gettext_lazy("amount"),
    "bills": gettext_lazy("sales"),
    "devices": gettext_lazy("devices"),
    "ends_on": gettext_lazy("until"),
    "kind": gettext_lazy("kind"),
    "merchant": gettext_lazy("merchant"),
    "members": gettext_lazy("members"),
    "on": gettext_lazy("about"),
    "purpose": gettext_lazy("purpose"),
    "reason": gettext_lazy("reason"),
    "role": gettext_lazy("role"),
    "tier": gettext_lazy("tier"),
    "user": gettext_lazy("user"),
    "version": gettext_lazy("version"),
}
# Those who act without a person, by the name behind "system:".
CLOCKS: dict[str, Promise] = {
    "close": gettext_lazy("daily close"),
    "expire": gettext_lazy("expiry run"),
    "replay": gettext_lazy("replay"),
    "town": gettext_lazy("synthetic town"),
}


def verb(code: str) -> str:
    """Say what was done: "merchant.go_live" → merchant went live."""
    return str(VERBS.get(code, code))


def subject(text: str) -> str:
    """Say to what: "merchants.merchant:12" → merchant 12."""
    label, _colon, number = text.partition(":")
    try:
        name = apps.get_model(label)._meta.verbose_name
    except (LookupError, ValueError):
        return text
    # Translators: 商户12
    return pgettext("subject", "%(name)s %(number)s") % {"name": name, "number": number}


def facts(given: Mapping[str, Any]) -> str:
    """Say what else is known: {"amount_fen": 100000} → amount ¥1,000.00."""
    return " · ".join(f"{FACTS[name]} {_value(name, value)}" for name, value in given.items() if name in FACTS)


def _value(name: str, value: Any) -> str:
    if name.endswith("_fen"):
        return yuan(int(value))
    if name == "kind":
        kind = approvals.kinds().get(str(value))
        return str(kind.title) if kind else str(value)
    return subject(str(value))


def actor(text: str) -> str:
    """Say by whom: "user:12" → user 12, "system:close" → the system (daily close)."""
    by = Actor.parse(text)
    if by.kind.startswith("system:"):
        name = by.kind.removeprefix("system:")
        return _("the system (%(clock)s)") % {"clock": CLOCKS.get(name, name)}
    match by.kind:
        case "user":
            return _("user %(number)s") % {"number": by.id}
        case "key":
            return _("API key %(number)s") % {"number": by.id}
    return text


def acting(field: str, description: Any) -> Callable[[Any, Any], str]:
    """A column of an admin class: whoever stands in the field, in words."""

    def shown(self: Any, row: Any) -> str:
        return actor(getattr(row, field))

    shown.short_description = description  # type: ignore[attr-defined]
    shown.admin_order_field = field  # type: ignore[attr-defined]
    return shown
