"""Against trying numbers, codes and PINs one after another: a till or an API key that is wrong too often waits.

Five wrong PINs lock one wallet (points.identify); this counts what somebody gets wrong over many wallets. Numbers and
PINs are counted apart from codes: who shows a right code goes on being served. A batch is held back in its middle, and
a merchant who makes one API key after another meets a limit for all of them together.
"""

from __future__ import annotations

from dataclasses import dataclass, field

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
TOO_MANY_CODES = declare(
    "too_many_codes", 429, _("Too many codes here that were no member codes. Wait ten minutes, or type the number.")
)
LIMIT = 30
# Of all API keys of one merchant together.
LIMIT_OF_KEYS = 600
SECONDS = 600
_NUMBERS, _CODES = "numbers", "codes"
_COUNTED = {"pin_wrong": _NUMBERS, "pin_locked": _NUMBERS, "member_unknown": _NUMBERS, "code_unknown": _CODES}
_GUESSED = {
    memberfield.PHONE: _NUMBERS,
    memberfield.NUMBER: _NUMBERS,
    memberfield.CARD: _NUMBERS,
    memberfield.CODE: _CODES,
}


@dataclass(frozen=True, slots=True)
class Whose:
    """Whose tries are counted together: a till's, or an API key's; and those of all keys of its merchant."""

    name: str
    keys_of: str = ""


def who(caller: Caller, actor: Actor) -> Whose:
    if caller.kind == "till":
        return Whose(f"till:{caller.id}")
    return Whose(str(actor), f"{caller.kind}:{caller.id}")


@dataclass(slots=True)
class Tries:
    """The wrong tries of somebody who asks for one member or for five hundred: counted while they are answered."""

    whose: Whose
    _counts: dict[str, int] = field(default_factory=dict)
    _wrong: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        self._counts = cache.get_many([name for what in (_NUMBERS, _CODES) for name in self._names(what)])

    def check(self, kind: str, *, has_pin: bool = False) -> None:
        """Refuse too_many_tries or too_many_codes after more than 30 wrong ones within ten minutes."""
        what = _NUMBERS if has_pin else _GUESSED.get(kind)
        if what is None:
            return
        limits = (LIMIT, LIMIT_OF_KEYS)
        if any(self._counts.get(name, 0) > limit for name, limit in zip(self._names(what), limits, strict=False)):
            raise (TOO_MANY_CODES if what == _CODES else TOO_MANY_TRIES)(seconds=SECONDS)

    def count(self, refusal: Refused, given: str = "") -> None:
        """Count what was wrong; `given` a second time is the same guess. The ten minutes begin with the first."""
        what = _COUNTED.get(refusal.code)
        if what is None or (given and given in self._wrong):
            return
        self._wrong.add(given)
        for name in self._names(what):
            self._counts[name] = _one_more(name)

    def _names(self, what: str) -> list[str]:
        return [f"guesses:{what}:{name}" for name in (self.whose.name, self.whose.keys_of) if name]


def _one_more(name: str) -> int:
    cache.add(name, 0, timeout=SECONDS)
    try:
        return cache.incr(name)
    except ValueError:
        # The ten minutes ended between the two lines.
        cache.add(name, 1, timeout=SECONDS)
        return 1
