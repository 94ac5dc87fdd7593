"""Rows of a join as instances, without compiling a query each time: the till's hot path asks the same few questions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Generic, TypeVar

from django.db import DEFAULT_DB_ALIAS, models

Row = TypeVar("Row", bound=models.Model)


class Part(Generic[Row]):
    """Some columns of a table, or all of them; what was left out is looked up when somebody asks for it."""

    def __init__(self, model: type[Row], *names: str) -> None:
        self._model = model
        # In the order of the fields, as from_db wants them.
        self._fields = [field for field in model._meta.concrete_fields if not names or field.attname in names]
        self._names = [field.attname for field in self._fields]
        self.width = len(self._fields)

    def columns(self, alias: str) -> str:
        return ", ".join(f'{alias}."{field.column}"' for field in self._fields)

    def instance(self, values: Sequence[Any]) -> Row:
        """Return an instance from the values of the columns, in the same order."""
        return self._model.from_db(DEFAULT_DB_ALIAS, self._names, values)
