"""JSON as the API reads it: what could be understood in two ways, or could not be answered, is refused."""

from __future__ import annotations

import json
from typing import Any

from django.utils.translation import gettext_lazy as _
from rest_framework.exceptions import ParseError
from rest_framework.parsers import JSONParser

from alliance.refusals import declare

NAME_TWICE = declare("field_twice", 400, _("“%(name)s” stands twice in one object. Send every field once."))


class StrictJSONParser(JSONParser):
    """JSON in UTF-8, without half characters (lone surrogates), NaN, endless nesting or names given twice.

    Refuses: body_unreadable (as a ParseError), field_twice.
    """

    def parse(self, stream: Any, media_type: Any = None, parser_context: Any = None) -> Any:
        twice: list[str] = []

        def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
            found = dict(pairs)
            if len(found) < len(pairs):
                names = [name for name, _value in pairs]
                twice.append(next(name for name in names if names.count(name) > 1))
            return found

        try:
            text = stream.read().decode("utf-8")
            data = json.loads(text, object_pairs_hook=once, parse_constant=_refuse)
            if "\\ud" in text.lower():
                json.dumps(data, ensure_ascii=False).encode("utf-8")
        except (ValueError, RecursionError):
            raise ParseError from None
        if twice:
            raise NAME_TWICE(name=twice[0][:60].encode("utf-8", "replace").decode())
        return data


def _refuse(constant: str) -> None:
    raise ValueError(constant)
