"""Tables as files that spreadsheets open."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterable, Iterator
from datetime import date, datetime
from decimal import Decimal
from typing import Any
from xml.sax.saxutils import escape, quoteattr

from alliance.calc.sheets import csv_lines, safe

__all__ = ["csv_lines", "safe", "xlsx"]

_HEAD = '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n'
_OPEN = "http://schemas.openxmlformats.org"
_OFFICE = "application/vnd.openxmlformats-officedocument.spreadsheetml"
# Cell formats: 0 as it is, 1 a time, 2 a day.
_PARTS = {
    "[Content_Types].xml": f'<Types xmlns="{_OPEN}/package/2006/content-types">'
    '<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
    f'<Override PartName="/xl/workbook.xml" ContentType="{_OFFICE}.sheet.main+xml"/>'
    f'<Override PartName="/xl/styles.xml" ContentType="{_OFFICE}.styles+xml"/>'
    f'<Override PartName="/xl/worksheets/sheet1.xml" ContentType="{_OFFICE}.worksheet+xml"/></Types>',
    "_rels/.rels": f'<Relationships xmlns="{_OPEN}/package/2006/relationships"><Relationship Id="rId1"'
    f' Type="{_OPEN}/officeDocument/2006/relationships/officeDocument" Target="xl/workbook.xml"/></Relationships>',
    "xl/_rels/workbook.xml.rels": f'<Relationships xmlns="{_OPEN}/package/2006/relationships">'
    f'<Relationship Id="rId1" Type="{_OPEN}/officeDocument/2006/relationships/worksheet"'
    ' Target="worksheets/sheet1.xml"/><Relationship Id="rId2"'
    f' Type="{_OPEN}/officeDocument/2006/relationships/styles" Target="styles.xml"/></Relationships>',
    "xl/styles.xml": f'<styleSheet xmlns="{_OPEN}/spreadsheetml/2006/main"><numFmts count="2">'
    '<numFmt numFmtId="164" formatCode="yyyy-mm-dd hh:mm:ss"/><numFmt numFmtId="165" formatCode="yyyy-mm-dd"/>'
    '</numFmts><fonts count="1"><font><sz val="11"/><name val="Calibri"/></font></fonts><fills count="2"><fill>'
    '<patternFill patternType="none"/></fill><fill><patternFill patternType="gray125"/></fill></fills>'
    '<borders count="1"><border><left/><right/><top/><bottom/><diagonal/></border></borders><cellStyleXfs count="1">'
    '<xf numFmtId="0" fontId="0" fillId="0" borderId="0"/></cellStyleXfs><cellXfs count="3">'
    '<xf numFmtId="0" fontId="0" fillId="0" borderId="0" xfId="0"/>'
    '<xf numFmtId="164" fontId="0" fillId="0" borderId="0" xfId="0" applyNumberFormat="1"/>'
    '<xf numFmtId="165" fontId="0" fillId="0" borderId="0" xfId="0" applyNumberFormat="1"/></cellXfs>'
    '<cellStyles count="1"><cellStyle name="Normal" xfId="0" builtinId="0"/></cellStyles></styleSheet>',
}
# The day of spreadsheets that is none.
_DAY_0 = date(1899, 12, 30).toordinal()
_SECONDS_A_DAY = 86_400
# So many rows go into the file at once.
CHUNK = 500


def xlsx(rows: Iterable[list[Any]], title: str) -> bytes:
    """Return an XLSX file with one sheet. Cells are text, numbers, days and times of day; None is an empty one."""
    file = io.BytesIO()
    name = "".join(" " if letter in r"[]:*?/\'" else letter for letter in str(safe(title)))[:31].strip() or "1"
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED, compresslevel=3) as archive:
        for path, text in _PARTS.items():
            archive.writestr(path, _HEAD + text)
        archive.writestr(
            "xl/workbook.xml",
            f'{_HEAD}<workbook xmlns="{_OPEN}/spreadsheetml/2006/main"'
            f' xmlns:r="{_OPEN}/officeDocument/2006/relationships">'
            f'<sheets><sheet name={quoteattr(name)} sheetId="1" r:id="rId1"/></sheets></workbook>',
        )
        with archive.open("xl/worksheets/sheet1.xml", "w", force_zip64=True) as sheet:
            sheet.write(f'{_HEAD}<worksheet xmlns="{_OPEN}/spreadsheetml/2006/main"><sheetData>'.encode())
            for part in _chunks(_row(number, row) for number, row in enumerate(rows, 1)):
                sheet.write(part.encode())
            sheet.write(b"</sheetData></worksheet>")
    return file.getvalue()


def _chunks(rows: Iterator[str]) -> Iterator[str]:
    part: list[str] = []
    for row in rows:
        part.append(row)
        if len(part) == CHUNK:
            yield "".join(part)
            part = []
    yield "".join(part)


def _row(number: int, row: list[Any]) -> str:
    cells = [_cell(f"{_letters(n)}{number}", value) for n, value in enumerate(row)]
    return f'<row r="{number}">{"".join(cells)}</row>'


def _letters(n: int) -> str:
    """Return how a column is called: A … Z, AA …"""
    return chr(65 + n) if n < 26 else _letters(n // 26 - 1) + chr(65 + n % 26)


def _cell(place: str, value: Any) -> str:
    match value:
        case None | "":
            return ""
        case bool():
            return f'<c r="{place}" t="b"><v>{int(value)}</v></c>'
        case int() | float() | Decimal():
            return f'<c r="{place}"><v>{value}</v></c>'
        case datetime():
            seconds = value.hour * 3600 + value.minute * 60 + value.second
            return f'<c r="{place}" s="1"><v>{value.toordinal() - _DAY_0 + seconds / _SECONDS_A_DAY!r}</v></c>'
        case date():
            return f'<c r="{place}" s="2"><v>{value.toordinal() - _DAY_0}</v></c>'
    text = escape(str(safe(str(value))))
    kept = ' xml:space="preserve"' if text != text.strip() or "\n" in text else ""
    return f'<c r="{place}" t="inlineStr"><is><t{kept}>{text}</t></is></c>'
