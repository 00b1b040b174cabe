"""Moments as users write them."""

from __future__ import annotations

from datetime import date, datetime, timedelta, timezone

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jesse_nb.core.times import DAY_MS, MINUTE_MS, TIMEFRAME_MINUTES, to_ms, utc_text
from jesse_nb.exceptions import InputError, PeriodError
from tests.conftest import real_candles

NEW_YEAR_2024 = 1_704_067_200_000


@pytest.mark.parametrize("moment", [
    "2024-01-01", "2024-1-1", " 2024-01-01 00:00", "2024-01-01T00:00:00Z", "2024-01-01 01:00+01:00", "20240101",
    "2024", "2024-01", "2024/01/01", "2024-01-01 00:00:00.000", "2024-01-01 00:00 UTC", "2023-12-31 19:00-0500",
    date(2024, 1, 1), datetime(2024, 1, 1), datetime(2024, 1, 1, tzinfo=timezone.utc),  # noqa: DTZ001
    datetime(2024, 1, 1, 2, tzinfo=timezone(timedelta(hours=2))),
    pd.Timestamp("2024-01-01"), pd.Timestamp("2023-12-31 19:00", tz="America/New_York"),
    np.datetime64("2024-01-01"), NEW_YEAR_2024, np.int64(NEW_YEAR_2024), NEW_YEAR_2024 + MINUTE_MS - 1,
])
def test_the_same_moment_in_many_forms(moment):
    assert to_ms(moment) == NEW_YEAR_2024


@pytest.mark.parametrize("moment", [
    "", "soon", "now", "today", "12", "January", "01/02/2024", "1 Jan 2024", "2024-13-01", "2024-02-30",
    "202401", "20240101120000", "2023,04,05", "2023-05-04-03", "2023-", "2023 5", "2023-04/05", "2024-01-01 12",
    "2024-01-01 25:00", "2024-01-01T", "\u0662\u0660\u0662\u0664-01-01", "2024-01-01" + "0" * 10_000,
    None, True, 1.5, [2024], pd.NaT, "NaT", 10**30, -1, 0, 1_704_067_200, "1999-01-01",
    "2101-01-01", datetime(2200, 1, 1), np.datetime64("NaT"),  # noqa: DTZ001
])
def test_what_is_no_usable_date_is_refused_by_name(moment):
    with pytest.raises(PeriodError, match=r"^start is ") as refused:
        to_ms(moment, "start")
    assert isinstance(refused.value, InputError)
    assert "\n" not in str(refused.value)


@given(st.datetimes(datetime(2009, 1, 1), datetime(2100, 12, 31), timezones=st.timezones()))  # noqa: DTZ001
def test_agrees_with_the_standard_library(moment):
    try:
        expected = int(moment.timestamp()) // 60 * MINUTE_MS
    except (OverflowError, ValueError):
        return
    if 2009 <= moment.astimezone(timezone.utc).year <= 2100:
        assert to_ms(moment) == expected


@given(st.integers(21_000_000, 60_000_000))
def test_text_round_trip(minute):
    assert to_ms(utc_text(minute * MINUTE_MS)) == minute * MINUTE_MS


def test_text_names_midnight_by_the_day():
    assert utc_text(NEW_YEAR_2024) == "2024-01-01"
    assert utc_text(NEW_YEAR_2024 + 12 * 60 * MINUTE_MS) == "2024-01-01 12:00"
    assert DAY_MS == 1_440 * MINUTE_MS


def test_timeframes_are_jesses():
    from jesse_nb.core.jesse_runtime import jesse_module

    constants = jesse_module("jesse.constants")
    assert dict(constants.TIMEFRAME_TO_ONE_MINUTES) == TIMEFRAME_MINUTES


def test_a_candles_own_time_is_a_moment():
    first = real_candles("BTC-USDT")[0, 0]
    assert to_ms(int(first)) == first
