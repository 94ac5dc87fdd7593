"""One box that finds merchants, outlets, people, units and journals, within what the reader may see."""

from __future__ import annotations

from typing import Any

from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import reverse
from unfold.dataclasses import SearchResult

SHORTEST = 2
PER_CLASS = 6
# People look for these first; the book's accounts and journals follow.
FIRST = ("merchants.merchant", "members.member", "merchants.outlet", "alliance.user", "alliance.unit")


def results(site: Any, request: HttpRequest) -> HttpResponse:
    """Answer Unfold's search box. Nothing is cached: a post that ended a second ago finds nothing."""
    words = request.GET.get("s", "").strip()
    if len(words) < SHORTEST:
        return HttpResponse()
    found = [*_pages(site, request, words), *_rows(site, request, words)]
    name = "command_results" if "extended" in request.GET else "search_results"
    paginator = Paginator(found, 100)
    context = {
        "page_obj": paginator,
        "results": paginator.page(1),
        "page_counter": 0,
        "execution_time": 0,
        "command_show_history": False,
    }
    return TemplateResponse(request, f"unfold/helpers/{name}.html", context, headers={"HX-Trigger": "search"})


def _pages(site: Any, request: HttpRequest, words: str) -> list[SearchResult]:
    """Return the lists whose name contains the words."""
    return [
        SearchResult(title=str(model["name"]), description=str(app["name"]), link=model["admin_url"], icon="list")
        for app in site.get_app_list(request)
        for model in app["models"]
        if words.lower() in str(model["name"]).lower()
    ]


def _rows(site: Any, request: HttpRequest, words: str) -> list[SearchResult]:
    return [
        SearchResult(title=str(row), description=str(admin.opts.verbose_name), link=_url(admin, row), icon=admin.icon)
        for admin in sorted(site._registry.values(), key=_rank)
        if admin.is_searched and admin.has_module_permission(request)
        for row in admin.quick_search(request, words)[:PER_CLASS]
    ]


def _rank(admin: Any) -> int:
    label = admin.opts.label_lower
    return FIRST.index(label) if label in FIRST else len(FIRST)


def _url(admin: Any, row: Any) -> str:
    return reverse(f"admin:{admin.opts.app_label}_{admin.opts.model_name}_change", args=(row.pk,))
