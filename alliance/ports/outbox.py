"""The demo's outbox: a message is kept for ten minutes where the page can show it, and goes nowhere."""

from typing import TypedDict

from django.core.cache import cache
from django.utils.crypto import salted_hmac

KEPT_SECONDS = 600


class Kept(TypedDict):
    subject: str
    text: str


def _key(to: str) -> str:
    return f"demo-outbox:{salted_hmac('alliance.ports.outbox', to).hexdigest()[:32]}"


def keep(*, to: str, subject: str, text: str) -> None:
    cache.set(_key(to), Kept(subject=subject, text=text), KEPT_SECONDS)


def last(to: str) -> Kept | None:
    """Return the last message to this address, if it is not older than ten minutes."""
    kept: Kept | None = cache.get(_key(to))
    return kept
