"""People: who is a member, and what they consented to."""

from members.models.consent import ConsentRecord
from members.models.member import Member

__all__ = ["ConsentRecord", "Member"]
