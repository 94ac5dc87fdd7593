"""Who operates the alliance, as it stands in law: on papers, in payout files, on /reserve/ (docs/settings.md)."""

from __future__ import annotations

from dataclasses import dataclass

from django.conf import settings


@dataclass(frozen=True, slots=True)
class Operator:
    """Empty is what nobody said; papers then leave it out."""

    name: str
    tax_number: str
    bank: str
    account: str
    account_name: str


def operator() -> Operator:
    account_name = settings.BANK_ACCOUNT_NAME or settings.OPERATOR_NAME
    return Operator(
        settings.OPERATOR_NAME, settings.OPERATOR_TAX_NUMBER, settings.BANK_NAME, settings.BANK_ACCOUNT, account_name
    )
