import pytest

from alliance.calc import chart


@pytest.mark.parametrize(
    ("top", "ceiling"),
    [(0, 4), (1, 1), (4, 4), (5, 8), (18_942, 20_000), (20_000, 20_000), (20_001, 40_000), (0.5, 0.8)],
)
def test_the_scale_ends_at_a_round_number_above_every_value(top: float, ceiling: float) -> None:
    assert chart.ceiling([top]) == pytest.approx(ceiling)


def test_bars_stand_on_the_ground_and_reach_their_share_of_the_scale() -> None:
    box = chart.box(["Mon", "Tue"], [10, 20], ["¥10", "¥20"], width=200, height=100)
    assert [(bar.y, bar.height) for bar in box.bars] == [(50, 50), (0, 100)]
    assert [bar.x + bar.width / 2 for bar in box.bars] == [50, 150]
    assert box.summary == "Mon ¥10 … Tue ¥20"


def test_a_negative_value_has_no_bar() -> None:
    assert chart.box(["a"], [-3], ["-3"], width=10, height=10).bars[0].height == 0


def test_at_most_six_labels_and_always_the_last() -> None:
    days = [str(n) for n in range(31)]
    shown = [bar.label for bar in chart.box(days, [1] * 31, days, width=600, height=100).bars if bar.is_labelled]
    assert len(shown) <= 6
    assert shown[-1] == "30"


def test_nothing_to_show_is_an_empty_chart() -> None:
    assert chart.box([], [], [], width=10, height=10).bars == []
    assert chart.points([], 10, 10) == ""


def test_a_line_goes_through_the_points_that_exist() -> None:
    assert chart.points([1, 3, 2], 100, 24) == "0.0,22.0 50.0,2.0 100.0,12.0"


def test_a_flat_line_lies_in_the_middle() -> None:
    assert chart.points([7, 7], 10, 20) == "0.0,10.0 10.0,10.0"
