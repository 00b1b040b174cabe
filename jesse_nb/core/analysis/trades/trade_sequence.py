"""What the order of trades says: clusters of losses, memory, decay.

All of it reads returns on equity (:func:`~jesse_nb.core.analysis.trades.trade_returns.trade_returns`), in the order in
which the trades closed.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from jesse_nb.core.analysis.luck.significance import FEWEST, shortage
from jesse_nb.core.analysis.studies.verdict import counted

__all__ = ["Decay", "RunsTest", "SerialDependence", "decay", "runs_test", "serial_dependence", "too_few"]

#: Fewer trades of either kind than this, and the normal approximation of the runs test is poor.
_FEWEST_OF_A_KIND = 5
_LAGS = 5
_RESAMPLES = 999
_MOST_PERMUTED = 2_000


@dataclass(frozen=True)
class RunsTest:
    """Wald and Wolfowitz's test that losses come in random order.

    Attributes
    ----------
    trades, losses
        How many, and how many of them lost.
    runs, expected_runs
        Unbroken series of losses or of others, and how many a random order has on average.
    longest_losing_run
        Losses in a row at the most.
    z, p
        Normal approximation, without continuity correction, two-sided; ``z`` below 0 means clusters, above 0
        that wins and losses alternate. NaN with ``reason``.
    """

    trades: int
    losses: int
    runs: int
    expected_runs: float
    longest_losing_run: int
    z: float = math.nan
    p: float = math.nan
    reason: str = ""


#: Trades that a spread must rest on, as many equal ones count (sum of squares squared, over the sum of fourth powers).
#: With a few huge wins or losses among many small trades, quiet and wild times alone pass for memory: of 100 studies of
#: 150 such trades without any, 19 times the stake won in one of twenty, 17 were called dependent.
_FEWEST_WEIGHTY = 12


@dataclass(frozen=True)
class SerialDependence:
    """Whether a trade's return depends on those before it.

    Attributes
    ----------
    table
        Rows ``lag`` 1 to 5: ``autocorrelation`` and ``t``, its t-value without assuming equal variances.
    statistic, p
        Sum of the squared t-values (Dalla, Giraitis & Phillips 2022): wild and quiet times alone do not raise it.
        ``p`` is the share of random orders of the trades in which it is as large, which holds for skewed returns of
        few trades too; of more than 2,000 trades, that of a chi-square with 5 degrees of freedom. NaN with ``reason``:
        a spread that rests on fewer than 12 trades is not tested.
    ljung_box, ljung_box_p
        Ljung and Box's statistic and p-value, which take the variance to be constant.
    """

    table: pd.DataFrame
    statistic: float = math.nan
    p: float = math.nan
    ljung_box: float = math.nan
    ljung_box_p: float = math.nan
    reason: str = ""


@dataclass(frozen=True)
class Decay:
    """Regression of trade returns on the time at which the trades closed.

    Attributes
    ----------
    slope
        Change of a trade's return in 30 days, percentage points.
    p
        Of "there is no trend", two-sided: the share of resamples with a slope as steep, in which the deviations from
        the mean keep their place and size and only their signs are drawn, for ``lags`` trades at a time (dependent
        wild bootstrap, Shao 2010). NaN with ``reason``.
    standard_error, t, hac_p
        Newey and West's, two-sided. With a trend among 100 trades they sound a false alarm not in 5 but in 9 of
        100 cases, hence ``p``.
    lags
        Their number, ``floor(4 (n / 100)^(2/9))``.
    first, last
        Fitted return of the first and of the last trade, percent.
    first_half, second_half
        Mean return of the earlier and the later half of the trades, percent.
    halves_p
        Welch's t-test that the two means are equal, two-sided; NaN where a half does not vary.
    """

    slope: float = math.nan
    p: float = math.nan
    standard_error: float = math.nan
    t: float = math.nan
    hac_p: float = math.nan
    lags: int = 0
    first: float = math.nan
    last: float = math.nan
    first_half: float = math.nan
    second_half: float = math.nan
    halves_p: float = math.nan
    reason: str = ""


def runs_test(returns: ArrayLike) -> RunsTest:
    """Test whether losses come in clusters.

    Parameters
    ----------
    returns
        Trade returns in the order of closing; below zero is a loss.
    """
    from scipy.stats import norm

    lost = np.asarray(returns, dtype=float) < 0
    count, losses = len(lost), int(lost.sum())
    others = count - losses
    borders = np.flatnonzero(np.diff(lost, prepend=~lost[:1], append=~lost[-1:]))
    lengths = np.diff(borders)
    longest = int(lengths[lost[borders[:-1]]].max(initial=0))
    expected = 2 * losses * others / count + 1 if count else 0.0
    reason = too_few(count)
    if not reason and min(losses, others) < _FEWEST_OF_A_KIND:
        lost_and_other = f"{losses} {'loss' if losses == 1 else 'losses'} and {counted(others, 'other trade')}"
        reason = f"{lost_and_other}; {_FEWEST_OF_A_KIND} of each are needed"
    if reason:
        return RunsTest(count, losses, len(lengths), expected, longest, reason=reason)
    z = (len(lengths) - expected) / math.sqrt((expected - 1) * (expected - 2) / (count - 1))
    return RunsTest(count, losses, len(lengths), expected, longest, z, float(2 * norm.sf(abs(z))))


def serial_dependence(returns: ArrayLike, *, seed: int = 0) -> SerialDependence:
    """Test whether trade returns are autocorrelated at lags 1 to 5.

    Parameters
    ----------
    returns
        Trade returns, fractions, in the order of closing.
    seed
        Makes the random orders repeatable.
    """
    from scipy.stats import chi2

    sample = np.asarray(returns, dtype=float)
    reason = _unusable(sample)
    if reason:
        return SerialDependence(pd.DataFrame(columns=["autocorrelation", "t"], dtype=float), reason=reason)
    gaps = sample - sample.mean()
    weighty = float((gaps**2).sum() ** 2 / (gaps**4).sum())
    if weighty < _FEWEST_WEIGHTY:
        return SerialDependence(pd.DataFrame(columns=["autocorrelation", "t"], dtype=float), reason=(
            f"their spread rests on about {weighty:.0f} of {len(sample):,} trades, and {_FEWEST_WEIGHTY} are needed"))
    count, lags = len(sample), np.arange(1, _LAGS + 1)
    correlations, t = (values[0] for values in _by_lag(gaps[None, :]))
    statistic = float((t**2).sum())
    p = float(chi2.sf(statistic, _LAGS))
    if count <= _MOST_PERMUTED:
        orders = np.random.default_rng(seed).permuted(np.broadcast_to(gaps, (_RESAMPLES, count)), axis=1)
        p = float((1 + ((_by_lag(orders)[1] ** 2).sum(axis=1) >= statistic - 1e-9).sum()) / (1 + _RESAMPLES))
    # statsmodels' own takes time with the square of the trades
    classic = count * (count + 2) * float((correlations**2 / (count - lags)).sum())
    table = pd.DataFrame({"autocorrelation": correlations, "t": t}, index=pd.Index(lags, name="lag"))
    return SerialDependence(table, statistic, p, classic, float(chi2.sf(classic, _LAGS)))


def _by_lag(gaps: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the autocorrelations of each row of deviations (rows, trades), and their t-values: (rows, lags)."""
    correlations, t = np.empty((len(gaps), _LAGS)), np.zeros((len(gaps), _LAGS))
    for lag in range(1, _LAGS + 1):
        products = gaps[:, lag:] * gaps[:, :-lag]
        sums, spread = products.sum(axis=1), np.sqrt((products**2).sum(axis=1))
        correlations[:, lag - 1] = sums / (gaps**2).sum(axis=1)
        np.divide(sums, spread, out=t[:, lag - 1], where=spread > 0)
    return correlations, t


def decay(returns: pd.Series[float], *, seed: int = 0) -> Decay:
    """Test whether trades earn less, or more, as time goes by.

    Parameters
    ----------
    returns
        Trade returns, fractions, with the time of closing as index.
    seed
        Makes the resamples repeatable.
    """
    from scipy.stats import ttest_ind
    from statsmodels.regression.linear_model import OLS

    sample = returns.to_numpy(dtype=float) * 100.0
    reason = _unusable(sample / 100.0)
    months = np.array([])
    if not reason:
        closed = pd.DatetimeIndex(returns.index)
        months = ((closed - closed[0]) / pd.Timedelta(days=30)).to_numpy(dtype=float)
        reason = "" if np.ptp(months) else "all trades closed at one moment"
    if reason:
        return Decay(reason=reason)
    lags = math.floor(4 * (len(sample) / 100) ** (2 / 9))
    fitted = OLS(sample, np.column_stack([np.ones(len(sample)), months])).fit(
        cov_type="HAC", cov_kwds={"maxlags": lags, "use_correction": True}, use_t=True)
    half = len(sample) // 2
    early, late = sample[:half], sample[half:]
    level, slope = map(float, fitted.params)
    varied = min(np.ptp(early), np.ptp(late)) > 1e-12
    return Decay(
        slope=slope,
        p=_no_trend(sample, months, max(lags, 1), seed),
        standard_error=float(fitted.bse[1]),
        t=float(fitted.tvalues[1]),
        hac_p=float(fitted.pvalues[1]),
        lags=lags,
        first=level,
        last=level + slope * float(months[-1]),
        first_half=float(early.mean()),
        second_half=float(late.mean()),
        halves_p=float(ttest_ind(early, late, equal_var=False).pvalue) if varied else math.nan,
    )


def _no_trend(sample: NDArray[np.float64], months: NDArray[np.float64], block: int, seed: int) -> float:
    moments = (months - months.mean()) * (sample - sample.mean())
    blocks = np.add.reduceat(moments, np.arange(0, len(moments), block))
    signs = np.random.default_rng(seed).choice(np.array([-1.0, 1.0]), (_RESAMPLES, len(blocks)))
    return float((1 + (np.abs(signs @ blocks) >= abs(blocks.sum())).sum()) / (1 + _RESAMPLES))


def too_few(count: int) -> str:
    """Return why so many trades say nothing; empty when they are enough."""
    return "" if count >= FEWEST else shortage(count, "trade", FEWEST)


def _unusable(sample: NDArray[np.float64]) -> str:
    reason = too_few(len(sample))
    if not reason and not np.isfinite(sample).all():
        reason = "some returns are undefined"
    if not reason and float(np.ptp(sample)) < 1e-14:
        reason = "all trades earned the same"
    return reason
