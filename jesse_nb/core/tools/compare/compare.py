"""Results side by side: what differs in what they ran, in what came of it, and whether by more than noise."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from jesse_nb.core.analysis.comparison.paired_differences import paired_differences
from jesse_nb.core.analysis.comparison.trade_matching import matched_trades
from jesse_nb.core.candles import CandleStore
from jesse_nb.core.jobs.job import Job, JobControl
from jesse_nb.core.record.about import verdict_of
from jesse_nb.core.simulator.result import BacktestResult
from jesse_nb.core.study.ratios import PERIODS, return_ratios
from jesse_nb.core.times import DAY_MS
from jesse_nb.core.tools.analyze.analysis_result import AnalyzedRun
from jesse_nb.core.tools.analyze.analyzed_run import analyzed_run, run_of_backtest
from jesse_nb.core.tools.compare.comparison import ComparedResult, Comparison
from jesse_nb.core.tools.compare.search_settings import search_settings
from jesse_nb.core.tools.compare.setting_differences import code_differences, setting_differences
from jesse_nb.core.tools.declaration.door import declared
from jesse_nb.core.tools.markets.midnight_returns import midnight_returns, minutes_sampled_late
from jesse_nb.core.tools.plan import Plan, planned
from jesse_nb.core.tools.record.finding import kept_behind, kind_of, load
from jesse_nb.core.tools.record.keeping import entry_of
from jesse_nb.core.tools.registry import COMPARE
from jesse_nb.exceptions import InputError, shown

__all__ = ["compare"]

_TESTS = ("result", "figure", "base", "value", "difference", "low", "high", "p", "p_holm", "beyond_noise", "reason")
_LEVEL = 0.05


@planned
@declared(COMPARE)
def compare(
    *results: Any, seed: int = 0, candles: CandleStore | None = None, background: bool = False,
) -> Plan[Comparison]:
    """Compare results of any tools, the first one with each of the others.

    Nothing is simulated. Of a study the held-out run is read, of a walk-forward the stitched out-of-sample curve, of a
    batch the best combination, of an analysis the run that it read. Runs of other timeframes or modes, which Jesse
    samples at other hours, are valued at midnight (UTC) from their fills and stored candles. That the days are the same
    ones, and that the differences are tested all together, is taken care of; that the parameters of one had seen these
    days is not, and is said.

    Parameters
    ----------
    *results
        Two at the least: results, names or keys of kept ones, or pairs of a name and one of these.
    seed
        Of the bootstrap.
    candles
        Where candles are kept.
    background
        Return a :class:`~jesse_nb.core.jobs.job.Job` at once.

    Returns
    -------
    Comparison or Job

    Raises
    ------
    InputError
        When there are fewer than two, one is no result, or has no run to compare.
    StorageError
        When a kept one is damaged.

    Examples
    --------
    >>> result = jn.backtest(TrendFollower, "BTC-USDT", "1h", "2023-02-01", "2023-05-01")
    >>> dear = jn.backtest(TrendFollower, "BTC-USDT", "1h", "2023-02-01", "2023-05-01", fee=0.002)
    >>> jn.compare(result, dear).settings.loc["fee"].tolist()
    ['0.001', '0.002']
    """
    read = _with_names(results)
    sides = [one.side for one in read]
    title = " with ".join((sides[0].name, ", ".join(side.name for side in sides[1:])))
    return Plan("compare", title, lambda control: _compared(read, seed, candles, control), background=background)


class _Read(NamedTuple):
    """A result to compare, and what its returns come from."""

    side: ComparedResult
    origin: Any


def _with_names(results: Sequence[Any]) -> tuple[_Read, ...]:
    """Return the results to compare, each under a name of its own."""
    if len(results) < 2:
        raise InputError.of("results", "cannot be fewer than two.", "Give two at the least.")
    read: list[_Read] = []
    for given in results:
        name, result = given if isinstance(given, tuple) and len(given) == 2 and isinstance(given[0], str) \
            else ("", given)
        if isinstance(result, str):
            name, result = name or result, load(result)
        result = result.result() if isinstance(result, Job) else result
        entry, kind = entry_of(result), kind_of(result)
        if not kind:
            given = f"{name}, which holds {shown(result)}: that" if name else f"{shown(result)}, which"
            raise InputError.of("results", f"cannot be {given} is no result of a tool.",
                                kept_behind(name) or "Give results of tools, or names of kept ones.")
        name = name or (entry.name if entry is not None else "") or kind
        taken = {one.side.name for one in read}
        numbered = (name if number == 1 else f"{name} ({number})" for number in range(1, len(results) + 1))
        name = next(each for each in numbered if each not in taken)
        run, origin = _run_of(result)
        read.append(_Read(ComparedResult(name, kind, run, verdict_of(result), search_settings(result)), origin))
    return tuple(read)


def _run_of(result: Any) -> tuple[AnalyzedRun, Any]:
    """Return the run that speaks for a result, and what its returns come from."""
    run = getattr(result, "run", None)
    if isinstance(run, AnalyzedRun):
        return run, result
    for whole in (result, getattr(result, "original", None), getattr(result, "result", None)):
        if isinstance(whole, BacktestResult):
            return run_of_backtest(whole), whole
    several = getattr(result, "results", None)
    if isinstance(several, dict) and several:
        first = next(iter(several.values()))
        return run_of_backtest(first), first
    return analyzed_run(result).run, result


def _compared(read: tuple[_Read, ...], seed: int, candles: CandleStore | None, control: JobControl) -> Comparison:
    sides, moment_notes = _at_one_moment(read, candles, control)
    base, *others = sides
    control.update(phase="comparing", total=len(others))
    returns = pd.concat({side.name: side.run.returns for side in sides}, axis=1, join="inner")
    tests = []
    for number, side in enumerate(others):
        found = paired_differences(returns[base.name], returns[side.name], seed=seed)
        tests += [(side.name, one.figure, one.base, one.value, one.difference, one.low, one.high, one.p, one.reason)
                  for one in found]
        control.update(done=number + 1)
    start = int(returns.index[0].value // 1_000_000) if len(returns) else 0
    return Comparison(
        sides, setting_differences(sides), code_differences(sides), start, start + len(returns) * DAY_MS,
        returns, _metrics(sides, returns), _with_correction(tests),
        {side.name: matched_trades(_trades(base, returns), _trades(side, returns)) for side in others
         if _share_a_market(base, side)}, seed, (*_notes(sides, returns), *moment_notes),
    )


def _at_one_moment(
    read: tuple[_Read, ...], candles: CandleStore | None, control: JobControl
) -> tuple[tuple[ComparedResult, ...], tuple[str, ...]]:
    """Return the results with the returns of the same days, and remarks.

    Jesse samples an account a candle after midnight in fast mode, so days of different timeframes are not the same:
    the account is valued at midnight then. Where all were sampled alike, the figures stay those of their own reports.
    """
    late = {one.side.name: minutes_sampled_late(one.origin) for one in read}
    if len({*late.values()} - {None}) < 2:
        return tuple(one.side for one in read), ()
    unknown = [name for name, minutes in late.items() if minutes is None]
    notes = [f"As they were sampled, for there is no run of theirs to value at midnight: {', '.join(unknown)}."] \
        if unknown else []
    sides = []
    for number, (side, origin) in enumerate(read):
        control.update(phase="valuing at midnight", done=number, total=len(read))
        found = midnight_returns(side.name, origin, side.run.returns, candles)
        sides.append(replace(side, run=replace(side.run, returns=found.returns)))
        notes.append(found.note)
    return tuple(sides), tuple(dict.fromkeys(filter(None, notes)))


def _with_correction(tests: list[tuple[Any, ...]]) -> pd.DataFrame:
    """Return the table of tests; with several, one of them is below 5 % more often than in one of twenty."""
    from statsmodels.stats.multitest import multipletests

    table = pd.DataFrame(tests, columns=[name for name in _TESTS if name not in ("p_holm", "beyond_noise")])
    tested = table["p"].notna().to_numpy()
    corrected = np.full(len(table), np.nan)
    if tested.any():
        corrected[tested] = multipletests(table["p"].to_numpy()[tested], method="holm")[1]
    found: pd.DataFrame = table.assign(p_holm=corrected, beyond_noise=corrected < _LEVEL)
    return found[list(_TESTS)]


def _metrics(sides: Sequence[ComparedResult], returns: pd.DataFrame) -> pd.DataFrame:
    columns = {}
    for side in sides:
        trades = _closed_in(side.run.trades, returns)
        spread = float(returns[side.name].std()) * math.sqrt(PERIODS) * 100
        counted = {"volatility": spread, "trades": float(len(trades))}
        if len(trades):
            counted |= {"win_rate": float((trades["pnl"] > 0).mean()), "fees": float(trades["fee"].sum()),
                        "profit_of_trades": float(trades["pnl"].sum())}
        columns[side.name] = {**return_ratios(returns[side.name]), **counted}
    return pd.DataFrame(columns).rename_axis("metric")


def _trades(side: ComparedResult, returns: pd.DataFrame) -> pd.DataFrame:
    """Return the trades that were opened on the days in common; all where there are none."""
    trades = side.run.trades
    if not len(returns) or not len(trades):
        return trades
    opened = pd.to_datetime(trades["opened_at"], utc=True)
    within: pd.DataFrame = trades[((opened >= returns.index[0])
                                   & (opened < returns.index[-1] + pd.Timedelta(days=1))).to_numpy()]
    return within


def _share_a_market(base: ComparedResult, side: ComparedResult) -> bool:
    """Return False where no trade of one can be alike any of the other; tables from elsewhere may have any."""
    mine, its = _markets(base), _markets(side)
    return not mine or not its or bool(mine & its)


def _markets(side: ComparedResult) -> set[str]:
    return {route.symbol for route in side.spec.routes} if side.spec is not None else set(side.run.trades["symbol"])


def _closed_in(trades: pd.DataFrame, returns: pd.DataFrame) -> pd.DataFrame:
    """Return the trades whose end these days booked; all where there are none. A fill's time is its minute's end."""
    if not len(returns) or not len(trades):
        return trades
    closed = pd.to_datetime(trades["closed_at"], utc=True)
    within: pd.DataFrame = trades[((closed > returns.index[0])
                                   & (closed <= returns.index[-1] + pd.Timedelta(days=1))).to_numpy()]
    return within


def _notes(sides: Sequence[ComparedResult], returns: pd.DataFrame) -> Iterator[str]:
    whole = {side.name: len(side.run.returns) for side in sides}
    if not len(returns):
        yield "They have no day in common, so nothing of their returns is compared."
    elif any(days != len(returns) for days in whole.values()):
        told = ", ".join(f"{name} {days:,}" for name, days in whole.items())
        yield f"Compared on the {len(returns):,} days that all have; they ran on {told}."
    specs = [side.spec for side in sides if side.spec is not None]
    if len({route.symbol for spec in specs for route in spec.routes}) > 1:
        yield "They traded different markets: what differs may be the markets."
    apart = [side.name for side in sides[1:] if not _share_a_market(sides[0], side)]
    if apart:
        yield f"No trade of {', '.join(apart)} is set beside one of {sides[0].name}: they have no market in common."
    seen = [side.name for side in sides if "training" in side.run.origin or "best combination" in side.run.origin]
    if seen:
        yield f"Chosen on these very days, and so flattered: {', '.join(seen)}."
