"""Skill or luck of a batch's best combination: the others of its period are the trials it was chosen from."""

from __future__ import annotations

from collections.abc import Collection, Sequence

import pandas as pd

from jesse_nb.core.analysis.curves.curves import daily_returns
from jesse_nb.core.analysis.luck.overfit import overfit_figures
from jesse_nb.core.analysis.luck.overfit_verdict import OverfitVerdict, overfit_verdict
from jesse_nb.core.simulator.spec import BacktestSpec
from jesse_nb.core.study.batch_entry import BatchEntry

__all__ = ["batch_verdict"]


def batch_verdict(
    finished: Sequence[BatchEntry], best: BacktestSpec, market: pd.Series[float] | None, others: Collection[str],
    *, seed: int = 0,
) -> OverfitVerdict | None:
    """Judge the best combination of a batch.

    Parameters
    ----------
    finished
        The combinations that have a result; those on the same period are the trials, on whatever market.
    best
        The best combination's.
    market
        Value of holding its market at the moments of its equity curve; None where that is unknown.
    others
        Keys of the project's other backtests on its data; those outside of the batch count as earlier trials.
    seed
        Of the bootstraps.

    Returns
    -------
    OverfitVerdict or None
        None when nothing else ran on its period: then nobody knows what it was chosen from.
    """
    trials = {entry.spec.key: entry.equity for entry in finished
              if entry.spec is not None and entry.equity is not None and not entry.ruin
              and (entry.start, entry.end) == (best.start, best.end)}
    if len(trials) < 2:
        return None
    returns = pd.DataFrame({key: daily_returns(equity) for key, equity in trials.items()})
    returns = returns.reindex(returns[best.key].dropna().index).fillna(0.0)
    figures = overfit_figures(
        returns, best.key, None if market is None else daily_returns(market),
        prior_trials=len(set(others) - {entry.spec.key for entry in finished if entry.spec})
        + sum(entry.ruin is not None for entry in finished), seed=seed,
    )
    return overfit_verdict(figures)
