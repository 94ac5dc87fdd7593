"""The picture of the calendar: months in their places, bars that tell the truth."""

from __future__ import annotations

from datetime import date

from members.calc.strip import HEIGHT, LOWEST, WIDTH, strip

TODAY = date(2026, 11, 20)


def test_it_works():
    found = strip(TODAY, {date(2026, 12, 31): 800}, {date(2027, 3, 31): 200}, date(2027, 1, 19))
    assert len(found.slots) == 12
    assert [slot.month for slot in found.slots[:3]] == [date(2026, 11, 1), date(2026, 12, 1), date(2027, 1, 1)]
    december, march = found.slots[1], found.slots[4]
    assert (december.ready, december.pending, december.is_soon) == (800, 0, True)
    assert (march.ready, march.pending, march.is_soon) == (0, 200, False)
    assert december.ready_height == 4 * march.pending_height == HEIGHT
    assert march.pending_y + march.pending_height == HEIGHT
    assert all(slot.x >= 0 and slot.x + slot.width <= WIDTH for slot in found.slots)


def test_both_parts_stand_on_each_other():
    (slot,) = [s for s in strip(TODAY, {TODAY: 300}, {TODAY: 100}, TODAY).slots if s.points]
    assert slot.pending_y + slot.pending_height == slot.ready_y
    assert slot.points == 400


def test_it_reaches_to_the_last_month_and_no_further_than_three_years():
    assert len(strip(TODAY, {date(2028, 12, 31): 1}, {}, TODAY).slots) == 26
    assert len(strip(TODAY, {date(2099, 12, 31): 1}, {}, TODAY).slots) == 36


def test_what_should_have_lapsed_stands_in_the_first_month():
    assert strip(TODAY, {date(2026, 9, 30): 7}, {}, TODAY).slots[0].ready == 7


def test_a_small_sum_is_still_to_be_seen():
    slots = strip(TODAY, {date(2026, 12, 31): 100_000, date(2027, 3, 31): 1}, {}, TODAY).slots
    assert slots[4].ready_height == LOWEST


def test_nothing_is_an_empty_strip():
    assert not [slot for slot in strip(TODAY, {}, {}, TODAY).slots if slot.points]
