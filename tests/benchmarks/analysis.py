"""How long the heavy statistics take. Run it: ``python -m tests.benchmarks.analysis``.

Method. Every figure is the median of ``--rounds`` calls in this process, on one core (numerical libraries are held
to one thread), of random inputs with a fixed seed. Beside it stands the time of a well-known implementation
of the same statistic, called once:

- the probability of overfitting (CSCV, S=16, 200 trials of 365 days) against ffn's;
- 10,000 stationary-bootstrap paths of 365 days, with final equity, drawdown, time under water and the fan, against
  arch's own loop, which calls a function for each path: a numpy one that finds the first three. It is given fewer
  paths, and its time scaled up.

The deep analysis of 1,000 trades is all that needs no new simulation: reshuffled and resampled trades, both
bootstraps of daily returns (10,000 paths each), patterns, features at entry from a year of one-minute candles, and
what can be learnt from them. Its first call is quoted too, which imports scipy, statsmodels, arch, ruptures and
scikit-learn.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from jesse_nb.core.analysis.curves.curves import daily_returns
from jesse_nb.core.analysis.insight import entry_insight
from jesse_nb.core.analysis.luck.overfitting_probability import probability_of_overfitting
from jesse_nb.core.analysis.resampling.monte_carlo import bootstrap_days, resample_trades, shuffle_trades
from jesse_nb.core.analysis.trades.entry_features import entry_features
from jesse_nb.core.analysis.trades.patterns import find_patterns
from jesse_nb.core.times import DAY_MS, MINUTE_MS
from tests.conftest import EXCHANGE, real_candles

DAYS, TRIALS, PATHS, TRADES = 365, 200, 10_000, 1_000
BALANCE = 10_000.0


def main() -> None:
    """Print the table, or JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--without-references", action="store_true", help="ffn's takes a quarter of a minute")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    from threadpoolctl import threadpool_limits

    with threadpool_limits(1):
        figures = measure(options.rounds, references=not options.without_references)
    if options.json:
        print(json.dumps(figures, indent=2))
        return
    for name, value in figures.items():
        print(f"{name:<72} {value}")


def measure(rounds: int, *, references: bool) -> dict[str, Any]:
    """Return the seconds, and their ratios to the references."""
    random = np.random.default_rng(0)
    returns = random.standard_t(5, DAYS) * 0.015 + 0.0005
    trials = random.standard_normal((DAYS, TRIALS)) * 0.02
    trades, equity, candles = _run()
    figures: dict[str, Any] = {}
    parts = {
        "trades reshuffled and resampled": lambda: (shuffle_trades(trades, BALANCE), resample_trades(trades, BALANCE)),
        "days bootstrapped, stationary and block": lambda: (
            bootstrap_days(daily_returns(equity), BALANCE),
            bootstrap_days(daily_returns(equity), BALANCE, method="block")),
        "patterns": lambda: find_patterns(trades, equity, BALANCE),
        "features at entry and what they teach": lambda: entry_insight(trades, entry_features(trades, candles)),
    }
    deep = f"deep analysis of {TRADES:,} trades"
    figures[f"{deep}, first call, s"] = round(sum(_seconds(part) for part in parts.values()), 2)
    for name, part in parts.items():
        figures[f"    {name}, s"] = _median(part, rounds)
    figures[f"{deep}, s"] = round(sum(figures[f"    {name}, s"] for name in parts), 3)

    overfit = f"probability of overfitting, S=16, {TRIALS} trials x {DAYS} days"
    figures[f"{overfit}, s"] = own = _median(lambda: probability_of_overfitting(trials), rounds)
    if references:
        import ffn

        theirs = _seconds(lambda: ffn.core.calc_prob_backtest_overfitting(pd.DataFrame(trials), 16))
        figures |= {"    ffn, s": round(theirs, 2), "    times as fast as ffn": round(theirs / own, 1)}

    bootstrap = f"{PATHS:,} stationary-bootstrap paths of {DAYS} days"
    figures[f"{bootstrap}, s"] = own = _median(lambda: bootstrap_days(returns, BALANCE, block=5, paths=PATHS), rounds)
    if references:
        from arch.bootstrap import StationaryBootstrap

        some = 1_000
        theirs = _seconds(lambda: StationaryBootstrap(5, returns, seed=0).apply(_one_path, reps=some)) * PATHS / some
        figures |= {"    arch's loop, s": round(theirs, 2), "    times as fast as arch's loop": round(theirs / own, 1)}
    return figures


def _run() -> tuple[pd.DataFrame, pd.Series[float], dict[tuple[str, str], NDArray[np.float64]]]:
    """Return trades of a year, the equity that they make, and the year's candles with a month before."""
    random = np.random.default_rng(1)
    series = real_candles("BTC-USDT")[: (DAYS + 31) * 1_440]
    first = int(series[0, 0]) + 31 * DAY_MS
    opened = first + np.sort(random.choice(DAYS * 1_440 - 600, TRADES, replace=False)) * MINUTE_MS
    closed = opened + random.integers(1, 600, TRADES) * MINUTE_MS
    opened_at, closed_at = (pd.to_datetime(moments, unit="ms", utc=True) for moments in (opened, closed))
    trades = pd.DataFrame({
        "exchange": EXCHANGE, "symbol": "BTC-USDT", "side": random.choice(["long", "short"], TRADES),
        "opened_at": opened_at, "closed_at": closed_at, "pnl": random.standard_t(4, TRADES) * 40 + 3,
    })
    midnights = pd.date_range(pd.Timestamp(first, unit="ms", tz="UTC"), periods=DAYS + 1)
    by_close = trades.sort_values("closed_at")
    made = np.concatenate([[0.0], by_close["pnl"].cumsum()])
    equity = BALANCE + made[np.searchsorted(pd.DatetimeIndex(by_close["closed_at"]), midnights)]
    return trades, pd.Series(equity, index=midnights), {(EXCHANGE, "BTC-USDT"): series}


def _one_path(returns: NDArray[np.float64]) -> NDArray[np.float64]:
    wealth = np.cumprod(np.concatenate([[1.0], 1.0 + returns]))
    peak = np.maximum.accumulate(wealth)
    step = np.arange(len(wealth))
    last_peak = np.maximum.accumulate(np.where(wealth >= peak, step, 0))
    return np.array([wealth[-1], (wealth / peak - 1.0).min(), (step - last_peak).max()])


def _median(call: Callable[[], object], rounds: int) -> float:
    return round(statistics.median(_seconds(call) for _ in range(rounds)), 3)


def _seconds(call: Callable[[], object]) -> float:
    began = time.perf_counter()
    call()
    return time.perf_counter() - began


if __name__ == "__main__":
    main()
