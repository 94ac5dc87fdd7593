"""The book in the console: to look at, never to edit."""

from points import figures
from points.admin import accounts, history, openings, proofs, rules, surplus, wallets

__all__ = ["accounts", "figures", "history", "openings", "proofs", "rules", "surplus", "wallets"]
