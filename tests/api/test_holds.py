"""Points set aside by a machine, and the final bill."""

from datetime import timedelta
from typing import Any

from django.utils import timezone

from points import holds as book
from points.models import Hold, Sale, Wallet
from tests.api.conftest import Machine
from tests.cast import LIN_PIN, Town
from tests.factories.merchants import api_key, token


def body(town: Town, **more: Any) -> dict[str, Any]:
    member = token(town.hotpot, town.lin.wallet_id)
    return {"outlet": town.hotpot.outlet.pk, "member": member, "bill_fen": 10_000, "points": 3_000, **more}


def here(town: Town, **more: Any) -> dict[str, Any]:
    return {"outlet": town.hotpot.outlet.pk, **more}


def standing(town: Town) -> tuple[int, int]:
    wallet = Wallet.objects.get(pk=town.lin.wallet_id)
    return wallet.held, wallet.available


def test_it_works(town: Town, pos: Machine) -> None:
    _held, available = standing(town)
    answer = pos.post("holds", body(town, reference="room 12"))
    assert answer.status_code == 201
    told = answer.json()
    assert (told["status"], told["points"], told["available_points"], told["sale"]) == (
        "open",
        3_000,
        available - 3_000,
        None,
    )
    assert standing(town) == (3_000, available - 3_000)
    shown = pos.get(f"holds/{told['id']}?outlet={town.hotpot.outlet.pk}").json()
    assert shown == {**told, "available_points": None}
    receipt = pos.post(f"holds/{told['id']}/capture", here(town, bill_fen=8_000, points=2_000)).json()
    assert (receipt["spent_points"], receipt["paid_fen"], receipt["points"], receipt["reference"]) == (
        2_000,
        6_000,
        300,
        "room 12",
    )
    assert standing(town)[0] == 0
    after = pos.get(f"holds/{told['id']}?outlet={town.hotpot.outlet.pk}").json()
    assert (after["status"], after["captured_points"], after["sale"]) == ("captured", 2_000, receipt["id"])


def test_the_same_key_holds_captures_and_gives_back_once(town: Town, pos: Machine) -> None:
    sent = body(town)
    first, second = (pos.post("holds", sent, key="same-key-1") for _ in range(2))
    assert first.json() == second.json()
    assert second["Idempotent-Replayed"] == "true"
    number = first.json()["id"]
    done = [pos.post(f"holds/{number}/capture", here(town, bill_fen=9_000), key="same-key-2") for _ in range(2)]
    assert done[0].json() == done[1].json()
    assert done[0].json()["spent_points"] == 3_000
    assert Sale.objects.filter(outlet_id=town.hotpot.outlet.pk).count() == 1
    other = pos.post("holds", body(town)).json()["id"]
    back = [pos.post(f"holds/{other}/void", here(town), key="same-key-3") for _ in range(2)]
    assert [answer.status_code for answer in back] == [201, 201]
    assert back[0].json() == back[1].json()
    assert pos.post(f"holds/{other}/void", here(town)).json()["code"] == "hold_closed"


def test_a_capture_without_points_named_takes_what_bill_and_agreement_allow(town: Town, pos: Machine) -> None:
    number = pos.post("holds", body(town)).json()["id"]
    receipt = pos.post(f"holds/{number}/capture", here(town, bill_fen=4_000)).json()
    assert receipt["spent_points"] == 2_000  # half of the bill


def test_what_is_refused_moves_nothing(town: Town, pos: Machine) -> None:
    number = pos.post("holds", body(town)).json()["id"]
    before = standing(town)
    for path, more, code in (
        ("holds", body(town, points=6_000), "spend_share_exceeded"),
        ("holds", body(town, minutes=7 * 24 * 60 + 1), "input_invalid"),
        ("holds", body(town, points=0), "input_invalid"),
        ("holds", body(town, bill_fen=10_000_000, points=1_000_000), "pin_needed"),
        (f"holds/{number}/capture", here(town, bill_fen=100_000, points=3_001), "hold_too_small"),
        (f"holds/{number}/capture", here(town, bill_fen=1, points=1), "spend_share_exceeded"),
        (f"holds/{number}/capture", here(town, bill_fen=1), "amount_invalid"),
        (f"holds/{number + 1}/capture", here(town, bill_fen=100), "hold_unknown"),
        (f"holds/{2**70}/capture", here(town, bill_fen=100), "hold_unknown"),
        (f"holds/{2**70}/void", here(town), "hold_unknown"),
    ):
        assert pos.post(path, more).json()["code"] == code
    short = pos.post("holds", body(town, bill_fen=10_000_000, points=1_000_000, pin=LIN_PIN))
    assert short.json()["code"] == "points_short"
    assert standing(town) == before


def test_after_its_time_it_cannot_be_captured(town: Town, pos: Machine) -> None:
    number = pos.post("holds", body(town, minutes=1)).json()["id"]
    later = timezone.now() + timedelta(minutes=2)
    assert book.release_overdue(at=later, now=later) == 1
    answer = pos.post(f"holds/{number}/capture", here(town, bill_fen=9_000))
    assert (answer.status_code, answer.json()["code"]) == (409, "hold_expired")
    assert pos.get(f"holds/{number}?outlet={town.hotpot.outlet.pk}").json()["status"] == "timed_out"


def test_a_token_holds_once(town: Town, pos: Machine) -> None:
    sent = body(town)
    assert pos.post("holds", sent).status_code == 201
    assert pos.post("holds", sent).json()["code"] == "member_token_spent"
    assert (
        pos.post("spends", {**{k: v for k, v in sent.items() if k != "points"}, "spend_points": 10}).json()["code"]
        == "member_token_spent"
    )


def test_another_shop_sees_nothing_of_it(town: Town, pos: Machine) -> None:
    number = pos.post("holds", body(town)).json()["id"]
    stranger = Machine(api_key(town.fruit.merchant))
    outlet = town.fruit.outlet.pk
    assert stranger.get(f"holds/{number}?outlet={outlet}").json()["code"] == "hold_unknown"
    assert (
        stranger.post(f"holds/{number}/capture", {"outlet": outlet, "bill_fen": 100}).json()["code"] == "hold_unknown"
    )
    assert stranger.post(f"holds/{number}/void", {"outlet": outlet}).json()["code"] == "hold_unknown"
    assert stranger.get(f"holds/{number}?outlet={town.hotpot.outlet.pk}").status_code == 404
    assert Hold.objects.get(pk=number).is_open


def test_it_needs_the_scopes_of_a_spending(town: Town) -> None:
    sells = Machine(api_key(town.hotpot.merchant, scopes=["sales:write"]))
    assert sells.post("holds", body(town)).json()["code"] == "api_scope_missing"
    spends = Machine(api_key(town.hotpot.merchant, scopes=["spends:write"]))
    number = spends.post("holds", body(town)).json()["id"]
    # Money on the bill earns: that is a sale.
    assert spends.post(f"holds/{number}/capture", here(town, bill_fen=9_000)).json()["code"] == "api_scope_missing"
    receipt = spends.post(f"holds/{number}/capture", here(town, bill_fen=9_000, eligible_fen=0)).json()
    assert (receipt["spent_points"], receipt["points"]) == (3_000, 0)
