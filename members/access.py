"""How a request is recognised as a member's."""

from __future__ import annotations

from django.http import HttpRequest

from alliance import access
from members.models import Member


class MemberRequest(HttpRequest):
    """A request that passed `member_only`."""

    member: Member


@access.face("member", "home")
def member_of(request: HttpRequest) -> Member | None:
    """Return the member who is signed in, read once per request."""
    if not request.user.is_authenticated:
        return None
    if not hasattr(request, "_member"):
        found = Member.objects.filter(user=request.user).first()
        if found is not None:
            found.user = request.user
        request._member = found  # type: ignore[attr-defined]
    known: Member | None = request._member  # type: ignore[attr-defined]
    return known


member_only = access.only("member")
