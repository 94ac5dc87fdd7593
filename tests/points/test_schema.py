"""The tables are written in SQL; Django's models must say the same."""

from typing import Any

import pytest
from django.apps import apps
from django.db import connection, models

TYPES = {
    "smallint": "smallint", "integer": "integer", "bigint": "bigint", "date": "date", "uuid": "uuid", "boolean": "boolean", "bytea": "bytea", "jsonb": "jsonb", "text": "text",
    "timestamp with time zone": "timestamp with time zone", "character varying": "varchar", "ARRAY": "bigint[]",
}  # fmt: skip


@pytest.mark.parametrize("model", list(apps.get_app_config("points").get_models()), ids=lambda model: model.__name__)
def test_models_and_tables_have_the_same_columns(db: None, model: type[models.Model]) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT column_name, data_type, is_nullable, character_maximum_length FROM information_schema.columns"
            " WHERE table_schema = 'public' AND table_name = %s",
            [model._meta.db_table],
        )
        table: dict[str, Any] = {
            name: (TYPES[kind], nullable == "YES", length) for name, kind, nullable, length in cursor.fetchall()
        }
    fields = {field.column: field for field in model._meta.local_concrete_fields if field.column}
    assert fields.keys() == table.keys()
    for name, field in fields.items():
        kind, is_null, length = table[name]
        assert (field.db_type(connection) or "").split("(")[0] == kind, name
        assert kind != "varchar" or field.max_length == length, name
        if model._meta.managed and not field.generated:
            assert field.null == is_null, name
