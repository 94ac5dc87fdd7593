"""What papers need and nobody has said: `manage.py check --deploy`, and with it `./run doctor`, warns of it."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.core import checks
from django.core.checks import CheckMessage, Tags, register

from merchants.calc import creditcode


@register(Tags.compatibility, deploy=True)
def operator_is_named(app_configs: Any, **kwargs: Any) -> list[CheckMessage]:
    """Statements and payout files name who operates and whose account pays."""
    if settings.LIANHUI_DEMO:
        return []
    found: list[CheckMessage] = [
        checks.Warning(f"{name} is not set: {where}. See docs/settings.md.", id=f"merchants.{name.lower()}_unset")
        for name, where in (
            ("OPERATOR_NAME", "statements and /reserve/ do not say who operates"),
            ("OPERATOR_TAX_NUMBER", "statements have no tax number of the operator"),
            ("BANK_ACCOUNT_NAME", "payout files and /reserve/ do not say whose account pays"),
        )
        if not getattr(settings, name)
    ]
    if settings.OPERATOR_TAX_NUMBER and not creditcode.is_valid(settings.OPERATOR_TAX_NUMBER):
        said = "OPERATOR_TAX_NUMBER is no credit code: its last character does not fit. Compare it with the licence."
        found.append(checks.Warning(said, id="merchants.operator_tax_number_wrong"))
    return found
