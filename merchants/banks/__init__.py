"""The bank's formats: how payouts are written for it and how its statements are read. BANK_FORMAT chooses the adapter.

An adapter is a module with `write(header, payments) -> bytes` (the same every time) and `read(content) -> Statement`.
docs/bank-files.md describes the one that is here.
"""

from __future__ import annotations

from types import ModuleType

from merchants.banks import plain

ADAPTERS: dict[str, ModuleType] = {"plain": plain}


def adapter(name: str) -> ModuleType:
    """Return an adapter by its name; an unknown one is a setting that cannot be understood."""
    return ADAPTERS[name]
