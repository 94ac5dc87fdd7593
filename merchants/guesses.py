"""Against trying numbers and PINs one after another: a till or an API key that is wrong too often waits.

Five wrong PINs lock one wallet (points.identify); this counts what somebody gets wrong over many wallets. Only what can
be guessed is held back: who shows a code goes on being served.
"""

from __future__ import annotations

from django.core.cache import cache
from django.utils.translation import gettext_lazy as _

from alliance.actors import Actor
from alliance.refusals import Refused, declare
from merchants.calc import memberfield
from points.bills import Caller

TOO_MANY_TRIES = declare(
    "too_many_tries",
    429,
    _("Too many wrong PINs and unknown numbers here. Wait ten minutes, or scan the member's code."),
)
LIMIT = 30
SECONDS = 600
_GUESSED = frozenset({memberfield.PHONE, memberfield.NUMBER, memberfield.CARD})
_WRONG = frozenset({"pin_wrong", "pin_locked", "member_unknown"})


def who(caller: Caller, actor: Actor) -> str:
    """Return whose tries are counted together: a till's, or an API key's."""
    return f"{caller.kind}:{caller.id}" if caller.kind == "till" else str(actor)


def check(whose: str, kind: str, *, has_pin: bool = False) -> None:
    """Refuse too_many_tries for a number or a PIN after more than 30 wrong ones within ten minutes."""
    if (has_pin or kind in _GUESSED) and int(cache.get(_name(whose), 0)) > LIMIT:
        raise TOO_MANY_TRIES(seconds=SECONDS)


def count(whose: str, refusal: Refused) -> None:
    """Count what was wrong; the ten minutes begin with the first."""
    if refusal.code not in _WRONG:
        return
    cache.add(_name(whose), 0, timeout=SECONDS)
    try:
        cache.incr(_name(whose))
    except ValueError:
        # The ten minutes ended between the two lines.
        cache.add(_name(whose), 1, timeout=SECONDS)


def _name(whose: str) -> str:
    return f"guesses:{whose}"
