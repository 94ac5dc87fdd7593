"""Tills' files become sales, stock moves and points: `begin` a run, `take` its baskets, `finish` it.

A feed is checked whole before anything of it is booked (`refusals`), single lines are refused and listed
(`stores.calc.baskets`), and a run that is killed goes on where it stood, unless somebody lets it go (`abandon`).
"""

from stores.feeds.articles import take_articles
from stores.feeds.filing import scope_of, take_file
from stores.feeds.lanes import Summary, abandon, begin, finish, refused_by_reason, summary
from stores.feeds.taking import Taken, Till, take, tills

__all__ = [
    "Summary",
    "Taken",
    "Till",
    "abandon",
    "begin",
    "finish",
    "refused_by_reason",
    "scope_of",
    "summary",
    "take",
    "take_articles",
    "take_file",
    "tills",
]
