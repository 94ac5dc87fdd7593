"""Reading the seed files under alliance/data: trades, provinces and cities, exceptional working days.

Rows are matched by their code or day, so that an edited file can be read again (`manage.py seed`) and changes only what
differs. Nothing is ever deleted: merchants point to trades and cities.
"""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path
from typing import Any

from django.apps import apps as installed
from django.db import transaction

DATA = Path(__file__).resolve().parent / "data"


def from_migration(apps: Any, _editor: Any) -> None:
    read(apps)


@transaction.atomic
def read(apps: Any = installed) -> dict[str, int]:
    """Write every seed row; return how many there are of each kind."""
    return {"trades": _trades(apps), **_regions(apps), "days": _days(apps)}


def _load(name: str) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = json.loads((DATA / name).read_text(encoding="utf-8"))
    return rows


def _trades(apps: Any) -> int:
    model = apps.get_model("alliance", "Trade")
    rows = [model(position=position, **row) for position, row in enumerate(_load("trades.json"), start=1)]
    _upsert(model, rows, "code", ["name", "name_en", "position"])
    return len(rows)


def _regions(apps: Any) -> dict[str, int]:
    province, city = apps.get_model("alliance", "Province"), apps.get_model("alliance", "City")
    regions = _load("regions.json")
    provinces = [province(code=row["code"], name=row["name"], name_en=row["name_en"]) for row in regions]
    _upsert(province, provinces, "code", ["name", "name_en"])
    known = dict(province.objects.values_list("code", "pk"))
    cities = [
        city(
            code=row["code"],
            name=row["name"],
            lng=row.get("lng"),
            lat=row.get("lat"),
            province_id=known[region["code"]],
        )
        for region in regions
        for row in region["cities"]
    ]
    _upsert(city, cities, "code", ["name", "province", "lng", "lat"])
    return {"provinces": len(provinces), "cities": len(cities)}


def _days(apps: Any) -> int:
    model = apps.get_model("alliance", "BusinessDay")
    rows = [
        model(on=date.fromisoformat(row["on"]), is_working=row["is_working"], name=row["name"])
        for row in _load("business_days.json")
    ]
    _upsert(model, rows, "on", ["is_working", "name"])
    return len(rows)


def _upsert(model: Any, rows: list[Any], key: str, fields: list[str]) -> None:
    model.objects.bulk_create(rows, update_conflicts=True, unique_fields=[key], update_fields=fields)
