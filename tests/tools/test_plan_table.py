"""What `--show-windows` shows."""

from __future__ import annotations

import pytest

from jesse_nb.core.study.windows import walk_forward_windows
from jesse_nb.core.tools.cpcv.cpcv_groups import cpcv_groups
from jesse_nb.core.tools.plan_table import plan_table
from jesse_nb.exceptions import InputError, PeriodError


def test_windows_are_those_that_would_run() -> None:
    days = {"in_sample_period": 90, "out_sample_period": 20, "step_forward": 11, "gap": 3}
    period = {"start": "2023-01-01", "end": "2023-08-05 12:00"}
    table = plan_table({**period, "symbol": "BTC-USDT", **days, "anchored": None})
    windows = walk_forward_windows(**period, **days)
    assert [int(text) for text in table["window"]] == [one.number for one in windows]
    assert [float(text) for text in table["test days"]] == [one.test_days for one in windows]
    assert [float(text) for text in table["train days"]] == [one.train_days for one in windows]
    assert list(table["partial"] == "yes") == [one.partial for one in windows]
    assert table["test days"].iloc[-1] == f"{windows[-1].test_days:g}"


def test_left_out_days_are_the_tools_defaults() -> None:
    table = plan_table({"start": "2022-01-01", "end": "2023-06-01", "split": None, "step_forward": None})
    assert len(table) == len(walk_forward_windows("2022-01-01", "2023-06-01")) > 1
    assert set(table["train days"]) == {"365"}


def test_groups_of_a_cross_validation() -> None:
    table = plan_table({"split": "cpcv", "start": "2023-01-01", "end": "2023-02-01", "groups": 4, "gap": 1})
    groups = cpcv_groups("2023-01-01", "2023-02-01", groups=4, gap=1)
    assert [float(text) for text in table["days"]] == [group.days for group in groups]
    assert table["from"].iloc[0] == "2023-01-01"
    assert table["to"].iloc[-1] == "2023-02-01"


def test_what_does_not_fit_is_said() -> None:
    with pytest.raises(PeriodError, match="do not fit"):
        plan_table({"start": "2023-01-01", "end": "2023-02-01"})
    with pytest.raises(InputError, match="'cpcv'"):
        plan_table({"start": "2023-01-01", "end": "2023-02-01", "split": "cpvc"})
    with pytest.raises(PeriodError, match="start"):
        plan_table({})
