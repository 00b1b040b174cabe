"""What a backtest of pairs gave."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np
import pandas as pd

from jesse_nb.core.analysis.luck.sharpe_inference import DeflatedSharpe, deflated_sharpe
from jesse_nb.core.analysis.luck.significance import MeanTest, mean_test
from jesse_nb.core.analysis.studies.stitching import compounded, returns_by_day
from jesse_nb.core.rendering import Shown
from jesse_nb.core.simulator.result import BacktestResult
from jesse_nb.core.study.ratios import return_ratios
from jesse_nb.core.times import DAY_MS
from jesse_nb.core.tools.analyze.analysis_result import AnalyzedRun
from jesse_nb.core.tools.analyze.analyzed_run import AnalysisInput, analyzed_run, in_stitched_money
from jesse_nb.core.tools.markets.midnight_returns import ReadAgain, returns_read_again
from jesse_nb.core.tools.pairs.pair_strategies import PairRules
from jesse_nb.exceptions import InputError, shown

__all__ = ["PairsBacktest"]


@dataclass(frozen=True, eq=False, repr=False)
class PairsBacktest(Shown):
    """Pairs that were chosen on formation windows, and traded by Jesse on the days after.

    Attributes
    ----------
    exchange, markets, timeframe
        Where, and of which candles.
    test, hedge, alpha, formation, trading
        How pairs were chosen; days.
    rules
        How they were traded.
    balance
        At the start, in the quote currency.
    pairs
        How many pairs were tested in each window: each is a try.
    windows
        One row a window, index its number: ``formed_from``, ``traded_from``, ``traded_to`` (moments, UTC), ``y``,
        ``x``, ``p``, ``p_adjusted``, ``beta``, ``half_life`` with ``half_life_low`` and ``half_life_high`` (days),
        ``trades``, ``profit`` (percent of the equity at its beginning), and the ``reason`` why nothing was
        traded; then the p-values are the smallest of all pairs.
    candidates
        Every pair of every ``window``; see :func:`~jesse_nb.core.tools.pairs.pair_screening.screened`.
    trades
        One row a pair trade; see :func:`~jesse_nb.core.analysis.markets.pair_trades.pair_trades`. Also ``window``,
        ``score_in`` and ``score_out`` (standard deviations from the mean when it opened and closed) and ``why`` it was
        closed. Money and quantities are of the stitched curve.
    path
        Index the end of each traded candle: ``window``, ``spread`` (of log prices) and ``score``.
    returns
        Daily returns of the account, fractions, index the day's beginning; zero where nothing was traded.
    market
        Daily returns of all markets alike, fractions, on the same index and sampled at the same moments.
    runs
        Jesse's backtest of each window that was traded, by number; each begins with the balance.
    elapsed, choosing
        Seconds that it took, and the processor seconds that reading candles and choosing pairs took.
    synthetic, expanded_from
        Whether any of the candles are made up; of which timeframe minutes were made, empty where they were traded.
    notes
        Remarks for the report.
    stopped
        ``interrupted`` or empty.

    Examples
    --------
    >>> result = jn.pairs_backtest("ETH-USDT", "BTC-USDT", "4h", "2023-01-01", "2023-05-01", 60, 30, alpha=1.0)
    >>> bool(abs(result.trades["pnl"].sum() - (result.equity.iloc[-1] - result.balance)) < 1e-6)
    True
    """

    exchange: str
    markets: tuple[str, ...]
    timeframe: str
    test: str
    hedge: str | float
    alpha: float
    formation: int
    trading: int
    rules: PairRules
    balance: float
    pairs: int
    windows: pd.DataFrame
    candidates: pd.DataFrame
    trades: pd.DataFrame
    path: pd.DataFrame
    returns: pd.Series[float]
    market: pd.Series[float]
    runs: Mapping[int, BacktestResult]
    elapsed: float
    choosing: float
    synthetic: bool
    expanded_from: str
    notes: tuple[str, ...] = ()
    stopped: str = ""

    @property
    def sample(self) -> Literal["out-of-sample"]:
        """Pairs and their numbers had not seen the days on which they were traded."""
        return "out-of-sample"

    @property
    def strategy(self) -> str:
        """What it is called where it goes on to other tools."""
        return f"Pair {' and '.join(self.markets)}" if self.pairs == 1 else f"Best of {self.pairs:,} pairs"

    @cached_property
    def equity(self) -> pd.Series[float]:
        """What the account was worth, in the quote currency: the balance, then at each day's end."""
        return compounded(self.returns, self.balance)

    @cached_property
    def metrics(self) -> dict[str, float]:
        """Jesse's ratios of the daily returns; see :func:`~jesse_nb.core.study.ratios.return_ratios`."""
        return return_ratios(self.returns)

    @property
    def tests(self) -> int:
        """How many tests for cointegration were made in all."""
        return int(self.candidates["p"].notna().sum())

    @cached_property
    def mean_test(self) -> MeanTest:
        """Whether the mean daily return differs from zero."""
        return mean_test(self.returns)

    @cached_property
    def deflated(self) -> DeflatedSharpe:
        """The deflated Sharpe ratio: every pair is a try, whose Sharpe ratio varies as those without skill do."""
        days = max(len(self.returns), 1)
        return deflated_sharpe(self.returns, 1.0 / days, float(max(self.pairs, 1)))

    @property
    def residual_beta(self) -> float:
        """How much of the markets' daily moves is left in the account; NaN where they are not known."""
        both = pd.concat([self.returns, self.market], axis=1, join="inner").dropna().to_numpy(dtype=float)
        if len(both) < 3 or np.ptp(both[:, 1]) == 0:
            return math.nan
        return float(np.cov(both.T)[0, 1] / np.var(both[:, 1], ddof=1))

    def routes(self, window: int | None = None) -> list[tuple[str, str, str]]:
        """Return the two routes of a window, ``(strategy, symbol, timeframe)``, leader first, for other tools.

        ``jn.optimize(routes=result.routes(), space=dict(entry=(1.5, 3.0)), ...)`` varies the thresholds.

        Parameters
        ----------
        window
            Its number; by default the last that was traded.

        Raises
        ------
        InputError
            When nothing was traded there.
        """
        chosen = max(self.runs, default=-1) if window is None else window
        if chosen not in self.runs:
            raise InputError.of("window", f"is {shown(window)}, where no pair was traded.",
                                f"Traded: {', '.join(map(str, self.runs)) or 'none'}.")
        return [(route.strategy.source, route.symbol, route.timeframe) for route in self.runs[chosen].spec.routes]

    def to_frame(self) -> pd.DataFrame:
        """Return the pair trades."""
        return self.trades.copy()


@returns_read_again.register(PairsBacktest)
def _(result: PairsBacktest, again: ReadAgain) -> pd.Series[float]:
    returns = result.returns.copy()
    for run in result.runs.values():
        own = returns_by_day(again(run))
        returns[own.index] = own
    return returns


@analyzed_run.register
def _(result: PairsBacktest) -> AnalysisInput:
    if not result.runs:
        raise InputError("No pair was traded.", "Its windows say why.", argument="result")
    if result.returns.min() <= -1:
        raise InputError("The account was ruined: there is nothing to analyze.", "Lower the leverage or the exposure.",
                         argument="result")
    runs = list(result.runs.items())
    legs = [run.trades.assign(window=number) for number, run in runs if len(run.trades)]
    trades = pd.concat(legs, ignore_index=True) if legs else runs[0][1].trades
    starts = {number: pd.Timestamp(run.spec.start, unit="ms", tz="UTC") for number, run in runs}
    same = len({tuple(route.symbol for route in run.spec.routes) for _, run in runs}) == 1
    run = AnalyzedRun(
        strategy=result.strategy, origin="pairs, stitched", spec=runs[0][1].spec if same else None,
        trades=in_stitched_money(trades, result.equity, result.balance, starts) if legs else trades,
        equity=result.equity, returns=result.returns, start=int(result.returns.index[0].value // 1_000_000),
        end=int(result.returns.index[-1].value // 1_000_000) + DAY_MS, balance=result.balance, open_at_end=None,
        card=runs[0][1].card,
    )
    return AnalysisInput(run, None, ("Each leg counts as a trade of its own, scaled to the stitched curve.",))
