"""Merchants in the console; and what of the book needs a shop's name: sales, bank lines, the money of finance."""

from merchants import figures
from merchants.admin import (
    bank,
    clearings,
    credit,
    finance,
    finance_forms,
    holds,
    losses,
    matrix,
    merchants,
    parts,
    paying,
    refunds,
    risk,
    sales,
    windings,
)

__all__ = [
    "bank", "clearings", "credit", "figures", "finance", "finance_forms", "holds", "losses", "matrix", "merchants",
    "parts", "paying", "refunds", "risk", "sales", "windings",
]  # fmt: skip
