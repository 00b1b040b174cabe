"""Why a gain is not to be believed, whatever speaks for it: it is beyond anything traded, or other markets deny it."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from jesse_nb.core.analysis.luck.sharpe_inference import sharpe_moments, sharpe_standard_error
from jesse_nb.core.analysis.luck.significance import FEW_ACTIVE_DAYS, FEW_DAYS
from jesse_nb.core.study.ratios import PERIODS

__all__ = ["BELIEVABLE_SHARPE", "CONFIDENCE", "DENIAL_LEVEL", "LUCKY_SHARPE", "OVERRULED", "Doubt", "also",
           "denied", "too_good"]

#: No record of trading that is known stays above this Sharpe ratio, annualized: the best one published, Medallion's of
#: 1988 to 2018, is a little above 2 before fees (Cornell, The Journal of Portfolio Management 46-4, 2020).
BELIEVABLE_SHARPE = 3.0
#: How sure it must be that a Sharpe ratio is above that. At 95 %, up to 5 % of honest strategies with a Sharpe ratio of
#: 2.5 were suspected (fat tails, changing volatility); at 99 % it is 1 %: ``python -m tests.calibration.too_good``.
CONFIDENCE = 0.99
#: Above this Sharpe ratio a gain is no skill, however few its days are: more of them would be too good to be true.
LUCKY_SHARPE = 6.0
#: Chance that a strategy which gains on every other market made anew is denied by so few of them.
DENIAL_LEVEL = 0.05

#: Outcomes of a verdict that a doubt has overruled already.
OVERRULED = ("failed check", "too good to be true", "denied by its scenarios")

_LOOK = ("Look for knowledge of the future (%check or check_strategy names the line), for faults in the candles, and "
         "for fills at prices that nobody would have given.")


class Doubt(NamedTuple):
    """Why a gain is not to be believed: ``line`` begins with the outcome and a colon, ``note`` says what to do."""

    outcome: Literal["failed check", "too good to be true", "denied by its scenarios", "too little data"]
    line: str
    note: str


def too_good(returns: ArrayLike, trials: float = 1.0) -> Doubt | None:
    """Say whether a Sharpe ratio is beyond anything that was ever traded.

    It is *too good to be true* when its whole 99 % interval (Mertens' standard error; for the best of many trials the
    99 % are shared out among them, after Bonferroni) lies above 3, over at least 60 days on 30 of which it gained or
    lost. What is above 6 without so much behind it is a short lucky period, for which there is too little data.

    Parameters
    ----------
    returns
        Daily returns, fractions.
    trials
        From how many independent trials it was chosen; need not be whole.

    Returns
    -------
    Doubt or None
        None where nothing is wrong with the ratio, or it is undefined.

    Examples
    --------
    >>> too_good([0.01, 0.012, -0.001] * 40).line
    'too good to be true: a Sharpe ratio of 23.34 over 120 days (99% interval 18.43 to 28.25), where no fund known stays above 3'
    >>> too_good([0.01, 0.008, -0.012] * 40) is None
    True
    """  # noqa: E501 - the line as it is printed
    from scipy.special import ndtri

    sample = np.asarray(returns, dtype=float)
    moments = sharpe_moments(sample)
    if math.isnan(moments.sharpe):
        return None
    year = math.sqrt(PERIODS)
    ratio, active = moments.sharpe * year, int((sample != 0).sum())
    reach = float(ndtri(1 - (1 - CONFIDENCE) / (2 * max(trials, 1.0)))) * sharpe_standard_error(moments) * year
    if len(sample) >= FEW_DAYS and active >= FEW_ACTIVE_DAYS and ratio - reach > BELIEVABLE_SHARPE:
        return Doubt("too good to be true", f"too good to be true: a Sharpe ratio of {ratio:.2f} over "
                     f"{len(sample):,} days ({CONFIDENCE:.0%} interval {ratio - reach:.2f} to {ratio + reach:.2f}), "
                     f"where no fund known stays above {BELIEVABLE_SHARPE:g}", _LOOK)
    if not ratio > LUCKY_SHARPE:
        return None
    moved = f", {active:,} of them with a gain or loss," if active < len(sample) else ""
    return Doubt("too little data", f"too little data: a Sharpe ratio of {ratio:.2f} over {len(sample):,} days{moved} "
                 "is a short lucky period, not a skill",
                 f"No fund known stays above {BELIEVABLE_SHARPE:g}. A longer period would tell more; where it stays as "
                 f"good, something is wrong. {_LOOK}")


def denied(net_profits: Iterable[float]) -> Doubt | None:
    """Say whether rewritten markets deny a gain on the real one.

    They do when so few of them give a gain that of strategies for which a gain is as likely as a loss at most 5 % had
    so few (one-sided binomial test).

    Parameters
    ----------
    net_profits
        Of the same run on each rewritten market; NaN where that failed, which does not count.

    Examples
    --------
    >>> denied([-3.0, -1.2, 0.4, -8.0, -2.0, -0.1, -5.0, -2.2]).line
    'denied by its scenarios: it gains in 1 of 8 markets made anew (p = 0.035), where chance gives half'
    >>> denied([-3.0, 1.2, 0.4, -8.0]) is None
    True
    """
    from scipy.stats import binom

    known = np.array([value for value in net_profits if not math.isnan(value)])
    gained = int((known > 0).sum())
    p = float(binom.cdf(gained, len(known), 0.5)) if len(known) else 1.0
    if p > DENIAL_LEVEL:
        return None
    shown = "p < 0.001" if p < 0.001 else f"p = {p:.3f}"
    return Doubt("denied by its scenarios", f"denied by its scenarios: it gains in {gained:,} of {len(known):,} "
                 f"markets made anew ({shown}), where chance gives half",
                 "These markets keep how prices move within a week, and the time of day. What gains by an order of "
                 "longer than that gains on the real one alone, and so does luck, and what knows the real one's future "
                 "(%check or check_strategy names the line).")


def also(line: str, other: str) -> str:
    """Return a headline that says what another one says, too.

    Examples
    --------
    >>> also("failed check: reads the future", "too good to be true: a Sharpe ratio of 9.21 over 90 days")
    'failed check: reads the future; a Sharpe ratio of 9.21 over 90 days'
    """
    return f"{line}; {other.partition(': ')[2]}"
