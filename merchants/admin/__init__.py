"""Merchants in the console; and what of the book needs a shop's name: sales and bank lines."""

from merchants import figures
from merchants.admin import bank, holds, merchants, parts, refunds, sales

__all__ = ["bank", "figures", "holds", "merchants", "parts", "refunds", "sales"]
