"""A fall lasts as long in every table as in the sentences and metrics beside it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd

from jesse_nb.core.analysis.curves.drawdown_statistics import drawdown_statistics
from jesse_nb.core.study.ratios import equity_ratios
from jesse_nb.report.analyze import analysis_tables
from jesse_nb.report.backtest import backtest_tables
from tests.analysis.results import make_backtest


def test_the_longest_fall_is_the_same_on_every_page():
    values = np.concatenate([[100.0, 110.0], np.full(56, 100.0), [111.0, 112.0, 108.0, 107.0, 113.0]])
    equity = pd.Series(values, index=pd.date_range("2023-01-01", periods=len(values), tz="UTC"))
    below = 56  # samples below 110: Jesse's max_underwater_period counts to the last of them
    assert equity_ratios(equity)["max_underwater_period"] == drawdown_statistics(equity).max_duration == below
    analysis = analysis_tables.drawdowns_table(drawdown_statistics(equity))
    listed = backtest_tables.drawdowns_table(replace(make_backtest(trades=0), equity=equity))
    for table in (analysis, listed):
        place = table.head.index("days below")
        assert [row[place].text for row in table.rows] == ["56", "2"]
