import math

import numpy as np
import pytest
from scipy import stats

from jesse_nb.core.analysis.luck.significance import bootstrap, mean_test, proportion_of


def noise(days=400, seed=0, drift=0.0, memory=0.0):
    random = np.random.default_rng(seed)
    shocks = random.normal(0, 0.02, days + 100)
    values = np.zeros(days + 100)
    for day in range(1, days + 100):
        values[day] = memory * values[day - 1] + shocks[day]
    return values[100:] + drift


def test_t_test_is_the_textbooks():
    sample = noise(250, drift=0.001)
    found = mean_test(sample)
    t = sample.mean() / (sample.std(ddof=1) / math.sqrt(250))
    assert found.t == pytest.approx(t)
    assert found.p == pytest.approx(2 * stats.t.sf(abs(t), 249))


@pytest.mark.parametrize("memory", [-0.4, 0.0, 0.5])
def test_newey_west_is_the_papers_formula(memory):
    sample = noise(300, seed=2, drift=0.002, memory=memory)
    found = mean_test(sample)
    lags, count = math.floor(4 * 3 ** (2 / 9)), len(sample)
    gaps = sample - sample.mean()
    variance = (gaps @ gaps) / count
    for lag in range(1, lags + 1):  # Bartlett weights
        variance += 2 * (1 - lag / (lags + 1)) * (gaps[lag:] @ gaps[:-lag]) / count
    t = sample.mean() / math.sqrt(variance / count * count / (count - 1))
    assert found.lags == lags
    assert found.hac_t == pytest.approx(t)
    assert found.hac_p == pytest.approx(2 * stats.t.sf(abs(t), count - 1))


def test_size_and_power():
    rejected = np.mean([mean_test(noise(200, seed=seed)).hac_p < 0.05 for seed in range(300)])
    assert 0.02 < rejected < 0.10
    found = np.mean([mean_test(noise(200, seed=seed, drift=0.006)).hac_p < 0.05 for seed in range(50)])
    assert found > 0.9


def test_bootstrap_of_independent_days_agrees_with_theory():
    sample = noise(500, seed=3, drift=0.001)
    drawn = bootstrap(sample, seed=1)
    low, high = stats.t.interval(0.95, 499, sample.mean(), sample.std(ddof=1) / math.sqrt(500))
    assert drawn.mean.value == pytest.approx(sample.mean())
    assert drawn.mean.low == pytest.approx(low, abs=0.15 * (high - low))
    assert drawn.mean.high == pytest.approx(high, abs=0.15 * (high - low))
    assert drawn.annual_return.value == pytest.approx((np.prod(1 + sample) ** (365 / 500) - 1) * 100)
    assert drawn.sharpe.value == pytest.approx(sample.mean() / sample.std(ddof=1) * math.sqrt(365))
    error = math.sqrt((1 + drawn.sharpe.value**2 / 365 / 2) / 500) * math.sqrt(365)  # Lo 2002
    assert (drawn.sharpe.high - drawn.sharpe.low) / (2 * 1.96) == pytest.approx(error, rel=0.2)


def test_bootstrap_keeps_the_order_in_time():
    """Blocks of an AR(1) have the long-run variance, which single days do not."""
    widths = {}
    for memory in (0.0, 0.6):
        drawn = bootstrap(noise(1_500, seed=5, memory=memory), seed=2)
        widths[memory] = (drawn.mean.high - drawn.mean.low) / (2 * 1.96)
    assert widths[0.0] == pytest.approx(0.02 / math.sqrt(1_500), rel=0.15)
    assert widths[0.6] == pytest.approx(0.02 / 0.4 / math.sqrt(1_500), rel=0.25)


def test_bootstrap_covers():
    hits = [(drawn := bootstrap(noise(200, seed=seed, drift=0.001, memory=0.2), seed=seed, resamples=300)).mean.low
            <= 0.001 <= drawn.mean.high for seed in range(120)]
    assert 0.85 < np.mean(hits) < 1.0


def test_bootstrap_is_repeatable():
    sample = noise(100)
    assert bootstrap(sample, seed=4) == bootstrap(sample, seed=4)
    assert bootstrap(sample, seed=4) != bootstrap(sample, seed=5)


@pytest.mark.parametrize(
    ("sample", "reason"),
    [([], "0 days are too few"), ([0.01] * 19, "19 days"), ([0.0] * 50, "do not vary"), ([0.001] * 50, "do not vary"),
     ([0.01, math.nan] * 20, "undefined")],
)
def test_thin_or_flat_samples_say_why(sample, reason):
    assert reason in mean_test(sample).reason
    assert math.isnan(mean_test(sample).hac_p)
    assert reason in bootstrap(sample).reason
    assert math.isnan(bootstrap(sample).annual_return.low)


def test_mostly_idle_days_are_no_obstacle():
    sample = np.zeros(100)
    sample[7] = 0.02
    drawn = bootstrap(sample)
    assert drawn.annual_return.low <= 0 < drawn.annual_return.high
    assert not drawn.reason


def test_a_lost_account():
    sample = noise(60)
    sample[30] = -1.0
    assert bootstrap(sample).annual_return.value == -100


def test_wilson_interval():
    found = proportion_of(7, 10)
    z, p, n = stats.norm.ppf(0.975), 0.7, 10
    centre, half = p + z * z / (2 * n), z * math.sqrt(p * (1 - p) / n + z * z / (4 * n * n))
    assert found.low == pytest.approx((centre - half) / (1 + z * z / n))
    assert found.high == pytest.approx((centre + half) / (1 + z * z / n))
    assert found.share == 0.7
    assert math.isnan(proportion_of(0, 0).share)
