"""Trades of two runs matched, against a dictionary of openings."""

from __future__ import annotations

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jesse_nb.core.analysis.comparison.trade_matching import MATCH_COLUMNS, matched_trades

hours = st.integers(0, 12)
trades = st.lists(st.tuples(st.sampled_from(["BTC-USDT", "ETH-USDT"]), st.sampled_from(["long", "short"]), hours,
                            st.integers(1, 3), st.sampled_from([1.0, 2.0])), max_size=12,
                  unique_by=lambda trade: trade[:3])


def table(rows):
    frame = pd.DataFrame([(symbol, side, opened, opened + held, 100.0, 101.0, qty, qty) for symbol, side, opened, held,
                          qty in rows], columns=["symbol", "side", "opened_at", "closed_at", "entry_price",
                                                 "exit_price", "qty", "pnl"])
    for name in ("opened_at", "closed_at"):
        frame[name] = pd.to_datetime(frame[name].astype("int64"), unit="h", utc=True)
    return frame


@settings(max_examples=40)
@given(trades, trades)
def test_each_trade_is_found_once(base, other):
    mine, its = ({trade[:3]: trade for trade in rows} for rows in (base, other))
    found = matched_trades(table(base), table(other))
    assert list(found) == list(MATCH_COLUMNS)
    counts = found["found"].value_counts()
    both = mine.keys() & its.keys()
    assert counts.get("alike", 0) == sum(mine[key] == its[key] for key in both)
    assert counts.get("differs", 0) == sum(mine[key] != its[key] for key in both)
    assert counts.get("only base", 0) == len(mine.keys() - its.keys())
    assert counts.get("only other", 0) == len(its.keys() - mine.keys())
    assert found["opened_at"].is_monotonic_increasing


def test_two_that_open_at_one_moment_are_two():
    twice = table([("BTC-USDT", "long", 1, 1, 1.0)]).loc[[0, 0]]
    assert matched_trades(twice, twice)["found"].tolist() == ["alike", "alike"]
    assert matched_trades(twice, twice.iloc[:1])["found"].tolist() == ["alike", "only base"]
    dearer = twice.assign(entry_price=100.0 * (1 + 1e-6))
    found = matched_trades(twice, dearer)
    assert found["found"].tolist() == ["differs", "differs"]
    assert found["entry_other"].iloc[0] == pytest.approx(100.0001)
