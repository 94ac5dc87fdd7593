"""Tables as files that spreadsheets open."""

from __future__ import annotations

import io
from collections.abc import Iterable
from typing import Any

from alliance.calc.sheets import csv_lines, safe

__all__ = ["csv_lines", "safe", "xlsx"]


def xlsx(rows: Iterable[list[Any]], title: str) -> bytes:
    """Return an XLSX file with one sheet."""
    # Imported here: it is large, and few processes ever write a sheet.
    from openpyxl import Workbook  # type: ignore[import-untyped]

    book = Workbook(write_only=True)
    sheet = book.create_sheet(title[:31])
    for row in rows:
        sheet.append([safe(value) for value in row])
    file = io.BytesIO()
    book.save(file)
    return file.getvalue()
