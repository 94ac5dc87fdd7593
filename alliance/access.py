"""Who may do and see what.

Console staff: posts in units give roles, roles give permissions (one table below), the unit's path gives the scope.
Views: every view says who may call it by one of the decorators at the end; the URL × role test reads `view.access`.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import TYPE_CHECKING, Any

from django.contrib.auth.views import redirect_to_login
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils import timezone

from alliance.calc.worktime import shanghai_day
from alliance.refusals import NOT_ALLOWED

if TYPE_CHECKING:
    from alliance.models import Post, Unit, User

View = Callable[..., HttpResponse]

# What each role may do within its units. "view" permissions are on the right of every role that has the console.
PERMISSIONS: dict[str, frozenset[str]] = {
    "hq_admin": frozenset(
        {
            "org.view", "org.change", "member.view", "member.reveal", "merchant.view", "merchant.change",
            "agreement.sign", "book.view", "diary.view", "job.view", "approval.view", "merchant.approve",
            "adjustment.ask", "trade.change", "calendar.change", "store.view", "rule.view", "rule.draft",
            "credit.ask", "hold.release", "sale.refund", "surplus.approve", "opening.stage", "winding.ask",
        }
    ),
    "finance": frozenset(
        {
            "org.view", "merchant.view", "book.view", "diary.view", "job.view", "approval.view", "bank.receive",
            "topup.ask", "topup.approve", "adjustment.ask", "adjustment.approve", "store.view", "rule.view",
            "rule.draft", "rule.approve", "credit.approve", "sale.refund",
            "sale.refund_approve", "payout.ask", "payout.approve", "payout_account.ask",
            "payout_account.approve", "dispute.ask", "dispute.decide", "leaving.approve", "surplus.propose",
            "surplus.approve", "opening.stage", "opening.approve", "winding.ask", "winding.approve",
        }
    ),
    "risk": frozenset(
        {"org.view", "member.view", "merchant.view", "book.view", "diary.view", "job.view", "approval.view",
         "wallet.freeze", "hold.release", "store.view", "rule.view"}
    ),
    "region_manager": frozenset(
        {"org.view", "merchant.view", "merchant.change", "merchant.approve", "agreement.sign",
         "hold.release", "approval.view", "diary.view", "store.view", "credit.ask", "credit.approve"}
    ),
    "centre_staff": frozenset({"org.view", "merchant.view", "merchant.change", "approval.view", "store.view"}),
    "store_manager": frozenset({"org.view", "merchant.view", "store.view"}),
}  # fmt: skip


def posts_of(user: User) -> list[Post]:
    """Return the user's posts of today, read once per user object."""
    known: list[Post] | None = getattr(user, "_posts_today", None)
    if known is None:
        today = shanghai_day(timezone.now())
        known = list(user.posts.active(today).select_related("unit").order_by("pk")) if user.pk else []
        user._posts_today = known  # type: ignore[attr-defined]
    return known


def roles_of(user: User) -> set[str]:
    return {post.role for post in posts_of(user)}


def paths_of(user: User) -> list[str]:
    """Return the paths of the user's units; everything below them is visible."""
    return [post.unit.path for post in posts_of(user)] if user.is_active and user.is_staff else []


def units_of(user: User) -> QuerySet[Unit]:
    """Return the user's units and all below."""
    from alliance.models import Unit

    return Unit.objects.visible_to(user)


def can(user: User, permission: str, unit: Unit | None = None) -> bool:
    """Return whether one of the user's posts gives the permission, over `unit` if one is named."""
    if not (user.is_authenticated and user.is_active and user.is_staff):
        return False
    return any(
        permission in PERMISSIONS[post.role] and (unit is None or unit.path.startswith(post.unit.path))
        for post in posts_of(user)
    )


def is_at_the_top(user: User) -> bool:
    """Return whether one of the user's posts is in the unit above all others."""
    return user.is_active and user.is_staff and any(post.unit.parent_id is None for post in posts_of(user))


def is_alliance_wide(user: User, permission: str) -> bool:
    """Return whether a post at the very top gives the permission: for what belongs to no region, such as the book."""
    return can(user, permission) and any(
        permission in PERMISSIONS[post.role] and post.unit.parent_id is None for post in posts_of(user)
    )


def require(user: User, permission: str, unit: Unit | None = None) -> None:
    """Refuse not_allowed unless the user has the permission."""
    if not can(user, permission, unit):
        raise NOT_ALLOWED()


# Django's admin asks "app.verb_model"; the console's classes name their own permissions and ignore this
# (alliance.admin.scoped), so that there is one table and not two.
def has_django_permission(user: User, perm: str) -> bool:
    return False


# --- views ------------------------------------------------------------------------------------------


def _declared(view: View, access: str) -> View:
    view.access = access  # type: ignore[attr-defined]
    return view


def public(view: View) -> View:
    """Anybody, signed in or not."""
    return _declared(view, "public")


def signed_in(view: View) -> View:
    """Anybody who has signed in; others are sent to the login page and come back."""

    @wraps(view)
    def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        if not request.user.is_authenticated:
            return redirect_to_login(request.get_full_path())
        return view(request, *args, **kwargs)

    return _declared(guarded, "signed_in")


Face = Callable[[HttpRequest], Any]
_FACES: dict[str, tuple[Face, str]] = {}


def face(name: str, url: str) -> Callable[[Face], Face]:
    """Register how a request is recognised as coming from a member, a cashier, … and where that face begins.

    The function returns what the view needs (the member, the staff post), or None. Upper floors register theirs.
    """

    def register(function: Face) -> Face:
        _FACES[name] = (function, url)
        return function

    return register


def faces_of(request: HttpRequest) -> dict[str, str]:
    """Return the faces that this user has, with the name of the page where each begins."""
    return {name: url for name, (function, url) in _FACES.items() if function(request) is not None}


def only(name: str) -> Callable[[View], View]:
    """Only those who have the face `name`: others get 404 (signed in) or the login page (not signed in)."""

    def decorate(view: View) -> View:
        @wraps(view)
        def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
            if not request.user.is_authenticated:
                return redirect_to_login(request.get_full_path())
            found = _FACES[name][0](request)
            if found is None:
                from django.http import Http404

                raise Http404
            setattr(request, name, found)
            return view(request, *args, **kwargs)

        return _declared(guarded, name)

    return decorate
