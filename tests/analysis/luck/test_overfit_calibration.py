"""How often the verdict is right, where the truth is known. All seeds are fixed: the counts do not vary."""

from collections import Counter

import numpy as np
import pandas as pd
import pytest

from jesse_nb.core.analysis.luck.overfit import overfit_figures
from jesse_nb.core.analysis.luck.overfit_verdict import overfit_verdict
from jesse_nb.core.simulator.early_stop import judge_samples
from jesse_nb.core.times import DAY_MS
from jesse_nb.core.tools.optimize.pruning import Pruning
from tests.analysis.made_studies import KINDS, coin_flips, study

STUDIES = 12


def outcome(returns, best, market):
    # fewer resamples than the default make it quick; p-values get coarser, not biased
    return overfit_verdict(overfit_figures(returns, best, market, resamples=200)).outcome


def judged(kind, seed, **options):
    returns, best = study(kind, seed, **options)
    market = np.random.default_rng([seed, 99]).normal(0.001, 0.03, len(returns))
    return outcome(returns, best, pd.Series(market, index=returns.index))


@pytest.fixture(scope="module")
def lucky():
    """Verdicts on studies without skill, by kind."""
    return {kind: Counter(judged(kind, seed, days=250, trials=30) for seed in range(STUDIES))
            for kind in KINDS}


def test_luck_is_called_luck(lucky):
    called = sum(count["likely luck"] + count["no edge"] for count in lucky.values())
    assert called >= 0.9 * STUDIES * len(KINDS)
    assert all(count["likely luck"] + count["no edge"] >= 0.8 * STUDIES for count in lucky.values())


def test_luck_is_hardly_ever_called_skill(lucky):
    assert sum(count["likely skill"] for count in lucky.values()) <= 0.03 * STUDIES * len(KINDS)


def pruned(returns, percentile):
    """Return what a pruner leaves of a study, its best trial, and how many it stopped."""
    start, days = 0, len(returns)
    pruning = Pruning("sharpe", percentile, start, days * DAY_MS)
    times, kept = np.arange(days + 1) * DAY_MS, []
    for name, column in returns.items():
        equity = np.r_[1.0, np.cumprod(1 + column.to_numpy())]
        stopped, _ = judge_samples(pruning.rule(), times[:-1], equity[:-1], 0, 0.0)
        if stopped is None:
            kept.append(name)
            pruning.learn(judge_samples(pruning.base, times[:-1], equity[:-1], 0, 0.0)[1])
    left = returns[kept]
    return left, (left.mean() / left.std()).idxmax(), len(returns.columns) - len(kept)


@pytest.mark.parametrize("percentile", [50.0, 75.0])
def test_luck_is_called_luck_when_bad_trials_are_stopped_early(percentile):
    called, stopped = Counter(), 0
    for kind in KINDS:
        for seed in range(8):
            returns, _ = study(kind, seed, days=250, trials=50)
            left, best, unfinished = pruned(returns, percentile)
            market = np.random.default_rng([seed, 99]).normal(0.001, 0.03, len(returns))
            figures = overfit_figures(left, best, pd.Series(market, index=returns.index), unfinished=unfinished,
                                      resamples=200)
            called[overfit_verdict(figures).outcome] += 1
            stopped += unfinished
    assert stopped > 0.3 * 50 * called.total()
    assert called["likely luck"] + called["no edge"] >= 0.9 * called.total()
    assert called["likely skill"] <= 0.03 * called.total()


def test_an_edge_is_seldom_called_luck():
    """A Sharpe ratio of 2.5 over two years stands out of 40 trials in about nine of ten studies, and 3.5 in all."""
    good, better = (Counter(judged(kind, seed, days=730, trials=40, edge=edge)
                            for kind in KINDS for seed in range(many)) for edge, many in ((2.5, 4), (3.5, 2)))
    assert good["likely luck"] + good["no edge"] <= 0.15 * 20
    assert better["likely luck"] + better["no edge"] == 0


def test_a_great_edge_is_called_skill():
    called = Counter(judged(kind, 0, days=1095, trials=30, edge=4.0) for kind in KINDS)
    assert called == {"likely skill": len(KINDS)}


@pytest.mark.parametrize("short", [False, True], ids=["long or flat", "long or short"])
def test_coin_flips_on_a_real_market_are_luck(short):
    """Long or flat gains as the market rises, which is no skill either."""
    called = Counter(outcome(*coin_flips(seed, trials=25, short=short)) for seed in range(20))
    assert called["likely luck"] + called["no edge"] >= 18
    assert called["likely skill"] == 0
