"""People: who is a member, what they consented to, what they are told."""

from members.models.consent import ConsentRecord
from members.models.member import Member
from members.models.notice import MutedNotice, Notice

__all__ = ["ConsentRecord", "Member", "MutedNotice", "Notice"]
