import math

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from statsmodels.api import OLS, add_constant

from jesse_nb.core.analysis.luck.overfit import overfit_figures
from jesse_nb.core.analysis.luck.overfit_verdict import overfit_verdict
from jesse_nb.core.analysis.luck.sharpe_inference import deflated_sharpe, expected_maximum_sharpe
from jesse_nb.exceptions import InputError
from tests.analysis.made_studies import study


@pytest.fixture(scope="module")
def skilled():
    return study("clusters", 1, days=730, trials=40, edge=4.5)


def market_of(days, seed=3, drift=0.0):
    values = np.random.default_rng(seed).normal(drift, 0.03, days)
    return pd.Series(values, index=pd.date_range("2023-01-01", periods=days, tz="UTC"))


def test_figures_fit_together(skilled):
    returns, best = skilled
    found = overfit_figures(returns, best, resamples=300)
    assert found.chosen_sharpe == pytest.approx(returns[best].mean() / returns[best].std() * math.sqrt(365))
    assert found.chosen_sharpe == pytest.approx(found.sharpe.max())
    assert (found.trials, found.days, found.active_days) == (40, 730, 730)
    assert found.independent_trials == found.effective.number
    assert found.deflated == deflated_sharpe(returns[best], found.effective.variance, found.effective.number)
    assert found.p_cash == pytest.approx((found.cash.p * 300 + 1) / 301)
    assert found.track_record < 730
    assert "unknown" in found.market_reason
    curve = found.lucky_curve()
    assert curve.iloc[0] == 0
    assert np.interp(found.independent_trials, curve.index, curve) == pytest.approx(found.lucky_sharpe, rel=0.01)
    assert curve.iloc[-1] == pytest.approx(
        expected_maximum_sharpe(found.deflated.variance, curve.index[-1]) * math.sqrt(365))


def test_earlier_backtests_raise_the_bar(skilled):
    returns, best = skilled
    alone, late = (overfit_figures(returns, best, resamples=300, prior_trials=count) for count in (0, 400))
    assert late.independent_trials >= alone.independent_trials + 100
    assert late.deflated.probability < alone.deflated.probability
    more = late.independent_trials / alone.independent_trials
    assert 1 - late.p_cash == pytest.approx((1 - alone.p_cash) ** more)
    assert late.haircut.tests == 440
    assert "400 earlier backtests" in overfit_verdict(late).line
    assert "Earlier backtests on these days: 400" in " ".join(overfit_verdict(late).evidence)


def test_trials_that_were_stopped_early_count_as_tried(skilled):
    returns, best = skilled
    alone, more = (overfit_figures(returns, best, resamples=300, unfinished=count) for count in (0, 40))
    assert more.independent_trials >= alone.independent_trials + 10
    assert more.deflated.probability < alone.deflated.probability
    assert more.haircut.tests == 80
    assert more.overfitting.probability == alone.overfitting.probability
    assert "40 trials, 40 more stopped early (effective" in overfit_verdict(more).line
    assert "Trials that were stopped early: 40." in " ".join(overfit_verdict(more).evidence)
    with pytest.raises(InputError, match="unfinished is -1"):
        overfit_figures(returns, best, unfinished=-1)


def test_trials_all_different_count_in_full():
    returns, best = study("independent", 3, days=365, trials=30)
    found = overfit_figures(returns, best, resamples=100, prior_trials=30)
    assert found.independent_trials == pytest.approx(2 * found.effective.number)


def test_copies_of_trials_change_nothing(skilled):
    """A parameter without effect makes equal trials: they are no further tries, and no further finds."""
    returns, best = skilled
    copies = pd.concat([returns, returns[[best]].add_prefix("again "), returns.iloc[:, :7].add_prefix("copy ")], axis=1)
    once, twice = (overfit_figures(one, best, market_of(730), resamples=200) for one in (returns, copies))
    assert twice.p_cash == once.p_cash
    assert twice.p_market == pytest.approx(once.p_market, abs=1e-12)
    assert twice.independent_trials == pytest.approx(once.independent_trials)
    assert twice.deflated.probability == pytest.approx(once.deflated.probability)
    assert twice.overfitting.probability == once.overfitting.probability
    assert (twice.cash.found, twice.market.beyond.found) == (once.cash.found, once.market.beyond.found)
    assert twice.market.beyond.trials == once.market.beyond.trials == returns.shape[1]
    pd.testing.assert_frame_equal(twice.haircut.table, once.haircut.table)
    assert twice.haircut.tests == returns.shape[1]
    evidence = [one for one in overfit_verdict(twice).evidence if "Trials that traded" not in one]
    assert evidence == [one for one in overfit_verdict(once).evidence if "Trials that traded" not in one]


def test_a_market_that_has_nothing_to_do_with_it_changes_nothing(skilled):
    returns, best = skilled
    found = overfit_figures(returns, best, market_of(730), resamples=300)
    assert found.market.exposure == pytest.approx(stats.linregress(market_of(730), returns[best]).slope)
    assert found.p_market == pytest.approx(found.p_cash, abs=0.02)
    assert found.market.days == 730
    assert found.market.deflated.probability == pytest.approx(found.deflated.probability, abs=0.02)


def test_holding_a_rising_market_is_no_skill():
    market = market_of(500, drift=0.004)
    random = np.random.default_rng(1)
    returns = pd.DataFrame({size: size / 10 * market + random.normal(0, 0.002, 500) for size in range(1, 11)})
    found = overfit_figures(returns, 10, market, resamples=300)
    assert found.p_cash < 0.05
    assert found.deflated.probability > 0.95
    assert found.market.exposure == pytest.approx(1.0, abs=0.02)
    assert found.market.deflated.probability < 0.5
    judged = overfit_verdict(found)
    assert judged.outcome == "likely luck"
    assert "beyond the market" in judged.line
    assert "exposure to the market" in judged.note


@pytest.mark.parametrize("seed", range(3))
def test_beyond_the_market_is_a_regressions_intercept(seed):
    """With White's standard error: the market's return and the trial's, of which one scales the other's noise."""
    market = market_of(400, seed, drift=0.004)
    noise = np.random.default_rng(seed).standard_t(4, 400) * market.abs()
    returns = pd.DataFrame({"trial": 0.5 * market + noise + 0.002})
    fitted = OLS(returns["trial"], add_constant(market.rename("market"))).fit(cov_type="HC0")
    found = overfit_figures(returns, "trial", market, resamples=3000)
    assert found.market.exposure == pytest.approx(fitted.params["market"], rel=1e-10)
    ratio = found.market.deflated.sharpe * math.sqrt(400 / 399)  # of one trial, with HC0's population variance
    assert ratio * math.sqrt(400) == pytest.approx(fitted.tvalues["const"], rel=1e-10)
    assert found.market.beyond.p == pytest.approx(stats.norm.sf(fitted.tvalues["const"]), abs=0.03)


def test_nothing_but_the_market():
    market = market_of(200, drift=0.003)
    returns = pd.DataFrame({"half": market * 0.5, "whole": market})
    found = overfit_figures(returns, "whole", market, resamples=100)
    assert "vary" in found.market.beyond.reason
    assert "differs" not in found.market.against.reason
    assert overfit_verdict(found).outcome == "likely luck"


def test_days_without_a_market_are_left_out():
    returns, best = study("independent", 0, days=200, trials=10)
    market = market_of(200)
    market.iloc[5:25] = math.nan
    found = overfit_figures(returns, best, market, resamples=100)
    assert found.market.days == 180
    assert "10 of 200 days" in overfit_figures(returns, best, market.iloc[25:35], resamples=50).market_reason
    assert "did not move" in overfit_figures(returns, best, market * 0 + 0.1, resamples=50).market_reason


def test_held_out_ranks():
    returns, best = study("independent", 0, days=100, trials=10)
    pairs = [(1.0, 2.0), (0.9, 1.0), (0.8, 3.0), (0.7, 0.5), (0.6, 0.1), (0.5, 0.4), (0.4, math.nan)]
    found = overfit_figures(returns, best, held_out=pairs, resamples=50).held_out
    truth = stats.spearmanr(*zip(*pairs[:6], strict=True))
    assert (found.rho, found.p, found.pairs) == (pytest.approx(truth.statistic), pytest.approx(truth.pvalue), 6)
    assert "1 of the five" in overfit_figures(returns, best, held_out=pairs[:1], resamples=50).held_out.reason
    same = [(1.0, 2.0)] * 6
    assert "do not differ" in overfit_figures(returns, best, held_out=same, resamples=50).held_out.reason


def test_the_verdicts_words(skilled):
    returns, best = skilled
    judged = overfit_verdict(overfit_figures(returns, best, market_of(730), resamples=300))
    assert judged.outcome == "likely skill"
    assert judged.line.startswith("likely skill: deflated Sharpe 0.9")
    assert " over 40 trials (effective " in judged.line
    told = " ".join(judged.evidence)
    for word in ("PBO", "nan", "inf "):
        assert word not in told
    for word in ("Probability of backtest overfitting", "Above cash", "Above buy-and-hold", "Beyond exposure",
                 "Haircut", "held out"):
        assert word in told


def test_a_wrong_choice_is_not_saved_by_a_better_trial(skilled):
    """The verdict is on the chosen trial, not on the study."""
    returns, _ = skilled
    worse = returns.columns[returns.mean().argsort()[24]]
    found = overfit_figures(returns, worse, resamples=300)
    assert found.cash.p < 0.05 < found.p_cash
    assert overfit_verdict(found).outcome == "likely luck"
    losing = returns.mean().idxmin()
    assert overfit_verdict(overfit_figures(returns, losing, resamples=50)).outcome == "no edge"


def test_undecided_says_why():
    """A gain that luck hardly explains, in trials that are all the same, has no deflated Sharpe ratio above 0.95."""
    returns, best = study("independent", 2, days=730, trials=40, edge=2.5)
    judged = overfit_verdict(overfit_figures(returns, best, resamples=300))
    assert judged.outcome == "undecided"
    assert "deflated Sharpe ratio" in judged.note


def test_without_a_market_it_is_no_skill(skilled):
    judged = overfit_verdict(overfit_figures(*skilled, resamples=300))
    assert judged.outcome == "undecided"
    assert "what the market did is unknown" in judged.note


def test_one_trial():
    random = np.random.default_rng(0)
    returns = pd.DataFrame({7: random.normal(0.004, 0.02, 365)})
    returns.index = market_of(365).index
    found = overfit_figures(returns, 7, market_of(365), resamples=500)
    assert found.deflated.probability == found.probabilistic
    assert overfit_verdict(found).outcome == "likely skill"
    assert "two trials" in " ".join(overfit_verdict(found).evidence)


@pytest.mark.parametrize(
    ("days", "active", "expected"),
    [(10, 10, "too little data"), (0, 0, "nothing to judge"), (365, 0, "nothing to judge"),
     (365, 12, "too little data"), (1, 1, "too little data"), (2, 2, "too little data")],
)
def test_thin_data(days, active, expected):
    returns, _ = study("independent", 0, days=max(days, 2), trials=5)
    returns = returns.iloc[:days].copy()
    returns.iloc[active:] = 0.0
    judged = overfit_verdict(overfit_figures(returns, 0, market_of(days), resamples=50))
    assert judged.outcome == expected
    assert "nan" not in judged.line + judged.note


@pytest.mark.parametrize("sign", [1.0, -1.0], ids=["all gains", "all losses"])
def test_no_two_ways(sign):
    values = sign * np.abs(np.random.default_rng(0).normal(0, 0.01, (120, 3)))
    market = market_of(120)
    judged = overfit_verdict(overfit_figures(pd.DataFrame(values, index=market.index), 0, market, resamples=100))
    assert judged.outcome == ("too good to be true" if sign > 0 else "no edge")


def test_a_lost_account_is_a_trial():
    returns, best = study("independent", 0, days=200, trials=8)
    lost = (best + 1) % 8
    returns.loc[returns.index[50], lost] = -1.0
    returns.loc[returns.index[51:], lost] = 0.0
    found = overfit_figures(returns, best, resamples=100)
    assert found.sharpe[lost] < 0
    assert found.trials == 8


def test_wrong_input():
    returns, best = study("independent", 0, days=100, trials=3)
    with pytest.raises(InputError, match="has no returns"):
        overfit_figures(returns, 99)
    with pytest.raises(InputError, match="prior_trials"):
        overfit_figures(returns, best, prior_trials=-1)
    returns.iloc[4, 1] = math.nan
    with pytest.raises(InputError, match="undefined"):
        overfit_figures(returns, best)
