"""Live or paper trades beside a backtest of the same days."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from jesse_nb.core.analysis.comparison.live_matching import fills_of, match_live, slippage_table
from jesse_nb.core.jobs.job import Job, JobControl
from jesse_nb.core.simulator.fees import Fee
from jesse_nb.core.simulator.result import BacktestResult
from jesse_nb.core.times import MINUTE_MS, TIMEFRAME_MINUTES, to_ms, utc_text
from jesse_nb.core.tools.analyze.analysis_result import AnalyzedRun
from jesse_nb.core.tools.analyze.analyzed_run import analyzed_run, run_of_backtest
from jesse_nb.core.tools.declaration.door import declared
from jesse_nb.core.tools.plan import Plan, planned
from jesse_nb.core.tools.record.finding import load
from jesse_nb.core.tools.registry import COMPARE_LIVE
from jesse_nb.core.tools.trading.live_comparison import LiveComparison
from jesse_nb.core.tools.trading.live_database import TradingKind, live_trades_of_project
from jesse_nb.core.tools.trading.live_trades import LiveTrades, read_live_trades
from jesse_nb.exceptions import InputError, PeriodError

__all__ = ["compare_live"]


@planned
@declared(COMPARE_LIVE)
def compare_live(
    result: Any,
    live: Any = None,
    *,
    project: str | Path | None = None,
    session: str | None = None,
    trading: TradingKind = "live",
    start: Any = None,
    end: Any = None,
    tolerance: float | None = None,
    background: bool = False,
) -> Plan[LiveComparison]:
    """Compare trades that Jesse made live or on paper with a backtest of the same days.

    Trades are matched by symbol, side and the time of their opening. What one side alone has was missed or is extra; of
    the others, times and prices are compared, and what a fill costs by slippage is estimated, with an interval.
    Nothing is simulated: run the backtest over these days first, with the values that traded.

    Parameters
    ----------
    result
        A backtest, or what has one run: as of :func:`~jesse_nb.core.tools.analyze.analyze.analyze_results`; or the
        name or key of a kept one.
    live
        A CSV or JSON file that Jesse exported (``storage/csv``, ``storage/json``, an answer of its dashboard), a
        DataFrame, or a list of dicts. Without it, the trades in the project's database.
    project
        The Jesse project's folder; by default the working directory.
    session
        The first digits of a live session's id; by default all of them.
    trading
        Of the database: ``live``, ``paper`` or ``all``.
    start, end
        Days to compare; by default those on which live sessions ran, or from the first live trade to the last.
    tolerance
        Minutes that two openings may be apart; by default a candle of the traded timeframe.
    background
        Return a :class:`~jesse_nb.core.jobs.job.Job` at once.

    Returns
    -------
    LiveComparison or Job

    Raises
    ------
    InputError
        When these are no trades, or there is no run to compare.
    PeriodError
        When both have no day in common.
    StorageError, DatabaseError
        When the file or the database cannot be read.

    Examples
    --------
    >>> result = jn.backtest(TrendFollower, "BTC-USDT", "1h", "2023-02-01", "2023-05-01")
    >>> jn.compare_live(result, result.trades).counts["extra"]
    0
    """
    if isinstance(result, str):
        result = load(result)
    result = result.result() if isinstance(result, Job) else result
    run = run_of_backtest(result) if isinstance(result, BacktestResult) else analyzed_run(result).run
    made = live_trades_of_project(project, session, trading) if live is None else read_live_trades(live)
    begin = None if start is None else to_ms(start, "start")
    finish = None if end is None else to_ms(end, "end")
    minutes = _candle(run) if tolerance is None else tolerance

    def work(control: JobControl) -> LiveComparison:
        control.update(phase="matching trades", total=1)
        found = _compared(run, made, begin, finish, minutes)
        control.update(done=1)
        return found

    return Plan("compare_live", f"{run.strategy} with {made.origin}", work, background=background)


def _compared(
    run: AnalyzedRun, made: LiveTrades, begin: int | None, finish: int | None, minutes: float
) -> LiveComparison:
    symbols = sorted(set(run.trades["symbol"])) if len(run.trades) else []
    if run.spec is not None:
        symbols = sorted({route.symbol for route in run.spec.routes})
    live = made.trades[made.trades["symbol"].isin(symbols)]
    spans = _spans(run, made, live, begin, finish, round(minutes * MINUTE_MS))
    mine, theirs = _within(run.trades, spans), _within(live, spans)
    allowed = pd.Timedelta(minutes=minutes)
    matched = match_live(mine, theirs, allowed)
    fills = fills_of(matched)
    return LiveComparison(
        run.strategy, made.origin, run.spec, spans[0][0], spans[-1][1], allowed.total_seconds(), matched, fills,
        slippage_table(fills), *_fees(math.nan if run.spec is None else run.spec.account.fee, theirs),
        tuple(_notes(run, made, live, theirs, matched, spans, begin is not None and finish is not None)))


def _spans(
    run: AnalyzedRun, made: LiveTrades, live: pd.DataFrame, begin: int | None, finish: int | None, slack: int
) -> list[tuple[int, int]]:
    """Return when both ran, milliseconds UTC."""
    spans = list(made.spans)
    if begin is not None or finish is not None or not spans:
        if len(live):
            first = int(live["opened_at"].min().value // 1_000_000) - slack
            last = int(live["closed_at"].max().value // 1_000_000) + slack
        elif begin is None or finish is None:
            raise InputError.of("live", "has no closed trade of the backtest's markets.",
                                "Give start and end to see what was missed.")
        else:
            first, last = begin, finish
        spans = [(first if begin is None else begin, last if finish is None else finish)]
    both = sorted((max(one, run.start), min(two, run.end)) for one, two in spans)
    both = [(one, two) for one, two in both if one < two]
    if not both:
        raise PeriodError(f"The backtest is of {utc_text(run.start)} to {utc_text(run.end)}, the live trades of other "
                          "days.", "Run a backtest over the days on which it traded.")
    return both


def _within(trades: pd.DataFrame, spans: list[tuple[int, int]]) -> pd.DataFrame:
    """Return the trades that were opened within a span."""
    if not len(trades):
        return trades
    opened = pd.to_datetime(trades["opened_at"], utc=True).astype("datetime64[ns, UTC]").astype("int64") // 1_000_000
    inside = pd.Series(False, index=trades.index)
    for begin, end in spans:
        inside |= (opened >= begin) & (opened < end)
    return trades[inside]


def _fees(fee: Fee, live: pd.DataFrame) -> tuple[float, float]:
    """Return the fee of a fill, a fraction of its value, in the backtest and live, there the median.

    Where the backtest's markets differ in theirs, both are means of all that was traded live.
    """
    value = live["qty"] * (live["entry_price"] + live["exit_price"])
    if not isinstance(fee, Mapping):
        return fee, float((live["fee"] / value).median()) if len(live) else math.nan
    value = value[live["fee"].notna()]
    asked = value * live["symbol"].map(fee)
    return (float(asked.sum() / value.sum()), float(live["fee"].sum() / value.sum())) if len(value) else (math.nan,) * 2


def _candle(run: AnalyzedRun) -> float:
    """Return the minutes of a candle of the slowest traded timeframe."""
    return 60.0 if run.spec is None else float(max(TIMEFRAME_MINUTES[route.timeframe] for route in run.spec.routes))


def _notes(
    run: AnalyzedRun, made: LiveTrades, live: pd.DataFrame, compared: pd.DataFrame, matched: pd.DataFrame,
    spans: list[tuple[int, int]], told: bool,
) -> Iterator[str]:
    if not made.spans and not told:
        yield ("When live trading ran is not known: the days from the first live trade to the last are compared, and "
               "what was missed before or after them is not seen. start and end tell them.")
    elif len(spans) > 1:
        yield f"Live trading ran in {len(spans):,} sessions; only trades opened while one ran are compared."
    others = len(made.trades) - len(live)
    if others:
        yield f"{_live(others)} of other markets left out."
    if len(live) > len(compared):
        yield f"{_live(len(live) - len(compared))} of days outside the backtest left out."
    if made.left_out:
        yield f"{_live(made.left_out)} open still, or without a price: left out."
    exchanges = set(compared["exchange"].dropna()) if len(compared) else set()
    mine = {route.exchange for route in run.spec.routes} if run.spec is not None else exchanges
    if exchanges - mine:
        yield (f"It traded on {', '.join(sorted(map(str, exchanges)))}, the backtest on candles of "
               f"{', '.join(sorted(mine))}: price differences are partly theirs.")
    names = set(compared["strategy"].dropna().astype(str)) if len(compared) else set()
    if names and run.strategy not in names:
        yield f"The live strategy is called {', '.join(sorted(names))}, the backtest's {run.strategy}."
    both = matched[matched["found"] == "both"]
    late = int(both["exit_slippage"].isna().sum())
    if late:
        yield (f"{late:,} of {len(both):,} pairs were closed at other times: their exit prices say nothing of "
               "slippage.")


def _live(number: int) -> str:
    return f"{number:,} live trade is" if number == 1 else f"{number:,} live trades are"
