"""Is it alive, is it ready, which version: for load balancers and people on call."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable

from django.conf import settings
from django.core.cache import cache
from django.db import connection
from django.db.migrations.executor import MigrationExecutor
from django.http import HttpRequest, JsonResponse
from django.views.decorators.cache import never_cache

from alliance import logs
from alliance.access import public
from alliance.celery import app
from alliance.tasks import HEARTBEAT

HEARTBEAT_SECONDS = 150
FREE_BYTES = 500_000_000
_log = logs.get("alliance.health")


@public
@never_cache
def healthz(request: HttpRequest) -> JsonResponse:
    """The process answers. Nothing else is asked, so that a broken database restarts no web server."""
    return JsonResponse({"status": "ok"})


@public
@never_cache
def version(request: HttpRequest) -> JsonResponse:
    return JsonResponse(
        {"name": settings.LIANHUI_NAME, "version": settings.LIANHUI_VERSION, "demo": settings.LIANHUI_DEMO}
    )


@public
@never_cache
def readyz(request: HttpRequest) -> JsonResponse:
    """Everything that serving needs, each with ok or what is wrong; 503 when anything is."""
    checks = {name: _tried(name, check) for name, check in _CHECKS.items()}
    ready = all(answer == "ok" for answer in checks.values())
    return JsonResponse({"status": "ok" if ready else "failing", "checks": checks}, status=200 if ready else 503)


def _tried(name: str, check: Callable[[], str]) -> str:
    try:
        return check()
    except Exception as error:
        _log.warning("not ready", check=name, error=type(error).__name__)
        return "failing"


def _database() -> str:
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")
    return "ok"


_migrated: set[str] = set()


def _migrations() -> str:
    # Reading the migrations takes a tenth of a second, and applied ones stay applied while this process lives.
    if not _migrated:
        executor = MigrationExecutor(connection)
        waiting = executor.migration_plan(executor.loader.graph.leaf_nodes())
        if waiting:
            return f"{len(waiting)} migrations are not applied"
        _migrated.add("all")
    return "ok"


def _broker() -> str:
    with app.connection_for_read() as broker:
        broker.ensure_connection(max_retries=1, timeout=2)
    return "ok"


def _heartbeat() -> str:
    last = cache.get(HEARTBEAT)
    if last is None:
        return "beat has not been seen yet"
    age = time.time() - last
    return "ok" if age <= HEARTBEAT_SECONDS else f"beat was last seen {age:.0f} seconds ago"


def _disk() -> str:
    folder = settings.STATE_DIR if settings.STATE_DIR.exists() else settings.BASE_DIR
    free = shutil.disk_usage(folder).free
    return "ok" if free >= FREE_BYTES else f"only {free // 1_000_000} MB left"


_CHECKS: dict[str, Callable[[], str]] = {
    "database": _database,
    "migrations": _migrations,
    "broker": _broker,
    "beat": _heartbeat,
    "disk": _disk,
}
