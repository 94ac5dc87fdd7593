"""How a request is recognised as coming from a merchant's staff, and at which outlet they serve."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import wraps
from typing import Any

from django.http import Http404, HttpRequest, HttpResponse
from django.utils import timezone

from alliance import access
from alliance.models import User
from merchants.models import Merchant, Outlet, Staff, Till

OUTLET_IN_SESSION = "outlet"


@dataclass
class Desk:
    """Where somebody serves: the outlets that they may choose from, and the one that is chosen."""

    user: User
    posts: list[Staff]
    outlets: list[Outlet]
    outlet: Outlet | None = None
    _till: Till | None = field(default=None, repr=False)

    @property
    def merchant(self) -> Merchant:
        return self.outlet.merchant if self.outlet else self.posts[0].merchant

    def _roles(self) -> set[str]:
        return {post.role for post in self.posts if post.merchant_id == self.merchant.pk}

    @property
    def is_owner(self) -> bool:
        return Staff.Role.OWNER in self._roles()

    @property
    def manages(self) -> bool:
        """Whether this person sees the shop's pages: an owner, or a manager."""
        return bool(self._roles() & {Staff.Role.OWNER, Staff.Role.MANAGER})

    @property
    def managed_outlets(self) -> list[Outlet]:
        """Return the outlets of this merchant whose figures this person may see."""
        mine = [post for post in self.posts if post.merchant_id == self.merchant.pk and not post.is_cashier]
        if any(post.outlet_id is None for post in mine):
            return list(Outlet.objects.filter(merchant=self.merchant).order_by("pk"))
        return list(Outlet.objects.filter(pk__in=[post.outlet_id for post in mine]).order_by("pk"))

    @property
    def manages_all(self) -> bool:
        """Whether the money of the whole merchant may be seen: not by the manager of one outlet."""
        return any(
            post.outlet_id is None and not post.is_cashier
            for post in self.posts
            if post.merchant_id == self.merchant.pk
        )

    @property
    def till(self) -> Till | None:
        """Return the till of the chosen outlet; request keys belong to it."""
        if self._till is None and self.outlet:
            self._till = Till.objects.open().filter(outlet=self.outlet).order_by("number").first()
        return self._till


class DeskRequest(HttpRequest):
    """A request that passed `cashier_only` or `owner_only`."""

    desk: Desk


def desk_of(request: HttpRequest) -> Desk | None:
    """Return the desk of a merchant's staff, read once per request; None for everybody else."""
    if not request.user.is_authenticated:
        return None
    if not hasattr(request, "_desk"):
        request._desk = _read(request)  # type: ignore[attr-defined]
    desk: Desk | None = request._desk  # type: ignore[attr-defined]
    return desk


def _read(request: HttpRequest) -> Desk | None:
    user: Any = request.user
    now = timezone.now()
    posts = list(Staff.objects.active(now).filter(user=user).select_related("merchant").order_by("pk"))
    if not posts:
        return None
    merchants = {post.merchant_id: post.merchant for post in posts}
    outlets = list(Outlet.objects.of_staff(user, now).order_by("merchant", "pk"))
    for outlet in outlets:
        outlet.merchant = merchants[outlet.merchant_id]
    chosen = request.session.get(OUTLET_IN_SESSION)
    at_desk = next((outlet for outlet in outlets if outlet.pk == chosen), outlets[0] if outlets else None)
    return Desk(user, posts, outlets, at_desk)


@access.face("cashier", "till")
def _cashier(request: HttpRequest) -> Desk | None:
    return desk_of(request)


@access.face("owner", "shop")
def _owner(request: HttpRequest) -> Desk | None:
    desk = desk_of(request)
    return desk if desk and desk.manages else None


View = Callable[..., HttpResponse]


def _with_desk(view: View, name: str, allowed: Callable[[Desk], bool]) -> View:
    @wraps(view)
    def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        desk = desk_of(request)
        if desk is None or not allowed(desk):
            raise Http404
        request.desk = desk  # type: ignore[attr-defined]
        return view(request, *args, **kwargs)

    return access.only(name)(guarded)


def cashier_only(view: View) -> View:
    """The till: everybody who works for a merchant."""
    return _with_desk(view, "cashier", lambda _desk: True)


def manager_only(view: View) -> View:
    """The shop's pages: owners and managers."""
    return _with_desk(view, "owner", lambda desk: desk.manages)


def money_only(view: View) -> View:
    """The merchant's money: owners, and managers of all outlets."""
    return _with_desk(view, "owner", lambda desk: desk.manages_all)


def owner_only(view: View) -> View:
    """Staff and keys: owners."""
    return _with_desk(view, "owner", lambda desk: desk.is_owner)
