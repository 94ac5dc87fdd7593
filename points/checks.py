"""The configuration linter as a Django check (G20): `manage.py check --tag rules --database default`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.core import checks as django_checks
from django.core.checks import CheckMessage, Error, register
from django.db import connections
from django.db.migrations.executor import MigrationExecutor
from django.utils import timezone

from points import rules

TAG = "rules"


def words(app_configs: Any, **kwargs: Any) -> list[CheckMessage]:
    """The list of promise words can be read."""
    try:
        rules.promises()
    except (OSError, ValueError, KeyError) as error:
        return [Error(f"points/data/promises.json cannot be used: {error!r}", id="rules.promises_unreadable")]
    return []


def in_force(app_configs: Any, databases: Sequence[str] | None = None, **kwargs: Any) -> list[CheckMessage]:
    """What is in force or decided still passes the linter. Looked at only when a database is named and up to date."""
    if "default" not in (databases or ()):
        return []
    executor = MigrationExecutor(connections["default"])
    if executor.migration_plan(executor.loader.graph.leaf_nodes()):
        return []
    return [
        (Error if finding.refuses else django_checks.Warning)(
            rules.said(finding), id=f"rules.{finding.code}", obj=finding.rule
        )
        for finding in rules.check_in_force(timezone.now())
    ]


def take_up() -> None:
    register(words, TAG)
    register(in_force, TAG)
