"""How console staff sign in: e-mail and password first, then a code from an authenticator app."""

from __future__ import annotations

import base64
import hashlib
from typing import Any

from allauth.mfa.adapter import DefaultMFAAdapter
from cryptography.fernet import Fernet
from django.conf import settings
from django.contrib.auth.backends import BaseBackend
from django.http import HttpRequest

from alliance.models import User


class StaffBackend(BaseBackend):
    """E-mail and password, for console users only; members and merchants sign in with one-time codes."""

    def authenticate(
        self, request: HttpRequest | None, username: str | None = None, password: str | None = None, **_more: Any
    ) -> User | None:
        if not username or not password:
            return None
        user = User.objects.filter(email=username.strip().lower()).first()
        if user is None:
            # Take as long as for a known address, so that nobody can tell which ones exist.
            User().set_password(password)
            return None
        if user.check_password(password) and user.is_active and user.is_staff:
            return user
        return None

    def get_user(self, user_id: int) -> User | None:
        return User.objects.filter(pk=user_id, is_active=True).first()


class MfaAdapter(DefaultMFAAdapter):
    """Keeps the secrets of authenticator apps encrypted, so that a copy of the database opens no door."""

    def encrypt(self, text: str) -> str:
        return _cipher().encrypt(text.encode()).decode()

    def decrypt(self, encrypted_text: str) -> str:
        return _cipher().decrypt(encrypted_text.encode()).decode()


def _cipher() -> Fernet:
    key = hashlib.sha256(b"lianhui.mfa:" + settings.HANDLE_KEY.encode()).digest()
    return Fernet(base64.urlsafe_b64encode(key))
