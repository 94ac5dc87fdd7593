"""A plain CSV for both ways, close to what banks' web pages take and give (docs/bank-files.md)."""

from __future__ import annotations

import csv
import io
import re
import unicodedata
from collections.abc import Sequence
from datetime import date

from merchants.banks.files import Entry, Fault, Header, Payment, Statement

# --- payouts ------------------------------------------------------------------------------------------


def write(header: Header, payments: Sequence[Payment]) -> bytes:
    """Return a payout file: one H row, one D row per payment, one T row with number and sum. UTF-8, CRLF."""
    out = io.StringIO()
    rows = csv.writer(out, lineterminator="\r\n")
    total = sum(payment.amount_fen for payment in payments)
    rows.writerow(
        ["H", "LH1", header.run_no, header.day.isoformat(), header.bank, header.account, *filter(None, [header.holder])]
    )
    for payment in payments:
        amount = _yuan(payment.amount_fen)
        rows.writerow(["D", payment.code, payment.number, payment.holder, payment.bank_name, amount, "CNY"])
    rows.writerow(["T", len(payments), _yuan(total)])
    return out.getvalue().encode("utf-8")


def _yuan(fen: int) -> str:
    return f"{fen // 100}.{fen % 100:02}"


# --- statements ---------------------------------------------------------------------------------------

# What a head row or a column may be called, after full-width letters were made narrow.
_HEAD = {
    "account": ("账号", "帐号", "account"),
    "opening": ("期初余额", "opening"),
    "closing": ("期末余额", "closing"),
}
_COLUMNS = {
    "serial": ("流水号", "交易流水号", "serial"),
    "date": ("交易日期", "记账日期", "date"),
    "credit": ("收入", "贷方金额", "credit"),
    "debit": ("支出", "借方金额", "debit"),
    "payer": ("对方户名", "party"),
    "memo": ("摘要", "附言", "memo"),
}
_NEEDED = ("serial", "date", "credit", "debit")
_MOST_FEN = 1_000_000_000_000
_LONGEST_SERIAL = 80
# 2026-11-23, 2026年11月3日, 20261123; some banks write the time after it.
_DATE = re.compile(r"(\d{4})(?:[-/.年](\d{1,2})[-/.月](\d{1,2})日?|(\d{2})(\d{2}))(?:[ T]\d{1,2}:\d{2}(?::\d{2})?)?")
_AMOUNT = re.compile(r"[+-]?(\d{1,3}(,\d{3})+|\d+)(\.\d{1,2})?")


def read(content: bytes) -> Statement:
    """Read a statement; whatever is wrong is in its faults, by line, and then nothing of it may be booked."""
    found = Statement()
    text = _decoded(content)
    if text is None:
        found.faults.append(Fault(0, "file_unreadable"))
        return found
    columns: dict[str, int] | None = None
    seen: dict[str, Entry] = {}
    try:
        for number, row in enumerate(csv.reader(io.StringIO(text)), start=1):
            cells = [_plain(cell) for cell in row]
            if not any(cells):
                continue
            if columns is None:
                columns = _columns(cells)
                if columns is None:
                    _head(found, number, cells)
                continue
            _entry(found, number, cells, columns, seen)
    except csv.Error:
        found.faults.append(Fault(0, "file_unreadable"))
    if columns is None:
        found.faults.append(Fault(0, "columns_missing"))
    for name in ("account", "opening_fen", "closing_fen"):
        if getattr(found, name) in (None, ""):
            found.faults.append(Fault(0, f"{name.removesuffix('_fen')}_missing"))
    return found


def _decoded(content: bytes) -> str | None:
    """Return the text: UTF-8 with or without its mark, else GB18030."""
    for encoding in ("utf-8-sig", "gb18030"):
        try:
            return content.decode(encoding)
        except UnicodeDecodeError:
            continue
    return None


def _plain(cell: str) -> str:
    """Return a cell with full-width signs made narrow and without the spaces and marks that spreadsheets leave."""
    return unicodedata.normalize("NFKC", cell.replace("\0", "")).strip().strip("\t'=\"").strip()


def _columns(cells: list[str]) -> dict[str, int] | None:
    names = [cell.lower() for cell in cells]
    found = {key: names.index(alias) for key, known in _COLUMNS.items() for alias in known if alias in names}
    return found if all(key in found for key in _NEEDED) else None


def _head(found: Statement, number: int, cells: list[str]) -> None:
    """Take one of the rows before the table: its name and its value, which may be in one cell with a colon."""
    name, _colon, value = cells[0].partition(":")
    value = value.strip() or next((cell for cell in cells[1:] if cell), "")
    for key, known in _HEAD.items():
        if name.strip().lower() not in known:
            continue
        if key == "account":
            found.account = value[:40]
            return
        fen = _fen(value)
        if fen is None:
            found.faults.append(Fault(number, f"{key}_unreadable", value[:40]))
        elif key == "opening":
            found.opening_fen = fen
        else:
            found.closing_fen = fen


def _entry(found: Statement, number: int, cells: list[str], columns: dict[str, int], seen: dict[str, Entry]) -> None:
    cell = {key: cells[place] if place < len(cells) else "" for key, place in columns.items()}
    faults = []
    on = _day(cell["date"])
    credit, debit = (_fen(cell[key]) if cell[key] else 0 for key in ("credit", "debit"))
    if not cell["serial"]:
        faults.append(Fault(number, "serial_missing"))
    elif len(cell["serial"]) > _LONGEST_SERIAL:
        faults.append(Fault(number, "serial_too_long", cell["serial"][:40]))
    if on is None:
        faults.append(Fault(number, "date_unreadable", cell["date"][:40]))
    if credit is None or debit is None:
        bad = cell["credit"] if credit is None else cell["debit"]
        faults.append(Fault(number, "amount_unreadable", bad[:40]))
    elif bool(credit) == bool(debit) or abs(credit - debit) > _MOST_FEN:
        faults.append(Fault(number, "amount_not_one", f"{cell['credit']} / {cell['debit']}"[:40]))
    if faults:
        found.faults += faults
        return
    assert on is not None and credit is not None and debit is not None
    entry = Entry(number, cell["serial"], on, credit - debit, cell.get("payer", "")[:120], cell.get("memo", "")[:200])
    known = seen.setdefault(entry.serial, entry)
    if known is entry:
        found.entries.append(entry)
    elif (known.amount_fen, known.value_on) != (entry.amount_fen, entry.value_on):
        found.faults.append(Fault(number, "serial_differs", entry.serial[:40]))


def _fen(text: str) -> int | None:
    text = text.replace("¥", "").replace("￥", "").replace(" ", "")
    if not _AMOUNT.fullmatch(text):
        return None
    whole, _point, cents = text.replace(",", "").partition(".")
    if len(whole) > 15:
        return None
    sign = -1 if whole.startswith("-") else 1
    return sign * (int(whole.lstrip("+-")) * 100 + int((cents + "00")[:2]))


def _day(text: str) -> date | None:
    found = _DATE.fullmatch(text)
    try:
        return date(*(int(part) for part in found.groups() if part)) if found else None
    except ValueError:
        return None
