"""Correlation matrix: what moves together, how sure that is, and what does so in crashes only."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from itertools import combinations
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from jesse_nb.core.analysis.markets.correlation import (
    CorrelationMethod,
    Shrinkage,
    cluster_order,
    correlate,
    correlation_draws,
    correlation_intervals,
    eigenvalues,
    in_lower_tail,
    joint_block_length,
    marchenko_pastur_edges,
    shrink,
    zero_tests,
)
from jesse_nb.core.analysis.markets.tail_dependence import deep_drawdown, drawdown_overlap, fit_t_copula, normal_tail
from jesse_nb.core.candles import CandleStore, SeriesInfo
from jesse_nb.core.jobs.job import JobControl
from jesse_nb.core.jobs.store import RunStore
from jesse_nb.core.rendering import Shown
from jesse_nb.core.times import TIMEFRAME_MINUTES
from jesse_nb.core.tools.declaration.door import declared
from jesse_nb.core.tools.markets.return_series import (
    Named,
    ReturnSeries,
    aligned,
    check_days_only,
    market_of,
    market_returns,
    named_inputs,
    result_returns,
)
from jesse_nb.core.tools.plan import Plan, planned
from jesse_nb.core.tools.registry import CORRELATION_MATRIX
from jesse_nb.exceptions import InputError

__all__ = ["CorrelationMatrix", "correlation_matrix"]

#: Observations that there must be, and joint losses below which tails say nothing.
FEWEST, FEWEST_IN_TAIL = 60, 10
_RESAMPLES = 500
#: Windows of the rolling correlations at most, and observations of one at least.
_ROLLED, _FEWEST_ROLLED = 200, 30
#: The timeframe below which trades of two markets are often not at the same moment.
_EPPS_MINUTES = 60
_DAY_MINUTES = 1_440


@dataclass(frozen=True, repr=False)
class CorrelationMatrix(Shown):
    """What moves together.

    Attributes
    ----------
    series
        What was read.
    timeframe, method, shrinkage, rolling_window, tail, seed
        As asked for; ``rolling_window`` in observations, as it was chosen.
    start, end
        First and last moment that all have (the beginning of its candle), milliseconds UTC.
    observations
        Returns that all have.
    left_out
        Moments from the first to the last of any that not all have.
    matrix
        Square, by name, in order of clusters where that was asked for; shrunk where that was.
    pairs
        Index ``first``, ``second``. ``correlation`` (not shrunk) with its 95 % interval ``low``, ``high``; ``p`` of "it
        is zero", ``p_adjusted`` for the number of pairs (Holm), ``significant`` at 5 % after that; ``tail``: how often
        both are among their worst returns, given that one is, with ``tail_low``, ``tail_high``; ``tail_normal``: the
        same in a normal dependence as strong; ``tail_copula``: the t copula's limit with its ``freedom``;
        ``drawdown_overlap``: of the time in which either was deep under water, how much both were.
    tail_reason
        Why there are no tails; empty otherwise.
    eigenvalues
        Of the matrix that is not shrunk, the largest first.
    noise_edges
        Between them lie all eigenvalues of noise (Marchenko and Pastur).
    intensity
        How much was shrunk; see :func:`~jesse_nb.core.analysis.markets.correlation.shrink`.
    rolling
        One row a window (index its last moment), one column a pair.
    scales
        Mean correlation of the pairs by the length of the returns, in minutes (index): shorter ones than a day only.
    block
        Mean length of the bootstrap's blocks.
    notes
        Remarks for the report.
    stopped
        ``interrupted`` or empty: then ``pairs`` has no errors.

    Examples
    --------
    >>> found = jn.correlation_matrix(["BTC-USDT", "ETH-USDT"], "1h", start="2023-02-01", end="2023-03-01")
    >>> found.matrix.shape
    (2, 2)
    """

    series: tuple[ReturnSeries, ...]
    timeframe: str
    method: CorrelationMethod
    shrinkage: Shrinkage | None
    rolling_window: int
    tail: float
    seed: int
    start: int
    end: int
    observations: int
    left_out: int
    matrix: pd.DataFrame
    pairs: pd.DataFrame
    tail_reason: str
    eigenvalues: NDArray[np.float64]
    noise_edges: tuple[float, float]
    intensity: float
    rolling: pd.DataFrame
    scales: pd.Series[float]
    block: int
    notes: tuple[str, ...] = field(default=())
    stopped: str = ""

    def to_frame(self) -> pd.DataFrame:
        """Return the table of pairs."""
        return self.pairs.copy()


@planned
@declared(CORRELATION_MATRIX)
def correlation_matrix(
    inputs: Any = None,
    timeframe: str = "1D",
    method: Literal["pearson", "spearman", "kendall"] = "pearson",
    shrinkage: Literal["ledoit_wolf", "rmt"] | None = None,
    rolling_window: int | None = None,
    tail: float = 0.05,
    *,
    cluster: bool = True,
    exchange: str | None = None,
    start: Any = None,
    end: Any = None,
    candles: CandleStore | None = None,
    store: str | Path | RunStore | None = None,
    seed: int = 0,
    background: bool = False,
) -> Plan[CorrelationMatrix]:
    """Compute how several markets or results move together, how sure that is, and what appears in crashes only.

    Parameters
    ----------
    inputs
        Stored symbols, ``(exchange, symbol)``, results (of backtest, optimize, walk_forward, a portfolio), series of
        equity, keys of stored runs; a batch stands for its combinations, a dict names them. All stored markets without
        it.
    timeframe
        Of the candles whose returns are compared. Results have days only.
    method
        ``pearson``, ``spearman`` or ``kendall``.
    shrinkage
        Take noise out of the matrix: ``ledoit_wolf`` or ``rmt``, see
        :func:`~jesse_nb.core.analysis.markets.correlation.shrink`. Intervals and p-values are of what was observed.
    rolling_window
        Observations of the rolling correlations; an eighth of them without it, at least 30.
    tail
        Which share of the returns is the lower tail.
    cluster
        Whether what moves together stands together.
    exchange
        Of the symbols, needed only when several stored ones have them.
    start, end
        A part of what is stored, end excluded.
    candles
        Where candles are kept.
    store
        Where stored runs are looked up.
    seed
        Of the bootstrap.
    background
        Return a :class:`~jesse_nb.core.jobs.job.Job` at once.

    Raises
    ------
    InputError
        When there are fewer than two, they share too few observations, one is constant or filled, or an argument is
        wrong.
    CandlesNotFoundError
        When a market is not stored.

    Examples
    --------
    >>> found = jn.correlation_matrix(["BTC-USDT", "ETH-USDT"], "1h", start="2023-02-01", end="2023-03-01")
    >>> bool(found.pairs["p_adjusted"].iloc[0] < 0.05)
    True
    """
    folder = candles or CandleStore()
    given = [Named("", (info.exchange, info.symbol)) for info in folder.list()
             if exchange in (None, info.exchange)] if inputs is None else named_inputs("inputs", inputs, store=store)
    found = [(pair, market_of(pair.value, exchange, folder)) for pair in given]
    if len(found) < 2:
        raise InputError.of("inputs", f"holds {'one' if found else 'nothing'}.", "Correlation is of two or more.")
    if any(market is None for _, market in found):
        check_days_only(timeframe)
    names = _market_names([market for _, market in found if market is not None])
    asked = _Asked(timeframe, method, shrinkage, rolling_window, tail, cluster, seed)

    def read(pair: Named, market: SeriesInfo | None) -> ReturnSeries:
        if market is None:
            return result_returns(pair, candles=folder)
        return market_returns(pair.name or names[market.exchange, market.symbol], market, timeframe, folder, start, end)

    return Plan("correlation_matrix", f"{len(found)} series, {timeframe} ({method})",
                lambda control: _work(asked, [lambda one=one: read(*one) for one in found], control),
                background=background, joins=True)


def _market_names(markets: list[SeriesInfo]) -> dict[tuple[str, str], str]:
    """Name markets by their symbols, and by their exchanges where several have the same."""
    symbols = [market.symbol for market in markets]
    return {(market.exchange, market.symbol): market.symbol if symbols.count(market.symbol) == 1 or
            len({other.exchange for other in markets if other.symbol == market.symbol}) == 1
            else f"{market.symbol} {market.exchange}" for market in markets}


@dataclass(frozen=True)
class _Asked:
    timeframe: str
    method: CorrelationMethod
    shrinkage: Shrinkage | None
    rolling_window: int | None
    tail: float
    cluster: bool
    seed: int


def _work(asked: _Asked, readers: list[Any], control: JobControl) -> CorrelationMatrix:
    series = []
    for number, read in enumerate(readers):
        control.update(phase="reading", done=number, total=len(readers))
        series.append(read())
    control.update(phase="comparing", done=0, total=1)
    returns, left_out = aligned(series, FEWEST)
    values = returns.to_numpy(dtype=float)
    still = next((name for name in returns if np.ptp(returns[name].to_numpy()) == 0), None)
    if still is not None:
        raise InputError.of("inputs", f"holds {still}, which does not move on the {len(returns):,} observations that "
                            "all share.", "Leave it out.")
    raw = correlate(returns, asked.method)
    matrix, intensity = (raw, 0.0) if asked.shrinkage is None else shrink(returns, asked.shrinkage, raw)
    order = cluster_order(matrix) if asked.cluster else list(matrix.columns)
    block = joint_block_length(values)
    window = asked.rolling_window or max(_FEWEST_ROLLED, len(returns) // 8)
    if window > len(returns):
        raise InputError.of("rolling_window", f"is {window:,}, and there are {len(returns):,} observations.",
                            "It is at most as long.")
    known = CorrelationMatrix(
        tuple(series), asked.timeframe, asked.method, asked.shrinkage, window, asked.tail, asked.seed,
        int(returns.index[0].value // 1_000_000), int(returns.index[-1].value // 1_000_000), len(returns), left_out,
        matrix.loc[order, order], _plain_pairs(raw, order), _tail_reason(asked, len(returns)), eigenvalues(raw),
        marchenko_pastur_edges(*returns.shape), intensity, pd.DataFrame(), _scales(series, returns, asked.timeframe),
        block, _notes(asked, series, returns, left_out))
    control.partial(lambda: replace(known, stopped="interrupted"))
    control.update(phase="rolling", done=0, total=1)
    known = replace(known, rolling=_rolling(returns[order], asked.method, window))
    control.update(phase="resampling", done=0, total=_RESAMPLES)
    draws = []
    for draw in correlation_draws(values, asked.method, asked.tail, block=block, resamples=_RESAMPLES, seed=asked.seed):
        if control.cancelled:
            return replace(known, stopped="interrupted")
        draws.append(draw)
        control.update(done=len(draws))
    control.update(phase="looking at crashes", done=0, total=1)
    pairs = _with_errors(known.pairs, returns, asked.method, np.array([draw.correlation for draw in draws]))
    if not known.tail_reason:
        pairs = _with_tails(pairs, returns, asked.tail, np.array([draw.joint_tail for draw in draws]))
    return replace(known, pairs=pairs)


def _plain_pairs(raw: pd.DataFrame, order: list[str]) -> pd.DataFrame:
    index = pd.MultiIndex.from_tuples(list(combinations(order, 2)), names=["first", "second"])
    return pd.DataFrame({"correlation": [raw.loc[pair] for pair in index]}, index=index)


def _with_errors(
    pairs: pd.DataFrame, returns: pd.DataFrame, method: CorrelationMethod, draws: NDArray[np.float64]
) -> pd.DataFrame:
    from statsmodels.stats.multitest import multipletests

    first, second = _places(pairs, returns)
    low, high = correlation_intervals(draws[:, first, second])
    p = zero_tests(returns.to_numpy(dtype=float), method)[first, second]
    significant, adjusted, *_ = multipletests(p, 0.05, "holm")
    return pairs.assign(low=low, high=high, p=p, p_adjusted=adjusted, significant=significant)


def _with_tails(pairs: pd.DataFrame, returns: pd.DataFrame, tail: float, joint: NDArray[np.float64]) -> pd.DataFrame:
    first, second = _places(pairs, returns)
    inside = in_lower_tail(returns.to_numpy(dtype=float), tail).astype(float)
    share = (inside.T @ inside)[first, second] / inside[:, 0].sum()
    alone = np.sqrt(joint[:, first, first] * joint[:, second, second])
    drawn = np.divide(joint[:, first, second], alone, out=np.zeros_like(alone), where=alone > 0)
    low, high = np.quantile(drawn, [0.025, 0.975], axis=0)
    copulas = [fit_t_copula(returns[one].to_numpy(), returns[other].to_numpy()) for one, other in pairs.index]
    deep = deep_drawdown(returns)
    return pairs.assign(
        tail=share, tail_low=low, tail_high=high, tail_normal=[normal_tail(copula.rho, tail) for copula in copulas],
        tail_copula=[copula.tail for copula in copulas], freedom=[copula.freedom for copula in copulas],
        drawdown_overlap=[drawdown_overlap(deep, *pair) for pair in pairs.index])


def _places(pairs: pd.DataFrame, frame: pd.DataFrame) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    first, second = (frame.columns.get_indexer(pairs.index.get_level_values(level)) for level in ("first", "second"))
    return first, second


def _tail_reason(asked: _Asked, count: int) -> str:
    inside = math.floor(asked.tail * count)
    if inside >= FEWEST_IN_TAIL:
        return ""
    return f"{asked.tail * 100:g} % of {count:,} observations are {inside}, and {FEWEST_IN_TAIL} are needed"


def _rolling(returns: pd.DataFrame, method: CorrelationMethod, window: int) -> pd.DataFrame:
    ends = np.unique(np.linspace(window, len(returns), min(_ROLLED, len(returns) - window + 1)).astype(int))
    first, second = np.triu_indices(returns.shape[1], 1)
    rows = [correlate(returns.iloc[end - window:end], method).to_numpy()[first, second] for end in ends]
    columns = pd.MultiIndex.from_tuples(list(combinations(returns.columns, 2)), names=["first", "second"])
    return pd.DataFrame(rows, index=returns.index[ends - 1], columns=columns)


def _scales(series: list[ReturnSeries], returns: pd.DataFrame, timeframe: str) -> pd.Series[float]:
    """Return the mean correlation of returns put together to longer ones, up to a day."""
    minutes = TIMEFRAME_MINUTES[timeframe]
    if minutes >= _DAY_MINUTES or any(one.kind == "result" for one in series):
        return pd.Series(dtype=float)
    upper = np.triu_indices(returns.shape[1], 1)
    logs: pd.DataFrame = returns.apply(np.log1p)
    found = {}
    for length in sorted({minutes, *(other for other in (5, 15, 60, 240, _DAY_MINUTES) if other > minutes)}):
        longer = logs.groupby(pd.DatetimeIndex(logs.index).floor(f"{length}min")).sum()
        if len(longer) >= FEWEST:
            found[length] = float(longer.corr().to_numpy()[upper].mean())
    return pd.Series(found, dtype=float)


def _notes(asked: _Asked, series: list[ReturnSeries], returns: pd.DataFrame, left_out: int) -> tuple[str, ...]:
    notes = list(dict.fromkeys(note for one in series for note in one.notes))
    if left_out:
        notes.append(f"{left_out:,} observations that not all of them have are left out.")
    if returns.shape[1] >= len(returns):
        notes.append(f"There are {returns.shape[1]:,} series and {len(returns):,} observations: the matrix is "
                     "singular. Take shrinkage='ledoit_wolf' before anything is computed from it.")
    if TIMEFRAME_MINUTES[asked.timeframe] < _EPPS_MINUTES:
        notes.append("Over short times markets do not trade at the same moment, which makes correlations too small "
                     "(Epps effect): compare the table by length of the returns.")
    if len({one.quote for one in series if one.quote}) > 1:
        notes.append("The series are in different quote currencies: a move of a currency is in all that are quoted in "
                     "it.")
    if asked.shrinkage == "ledoit_wolf" and asked.method != "pearson":
        notes.append(f"Ledoit and Wolf's matrix is of Pearson's correlations; the pairs are {asked.method.title()}'s.")
    return tuple(notes)
