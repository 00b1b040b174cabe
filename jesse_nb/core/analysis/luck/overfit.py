"""What tells skill from luck after an optimization: every figure, computed once, from the trials' daily returns."""

from __future__ import annotations

import math
from collections.abc import Hashable, Iterable
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
import pandas as pd

from jesse_nb.core.analysis.luck.distinct_trials import distinct_trials
from jesse_nb.core.analysis.luck.doubts import Doubt, too_good
from jesse_nb.core.analysis.luck.effective_trials import EffectiveTrials, effective_trials
from jesse_nb.core.analysis.luck.haircut_sharpe import HaircutSharpe, haircut_sharpe
from jesse_nb.core.analysis.luck.overfitting_probability import OverfittingProbability, probability_of_overfitting
from jesse_nb.core.analysis.luck.sharpe_inference import (
    DeflatedSharpe,
    deflated_sharpe,
    expected_maximum_sharpe,
    minimum_track_record_length,
    probabilistic_sharpe,
    sharpe_moments,
)
from jesse_nb.core.analysis.luck.superior_ability import SuperiorAbility, superior_ability
from jesse_nb.core.analysis.market.market_comparison import MarketComparison, compare_with_market
from jesse_nb.core.study.ratios import PERIODS
from jesse_nb.exceptions import InputError, shown

__all__ = ["HeldOutRanks", "OverfitFigures", "overfit_figures"]


class HeldOutRanks(NamedTuple):
    """Spearman's rank correlation of trials' values in training and held out.

    ``rho`` is -1 to 1 with its two-sided ``p``, over ``pairs`` trials. These are the best trials, so it says whether
    the order among them held, not whether they are better than the rest. NaN with a ``reason`` where undefined.
    """

    rho: float
    p: float
    pairs: int
    reason: str = ""


@dataclass(frozen=True, eq=False)
class OverfitFigures:
    """All that an overfit verdict rests on. Sharpe ratios are annualized by 365, except in ``deflated``.

    Attributes
    ----------
    chosen
        The trial that is judged, a column of the returns.
    trades
        How many it closed; None where that was not told.
    days, active_days
        How many daily returns there are, and on how many of them the chosen trial's is not zero.
    sharpe
        Of each trial, by column; NaN for those that never traded.
    prior_trials
        Earlier backtests on overlapping data, beyond these trials.
    unfinished
        Trials that were stopped early. Nothing is known of them but that they did badly on the way; they count as
        earlier backtests do, and widen the spread of the Sharpe ratios that luck is measured by.
    effective
        The effective number of independent trials among these.
    independent_trials
        That number with the earlier backtests and the unfinished trials: they are taken to repeat each other as
        much as these trials do, but each counts for a quarter of an independent trial at the least. The deflated
        Sharpe ratio and the p-values below are corrected for so many.
    deflated
        The chosen trial's deflated Sharpe ratio (per day).
    probabilistic
        Its probabilistic Sharpe ratio, as if it were the only trial ever made.
    track_record
        Days after which that would reach 0.95; infinite without a gain.
    overfitting
        The probability of backtest overfitting, trials compared by Sharpe ratio.
    cash
        Test of all trials against cash.
    market
        Beside buy-and-hold; None where that is unknown, for ``market_reason``.
    p_cash, p_market
        That the chosen trial has no mean return above zero, and none beyond its exposure to the market: corrected
        for all trials and for the earlier backtests. NaN where undefined.
    haircut
        Harvey and Liu's haircut of its Sharpe ratio; equal trials count once, earlier backtests in full.
    held_out
        Rank correlation of the top trials' values in training and held out.
    doubt
        Why its Sharpe ratio is not to be believed; None where nothing is wrong with that.
    """

    chosen: Hashable
    trades: int | None
    days: int
    active_days: int
    sharpe: pd.Series[float] = field(repr=False)
    prior_trials: int
    unfinished: int
    effective: EffectiveTrials = field(repr=False)
    independent_trials: float
    deflated: DeflatedSharpe = field(repr=False)
    probabilistic: float
    track_record: float
    overfitting: OverfittingProbability = field(repr=False)
    cash: SuperiorAbility = field(repr=False)
    market: MarketComparison | None = field(repr=False)
    market_reason: str
    p_cash: float
    p_market: float
    haircut: HaircutSharpe = field(repr=False)
    held_out: HeldOutRanks
    doubt: Doubt | None = field(default=None, repr=False)

    @property
    def trials(self) -> int:
        """How many trials traded."""
        return int(self.sharpe.notna().sum())

    @property
    def chosen_sharpe(self) -> float:
        """The chosen trial's Sharpe ratio, annualized by 365."""
        return self.deflated.sharpe * math.sqrt(PERIODS)

    @property
    def lucky_sharpe(self) -> float:
        """What the best of so many independent trials without skill is expected to show, annualized by 365."""
        return self.deflated.expected_maximum * math.sqrt(PERIODS)

    def lucky_curve(self, points: int = 60) -> pd.Series[float]:
        """Return the Sharpe ratio that luck is expected to reach, by the number of independent trials.

        Annualized by 365; from one trial to at least ten times as many as there were, evenly on a logarithmic scale.
        """
        most = max(self.independent_trials * 10.0, float(len(self.sharpe) + self.prior_trials + self.unfinished), 100.0)
        numbers = np.geomspace(1.0, most, points)
        best = [expected_maximum_sharpe(self.deflated.variance * PERIODS, number) for number in numbers]
        return pd.Series(best, index=pd.Index(numbers, name="independent trials"), name="sharpe", dtype=float)


def overfit_figures(
    returns: pd.DataFrame, chosen: Hashable, market: pd.Series[float] | None = None, *, prior_trials: int = 0,
    unfinished: int = 0, held_out: Iterable[tuple[float, float]] = (), trades: int | None = None,
    resamples: int = 1000, seed: int = 0,
) -> OverfitFigures:
    """Compute what tells skill from luck in the best of many trials.

    Parameters
    ----------
    returns
        Daily returns, fractions: one row a day in the order of time, one column a trial, the bad ones included.
        What follows a total loss is 0.
    chosen
        The column that is judged.
    market
        Buy-and-hold's daily returns, fractions; days that are missing or NaN are left out of comparisons with it.
    prior_trials
        Earlier backtests on overlapping data of the same symbols, beyond these trials.
    unfinished
        Trials of this study that were stopped early, and are no columns.
    held_out
        Pairs of a top trial's value in training and held out.
    trades
        How many the chosen trial closed, where that is known.
    resamples, seed
        Of the bootstrap.

    Raises
    ------
    InputError
        When ``chosen`` is no column, a count is negative, or returns are undefined.
    """
    if chosen not in returns.columns:
        raise InputError(f"Trial {shown(chosen)} has no returns.", "Choose one of the columns of returns.")
    for name, count in (("prior_trials", prior_trials), ("unfinished", unfinished)):
        if count < 0:
            raise InputError(f"{name} is {count}.", "It is a count, 0 or more.")
    values = returns.to_numpy(dtype=float)
    if not np.isfinite(values).all():
        raise InputError("Some of the trials' returns are undefined.", "Leave those trials out, or fill them.")
    moments = [sharpe_moments(column) for column in values.T]
    position = next(place for place, name in enumerate(returns.columns) if name == chosen)
    its, ratios = moments[position], np.array([moment.sharpe for moment in moments])
    first, which = distinct_trials(values)
    effective = effective_trials(returns, unfinished=unfinished, seed=seed)
    others = prior_trials + unfinished
    independent = effective.with_earlier(others)
    cash = superior_ability(returns, resamples=resamples, seed=seed)
    compared, reason = compare_with_market(returns, position, market, prior_trials=prior_trials,
                                           unfinished=unfinished, resamples=resamples, seed=seed)
    more = independent / effective.number if effective.number else 1.0
    return OverfitFigures(
        chosen=chosen,
        trades=trades,
        days=len(returns),
        active_days=int((values[:, position] != 0).sum()),
        sharpe=pd.Series(ratios * math.sqrt(PERIODS), index=returns.columns, dtype=float),
        prior_trials=prior_trials,
        unfinished=unfinished,
        effective=effective,
        independent_trials=independent,
        deflated=deflated_sharpe(its, effective.variance, independent),
        probabilistic=probabilistic_sharpe(its),
        track_record=minimum_track_record_length(its),
        overfitting=probability_of_overfitting(returns),
        cash=cash,
        market=compared,
        market_reason=reason,
        p_cash=math.nan if cash.reason else _of_more(cash, position, more),
        p_market=_of_more(compared.beyond, position, compared.more) if compared else math.nan,
        haircut=haircut_sharpe(ratios[first], int(which[position]), len(returns), more_tests=others),
        held_out=_held_out_ranks(held_out),
        doubt=too_good(values[:, position], independent),
    )


def _of_more(test: SuperiorAbility, position: int, more: float) -> float:
    """Return the chosen trial's p-value, corrected for ``more`` times as many trials (Šidák).

    The resample in which nobody has looked counts against it, so that p is never 0 and grows with the trials.
    """
    own = float(test.adjusted.iloc[position])
    if math.isnan(own):  # it has nothing but what it is compared with
        return 1.0
    counted = (own * test.resamples + 1.0) / (test.resamples + 1.0)
    return float(1.0 - (1.0 - counted) ** more)


def _held_out_ranks(pairs: Iterable[tuple[float, float]]) -> HeldOutRanks:
    from scipy.stats import spearmanr

    values = np.array([pair for pair in pairs if all(map(math.isfinite, pair))], dtype=float).reshape(-1, 2)
    if len(values) < 5:
        return HeldOutRanks(math.nan, math.nan, len(values), f"{len(values)} of the five trials needed were held out")
    if not np.ptp(values, axis=0).all():
        return HeldOutRanks(math.nan, math.nan, len(values), "the values do not differ")
    found = spearmanr(values[:, 0], values[:, 1])
    return HeldOutRanks(float(found.statistic), float(found.pvalue), len(values))
