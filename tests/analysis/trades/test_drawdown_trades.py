"""The worst drawdowns, and the trades that were open in them."""

from __future__ import annotations

import numpy as np
import pandas as pd

from jesse_nb.core.analysis.curves.drawdown_statistics import drawdowns
from jesse_nb.core.analysis.trades.drawdown_trades import worst_drawdowns


def test_trades_are_those_open_between_peak_and_trough():
    random = np.random.default_rng(4)
    for _ in range(30):
        days = pd.date_range("2023-01-01", periods=60, tz="UTC")
        equity = pd.Series(10_000 * np.exp(np.cumsum(random.normal(0, 0.02, 60))), index=days)
        opened = days[0] + pd.to_timedelta(np.sort(random.integers(0, 59 * 24, 25)), unit="h")
        trades = pd.DataFrame({"opened_at": opened, "pnl": random.normal(0, 50, 25),
                               "closed_at": opened + pd.to_timedelta(random.integers(1, 90, 25), unit="h")})
        found = worst_drawdowns(equity, trades, 3)
        assert found["depth"].tolist() == sorted(drawdowns(equity)["depth"])[:3]
        for row in found.to_dict("records"):
            inside = [number for number, trade in enumerate(trades.to_dict("records"), start=1)
                      if trade["opened_at"] < row["trough"] and trade["closed_at"] > row["start"]]
            assert row["numbers"] == tuple(inside)
            losses = [trades["pnl"].iloc[number - 1] for number in inside if trades["pnl"].iloc[number - 1] < 0]
            assert (row["trades"], row["losing"]) == (len(inside), len(losses))
            assert np.isclose(row["lost"], sum(losses))
    assert worst_drawdowns(equity, trades.iloc[:0])["trades"].eq(0).all()
    assert worst_drawdowns(equity.sort_values().set_axis(days), trades).empty
