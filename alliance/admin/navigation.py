"""The console's sidebar: what somebody does, not what tables there are."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django.urls import NoReverseMatch, reverse
from django.utils.translation import gettext_lazy as _

from alliance.admin import pages

# (title, icon, model label or "label/page", or "page:" and a page's name); each is shown to whoever may look at it.
_GROUPS: list[tuple[Any, list[tuple[Any, str, str]]]] = [
    (
        # Translators: 待办
        _("To do"),
        [
            # Translators: 复核
            (_("Approvals"), "rule", "alliance.approval"),
            # Translators: 银行流水
            (_("Bank lines"), "account_balance", "points.bankline"),
            # Translators: 充值
            (_("Top-ups"), "add_card", "merchants.topup"),
            # Translators: 任务
            (_("Jobs"), "work_history", "alliance.job"),
        ],
    ),
    (
        # Translators: 商户
        _("Merchants"),
        [
            (_("Merchants"), "storefront", "merchants.merchant"),
            # Translators: 门店
            (_("Outlets"), "location_on", "merchants.outlet"),
            # Translators: 协议
            (_("Agreements"), "contract", "merchants.agreement"),
            # Translators: 店员
            (_("Merchants’ staff"), "badge", "merchants.staff"),
            # Translators: 接口密钥
            (_("API keys"), "key", "merchants.apikey"),
        ],
    ),
    (
        # Translators: 资金
        _("Money"),
        [
            # Translators: 财务工作台
            (_("Finance desk"), "payments", "page:finance_desk"),
            # Translators: 风险总览
            (_("Risk view"), "monitoring", "page:risk_view"),
            # Translators: 亏损预算
            (_("Loss budgets"), "trending_down", "page:loss_budgets"),
            # Translators: 积分流向
            (_("Who gave, who took"), "grid_on", "page:points_matrix"),
            # Translators: 清分
            (_("Clearings"), "event_repeat", "points.clearing"),
            # Translators: 对账单
            (_("Statements"), "description", "points.statement"),
            # Translators: 付款
            (_("Payouts"), "outbound", "points.payout"),
            # Translators: 付款批次
            (_("Payout runs"), "drive_file_move", "merchants.payoutrun"),
            # Translators: 收款账户
            (_("Payout accounts"), "credit_card", "merchants.payoutaccount"),
            # Translators: 争议
            (_("Disputes"), "balance", "merchants.dispute"),
            # Translators: 银行对账文件
            (_("Bank statements"), "request_quote", "points.bankstatement"),
            # Translators: 赊账额度
            (_("Credit lines"), "credit_score", "points.creditline"),
            # Translators: 商户账单
            (_("Bills"), "receipt", "points.merchantbill"),
        ],
    ),
    (
        # Translators: 会员
        _("Members"),
        [
            (_("Members"), "group", "members.member"),
            # Translators: 钱包
            (_("Wallets"), "account_balance_wallet", "points.wallet"),
        ],
    ),
    (
        # Translators: 账本
        _("The book"),
        [
            # Translators: 小票
            (_("Sales"), "receipt_long", "points.sale"),
            # Translators: 退款
            (_("Refunds"), "assignment_return", "points.refund"),
            # Translators: 退款后的欠款
            (_("Claims"), "pending_actions", "points.claim"),
            # Translators: 退款应收
            (_("Amounts due"), "event_upcoming", "points.due"),
            # Translators: 积分预占
            (_("Holds"), "hourglass_top", "points.hold"),
            # Translators: 分录
            (_("Journals"), "menu_book", "points.journal"),
            # Translators: 转账行
            (_("Transfers"), "swap_horiz", "points.transfer"),
            # Translators: 账户
            (_("Accounts"), "account_tree", "points.account"),
            # Translators: 条款
            (_("Terms"), "gavel", "points.terms"),
            # Translators: 积分规则
            (_("Rules"), "tune", "points.ruleversion"),
            # Translators: 储备证明
            (_("Proofs of reserves"), "verified", "points.proof"),
            # Translators: 储备
            (_("Reserve"), "monitoring", "points.proof/reserve"),
            # Translators: 盈余结算
            (_("Surplus"), "savings", "points.surplusclosing"),
            # Translators: 期初导入
            (_("Opening balances"), "move_to_inbox", "points.opening"),
            # Translators: 停业清退
            (_("Closing modes"), "door_front", "points.winding"),
        ],
    ),
    (
        # Translators: 超市
        _("Supermarkets"),
        [
            (_("Stores"), "shopping_cart", "stores.store"),
            # Translators: 商品
            (_("Products"), "inventory_2", "stores.product"),
            # Translators: 收银数据
            (_("Feed runs"), "upload_file", "stores.feedrun"),
            # Translators: 被拒行
            (_("Refused lines"), "rule_folder", "stores.feedrefusal"),
        ],
    ),
    (
        # Translators: 组织
        _("Organisation"),
        [
            # Translators: 机构
            (_("Units"), "lan", "alliance.unit"),
            # Translators: 岗位
            (_("Posts"), "assignment_ind", "alliance.post"),
            # Translators: 用户
            (_("Users"), "person", "alliance.user"),
            # Translators: 行业
            (_("Trades"), "category", "alliance.trade"),
            (_("Provinces"), "map", "alliance.province"),
            (_("Cities"), "location_city", "alliance.city"),
            # Translators: 节假日
            (_("Exceptional days"), "event", "alliance.businessday"),
            # Translators: 日志
            (_("Diary"), "history_edu", "alliance.event"),
        ],
    ),
]


def of(request: HttpRequest) -> list[dict[str, Any]]:
    """Return Unfold's navigation for this reader."""
    here = {
        "title": _("Dashboard"),
        "icon": "space_dashboard",
        "link": reverse("admin:index"),
    }
    groups: list[dict[str, Any]] = [{"title": None, "items": [here]}]
    registry: dict[str, Any] = {model._meta.label_lower: entry for model, entry in admin.site._registry.items()}
    for title, entries in _GROUPS:
        items = []
        for name, icon, label in entries:
            if label.startswith("page:"):
                page = pages.registered().get(label.removeprefix("page:"))
                if page is not None and page.is_open_to(request):
                    items.append({"title": name, "icon": icon, "link": page.url})
                continue
            entry = registry.get(label.partition("/")[0])
            if entry is None or not entry.has_module_permission(request):
                continue
            item: dict[str, Any] = {"title": name, "icon": icon, "link": _list(label)}
            if "/" not in label and (waiting := entry.waiting(request)):
                item |= {"badge": waiting, "badge_variant": "primary"}
            items.append(item)
        if items:
            groups.append({"title": title, "separator": True, "collapsible": False, "items": items})
    return groups


def _list(label: str) -> str:
    """Return the address of a list, or of another page of its class: "points.proof/reserve"."""
    model, _slash, page = label.partition("/")
    try:
        return reverse(f"admin:{model.replace('.', '_')}_{page or 'changelist'}")
    except NoReverseMatch:
        return reverse("admin:index")
