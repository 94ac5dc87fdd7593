"""The member terms and the privacy notice, in every version that was ever shown."""

from __future__ import annotations

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import get_language

from alliance.access import public
from members import texts


@public
def text(request: HttpRequest, purpose: str, version: str = "") -> HttpResponse:
    if purpose not in texts.VERSIONS:
        raise Http404
    shown = version or texts.in_force(purpose)
    template = texts.template_of(purpose, shown, get_language() or "")
    if template is None:
        raise Http404
    context = {
        "template": template,
        "title": texts.Purpose(purpose).label,
        "purpose": purpose,
        "version": shown,
        "is_in_force": shown == texts.in_force(purpose),
        "others": [other for other in texts.VERSIONS[purpose] if other != shown],
    }
    return render(request, "members/text.html", context)
