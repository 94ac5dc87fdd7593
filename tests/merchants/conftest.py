from __future__ import annotations

from typing import Any

import pytest
from django.core.cache import cache
from django.test import Client

from alliance.models import User
from tests.cast import Town


@pytest.fixture
def town(db: None) -> Town:
    cache.clear()
    return Town()


def signed_in(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


@pytest.fixture
def at_till(town: Town) -> Client:
    """The hot-pot restaurant's cashier."""
    return signed_in(town.cashier)


@pytest.fixture
def in_shop(town: Town) -> Client:
    """The hot-pot restaurant's owner."""
    return signed_in(town.owner)


def words(answer: Any) -> str:
    return " ".join(answer.content.decode().split())
