"""Give the application's role what it may do, and take everything else."""

from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand
from django.db import connection

GRANTS = Path(__file__).resolve().parents[2] / "sql" / "grants.sql"


class Command(BaseCommand):
    help = "Apply points/sql/grants.sql to the application's role. Run it as the owner, after every migrate."

    def handle(self, *args: Any, **options: Any) -> None:
        role = settings.DATABASE_APP_ROLE
        if not settings.DATABASE_HAS_TWO_ROLES:
            self.stdout.write("one database role only: nothing to grant")
            return
        statements = GRANTS.read_text(encoding="utf-8").replace("{role}", connection.ops.quote_name(role))
        with connection.schema_editor() as editor:
            editor.execute(statements, params=None)
        self.stdout.write(f"granted to {role}")
