"""Earning rules as data and their pure evaluation. What they mean is in docs/rules.md."""

from points.calc.rules.nouns import (
    EFFECTS,
    FACTORS,
    FIXED,
    MEMBER,
    MULTIPLIER,
    RATE,
    REFERRER,
    Answer,
    Caps,
    Card,
    Effect,
    Factor,
    Grant,
    Line,
    Loss,
    Member,
    Payer,
    Receipt,
    Rule,
    Scope,
    Step,
    Used,
)
from points.calc.rules.prepared import Prepared, bound_of, hour_of, misses
from points.calc.rules.refunds import Difference, Move, difference, staying
from points.calc.rules.sentences import LIMITS, VERDICTS, sentence

__all__ = [
    "EFFECTS", "FACTORS", "FIXED", "LIMITS", "MEMBER", "MULTIPLIER", "RATE", "REFERRER", "VERDICTS",
    "Answer", "Caps", "Card", "Difference", "Effect", "Factor", "Grant", "Line", "Loss", "Member", "Move", "Payer",
    "Prepared", "Receipt", "Rule", "Scope", "Step", "Used",
    "bound_of", "difference", "hour_of", "misses", "sentence", "staying",
]  # fmt: skip
