"""Request keys and bodies as the book keeps them: 128 bits of BLAKE2, so that any text of any length can be a key."""

from hashlib import blake2b


def digest(text: str) -> str:
    """Return 32 hexadecimal digits, which PostgreSQL takes for a uuid."""
    return blake2b(text.encode(), digest_size=16).hexdigest()
