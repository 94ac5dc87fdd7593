"""Staff of region A can neither read nor change B, by any list, page, act, autocomplete or filter of any class.

The test walks the registry: a class that is added later is tested without anybody thinking of it, and fails until the
world of these tests has a row of it in each region.
"""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib import admin
from django.db.models import Model, Q
from django.http import HttpRequest
from django.urls import reverse

from alliance.admin.scoped import SCOPES, FrozenAdmin, ScopedAdmin
from tests.admin.conftest import World
from tests.factories import staff

CLASSES = sorted(admin.site._registry.values(), key=lambda entry: entry.opts.label_lower)
# Scoped by outlet in its own queryset: the book knows no units.
BY_OUTLET = {"points.sale"}
# By merchant, likewise: whose account it is.
BY_MERCHANT = {
    "points.statement": "account_id",
    "points.payout": "source_id",
    "points.creditline": "pk",
    "points.merchantbill": "float_id",
}


def name_of(entry: Any) -> str:
    return f"{entry.opts.app_label}_{entry.opts.model_name}"


def ids(entry: Any) -> str:
    return entry.opts.label_lower


def unit_path(entry: Any, row: Model) -> str | None:
    """Return the path of the unit that a row belongs to, told apart without the code under test."""
    match row._meta.label_lower:
        case "alliance.unit":
            return row.path
        case "alliance.post" | "alliance.approval" | "stores.store":
            return row.unit.path
        case "alliance.event":
            return row.unit.path if row.unit else ""
        case "alliance.user":
            return next((post.unit.path for post in row.posts.all()), "")
        case "merchants.merchant" | "merchants.outlet":
            return row.centre.path
        case "points.sale":
            from merchants.models import Outlet

            return Outlet.objects.get(pk=row.outlet_id).centre.path
        case label if label in BY_MERCHANT:
            from merchants.models import Merchant

            account = getattr(row, BY_MERCHANT[label])
            return Merchant.objects.get(Q(proceeds_id=account) | Q(float_id=account)).centre.path
        case label if label.startswith("merchants."):
            return row.merchant.centre.path
    raise AssertionError(f"tell {row._meta.label_lower}'s unit here")


@pytest.mark.parametrize("entry", CLASSES, ids=ids)
def test_every_class_says_whose_rows_it_shows(entry: Any) -> None:
    assert isinstance(entry, ScopedAdmin)
    assert entry.scope in SCOPES
    assert entry.view_permission
    assert entry.has_delete_permission(HttpRequest()) is False


def roles(world: World) -> list[Any]:
    return [world.a.manager, world.a.helper]


SCOPED = [
    entry for entry in CLASSES if entry.scope == "units" or entry.opts.label_lower in BY_OUTLET | BY_MERCHANT.keys()
]


def test_a_region_sees_its_own_rows_only(world: World) -> None:
    for entry in SCOPED:
        own_rows_only(entry, world)


def own_rows_only(entry: Any, world: World) -> None:
    label = entry.opts.label_lower
    rows = list(entry.model._default_manager.all())
    own = {row.pk for row in rows if (unit_path(entry, row) or "").startswith(world.a.unit.path)}
    foreign = {row.pk for row in rows if (unit_path(entry, row) or "").startswith(world.b.unit.path)}
    assert own and foreign, f"the world of these tests needs a {label} in both regions"

    for user in roles(world):
        browser = staff.console(user)
        answer = browser.get(reverse(f"admin:{name_of(entry)}_changelist"))
        if not entry.may(answer.wsgi_request, entry.view_permission):
            assert answer.status_code == 403, label
            continue
        shown = {row.pk for row in answer.context["cl"].queryset}
        assert shown and not shown & foreign, label
        if user == world.a.manager:
            assert own <= shown, label
        pk = min(foreign)
        assert browser.get(reverse(f"admin:{name_of(entry)}_change", args=(pk,))).status_code == 404, label
        assert browser.get(reverse(f"admin:{name_of(entry)}_history", args=(pk,))).status_code in (403, 404), label
        for act in entry.acts:
            url = reverse(f"admin:{name_of(entry)}_act", args=(pk, act.name))
            assert browser.get(url).status_code == 404, (label, act.name)
            assert browser.post(url, {}).status_code == 404, (label, act.name)


def test_a_region_sees_nothing_of_what_belongs_to_the_whole(world: World) -> None:
    browser = staff.console(world.a.manager)
    for entry in CLASSES:
        if entry.scope != "headquarters":
            continue
        row = entry.model._default_manager.first()
        assert row is not None, f"the world of these tests needs a {entry.opts.label_lower}"
        assert browser.get(reverse(f"admin:{name_of(entry)}_changelist")).status_code == 403
        assert browser.get(reverse(f"admin:{name_of(entry)}_change", args=(row.pk,))).status_code in (403, 404)
        for act in entry.acts:
            url = reverse(f"admin:{name_of(entry)}_act", args=(row.pk, act.name))
            assert browser.post(url, {}).status_code in (403, 404)


def autocompletes() -> list[tuple[Any, str]]:
    return [(entry, field) for entry in CLASSES for field in entry.autocomplete_fields]


def test_autocomplete_offers_own_rows_only(world: World) -> None:
    browser = staff.console(world.a.manager)
    for entry, field in autocompletes():
        related = entry.model._meta.get_field(field).remote_field.model
        other = admin.site._registry[related]
        where = {"app_label": entry.opts.app_label, "model_name": entry.opts.model_name, "field_name": field}
        answer = browser.get(reverse("admin:autocomplete"), {**where, "term": ""})
        assert answer.status_code == 200, where
        offered = {int(row["id"]) for row in answer.json()["results"]}
        assert offered <= set(other.get_queryset(answer.wsgi_request).values_list("pk", flat=True)), where
        if other.scope == "units":
            rows = related._default_manager.all()
            theirs = {row.pk for row in rows if (unit_path(other, row) or "").startswith(world.b.unit.path)}
            assert theirs and not offered & theirs, where


def test_filters_offer_own_units_only(world: World) -> None:
    browser = staff.console(world.a.manager)
    page = browser.get(reverse("admin:merchants_merchant_changelist")).content.decode()
    assert "甲服务中心" in page
    assert "乙服务中心" not in page


def test_a_filter_on_a_foreign_unit_finds_nothing(world: World) -> None:
    browser = staff.console(world.a.manager)
    url = reverse("admin:merchants_merchant_changelist")
    answer = browser.get(url, {"centre__id__exact": world.b.centre.pk})
    assert not list(answer.context["cl"].queryset) if answer.status_code == 200 else answer.status_code == 302


def test_the_search_box_finds_own_rows_only(world: World) -> None:
    browser = staff.console(world.a.manager)
    url = reverse("admin:search")
    assert "甲火锅" in browser.get(url, {"s": "火锅", "extended": "1"}).content.decode()
    assert "乙火锅" not in browser.get(url, {"s": "火锅", "extended": "1"}).content.decode()
    assert "乙火锅" in staff.console(world.admin).get(url, {"s": "火锅", "extended": "1"}).content.decode()


def test_a_post_counts_only_where_it_is(world: World) -> None:
    """A merchant of B cannot be opened by who may open merchants in A."""
    browser = staff.console(world.a.manager)
    data = {
        "name": "越界茶铺",
        "short_name": "越界",
        "kind": "partner",
        "trade": world.a.shop.merchant.trade_id,
        "centre": world.b.centre.pk,
    }
    before = world.b.shop.merchant.__class__.objects.count()
    answer = browser.post(reverse("admin:merchants_merchant_add"), data)
    assert answer.status_code == 422
    assert "centre" in answer.context["adminform"].form.errors
    assert world.b.shop.merchant.__class__.objects.count() == before


def test_frozen_rows_cannot_be_added_changed_or_deleted(world: World) -> None:
    browser = staff.console(world.admin)
    for entry in CLASSES:
        if not isinstance(entry, FrozenAdmin):
            continue
        assert browser.post(reverse(f"admin:{name_of(entry)}_add"), {}).status_code == 403
        row = entry.model._default_manager.first()
        if row is not None:
            for what, data in (("change", {"note": "x"}), ("delete", {"post": "yes"})):
                url = reverse(f"admin:{name_of(entry)}_{what}", args=(row.pk,))
                assert browser.post(url, data).status_code == 403, url
