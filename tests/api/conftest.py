from __future__ import annotations

import json
from itertools import count
from typing import Any

import pytest
from django.core.cache import cache
from django.test import Client

from tests.cast import Town
from tests.factories.merchants import api_key

_KEYS = count(1)


class Machine:
    """A till's machine with its API key."""

    def __init__(self, secret: str) -> None:
        self.secret = secret
        self.client = Client()

    def get(self, path: str, **headers: str) -> Any:
        return self.client.get(f"/api/v1/{path}", headers={"Authorization": f"Bearer {self.secret}", **headers})

    def post(self, path: str, body: Any, key: str | None = "", **headers: str) -> Any:
        """Post JSON; key: the Idempotency-Key, a new one unless given, none for None."""
        sent = {"Authorization": f"Bearer {self.secret}", **headers}
        if key is not None:
            sent["Idempotency-Key"] = key or f"request-{next(_KEYS)}"
        data = body if isinstance(body, str | bytes) else json.dumps(body)
        return self.client.post(f"/api/v1/{path}", data, content_type="application/json", headers=sent)


@pytest.fixture
def town(db: None) -> Town:
    cache.clear()
    return Town()


@pytest.fixture
def pos(town: Town) -> Machine:
    """The hot-pot restaurant's machine, with a key for everything."""
    return Machine(api_key(town.hotpot.merchant))
