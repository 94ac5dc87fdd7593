"""Who acts: a person, a key, or the system itself."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from alliance.models import User


@dataclass(frozen=True, slots=True)
class Actor:
    """Who did it, in a form that the diary and the book keep for good: "user:12", "key:3", "system:close"."""

    kind: str
    id: int = 0

    @classmethod
    def user(cls, user: User) -> Actor:
        return cls("user", user.pk)

    @classmethod
    def key(cls, key_id: int) -> Actor:
        return cls("key", key_id)

    @classmethod
    def system(cls, name: str) -> Actor:
        return cls(f"system:{name}")

    @classmethod
    def parse(cls, text: str) -> Actor:
        kind, _, number = text.partition(":")
        return cls(kind, int(number)) if number.isdigit() else cls(text)

    @property
    def user_id(self) -> int | None:
        return self.id if self.kind == "user" else None

    def __str__(self) -> str:
        return self.kind if self.kind.startswith("system:") else f"{self.kind}:{self.id}"
