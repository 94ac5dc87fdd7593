"""Who works in the shops of `tests.factories.shops`, and the keys of their machines."""

from __future__ import annotations

from datetime import datetime

from django.utils import timezone

from alliance.actors import Actor
from alliance.models import User
from merchants import keys, staff
from merchants.models import Merchant, Outlet, Staff
from merchants.models.key import Scope
from merchants.tills import LIFETIME, Member
from points.bills import Caller
from tests.factories.members import phone
from tests.factories.shops import Shop

SYSTEM = Actor.system("tests")


def worker(shop: Shop, role: str = Staff.Role.CASHIER, *, outlet: Outlet | None = None, name: str = "") -> User:
    """Return somebody who works in a shop: in one outlet, or in all."""
    user = User.objects.create_user(phone=phone(), name=name)
    at = timezone.now()
    staff.appoint(merchant=shop.merchant, user=user, role=role, outlet=outlet, actor=SYSTEM, at=at)
    return user


def api_key(
    merchant: Merchant, *, scopes: list[str] | None = None, outlet: Outlet | None = None, is_test: bool = False
) -> str:
    """Return the secret of a new key that may do everything, or what `scopes` says."""
    _key, secret = keys.create(
        merchant=merchant,
        name="POS",
        scopes=scopes or Scope.values,
        outlet=outlet,
        is_test=is_test,
        actor=SYSTEM,
        at=timezone.now(),
    )
    return secret


def token(shop: Shop, wallet_id: int, *, proof: str = "code", at: datetime | None = None) -> str:
    """Return a member token as a till of the shop would have got it."""
    until = (at or timezone.now()) + LIFETIME
    return Member(wallet_id, shop.outlet.pk, proof, 0, "A7K", until).token


def till_caller(shop: Shop) -> Caller:
    till = shop.outlet.tills.order_by("number").first()
    assert till is not None
    return Caller("till", till.pk)
