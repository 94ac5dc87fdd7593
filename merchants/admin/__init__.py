"""Merchants in the console; and what of the book needs a shop's name: sales, bank lines, the money of finance."""

from merchants import figures
from merchants.admin import (
    bank,
    clearings,
    credit,
    finance,
    finance_forms,
    holds,
    matrix,
    merchants,
    parts,
    paying,
<<<<<<< HEAD
    refunds,
=======
    risk,
>>>>>>> e39260a (Show finance what is at risk, and who gave and who took)
    sales,
)

__all__ = [
<<<<<<< HEAD
    "bank", "clearings", "credit", "figures", "finance", "finance_forms", "holds", "merchants", "parts", "paying",
    "refunds", "sales",
=======
    "bank", "clearings", "credit", "figures", "finance", "finance_forms", "holds", "matrix", "merchants", "parts",
    "paying", "risk", "sales",
>>>>>>> e39260a (Show finance what is at risk, and who gave and who took)
]  # fmt: skip
