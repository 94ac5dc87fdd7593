"""How often a key may call: one counter per key and minute, told in the headers of every answer."""

from __future__ import annotations

import time
from typing import Any

from django.core.cache import cache
from rest_framework.request import Request
from rest_framework.settings import api_settings
from rest_framework.throttling import BaseThrottle

from merchants.models import ApiKey

_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86_400}


def rate() -> tuple[int, int]:
    """Return the allowed calls and the seconds that they are counted over, from the setting "6000/min"."""
    number, _slash, period = str(api_settings.DEFAULT_THROTTLE_RATES["api_key"]).partition("/")
    return int(number), _SECONDS[period[0]]


class KeyThrottle(BaseThrottle):
    """A fixed window: one atomic increment a call. `request.rate` is (limit, remaining, seconds until the next)."""

    def allow_request(self, request: Request, view: Any) -> bool:
        key = request.auth
        if not isinstance(key, ApiKey):
            return True
        limit, period = rate()
        now = time.time()
        window, self.left = int(now // period), period - int(now % period)
        name = f"api:{key.pk}:{window}"
        try:
            count = cache.incr(name)
        except ValueError:
            cache.add(name, 0, timeout=period * 2)
            count = cache.incr(name)
        request._request.rate = (limit, max(0, limit - count), self.left)  # type: ignore[attr-defined]
        return count <= limit

    def wait(self) -> float:
        return float(self.left)


def headers(request: Any) -> dict[str, str]:
    """Return the headers that tell the caller where it stands."""
    state = getattr(getattr(request, "_request", request), "rate", None)
    if state is None:
        return {}
    limit, remaining, seconds = state
    return {
        "X-RateLimit-Limit": str(limit),
        "X-RateLimit-Remaining": str(remaining),
        "X-RateLimit-Reset": str(seconds),
    }
