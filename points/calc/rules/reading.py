"""Rules as they are stored: a JSON object with known names only. The names are the whitelist of inputs (G7)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from points.calc.rules.nouns import EFFECTS, FIXED, MEMBER, REFERRER, Caps, Effect, Factor, Loss, Payer, Rule, Scope

TEXTS = {"trades", "categories", "products", "without_categories", "without_products"}
NUMBERS = {"merchants", "outlets", "tiers", "weekdays", "hours", "without_merchants", "without_outlets"}
AMOUNTS = {"basket_fen", "stamp_every"}
SCOPE = TEXTS | NUMBERS | AMOUNTS | {"first_visit"}
EFFECT = {"kind", "bps", "points", "to", "factors"}
FACTOR = {"product", "bps", "evidence", "until"}
CAPS = {"bill", "member_day", "member", "day", "budget"}
LOSS = {"name", "fen"}
TOP = {"scope", "effect", "caps", "group", "priority", "loss", "words"}
LANGUAGES = {"zh-hans", "en"}
MOST = 10**9
LONGEST = 200

# (code of the finding, name of the input): what a definition says that it must not.
Fault = tuple[str, str]
# What somebody who builds a pyramid would write. Not exhaustive: every name that is not known is refused anyway.
SECOND_LEVEL = {
    "downline", "generation", "generations", "level", "levels", "referrals", "referrer_of_referrer", "second_level",
    "team", "team_size", "upline",
}  # fmt: skip
POINT_VALUE = {"exchange_rate", "fen_per_point", "point_value", "points_per_fen", "value_of_point", "worth"}


def faults(definition: Any) -> list[Fault]:
    """Return what is wrong with a stored definition, as far as one can say without its neighbours."""
    if not isinstance(definition, Mapping):
        return [("value_not_allowed", "definition")]
    found = _unknown(definition, TOP, "")
    scope, effect, caps = (definition.get(name, {}) for name in ("scope", "effect", "caps"))
    for part, names, where in ((scope, SCOPE, "scope"), (effect, EFFECT, "effect"), (caps, CAPS, "caps")):
        found += _unknown(part, names, where) if isinstance(part, Mapping) else [("value_not_allowed", where)]
    if any(code == "value_not_allowed" for code, _name in found):
        return found
    found += _of_scope(scope) + _of_effect(effect)
    found += [("value_not_allowed", f"caps.{name}") for name, value in caps.items() if not _is_amount(value, 0)]
    if scope.get("stamp_every") and effect.get("kind") != FIXED:
        found.append(("value_not_allowed", "scope.stamp_every"))
    found += _of_rest(definition)
    return found


def _unknown(part: Mapping[str, Any], known: set[str], where: str) -> list[Fault]:
    found = []
    for name in part:
        if name not in known:
            code = "second_level" if name in SECOND_LEVEL else "point_value" if name in POINT_VALUE else ""
            found.append((code or "input_not_allowed", f"{where}.{name}".strip(".")))
    return found


def _is_amount(value: Any, least: int = 1, most: int = MOST) -> bool:
    return type(value) is int and least <= value <= most


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and 0 < len(value) <= LONGEST


def _of_scope(scope: Mapping[str, Any]) -> list[Fault]:
    wrong = []
    highest = {"weekdays": 6, "hours": 23, "tiers": 32_767}
    for name, value in scope.items():
        if name in TEXTS:
            is_fine = isinstance(value, list) and all(map(_is_text, value))
        elif name in NUMBERS:
            most = highest.get(name, 2**63 - 1)
            is_fine = isinstance(value, list) and all(_is_amount(each, 0, most) for each in value)
        elif name == "first_visit":
            is_fine = isinstance(value, bool)
        else:
            is_fine = name not in AMOUNTS or _is_amount(value, 0)
        wrong += [] if is_fine else [("value_not_allowed", f"scope.{name}")]
    return wrong


def _of_effect(effect: Mapping[str, Any]) -> list[Fault]:
    kind, to = effect.get("kind"), effect.get("to", MEMBER)
    if kind not in EFFECTS:
        return [("value_not_allowed", "effect.kind")]
    wrong: list[Fault] = []
    if to not in (MEMBER, REFERRER):
        wrong.append(("second_level", "effect.to"))
    elif to == REFERRER and kind != FIXED:
        # Rewards for inviting are fixed (G3): a share of somebody's purchases would be a level.
        wrong.append(("second_level", "effect.kind"))
    needed = {"fixed": "points", "multiplier": "bps", "rate": "bps"}.get(kind)
    if needed and not _is_amount(effect.get(needed), 1, 1_000_000):
        wrong.append(("value_not_allowed", f"effect.{needed}"))
    if kind == "factors":
        listed = effect.get("factors")
        if not isinstance(listed, list) or not listed or not all(map(_is_factor, listed)):
            wrong.append(("evidence_missing", "effect.factors"))
    return wrong


def _is_factor(value: Any) -> bool:
    return (
        isinstance(value, Mapping)
        and set(value) == FACTOR
        and _is_text(value["product"])
        and _is_text(value["evidence"])
        and _is_amount(value["bps"], 1, 100_000)
        and _is_amount(value["until"], 1, 2**40)
    )


def _of_rest(definition: Mapping[str, Any]) -> list[Fault]:
    wrong: list[Fault] = []
    group, priority = definition.get("group", ""), definition.get("priority", 100)
    if not isinstance(group, str) or len(group) > 40:
        wrong.append(("value_not_allowed", "group"))
    if not _is_amount(priority, 0, 9_999):
        wrong.append(("value_not_allowed", "priority"))
    loss = definition.get("loss")
    if loss is not None:
        is_fine = isinstance(loss, Mapping) and set(loss) == LOSS and _is_text(loss["name"]) and _is_amount(loss["fen"])
        wrong += [] if is_fine else [("value_not_allowed", "loss")]
    words = definition.get("words", {})
    if not isinstance(words, Mapping) or not set(words) <= LANGUAGES or not all(map(_is_text, words.values())):
        wrong.append(("value_not_allowed", "words"))
    return wrong


def read(
    definition: Mapping[str, Any],
    *,
    code: str,
    version: int,
    payer: Payer,
    starts_at: int = 0,
    ends_at: int | None = None,
) -> Rule:
    """Return a rule from a definition without faults; ValueError when it has some."""
    if found := faults(definition):
        raise ValueError(found[0])
    scope, effect = definition.get("scope", {}), definition["effect"]
    sets: dict[str, Any] = {name: frozenset(value) for name, value in scope.items() if name in TEXTS | NUMBERS}
    plain: dict[str, Any] = {name: value for name, value in scope.items() if name not in TEXTS | NUMBERS}
    factors = tuple(Factor(**each) for each in sorted(effect.get("factors", []), key=lambda each: each["product"]))
    loss = definition.get("loss")
    return Rule(
        code,
        version,
        Effect(**{**effect, "factors": factors}),
        payer,
        Scope(**sets, **plain),
        Caps(**definition.get("caps", {})),
        definition.get("group", ""),
        definition.get("priority", 100),
        starts_at,
        ends_at,
        Loss(**loss) if loss else None,
        tuple(sorted(definition.get("words", {}).items())),
    )
