"""Everything of the ground that the console shows."""

from alliance import figures
from alliance.admin import approvals, diary, jobs, organisation, people, places

__all__ = ["approvals", "diary", "figures", "jobs", "organisation", "people", "places"]
