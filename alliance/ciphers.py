"""What is kept encrypted, so that a copy of the database alone says nothing: each use has a key of its own.

The keys come from HANDLE_KEY, which outlives a change of SECRET_KEY.
"""

from __future__ import annotations

import base64
import hashlib
import hmac

from cryptography.fernet import Fernet
from django.conf import settings


def seal(use: str, text: str) -> bytes:
    return _cipher(use).encrypt(text.encode())


def unseal(use: str, sealed: bytes) -> str:
    return _cipher(use).decrypt(bytes(sealed)).decode()


def fingerprint(use: str, text: str) -> bytes:
    """Return 32 bytes by which the same text is found again, and nothing else can be told."""
    return hmac.new(f"lianhui.{use}:{settings.HANDLE_KEY}".encode(), text.encode(), hashlib.sha256).digest()


def _cipher(use: str) -> Fernet:
    key = hashlib.sha256(f"lianhui.{use}:{settings.HANDLE_KEY}".encode()).digest()
    return Fernet(base64.urlsafe_b64encode(key))
