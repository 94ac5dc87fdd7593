"""A list is found again as it was left: its filters and its order, for as long as somebody is signed in.

Whoever comes from another page without a filter gets the one of last time; whoever takes the filter away on the list
itself has taken it away.
"""

from __future__ import annotations

from collections.abc import Collection
from urllib.parse import urlsplit

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect

IN_SESSION = "lists"
# Pages and searches are not kept: nobody looks for the same person twice without meaning it.
PASSING = ("p", "q", "e", "all", "before")


def back(request: HttpRequest, name: str, only: Collection[str] | None = None) -> HttpResponse | None:
    """Remember what is chosen (of all parameters, or only these), or send the reader to what was chosen last."""
    if request.method != "GET" or "_popup" in request.GET:
        return None
    kept: dict[str, str] = request.session.get(IN_SESSION, {})
    chosen = request.GET.copy()
    for each in list(chosen):
        if each in PASSING or not chosen[each] or (only is not None and each not in only):
            chosen.pop(each)
    came_from = urlsplit(request.headers.get("Referer", "")).path
    if not request.GET and name in kept and came_from and came_from != request.path:
        return HttpResponseRedirect(f"{request.path}?{kept[name]}")
    if chosen and kept.get(name) != chosen.urlencode():
        request.session[IN_SESSION] = {**kept, name: chosen.urlencode()}
    elif not chosen and name in kept and came_from == request.path:
        request.session[IN_SESSION] = {key: value for key, value in kept.items() if key != name}
    return None
