"""Reading amounts that people type: the strict parser of calc, refused in the reader's language."""

from django.utils.translation import gettext_lazy as _

from alliance.calc import money
from alliance.refusals import declare

AMOUNT_INVALID = declare(
    "amount_invalid", 422, _("“%(given)s” is not an amount. Write yuan with at most two decimals, like 268 or 268.50.")
)


def read_fen(given: str) -> int:
    """Return the typed yuan in fen; refuses amount_invalid."""
    try:
        return money.parse_fen(given)
    except ValueError:
        raise AMOUNT_INVALID(given=given.strip()[:20]) from None
