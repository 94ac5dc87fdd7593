"""What this floor knows of past receipts: the trades of merchants (points.sources)."""

from __future__ import annotations

from merchants.models import Merchant
from points import sources


@sources.trades
def trades() -> dict[int, str]:
    """Return the trade of each merchant that has a float."""
    rows = Merchant.objects.filter(float_id__isnull=False).values_list("float_id", "trade__code")
    return {float_id: code for float_id, code in rows.iterator() if float_id}
