"""Shops as partners: merchants, their agreements, outlets, staff, keys and top-ups."""

from merchants.models.agreement import Agreement
from merchants.models.key import ApiKey
from merchants.models.merchant import Merchant
from merchants.models.offline import OfflineSpend, SyncMark
from merchants.models.outlet import Outlet, Till
from merchants.models.payout import Dispute, PayoutAccount, PayoutLine, PayoutRun
from merchants.models.refund import RefundNote
from merchants.models.staff import Staff
from merchants.models.token import SpentToken
from merchants.models.topup import TopUp

__all__ = [
    "Agreement",
    "ApiKey",
    "Dispute",
    "Merchant",
    "OfflineSpend",
    "Outlet",
    "PayoutAccount",
    "PayoutLine",
    "PayoutRun",
    "RefundNote",
    "SpentToken",
    "Staff",
    "SyncMark",
    "Till",
    "TopUp",
]
