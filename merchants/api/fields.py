"""Fields that recur: strict integers, the till's one field, times."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from functools import cache
from typing import Any

from django.core.validators import ProhibitNullCharactersValidator
from django.utils.translation import get_language
from django.utils.translation import gettext_lazy as _
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers
from rest_framework.fields import empty
from rest_framework.request import Request
from rest_framework.validators import ProhibitSurrogateCharactersValidator

from alliance.calc.money import MAX_FEN
from alliance.refusals import declare
from points.calc.rules import Line


@extend_schema_field({"type": "integer", "minimum": 0, "maximum": MAX_FEN})
class Whole(serializers.IntegerField):
    """A whole number in fen or points; text, fractions and true are refused, so that no amount is ever guessed."""

    def __init__(self, **options: Any) -> None:
        options.setdefault("min_value", 0)
        options.setdefault("max_value", MAX_FEN)
        super().__init__(**options)

    def to_internal_value(self, data: Any) -> int:
        if isinstance(data, bool) or not isinstance(data, int):
            self.fail("invalid")
        return int(super().to_internal_value(data))


@extend_schema_field({"type": "integer", "minimum": 1, "maximum": 2**63 - 1})
class Number(Whole):
    """The number of a row."""

    def __init__(self, **options: Any) -> None:
        super().__init__(min_value=1, max_value=2**63 - 1, **options)


@extend_schema_field({"type": "string", "minLength": 1, "maxLength": 500})
class Text(serializers.CharField):
    """A string; numbers are not taken for strings. NUL is refused: the database cannot keep it."""

    default_error_messages = {"nul": _("The NUL character cannot be kept. Leave it out.")}

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        # NUL is looked for below, and StrictJSONParser lets no half character through.
        twice = (ProhibitNullCharactersValidator, ProhibitSurrogateCharactersValidator)
        self.validators = [check for check in self.validators if not isinstance(check, twice)]

    def to_internal_value(self, data: Any) -> str:
        if not isinstance(data, str):
            self.fail("invalid")
        if "\x00" in data:
            self.fail("nul")
        return str(super().to_internal_value(data))


class Body(serializers.Serializer[Any]):
    """A request's body. A field that is not known is refused: a misspelt amount must not be left out in silence."""

    @classmethod
    def read(cls, data: Any) -> Any:
        """Return what a request says, checked. Refuses: input_invalid (as a ValidationError)."""
        return _reader(cls, get_language()).run_validation(data)

    def run_validation(self, data: Any = empty) -> Any:
        is_empty, data = self.validate_empty_values(data)
        return data if is_empty else self.validate(self.to_internal_value(data))

    def to_internal_value(self, data: Any) -> Any:
        """Read the fields that are there: REST framework's way costs several times as much, and does no more here."""
        if not isinstance(data, dict):
            return super().to_internal_value(data)
        fields = self.fields
        if unknown := data.keys() - fields.keys():
            raise serializers.ValidationError(
                {str(name)[:60]: [_("There is no such field.")] for name in sorted(unknown)}
            )
        found, wrong = {}, {}
        for name, field in fields.items():
            try:
                if name in data or field.required:
                    found[name] = field.run_validation(data.get(name, empty))
                elif field.default is not empty:
                    found[name] = field.get_default()
            except serializers.ValidationError as error:
                wrong[name] = error.detail
        if wrong:
            raise serializers.ValidationError(wrong)
        return found


@cache
def _reader(body: type[Body], _language: str | None) -> Body:
    """Return an instance that reads any number of requests: making one costs more than reading.

    One for each language, since REST framework formats some messages once and keeps them.
    """
    return body()


def member(**options: Any) -> Text:
    """The till's one field: a member token, an 18-digit member code, a phone number, a member number or a card."""
    return Text(
        max_length=500,
        help_text="A member token from /identify, or the 18-digit code, phone number, member number or card.",
        **options,
    )


def outlet(**options: Any) -> Number:
    return Number(
        required=False, help_text="The outlet's number; may be left out when the key is bound to one.", **options
    )


@extend_schema_field({"type": "string", "pattern": "^[0-9]{6}$"})
class Pin(Text):
    """Six digits. Anything else is no PIN: it is refused here and costs the member no try."""

    def to_internal_value(self, data: Any) -> str:
        text = super().to_internal_value(data)
        if not (len(text) == 6 and text.isascii() and text.isdigit()):
            self.fail("invalid")
        return text


def pin() -> Pin:
    return Pin(
        required=False,
        help_text="The member's six digits, typed on the till; never stored, no part of the request's identity.",
    )


def reference() -> Text:
    return Text(required=False, allow_blank=True, max_length=64, help_text="Your receipt number; no personal data.")


@extend_schema_field({"type": "string", "pattern": "^[A-Za-z0-9._:-]{1,64}$"})
class Device(Text):
    """How a device calls itself, always the same."""

    def to_internal_value(self, data: Any) -> str:
        text = super().to_internal_value(data)
        if not _DEVICE.fullmatch(text):
            self.fail("invalid")
        return text


_DEVICE = re.compile(r"[A-Za-z0-9._:-]{1,64}")


def device() -> Device:
    return Device(
        required=False,
        max_length=64,
        help_text="Which of your devices sends this, always the same word; left out, the API key is one device.",
    )


def more_follows() -> serializers.BooleanField:
    return serializers.BooleanField(
        required=False,
        default=False,
        help_text="True: the device has kept more and sends it next, oldest first.",
    )


class BillLine(Body):
    """A line of the bill as it was printed: rules look at what was bought."""

    fen = Whole(help_text="The line's price; all lines together are bill_fen.")
    category = Text(required=False, allow_blank=True, default="", max_length=80)
    product = Text(required=False, allow_blank=True, default="", max_length=80, help_text="Your article code.")
    units = Whole(required=False, default=1, min_value=1, max_value=100_000, help_text="How many; stamps count them.")
    earns = serializers.BooleanField(required=False, default=True, help_text="False: coupons, deposits, delivery.")


MOST_LINES = 200


def lines() -> BillLine:
    return BillLine(
        many=True,
        required=False,
        max_length=MOST_LINES,  # type: ignore[call-arg] # of the list
        help_text=f"What was bought, at most {MOST_LINES} lines. With lines, eligible_fen follows from `earns`.",
    )


def read_lines(given: list[dict[str, Any]] | None) -> tuple[Line, ...]:
    """Return the lines in the words of the rules."""
    return tuple(
        Line(line["category"], line["product"], line["fen"], line["units"], line["earns"]) for line in given or ()
    )


_WHEN = re.compile(
    r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d(:\d\d(\.\d{1,9})?)?([Zz]|[+-]\d\d:?\d\d)",
    re.ASCII,
)


class When(serializers.DateTimeField):
    """ISO 8601 with an offset, as RFC 3339 has it: no weeks, no days without dashes, no time of unknown place."""

    def to_internal_value(self, value: Any) -> Any:
        if not isinstance(value, str) or not _WHEN.fullmatch(value):
            self.fail("invalid", format="ISO 8601 with an offset, 2026-11-22T12:30:00+08:00")
        return super().to_internal_value(value.upper().replace(" ", "T"))


class Time(serializers.DateTimeField):
    """A time in an answer: always UTC, "2026-11-22T04:30:00Z"."""

    def __init__(self, **options: Any) -> None:
        super().__init__(default_timezone=UTC, **options)


def time_text(at: datetime) -> str:
    """Return a time as the field Time writes it."""
    return at.astimezone(UTC).isoformat().removesuffix("+00:00") + "Z"


NUMBER_INVALID = declare("number_invalid", 422, _("“%(name)s” is a whole number above zero."))


def query_number(request: Request, name: str) -> int | None:
    """Return a row's number from the address, or None. Refuses: number_invalid."""
    given = request.query_params.get(name)
    if given is None:
        return None
    if not (given.isascii() and given.isdigit() and 0 < int(given[:20]) < 2**63):
        raise NUMBER_INVALID(name=name)
    return int(given)
