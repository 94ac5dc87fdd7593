"""Whatever the code declares is described: settings, events, metrics, refusals, personal fields."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest
from django.apps import apps

from alliance import metrics, refusals

ROOT = Path(__file__).resolve().parents[2]
FLOORS = ["alliance", "points", "merchants", "stores", "members", "town"]
READERS = {"text", "flag", "number", "words"}


def doc(name: str) -> str:
    return (ROOT / "docs" / name).read_text(encoding="utf-8")


def sources(*folders: str) -> list[Path]:
    return [
        path for folder in folders for path in sorted((ROOT / folder).rglob("*.py")) if "/migrations/" not in str(path)
    ]


def calls(path: Path) -> list[ast.Call]:
    return [node for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))) if isinstance(node, ast.Call)]


def settings_read() -> set[str]:
    """Return every variable of the environment that the settings read."""
    return {
        call.args[0].value
        for call in calls(ROOT / "alliance/settings.py")
        if isinstance(call.func, ast.Attribute)
        and call.func.attr in READERS
        and call.args
        and isinstance(call.args[0], ast.Constant)
    }


def test_every_setting_is_documented() -> None:
    text = doc("settings.md")
    assert not {name for name in settings_read() if f"`{name}`" not in text}


def test_no_setting_is_documented_that_nobody_reads() -> None:
    documented = set(re.findall(r"^\| `([A-Z_0-9]+)` \|", doc("settings.md"), re.MULTILINE))
    read = settings_read() | launcher_reads()
    assert not documented - read


def launcher_reads() -> set[str]:
    """Return the names of variables that stand anywhere in the launcher."""
    text = "\n".join(path.read_text(encoding="utf-8") for path in [ROOT / "run", *sources("launch")])
    return set(re.findall(r"[\"']([A-Z][A-Z_0-9]{2,})[\"']", text))


def verbs_recorded() -> set[str]:
    """Return every verb that the code writes into the diary, those of flows included."""
    found = set()
    for path in sources(*FLOORS):
        for call in calls(path):
            name = call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")
            if name in ("record", "_move", "_record") and call.args:
                for node in ast.walk(call.args[0]) if name == "record" else (n for a in call.args for n in ast.walk(a)):
                    if (
                        isinstance(node, ast.Constant)
                        and isinstance(node.value, str)
                        and re.fullmatch(r"[a-z_]+\.[a-z_]+", node.value)
                    ):
                        found.add(node.value)
            if name == "Flow" and len(call.args) > 1 and isinstance(call.args[0], ast.Constant):
                table = call.args[1]
                if isinstance(table, ast.Dict):
                    found |= {
                        f"{call.args[0].value}.{key.elts[1].value}"
                        for key in table.keys
                        if isinstance(key, ast.Tuple) and isinstance(key.elts[1], ast.Constant)
                    }
    return found


def test_every_event_verb_is_documented() -> None:
    text = doc("events.md")
    recorded = verbs_recorded()
    assert len(recorded) > 20
    assert not {verb for verb in recorded if f"`{verb}`" not in text}


def test_every_metric_is_documented() -> None:
    text = doc("metrics.md")
    assert not {code for code in metrics.registered() if f"`{code}`" not in text}


def test_every_metric_says_what_it_is() -> None:
    for metric in metrics.registered().values():
        assert str(metric.definition)[-1] in ".。", metric.code
        assert metric.formula and metric.numerator and metric.window, metric.code


def test_every_refusal_code_is_documented() -> None:
    text = doc("api.md")
    assert not {code for code in refusals.catalogue() if f"`{code}`" not in text}


def test_every_refusal_says_something() -> None:
    for refusal in refusals.catalogue().values():
        words = str(refusal.message)
        assert words[-1] in ".。？?" or words.endswith("s"), refusal.code  # …or with the fact that explains it: %(why)s
        assert 400 <= refusal.status < 600, refusal.code


# Names of fields that hold something about a person.
PERSONAL = re.compile(
    r"(^|_)(phone|email|name|address|birth|contact|payer|memo|device|number|digest|pin|secret|lng|lat)(_|$)"
)


@pytest.mark.parametrize("app", FLOORS[:-1])
def test_personal_fields_are_declared(app: str) -> None:
    text = doc("privacy.md")
    fields = {
        f"{model._meta.label}.{field.name}"
        for model in apps.get_app_config(app).get_models()
        for field in model._meta.get_fields()
        if getattr(field, "column", None) and PERSONAL.search(field.name)
    }
    assert not {field for field in fields if f"`{field}`" not in text}
