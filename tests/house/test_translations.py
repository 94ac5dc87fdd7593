"""Everything that the pages say is said in Chinese too, and neither language shows words of the other."""

import ast
import gettext
import io
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.test import Client
from django.utils import translation
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from tools import catalogue, pofile
from tools.pofile import Message

ROOT = Path(__file__).resolve().parents[2]
PO = catalogue.CATALOGUE.read_text(encoding="utf-8")
MO = catalogue.CATALOGUE.with_suffix(".mo").read_bytes()
CHINESE = re.compile(r"[一-鿿]")
# Proper names: the house's own, and the language called by its own name on the button that leads to it.
NAMES = ("联惠", "简体中文", "切换到中文", "中文")


def test_the_catalogue_says_what_the_code_says() -> None:
    assert catalogue.check(catalogue.CATALOGUE, catalogue.wanted()) == []
    assert catalogue.check(catalogue.SCRIPTS_CATALOGUE, catalogue.wanted_by_scripts()) == []


def test_django_reads_it() -> None:
    with translation.override("zh-hans"):
        assert _("Top up") == "充值"
        assert ngettext("%(n)s device", "%(n)s devices", 3) % {"n": 3} == "3台"
    with translation.override("en"):
        assert _("Top up") == "Top up"


def test_the_compiled_file_holds_every_text() -> None:
    messages = [message for message in pofile.parse(PO) if message.chinese]
    read = gettext.GNUTranslations(io.BytesIO(MO))
    for message in messages:
        if message.plural:
            assert read.ngettext(message.singular, message.plural, 2) == message.chinese
        elif message.context:
            assert read.pgettext(message.context, message.singular) == message.chinese
        else:
            assert read.gettext(message.singular) == message.chinese


def test_what_is_written_is_read_again() -> None:
    messages = [
        Message('A "quoted"\nline \\ end', chinese="一\n二", notes=["note"], places=["a.py", "b.html"]),
        Message("%(n)s day", "%(n)s days", "context", "%(n)s天"),
        Message("Old", chinese="旧", is_fuzzy=True),
    ]
    assert pofile.parse(pofile.render(messages)) == messages


@pytest.mark.parametrize(
    ("message", "fault"),
    [
        (Message("Save", places=["a.py"]), "missing"),
        (Message("Save", chinese="保存", is_fuzzy=True), "fuzzy"),
        (Message("%(n)s points", chinese="积分"), "placeholders differ"),
        (Message("Gone", chinese="没了"), "left over"),
    ],
)
def test_a_fault_is_found(message: Message, fault: str) -> None:
    texts = [] if fault == "left over" else [Message(message.singular, places=["a.py"])]
    found = catalogue.faults(texts, pofile.render([message]), pofile.compiled([message]))
    assert len(found) == 1 and found[0].startswith(fault)


def test_a_stale_compiled_file_is_found() -> None:
    message = Message("Save", chinese="保存", places=["a.py"])
    assert catalogue.faults([Message("Save", places=["a.py"])], pofile.render([message]), b"")[0].startswith("stale")


def test_the_note_before_a_text_is_its_own() -> None:
    template = '{# Translators: 保存 #}{% translate "Save" %} {% translate "Cancel" %}'
    save, cancel = catalogue._texts_of_template(template, "a.html")
    assert (save.notes, cancel.notes) == (["保存"], [])
    python = 'from django.utils.translation import gettext as _t\na = _t("x")\n# Translators: 备付金\nb = _t(\n    "Float"\n)\n'
    plain, noted = catalogue._texts_of_python(python)
    assert (plain.notes, noted.notes) == ([], ["备付金"])


def test_chinese_is_set_as_chinese() -> None:
    """No blank between Chinese and Latin or digits, and no Latin comma, colon or question mark behind Chinese."""
    blank = re.compile(r"[一-鿿] +(?:[A-Za-z0-9]|%\()|(?:[A-Za-z0-9]|\)s) +[一-鿿]|[一-鿿][,;:?!]|[一-鿿]\.(?!\w)")
    assert [message.chinese for message in pofile.parse(PO) if blank.search(message.chinese)] == []


def test_templates_hold_no_chinese_of_their_own() -> None:
    """Except legal wordings, one file per language, and the pages of a crash, which say everything twice."""
    found = []
    for path in sorted((ROOT / "templates").rglob("*.html")):
        if ".zh-hans." not in path.name and path.name not in ("500.html", "503.html"):
            source = re.sub(r"\{#.*?#\}|\{% comment %\}.*?\{% endcomment %\}", "", path.read_text(), flags=re.DOTALL)
            found += [f"{path.name}: {line.strip()}" for line in source.splitlines() if CHINESE.search(_nameless(line))]
    assert found == []


def _nameless(text: str) -> str:
    for name in NAMES:
        text = text.replace(name, "")
    return text


@pytest.mark.django_db
@pytest.mark.parametrize(
    "path", ["/", "/login/", "/offline/", "/texts/terms/", "/texts/privacy/", "/admin/login/", "/nowhere/"]
)
def test_english_pages_show_no_chinese(client: Client, path: str) -> None:
    client.cookies["language"] = "en"
    body = client.get(path, follow=True).content.decode()
    shown = re.sub(r"<script.*?</script>|<style.*?</style>|<!--.*?-->", "", body, flags=re.DOTALL)
    assert CHINESE.findall(_nameless(shown)) == []


def test_the_words_of_the_house_are_kept() -> None:
    """A word of docs/words.md that the code says by itself has the Chinese that stands beside it there."""
    said = {message.singular: message.chinese for message in pofile.parse(PO) if not message.context}
    rows = re.findall(r"^\| (.+?) \| (.+?) \|", (ROOT / "docs" / "words.md").read_text(encoding="utf-8"), re.MULTILINE)
    pairs = [(word, chinese) for chinese, english in rows[1:] for word in english.split(", ") if word in said]
    assert [pair for pair in pairs if not any(term in said[pair[0]] for term in pair[1].split("、"))] == []


# Said in both languages at once, a language's own name, the house's name, and patterns for what people type.
CHINESE_IN_CODE = {
    "alliance/calc/money.py",
    "alliance/logs.py",
    "alliance/models/user.py",
    "alliance/settings.py",
    "alliance/web/errors.py",
    "merchants/banks/plain.py",  # what banks call the columns of their files
}


def test_code_holds_no_chinese_of_its_own() -> None:
    found = set()
    for floor in ("alliance", "points", "merchants", "stores", "members"):
        for path in sorted((ROOT / floor).rglob("*.py")):
            place = str(path.relative_to(ROOT))
            if "/migrations/" not in place and "/formats/" not in place:
                found |= {place for text in _literals(path.read_text(encoding="utf-8")) if CHINESE.search(text)}
    assert found - CHINESE_IN_CODE == set()


def _literals(source: str) -> Iterator[str]:
    """The texts of a file, docstrings and other statements that only stand there left out."""
    tree = ast.parse(source)
    idle = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in idle:
            yield node.value
