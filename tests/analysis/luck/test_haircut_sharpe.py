import math

import numpy as np
import pytest
from scipy import stats
from statsmodels.stats.multitest import multipletests

from jesse_nb.core.analysis.luck.haircut_sharpe import haircut_sharpe


@pytest.mark.parametrize("seed", range(4))
def test_corrections_are_statsmodels_and_scipys(seed):
    days, count = 365, 40
    ratios = np.random.default_rng(seed).normal(0.05, 0.08, count)
    best = int(ratios.argmax())
    found = haircut_sharpe(ratios, best, days)
    # Student's t of the mean is the Sharpe ratio times the root of the days; a loss finds nothing
    p = np.where(ratios > 0, 2 * stats.t.sf(np.abs(ratios) * math.sqrt(days), days - 1), 1.0)
    for name, method in (("bonferroni", "bonferroni"), ("holm", "holm"), ("bhy", "fdr_by")):
        assert found.table.loc[name, "p"] == pytest.approx(multipletests(p, method=method)[1][best], rel=1e-10)
    assert found.table.loc["bhy", "p"] == pytest.approx(stats.false_discovery_control(p, method="by")[best], rel=1e-10)
    assert found.table.loc["bonferroni", "p"] == pytest.approx(min(p[best] * count, 1.0), rel=1e-10)
    assert found.table.loc["mean", "p"] == pytest.approx(found.table["p"].iloc[:3].mean())
    # the ratio that is left has the corrected p-value by itself
    left = found.table["sharpe"] / math.sqrt(365)
    np.testing.assert_allclose(2 * stats.t.sf(left * math.sqrt(days), days - 1), found.table["p"], rtol=1e-8)
    np.testing.assert_allclose(found.table["haircut"], 1 - left / ratios[best], atol=1e-12)
    assert found.sharpe == pytest.approx(ratios[best] * math.sqrt(365))


def test_a_single_trial_keeps_its_ratio():
    found = haircut_sharpe([0.1], 0, 400)
    sample = np.random.default_rng(0).normal(0, 1, 400)
    sample = (sample - sample.mean()) / sample.std(ddof=1) + 0.1
    assert found.p == pytest.approx(stats.ttest_1samp(sample, 0).pvalue)
    np.testing.assert_allclose(found.table["haircut"], 0.0, atol=1e-9)


def test_more_trials_cut_more():
    ratios = [0.2, 0.05, -0.1, math.nan]
    few, many = haircut_sharpe(ratios, 0, 365), haircut_sharpe(ratios, 0, 365, more_tests=100)
    assert (few.tests, many.tests) == (3, 103)
    assert (many.table["sharpe"] < few.table["sharpe"]).all()
    assert many.table.loc["bonferroni", "p"] == pytest.approx(few.p * 103)


def test_a_bad_trial_does_not_help():
    """A significant loss is a test, and no discovery that would soften Holm's or BHY's correction."""
    with_loss = haircut_sharpe([0.15, -0.5, 0.01], 0, 365).table["p"]
    with_none = haircut_sharpe([0.15, 0.0, 0.01], 0, 365).table["p"]
    np.testing.assert_allclose(with_loss, with_none)


def test_nothing_is_left_of_a_small_ratio():
    found = haircut_sharpe([0.03, *[0.0] * 50], 0, 365)
    assert (found.table["sharpe"] == 0).all()
    assert (found.table["haircut"] == 1).all()


def test_a_loss_has_no_haircut():
    found = haircut_sharpe([-0.1, -0.2], 0, 365)
    assert found.p == 1.0
    assert found.table[["sharpe", "haircut"]].isna().all(axis=None)


@pytest.mark.parametrize(("ratios", "chosen", "days"), [([], 0, 365), ([math.nan, 0.1], 0, 365), ([0.1], 0, 2)])
def test_undefined(ratios, chosen, days):
    found = haircut_sharpe(ratios, chosen, days)
    assert found.reason
    assert math.isnan(found.p)
    assert found.table.isna().all(axis=None)
