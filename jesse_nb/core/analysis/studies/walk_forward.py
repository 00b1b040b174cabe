"""What a walk-forward says: in-sample against out-of-sample, what was lost, whether ranks hold."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from jesse_nb.core.analysis.luck.significance import Proportion, proportion_of
from jesse_nb.core.analysis.studies.held_out import NO_EDGE, read_metric
from jesse_nb.core.study.ratios import PERIODS

if TYPE_CHECKING:
    from jesse_nb.core.analysis.studies.stitching import StitchedReturns
    from jesse_nb.core.simulator.result import BacktestResult
    from jesse_nb.core.study.walk_forward_study import WalkForwardStudy, WindowResult

__all__ = ["Efficiency", "RankCorrelation", "degradation", "efficiency", "profitable_windows", "rank_correlation",
           "window_curves", "window_metrics"]

#: Ratios that grow with the period's length, so that windows of different length do not compare.
_LENGTH_BOUND = ("calmar_ratio", "serenity_index")

#: Means over trades: a window's counts as often as it has trades, or one with few would say most.
_OF_A_TRADE = ("expectancy", "expectancy_percentage", "expected_net_profit_every_100_trades", "win_rate")


@dataclass(frozen=True)
class Efficiency:
    """Walk-forward efficiency: which part of the in-sample return was left out-of-sample (Pardo).

    Attributes
    ----------
    value
        Out-of-sample over in-sample return, both a year; 1 means nothing was lost. NaN with ``reason``.
    in_sample, out_of_sample
        Compound growth a year of all windows one after the other, percent; the out-of-sample days are
        those of the stitched curve.
    windows
        How many windows have both.
    by_window
        The same of each window's own two runs; NaN where the in-sample return is not above zero.
    reason
        Why it is undefined; empty otherwise.
    """

    value: float
    in_sample: float
    out_of_sample: float
    windows: int
    by_window: pd.Series[float]
    reason: str = ""


@dataclass(frozen=True)
class RankCorrelation:
    """Whether the trials that do well in-sample do well out-of-sample (Spearman).

    Attributes
    ----------
    by_window
        Index the window; ``rho``, its two-sided ``p`` (for independent trials, which sets of parameters
        near each other are not) and ``trials``, the distinct parameter sets with both values. NaN where
        there are fewer than 3 or a side does not vary.
    pooled
        Correlation of the ranks within each window, over all windows; NaN with ``reason``.
    trials, windows
        How many stand behind it.
    """

    by_window: pd.DataFrame
    pooled: float
    trials: int
    windows: int
    reason: str = ""


def window_metrics(result: WalkForwardStudy) -> pd.DataFrame:
    """Return all metrics of every window, in-sample beside out-of-sample beside the default parameters.

    Parameters
    ----------
    result
        A walk-forward.

    Returns
    -------
    pandas.DataFrame
        One row a window. Columns have two levels: ``in_sample``, ``out_of_sample`` and ``baseline`` (the
        default parameters out-of-sample) above the optimized metrics by their names and all of Jesse's
        by theirs, each in its own unit; NaN without a run, or where Jesse gives none.
    """
    optimized = {metric.name: metric for metric in result.metrics}
    runs = {"in_sample": [window.train for window in result.windows],
            "out_of_sample": [window.test for window in result.windows],
            "baseline": [window.baseline for window in result.windows]}
    known = dict.fromkeys(name for several in runs.values() for run in several if run for name in run.metrics)
    names = [*optimized, *(name for name in known if name not in optimized)]
    columns = {(part, name): [read_metric(run, name, optimized.get(name)) for run in several]
               for part, several in runs.items() for name in names}
    index = pd.Index([window.window.number for window in result.windows], name="window")
    frame = pd.DataFrame(columns, index=index, dtype=float)
    frame.columns = pd.MultiIndex.from_tuples(list(columns), names=["part", "metric"])
    return frame


def degradation(result: WalkForwardStudy, curve: StitchedReturns) -> pd.DataFrame:
    """Compare in-sample and out-of-sample over all windows, and say what was lost.

    Parameters
    ----------
    result
        A walk-forward.
    curve
        Its stitched returns.

    Returns
    -------
    pandas.DataFrame
        One row a metric. ``in_sample`` and ``out_of_sample``: means over the windows that have both, of what is
        said of a trade (expectancy, win rate) over their trades, as if they were of one run; for
        ``annual_return`` the growth of those windows one after the other (a mean of annualized returns of
        short windows is mostly noise); ``stitched``: of the stitched curve, where the metric is one of
        returns; ``baseline``: the default parameters out-of-sample, stitched in the same way;
        ``degradation``: the fraction of the in-sample value that was lost, ``(in - out) / (in - no edge)``,
        where ``out`` is the stitched figure if there is one; negative when out-of-sample went better, above 1
        when the edge turned into its opposite. Where it is NaN, ``reason`` says why.
    """
    frame = window_metrics(result)
    names = [str(name) for name in dict.fromkeys(frame.columns.get_level_values("metric"))]
    directions = {metric.name: metric.direction for metric in result.metrics}
    aliases, pairs = _aliases(result), _pairs(result)
    rows = {}
    for name in names:
        both = frame[[("in_sample", name), ("out_of_sample", name)]].to_numpy(dtype=float)
        known = np.isfinite(both).all(axis=1)
        jesse_name = aliases.get(name, name)
        inside, outside = (_mean(both[known, side], frame[part]["total"][known] if jesse_name in _OF_A_TRADE else None)
                           for side, part in enumerate(("in_sample", "out_of_sample")))
        of_curve, of_baseline = curve.metric(jesse_name), curve.metric(jesse_name, "baseline")
        if jesse_name == "annual_return":
            inside, outside = _annual([train for _, train, _ in pairs]), _annual([test for _, _, test in pairs])
        no_edge = math.nan if jesse_name in _LENGTH_BOUND else NO_EDGE.get(jesse_name, math.nan)
        shown = outside if math.isnan(of_curve) else of_curve
        reason = _no_degradation(inside, shown, no_edge, directions.get(name))
        rows[name] = {"in_sample": inside, "out_of_sample": outside, "stitched": of_curve, "baseline": of_baseline,
                      "degradation": math.nan if reason else (inside - shown) / (inside - no_edge), "reason": reason}
    columns = ["in_sample", "out_of_sample", "stitched", "baseline", "degradation", "reason"]
    return pd.DataFrame.from_dict(rows, orient="index", columns=columns).rename_axis("metric")


def efficiency(result: WalkForwardStudy, curve: StitchedReturns) -> Efficiency:
    """Return the walk-forward efficiency.

    Parameters
    ----------
    result
        A walk-forward.
    curve
        Its stitched returns.
    """
    pairs = _pairs(result)
    by_window = pd.Series({number: _part_left(_annual([train]), _annual([test])) for number, train, test in pairs},
                          dtype=float).rename_axis("window")
    own = curve.returns[curve.window.isin([number for number, _, _ in pairs])]
    inside = _annual([train for _, train, _ in pairs])
    outside = _percent_a_year(float(np.prod(1.0 + own.to_numpy(dtype=float).clip(min=-1.0))), len(own))
    reason = ""
    if len(pairs) < 2:
        reason = f"it needs two windows with both runs, and there {'is one' if pairs else 'is none'}"
    elif not inside > 0:
        reason = "the in-sample return is not above zero, so there is nothing of which a part could be left"
    return Efficiency(math.nan if reason else outside / inside, inside, outside, len(pairs), by_window, reason)


def profitable_windows(curve: StitchedReturns) -> Proportion:
    """Return how many windows gained on the days that they give to the stitched curve.

    Those days do not overlap, so the windows are separate observations even when the out-of-sample
    periods overlap. A window without a trade did not gain.
    """
    gained = (1.0 + curve.returns).groupby(curve.window).prod() > 1.0 + 1e-12
    return proportion_of(int(gained.sum()), len(gained))


def rank_correlation(result: WalkForwardStudy) -> RankCorrelation:
    """Correlate the first metric's value in-sample with that out-of-sample, over each window's trials.

    Parameters
    ----------
    result
        A walk-forward.
    """
    from scipy.stats import rankdata, spearmanr

    rows, inside, outside = {}, [], []
    for window in result.windows:
        pairs = _both_values(window)
        varied = len(pairs) >= 3 and np.ptp(pairs[:, 0]) > 0 and np.ptp(pairs[:, 1]) > 0
        found = spearmanr(pairs[:, 0], pairs[:, 1]) if varied else None
        rows[window.window.number] = {"rho": float(found.statistic) if found else math.nan,
                                   "p": float(found.pvalue) if found else math.nan, "trials": len(pairs)}
        if varied:
            inside.append(rankdata(pairs[:, 0]) / (len(pairs) + 1) - 0.5)
            outside.append(rankdata(pairs[:, 1]) / (len(pairs) + 1) - 0.5)
    table = pd.DataFrame.from_dict(rows, orient="index", columns=["rho", "p", "trials"]).rename_axis("window")
    if not inside:
        return RankCorrelation(table, math.nan, 0, 0, "no window has three trials that differ on both sides")
    pooled = float(np.corrcoef(np.concatenate(inside), np.concatenate(outside))[0, 1])
    return RankCorrelation(table, pooled, sum(map(len, inside)), len(inside))


def window_curves(result: WalkForwardStudy) -> dict[int, pd.Series[float]]:
    """Return each window's whole out-of-sample run as growth since its start, in percent, by window."""
    return {window.window.number: (window.test.equity / window.test.equity.iloc[0] - 1.0) * 100.0
            for window in result.windows if window.test is not None and len(window.test.equity)}


def _pairs(result: WalkForwardStudy) -> list[tuple[int, BacktestResult, BacktestResult]]:
    return [(window.window.number, window.train, window.test)
            for window in result.windows if window.train and window.test]


def _mean(values: NDArray[np.float64], weights: pd.Series[float] | None) -> float:
    if not len(values):
        return math.nan
    return float(np.average(values, weights=weights) if weights is not None and weights.sum() > 0 else values.mean())


def _aliases(result: WalkForwardStudy) -> Mapping[str, str]:
    """Jesse's name of each optimized metric that only reads one of Jesse's."""
    return {metric.name: key for metric in result.metrics if (key := getattr(metric.reader, "key", ""))
            and not metric.name.startswith("jesse_score")}


def _no_degradation(inside: float, outside: float, no_edge: float, direction: str | None) -> str:
    if math.isnan(inside) or math.isnan(outside):
        return "undefined in-sample or out-of-sample"
    if direction == "minimize":
        return "lower is better, so no part of it is an edge"
    if math.isnan(no_edge):
        return "it depends on the period's length, or has no value that means no edge"
    return "" if inside > no_edge else "there was no edge in-sample to lose"


def _annual(runs: Iterable[BacktestResult]) -> float:
    """Compound growth a year of runs one after the other, percent; NaN without a run."""
    growth, days = 1.0, 0.0
    for run in runs:
        growth *= max(float(run.equity.iloc[-1] / run.equity.iloc[0]), 0.0)
        days += (run.spec.end - run.spec.start) / 86_400_000
    return _percent_a_year(growth, days)


def _percent_a_year(growth: float, days: float) -> float:
    if not days:
        return math.nan
    with np.errstate(over="ignore"):
        return float(np.float64(growth) ** (PERIODS / days) - 1.0) * 100.0


def _part_left(inside: float, outside: float) -> float:
    return outside / inside if inside > 0 and math.isfinite(inside) else math.nan


def _both_values(one: WindowResult) -> NDArray[np.float64]:
    """Return (n, 2) values in-sample and out-of-sample of the distinct parameter sets that have both."""
    distinct: dict[str, tuple[float, float]] = {}
    for trial in one.trials:
        outside = one.test_values.get(trial.number, math.nan)
        if trial.scored and math.isfinite(outside):
            distinct.setdefault(repr(sorted(trial.params.items())), (trial.value, outside))
    return np.array(list(distinct.values()), dtype=np.float64).reshape(-1, 2)
