"""Rows 41 and 42 at the API: whose time counts, and points that a till took without a connection."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from itertools import count
from typing import Any

import pytest
from django.core.cache import cache
from django.test import override_settings
from django.utils import timezone

from alliance.calc.worktime import SHANGHAI
from merchants import offline, sales
from merchants.models import OfflineSpend, SyncMark
from merchants.models.key import Scope
from points import identify
from points.bills import Caller
from points.models import Key, Pass, Sale, Transfer, Wallet
from points.verify import checks
from tests.api.conftest import Machine
from tests.api.test_races import at_once
from tests.cast import Town
from tests.factories.merchants import api_key, token
from tests.factories.shops import shop

_NUMBERS = count(1)
MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)


@pytest.fixture
def now(town: Town) -> datetime:
    assert town.zhou and town.lin and town.hotpot
    return timezone.now()


def line(given: str, at: datetime | None, bill_fen: int = 10_000, **more: Any) -> dict[str, Any]:
    more = {"key": f"offline-{next(_NUMBERS)}", **more}
    return {"member": given, "bill_fen": bill_fen, **({"occurred_at": at.isoformat()} if at else {}), **more}


def spend(wallet_id: int, at: datetime, points: int = 2_000, bill_fen: int = 5_000, **more: Any) -> dict[str, Any]:
    return line(identify.show_code(wallet_id, at).digits, at, bill_fen, spend_points=points, **more)


def send(town: Town, pos: Machine, *lines: dict[str, Any], **more: Any) -> list[dict[str, Any]]:
    answer = pos.post("sales/batch", {"outlet": town.hotpot.outlet.pk, "sales": list(lines), **more})
    assert answer.status_code == 200, answer.content
    results: list[dict[str, Any]] = answer.json()["results"]
    return results


def single(town: Town, pos: Machine, at: datetime, **more: Any) -> int:
    body = {"outlet": town.hotpot.outlet.pk, "member": "13800138002", "bill_fen": 1_000, **more}
    answer = pos.post("sales", {**body, "occurred_at": at.isoformat()})
    assert answer.status_code == 201, answer.content
    number: int = answer.json()["id"]
    return number


def is_believed(sale_id: int, at: datetime) -> bool:
    return Sale.objects.get(pk=sale_id).event_at == at


def code_of(result: dict[str, Any]) -> Any:
    return result["problem"]["code"] if result["problem"] else result["status"]


def noon_before(at: datetime) -> datetime:
    """Return yesterday's noon in Shanghai: minutes around it are one day."""
    return (at.astimezone(SHANGHAI) - timedelta(days=1)).replace(hour=12, minute=0, second=0, microsecond=0)


def is_clean() -> bool:
    return not any(check.differences for check in checks())


# --- row 41: the last sync ----------------------------------------------------------------------


def test_what_a_device_sends_after_a_whole_batch_goes_by_its_arrival(town: Town, pos: Machine, now: datetime) -> None:
    first = send(town, pos, line("13800138002", now - 3 * HOUR), device="till-1")
    assert is_believed(first[0]["sale"]["id"], now - 3 * HOUR)
    # The clock jumps back: the till says that this was before everything was sent.
    second = send(town, pos, line("13800138002", now - 2 * HOUR), device="till-1")
    assert not is_believed(second[0]["sale"]["id"], now - 2 * HOUR)


def test_two_devices_of_one_key_have_marks_of_their_own(town: Town, pos: Machine, now: datetime) -> None:
    send(town, pos, line("13800138002", now - 3 * HOUR), device="till-1")
    other = send(town, pos, line("13800138002", now - 2 * HOUR), device="till-2")
    assert is_believed(other[0]["sale"]["id"], now - 2 * HOUR)
    assert SyncMark.objects.count() == 2


def test_without_a_name_the_key_is_one_device(town: Town, pos: Machine, now: datetime) -> None:
    send(town, pos, line("13800138002", now - 3 * HOUR))
    assert not is_believed(single(town, pos, now - 2 * HOUR), now - 2 * HOUR)
    other = Machine(api_key(town.hotpot.merchant))
    assert is_believed(single(town, other, now - 2 * HOUR), now - 2 * HOUR)


def test_late_single_sales_move_the_mark_to_the_newest_of_them(town: Town, pos: Machine, now: datetime) -> None:
    for hours in (5, 4, 4, 3):
        assert is_believed(single(town, pos, now - hours * HOUR), now - hours * HOUR)
    # Backwards by an hour: not believed, and the mark stays.
    assert not is_believed(single(town, pos, now - 4 * HOUR), now - 4 * HOUR)
    assert SyncMark.objects.get().synced_at == now - 3 * HOUR


def test_sales_of_the_last_five_minutes_write_no_mark(town: Town, pos: Machine, now: datetime) -> None:
    assert is_believed(single(town, pos, now - 4 * MINUTE), now - 4 * MINUTE)
    assert is_believed(single(town, pos, now + 2 * MINUTE), now + 2 * MINUTE)
    assert not SyncMark.objects.exists()


def test_a_clock_that_jumped_forwards_and_was_set_right_gains_nothing(town: Town, pos: Machine, now: datetime) -> None:
    # Rung up at -6 h by a clock three hours ahead, and an hour later by the right one.
    ahead = send(town, pos, line("13800138002", now - 3 * HOUR), more_follows=True)
    right = send(town, pos, line("13800138002", now - 5 * HOUR))
    assert is_believed(ahead[0]["sale"]["id"], now - 3 * HOUR)
    assert not is_believed(right[0]["sale"]["id"], now - 5 * HOUR)
    far = send(town, pos, line("13800138002", now + HOUR))
    assert code_of(far[0]) == "time_out_of_range"


def test_a_phone_that_was_offline_for_a_week(town: Town, pos: Machine, now: datetime) -> None:
    days = [now - timedelta(days=n) for n in (7, 5, 2)]
    told = send(town, pos, *(line("13800138002", at) for at in days))
    assert [is_believed(result["sale"]["id"], at) for result, at in zip(told, days, strict=True)] == [
        False,
        False,
        True,
    ]


def test_a_queue_of_several_batches_is_believed_until_its_last_one(town: Town, pos: Machine, now: datetime) -> None:
    times = [now - n * HOUR for n in (9, 8, 7)]
    for n, at in enumerate(times):
        (told,) = send(town, pos, line("13800138002", at), device="till-1", more_follows=n < 2)
        assert is_believed(told["sale"]["id"], at)
    (told,) = send(town, pos, line("13800138002", now - HOUR), device="till-1")
    assert not is_believed(told["sale"]["id"], now - HOUR)


def test_the_same_batch_again_gets_its_answers_and_moves_nothing(town: Town, pos: Machine, now: datetime) -> None:
    lines = [line("13800138002", now - 3 * HOUR), line("13800138001", now - 2 * HOUR)]
    first = send(town, pos, *lines)
    mark = SyncMark.objects.get().synced_at
    again = send(town, pos, *lines)
    assert [result["sale"] for result in again] == [result["sale"] for result in first]
    assert SyncMark.objects.get().synced_at == mark


def test_a_batch_that_the_till_will_send_again_is_no_sync(town: Town, pos: Machine, now: datetime) -> None:
    for _n in range(32):
        code = f"6{next(_NUMBERS):017d}"
        pos.post("identify", {"outlet": town.hotpot.outlet.pk, "member": code})
    told = send(town, pos, line("13800138002", now - 3 * HOUR), line("6" + "0" * 17, None))
    assert [code_of(result) for result in told] == ["booked", "too_many_codes"]
    assert not SyncMark.objects.exists()
    cache.clear()


def test_the_devices_own_word_still_counts(town: Town, pos: Machine, now: datetime) -> None:
    (told,) = send(town, pos, line("13800138002", now - 3 * HOUR, synced_at=(now - HOUR).isoformat()))
    assert not is_believed(told["sale"]["id"], now - 3 * HOUR)


@pytest.mark.parametrize("name", ["", "a b", "x" * 65, "名", 5, None])
def test_a_device_has_a_plain_name(town: Town, pos: Machine, now: datetime, name: Any) -> None:
    body = {"outlet": town.hotpot.outlet.pk, "device": name, "sales": [line("13800138002", now - HOUR)]}
    answer = pos.post("sales/batch", body)
    assert (answer.status_code, answer.json()["code"]) == (422, "input_invalid")


def test_devices_beyond_the_most_count_as_one(
    town: Town, pos: Machine, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(offline, "MOST_DEVICES", 2)
    for n in range(4):
        single(town, pos, now - 5 * HOUR, device=f"till-{n}")
    assert sorted(SyncMark.objects.values_list("device", flat=True)) == ["*", "device:till-0", "device:till-1"]
    assert not is_believed(single(town, pos, now - 6 * HOUR, device="till-9"), now - 6 * HOUR)


def test_marks_end_when_they_mean_nothing(town: Town, pos: Machine, now: datetime) -> None:
    single(town, pos, now - 50 * HOUR)
    assert offline.forget(now - 51 * HOUR) == 0
    assert offline.forget(now - 49 * HOUR) == 1


# --- row 42: points taken offline ---------------------------------------------------------------


def test_points_taken_offline_are_an_ordinary_spending(town: Town, pos: Machine, now: datetime) -> None:
    at = now - 5 * HOUR
    (told,) = send(town, pos, spend(town.lin.wallet_id, at, reference="A-1"))
    assert (told["status"], told["sale"]["spent_points"], told["sale"]["paid_fen"]) == ("booked", 2_000, 3_000)
    assert is_believed(told["sale"]["id"], at)
    row = OfflineSpend.objects.get()
    assert (row.state, row.points, row.reference, row.taken_at) == ("covered", 2_000, "A-1", at)
    assert is_clean()


def test_what_the_wallet_lacks_is_the_shops_risk(town: Town, pos: Machine, now: datetime) -> None:
    sent = [
        spend(town.zhou.wallet_id, now - 5 * HOUR, 1_500, 5_000, reference="A-1"),
        line("13800138001", now - 4 * HOUR),
    ]
    first, other = send(town, pos, *sent)
    assert (first["status"], first["problem"]["code"], first["problem"]["facts"]) == (
        "spend_at_merchants_risk",
        "spend_at_merchants_risk",
        {"points": 1_500},
    )
    sale = first["sale"]
    assert (sale["status"], sale["bill_fen"], sale["paid_fen"], sale["spent_points"]) == ("booked", 3_500, 3_500, 0)
    assert sale["points"] == 175
    assert other["status"] == "booked"
    assert not Transfer.objects.filter(wallet_id=town.zhou.wallet_id, kind=Transfer.Kind.SPEND).exists()
    row = OfflineSpend.objects.get()
    assert (row.state, row.points, row.cash_fen, row.sale_id) == ("not_covered", 1_500, 3_500, sale["id"])
    again, _other = send(town, pos, *sent)
    assert (again["status"], again["sale"], again["problem"]["facts"]) == (
        first["status"],
        first["sale"],
        {"points": 1_500},
    )
    assert (first["is_replay"], again["is_replay"]) == (False, True)
    assert (OfflineSpend.objects.count(), Sale.objects.filter(wallet_id=town.zhou.wallet_id).count()) == (1, 1)
    assert is_clean()


def test_a_bill_all_in_points_leaves_no_sale(town: Town, now: datetime) -> None:
    whole = shop("全积分店", spend_share_bps=10_000)
    pos = Machine(api_key(whole.merchant))
    body = {"outlet": whole.outlet.pk, "sales": [spend(town.zhou.wallet_id, now - HOUR, 1_000, 1_000)]}
    for is_replay in (False, True):
        answer = pos.post("sales/batch", body).json()
        (told,) = answer["results"]
        assert (told["status"], told["sale"], told["is_replay"]) == ("spend_at_merchants_risk", None, is_replay)
        assert answer["at_merchants_risk"] == 1
    assert OfflineSpend.objects.get().sale_id is None
    assert not Sale.objects.filter(wallet_id=town.zhou.wallet_id).exists()


def test_lines_keep_their_part_of_the_money(town: Town, pos: Machine, now: datetime) -> None:
    lines = [{"fen": 3_000, "category": "meat"}, {"fen": 1_000, "category": "deposit", "earns": False}]
    (told,) = send(town, pos, spend(town.zhou.wallet_id, now - HOUR, 1_000, 4_000, lines=lines))
    assert told["status"] == "spend_at_merchants_risk"
    sale = Sale.objects.get(pk=told["sale"]["id"])
    assert (sale.paid_fen, sale.eligible_fen) == (3_000, 2_250)


def test_a_number_alone_is_not_enough(town: Town, pos: Machine, now: datetime) -> None:
    at = now - HOUR
    told = send(
        town,
        pos,
        line("13800138001", at, 5_000, spend_points=100),
        line(token(town.hotpot, town.lin.wallet_id), at, 5_000, spend_points=100),
        line(identify.show_code(town.lin.wallet_id, now).digits, None, 5_000, spend_points=100),
        line("13800138002", at),
    )
    assert [code_of(result) for result in told] == ["offline_spend_needs_code"] * 3 + ["booked"]
    # The code was not used up by the refusal.
    (told_then,) = send(town, pos, spend(town.lin.wallet_id, now, 100))
    assert told_then["status"] == "booked"


def test_a_code_is_read_for_its_own_time(town: Town, pos: Machine, now: datetime) -> None:
    at = now - 2 * HOUR
    lin = town.lin.wallet_id
    code = identify.show_code(lin, at).digits
    told = send(
        town,
        pos,
        line(code, at + 3 * MINUTE, 5_000, spend_points=100),
        line(code, at + 40 * MINUTE, 5_000, spend_points=100),
        line(code[:-1] + str((int(code[-1]) + 1) % 10), at, 5_000, spend_points=100),
        line(identify.show_code(lin, now - 73 * HOUR).digits, now - 73 * HOUR, 5_000, spend_points=100),
        line(code, at + timedelta(seconds=20), 5_000, spend_points=100),
    )
    assert [code_of(result) for result in told] == [
        "code_of_another_time",
        "code_of_another_time",
        "code_unknown",
        "offline_code_too_late",
        "booked",
    ]


def test_a_code_counts_once_on_and_off_the_net(town: Town, pos: Machine, now: datetime) -> None:
    lin = town.lin.wallet_id
    at = now - 2 * MINUTE
    # Used online, then another one online, then a shop that wrote the first one down.
    for moment in (at, at + MINUTE):
        identify.by_code(identify.show_code(lin, moment).digits, moment)
    told = send(town, pos, spend(lin, at, 100), spend(lin, at - HOUR, 100), spend(lin, at - HOUR, 100))
    assert [code_of(result) for result in told] == ["code_used", "booked", "code_used"]
    used = Pass.objects.get(pk=lin)
    assert len(used.used_steps) == 3
    # Newer codes go on working, older ones do not come back.
    identify.by_code(identify.show_code(lin, now).digits, now)


def test_used_steps_are_forgotten_after_three_days(town: Town, pos: Machine, now: datetime) -> None:
    lin = town.lin.wallet_id
    identify.by_code(identify.show_code(lin, now - 80 * HOUR).digits, now - 80 * HOUR)
    identify.by_code(identify.show_code(lin, now).digits, now)
    assert len(Pass.objects.get(pk=lin).used_steps) == 1


def test_above_the_limits_a_line_is_refused_and_the_others_go_on(town: Town, pos: Machine, now: datetime) -> None:
    lin = town.lin.wallet_id
    with override_settings(OFFLINE_SPEND_DAY_FEN=3_000):
        noon = noon_before(now)
        sent = [
            spend(lin, noon, 2_001),
            spend(lin, noon - MINUTE, 2_000),
            spend(lin, noon - 2 * MINUTE, 1_001),
            spend(lin, noon - 3 * MINUTE, 1_000),
        ]
        expected = ["offline_spend_too_large", "booked", "offline_spend_day_used_up", "booked"]
        assert [code_of(result) for result in send(town, pos, *sent)] == expected
        assert [code_of(result) for result in send(town, pos, *sent)] == expected
        (told,) = send(town, pos, spend(lin, noon - 4 * MINUTE, 1))
        assert code_of(told) == "offline_spend_day_used_up"
        assert told["problem"]["facts"] == {"most": 3_000}
        # Another day has a limit of its own.
        (told,) = send(town, pos, spend(lin, noon - 24 * HOUR, 2_000))
        assert told["status"] == "booked"
    assert is_clean()


def test_what_was_not_covered_counts_for_the_day_too(town: Town, pos: Machine, now: datetime) -> None:
    at = noon_before(now)
    zhou = town.zhou.wallet_id
    told = send(town, pos, *(spend(zhou, at - n * MINUTE) for n in range(3)))
    assert [code_of(result) for result in told] == ["spend_at_merchants_risk"] * 2 + ["offline_spend_day_used_up"]


def test_the_key_needs_the_scope(town: Town, now: datetime) -> None:
    pos = Machine(api_key(town.hotpot.merchant, scopes=[Scope.SALES]))
    told = send(town, pos, spend(town.lin.wallet_id, now - HOUR), line("13800138001", now - HOUR))
    assert [code_of(result) for result in told] == ["api_scope_missing", "booked"]


def test_a_frozen_wallet_is_refused(town: Town, pos: Machine, now: datetime) -> None:
    Wallet.objects.filter(pk=town.lin.wallet_id).update(frozen_at=now)
    (told,) = send(town, pos, spend(town.lin.wallet_id, now - HOUR))
    assert code_of(told) == "wallet_frozen"
    assert not OfflineSpend.objects.exists()


def test_a_code_may_also_say_who_bought(town: Town, pos: Machine, now: datetime) -> None:
    at = now - 5 * HOUR
    sent = line(identify.show_code(town.zhou.wallet_id, at).digits, at)
    (told,) = send(town, pos, sent)
    assert (told["status"], told["sale"]["points"]) == ("booked", 500)
    (again,) = send(town, pos, sent)
    assert (again["sale"], again["is_replay"]) == (told["sale"], True)


def test_a_kill_between_the_two_bookings_is_made_up(
    town: Town, pos: Machine, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent = spend(town.zhou.wallet_id, now - HOUR, 1_500, 5_000)

    def killed(*_arguments: Any, **_more: Any) -> Iterator[None]:
        raise SystemExit

    with monkeypatch.context() as patch:
        patch.setattr(sales, "_book_money", killed)
        with pytest.raises(SystemExit):
            send(town, pos, sent)
    assert (OfflineSpend.objects.get().sale_id, Sale.objects.filter(wallet_id=town.zhou.wallet_id).count()) == (None, 0)
    assert not SyncMark.objects.exists()
    (told,) = send(town, pos, sent)
    assert (told["status"], told["sale"]["bill_fen"], told["is_replay"]) == ("spend_at_merchants_risk", 3_500, False)
    (again,) = send(town, pos, sent)
    assert (again["sale"], again["is_replay"]) == (told["sale"], True)
    assert OfflineSpend.objects.get().sale_id == told["sale"]["id"]
    assert Sale.objects.filter(wallet_id=town.zhou.wallet_id).count() == 1
    assert is_clean()


def test_the_key_keeps_its_refusal(town: Town, pos: Machine, now: datetime) -> None:
    sent = spend(town.zhou.wallet_id, now - HOUR, 1_500, 5_000)
    send(town, pos, sent)
    caller = Caller("merchant", town.hotpot.merchant.pk)
    keys = Key.objects.filter(caller_id=caller.id, caller_kind=caller.number)
    # Points short, and the money part as a sale.
    assert sorted(keys.values_list("status", flat=True)) == [0, 2]
    (changed,) = send(town, pos, {**sent, "bill_fen": 6_000})
    assert code_of(changed) == "key_reused"
    assert keys.count() == 2


# --- races --------------------------------------------------------------------------------------


@pytest.fixture
def open_town(transactional_db: None) -> Town:
    cache.clear()
    return Town()


@pytest.mark.race
@pytest.mark.django_db(transaction=True)
def test_the_same_batch_twice_at_once(open_town: Town) -> None:
    town = open_town
    lin, zhou, now = town.lin.wallet_id, town.zhou.wallet_id, timezone.now()
    secret = api_key(town.hotpot.merchant)
    sent = [spend(zhou, now - HOUR, 1_500), spend(lin, now - HOUR, 1_000), line("13800138002", now - HOUR)]
    start = Sale.objects.count()
    results = at_once(4, lambda n: send(town, Machine(secret), *(sent if n % 2 else sent[::-1])))
    told = [{result["key"]: (result["status"], result["sale"]) for result in each} for each in results]
    assert all(each == told[0] for each in told)
    assert sorted(status for status, _sale in told[0].values()) == ["booked", "booked", "spend_at_merchants_risk"]
    assert (Sale.objects.count() - start, OfflineSpend.objects.count()) == (3, 2)
    assert is_clean()


@pytest.mark.race
@pytest.mark.django_db(transaction=True)
def test_one_code_and_one_day_under_many_keys_at_once(open_town: Town) -> None:
    town = open_town
    lin, now = town.lin.wallet_id, timezone.now()
    secret = api_key(town.hotpot.merchant)
    answers = at_once(6, lambda _n: send(town, Machine(secret), spend(lin, now - HOUR, 100))[0])
    assert sorted(map(code_of, answers)) == ["booked"] + ["code_used"] * 5
    answers = at_once(5, lambda n: send(town, Machine(secret), spend(lin, noon_before(now) - n * MINUTE, 1_300))[0])
    assert sorted(map(code_of, answers)) == ["booked"] * 3 + ["offline_spend_day_used_up"] * 2
    assert is_clean()
