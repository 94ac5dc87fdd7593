"""Keep the Chinese catalogue in step with the code; needs no gettext on the machine.

    python -m tools.catalogue            take up new texts, drop old ones, compile; print what has no Chinese yet
    python -m tools.catalogue --check    change nothing; exit with 1 if anything is missing, fuzzy, left over or stale

The code speaks English (`gettext`, `{% translate %}`); alliance/locale/zh_Hans holds the Chinese of the whole project.
Texts of other people's packages that our pages show and that have no Chinese of their own are taken up beside ours:
all of Unfold, and those of BORROWED. A comment that begins with "Translators:" above a text is kept with it.
"""

from __future__ import annotations

import ast
import gettext
import re
import sys
from collections.abc import Iterable, Iterator
from importlib.util import find_spec
from pathlib import Path

from django.utils.translation.template import templatize

from tools import pofile
from tools.pofile import Message

ROOT = Path(__file__).resolve().parent.parent
FOLDER = ROOT / "alliance" / "locale" / "zh_Hans" / "LC_MESSAGES"
CATALOGUE = FOLDER / "django.po"
# Own scripts take their words from the page; only the console's calendar asks for some by itself.
SCRIPTS_CATALOGUE = FOLDER / "djangojs.po"
FLOORS = ("alliance", "points", "merchants", "stores", "members", "town")
# Packages without any Chinese: all that they say, except what Django says already and what rooms say that are not used.
WHOLE = {
    "unfold": (
        "contrib/constance",
        "contrib/guardian",
        "contrib/import_export",
        "contrib/simple_history",
        "templates/unfold_crispy",
    )
}
DJANGO_SAYS = ("conf", "contrib/admin", "contrib/auth", "contrib/contenttypes", "contrib/humanize", "contrib/postgres")
# Single texts of packages whose Chinese is missing or stiff; a text with a plural is a pair.
BORROWED: dict[str, tuple[str | tuple[str, str], ...]] = {
    "django/contrib/admin": (
        " By %(filter_title)s ",
        "%(full_result_count)s total",
        "%(name)s with ID “%(key)s” doesn’t exist. Perhaps it was deleted?",
        ("%(counter)s result", "%(counter)s results"),
        "Add",
        "Add %(name)s",
        "Add %s",
        "Change %s",
        "Filter",
        "Log out",
        "Save and add another",
        "Save and continue editing",
        "Select %s",
        "Select %s to change",
        "Select %s to view",
        "The {name} “{obj}” was added successfully.",
        "The {name} “{obj}” was changed successfully.",
        "The {name} “{obj}” was changed successfully. You may edit it again below.",
        "View %s",
        "You don’t have permission to view or edit anything.",
    ),
    "django/core": (
        "Enter a valid email address.",
        "Enter a valid integer.",
        (
            "Ensure this value has at least %(limit_value)d character (it has %(show_value)d).",
            "Ensure this value has at least %(limit_value)d characters (it has %(show_value)d).",
        ),
        (
            "Ensure this value has at most %(limit_value)d character (it has %(show_value)d).",
            "Ensure this value has at most %(limit_value)d characters (it has %(show_value)d).",
        ),
        "Ensure this value is greater than or equal to %(limit_value)s.",
        "Ensure this value is less than or equal to %(limit_value)s.",
    ),
    "django/forms": (
        "Enter a number.",
        "Enter a valid date.",
        "Enter a valid time.",
        "Enter a whole number.",
        "Select a valid choice. %(value)s is not one of the available choices.",
        "Select a valid choice. That choice is not one of the available choices.",
        "This field is required.",
    ),
    "django/contrib/auth": (
        (
            "This password is too short. It must contain at least %(min_length)d character.",
            "This password is too short. It must contain at least %(min_length)d characters.",
        ),
        "This password is entirely numeric.",
        "This password is too common.",
    ),
}

# Django's Chinese calendar is headed by Latin letters.
DAYS = ("Monday M", "Tuesday T", "Wednesday W", "Thursday T", "Friday F", "Saturday S", "Sunday S")

# How many of the first arguments are texts, and whether the very first is a context.
CALLS = {
    **dict.fromkeys(("_", "gettext", "gettext_lazy", "gettext_noop"), (1, False)),
    **dict.fromkeys(("ngettext", "ngettext_lazy"), (2, False)),
    **dict.fromkeys(("pgettext", "pgettext_lazy"), (2, True)),
    **dict.fromkeys(("npgettext", "npgettext_lazy"), (3, True)),
}
_STRING = r"""u?(?:'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*")"""
_TEMPLATE_CALL = re.compile(rf"\b(n?p?gettext|_)\(({_STRING}(?:, {_STRING})*)")
_NOTE = re.compile(r"#\s*Translators:\s*(.*?)\s*$")
_TEMPLATE_NOTE = re.compile(r"\{#\s*(Translators:.*?)\s*#\}")


def wanted() -> list[Message]:
    """Every text that the pages say, in the order of files and lines."""
    found: dict[tuple[str, str], Message] = {}
    for path in _own_files():
        for message in _texts(path):
            _add(found, message, str(path.relative_to(ROOT)))
    known = _django_says()
    for package, left_out in WHOLE.items():
        folder = _folder(package)
        unused = [folder / room for room in left_out]
        for path in (path for path in _files(folder) if not any(room in path.parents for room in unused)):
            for message in _texts(path):
                if message.key not in known:
                    _add(found, message, str(path.relative_to(folder.parent)))
    for package, texts in BORROWED.items():
        for text in texts:
            _add(found, Message(text) if isinstance(text, str) else Message(*text), package)
    return list(found.values())


def wanted_by_scripts() -> list[Message]:
    pairs = (day.split() for day in DAYS)
    return [Message(letter, context=f"one letter {day}", places=["django/contrib/admin"]) for day, letter in pairs]


def _add(found: dict[tuple[str, str], Message], message: Message, place: str) -> None:
    kept = found.setdefault(message.key, message)
    kept.plural = kept.plural or message.plural
    kept.notes += [note for note in message.notes if note not in kept.notes]
    kept.places += [place] if place not in kept.places else []


def _own_files() -> Iterator[Path]:
    for name in (*FLOORS, "templates"):
        yield from _files(ROOT / name)


def _files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.suffix in (".py", ".html", ".txt") and path.is_file())


def _folder(package: str) -> Path:
    spec = find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        raise SystemExit(f"The package {package} is not installed.")
    return Path(spec.submodule_search_locations[0])


def _django_says() -> set[tuple[str, str]]:
    said = set()
    for room in DJANGO_SAYS:
        file = _folder("django") / room / "locale" / "zh_Hans" / "LC_MESSAGES" / "django.mo"
        with file.open("rb") as compiled:
            keys = gettext.GNUTranslations(compiled)._catalog  # type: ignore[attr-defined]
        for key in keys:
            context, _, text = (key if isinstance(key, str) else key[0]).rpartition("\x04")
            said.add((context, text))
    return said


def _texts(path: Path) -> Iterator[Message]:
    source = path.read_text(encoding="utf-8")
    return _texts_of_python(source) if path.suffix == ".py" else _texts_of_template(source, str(path))


def _texts_of_python(source: str) -> Iterator[Message]:
    tree = ast.parse(source)
    lines = source.splitlines()
    names = _names_of_gettext(tree)
    calls = (node for node in ast.walk(tree) if isinstance(node, ast.Call))
    for node in sorted(calls, key=lambda node: (node.lineno, node.col_offset)):
        called = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
        name = names.get(called, "")
        if name:
            count, _ = CALLS[name]
            texts = [part.value for part in node.args[:count] if isinstance(part, ast.Constant)]
            if len(texts) == count and all(isinstance(text, str) for text in texts):
                yield _message(name, [str(text) for text in texts], _notes_above(lines, node.args[0].lineno))


def _names_of_gettext(tree: ast.AST) -> dict[str, str]:
    """What a file calls them: `from django.utils.translation import gettext as _t`, or `translation.gettext`."""
    names = {name: name for name in CALLS if name != "_"}
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module == "django.utils.translation":
            names |= {alias.asname or alias.name: alias.name for alias in node.names if alias.name in CALLS}
    return names


def _texts_of_template(source: str, origin: str) -> Iterator[Message]:
    """A comment may stand anywhere before its text, also on the same line, where Django would not find it."""
    marked = _TEMPLATE_NOTE.sub(_as_text, source)
    notes: list[str] = []
    for call in _TEMPLATE_CALL.finditer(templatize(marked, origin=origin)):
        texts = [ast.literal_eval(text) for text in re.findall(_STRING, call[2])]
        if texts[0].startswith("Translators:"):
            notes = [texts[0].removeprefix("Translators:").strip()]
        else:
            yield _message(call[1], texts, notes)
            notes = []


def _as_text(note: re.Match[str]) -> str:
    return "{% translate '" + note[1].replace("'", "’") + "' %}"


def _message(call: str, texts: list[str], notes: list[str]) -> Message:
    count, has_context = CALLS[call]
    context = texts[0] if has_context else ""
    singular, *plural = texts[has_context:count]
    return Message(singular, plural[0] if plural else "", context, notes=notes)


def _notes_above(lines: list[str], number: int) -> list[str]:
    """The comment on the line of the text, or the whole comment right above it."""
    notes: list[str] = []
    for at in range(number - 1, max(number - 6, -1), -1):
        line = lines[at].strip()
        if found := _NOTE.search(line):
            return [" ".join([found[1], *notes])]
        if at < number - 1 and not line.startswith("#"):
            # `_(` on the line above its text, or a field's name: the comment may stand above that.
            if not line.endswith("("):
                return []
        elif line.startswith("#"):
            notes.insert(0, line.lstrip("# "))
    return []


def merged(texts: Iterable[Message], before: Iterable[Message]) -> list[Message]:
    """What the code says, with the Chinese that is already there."""
    kept = {message.key: message for message in before}
    result = []
    for message in texts:
        old = kept.get(message.key)
        # A text that gained or lost its plural is said differently: it has to be looked at again.
        if old and bool(old.plural) == bool(message.plural):
            message.chinese, message.is_fuzzy = old.chinese, old.is_fuzzy
        result.append(message)
    return result


def faults(texts: list[Message], po: str, mo: bytes) -> list[str]:
    """What is wrong with the catalogue, one sentence each."""
    before = pofile.parse(po)
    now = merged(texts, before)
    said = {message.key for message in now}
    found = [f"left over: {message.singular!r}" for message in before if message.key not in said]
    for message in now:
        if not message.chinese:
            found.append(f"missing: {message.singular!r} ({message.places[0]})")
        elif message.is_fuzzy:
            found.append(f"fuzzy: {message.singular!r}")
        elif not _same_placeholders(message):
            found.append(f"placeholders differ: {message.singular!r} and {message.chinese!r}")
    if pofile.compiled(before) != mo:
        found.append("stale: the compiled file is not what the .po says; run python -m tools.catalogue")
    return found


def _same_placeholders(message: Message) -> bool:
    """The Chinese of a plural follows the plural: the singular may leave the number out."""
    return pofile.placeholders(message.chinese) == pofile.placeholders(message.plural or message.singular)


def check(catalogue: Path, texts: list[Message]) -> list[str]:
    """What is wrong with a catalogue on disk."""
    mo = catalogue.with_suffix(".mo")
    po = catalogue.read_text(encoding="utf-8") if catalogue.exists() else ""
    return faults(texts, po, mo.read_bytes() if mo.exists() else b"")


def renew(catalogue: Path, texts: list[Message]) -> list[Message]:
    """Write a catalogue and its compiled file; return what has no Chinese yet."""
    messages = merged(texts, pofile.parse(catalogue.read_text(encoding="utf-8") if catalogue.exists() else ""))
    catalogue.parent.mkdir(parents=True, exist_ok=True)
    catalogue.write_text(pofile.render(messages), encoding="utf-8")
    catalogue.with_suffix(".mo").write_bytes(pofile.compiled(messages))
    return [message for message in messages if not message.chinese]


def main(words: list[str]) -> int:
    catalogues = {CATALOGUE: wanted(), SCRIPTS_CATALOGUE: wanted_by_scripts()}
    count = sum(map(len, catalogues.values()))
    if words == ["--check"]:
        found = [fault for catalogue, texts in catalogues.items() for fault in check(catalogue, texts)]
        print("\n".join(found) or f"{count} texts, all in Chinese")
        return 1 if found else 0
    if words:
        print(__doc__)
        return 2
    missing = [message for catalogue, texts in catalogues.items() for message in renew(catalogue, texts)]
    for message in missing:
        print(f"missing: {message.singular!r} ({message.places[0]})")
    print(f"{count} texts, {len(missing)} without Chinese")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
