"""The ground's nouns."""

from alliance.models.approval import Approval
from alliance.models.calendar import BusinessDay
from alliance.models.event import Event, ReactionMark
from alliance.models.job import Job
from alliance.models.place import City, Province
from alliance.models.signin import SignIn
from alliance.models.trade import Trade
from alliance.models.unit import Post, Unit
from alliance.models.user import User

__all__ = [
    "Approval",
    "BusinessDay",
    "City",
    "Event",
    "Job",
    "Post",
    "Province",
    "ReactionMark",
    "SignIn",
    "Trade",
    "Unit",
    "User",
]
