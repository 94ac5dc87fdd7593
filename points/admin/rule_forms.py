"""The form of a rule: its fields, and how they become a definition and back."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from django import forms
from django.utils.translation import gettext as _t
from django.utils.translation import gettext_lazy as _
from unfold.widgets import UnfoldBooleanWidget

from alliance.admin import acts
from alliance.admin.scoped import VerbForm
from alliance.models import Trade
from points.calc.rules import EFFECTS, MEMBER
from points.calc.rules.reading import AMOUNTS, CAPS, NUMBERS, TEXTS
from points.models import Account, RuleVersion
from points.rules import PAYERS

# Translators: 效果类型
KINDS = {
    "multiplier": _("more of the base points (10,000 = double)"),
    "rate": _("a part of the amount (100 = 1 %)"),
    "fixed": _("fixed points"),
    "factors": _("green factors of products"),
}
RECIPIENTS = [("member", _("the member")), ("referrer", _("who invited the member"))]
NAMES = {
    "trades": _("trades"),
    "merchants": _("merchants (numbers of their floats)"),
    "outlets": _("outlets (numbers)"),
    "categories": _("categories"),
    "products": _("products"),
    "tiers": _("tiers (numbers)"),
    "weekdays": _("weekdays (0 = Monday)"),
    "hours": _("hours (18 = 18:00 to 19:00)"),
    "without_categories": _("not these categories"),
    "without_products": _("not these products"),
    "without_merchants": _("not these merchants"),
    "without_outlets": _("not these outlets"),
    "basket_fen": _("from this amount on (fen)"),
    "stamp_every": _("stamps: each so many units"),
    "bill": _("most points for a bill"),
    "member_day": _("most points for a member a day"),
    "member": _("most points for a member"),
    "day": _("most points a day"),
    "budget": _("most points in all"),
}


def _words(text: str) -> list[str]:
    return list(dict.fromkeys(word.strip() for word in text.replace("，", ",").split(",") if word.strip()))


def _numbers(text: str) -> list[int]:
    """Read “1, 4, 18-21”."""
    found: list[int] = []
    for word in _words(text):
        first, _dash, last = word.partition("-")
        if not (first.isdecimal() and (last.isdecimal() or not _dash) and len(word) <= 40):
            raise forms.ValidationError(_t("Write whole numbers with commas between them, like 1, 4, 18-21."))
        low, high = int(first), int(last or first)
        if high - low > 1_000:
            raise forms.ValidationError(_t("Write whole numbers with commas between them, like 1, 4, 18-21."))
        found += range(low, high + 1)
    return sorted(set(found))


class ListField(forms.CharField):
    """Several values with commas between them."""

    def __init__(self, read: Callable[[str], list[Any]], **more: Any) -> None:
        super().__init__(required=False, max_length=4_000, **more)
        self.read = read

    def clean(self, value: Any) -> Any:
        return self.read(super().clean(value))


def _factors(text: str) -> list[dict[str, Any]]:
    """Read a line for each product: product, bps, until (day), evidence."""
    found = []
    for line in filter(str.strip, text.splitlines()):
        parts = [part.strip() for part in line.replace("，", ",").split(",", 3)]
        try:
            until = int(datetime.fromisoformat(parts[2]).replace(tzinfo=UTC).timestamp())
            found.append({"product": parts[0], "bps": int(parts[1]), "until": until, "evidence": parts[3]})
        except (IndexError, ValueError):
            raise forms.ValidationError(
                _t("One line for each product: product, factor, 2027-12-31, evidence.")
            ) from None
    return found


def _field(name: str, label: Any) -> forms.Field:
    if name in TEXTS or name in NUMBERS:
        return ListField(_words if name in TEXTS else _numbers, label=label)
    return forms.IntegerField(label=label, min_value=0, max_value=10**9, required=False)


def dress(fields: dict[str, forms.Field]) -> None:
    """Give plain fields the console's looks, as acts have them; ticks stay ticks."""
    for each in fields.values():
        if isinstance(each, forms.BooleanField):
            each.widget = UnfoldBooleanWidget()
        else:
            acts._dress(each)


class RuleForm(VerbForm):
    """A draft, field by field."""

    code = forms.SlugField(label=_("Code of the rule"), max_length=40)
    payer = forms.ModelChoiceField(Account.objects.none(), label=_("Paid by"))
    words_zh = forms.CharField(label=_("What members read, in Chinese"), max_length=200, required=False)
    words_en = forms.CharField(label=_("What members read, in English"), max_length=200, required=False)
    kind = forms.ChoiceField(label=_("What it gives"), choices=[(kind, KINDS[kind]) for kind in EFFECTS])
    bps = forms.IntegerField(label=_("so many of 10,000"), min_value=1, required=False)
    points = forms.IntegerField(label=_("so many points"), min_value=1, required=False)
    factors = forms.CharField(label=_("Green factors"), widget=forms.Textarea(attrs={"rows": 3}), required=False)
    to = forms.ChoiceField(
        label=_("Given to"), choices=[("member", _("the member")), ("referrer", _("who invited the member"))]
    )
    first_visit = forms.BooleanField(label=_("On the first visit only"), required=False)
    group = forms.CharField(label=_("Group (one of it gives)"), max_length=40, required=False)
    priority = forms.IntegerField(label=_("Place in the order"), min_value=0, max_value=9_999, initial=100)
    loss_name = forms.CharField(label=_("Loss budget: its name"), max_length=200, required=False)
    loss_fen = forms.IntegerField(label=_("Loss budget: fen at most"), min_value=1, required=False)

    class Meta:
        model = RuleVersion
        fields = ("starts_at", "ends_at")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name, label in NAMES.items():
            self.fields[name] = _field(name, label)
        dress({name: each for name, each in self.fields.items() if name not in ("starts_at", "ends_at")})
        payer = self.fields["payer"]
        assert isinstance(payer, forms.ModelChoiceField)
        payer.queryset = Account.objects.filter(kind__in=PAYERS).order_by("-kind", "pk")
        if self.instance.pk:
            self.initial.update(initial_of(self.instance))
            self.fields["code"].disabled = payer.disabled = True

    def clean_factors(self) -> list[dict[str, Any]]:
        return _factors(self.cleaned_data["factors"])

    def clean_trades(self) -> list[str]:
        trades: list[str] = self.cleaned_data["trades"]
        if unknown := set(trades) - set(Trade.objects.values_list("code", flat=True)):
            raise forms.ValidationError(
                _t("There is no such trade: %(names)s.") % {"names": ", ".join(sorted(unknown))}
            )
        return trades


def definition_of(data: dict[str, Any]) -> dict[str, Any]:
    """Return what the form says as a definition; what is empty is left out."""
    scope = {name: data[name] for name in (*TEXTS, *NUMBERS, *AMOUNTS) if data.get(name)}
    if data.get("first_visit"):
        scope["first_visit"] = True
    effect: dict[str, Any] = {"kind": data["kind"]}
    for name, kinds in (("bps", ("multiplier", "rate")), ("points", ("fixed",)), ("factors", ("factors",))):
        if data["kind"] in kinds and data.get(name):
            effect[name] = data[name]
    if data["to"] != MEMBER:
        effect["to"] = data["to"]
    words = {"zh-hans": data["words_zh"], "en": data["words_en"]}
    found = {
        "scope": dict(sorted(scope.items())),
        "effect": effect,
        "caps": {name: data[name] for name in sorted(CAPS) if data.get(name) is not None},
        "group": data["group"],
        "priority": data["priority"],
        "words": {language: text for language, text in words.items() if text},
    }
    if data["loss_name"] or data["loss_fen"]:
        found["loss"] = {"name": data["loss_name"], "fen": data["loss_fen"]}
    return found


def initial_of(version: RuleVersion) -> dict[str, Any]:
    """Return the fields of a stored definition."""
    stored = version.definition
    scope, effect, words = stored.get("scope", {}), stored.get("effect", {}), stored.get("words", {})
    loss = stored.get("loss") or {}
    lists = {name: ", ".join(map(str, scope.get(name, []))) for name in (*TEXTS, *NUMBERS)}
    factors = [
        f"{each['product']}, {each['bps']}, {datetime.fromtimestamp(each['until'], UTC):%Y-%m-%d}, {each['evidence']}"
        for each in effect.get("factors", [])
    ]
    return {
        **lists,
        **{name: scope.get(name) for name in (*AMOUNTS, "first_visit")},
        **{name: effect.get(name) for name in ("kind", "bps", "points")},
        **stored.get("caps", {}),
        "to": effect.get("to", MEMBER),
        "factors": "\n".join(factors),
        "group": stored.get("group", ""),
        "priority": stored.get("priority", 100),
        "words_zh": words.get("zh-hans", ""),
        "words_en": words.get("en", ""),
        "loss_name": loss.get("name", ""),
        "loss_fen": loss.get("fen"),
        "code": version.rule.code,
        "payer": version.rule.payer_id,
    }
