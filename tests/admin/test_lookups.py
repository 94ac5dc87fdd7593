"""No list tells by its length what its rows do not show: filters and searches ask what is offered and nothing else.

The tests walk the registry, so that a class or a field that is added later is tested without anybody thinking of it.
"""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib import admin
from django.contrib.admin.filters import FieldListFilter
from django.contrib.admin.utils import get_fields_from_path
from django.contrib.admin.views.main import IGNORED_PARAMS
from django.http import HttpRequest
from django.test import Client, RequestFactory
from django.urls import reverse

from alliance import metrics
from alliance.models import User
from members.models import Member
from tests.admin.conftest import World
from tests.admin.test_pages import browser_for
from tests.admin.test_scope import CLASSES, ids, name_of
from tests.factories import members, staff

COMPARISONS = ("", "__exact", "__iexact", "__contains", "__startswith", "__gt", "__lt", "__in", "__isnull", "__regex")
# Shown masked or not at all, and so never found by a part.
MASKED = {"phone", "email", "password", "contact_phone", "session_key", "secret", "digest"}


def filtered(entry: Any) -> set[str]:
    """Return the fields that the list's own filters are about."""
    names = [each[0] if isinstance(each, tuple) else each for each in entry.list_filter]
    return {name.split("__")[0] for name in names if isinstance(name, str)} | {entry.date_hierarchy}


@pytest.mark.parametrize("entry", CLASSES, ids=ids)
def test_no_other_field_can_be_asked(entry: Any) -> None:
    request = RequestFactory().get("/")
    for field in entry.opts.get_fields():
        if field.name in filtered(entry):
            continue
        names = {field.name, getattr(field, "attname", field.name)}
        if field.is_relation and field.related_model:
            names |= {f"{field.name}__{other.name}" for other in field.related_model._meta.get_fields()}
        for asked in (name + comparison for name in names for comparison in COMPARISONS):
            assert not entry.lookup_allowed(asked, "1", request), asked


@pytest.mark.parametrize("entry", CLASSES, ids=ids)
def test_of_a_filtered_field_nothing_is_asked_by_part(entry: Any) -> None:
    for name in filtered(entry) - {None}:
        for comparison in ("__contains", "__startswith", "__regex", "__gt", "__iexact"):
            assert not entry.lookup_allowed(f"{name}{comparison}", "1", RequestFactory().get("/"))


def parameters(entry: Any, request: HttpRequest) -> set[str]:
    """Return what the list's filters read, told by the filters themselves."""
    found: set[str] = set()
    for each in entry.get_list_filter(request):
        if isinstance(each, type):
            found |= set(each(request, {}, entry.model, entry).expected_parameters())
            continue
        path, made = each if isinstance(each, tuple) else (each, FieldListFilter.create)
        field = get_fields_from_path(entry.model, path)[-1]
        found |= set(made(field, request, {}, entry.model, entry, field_path=path).expected_parameters())
    return found - {None}


def test_every_filter_that_is_offered_works(world: World) -> None:
    for entry in CLASSES:
        browser = browser_for(entry, world)
        url = reverse(f"admin:{name_of(entry)}_changelist")
        request = browser.get(url).wsgi_request
        for name in parameters(entry, request):
            assert entry.lookup_allowed(name, "1", request), (entry.opts.label_lower, name)
            value = "True" if name.endswith(("__isnull", "__isempty")) else "1"
            answer = browser.get(url, {name: value})
            # A value that is none of the field's may be sent away, but not for its name.
            assert answer.status_code in (200, 302), (entry.opts.label_lower, name)


def test_the_links_of_the_figures_are_filters_that_work(world: World) -> None:
    linked = {(figure.url, figure.query) for figure in metrics.registered().values() if figure.query}
    assert linked
    for url, query in linked:
        label = url.removeprefix("admin:").removesuffix("_changelist")
        entry = next(each for each in CLASSES if name_of(each) == label)
        assert browser_for(entry, world).get(f"{reverse(url)}?{query}").status_code == 200, (url, query)


def test_the_relations_and_empty_fields_that_lists_filter_by(
    world: World, as_admin: Client, as_finance: Client
) -> None:
    shops = reverse("admin:merchants_merchant_changelist")
    answer = as_admin.get(shops, {"centre__id__exact": world.a.centre.pk})
    assert [row.pk for row in answer.context["cl"].result_list] == [world.a.shop.merchant.pk]
    lines = as_finance.get(reverse("admin:points_bankline_changelist"), {"allotted_to__isempty": "1"})
    assert {row.allotted_to_id for row in lines.context["cl"].result_list} == {None}
    diary = reverse("admin:alliance_event_changelist")
    day = {"at_from_0": "2020-01-01", "at_from_1": "00:00", "at_to_0": "2020-01-02", "at_to_1": "00:00"}
    assert not as_admin.get(diary, day).context["cl"].result_list


PROBES = [
    ("alliance_user", "phone__startswith", "+8613"),
    ("alliance_user", "password__startswith", "pbkdf2_"),
    ("alliance_user", "id", "1"),
    ("merchants_merchant", "contact_phone__startswith", "1"),
    ("members_member", "user__phone__startswith", "+8613"),
    ("merchants_staff", "user__phone__contains", "13"),
    ("merchants_merchant", "no_such_thing", "1"),
]


@pytest.mark.parametrize(("name", "asked", "value"), PROBES)
def test_a_probe_is_sent_away_and_not_remembered(
    world: World, as_admin: Client, name: str, asked: str, value: str
) -> None:
    url = reverse(f"admin:{name}_changelist")
    answer = as_admin.get(url, {asked: value})
    assert (answer.status_code, answer["Location"]) == (302, f"{url}?e=1")
    assert as_admin.get(answer["Location"]).status_code == 200
    assert as_admin.get(url, headers={"Referer": "http://testserver/admin/"}).status_code == 200
    # Beside a filter that is offered, in a pop-up and with an act, too.
    assert as_admin.get(url, {asked: value, "_popup": "1", "o": "1"})["Location"] == f"{url}?e=1"
    assert as_admin.post(f"{url}?{asked}={value}", {"action": "x"}).status_code in (302, 403)


def test_django_itself_would_not_answer_a_probe(world: World, as_admin: Client) -> None:
    entry = admin.site._registry[User]
    request = as_admin.get(reverse("admin:alliance_user_changelist")).wsgi_request
    assert not entry.lookup_allowed("phone__startswith", "+8613", request)
    assert not {"phone", "password", "id"} & set(IGNORED_PARAMS)


@pytest.mark.parametrize("entry", CLASSES, ids=ids)
def test_no_search_by_a_part_of_what_is_masked(entry: Any) -> None:
    for field in entry.search_fields:
        assert field.startswith("=") or not MASKED & set(field.split("__")), field


@pytest.fixture
def hidden(world: World) -> Member:
    member = members.member(name="林婶二", phone_number="+8613977778888")
    User.objects.filter(pk=member.user_id).update(email="hidden.person@example.org")
    return member


@pytest.mark.parametrize("part", ["1397777888", "7777", "+861397", "hidden", "hidden.person@", "example.org", "pbkdf2"])
def test_a_part_of_a_phone_or_an_address_finds_nobody(as_admin: Client, hidden: Member, part: str) -> None:
    for name in ("alliance_user", "members_member"):
        found = as_admin.get(reverse(f"admin:{name}_changelist"), {"q": part}).context["cl"].result_list
        assert not {row.pk for row in found} & {hidden.pk if name == "members_member" else hidden.user_id}, name
    where = {"app_label": "alliance", "model_name": "post", "field_name": "user", "term": part}
    offered = as_admin.get(reverse("admin:autocomplete"), where).json()["results"]
    assert str(hidden.user_id) not in {row["id"] for row in offered}
    assert "林婶二" not in as_admin.get("/admin/search/", {"s": part}).content.decode()


def test_the_whole_of_it_and_a_colleagues_address_by_part_do(world: World, as_admin: Client, hidden: Member) -> None:
    url = reverse("admin:alliance_user_changelist")
    for whole in ("13977778888", "Hidden.Person@example.org", "林婶二"):
        assert [row.pk for row in as_admin.get(url, {"q": whole}).context["cl"].result_list] == [hidden.user_id]
    colleague = staff.colleague("risk", name="蓝")
    local = (colleague.email or "").partition("@")[0]
    assert colleague.pk in {row.pk for row in as_admin.get(url, {"q": local}).context["cl"].result_list}
