"""The book in the console: to look at, never to edit."""

from points import figures
from points.admin import accounts, history, proofs, rules, wallets

__all__ = ["accounts", "figures", "history", "proofs", "rules", "wallets"]
