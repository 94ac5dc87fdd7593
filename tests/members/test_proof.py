"""A member's own part of the proof: shown to its owner alone, and checked by a program that is not ours."""

from __future__ import annotations

import json
import subprocess
import sys
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.core.cache import cache
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from alliance.calc.worktime import shanghai_day
from members.models import Member
from points import proving
from points.models import Proof
from tests.factories import members, merchants, shops
from tests.members.conftest import browser

pytestmark = pytest.mark.django_db
SCRIPT = Path(__file__).resolve().parents[2] / "docs" / "verify_proof.py"


@pytest.fixture
def proof(lin: Member, zhou: Member) -> Proof:
    """A day on which 林婶 has 500 points, 小周 55 and ten others some."""
    hotpot = shops.shop(matures_days=0)
    shops.sale(hotpot, lin.wallet_id, 100_00)
    shops.sale(hotpot, zhou.wallet_id, 11_00)
    for n in range(10):
        shops.sale(hotpot, members.member().wallet_id, 100_00 + 700 * n)
    made = proving.prove(at=timezone.now())
    assert made is not None
    return made


def file_of(page: Client, proof: Proof) -> dict[str, Any]:
    answer = page.get(f"/wallet/proof/{proof.taken_on}/proof.json")
    assert answer.status_code == 200
    assert f"proof-{proof.taken_on}.json" in answer.headers["Content-Disposition"]
    return answer.json()


def test_it_works(page: Client, proof: Proof, lin: Member) -> None:
    answer = page.get("/wallet/proof/")
    text = answer.content.decode()
    assert answer.status_code == 200
    assert "Are my points counted?" in text
    assert answer.context["document"] == file_of(page, proof)
    assert (answer.context["document"]["wallet"], answer.context["document"]["balance"]) == (lin.wallet_id, 500)
    assert "members/proof" in text and "<script>" not in text
    assert "private" in answer.headers["Cache-Control"]


def test_it_speaks_chinese(lin: Member, proof: Proof) -> None:
    text = browser(lin, "zh-hans").get("/wallet/proof/").content.decode()
    assert "我的积分算进去了吗" in text and "您的积分算进去了。" in text
    assert "Your points are counted." not in text


def test_wallet_and_me_lead_to_it(page: Client, lin: Member) -> None:
    for path in ("/wallet/", "/me/"):
        assert 'href="/wallet/proof/"' in page.get(path).content.decode()
    assert 'href="/reserve/"' in Client().get("/").content.decode()


def test_before_the_first_proof_and_before_ones_own(page: Client, lin: Member) -> None:
    assert "No proof yet" in page.get("/wallet/proof/").content.decode()
    proof = proving.prove(at=timezone.now())
    assert proof is not None
    late = browser(members.member())
    assert "You are not in the last proof yet" in late.get("/wallet/proof/").content.decode()
    assert late.get(f"/wallet/proof/{proof.taken_on}/").status_code == 404
    assert late.get(f"/wallet/proof/{proof.taken_on}/proof.json").status_code == 404
    assert page.get(f"/wallet/proof/{proof.taken_on}/").status_code == 200


@pytest.mark.parametrize("day", ["2020-01-01", "20261123", "2026-W48-1", "x", "２０２６-11-23", "2026-02-30"])
def test_a_day_without_a_proof_is_not_there(page: Client, proof: Proof, day: str) -> None:
    assert page.get(f"/wallet/proof/{day}/").status_code == 404
    assert page.get(f"/wallet/proof/{day}/proof.json").status_code == 404


def test_nobody_elses_part_can_be_reached(page: Client, proof: Proof, lin: Member, zhou: Member) -> None:
    """Whatever is asked for, the wallet is the one of who is signed in; addresses that name another one are not there."""
    for asked in (f"?wallet={zhou.wallet_id}", f"?member={zhou.pk}", f"?number={zhou.number}"):
        answer = page.get(f"/wallet/proof/{proof.taken_on}/proof.json{asked}")
        assert answer.json()["wallet"] == lin.wallet_id
    for path in (
        f"/wallet/proof/{zhou.wallet_id}/",
        f"/wallet/proof/{zhou.wallet_id}/proof.json",
        f"/wallet/{zhou.wallet_id}/proof/",
    ):
        assert page.get(path).status_code == 404
    mine, theirs = file_of(page, proof), file_of(browser(zhou), proof)
    assert theirs["wallet"] == zhou.wallet_id
    assert mine["salt"] != theirs["salt"]
    # What was kept for one is not handed to the other.
    assert file_of(page, proof) == mine


def test_strangers_and_staff_have_none(proof: Proof, lin: Member) -> None:
    path = f"/wallet/proof/{proof.taken_on}/proof.json"
    assert Client().get(path).status_code == 302
    cashier = Client()
    cashier.force_login(merchants.worker(shops.shop("另一家"), name="小灶"))
    assert cashier.get(path).status_code == 404
    assert cashier.get("/wallet/proof/").status_code == 404


def test_it_takes_few_queries(page: Client, proof: Proof) -> None:
    for n in range(1, 4):
        proving.prove(at=timezone.now() + timedelta(days=n))
    cache.clear()
    with CaptureQueriesContext(connection) as queries:
        assert page.get("/wallet/proof/").status_code == 200
    assert len(queries) <= 25


def test_the_balance_shown_is_the_one_of_that_moment(page: Client, proof: Proof, lin: Member) -> None:
    shops.sale(shops.shop("另一家", matures_days=0), lin.wallet_id, 100_00)
    text = page.get("/wallet/proof/").content.decode()
    assert "Since then it has become 1,000." in text
    assert file_of(page, proof)["balance"] == 500


def test_what_was_kept_is_not_handed_out_after_pruning(page: Client, lin: Member) -> None:
    old = timezone.now() - timedelta(days=50)
    first = proving.prove(at=old)
    proving.prove(at=old + timedelta(days=1))
    assert first is not None
    days = [first.taken_on, first.taken_on + timedelta(days=1)]
    proving.prune()
    for day in days:
        expected = 200 if day in proving.kept_days() else 404
        assert page.get(f"/wallet/proof/{day}/").status_code == expected


# --- the program of an outsider ------------------------------------------------------------------------


def outsider(folder: Path, mine: Any, published: Any) -> subprocess.CompletedProcess[str]:
    paths = [folder / "proof.json", folder / "reserve.json"]
    for path, content in zip(paths, (mine, published), strict=True):
        path.write_text(json.dumps(content), encoding="utf-8")
    return subprocess.run(
        # Isolated: nothing of ours can be imported.
        [sys.executable, "-I", "-S", str(SCRIPT), *map(str, paths)],
        cwd=folder, capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip


def test_the_program_is_short_and_needs_nothing() -> None:
    lines = SCRIPT.read_text(encoding="utf-8").splitlines()
    assert len(lines) <= 30
    assert {line.split()[1] for line in lines if line.startswith(("import ", "from "))} <= set(sys.stdlib_module_names)


def test_an_outsider_proves_every_members_points(proof: Proof, tmp_path: Path) -> None:
    published = Client().get("/reserve.json").json()
    for member in Member.objects.order_by("pk"):
        mine = file_of(browser(member), proof)
        said = outsider(tmp_path, mine, published)
        assert said.returncode == 0, said.stderr
        assert said.stdout.startswith(f"proved: {mine['balance']} points of wallet {member.wallet_id}")


def test_an_outsider_sees_every_forgery(page: Client, proof: Proof, zhou: Member, tmp_path: Path) -> None:
    published = Client().get("/reserve.json").json()
    mine, theirs = file_of(page, proof), file_of(browser(zhou), proof)
    (day,) = published["days"]

    def step(n: int, **other: Any) -> dict[str, Any]:
        path = [dict(each) for each in mine["path"]]
        path[n] |= other
        return {**mine, "path": path}

    first = mine["path"][0]
    forged: list[tuple[Any, Any]] = [
        ({**mine, "balance": 501}, published),
        ({**mine, "balance": -1}, published),
        ({**mine, "balance": 500.0}, published),
        ({**mine, "balance": "500"}, published),
        ({**mine, "wallet": zhou.wallet_id}, published),
        ({**mine, "salt": theirs["salt"]}, published),
        ({**mine, "path": theirs["path"]}, published),
        ({**mine, "path": mine["path"][:-1]}, published),
        ({**mine, "path": [*mine["path"], mine["path"][-1]]}, published),
        ({**mine, "on": "2020-01-01"}, published),
        (step(0, sum=first["sum"] + 1), published),
        (step(0, sum=-first["sum"] - 1), published),
        (step(0, sum=2**64), published),
        (step(0, hash="00" * 32), published),
        (step(0, side="left" if first["side"] == "right" else "right"), published),
        (mine, {"days": [{**day, "total_points": day["total_points"] + 1}]}),
        (mine, {"days": [{**day, "root": "00" * 32}]}),
        (mine, {"days": []}),
    ]
    assert outsider(tmp_path, mine, published).returncode == 0
    for number, (file, figures) in enumerate(forged):
        said = outsider(tmp_path, file, figures)
        assert said.returncode != 0 and "proved:" not in said.stdout, number


def test_the_file_is_of_today(page: Client, proof: Proof) -> None:
    found = file_of(page, proof)
    assert date.fromisoformat(found["on"]) == shanghai_day(proof.taken_at)
    assert set(found) == {"format", "on", "wallet", "balance", "salt", "path", "root", "total_points"}
