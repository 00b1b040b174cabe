"""Factor analysis: how much of a result came with the market and other factors, and what is left."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pandas as pd

from jesse_nb.core.analysis.markets.factor_portfolios import (
    FACTORS,
    FEWEST_MARKETS,
    LOOK_BACK,
    Factor,
    FactorPortfolios,
    factor_portfolios,
)
from jesse_nb.core.analysis.markets.factor_regression import (
    ALPHA,
    factor_regression,
    fewest_days,
    linked_contributions,
    rolling_betas,
)
from jesse_nb.core.analysis.studies.verdict import counted, listed
from jesse_nb.core.candles import CandleStore, SeriesInfo
from jesse_nb.core.jobs.job import JobControl
from jesse_nb.core.times import DAY_MS
from jesse_nb.core.tools.analyze.analysis_result import AnalyzedRun, OfOneRun
from jesse_nb.core.tools.declaration.door import declared
from jesse_nb.core.tools.markets.midnight_returns import midnight_returns
from jesse_nb.core.tools.markets.return_series import market_candles
from jesse_nb.core.tools.plan import Plan, planned
from jesse_nb.core.tools.registry import FACTOR_ANALYSIS
from jesse_nb.core.tools.risk.risk_input import RiskInput, Sample, risk_input
from jesse_nb.exceptions import InputError, shown

__all__ = ["REST", "FactorAnalysis", "factor_analysis"]

#: What the part of a return is called that neither alpha nor a factor says.
REST = "rest"

_SURVIVORS = ("The universe is what is stored today: coins that died are rarely among them, which flatters the market "
              "and whatever buys what is small, wild or fallen.")


@dataclass(frozen=True, repr=False)
class FactorAnalysis(OfOneRun):
    """How much of a result came with factors.

    Attributes
    ----------
    run
        What was read.
    sample
        Whether the parameters had seen its days: ``out-of-sample``, ``in-sample`` or ``unknown``.
    universe
        The markets that factors were made of; empty where all factors were given.
    rebalance
        Days from one forming to the next.
    days, lags
        Observations, and over how many of them errors may depend on each other.
    table
        Index ``factor``: ``alpha`` (a day, fraction), then each factor. See
        :class:`~jesse_nb.core.analysis.markets.factor_regression.FactorRegression`.
    r_squared, adjusted
        Share of the variance of daily returns that the factors explain; adjusted for their number.
    returns
        The result's daily returns of these days, fractions.
    factor_returns
        Those of the factors, one column each.
    weights
        What each factor that was made held; index ``factor``, ``day``.
    rolling
        ``alpha`` and betas of each ``window`` days, at the last one.
    window
        Days.
    contributions
        What each factor, ``alpha`` and the ``rest`` contributed to the compounded return of these days, in percent of
        the equity at their beginning; they add up to it.
    monthly
        The same by calendar month, the index its beginning; each row adds up to the month's return.
    notes
        Remarks for the report.
    stopped
        ``interrupted`` or empty.

    Examples
    --------
    >>> result = jn.backtest(TrendFollower, "BTC-USDT", "1h", "2023-02-01", "2023-05-01")
    >>> moves = result.equity.pct_change().dropna().rename("own").to_frame()
    >>> found = jn.factor_analysis(result, factor_returns=moves)
    >>> abs(found.contributions.sum() - found.total) < 1e-9
    True
    """

    run: AnalyzedRun
    sample: Sample
    universe: tuple[str, ...]
    rebalance: int
    days: int
    lags: int
    table: pd.DataFrame
    r_squared: float
    adjusted: float
    returns: pd.Series[float]
    factor_returns: pd.DataFrame
    weights: pd.DataFrame
    rolling: pd.DataFrame
    window: int
    contributions: pd.Series[float]
    monthly: pd.DataFrame
    notes: tuple[str, ...] = field(default=())
    stopped: str = ""

    @property
    def total(self) -> float:
        """The compounded return of these days, in percent."""
        return float(np.expm1(np.log1p(self.returns.to_numpy(dtype=float)).sum())) * 100.0

    def to_frame(self) -> pd.DataFrame:
        """Return the table of alpha and betas."""
        return self.table.copy()


@planned
@declared(FACTOR_ANALYSIS)
def factor_analysis(
    result: Any = None,
    factors: str | Iterable[str] | None = None,
    universe: str | Iterable[str] | None = None,
    factor_returns: pd.DataFrame | None = None,
    rebalance: int = 7,
    hac_lags: int | None = None,
    rolling: int = 90,
    *,
    trades: pd.DataFrame | None = None,
    equity: pd.Series[float] | None = None,
    exchange: str | None = None,
    candles: CandleStore | None = None,
    background: bool = False,
) -> Plan[FactorAnalysis]:
    """Explain a result's daily returns by factors, and attribute its whole return to them.

    Parameters
    ----------
    result
        What backtest, optimize, walk_forward or backtest_batch returned, or a portfolio of a batch. Of an optimization
        the held-out run is read, of a walk-forward the stitched out-of-sample curve, of a batch the best combination.
    factors
        Of ``market``, ``momentum``, ``volatility``, ``liquidity``; all without it, none where ``factor_returns`` are
        given. See :func:`~jesse_nb.core.analysis.markets.factor_portfolios.factor_portfolios`.
    universe
        Stored symbols that factors are made of, at least five. Without it all stored markets of the result's exchange,
        or of all exchanges where that has fewer.
    factor_returns
        Factors from elsewhere: daily returns as fractions, one column each, days (UTC) as index.
    rebalance
        Days from one forming of the factors to the next.
    hac_lags
        Days over which errors may depend on each other; Newey and West's rule without it.
    rolling
        Days of each rolling exposure.
    trades, equity
        In place of a result, as in :func:`~jesse_nb.core.tools.analyze.analyze.analyze_results`.
    exchange
        Of the symbols, needed only when several stored ones have them.
    candles
        Where candles are kept.
    background
        Return a :class:`~jesse_nb.core.jobs.job.Job` at once.

    Raises
    ------
    InputError
        With fewer than five markets, too few days that all share, a factor that never moves or that others make up.
    CandlesNotFoundError
        When a market is not stored.

    Examples
    --------
    >>> result = jn.backtest(TrendFollower, "BTC-USDT", "1h", "2023-02-01", "2023-05-01")
    >>> jn.factor_analysis(result, universe=["BTC-USDT", "ETH-USDT"])
    Traceback (most recent call last):
        ...
    jesse_nb.exceptions.InputError: universe has 2 markets. Factors need 5: `%candles fetch` brings more.
    """
    given = _at_midnight(risk_input(result, trades, equity, needed=2), result, candles)
    if factors is None:
        chosen: tuple[Factor, ...] = FACTORS if factor_returns is None else ()
    else:
        chosen = tuple(dict.fromkeys([factors] if isinstance(factors, str) else factors))  # type: ignore[arg-type, list-item]
    own = None if factor_returns is None else _own_factors(factor_returns, chosen)
    columns, days = len(chosen) + (0 if own is None else own.shape[1]), len(given.run.returns)
    if days < (needed := fewest_days(columns)):
        raise InputError.of("result" if equity is None else "equity", f"has {days:,} days, and a regression on "
                            f"{counted(columns, 'factor')} needs {needed}.", "Give a longer one"
                            f"{', or fewer factors' if needed > fewest_days(1) else ''}.")
    folder = candles or CandleStore()
    markets = _universe(universe, exchange, folder, given) if chosen else []
    if chosen and len(markets) < FEWEST_MARKETS:
        raise InputError.of("universe", f"has {len(markets)} markets.",
                            f"Factors need {FEWEST_MARKETS}: `%candles fetch` brings more.")

    def work(control: JobControl) -> FactorAnalysis:
        made = _made(markets, chosen, rebalance, folder, given, control) if chosen else None
        return _explained(given, made, own, tuple(market.symbol for market in markets), rebalance, hac_lags, rolling)

    return Plan("factor_analysis", f"{given.run.strategy} (factors)", work, background=background, joins=True)


def _at_midnight(given: RiskInput, result: Any, candles: CandleStore | None) -> RiskInput:
    """Return the same with the returns of whole days from midnight to midnight, as those of factors are."""
    days = midnight_returns(given.run.strategy, result, given.run.returns, candles)
    notes = (*given.notes, days.note) if days.note else given.notes
    return replace(given, run=replace(given.run, returns=days.returns), notes=notes)


def _own_factors(given: Any, chosen: tuple[str, ...]) -> pd.DataFrame:
    whole = isinstance(given, pd.DataFrame) and isinstance(given.index, pd.DatetimeIndex) and given.shape[1]
    days = _days(given.index) if whole else None
    if days is None or days.has_duplicates or days.hasnans:
        raise InputError.of("factor_returns", "is no table of days.", "Give daily returns as fractions, one column a "
                            "factor, and each day once as index.")
    names = list(map(str, given.columns))
    taken = sorted({*names} & {*chosen, ALPHA, REST}) or sorted(name for name in names if names.count(name) > 1)
    if taken:
        raise InputError.of("factor_returns", f"has a column {shown(taken[0])}.", "That name is taken: rename it.")
    if not all(pd.api.types.is_numeric_dtype(kind) for kind in given.dtypes):
        raise InputError.of("factor_returns", "holds what is no number.", "Give daily returns as fractions.")
    own: pd.DataFrame = given.set_axis(days, axis=0).set_axis(names, axis=1).astype(float)
    return own


def _days(moments: pd.DatetimeIndex) -> pd.DatetimeIndex:
    return (moments.tz_localize("UTC") if moments.tz is None else moments.tz_convert("UTC")).normalize()


def _universe(
    universe: str | Iterable[str] | None, exchange: str | None, folder: CandleStore, given: RiskInput
) -> list[SeriesInfo]:
    if universe is None:
        stored = [info for info in folder.list() if exchange in (None, info.exchange)]
        own = given.run.spec.routes[0].exchange if given.run.spec is not None else ""
        there = [info for info in stored if info.exchange == own]
        return there if len(there) >= FEWEST_MARKETS else stored
    symbols = [universe] if isinstance(universe, str) else list(universe)
    return [folder.resolve(symbol, exchange) for symbol in dict.fromkeys(symbols)]


def _made(
    markets: list[SeriesInfo], factors: tuple[Factor, ...], rebalance: int, folder: CandleStore, given: RiskInput,
    control: JobControl,
) -> FactorPortfolios:
    """Make the factors of the days that all markets have, from a look-back before the result on."""
    days = pd.DatetimeIndex(given.run.returns.index)
    begin = int(days[0].value // 1_000_000) // DAY_MS * DAY_MS - (LOOK_BACK + 1) * DAY_MS
    end = (int(days[-1].value // 1_000_000) // DAY_MS + 1) * DAY_MS
    closes, turnover = {}, {}
    several = len({market.exchange for market in markets}) > 1
    for number, market in enumerate(markets):
        control.update(phase="reading", done=number, total=len(markets) + 1)
        name = f"{market.symbol} {market.exchange}" if several else market.symbol
        made = market_candles(name, market, "1D", folder, begin, end, argument="universe")
        index = pd.to_datetime(made[:, 0].astype(np.int64), unit="ms", utc=True)
        closes[name] = pd.Series(made[:, 2], index=index)
        turnover[name] = pd.Series(made[:, 2] * made[:, 5], index=index)
    control.update(phase="computing", done=len(markets), total=len(markets) + 1)
    prices = pd.DataFrame(closes)
    shared = prices.dropna()
    if len(shared) < 2:
        short = min(closes, key=lambda name: len(closes[name]))
        raise InputError.of("universe", "has no days that all markets share.", f"Leave out {short}, which has "
                            f"{len(closes[short]):,}.")
    steps = pd.DatetimeIndex(shared.index).to_series().diff() == pd.Timedelta(days=1)
    returns = shared.pct_change()[steps.to_numpy()]
    return factor_portfolios(returns, pd.DataFrame(turnover).loc[returns.index], factors, every=rebalance)


def _explained(
    given: RiskInput, made: FactorPortfolios | None, own: pd.DataFrame | None, universe: tuple[str, ...],
    rebalance: int, hac_lags: int | None, window: int,
) -> FactorAnalysis:
    returns = given.run.returns.rename("result")
    returns = returns.set_axis(pd.DatetimeIndex(returns.index).normalize())
    parts = [*([made.returns] if made is not None else []), *([own] if own is not None else [])]
    together = pd.concat([returns, *parts], axis=1, join="inner").dropna()
    returns, factors = together["result"], together.drop(columns="result")
    found = factor_regression(returns, factors, hac_lags)
    betas = found.table["value"]
    shares = factors * betas[list(factors.columns)]
    shares[ALPHA], shares[REST] = float(betas.iloc[0]), found.residuals
    months = pd.DatetimeIndex(returns.index).tz_localize(None).to_period("M").to_timestamp().tz_localize("UTC")
    monthly = pd.DataFrame({month: linked_contributions(of_month, shares.loc[of_month.index])
                            for month, of_month in returns.groupby(months)}).T * 100.0
    notes = list(given.notes)
    left_out = len(given.run.returns) - len(returns)
    if left_out:
        notes.append(f"{left_out:,} of the result's {len(given.run.returns):,} days are left out, as not all factors "
                     "have them.")
    traded = {route.symbol for route in given.run.spec.routes} if given.run.spec else set()
    inside = sorted(traded & set(universe))
    if inside:
        notes.append(f"{listed(inside)}, which the strategy trades, {'is' if len(inside) == 1 else 'are'} among the "
                     f"{len(universe)} markets of the factors.")
    if universe:
        notes.append(_SURVIVORS)
    whole = FactorAnalysis(
        given.run, given.sample, universe, rebalance, found.days, found.lags, found.table, found.r_squared,
        found.adjusted, returns, factors, made.weights if made is not None else pd.DataFrame(),
        pd.DataFrame(), window, linked_contributions(returns, shares) * 100.0, monthly, tuple(notes))
    if window > len(returns):
        return replace(whole, notes=(*whole.notes, f"No rolling exposures: {window:,} days are more than the "
                                     f"{len(returns):,} that there are."))
    return replace(whole, rolling=rolling_betas(returns, factors, window))
