"""Live trades beside a backtest: what is matched, what slippage is estimated, on every surface."""

from __future__ import annotations

import itertools
import json

import numpy as np
import pandas as pd
import pytest
from statsmodels.regression.linear_model import OLS

import jesse_nb as jn
from jesse_nb.cli.commands import main
from jesse_nb.core.analysis.comparison.live_matching import fills_of, match_live, slippage_table
from jesse_nb.exceptions import InputError, PeriodError
from jesse_nb.report.html import page
from tests.jobs.strategies import CROSSING
from tests.magics.conftest import notebook, run, shell  # noqa: F401 - fixtures

PERIOD = ("2023-01-20", "2023-03-01")
HOUR = pd.Timedelta(hours=1)


@pytest.fixture(scope="module")
def result(markets):
    return jn.backtest(CROSSING, "BTC-USDT", "1h", *PERIOD, candles=markets)


def worse(trades: pd.DataFrame, points: np.ndarray | float, seconds: float = 20.0) -> pd.DataFrame:
    """The trades as they could have come live: later, and at prices that cost so many basis points a fill."""
    sign = np.where(trades["side"] == "long", 1.0, -1.0)
    late = pd.Timedelta(seconds=seconds)
    return trades.assign(entry_price=trades["entry_price"] * (1 + sign * points / 1e4),
                         exit_price=trades["exit_price"] * (1 - sign * points / 1e4),
                         opened_at=trades["opened_at"] + late, closed_at=trades["closed_at"] + late)


def drawn(random: np.random.Generator, number: int) -> pd.DataFrame:
    opened = pd.Timestamp("2023-01-01", tz="UTC") + pd.to_timedelta(random.integers(0, 300, number), unit="min")
    return pd.DataFrame({
        "symbol": random.choice(["A", "B"], number), "side": random.choice(["long", "short"], number),
        "opened_at": opened, "closed_at": opened + pd.to_timedelta(random.integers(1, 90, number), unit="min"),
        "entry_price": random.uniform(90, 110, number), "exit_price": random.uniform(90, 110, number), "qty": 1.0,
        "pnl": 0.0})


def best_by_trying(left: np.ndarray, right: np.ndarray, most: float) -> tuple[int, float]:
    """Most pairs, and the smallest sum of their distances, over all ways to match."""
    best = (0, 0.0)
    for size in range(1, min(len(left), len(right)) + 1):
        for mine in itertools.combinations(range(len(left)), size):
            for theirs in itertools.permutations(range(len(right)), size):
                apart = [abs(left[one] - right[two]) for one, two in zip(mine, theirs, strict=True)]
                if max(apart) <= most and (-size, sum(apart)) < (-best[0], best[1]):
                    best = (size, sum(apart))
    return best


def test_the_best_of_all_matchings_is_found():
    random = np.random.default_rng(1)
    for _ in range(40):
        mine, theirs = drawn(random, int(random.integers(0, 9))), drawn(random, int(random.integers(0, 9)))
        found = match_live(mine, theirs, HOUR)
        assert len(found) == len(mine) + len(theirs) - (found["found"] == "both").sum()
        both = found[found["found"] == "both"]
        assert (both["entry_delay"].abs() <= 3_600).all()
        for (symbol, side), part in [((symbol, side), both[(both["symbol"] == symbol) & (both["side"] == side)])
                                     for symbol in "AB" for side in ("long", "short")]:
            moments = [frame[(frame["symbol"] == symbol) & (frame["side"] == side)]["opened_at"].astype("int64") / 1e9
                       for frame in (mine, theirs)]
            assert (len(part), part["entry_delay"].abs().sum()) == best_by_trying(*map(np.array, moments), 3_600)
        exits = both["exit_delay"].abs() <= 3_600
        assert both["exit_slippage"].notna().equals(exits)


def test_slippage_is_what_was_put_in_and_its_interval_holds(result):
    trades = result.trades
    assert len(trades) > 10
    found = jn.compare_live(result, worse(trades, 3.0), start=PERIOD[0], end=PERIOD[1])
    assert found.counts == {"both": len(trades), "missed": 0, "extra": 0}
    assert found.slippage["mean"].to_numpy() == pytest.approx([3.0, 3.0, 3.0])
    value = (trades["qty"] * (trades["entry_price"] + trades["exit_price"])).sum()
    assert found.slippage.loc["all", "cost"] == pytest.approx(value * 3e-4)
    assert (found.trades["entry_delay"] == 20).all()
    assert found.fee_live == pytest.approx(0.001, rel=1e-3)
    assert found.fee_backtest == 0.001


def test_the_interval_is_that_of_a_regression_with_clusters_and_covers():
    random, held = np.random.default_rng(2), 0
    for draw in range(300):
        trades = int(random.integers(5, 60))
        shared = random.normal(2.0, 4.0, trades)
        fills = pd.DataFrame({"trade": np.repeat(range(trades), 2), "fill": ["entry", "exit"] * trades, "cost": 0.0,
                              "slippage": np.repeat(shared, 2) + random.normal(0, 2, 2 * trades)})
        row = slippage_table(fills).loc["all"]
        held += row["low"] <= 2.0 <= row["high"]
        if draw < 5:
            fit = OLS(fills["slippage"], np.ones(len(fills))).fit(
                cov_type="cluster", cov_kwds={"groups": fills["trade"], "df_correction": True}, use_t=True)
            low, high = fit.conf_int()[0] if hasattr(fit.conf_int(), "ndim") and not hasattr(fit.conf_int(), "iloc") \
                else fit.conf_int().iloc[0]
            # statsmodels also counts parameters: (N - 1) / (N - 1) with one of them
            assert (row["low"], row["high"]) == pytest.approx((low, high), rel=1e-9)
    assert 0.92 <= held / 300 <= 0.98, held
    assert np.isnan(slippage_table(fills[fills["trade"] < 4]).loc["all", "low"])


def test_missed_extra_and_other_ends(result):
    trades = result.trades
    live = worse(trades.drop(index=[2, 5]), 1.0)
    live.loc[4, "closed_at"] += pd.Timedelta(days=1)
    added = live.iloc[[0]].assign(opened_at=live["opened_at"].iloc[0] + pd.Timedelta(hours=5), side="short")
    other = live.iloc[[0]].assign(symbol="ETH-USDT")
    found = jn.compare_live(result, pd.concat([live, added, other]), start=PERIOD[0], end=PERIOD[1])
    assert found.counts == {"both": len(trades) - 2, "missed": 2, "extra": 1}
    assert found.trades.loc[found.trades["found"] == "missed", "opened_backtest"].tolist() == [
        trades.loc[2, "opened_at"], trades.loc[5, "opened_at"]]
    assert len(fills_of(found.trades)) == 2 * (len(trades) - 2) - 1
    said = " ".join(str(found).split())
    assert f"Of {len(trades)} trades of the backtest {len(trades) - 2} were made live, 2 were missed; 1" in said
    assert "1 live trade is of other markets left out" in said
    assert "1 of" in said
    assert "were closed at other times" in said
    assert "between A fill" not in said
    shown = page(found)
    assert shown.count("<img src") == 2
    assert "Missed live" in shown


def test_days_are_those_of_both(result):
    trades = result.trades
    half = jn.compare_live(result, worse(trades.iloc[3:8], 1.0))
    assert half.counts == {"both": 5, "missed": 0, "extra": 0}, "before its first trade it may not have run"
    assert "When live trading ran is not known" in str(half)
    late = worse(trades, 1.0).assign(opened_at=trades["opened_at"] + pd.Timedelta(days=900),
                                     closed_at=trades["closed_at"] + pd.Timedelta(days=900))
    with pytest.raises(PeriodError, match="the live trades of other days"):
        jn.compare_live(result, late)
    with pytest.raises(InputError, match="Give start and end to see what was missed"):
        jn.compare_live(result, trades.iloc[:0])
    none = jn.compare_live(result, trades.iloc[:0], start=PERIOD[0], end=PERIOD[1])
    assert none.counts["missed"] == len(trades)
    assert "nothing to learn of slippage" in str(none)
    few = jn.compare_live(result, worse(trades.iloc[:3], 1.0))
    assert "too few for an interval" in " ".join(str(few).split())
    close = worse(trades, 1.0, seconds=120)
    assert jn.compare_live(result, close, tolerance=1).counts["both"] == 0


def test_it_is_on_every_surface(result, tmp_path, shell, notebook, kept, capsys):  # noqa: F811
    rows = [{"strategy_name": "<b>Live</b>", "symbol": row["symbol"], "exchange": row["exchange"], "type": row["side"],
             "entry_price": row["entry_price"], "exit_price": row["exit_price"], "qty": row["qty"], "fee": row["fee"],
             "PNL": row["pnl"], "opened_at": int(row["opened_at"].value // 10**6),
             "closed_at": int(row["closed_at"].value // 10**6)}
            for row in worse(result.trades, 2.0).to_dict("records")]
    path = tmp_path / "exported.json"
    path.write_text(json.dumps({"trades": rows, "considering_timeframes": ["1h"]}))
    shell.user_ns |= {"result": result, "table": pd.DataFrame(rows)}
    run(shell, f"%compare_live result --live {path} -o live")
    run(shell, "%compare_live result --live table -o again")
    found = shell.user_ns["live"]
    pd.testing.assert_frame_equal(found.trades, shell.user_ns["again"].trades)
    assert "&lt;b&gt;Live" in page(found)
    kept_one = jn.load("live")
    assert str(kept_one) == str(found)
    pd.testing.assert_frame_equal(kept_one.trades, found.trades)
    jn.keep(result, "base")
    assert main(["compare-live", "base", "--live", str(path)]) == 0
    assert capsys.readouterr().out.strip() == str(found)
    assert main(["compare-live", "base", "--live", str(tmp_path / "none.csv")]) == 2
    assert "none.csv cannot be read" in capsys.readouterr().err
