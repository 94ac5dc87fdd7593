"""What this floor knows of past receipts: their lines (points.sources)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from points import sources
from points.calc.rules import Line
from stores.models import BasketLine, Product


@sources.lines
def lines() -> sources.Read:
    """Return a reader of the lines of stores' sales. Category: the product's own, else its department."""
    known: dict[int, tuple[str, str, bool]] = {}

    def read(sale_ids: Sequence[int]) -> dict[int, list[Line]]:
        rows = list(
            BasketLine.objects.filter(sale_id__in=sale_ids)
            .order_by("sale_id", "line")
            .values_list("sale_id", "product_id", "value_fen", "quantity")
        )
        known.update(_products({row[1] for row in rows} - known.keys()))
        found: dict[int, list[Line]] = {}
        for sale_id, product_id, fen, quantity in rows:
            code, category, is_eligible = known[product_id]
            found.setdefault(sale_id, []).append(Line(category, code, fen, quantity, is_eligible))
        return found

    return read


def _products(wanted: Iterable[int]) -> dict[int, tuple[str, str, bool]]:
    rows = Product.objects.filter(pk__in=wanted).values_list("pk", "code", "category", "department", "is_excluded")
    return {pk: (code, category or department, not is_out) for pk, code, category, department, is_out in rows}
