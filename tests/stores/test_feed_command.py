"""`./run feed`: a till's file from a person's hand, whole or not at all, told in both languages."""

from __future__ import annotations

import csv
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from django.core.management import call_command
from django.utils import timezone

from alliance import org
from members.models import Member
from points.models import Sale, Wallet
from stores.feeds import filing, taking
from stores.models import BasketLine, Feed, FeedRun, Product, Store
from tests.factories import members, shops

pytestmark = pytest.mark.django_db
HEADER = "basket,store,member,at,product,quantity,value,discount\n"
ARTICLES = "code,name,department,earns\nmilk,鲜牛奶 1L,DAIRY,yes\npetrol,汽油,FUEL,no\nend,2\n"


@pytest.fixture(autouse=True)
def _english(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LC_ALL", "C.UTF-8")


@pytest.fixture(autouse=True)
def store() -> Store:
    market = shops.shop("比那多超市", trade="supermarket", matures_days=0, rate_bps=400)
    parent = market.merchant.centre.parent
    unit = org.found(kind="store", code="S1", name="一店", parent=parent, actor=shops.SYSTEM, at=timezone.now())
    words = {"outlet": market.outlet, "unit": unit, "area_sqm": 900, "opened_on": "2026-01-01"}
    return Store.objects.create(code="NP-01", kind="direct", **words)


@pytest.fixture
def lin() -> Member:
    return members.member(name="林婶")


@pytest.fixture
def noon() -> datetime:
    return timezone.now() - timedelta(hours=3)


def file_of(folder: Path, *rows: str, end: bool = True) -> Path:
    path = folder / "till.csv"
    path.write_text(HEADER + "".join(f"{row}\n" for row in rows) + (f"end,{len(rows)}\n" if end else ""))
    return path


def articles(folder: Path, text: str = ARTICLES) -> Path:
    path = folder / "articles.csv"
    path.write_text(text, encoding="utf-8")
    return path


def refused(capsys: pytest.CaptureFixture[str], *words: str) -> list[str]:
    with pytest.raises(SystemExit) as ended:
        call_command("feed", *words)
    assert ended.value.code == 1
    return capsys.readouterr().err.strip().splitlines()


def test_it_works(tmp_path: Path, lin: Member, noon: datetime, capsys: pytest.CaptureFixture[str]) -> None:
    path = file_of(
        tmp_path,
        f"B1,NP-01,{lin.number},{noon.isoformat()},milk,2,100.00,1.50",
        f"B1,NP-01,{lin.number},{noon.isoformat()},petrol,1,50.00,0",
        f"B2,NP-01,00000000,{noon.isoformat()},milk,1,50.00,0",
        f"B2,NP-01,00000000,{noon.isoformat()},ghost,1,50.00,0",
    )
    call_command("feed", str(path), "--store", "NP-01", "--articles", str(articles(tmp_path)))
    said = capsys.readouterr().out
    assert "1  baskets booked" in said
    assert "100.00  sales in yuan" in said
    assert "250  points given" in said
    assert "3  lines refused" in said
    assert Wallet.objects.get(pk=lin.wallet_id).balance == 250
    with (tmp_path / "till.csv.refused.csv").open(newline="") as file:
        assert list(csv.reader(file)) == [
            ["reason", "detail", "row", "basket", "product"],
            ["department_excluded", "", "2", "B1", "petrol"],
            ["holder_unknown", "", "3", "B2", "milk"],
            ["product_unknown", "", "4", "B2", "ghost"],
        ]
    assert Feed.objects.get().code == "till-NP-01"
    call_command("feed", str(path), "--store", "NP-01")
    again = capsys.readouterr().out
    assert "booked before" in again
    assert "250  points given" in again
    assert (Sale.objects.count(), BasketLine.objects.count(), FeedRun.objects.count()) == (1, 1, 1)


@pytest.mark.parametrize("locale", ["C.UTF-8", "zh_CN.UTF-8"])
def test_a_file_cut_in_the_middle_is_refused_as_a_whole_in_both_languages(
    tmp_path: Path,
    lin: Member,
    noon: datetime,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    locale: str,
) -> None:
    monkeypatch.setenv("LC_ALL", locale)
    whole = file_of(tmp_path, *(f"B{n},NP-01,{lin.number},{noon.isoformat()},milk,1,100.00,0" for n in range(9)))
    whole.write_bytes(whole.read_bytes()[: whole.stat().st_size // 2])
    said = refused(capsys, str(whole), "--store", "NP-01", "--articles", str(articles(tmp_path)))
    english = "[feed_cut] The file till.csv breaks off in the middle. Nothing was booked; fetch it again whole."
    chinese = "[feed_cut] 文件till.csv在中间断开了。什么都没有入账，请重新取一份完整的文件。"
    assert said == ([english, chinese] if locale == "C.UTF-8" else [chinese, english])
    assert not Sale.objects.exists()
    assert not FeedRun.objects.exists()
    assert not Feed.objects.exists()
    assert not (tmp_path / "till.csv.refused.csv").exists()


def test_a_killed_file_goes_on_where_it_stood(
    tmp_path: Path, lin: Member, noon: datetime, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(filing, "BATCH", 2)
    rows = [f"B{n},NP-01,{lin.number},{noon.isoformat()},milk,1,100.00,0" for n in range(5)]
    path = file_of(tmp_path, *rows)
    take, calls = taking.take, []

    def stop_at_the_second(**words: object) -> object:
        calls.append(1)
        if len(calls) == 2:
            raise KeyboardInterrupt
        return take(**words)  # type: ignore[arg-type]

    monkeypatch.setattr(taking, "take", stop_at_the_second)
    with pytest.raises(SystemExit) as ended:
        call_command("feed", str(path), "--store", "NP-01", "--articles", str(articles(tmp_path)))
    assert ended.value.code == 130
    assert Sale.objects.count() == 2
    other = file_of(tmp_path, rows[0].replace("B0", "B9"))
    assert refused(capsys, str(other), "--store", "NP-01")[1].startswith("[feed_busy]")
    path = file_of(tmp_path, *rows)
    call_command("feed", str(path), "--store", "NP-01")
    assert (Sale.objects.count(), FeedRun.objects.get().state, len(calls)) == (5, "done", 4)


def test_an_unfinished_file_can_be_let_go(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, lin: Member, noon: datetime
) -> None:
    def stop(**words: object) -> None:
        raise KeyboardInterrupt

    path = file_of(tmp_path, f"B1,NP-01,{lin.number},{noon.isoformat()},milk,1,100.00,0")
    with monkeypatch.context() as patch:
        patch.setattr(taking, "take", stop)
        with pytest.raises(SystemExit):
            call_command("feed", str(path), "--store", "NP-01", "--articles", str(articles(tmp_path)))
    call_command("feed", "--store", "NP-01", "--abandon")
    assert FeedRun.objects.get().state == "abandoned"
    call_command("feed", "--store", "NP-01", "--abandon")
    assert "There is no unfinished file." in capsys.readouterr().out
    call_command("feed", str(path), "--store", "NP-01")
    assert Sale.objects.count() == 1


def test_what_is_wrong_with_the_command_is_said_with_a_code(
    tmp_path: Path, lin: Member, noon: datetime, capsys: pytest.CaptureFixture[str]
) -> None:
    row = f"B1,NP-02,{lin.number},{noon.isoformat()},milk,1,100.00,0"
    path = str(file_of(tmp_path, row))
    assert "[feed_store_unknown]" in refused(capsys, path, "--store", "NP-99")[0]
    assert "[feed_catalogue_empty]" in refused(capsys, path, "--store", "NP-01")[0]
    assert "[feed_file_unreadable]" in refused(capsys, f"{path}.no", "--store", "NP-01")[0]
    assert "[feed_file_unreadable]" in refused(capsys, str(tmp_path), "--store", "NP-01")[0]
    listed = ["--articles", str(articles(tmp_path)), "--list", str(tmp_path)]
    assert "[feed_list_unwritable]" in refused(capsys, path, "--store", "NP-01", *listed)[0]
    said = refused(capsys, path, "--store", "NP-01")[0]
    assert said == (
        "[feed_store_other] The file till.csv has baskets of NP-02, not of NP-01 alone. Nothing was booked; "
        "check the store."
    )
    assert not Feed.objects.exists()
    assert not Sale.objects.exists()


def test_articles_take_the_new_words_and_a_cut_list_changes_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["--store", "NP-01", "--catalogue", "np", "--articles"]
    call_command("feed", *words, str(articles(tmp_path)))
    for text, code in (
        (ARTICLES.removesuffix("end,2\n"), "feed_cut"),
        (ARTICLES.replace("end,2", "end,3"), "feed_cut"),
        (ARTICLES.replace("earns", "pays"), "feed_columns_wrong"),
        (ARTICLES.replace("DAIRY,yes", "DAIRY,1"), "feed_value_unreadable"),
        (ARTICLES.replace("milk", "7" * 33), "feed_text_too_long"),
    ):
        assert f"[{code}]" in refused(capsys, *words, str(articles(tmp_path, text)))[0]
    call_command("feed", *words, str(articles(tmp_path, ARTICLES.replace("鲜牛奶 1L,DAIRY,yes", "牛奶,FUEL,no"))))
    rows = Product.objects.order_by("code").values_list("catalogue", "code", "name", "is_excluded")
    assert list(rows) == [("np", "milk", "牛奶", True), ("np", "petrol", "汽油", True)]
