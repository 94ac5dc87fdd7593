"""What holds the house together: imports go down, foreign keys point down, migrations are complete and in one line."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from django.apps import apps
from django.core.management import call_command
from django.db import models
from django.db.migrations.loader import MigrationLoader

ROOT = Path(__file__).resolve().parents[2]
STAIR = ["alliance", "points", "merchants", "stores", "members", "town"]


def test_imports_keep_the_contracts() -> None:
    lint = Path(sys.executable).with_name("lint-imports")
    done = subprocess.run([str(lint)], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_foreign_keys_point_down_the_stair() -> None:
    """Foreign keys are strings, which the import linter cannot see."""
    upwards = [
        f"{model._meta.label}.{field.name} → {field.remote_field.model._meta.label}"
        for model in apps.get_models()
        if model._meta.app_label in STAIR
        for field in model._meta.get_fields()
        if isinstance(field, models.ForeignKey | models.ManyToManyField)
        and field.remote_field.model._meta.app_label in STAIR
        and STAIR.index(field.remote_field.model._meta.app_label) > STAIR.index(model._meta.app_label)
    ]
    assert not upwards


def test_modules_named_in_strings_lie_at_the_top_or_below() -> None:
    """include("…") and task names are strings too: only the ground's urls and settings may name upper floors."""
    allowed = {"alliance/urls.py", "alliance/settings.py"}
    found = []
    for floor, name in enumerate(STAIR):
        for path in (ROOT / name).rglob("*.py"):
            relative = path.relative_to(ROOT).as_posix()
            if relative in allowed or "/migrations/" in relative:
                continue
            text = path.read_text(encoding="utf-8")
            found += [
                f"{relative} names {upper}"
                for upper in STAIR[floor + 1 :]
                if f'import_module("{upper}' in text or f'include("{upper}' in text
            ]
    assert not found


@pytest.mark.django_db
def test_migrations_are_complete() -> None:
    call_command("makemigrations", check=True, dry_run=True, verbosity=0)


def test_migrations_are_in_one_line() -> None:
    graph = MigrationLoader(None).graph
    for app in STAIR[:-1]:
        assert len(graph.leaf_nodes(app)) == 1, f"{app} has several last migrations"


def test_no_signals_no_save_overrides_no_generic_relations() -> None:
    bad = []
    for name in STAIR:
        for path in (ROOT / name).rglob("*.py"):
            text = path.read_text(encoding="utf-8")
            if "django.db.models.signals" in text or "django.dispatch" in text or "GenericForeignKey" in text:
                bad.append(path.relative_to(ROOT).as_posix())
            if "/models/" in path.as_posix() and "def save(self" in text:
                bad.append(f"{path.relative_to(ROOT)} overrides save()")
    assert not bad


def test_no_ordering_on_models() -> None:
    ordered = [
        model._meta.label for model in apps.get_models() if model._meta.app_label in STAIR and model._meta.ordering
    ]
    assert not ordered


def test_constraints_carry_readable_names() -> None:
    """<app>_<model>_<law>: the name is the sentence that somebody reads in a log at night."""
    bad = [
        f"{model._meta.label}: {constraint.name}"
        for model in apps.get_models()
        if model._meta.app_label in STAIR
        for constraint in model._meta.constraints
        if not constraint.name.startswith(f"{model._meta.app_label}_")
    ]
    assert not bad
