"""The trace in words: a message and its parameters, put into the reader's language by whoever shows it."""

from __future__ import annotations

from points.calc.rules.nouns import Step


def gettext_noop(text: str) -> str:
    """Mark a text for the catalogue; sums do not know Django."""
    return text


VERDICTS = {
    "base": gettext_noop("%(points)s points: your part of the rebate on ¥%(yuan)s."),
    "applied": gettext_noop("%(title)s: %(points)s points on top."),
    "clipped": gettext_noop("%(title)s: %(points)s points on top. It would have been %(asked)s, but %(limit)s."),
    "refused": gettext_noop("%(title)s: no points, because %(limit)s."),
    "not_yet": gettext_noop("%(title)s: has not begun."),
    "over": gettext_noop("%(title)s: is over."),
    "other_trade": gettext_noop("%(title)s: is for other kinds of shops."),
    "other_merchant": gettext_noop("%(title)s: is not given at this merchant."),
    "other_outlet": gettext_noop("%(title)s: is not given at this outlet."),
    "other_tier": gettext_noop("%(title)s: is for other tiers."),
    "other_day": gettext_noop("%(title)s: is for other days of the week."),
    "other_hour": gettext_noop("%(title)s: is for other hours."),
    "not_first_visit": gettext_noop("%(title)s: is for the first visit."),
    "no_referrer": gettext_noop("%(title)s: nobody invited this member."),
    "no_line": gettext_noop("%(title)s: nothing on this receipt takes part."),
    "below_threshold": gettext_noop("%(title)s: from ¥%(least)s on; here it is ¥%(yuan)s."),
    "stamps_missing": gettext_noop("%(title)s: each %(every)sth counts; this makes %(now)s so far."),
    "no_evidence": gettext_noop("%(title)s: no product here has a factor with valid evidence."),
    "group_taken": gettext_noop("%(title)s: another offer of the same group was given."),
    "rounds_to_nothing": gettext_noop("%(title)s: less than one point."),
}
LIMITS = {
    "bill": gettext_noop("there is a limit for one bill"),
    "member_day": gettext_noop("there is a limit for one member a day"),
    "member": gettext_noop("there is a limit for one member"),
    "day": gettext_noop("there is a limit for one day"),
    "budget": gettext_noop("the offer’s budget is used up"),
    "loss": gettext_noop("the offer’s loss budget is used up"),
    "account": gettext_noop("the account that pays has no more"),
    # Translators: 不超过收银时告知的数
    "told": gettext_noop("no more than was said at the till"),
    "credit": gettext_noop("gifts by others are bounded by what this purchase brings the alliance"),
}


def sentence(step: Step) -> tuple[str, dict[str, int | str]]:
    """Return message and parameters of a step. `title` (the rule's own words) and the limit's text are added outside.

    Amounts in yuan are given in fen under their own names: least, yuan.
    """
    facts = dict(step.inputs)
    parameters: dict[str, int | str] = {"points": step.points, "limit": step.limit}
    for name, source in (("yuan", "fen"), ("least", "least"), ("asked", "asked"), ("every", "every")):
        if source in facts:
            parameters[name] = facts[source]
    if "before" in facts:
        parameters["now"] = int(facts["before"]) + int(facts["units"])
    return VERDICTS[step.verdict], parameters
