"""Settings from the environment: typed, loud when wrong, no library.

Every variable may also be given as NAME_FILE, the path of a file that holds the value (for secrets).
"""

import os
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit


class BadSetting(Exception):
    """A variable of the environment is missing or cannot be understood."""


def text(name: str, default: str | None = None) -> str:
    """Return the variable `name`, or the content of the file named by `name`_FILE, or `default`."""
    path = os.environ.get(f"{name}_FILE")
    if path:
        return Path(path).read_text(encoding="utf-8").strip()
    value = os.environ.get(name, default)
    if value is None:
        raise BadSetting(f"{name} is not set (see docs/settings.md)")
    return value


def flag(name: str, default: bool) -> bool:
    value = os.environ.get(name, "")
    if value.lower() in ("1", "true", "yes", "on"):
        return True
    if value.lower() in ("0", "false", "no", "off"):
        return False
    if value:
        raise BadSetting(f"{name}={value!r} is neither true nor false")
    return default


def number(name: str, default: int) -> int:
    value = os.environ.get(name, "")
    try:
        return int(value) if value else default
    except ValueError:
        raise BadSetting(f"{name}={value!r} is not a whole number") from None


def words(name: str, default: str = "") -> list[str]:
    """Return a comma-separated variable as a list."""
    return [word.strip() for word in os.environ.get(name, default).split(",") if word.strip()]


def database(url: str) -> dict[str, Any]:
    """Return Django's DATABASES entry for postgresql://user:password@host:port/name?host=/socket/folder."""
    parts = urlsplit(url)
    if parts.scheme not in ("postgres", "postgresql"):
        raise BadSetting(f"the database must be postgresql://…, not {parts.scheme}://…")
    query = {key: values[-1] for key, values in parse_qs(parts.query).items()}
    host = query.pop("host", "") or unquote(parts.hostname or "")
    port = query.pop("port", "") or str(parts.port or "")
    return {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": unquote(parts.path.lstrip("/")),
        "USER": unquote(parts.username or ""),
        "PASSWORD": unquote(parts.password or ""),
        "HOST": host,
        "PORT": port,
        "CONN_MAX_AGE": 600,
        "CONN_HEALTH_CHECKS": True,
        # Small statements are 1.4 to 2.1 times faster with prepared statements (docs/decisions).
        "OPTIONS": {"server_side_binding": True, "prepare_threshold": 3, **query},
    }


def celery_broker(redis_url: str) -> str:
    """Return `redis_url` in Celery's dialect: a unix socket is redis+socket:// there."""
    return redis_url.replace("unix://", "redis+socket://", 1)
