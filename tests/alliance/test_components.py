"""What the components promise to people who hear a page, and to builders of pages."""

from typing import Any

import pytest
from django import forms
from django.template import engines
from django.utils import translation

from alliance.templatetags.face import initial, route, tile_tone


def render(source: str, **context: Any) -> str:
    """Render a template with components in it, as a page's template would be."""
    from django_cotton.compiler_regex import CottonCompiler

    with translation.override("en"):
        return engines["django"].from_string(CottonCompiler().process(source)).render(context)


class Ask(forms.Form):
    phone = forms.CharField(label="Phone", help_text="Eleven digits", required=True)
    note = forms.CharField(label="Note", required=False)
    agreed = forms.BooleanField(label="I agree")


def test_a_fields_hint_and_error_are_tied_to_it() -> None:
    html = render('<c-field :field="form.phone" />', form=Ask({}))
    assert 'aria-describedby="id_phone_helptext id_phone_error"' in html
    assert 'id="id_phone_helptext"' in html
    assert 'id="id_phone_error"' in html
    assert 'aria-invalid="true"' in html
    assert '<label class="font-semibold" for="id_phone">' in html


def test_a_field_without_hint_and_error_is_tied_to_nothing_and_says_that_it_is_optional() -> None:
    html = render('<c-field :field="form.note" />', form=Ask())
    assert "aria-describedby" not in html
    assert "(optional)" in html


def test_a_field_by_hand_keeps_further_attributes() -> None:
    html = render('<c-field name="amount" label="Amount" error="Too much" inputmode="decimal" />')
    assert 'inputmode="decimal"' in html
    assert 'aria-describedby="amount-error"' in html
    assert "Too much" in html


def test_what_a_shop_is_called_cannot_become_markup() -> None:
    html = render('<c-entry title="{{ name }}" sub="x" :points="5" />', name="<b>老灶</b>")
    assert "<b>老灶</b>" not in html
    assert "&lt;b&gt;老灶&lt;/b&gt;" in html


@pytest.mark.parametrize(
    ("points", "shown", "word", "colour"), [(43, "+43", "more", True), (-1357, "−1,357", "less", False)]
)
def test_plus_and_minus_have_sign_word_and_colour(points: int, shown: str, word: str, colour: bool) -> None:
    html = render('<c-points :value="points" sign />', points=points)
    assert shown in html
    assert word in html
    assert ("text-in" in html) is colour


def test_a_change_says_its_direction_in_a_word() -> None:
    assert "up" in render('<c-stat label="Sales" value="3" delta="+4%" />')
    html = render('<c-stat label="Sales" value="3" delta="−4%" />')
    assert "down" in html
    assert "text-error" not in html


def test_an_empty_table_shows_the_next_step_instead() -> None:
    source = '<c-table caption="Sales" :empty="True"><c-slot name="nothing">Ring up the first one</c-slot></c-table>'
    html = render(source)
    assert "Ring up the first one" in html
    assert "<table" not in html


def test_a_chart_has_its_table_twin() -> None:
    html = render(
        '<c-chart title="Sales" unit="yuan" :labels="days" :values="sums" :shown="words" />',
        days=["11-21", "11-22"],
        sums=[100, 300],
        words=["¥1.00", "¥3.00"],
    )
    assert html.count("<rect") == 2
    assert 'aria-label="Sales: 11-21 ¥1.00 … 11-22 ¥3.00"' in html
    assert html.count("¥3.00") >= 3


def test_small_helpers() -> None:
    assert initial(" 林婶") == "林"
    assert initial("") == "·"
    assert tile_tone("hotpot") == tile_tone("hotpot")
    assert route("no-such-page", "/") == "/"
