"""Trials beside buying and holding what they traded: a market that rises makes trials gain that have no skill."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import pandas as pd

from jesse_nb.core.analysis.ratios import PERIODS
from jesse_nb.core.analysis.sharpe_inference import sharpe_moments
from jesse_nb.core.analysis.significance import FEWEST
from jesse_nb.core.analysis.superior_ability import SuperiorAbility, superior_ability

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
    exposure
        The chosen trial's beta.
    sharpe
        Of buy-and-hold, annualized by 365.
    days
        On which the market's return is known.
    """

    against: SuperiorAbility
    beyond: SuperiorAbility
    exposure: float
    sharpe: float
    days: int


def compare_with_market(
    returns: pd.DataFrame, chosen: int, market: pd.Series[float] | None, *, resamples: int = 1000, seed: int = 0
) -> tuple[MarketComparison | None, str]:
    """Test the trials against buy-and-hold, and beyond their own exposure to it.

    Parameters
    ----------
    returns
        Daily returns, fractions: one row a day in the order of time, one column a trial.
    chosen
        Position of the trial whose exposure is told.
    market
        Buy-and-hold's daily returns, fractions; days that are missing or NaN are left out.
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
    beyond = values - np.outer(benchmark, exposure)
    # rounding is all that is left of a trial that does nothing but hold the market
    beyond[:, beyond.std(axis=0) <= 1e-9 * values.std(axis=0)] = 0.0
    return MarketComparison(
        against=superior_ability(own, known, resamples=resamples, seed=seed),
        beyond=superior_ability(pd.DataFrame(beyond, index=own.index, columns=own.columns),
                                resamples=resamples, seed=seed),
        exposure=float(exposure[chosen]),
        sharpe=ratio * math.sqrt(PERIODS),
        days=len(known),
    ), ""
