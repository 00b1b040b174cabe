import math
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from jesse_nb.core.analysis.studies.stability import parameter_drift, parameter_stability
from jesse_nb.core.analysis.studies.stitching import stitched
from jesse_nb.core.analysis.studies.verdict import figures_of, verdict
from jesse_nb.core.analysis.studies.walk_forward import (
    degradation,
    efficiency,
    profitable_windows,
    rank_correlation,
    window_curves,
    window_metrics,
)
from jesse_nb.core.study.space import Space
from tests.analysis.walk_forwards import make_walk_forward


def changed(result, **params):
    """Give each window the parameters of the same position."""
    return replace(result, windows=tuple(
        replace(one, params={name: values[number] for name, values in params.items()})
        for number, one in enumerate(result.windows)))


def test_window_metrics_are_the_runs_own():
    result = make_walk_forward(300, without_baseline=(1,), failed=(3,))
    frame = window_metrics(result)
    assert list(frame.index) == [0, 1, 2, 3, 4, 5]
    for name in result.windows[0].train.metrics:
        assert frame["in_sample"][name][2] == result.windows[2].train.metrics[name]
        assert frame["out_of_sample"][name][2] == result.windows[2].test.metrics[name]
    assert frame["out_of_sample"].loc[3].isna().all()
    assert frame["baseline"].loc[1].isna().all()
    assert frame["in_sample"]["sharpe"][0] == result.windows[0].train.metrics["sharpe_ratio"]


def test_degradation():
    result = make_walk_forward(400, edge=0.004, kept=0.3)
    curve = stitched(result)
    frame = degradation(result, curve)
    inside = np.mean([one.train.metrics["sharpe_ratio"] for one in result.windows])
    for name in ("sharpe", "sharpe_ratio"):
        assert frame.loc[name, "in_sample"] == pytest.approx(inside)
        assert frame.loc[name, "degradation"] == pytest.approx(1 - curve.metric("sharpe_ratio") / inside)
    omega = frame.loc["omega_ratio"]
    assert omega["degradation"] == pytest.approx((omega["in_sample"] - omega["stitched"]) / (omega["in_sample"] - 1))
    each = frame.loc["expectancy_percentage"]
    assert each["degradation"] == pytest.approx(1 - each["out_of_sample"] / each["in_sample"])
    assert frame.loc["annual_return", "degradation"] == pytest.approx(1 - efficiency(result, curve).value)
    for name in ("total", "net_profit_percentage", "max_drawdown", "calmar_ratio", "serenity_index"):
        assert math.isnan(frame.loc[name, "degradation"])
        assert "length" in frame.loc[name, "reason"]
    assert frame.loc["sharpe_ratio", "baseline"] == pytest.approx(curve.metric("sharpe_ratio", "baseline"))


def test_degradation_without_an_edge_or_when_lower_is_better():
    losing = make_walk_forward(300, edge=-0.006)
    assert "no edge" in degradation(losing, stitched(losing)).loc["sharpe_ratio", "reason"]
    lower = make_walk_forward(300, edge=0.006, metric=("smart_sharpe", "minimize"))
    assert "lower is better" in degradation(lower, stitched(lower)).loc["smart_sharpe", "reason"]
    score = make_walk_forward(300, edge=0.006, metric="jesse_score")
    assert math.isnan(degradation(score, stitched(score)).loc["jesse_score", "stitched"])


def test_degradation_takes_windows_that_have_both():
    result = make_walk_forward(400, edge=0.004)
    quiet = replace(result.windows[0], test=replace(result.windows[0].test, metrics={"total": 0}))
    frame = degradation(replace(result, windows=(quiet, *result.windows[1:])), stitched(result))
    trades = pd.concat([one.train.trades for one in result.windows[1:]])
    assert frame.loc["win_rate", "in_sample"] == pytest.approx((trades["pnl"] > 0).mean())


def test_what_is_said_of_a_trade_is_of_all_windows_trades():
    """A window that gained much by few trades does not hide that all trades together lost."""
    result = make_walk_forward(400, edge=0.004)
    runs = [(900.0, 2), (-400.0, 40), *((-100.0, 20) for _ in result.windows[2:])]
    windows = tuple(
        replace(window, test=replace(window.test, metrics={**window.test.metrics, "total": trades, "net_profit": profit,
                                                           "expectancy": profit / trades}))
        for window, (profit, trades) in zip(result.windows, runs, strict=True))
    changed = replace(result, windows=windows)
    found = degradation(changed, stitched(changed)).loc["expectancy"]
    assert found["out_of_sample"] == pytest.approx(sum(profit for profit, _ in runs) / sum(count for _, count in runs))
    assert found["out_of_sample"] < 0


def test_efficiency_is_the_ratio_of_annual_growth():
    result = make_walk_forward(400, edge=0.004, kept=0.5)
    found = efficiency(result, stitched(result))
    inside = np.prod([one.train.equity.iloc[-1] / one.train.equity.iloc[0] for one in result.windows])
    outside = np.prod([one.test.equity.iloc[-1] / one.test.equity.iloc[0] for one in result.windows])
    days = sum(one.window.test_days for one in result.windows)
    assert found.in_sample == pytest.approx((inside ** (365 / (120 * len(result.windows))) - 1) * 100)
    assert found.out_of_sample == pytest.approx((outside ** (365 / days) - 1) * 100)
    assert found.value == pytest.approx(found.out_of_sample / found.in_sample)
    assert found.windows == len(found.by_window) == len(result.windows)


def test_efficiency_undefined_says_why():
    losing = make_walk_forward(300, edge=-0.006)
    assert "not above zero" in efficiency(losing, stitched(losing)).reason
    assert math.isnan(efficiency(losing, stitched(losing)).value)
    one = make_walk_forward(150, edge=0.006)
    assert len(one.windows) == 1
    assert "there is one" in efficiency(one, stitched(one)).reason
    none = make_walk_forward(150, failed=(0,))
    assert "there is none" in efficiency(none, stitched(none)).reason


def test_profitable_windows_counts_their_own_days():
    result = make_walk_forward(400, step_forward=10)
    curve = stitched(result)
    gains = [np.prod(1 + curve.returns[curve.window == number]) > 1 for number in sorted(set(curve.window))]
    assert profitable_windows(curve).count == sum(gains)
    assert profitable_windows(curve).total == len(result.windows)
    assert profitable_windows(stitched(make_walk_forward(400, test_trades=0))).count == 0


def test_rank_correlation_is_scipys():
    result = make_walk_forward(300, kept=0.8, trials=25)
    found = rank_correlation(result)
    for one in result.windows:
        rho, p = stats.spearmanr([trial.value for trial in one.trials], [one.test_values[n] for n in range(25)])
        assert found.by_window.loc[one.window.number, "rho"] == pytest.approx(rho)
        assert found.by_window.loc[one.window.number, "p"] == pytest.approx(p)
    # without ties and with equal numbers of trials, pooled within-window ranks give the mean
    assert found.pooled == pytest.approx(found.by_window["rho"].mean())
    assert found.trials == 25 * len(result.windows)


def test_rank_correlation_leaves_out_what_has_no_value():
    result = make_walk_forward(300, trials=6)
    one = result.windows[0]
    twin = replace(one.trials[1], params=one.trials[0].params)
    thinned = replace(one, trials=(one.trials[0], twin, *one.trials[2:]), test_values=one.test_values | {5: math.nan})
    found = rank_correlation(replace(result, windows=(thinned, *result.windows[1:])))
    assert found.by_window.loc[0, "trials"] == 4
    flat = replace(one, test_values=dict.fromkeys(range(6), 1.0))
    assert math.isnan(rank_correlation(replace(result, windows=(flat,))).by_window.loc[0, "rho"])
    assert rank_correlation(replace(result, windows=(flat,))).reason
    assert rank_correlation(make_walk_forward(300, space=None)).reason


def test_stability():
    space = Space.parse({"n": (0, 10), "x": {"min": 1.0, "max": 100.0, "log": True}, "mode": ["a", "b", "c"]})
    result = changed(make_walk_forward(240, space=space, trials=2), n=[0, 10, 5, 5], x=[1.0, 10.0, 10.0, 100.0],
                     mode=["a", "a", "b", "b"])
    frame = parameter_stability(result)
    assert frame.loc["n", "stability"] == pytest.approx(1 - (1 + 0.5 + 0) / 3)
    assert frame.loc["x", "stability"] == pytest.approx(1 - (0.5 + 0 + 0.5) / 3)
    assert frame.loc["mode", "stability"] == pytest.approx(2 / 3)
    assert list(frame["changes"]) == [2, 2, 1]
    assert list(parameter_drift(result)["mode"]) == ["a", "a", "b", "b"]
    assert parameter_stability(make_walk_forward(150)).loc["fast", "pairs"] == 0
    assert parameter_stability(make_walk_forward(240, space=None)).empty


def test_chance_is_what_random_choices_give():
    random = np.random.default_rng(0)
    space = Space.parse({"n": (1, 5), "s": (0.0, 1.0, 0.25), "x": (0.0, 1.0), "mode": ["a", "b", "c"]})
    windows = 4_000
    base = make_walk_forward(150, space=space, trials=1)
    drawn = [{"n": int(random.integers(1, 6)), "s": 0.25 * int(random.integers(5)), "x": float(random.random()),
              "mode": "abc"[random.integers(3)]} for _ in range(windows)]
    result = replace(base, windows=tuple(replace(base.windows[0], params=params) for params in drawn))
    frame = parameter_stability(result)
    np.testing.assert_allclose(frame["stability"], frame["chance"], atol=0.03)


def test_window_curves_start_at_zero():
    result = make_walk_forward(300, failed=(1,))
    curves = window_curves(result)
    assert list(curves) == [0, 2, 3, 4, 5]
    assert curves[0].iloc[0] == 0
    run = result.windows[0].test
    assert curves[0].iloc[-1] == pytest.approx((run.equity.iloc[-1] / run.equity.iloc[0] - 1) * 100)


@pytest.mark.parametrize(
    ("options", "outcome"),
    [
        ({"edge": 0.004, "kept": 1.0}, "holds up"),
        ({"edge": 0.004, "kept": 0.0, "seed": 3}, "no evidence"),
        ({"edge": -0.004, "kept": 1.0}, "fails"),
        ({"days": 190, "edge": 0.004, "kept": 1.0}, "too little"),
        ({"days": 400, "edge": 0.004, "kept": 1.0, "test_trades": 2}, "too little"),
        ({"days": 190, "edge": 0.01, "kept": 1.0}, "too good to be true"),
        ({"days": 400, "edge": 0.01, "kept": 1.0}, "too good to be true"),
        ({"test_trades": 0}, "nothing"),
        ({"days": 150, "failed": (0,)}, "nothing"),
    ],
)
def test_verdicts(options, outcome):
    result = make_walk_forward(**options)
    found = verdict(result)
    assert found.outcome == outcome
    assert len(found.sentences) == 2
    assert all(sentence.endswith(".") for sentence in found.sentences)
    assert "nan" not in " ".join((*found.sentences, *found.evidence)).lower()
    assert verdict(result, figures_of(result)) == found


def test_noise_seldom_passes():
    outcomes = [verdict(make_walk_forward(330, seed=seed, trials=0, space=None)).outcome for seed in range(12)]
    assert outcomes.count("holds up") + outcomes.count("mixed") <= 2


def test_a_gain_that_is_less_than_the_baselines_is_mixed():
    result = make_walk_forward(edge=0.004, kept=1.0)
    better = replace(result, windows=tuple(
        replace(one, baseline=replace(one.test, equity=one.test.equity * np.linspace(1, 1.2, len(one.test.equity))))
        for one in result.windows))
    found = verdict(better)
    assert found.outcome == "mixed"
    assert "did not beat the default parameters" in found.sentences[1]
    market = replace(result, prices=pd.Series(np.exp(np.arange(len(result.prices)) * 0.02), index=result.prices.index))
    assert "better Sharpe ratio" in verdict(market).sentences[1]
