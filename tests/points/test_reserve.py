"""The public reserve page and its figures for machines: right, plain, and about nobody."""

from __future__ import annotations

import json
from datetime import timedelta
from hashlib import sha256
from typing import Any

import pytest
import time_machine
from django.db import connection
from django.test import Client, override_settings
from django.test.utils import CaptureQueriesContext

from points import circulation, proving, totals
from points.calc import merkle
from points.models import Proof, Wallet
from tests.points.shops import NOON, Shop

pytestmark = pytest.mark.django_db


def client(language: str = "en") -> Client:
    browser = Client()
    browser.cookies["language"] = language
    return browser


def prove(days: int = 0) -> Proof:
    proof = proving.prove(at=NOON + timedelta(days=days))
    assert proof is not None
    return proof


def page(language: str = "en") -> str:
    answer = client(language).get("/reserve/")
    assert answer.status_code == 200
    return answer.content.decode()


def figures(**query: Any) -> dict[str, Any]:
    answer = client().get("/reserve.json", query)
    assert answer.status_code == 200
    return answer.json()


def test_it_works(shop: Shop) -> None:
    shop.sell(shop.wallet(), 10_000)
    proof = prove()
    with time_machine.travel(NOON + timedelta(hours=3)):
        text = page()
    assert "By our book: yes" in text
    assert "3 hours old" in text
    assert "¥1,000.00" in text and ">500<" in text and "100%" in text
    assert bytes(proof.root).hex() in text and bytes(proof.chain).hex() in text
    assert "proves the debts" in text


def test_it_speaks_chinese(shop: Shop) -> None:
    prove()
    text = page("zh-hans")
    assert "积分背后有钱吗" in text and "兑付保障率" in text and "这不能证明什么" in text
    assert "Prepaid by shops" not in text


@pytest.mark.parametrize("language", ["en", "zh-hans"])
def test_before_the_first_proof_it_says_so(language: str) -> None:
    assert {"en": "No proof yet", "zh-hans": "还没有证明"}[language] in page(language)
    assert figures()["days"] == []


def test_old_figures_are_called_old(shop: Shop) -> None:
    prove()
    with time_machine.travel(NOON + timedelta(days=3)):
        assert "These figures are old" in page()
    with time_machine.travel(NOON + timedelta(hours=20)):
        assert "These figures are old" not in page()


def test_the_figures_add_up_to_the_money(shop: Shop) -> None:
    wallet = shop.wallet()
    shop.sell(wallet, 10_000)
    shop.sell(wallet, 100, spend_points=100)
    prove()
    (day,) = figures()["days"]
    assert sum(day["points"].values()) == day["total_points"] == 405
    assert (
        sum([day["total_points"], *day["owed_fen"].values(), *day["own_fen"].values()]) == day["custody_fen"] == 100_000
    )
    assert day["coverage_bps"] == 10_000
    assert day["bank_on"] == (NOON - timedelta(days=20)).date().isoformat()
    assert day["total_points"] == totals.now().wallets


def test_an_outsider_can_follow_the_chain(shop: Shop) -> None:
    for n in range(4):
        prove(n)
    days = figures()["days"]
    assert [day["on"] for day in days] == sorted((day["on"] for day in days), reverse=True)
    for newer, older in zip(days, [*days[1:], {"chain": "00" * 32}], strict=True):
        assert newer["previous_chain"] == older["chain"]
        text = b"\x03" + bytes.fromhex(newer["previous_chain"]) + newer["on"].encode() + bytes.fromhex(newer["root"])
        text += newer["total_points"].to_bytes(8, "big") + sha256(newer["figures"].encode()).digest()
        assert sha256(text).hexdigest() == newer["chain"]
        assert {name: newer[name] for name in json.loads(newer["figures"])} == json.loads(newer["figures"])


@pytest.mark.parametrize(
    ("query", "expected"),
    [({}, 3), ({"days": "1"}, 1), ({"days": "2"}, 2), ({"days": "0"}, 1), ({"days": "-5"}, 3), ({"days": "９"}, 3),
     ({"days": "9" * 40}, 3), ({"days": "x"}, 3), ({"until": "x"}, 3), ({"until": "9999-99-99"}, 3)],
)  # fmt: skip
def test_a_question_that_cannot_be_read_is_answered_as_usual(shop: Shop, query: dict[str, str], expected: int) -> None:
    for n in range(3):
        prove(n)
    assert len(figures(**query)["days"]) == expected


def test_an_older_day_can_be_asked_for(shop: Shop) -> None:
    first, second, _third = (prove(n) for n in range(3))
    (day,) = figures(until=second.taken_on.isoformat(), days=1)["days"]
    assert (day["on"], day["previous_chain"]) == (second.taken_on.isoformat(), bytes(first.chain).hex())


def test_nothing_is_about_anybody(shop: Shop) -> None:
    """No wallet's number, balance, salt or leaf, and not the day's secret: in neither of the two."""
    wallets = [shop.wallet() for _n in range(3)]
    for n, wallet in enumerate(wallets):
        shop.sell(wallet, 123_457 + 1_009 * n)
    circulation.catch_up()
    proof = prove()
    known = {"name", "format", "is_demo", "days", "on", "taken_at", "wallets", "points", "spendable", "pending", "held", "custody_fen", "owed_fen",
             "own_fen", "bank_on", "total_points", "coverage_bps", "root", "previous_chain", "chain", "figures", "suspense", "float", "proceeds",
             "rest", "fee_rest", "centre", "promo", "fee", "buffer", "breakage", "budget", "in_payout", "retained", "surplus", "seal",
             "moved_at", "months", "month", "opening", "issued", "spent", "expired", "returned", "reversed", "adjusted", "closing", "ages",
             "from_months", "to_months"}  # fmt: skip
    found = figures()

    def names(value: Any) -> set[str]:
        if isinstance(value, dict):
            return set(value) | {name for each in value.values() for name in names(each)}
        return {name for each in value for name in names(each)} if isinstance(value, list) else set()

    assert names(found) <= known
    secret = bytes(proof.secret)
    for text in (json.dumps(found), page()):
        assert secret.hex() not in text
        for row in Wallet.objects.all():
            salt = merkle.salt(secret, row.pk)
            assert f"{row.balance}" not in text and f"{row.balance:,}" not in text
            assert salt.hex() not in text and merkle.leaf(salt, row.pk, row.balance).hash.hex() not in text


def test_a_month_of_proofs_costs_no_more_queries_than_one(shop: Shop) -> None:
    circulation.catch_up()
    counts = []
    prove(-1)
    page()  # the movements are reckoned once
    for n in range(32):
        prove(n)
        if n in (0, 31):
            with CaptureQueriesContext(
                connection,
            ) as queries:
                page()
            counts.append(len(queries))
    assert counts[0] == counts[1] <= 25
    assert page().count('<rect class="bar-a"') == 30
    with CaptureQueriesContext(connection) as queries:
        assert len(figures()["days"]) == 31
    assert len(queries) <= 25


def test_coverage_is_rounded_down(shop: Shop) -> None:
    from points.web import reserve

    proof = prove()
    proof.custody_fen = 99_999
    assert reserve.covered(proof) == "99.99%"


def test_a_lack_of_money_is_said_aloud(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    prove()
    real = proving.links

    def short(*words: Any) -> Any:
        rows = real(*words)
        rows[0][0].custody_fen -= 1
        return rows

    monkeypatch.setattr(proving, "links", short)
    text = page()
    assert "By our book: no" in text and "By our book: yes" not in text


def test_an_account_of_a_new_kind_is_shown_too(shop: Shop) -> None:
    from points.web import reserve

    proof = prove()
    proof.published["owed_fen"]["new_thing"] = 7
    assert ("new thing", 7) in [(line.label, line.fen) for line in reserve._owed(proof)]


def test_the_demo_says_that_nothing_is_real(shop: Shop) -> None:
    prove()
    with override_settings(LIANHUI_DEMO=True):
        assert "no real money" in page()
    with override_settings(LIANHUI_DEMO=False):
        assert "no real money" not in page()


def test_everybody_may_read_the_figures_from_anywhere(shop: Shop) -> None:
    answer = client().get("/reserve.json")
    assert answer.headers["Access-Control-Allow-Origin"] == "*"
    assert "max-age=60" in answer.headers["Cache-Control"]
    script = client().get("/reserve/verify_proof.py")
    assert script.headers["Content-Type"].startswith("text/plain")
    assert "sha256" in script.content.decode()


@pytest.mark.django_db(transaction=True)
def test_it_says_what_became_of_the_points(shop: Shop) -> None:
    wallet = shop.wallet()
    shop.sell(wallet, 10_000)
    shop.sell(wallet, 120, spend_points=60)
    prove()
    assert figures()["months"] == [] and 'id="months"' not in page()
    circulation.catch_up()
    found = figures()
    (month,) = found["months"]
    assert month == {
        "month": f"{NOON:%Y-%m}", "opening": 0, "issued": 506, "spent": 60, "expired": 0, "returned": 0, "reversed": 0,
        "adjusted": 0, "closing": 446,
    }  # fmt: skip
    assert sum(age["points"] for age in found["ages"]) == 446 == found["ages"][0]["points"]
    text = page()
    assert "What became of the points" in text and "How old the points are" in text and "0–3 months" in text
    assert "积分" in page("zh-hans")


@pytest.mark.django_db(transaction=True)
def test_what_became_of_the_points_is_reckoned_once(shop: Shop) -> None:
    shop.sell(shop.wallet(), 10_000)
    circulation.catch_up()
    prove()
    page()
    with CaptureQueriesContext(connection) as queries:
        page()
    assert not [query for query in queries if "points_flow_day" in query["sql"]]
