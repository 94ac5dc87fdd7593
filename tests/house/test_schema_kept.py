"""Every constraint and index that a model names is in the database: a later migration may drop one by accident."""

from __future__ import annotations

import pytest
from django.apps import apps
from django.db import connection

OURS = {"alliance", "points", "merchants", "stores", "members"}


@pytest.mark.django_db
def test_every_named_constraint_and_index_is_there() -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT conname FROM pg_constraint UNION SELECT relname FROM pg_class WHERE relkind IN ('i', 'I')"
        )
        there = {name for (name,) in cursor.fetchall()}
    named = {
        f"{model._meta.label}: {one.name}"
        for model in apps.get_models()
        if model._meta.app_label in OURS and model._meta.managed
        for one in [*model._meta.constraints, *model._meta.indexes]
        if one.name not in there
    }
    assert not named
