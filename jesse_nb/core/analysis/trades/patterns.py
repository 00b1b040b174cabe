"""Patterns in equity and trades, each with its evidence, and with the chance that it is none."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from jesse_nb.core.analysis.curves.curves import daily_returns
from jesse_nb.core.analysis.market.change_points import DriftChanges, drift_changes
from jesse_nb.core.analysis.studies.verdict import LEVEL, as_percent, counted, probability
from jesse_nb.core.analysis.trades.profit_concentration import ProfitConcentration, profit_concentration
from jesse_nb.core.analysis.trades.trade_returns import trade_returns
from jesse_nb.core.analysis.trades.trade_sequence import (
    Decay,
    RunsTest,
    SerialDependence,
    decay,
    runs_test,
    serial_dependence,
)

__all__ = ["Pattern", "find_patterns"]


@dataclass(frozen=True)
class Pattern:
    """One thing that was looked for.

    Attributes
    ----------
    name
        What was looked for.
    found
        Whether it is there: ``corrected_p`` below 0.05, or, for what is a fact and not a test (``p`` is NaN without
        a ``reason``), as the sentence says.
    sentence
        What was found, or that nothing was.
    figures
        The numbers behind it by name, in the units of the dataclass that they come from.
    p
        Of its own test; NaN where there is none.
    corrected_p
        Holm's, over all patterns that were tested together.
    table
        Rows behind it (segments, lags, trades left out); empty where there are none.
    reason
        Why it could not be looked for; empty otherwise.
    """

    name: str
    found: bool
    sentence: str
    figures: dict[str, float]
    p: float = math.nan
    corrected_p: float = math.nan
    table: pd.DataFrame = field(default_factory=pd.DataFrame)
    reason: str = ""


def find_patterns(trades: pd.DataFrame, equity: pd.Series[float], balance: float, *,
                  seed: int = 0) -> tuple[Pattern, ...]:
    """Look for changes of drift, clusters of losses, memory, decay and a profit that rests on a few trades.

    Four of them are tests, so with nothing there at all, one would often look like something: their p-values are
    corrected for each other by Holm's method, which keeps the chance of any false alarm at 5 %.

    Parameters
    ----------
    trades
        Closed trades (``closed_at`` and ``pnl`` are read).
    equity
        Portfolio value, one sample a day.
    balance
        Starting balance in the quote currency.
    seed
        Makes the resamples repeatable.
    """
    returns = trade_returns(trades, balance)
    drift = drift_changes(daily_returns(equity), seed=seed)
    runs, memory, fading = runs_test(returns), serial_dependence(returns, seed=seed), decay(returns, seed=seed)
    changes, clusters, serial, edge = _holm(drift.p, runs.p, memory.p, fading.p)
    return (_of_drift(drift, changes), _of_runs(runs, clusters), _of_memory(memory, serial), _of_decay(fading, edge),
            _of_few(profit_concentration(returns)))


def _holm(*p_values: float) -> list[float]:
    from statsmodels.stats.multitest import multipletests

    tested = np.isfinite(p_values)
    corrected = np.full(len(p_values), math.nan)
    if tested.any():
        corrected[tested] = multipletests(np.array(p_values)[tested], method="holm")[1]
    return [float(p) for p in corrected]


def _of_drift(known: DriftChanges, corrected: float) -> Pattern:
    name = "change of drift"
    if known.reason:
        return _not_tested(name, {"days": known.days}, known.reason)
    found = corrected < LEVEL
    if found:
        rates = " then ".join(f"{value:+.2f}%" for value in known.segments["mean"])
        days = ", ".join(f"{day:%Y-%m-%d}" for day in known.changes)
        sentence = (f"The equity's drift changed around {days}: {rates} a day "
                    f"({probability(corrected)} against one drift throughout).")
    else:
        sentence = f"No change of the equity's drift beyond luck ({probability(corrected)})."
    figures: dict[str, float] = {"days": known.days, "changes": len(known.changes) if found else 0}
    return Pattern(name, found, sentence, figures, known.p, corrected, known.segments if found else pd.DataFrame())


def _of_runs(known: RunsTest, corrected: float) -> Pattern:
    name = "clusters of losses"
    figures = {"trades": known.trades, "losses": known.losses, "runs": known.runs,
               "expected_runs": known.expected_runs, "longest_losing_run": known.longest_losing_run, "z": known.z}
    if known.reason:
        return _not_tested(name, figures, known.reason)
    found = corrected < LEVEL
    against = f"{counted(known.runs, 'run')} of wins or losses, {known.expected_runs:.0f} expected"
    if not found:
        sentence = f"No clusters of losses beyond luck ({against}; {probability(corrected)})."
    elif known.z < 0:
        sentence = f"Losses come in clusters ({against}; {probability(corrected)})."
    else:
        sentence = f"Wins and losses alternate more than luck would have it ({against}; {probability(corrected)})."
    return Pattern(name, found, sentence, figures, known.p, corrected)


def _of_memory(known: SerialDependence, corrected: float) -> Pattern:
    name = "serial dependence"
    figures = {"statistic": known.statistic, "ljung_box": known.ljung_box, "ljung_box_p": known.ljung_box_p}
    if known.reason:
        return _not_tested(name, figures, known.reason)
    found = corrected < LEVEL
    if found:
        lag = int(known.table["t"].abs().idxmax())
        value = float(known.table["autocorrelation"].loc[lag])
        sentence = (f"A trade's return depends on earlier ones, most on that {counted(lag, 'trade')} before "
                    f"(autocorrelation {value:+.2f}; {probability(corrected)}).")
    else:
        sentence = f"No sign that a trade's return depends on the five before it ({probability(corrected)})."
    return Pattern(name, found, sentence, figures, known.p, corrected, known.table)


def _of_decay(known: Decay, corrected: float) -> Pattern:
    name = "decay of edge"
    figures = {name: float(getattr(known, name)) for name in
               ("slope", "standard_error", "t", "hac_p", "first", "last", "first_half", "second_half", "halves_p")}
    if known.reason:
        return _not_tested(name, figures, known.reason)
    found = corrected < LEVEL
    halves = f"{known.first_half:+.2f}% a trade in the first half, {known.second_half:+.2f}% in the second"
    if found:
        way = "earn less" if known.slope < 0 else "earn more"
        sentence = f"Trades {way} as time goes by: {halves} ({probability(corrected)})."
    else:
        sentence = f"No trend beyond luck in what trades earn: {halves} ({probability(corrected)})."
    return Pattern(name, found, sentence, figures, known.p, corrected)


def _of_few(known: ProfitConcentration) -> Pattern:
    name = "dependence on a few trades"
    figures = {"trades": known.trades, "profit": known.profit, "best": known.best,
               "gone_with_best": known.gone_with_best, "enough": known.enough}
    if known.reason:
        return Pattern(name, False, f"Not looked at: {known.reason}.", figures, table=known.without,
                       reason=known.reason)
    found = known.enough <= known.best
    best = "its best trade" if known.enough == 1 else f"its {known.enough} best trades"
    sentence = f"Without {best} of {known.trades:,}, the whole profit of {as_percent(known.profit)} is gone."
    if not found:
        of_best = "the best trade" if known.best == 1 else f"the best {known.best} trades"
        sentence += f" {of_best.capitalize()} (5%) {'carries' if known.best == 1 else 'carry'} " \
                    f"{known.gone_with_best:.0%} of it."
    return Pattern(name, found, sentence, figures, table=known.without)


def _not_tested(name: str, figures: dict[str, float], reason: str) -> Pattern:
    return Pattern(name, False, f"Not tested: {reason}.", figures, reason=reason)
