"""What the tools of several markets or results read: the returns of each, under a name of its own."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from jesse_nb.core.analysis.curves.curves import Portfolio
from jesse_nb.core.analysis.studies.verdict import counted
from jesse_nb.core.analysis.trades.exposure import traded_by_market
from jesse_nb.core.candles import CandleStore, SeriesInfo, resample_candles
from jesse_nb.core.jobs.job import Job
from jesse_nb.core.jobs.store import RunStore
from jesse_nb.core.record.result_store import ResultStore
from jesse_nb.core.simulator.spec import BacktestSpec
from jesse_nb.core.times import DAY_MS, MINUTE_MS, TIMEFRAME_MINUTES, to_ms
from jesse_nb.core.tools.analyze.analysis_result import AnalyzedRun
from jesse_nb.core.tools.batch.batch_result import BatchResult
from jesse_nb.core.tools.markets.midnight_returns import midnight_returns
from jesse_nb.core.tools.record.finding import kept_behind, load
from jesse_nb.core.tools.risk.risk_input import Sample, risk_input
from jesse_nb.core.tools.stored_run import stored_run
from jesse_nb.exceptions import InputError, PeriodError, shown

__all__ = ["Named", "ReturnSeries", "aligned", "check_days_only", "market_candles", "market_of", "market_returns",
           "market_symbol", "named_inputs", "result_returns"]

#: From this share of candles without volume and without a move on, a series looks filled.
MOST_FILLED = 0.05

_KEY = re.compile(r"[0-9a-fA-F]{6,64}")


class Named(NamedTuple):
    """Something to read, and what it is called."""

    name: str
    value: Any


@dataclass(frozen=True)
class ReturnSeries:
    """The simple returns of a market or a result.

    Attributes
    ----------
    name
        What it is called.
    kind
        ``market`` or ``result``.
    returns
        Fractions; index the beginning of each candle or day, UTC.
    source
        Where it comes from: an exchange and a symbol, or a strategy on its markets.
    quote
        The currency; empty where nobody knows.
    synthetic
        Whether its candles are made up.
    sample
        Whether a result's parameters had seen its days; empty of a market.
    fee
        Of one fill, slippage included, a fraction; the mean of all that was filled where markets differ in theirs. NaN
        where nobody knows.
    balance
        What a result's account begins with, in its currency; NaN of a market.
    notes
        Remarks for the report.
    expanded_from
        Of which timeframe its minutes were made; empty where they were traded.
    """

    name: str
    kind: Literal["market", "result"]
    returns: pd.Series[float]
    source: str
    quote: str
    synthetic: bool
    sample: Sample | Literal[""] = ""
    fee: float = float("nan")
    balance: float = float("nan")
    notes: tuple[str, ...] = ()
    expanded_from: str = ""


def named_inputs(argument: str, given: Any, *, store: str | Path | RunStore | None = None) -> list[Named]:
    """Return what is to be read, each under its name.

    Parameters
    ----------
    argument
        Its name, for errors.
    given
        One or several of: a stored symbol, (exchange, symbol), a result or a job, the name of a kept one, a series of
        equity, a stored run's key; a dict names them. A batch stands for its finished combinations.
    store
        Where keys are looked up.

    Raises
    ------
    InputError
        When it is nothing of that.
    """
    if isinstance(given, Mapping):
        pairs = [Named(str(name), value) for name, value in given.items()]
    else:
        several = list(given) if isinstance(given, list | tuple) and not _is_one(given) else [given]
        pairs = [Named("", value) for value in several]
    if not pairs:
        raise InputError.of(argument, "is empty.", "Give at least two.")
    return [part for pair in pairs for part in _parts(argument, pair, store)]


def _parts(argument: str, pair: Named, store: str | Path | RunStore | None) -> Iterable[Named]:
    value = pair.value
    if isinstance(value, Job):
        value = value.result()
    if isinstance(value, str) and "-" not in value and ResultStore().find(value) is not None:
        pair, value = Named(pair.name or value, value), load(value)
    if isinstance(value, str) and _KEY.fullmatch(value) and "-" not in value:
        value = stored_run(value.lower(), store.place if isinstance(store, RunStore) else store)[0]
    if isinstance(value, BatchResult):
        return [Named(value.short_name(entry), entry.result()) for entry in value.finished]
    if isinstance(value, bytes | Mapping | pd.DataFrame | np.ndarray) or not (
            isinstance(value, str | pd.Series) or _is_one(value) or hasattr(value, "_repr_mimebundle_")):
        raise InputError.of(argument, f"holds {shown(value)}.", kept_behind(pair.name) or
                            "Give stored symbols, results, or series of equity; a dict names them.")
    return [Named(pair.name, value)]


def _is_one(value: Any) -> bool:
    """Tell whether a tuple is one input: a market, or a portfolio of a batch."""
    return _is_market(value) or isinstance(value, Portfolio)


def _is_market(value: Any) -> bool:
    return isinstance(value, tuple) and len(value) == 2 and all(isinstance(part, str) for part in value) \
        and "-" in value[1] and "-" not in value[0]


def market_symbol(given: Any) -> str:
    """Return the symbol of what stands for a market; empty for what does not."""
    return given if isinstance(given, str) else given[1] if _is_market(given) else ""


def market_of(given: Any, exchange: str | None, candles: CandleStore) -> SeriesInfo | None:
    """Return the stored series that a symbol stands for; None for what is no symbol.

    Raises
    ------
    CandlesNotFoundError, InputError
        When it is not stored, or on several exchanges.
    """
    if isinstance(given, str):
        return candles.resolve(given, exchange)
    return candles.resolve(given[1], given[0]) if _is_market(given) else None


def market_candles(
    name: str, series: SeriesInfo, timeframe: str, candles: CandleStore, start: Any = None, end: Any = None, *,
    argument: str = "inputs",
) -> NDArray[np.float64]:
    """Return a market's whole candles, made of the stored minutes, as Jesse orders them: (candles, 6).

    Raises
    ------
    InputError
        When the closes never change, or many candles look filled: without volume, without a move; when the minutes
        were made of longer candles than these.
    PeriodError
        When nothing is stored in the period.
    """
    if series.expanded_from and TIMEFRAME_MINUTES[timeframe] < TIMEFRAME_MINUTES[series.expanded_from]:
        raise InputError.of(argument, f"holds {name}, whose minutes are expanded from {series.expanded_from}: its "
                            f"{timeframe} candles are made up.", f"Take timeframe={series.expanded_from!r} or longer, "
                            "or leave it out.")
    first = series.start if start is None else max(to_ms(start, "start"), series.start)
    last = series.end if end is None else min(to_ms(end, "end"), series.end)
    if first >= last:
        raise PeriodError(f"Nothing of {name} is stored in that period.", "Choose another, or leave it out.",
                          argument="start")
    length = TIMEFRAME_MINUTES[timeframe] * MINUTE_MS
    first = -(-first // length) * length  # whole candles only
    if first >= last:
        raise PeriodError(f"No whole {timeframe} candle of {name} is stored in that period.", argument="start")
    made = resample_candles(candles.read(series.exchange, series.symbol, first, last), timeframe)
    closes = made[:, 2]
    if len(made) < 2 or np.ptp(closes) == 0:
        raise InputError.of(argument, f"holds {name}, whose price never changes there.", "Leave it out.")
    still = float(((closes[1:] == closes[:-1]) & (made[1:, 5] == 0)).mean())
    if still > MOST_FILLED:
        raise InputError.of(argument, f"holds {name}: {still * 100:.0f} % of its {timeframe} candles have no volume "
                            "and no move, as filled gaps have.", "Take a longer timeframe, or leave it out.")
    return made


def market_returns(
    name: str, series: SeriesInfo, timeframe: str, candles: CandleStore, start: Any = None, end: Any = None
) -> ReturnSeries:
    """Return the returns from each candle's close to the next one's; see :func:`market_candles`.

    A return over a candle that is missing is left out.
    """
    made = market_candles(name, series, timeframe, candles, start, end)
    closes, moments = made[:, 2], made[:, 0].astype(np.int64)
    beside = np.diff(moments) == TIMEFRAME_MINUTES[timeframe] * MINUTE_MS
    returns = pd.Series((closes[1:] / closes[:-1] - 1.0)[beside],
                        index=pd.to_datetime(moments[1:][beside], unit="ms", utc=True), name=name)
    missing = int((~beside).sum())
    notes = (f"{name}: {counted(missing, 'return')} over missing candles left out.",) if missing else ()
    return ReturnSeries(name, "market", returns, f"{series.symbol} on {series.exchange}, {series.fingerprint}",
                        series.symbol.partition("-")[2], series.synthetic, notes=notes,
                        expanded_from=series.expanded_from)


def check_days_only(timeframe: str) -> None:
    """Refuse a timeframe for results, which are valued at midnight.

    Raises
    ------
    InputError
        When it is not ``1D``.
    """
    if timeframe != "1D":
        raise InputError.of("timeframe", f"is {timeframe!r}, and a result has days only.", "Take timeframe='1D'.")


def result_returns(pair: Named, *, candles: CandleStore | None = None, needed: int = 30) -> ReturnSeries:
    """Return the daily returns of a result, or of a series of equity; see :func:`.midnight_returns`.

    Raises
    ------
    InputError
        When its equity says nothing: too few days, a constant, a lost account.
    """
    value = pair.value
    try:
        read = risk_input(None, None, value, needed=needed) if isinstance(value, pd.Series) else \
            risk_input(value, needed=needed)
    except InputError as error:
        raise InputError(f"{pair.name or type(value).__name__}: {error.message}", error.hint,
                         argument="results") from error
    run, spec = read.run, read.run.spec
    markets = " and ".join(dict.fromkeys(route.symbol for route in spec.routes)) if spec else ""
    source = f"{run.strategy} on {markets}" if markets else run.strategy
    name = pair.name or (f"{run.strategy} {markets}".strip() if spec else str(getattr(value, "name", None) or "equity"))
    days = midnight_returns(name, value, run.returns, candles)
    return ReturnSeries(
        name, "result", days.returns.rename(name), source,
        spec.routes[0].symbol.partition("-")[2] if spec else getattr(value, "quote", ""),
        spec.synthetic if spec else bool(getattr(value, "synthetic", False)), read.sample,
        spec.account.mean_fill_cost(_traded(run, spec)) if spec else float("nan"), run.balance,
        (days.note,) if days.note else (),
        expanded_from=spec.expanded_from if spec else "")


def _traded(run: AnalyzedRun, spec: BacktestSpec) -> dict[str, float]:
    """Return what weighs the fees of several markets; one fee weighs by itself."""
    return traded_by_market(run.trades) if isinstance(spec.account.fee, Mapping) else {}


def aligned(series: list[ReturnSeries], needed: int, *, argument: str = "inputs") -> tuple[pd.DataFrame, int]:
    """Return the returns at the moments that all have, and how many of the first to last moment are left out.

    Raises
    ------
    InputError
        When these are too few, or two series have the same name.
    """
    names = [one.name for one in series]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise InputError.of(argument, f"holds {shown(twice)} twice.", "Leave one out, or name them: dict(a=..., "
                            "b=...).")
    together = pd.concat({one.name: one.returns for one in series}, axis=1)
    whole = together.dropna()
    if len(whole) < needed:
        short = min(series, key=lambda one: len(one.returns))
        raise InputError.of(argument, f"share {len(whole):,} observations, and {needed:,} are needed.",
                            f"{short.name} has {len(short.returns):,}, {_span(short)}. Leave out what is short, or "
                            "take another period or timeframe.")
    return whole, len(together) - len(whole)


def _span(one: ReturnSeries) -> str:
    if not len(one.returns):
        return "none at all"
    first, last = (int(moment.value // 1_000_000) // DAY_MS * DAY_MS for moment in
                   (one.returns.index[0], one.returns.index[-1]))
    return f"from {pd.Timestamp(first, unit='ms'):%Y-%m-%d} to {pd.Timestamp(last, unit='ms'):%Y-%m-%d}"
