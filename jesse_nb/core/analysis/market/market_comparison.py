"""Trials beside buying and holding what they traded: a market that rises makes trials gain that have no skill."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import pandas as pd

from jesse_nb.core.analysis.luck.distinct_trials import distinct_trials
from jesse_nb.core.analysis.luck.effective_trials import effective_trials
from jesse_nb.core.analysis.luck.sharpe_inference import DeflatedSharpe, deflated_sharpe, sharpe_moments
from jesse_nb.core.analysis.luck.significance import FEWEST
from jesse_nb.core.analysis.luck.superior_ability import SuperiorAbility, superior_ability
from jesse_nb.core.study.ratios import PERIODS

__all__ = ["MarketComparison", "compare_with_market"]

#: On a smaller part of the days than this, trials are not compared with the market.
KNOWN = 0.8


class MarketComparison(NamedTuple):
    """The trials beside buying and holding the market.

    Attributes
    ----------
    against
        Whether any trial's mean daily return is above the market's.
    beyond
        Whether any trial earned more than its own average exposure to the market did: its returns less beta times
        the market's, against cash. A strategy that is long now and then in a rising market gains without skill.
    deflated
        The chosen trial's deflated Sharpe ratio of what it earned beyond its exposure (per day), with the effective
        number of trials counted by that.
    more
        How many times as many independent trials there are by that with the earlier backtests.
    exposure
        The chosen trial's beta.
    sharpe
        Of buy-and-hold, annualized by 365.
    days
        On which the market's return is known.
    """

    against: SuperiorAbility
    beyond: SuperiorAbility
    deflated: DeflatedSharpe
    more: float
    exposure: float
    sharpe: float
    days: int


def compare_with_market(
    returns: pd.DataFrame, chosen: int, market: pd.Series[float] | None, *, prior_trials: int = 0,
    unfinished: int = 0, resamples: int = 1000, seed: int = 0,
) -> tuple[MarketComparison | None, str]:
    """Test the trials against buy-and-hold, and beyond their own exposure to it.

    Parameters
    ----------
    returns
        Daily returns, fractions: one row a day in the order of time, one column a trial.
    chosen
        Position of the trial that is judged.
    market
        Buy-and-hold's daily returns, fractions; days that are missing or NaN are left out.
    prior_trials
        Earlier backtests on overlapping data.
    unfinished
        Trials of this study that were stopped early, and are no columns.
    resamples, seed
        Of the bootstrap.

    Returns
    -------
    comparison, reason
        None, with the reason, where the market is unknown, did not move, or is known on fewer than 20 days or four
        in five.
    """
    if market is None:
        return None, "what the market did is unknown"
    known = market.reindex(returns.index)
    known = known[np.isfinite(known.to_numpy(dtype=float))].astype(float)
    if len(known) < max(FEWEST, KNOWN * len(returns)):
        return None, f"the market's return is known on {len(known)} of {len(returns)} days only"
    ratio = sharpe_moments(known).sharpe
    if math.isnan(ratio):
        return None, "the market did not move"
    own = returns.loc[known.index]
    values, benchmark = own.to_numpy(dtype=float), known.to_numpy()
    gaps = benchmark - benchmark.mean()
    exposure = gaps @ (values - values.mean(axis=0)) / (gaps @ gaps)
    rest = values - np.outer(benchmark, exposure)
    # rounding is all that is left of a trial that does nothing but hold the market
    rest[:, rest.std(axis=0) <= 1e-9 * values.std(axis=0)] = 0.0
    alpha = rest.mean(axis=0)
    # beta is an estimate, too: with these weights the mean is still alpha, and its error White's for an intercept
    weights = 1.0 - benchmark.mean() * gaps / (gaps**2).mean()
    rest = alpha + (rest - alpha) * weights[:, None]
    # equal trials stay equal, to the last bit
    first, which = distinct_trials(values)
    rest = rest[:, first[which]]
    beyond = pd.DataFrame(rest, index=own.index, columns=own.columns)
    effective = effective_trials(beyond, unfinished=unfinished, seed=seed)
    independent = effective.with_earlier(prior_trials + unfinished)
    return MarketComparison(
        against=superior_ability(own, known, resamples=resamples, seed=seed),
        beyond=superior_ability(beyond, resamples=resamples, seed=seed),
        deflated=deflated_sharpe(rest[:, chosen], effective.variance, independent),
        more=independent / effective.number if effective.number else 1.0,
        exposure=float(exposure[chosen]),
        sharpe=ratio * math.sqrt(PERIODS),
        days=len(known),
    ), ""
