"""Where a walk-forward trains and tests."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jesse_nb.core.study.windows import Window, walk_forward_windows, windows_table
from jesse_nb.core.times import DAY_MS, to_ms
from jesse_nb.exceptions import InputError, PeriodError

START = to_ms("2023-01-01")


def windows(days: int, **settings: Any) -> tuple[Window, ...]:
    return walk_forward_windows(START, START + days * DAY_MS, **settings)


def test_rolling_windows_step_forward_with_their_training() -> None:
    table = windows_table(windows(120, in_sample_period=60, out_sample_period=20, step_forward=20, gap=2))
    assert table["train from"].tolist() == ["2023-01-01", "2023-01-21", "2023-02-10"]
    assert table["train to"].tolist() == ["2023-03-02", "2023-03-22", "2023-04-11"]
    assert table["test from"].tolist() == ["2023-03-04", "2023-03-24", "2023-04-13"]
    assert table["test to"].tolist() == ["2023-03-24", "2023-04-13", "2023-05-01"]
    assert table["partial"].tolist() == [False, False, True]
    assert table["test days"].tolist() == [20, 20, 18]


def test_anchored_windows_train_from_the_start_on() -> None:
    found = windows(120, in_sample_period=60, out_sample_period=20, step_forward=20, anchored=True)
    assert {window.train_start for window in found} == {START}
    assert [window.train_days for window in found] == [60, 80, 100]


def test_a_last_window_needs_half_of_its_days() -> None:
    assert not windows(100, in_sample_period=60, out_sample_period=20, step_forward=20)[-1].partial
    assert windows(110, in_sample_period=60, out_sample_period=20, step_forward=20)[-1].partial
    assert len(windows(109, in_sample_period=60, out_sample_period=20, step_forward=20)) == 2


@given(
    days=st.integers(30, 900), train=st.integers(1, 200), test=st.integers(1, 90), step=st.integers(1, 90),
    gap=st.integers(0, 20), anchored=st.booleans(),
)
def test_windows_never_train_on_what_they_are_tested_on(days: int, train: int, test: int, step: int, gap: int,
                                                        anchored: bool) -> None:
    settings = {"in_sample_period": train, "out_sample_period": test, "step_forward": step, "gap": gap}
    try:
        found = windows(days, anchored=anchored, **settings)
    except PeriodError:
        assert train + gap + test / 2 > days
        return
    for number, window in enumerate(found):
        assert window.number == number
        assert window.test_start - window.train_end == gap * DAY_MS
        assert START <= window.train_start < window.train_end <= window.test_start < window.test_end
        assert window.test_end <= START + days * DAY_MS
        assert 2 * window.test_days >= test
        assert window.partial == (window.test_days < test)
        assert window.test_start == found[0].test_start + number * step * DAY_MS
    assert not any(window.partial for window in found[:-1])


BAD: dict[str, tuple[dict[str, Any], type[Exception], str]] = {
    "longer than the data": ({"in_sample_period": 365}, PeriodError, "do not fit"),
    "zero days": ({"in_sample_period": 0}, InputError, "in_sample_period is 0"),
    "negative days": ({"out_sample_period": -5}, InputError, "out_sample_period is -5"),
    "step 0": ({"step_forward": 0}, InputError, "step_forward is 0"),
    "negative gap": ({"gap": -1}, InputError, "gap is -1"),
    "half a day": ({"out_sample_period": 0.5}, InputError, "whole number of days"),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_windows_are_one_clear_line(name: str) -> None:
    settings, error, words = BAD[name]
    with pytest.raises(error, match=words):
        windows(100, **({"in_sample_period": 50} | settings))


def test_an_end_before_the_start_is_said() -> None:
    with pytest.raises(PeriodError, match="must come after"):
        walk_forward_windows("2024-01-01", "2023-01-01")
