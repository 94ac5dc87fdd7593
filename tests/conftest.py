"""The database of the tests, and what no test may do.

`./run test` starts a throw-away cluster for each process and gives two URLs: tests run as the owner (DATABASE_OWNER_URL,
so that they may create their database), and attack the book as the application (`application_connection`).

A test marked `django_db` runs inside a transaction that is rolled back. A test with `transaction=True` (threads,
several connections, on-commit hooks) gets the whole database back afterwards as the migrations made it: it is dropped
and copied from a template, unless nobody wrote. Django's own way, TRUNCATE, would remove the rows that migrations
planted, and the book refuses it.
"""

import os
import socket
from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qs, urlsplit

import psycopg
import pytest
from django.conf import settings
from django.core.cache import cache
from django.core.management import call_command, get_commands
from django.db import connection, connections
from django.test import TransactionTestCase
from django.utils import translation
from psycopg import sql

from merchants import sales
from points import awards


def pytest_configure() -> None:
    """Hash passwords and PINs fast (the real way costs a second each, on purpose); keep the cache in this process.

    Times in such a cache follow a clock that a test moves; the broker (REDIS_URL) stays real for tests that ask for it.
    """
    # A new test client looks for all static files otherwise, and there are thousands of clients.
    settings.WHITENOISE_AUTOREFRESH = True
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
    settings.CACHES = {"default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}}


@pytest.fixture(autouse=True)
def _rules_of_this_test() -> None:
    """The process keeps the rules in force for a second: longer than many a test."""
    awards.forget()
    sales.forget_trades()


@pytest.fixture(scope="session")
def django_db_setup(django_db_setup: None, django_db_blocker: Any) -> Iterator[None]:
    """After the migrations: the application role's rights, then a copy of the database to restore from."""
    with django_db_blocker.unblock():
        if "grants" in get_commands():
            call_command("grants", verbosity=0)
        _copy_database(settings.DATABASES["default"]["NAME"], _template())
    yield
    with django_db_blocker.unblock(), _maintenance() as maintenance:
        maintenance.execute(sql.SQL("DROP DATABASE IF EXISTS {}").format(sql.Identifier(_template())))


@pytest.fixture(scope="session", autouse=True)
def _restore_instead_of_truncate() -> Iterator[None]:
    patch = pytest.MonkeyPatch()
    patch.setattr(TransactionTestCase, "_fixture_teardown", _restore_database)
    yield
    patch.undo()


def _restore_database(case: TransactionTestCase) -> None:
    connections.close_all()
    if _next_transaction() != _clean_at:
        _copy_database(_template(), settings.DATABASES["default"]["NAME"])


def _template() -> str:
    return settings.DATABASES["default"]["NAME"] + "_template"


# The next transaction id of the cluster when its database was last known to be clean: one that nobody took since
# means that nothing was written.
_clean_at = 0


def _next_transaction() -> int:
    with _maintenance() as maintenance:
        (number,) = maintenance.execute("SELECT pg_snapshot_xmax(pg_current_snapshot())::text::bigint").fetchone() or (
            0,
        )
    return int(number)


def _copy_database(source: str, target: str) -> None:
    global _clean_at
    connections.close_all()
    with _maintenance() as maintenance:
        maintenance.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(target)))
        # Whoever still holds the source (a thread that did not close) would make the copy fail.
        maintenance.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s AND backend_type = 'client backend'",
            [source],
        )
        # Half the time of the other strategy, which writes every page to the log.
        copy = sql.SQL("CREATE DATABASE {} TEMPLATE {} STRATEGY file_copy")
        maintenance.execute(copy.format(sql.Identifier(target), sql.Identifier(source)))
    _clean_at = _next_transaction()


def _maintenance() -> psycopg.Connection[Any]:
    parameters = connection.get_connection_params()
    address = {name: parameters[name] for name in ("user", "password", "host", "port") if name in parameters}
    return psycopg.connect(**{**address, "dbname": "postgres"}, autocommit=True)


@pytest.fixture
def application_url(django_db_setup: None) -> str:
    """The URL of the test database for the application's role, the one that a web worker has."""
    parts = urlsplit(os.environ["DATABASE_URL"])
    return parts._replace(path="/" + settings.DATABASES["default"]["NAME"]).geturl()


@pytest.fixture
def application_connection(application_url: str, transactional_db: None) -> Iterator[psycopg.Connection[Any]]:
    """A connection as the application's role, beside the test's own: it sees what was committed."""
    with psycopg.connect(application_url, autocommit=True) as application:
        yield application


@pytest.fixture(autouse=True)
def _empty_cache() -> None:
    """What one test counted (attempts, rates) does not count for the next."""
    cache.clear()


@pytest.fixture(autouse=True)
def _language_of_its_own() -> Iterator[None]:
    """A test that switches the language does not switch it for the next one."""
    with translation.override(settings.LANGUAGE_CODE):
        yield


@pytest.fixture(scope="session", autouse=True)
def _offline() -> Iterator[None]:
    """Refuse every connection that would leave this machine."""
    connect = socket.socket.connect

    def local_only(self: socket.socket, address: Any) -> None:
        if self.family in (socket.AF_INET, socket.AF_INET6) and address[0] not in LOCAL:
            raise AssertionError(f"a test wanted to reach {address}")
        connect(self, address)

    patch = pytest.MonkeyPatch()
    patch.setattr(socket.socket, "connect", local_only)
    yield
    patch.undo()


_SOCKETS = parse_qs(urlsplit(os.environ.get("DATABASE_OWNER_URL", "")).query).get("host", [])
LOCAL = {"127.0.0.1", "::1", "localhost", *_SOCKETS}
