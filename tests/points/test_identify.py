from datetime import timedelta

import pytest

from alliance.refusals import Refused
from points import accounts, identify
from points.calc import codes
from points.models import Handle, Pass, Wallet
from tests.points.shops import NOON, TEST


@pytest.fixture
def wallet(db: None) -> Wallet:
    opened = accounts.open_wallet(NOON)
    identify.open_pass(opened.pk, NOON)
    identify.attach(wallet_id=opened.pk, kind="phone", value="+8613800138001", at=NOON)
    return opened


def refused(code: str, verb: object, *args: object, **more: object) -> None:
    with pytest.raises(Refused) as caught:
        verb(*args, **more)  # type: ignore[operator]
    assert caught.value.code == code
    assert caught.value.text()


def test_a_code_finds_the_wallet_once(wallet: Wallet) -> None:
    code = identify.show_code(wallet.pk, NOON)
    assert (len(code.digits), code.digits[0]) == (18, "6")
    found = identify.by_code(code.digits, NOON + timedelta(seconds=10))
    assert (found.wallet_id, found.proof, found.mark) == (wallet.pk, "code", code.mark)
    assert identify.code_was_used(wallet.pk, NOON)
    refused("code_used", identify.by_code, code.digits, NOON + timedelta(seconds=12))


def test_a_code_counts_in_its_step_and_the_next_and_not_after_61_seconds(wallet: Wallet) -> None:
    code = identify.show_code(wallet.pk, NOON)
    refused("code_expired", identify.by_code, code.digits, NOON + timedelta(seconds=61))
    assert identify.by_code(code.digits, NOON + timedelta(seconds=59)).wallet_id == wallet.pk
    refused("code_unknown", identify.by_code, "6" + "0" * 17, NOON)
    refused("code_unknown", identify.by_code, "１２３", NOON)
    # An older code does not count after a newer one.
    first, second = identify.next_codes(wallet.pk, NOON + timedelta(minutes=5), 2)
    identify.by_code(second.digits, second.valid_from)
    refused("code_used", identify.by_code, first.digits, second.valid_from)


def test_a_number_finds_without_proof_and_only_while_it_is_held(wallet: Wallet) -> None:
    assert identify.by_phone("+86 138-0013-8001", NOON).proof == "phone"
    assert b"138" not in bytes(Handle.objects.get(wallet=wallet).digest)
    other = accounts.open_wallet(NOON)
    refused("handle_taken", identify.attach, wallet_id=other.pk, kind="phone", value="+8613800138001", at=NOON)
    identify.attach(wallet_id=wallet.pk, kind="phone", value="+8613800138001", at=NOON)
    identify.detach(wallet_id=wallet.pk, kind="phone", value="+8613800138001", at=NOON + timedelta(hours=1))
    refused("member_unknown", identify.by_phone, "+8613800138001", NOON + timedelta(hours=2))


def test_many_are_found_by_one_query(wallet: Wallet, django_assert_num_queries: object) -> None:
    with django_assert_num_queries(1):  # type: ignore[operator]
        found, missing = identify.many([("phone", "+8613800138001"), ("card", "1")], NOON)
    assert isinstance(found, identify.Found)
    assert isinstance(missing, Refused)


def test_five_wrong_pins_lock_it_for_fifteen_minutes(wallet: Wallet) -> None:
    refused("pin_missing", identify.check_pin, wallet.pk, "135791", NOON)
    refused("pin_weak", identify.set_pin, wallet_id=wallet.pk, pin="123456", actor=TEST, at=NOON)
    identify.set_pin(wallet_id=wallet.pk, pin="135791", actor=TEST, at=NOON)
    assert "135791" not in Pass.objects.get(pk=wallet.pk).pin_hash
    for _ in range(4):
        refused("pin_wrong", identify.check_pin, wallet.pk, "000001", NOON)
    refused("pin_locked", identify.check_pin, wallet.pk, "000001", NOON)
    refused("pin_locked", identify.check_pin, wallet.pk, "135791", NOON + timedelta(minutes=14))
    identify.check_pin(wallet.pk, "135791", NOON + timedelta(minutes=16))
    assert Pass.objects.get(pk=wallet.pk).pin_tries == 0


def test_the_mark_has_three_clear_characters_and_changes_by_day() -> None:
    marks = {codes.mark_of(b"s" * 20, NOON.date() + timedelta(days=n)) for n in range(40)}
    assert len(marks) > 35
    assert all(len(mark) == 3 and set(mark) <= set(codes.MARKS) for mark in marks)
    assert not set(codes.MARKS) & set("IL1O0")
