"""Read and write gettext's files: .po for translators, .mo for Django. Only what one Chinese catalogue needs.

Chinese has one plural form, so a message with a plural has one translation, msgstr[0].
"""

from __future__ import annotations

import ast
import re
import struct
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

HEADER = (
    "Project-Id-Version: lianhui\n"
    "Language: zh_Hans\n"
    "MIME-Version: 1.0\n"
    "Content-Type: text/plain; charset=UTF-8\n"
    "Content-Transfer-Encoding: 8bit\n"
    "Plural-Forms: nplurals=1; plural=0;\n"
)
_KEYWORD = re.compile(r'(msgctxt|msgid|msgid_plural|msgstr(?:\[0\])?) (".*")')


@dataclass
class Message:
    """One thing to say: what the code says in English, and how Chinese says it."""

    singular: str
    plural: str = ""
    context: str = ""
    chinese: str = ""
    notes: list[str] = field(default_factory=list)
    places: list[str] = field(default_factory=list)
    is_fuzzy: bool = False

    @property
    def key(self) -> tuple[str, str]:
        return self.context, self.singular


def parse(text: str) -> list[Message]:
    """Read a .po file. Obsolete entries (#~) come back as messages without a place; the header is left out."""
    messages = (_message(block.splitlines()) for block in text.split("\n\n") if block.strip())
    return [message for message in messages if message.singular]


def _message(lines: list[str]) -> Message:
    message = Message("")
    parts: dict[str, str] = {}
    current = ""
    for line in lines:
        if line.startswith("#. "):
            message.notes.append(line[3:])
        elif line.startswith("#: "):
            message.places.append(line[3:])
        elif line.startswith("#,"):
            message.is_fuzzy |= "fuzzy" in line
        else:
            bare = line.removeprefix("#~ ")
            if found := _KEYWORD.fullmatch(bare):
                current, bare = found[1].removesuffix("[0]"), found[2]
            if bare.startswith('"'):
                parts[current] = parts.get(current, "") + ast.literal_eval(bare)
    message.context, message.singular = parts.get("msgctxt", ""), parts.get("msgid", "")
    message.plural, message.chinese = parts.get("msgid_plural", ""), parts.get("msgstr", "")
    return message


def render(messages: Iterable[Message]) -> str:
    """Write a .po file."""
    return "\n".join(["\n".join(block) + "\n" for block in _blocks(messages)])


def _blocks(messages: Iterable[Message]) -> Iterator[list[str]]:
    yield ['msgid ""', *_line("msgstr", HEADER)]
    for message in messages:
        lines = [f"#. {note}" for note in message.notes] + [f"#: {place}" for place in message.places]
        flags = ["fuzzy"] * message.is_fuzzy + ["python-format"] * bool(placeholders(message.singular))
        lines += ["#, " + ", ".join(flags)] * bool(flags)
        lines += _line("msgctxt", message.context) if message.context else []
        lines += _line("msgid", message.singular)
        lines += _line("msgid_plural", message.plural) if message.plural else []
        yield lines + _line("msgstr[0]" if message.plural else "msgstr", message.chinese)


def _line(keyword: str, text: str) -> list[str]:
    """One line, or one for each line of the text."""
    parts = text.splitlines(keepends=True)
    if len(parts) < 2:
        return [f"{keyword} {_quoted(text)}"]
    return [f'{keyword} ""', *map(_quoted, parts)]


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n").replace("\t", "\\t")
    return f'"{escaped}"'


def compiled(messages: Iterable[Message]) -> bytes:
    """Write a .mo file: two sorted tables of lengths and offsets, then the texts, each with a zero behind it."""
    pairs = {"": HEADER}
    for message in messages:
        if message.chinese and not message.is_fuzzy:
            context = f"{message.context}\x04" if message.context else ""
            plural = f"\x00{message.plural}" if message.plural else ""
            pairs[f"{context}{message.singular}{plural}"] = message.chinese
    texts = sorted((key.encode(), value.encode()) for key, value in pairs.items())
    offset = 7 * 4 + len(texts) * 16
    tables: list[bytes] = []
    body = b""
    for column in (0, 1):
        for pair in texts:
            tables.append(struct.pack("<II", len(pair[column]), offset + len(body)))
            body += pair[column] + b"\x00"
    head = struct.pack("<7I", 0x950412DE, 0, len(texts), 7 * 4, 7 * 4 + len(texts) * 8, 0, 0)
    return head + b"".join(tables) + body


def placeholders(text: str) -> list[str]:
    """What Python fills in: %(name)s, %s, %d and {name}; %% is a sign of its own."""
    found = re.findall(r"%%|%\([a-z_A-Z0-9.]+\)[a-z]|%[sdrf]|\{[a-z_]*\}", text)
    return sorted(placeholder for placeholder in found if placeholder != "%%")
