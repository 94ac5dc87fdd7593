"""Every list and page of the console opens, with the same number of queries for few rows and for many."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from alliance import access
from tests.admin.conftest import Region, World
from tests.admin.test_scope import CLASSES, name_of
from tests.factories import shops, staff

MOST_QUERIES = 25


def browser_for(entry: Any, world: World) -> Client:
    """Return a browser of somebody who may look at this class."""
    for user in (world.admin, world.finance, world.risk):
        if access.is_alliance_wide(user, entry.view_permission):
            return staff.console(user)
    raise AssertionError(f"nobody may look at {entry.opts.label_lower}")


def opened(browser: Client, url: str) -> tuple[Any, int, str]:
    """Return the page, the number of its queries and the queries."""
    with CaptureQueriesContext(connection) as seen:
        answer = browser.get(url)
    assert answer.status_code == 200, url
    return answer, len(seen), "\n".join(query["sql"][:160] for query in seen)


def queries(browser: Client, url: str) -> tuple[int, str]:
    return opened(browser, url)[1:]


def test_list_and_page_open(world: World) -> None:
    for entry in CLASSES:
        browser = browser_for(entry, world)
        url = reverse(f"admin:{name_of(entry)}_changelist")
        page, n, sql = opened(browser, url)
        assert n <= MOST_QUERIES, sql
        row = entry.model._default_manager.first()
        if row is not None:
            assert page.context["cl"].result_list, f"{entry.opts.label_lower}: the list hides its rows"
            n, sql = queries(browser, reverse(f"admin:{name_of(entry)}_change", args=(row.pk,)))
            assert n <= MOST_QUERIES, sql


def test_searching_with_anything_is_answered(world: World) -> None:
    for entry in CLASSES:
        browser = browser_for(entry, world)
        url = reverse(f"admin:{name_of(entry)}_changelist")
        for words in ("W1024", "13800138001", "9" * 30, "'%😀"):
            assert browser.get(url, {"q": words}).status_code == 200, (entry.opts.label_lower, words)


def test_lists_ask_as_much_for_many_rows_as_for_few(world: World) -> None:
    """All lists with two regions' rows, then with five regions' rows."""
    browser = staff.console(world.admin)
    urls = {entry: reverse(f"admin:{name_of(entry)}_changelist") for entry in CLASSES}
    urls = {entry: url for entry, url in urls.items() if browser.get(url).status_code == 200}
    few = {entry: queries(browser, url) for entry, url in urls.items()}
    for name in ("丙", "丁", "戊"):
        region = Region(name)
        shops.sale(region.shop, world.member.wallet_id, 30_000)
    many = {entry: queries(browser, url) for entry, url in urls.items()}
    grown = {entry.opts.label_lower: many[entry] for entry in urls if many[entry][0] > few[entry][0]}
    assert not grown, grown


def test_the_dashboard_asks_a_fixed_number_of_questions(world: World) -> None:
    browser = staff.console(world.admin)
    browser.get(reverse("admin:index"))
    n, sql = queries(browser, reverse("admin:index"))
    assert n <= MOST_QUERIES, sql


def test_acts_of_every_class_open(world: World) -> None:
    for entry in CLASSES:
        row = entry.model._default_manager.first()
        browser = browser_for(entry, world)
        for act in entry.acts:
            answer = browser.get(reverse(f"admin:{name_of(entry)}_act", args=(row.pk, act.name)))
            assert answer.status_code in (200, 302, 403), (entry.opts.label_lower, act.name)


def test_unknown_act_is_not_there(world: World) -> None:
    browser = staff.console(world.admin)
    pk = world.a.shop.merchant.pk
    assert browser.get(reverse("admin:merchants_merchant_act", args=(pk, "explode"))).status_code == 404


def test_only_scoped_classes_are_taken_in() -> None:
    labels = {model._meta.label_lower for model in admin.site._registry}
    assert "auth.group" not in labels
    assert "mfa.authenticator" not in labels
