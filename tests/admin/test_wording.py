"""The diary in words: no code without a sentence, none of the sentences for nothing."""

import re
from pathlib import Path

import pytest

from alliance.admin import wording

EVENTS = Path(__file__).resolve().parents[2] / "docs" / "events.md"


def test_every_documented_verb_has_words() -> None:
    documented = re.findall(r"^\| `([a-z_]+\.[a-z_]+)` \|", EVENTS.read_text(encoding="utf-8"), re.MULTILINE)
    assert set(wording.VERBS) == set(documented)


@pytest.mark.parametrize(
    ("stored", "said"),
    [
        ("user:12", "用户12"),
        ("key:3", "接口密钥3"),
        ("system:close", "系统（日结）"),
        ("system:something", "系统（something）"),
        ("something else", "something else"),
    ],
)
def test_who_acted_is_said(stored: str, said: str) -> None:
    assert wording.actor(stored) == said


def test_what_else_is_known_is_said() -> None:
    facts = {"merchant": 3, "amount_fen": 100000, "on": "points.bankline:7", "kind": "merchants.topup", "inner": 1}
    assert wording.facts(facts) == "商户 3 · 金额 ¥1,000.00 · 涉及 银行流水7 · 类型 备付金充值"


@pytest.mark.parametrize(
    ("stored", "said"),
    [("merchants.merchant:12", "商户12"), ("town.layer:small", "town.layer:small"), ("odd", "odd")],
)
def test_what_it_was_about_is_said(stored: str, said: str) -> None:
    assert wording.subject(stored) == said
