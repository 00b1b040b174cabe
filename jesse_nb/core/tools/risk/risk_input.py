"""What the risk tools read: one run of any result, and whether its parameters had seen its days."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
import pandas as pd

from jesse_nb.core.analysis.curves.curves import Portfolio
from jesse_nb.core.analysis.risk.value_at_risk import not_a_sample
from jesse_nb.core.simulator.result import BacktestResult
from jesse_nb.core.tools.analyze.analysis_result import AnalyzedRun
from jesse_nb.core.tools.analyze.analyzed_run import analyzed_run
from jesse_nb.core.tools.analyze.analyzed_tables import from_tables
from jesse_nb.core.tools.batch.batch_result import BatchResult
from jesse_nb.core.tools.optimize.holdout import OpenedHoldout
from jesse_nb.core.tools.optimize.optimize_result import OptimizeResult
from jesse_nb.core.tools.walk_forward.walk_forward_result import WalkForwardResult
from jesse_nb.exceptions import InputError

__all__ = ["Basis", "RiskInput", "Sample", "returns_of", "risk_input", "sample_words"]

#: Whether the parameters had seen the days: then they look safer than they are.
Sample = Literal["out-of-sample", "in-sample", "unknown"]

#: Which days a risk is of: all, or those on which a position was open.
Basis = Literal["equity", "open_position"]

_SAID: dict[Sample, str] = {
    "out-of-sample": "Out-of-sample: the parameters had not seen these days.",
    "in-sample": "In-sample: the parameters were chosen on these very days, so every risk below is understated. "
                 "Walk the strategy forward, and give that.",
    "unknown": "Nobody knows whether the parameters were chosen on these days. If they were, every risk below is "
               "understated; the stitched curve of walk_forward is the better input.",
}


@dataclass(frozen=True)
class RiskInput:
    """The run whose risk is measured.

    Attributes
    ----------
    run
        What was read.
    backtest
        The whole of it, where it is a single one.
    sample
        Whether its parameters had seen its days.
    trades_known
        Whether there is a table of trades at all.
    notes
        Remarks for the report.
    """

    run: AnalyzedRun
    backtest: BacktestResult | None
    sample: Sample
    trades_known: bool
    notes: tuple[str, ...] = ()


def risk_input(
    result: Any, trades: pd.DataFrame | None = None, equity: pd.Series[float] | None = None, *, needed: int = 30
) -> RiskInput:
    """Return what a risk tool reads of a result, or of tables in its place.

    Parameters
    ----------
    result
        Of backtest, optimize, walk_forward or backtest_batch, or a portfolio of a batch.
    trades, equity
        As :func:`~jesse_nb.core.tools.analyze.analyze.analyze_results` takes them.
    needed
        Days that there must be.

    Raises
    ------
    InputError
        When there is no result, or its equity says nothing of risk: too few days, a constant, a lost account.
    """
    if (result is None) == (equity is None):
        raise InputError("There is no result to measure." if result is None else "Both a result and equity were given.",
                         "Give a result, or equity=... and trades=....", argument="result")
    found = _of_tables(trades, equity) if result is None else _of_portfolio(result) if isinstance(result, Portfolio) \
        else _of_result(result)
    reason = not_a_sample(found.run.returns.to_numpy(dtype=float), needed)
    if reason:
        raise InputError(f"There is no risk to measure: {reason}.", "Give a longer run, or one that trades and keeps "
                         "its account.", argument="result" if equity is None else "equity")
    return found


def sample_words(sample: Sample) -> str:
    """Say whether the parameters had seen the days."""
    return _SAID[sample]


def returns_of(given: RiskInput, basis: Basis, *, needed: int = 30) -> pd.Series[float]:
    """Return the daily returns of a basis.

    Raises
    ------
    InputError
        When the days with an open position are not known, or too few.
    """
    if basis == "equity":
        return given.run.returns
    if not given.trades_known:
        raise InputError.of("basis", "is 'open_position', and no trades were given.", "Give trades=..., or "
                            "basis='equity'.")
    days = pd.DatetimeIndex(given.run.returns.index)
    opened = days.searchsorted(pd.DatetimeIndex(given.run.trades["opened_at"]), side="right") - 1
    closed = days.searchsorted(pd.DatetimeIndex(given.run.trades["closed_at"]), side="left") - 1
    steps = np.zeros(len(days) + 1, dtype=int)
    np.add.at(steps, np.clip(opened, 0, len(days)), 1)
    np.add.at(steps, np.clip(np.maximum(closed, opened) + 1, 0, len(days)), -1)
    held: pd.Series[float] = given.run.returns[np.cumsum(steps)[:-1] > 0]
    reason = not_a_sample(held.to_numpy(dtype=float), needed)
    if reason:
        raise InputError.of("basis", f"is 'open_position': of the days with one {reason}.", "basis='equity' takes all.")
    return held


def _of_result(result: Any) -> RiskInput:
    chosen = analyzed_run(result)
    sample: Sample = "unknown"
    if isinstance(result, WalkForwardResult | OpenedHoldout):
        sample = "out-of-sample"
    elif isinstance(result, OptimizeResult):
        sample = "in-sample" if result.test is None else "out-of-sample"
    elif isinstance(result, BatchResult) and len(result.finished) > 1:
        sample = "in-sample"
    else:
        sample = getattr(result, "sample", sample)  # a portfolio's, of its parts
    return RiskInput(chosen.run, chosen.backtest, sample, chosen.run.spec is not None, chosen.notes)


def _of_tables(trades: pd.DataFrame | None, equity: pd.Series[float] | None) -> RiskInput:
    chosen = from_tables(trades, equity)
    return RiskInput(chosen.run, None, "unknown", trades is not None, chosen.notes)


def _of_portfolio(portfolio: Portfolio) -> RiskInput:
    read = from_tables(None, portfolio.equity).run
    run = replace(read, strategy=f"Portfolio of {len(portfolio.names)}")
    notes = [f"Equal weights, rebalanced {portfolio.rebalance}, beginning with 1: {', '.join(portfolio.names)}."]
    if portfolio.days_cut:
        notes.append(f"Its parts do not cover the same days: {portfolio.days_cut:,} that not all of them have are "
                     "left out.")
    return RiskInput(run, None, "unknown", False, tuple(notes))
