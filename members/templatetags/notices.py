"""The bell in the member's frame."""

from __future__ import annotations

from typing import Any

from django import template

from members import noticing
from members.access import member_of

register = template.Library()
MOST = 99


@register.inclusion_tag("members/bell.html", takes_context=True)
def bell(context: dict[str, Any]) -> dict[str, Any]:
    """The way to the notices, with the number of unread ones; nothing for whoever is no member."""
    request = context.get("request")
    member = member_of(request) if request is not None and hasattr(request, "user") else None
    n = noticing.unread(member) if member is not None else 0
    return {"is_member": member is not None, "n": n, "shown": f"{MOST}+" if n > MOST else str(n)}
