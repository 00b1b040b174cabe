"""Regimes as a tool: direct recomputation, what it reads, what it refuses, and that it can be stopped."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from statsmodels.tsa.regime_switching.markov_regression import MarkovRegression

import jesse_nb as jn
from jesse_nb.core.candles import CandleStore
from jesse_nb.exceptions import CandlesNotFoundError, InputError
from jesse_nb.report.html import fragment, page
from jesse_nb.report.results import plots, report_of, text
from tests.analysis.markets.test_hidden_states import planted
from tests.analysis.results import make_backtest, make_spec
from tests.report.test_html import EVIL, Reader, words

from .conftest import curve_of

DAYS = pd.date_range("2022-01-01", periods=451, tz="UTC")


@pytest.fixture(scope="module")
def curve() -> pd.Series:
    return curve_of(planted(450)[0], DAYS)


@pytest.fixture(scope="module")
def found(curve):
    return jn.regime_detector({"planted": curve}, n_regimes=2, refit=90)


def test_states_are_told_from_the_past_and_hindsight_is_apart(found):
    returns, truth = planted(450)
    assert len(found.days) == 450 - 180
    assert list(found.fits["day"]) == [DAYS[place] for place in (180, 270, 360)]
    assert found.fits["converged"].all()
    model = MarkovRegression(returns[:360] * 100, k_regimes=2, trend="c", switching_variance=True)
    row = found.fits.iloc[2]
    last = found.fits[["mean_calm", "mean_wild", "volatility_calm", "volatility_wild"]].iloc[2]
    assert row["likelihood"] - 360 * np.log(100) == pytest.approx(model.fit(search_reps=10).llf, abs=0.05)
    assert last["volatility_calm"] < last["volatility_wild"]
    assert (found.days["state"] == truth[180:]).mean() > 0.85
    assert found.disagreement == pytest.approx((found.days["state"] != found.days["hindsight"]).mean())
    assert found.switches[0] == int((np.diff(found.days["state"]) != 0).sum())


def test_performance_is_of_the_day_after(found):
    state, step = found.days["state"].to_numpy(), found.days["return"].to_numpy()
    for place, name in enumerate(found.states):
        part = step[1:][state[:-1] == place]
        assert found.performance.loc[name, "mean"] == pytest.approx(part.mean() * 100)
        assert found.performance.loc[name, "days"] == len(part)
    stayed = (state[:-1] == 1) & (state[1:] == 1)
    assert found.transitions.loc["wild", "wild"] == pytest.approx(stayed.sum() / (state[:-1] == 1).sum())
    assert found.transitions.sum(axis=1).to_numpy() == pytest.approx([1.0, 1.0])


def test_a_later_poison_changes_no_earlier_day(found):
    returns = planted(450)[0].copy()
    returns[400:] = 0.15 * np.random.default_rng(0).standard_normal(50)
    other = jn.regime_detector({"planted": curve_of(returns, DAYS)}, n_regimes=2, refit=90)
    pd.testing.assert_frame_equal(found.days[["state", "told"]].iloc[:220], other.days[["state", "told"]].iloc[:220])


def test_returns_without_regimes_are_one(curve):
    steps = np.random.default_rng(3).normal(0.001, 0.01, 300)
    one = jn.regime_detector(curve_of(steps, DAYS), refit=200)
    assert one.states == ("one",)
    assert min(one.bic, key=one.bic.get) == 1
    assert "One regime is all that could be told." in text(one)
    assert set(plots(one)) == {"course"}
    assert "more would be fat tails" in words(fragment(one))


@pytest.mark.parametrize("method", ["jump", "changepoint"])
def test_other_methods_tell_from_the_past_too(curve, method):
    found = jn.regime_detector({"planted": curve}, method, refit=90)
    assert found.states == ("calm", "wild")
    assert list(found.fits["day"]) == [DAYS[place] for place in (180, 270, 360)]
    assert (found.fits["volatility_calm"] < found.fits["volatility_wild"]).all()
    assert set(found.days["state"]) <= {0, 1}
    returns = planted(450)[0].copy()
    returns[400:] = 0.15 * np.random.default_rng(0).standard_normal(50)
    other = jn.regime_detector({"planted": curve_of(returns, DAYS)}, method, refit=90)
    assert np.array_equal(found.days["state"].iloc[:220], other.days["state"].iloc[:220])
    said = words(page(found))
    assert "jump model" in said or "change points" in said
    assert "What the forecast was worth" not in said
    assert "fits" in plots(found)
    assert all(len(line) <= 100 for line in text(found).splitlines())


def two_states(ratio, seed, days=600):
    """Days of two kinds, the second so many times as volatile, and which is which."""
    random = np.random.default_rng(seed)
    wild = np.concatenate([np.repeat(place % 2, 60) for place in range(days // 60)]).astype(bool)
    return np.where(wild, ratio, 1.0) * random.normal(0.0, 0.01, days), wild


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("method", ["markov", "jump", "changepoint", "vol_terciles"])
def test_names_follow_the_volatility_that_is_measured(method, seed):
    """In every fit, and of the days that were told; where not, the report says so."""
    returns, wild = two_states(4.0, seed)
    index = pd.date_range("2022-01-01", periods=601, tz="UTC")
    found = jn.regime_detector({"planted": curve_of(returns, index)}, method,
                               n_regimes="bic" if method == "vol_terciles" else 2, refit=30)
    spread = found.days.groupby("state")["return"].std()
    said = [note for note in found.notes if "names" in note]
    assert any("not what was measured" in note for note in said) == (not spread.is_monotonic_increasing)
    if method != "vol_terciles":
        known = found.fits.dropna(subset=["volatility_calm", "volatility_wild"])
        assert len(known) > 5
        assert (known["volatility_calm"] < known["volatility_wild"]).all()
        assert any("changed places" in note for note in said) == bool((found.fits["changed"] > 0.5).any())
    if method in ("markov", "vol_terciles"):
        assert not said
    if method == "markov":
        assert found.days["state"].to_numpy()[wild[180:]].mean() > 0.7


def test_names_that_swap_are_told():
    """States of the jump model that differ in their mean alone: which is calm is chance, and changes."""
    index = pd.date_range("2022-01-01", periods=731, tz="UTC")
    told = []
    for seed in range(6):
        random = np.random.default_rng(seed)
        steps = random.normal(0.0, 0.01, 730) + np.repeat(np.where(np.arange(10) % 2, -0.003, 0.003), 73)
        found = jn.regime_detector({"planted": curve_of(steps, index)}, "jump", refit=60)
        assert (found.fits["volatility_calm"] < found.fits["volatility_wild"]).all()
        spread = found.days.groupby("state")["return"].std()
        wrong = len(spread) == 2 and spread[0] > spread[1]
        assert wrong == any("not what was measured" in note for note in found.notes)
        told.append((wrong, any("changed places" in note for note in found.notes)))
    assert any(wrong for wrong, _ in told)
    assert any(swapped for _, swapped in told)


def test_a_first_fit_that_does_not_converge_is_refused(curve, monkeypatch):
    """Of two hundred iterations, two are left to statsmodels."""
    fit = MarkovRegression.fit
    monkeypatch.setattr(MarkovRegression, "fit", lambda self, **given: fit(self, **{**given, "maxiter": 2,
                                                                                   "em_iter": 0}))
    with pytest.raises(InputError, match="the first fit, of 180 days, did not converge"):
        jn.regime_detector(curve, n_regimes=2)


def test_a_result_is_judged_by_the_regimes_of_its_market(tmp_path):
    store = CandleStore(tmp_path / "candles")
    returns = planted(330)[0]
    close = np.repeat(100 * np.cumprod(1 + returns), 1_440)
    close[:-1] += np.linspace(0, 1e-6, len(close) - 1)
    stamps = pd.Timestamp("2023-01-01", tz="UTC").value // 10**6 + 60_000.0 * np.arange(len(close))
    store.write("Binance Spot", "BTC-USDT", np.column_stack([stamps, close, close, close, close, np.ones(len(close))]))
    run = make_backtest(make_spec(start="2023-06-01", end="2023-11-20"))
    assert run.spec.routes[0].symbol == "BTC-USDT"
    found = jn.regime_detector(run, "vol_terciles", candles=store)
    assert found.series.kind == "market"
    assert found.judged.kind == "result"
    assert found.performance["days"].sum() == len(found.judged.returns.loc[found.days.index[1]:])
    assert found.record == {}
    own = jn.regime_detector({"run": run}, "vol_terciles", candles=CandleStore(tmp_path / "none")) if len(
        run.equity) > 240 else None
    assert own is None or "not at hand" in own.notes[0]
    with pytest.raises(InputError, match="start is of stored markets"):
        jn.regime_detector(run, candles=store, start="2023-02-01")
    assert "no more than luck" in text(found) or "beyond luck" in text(found)


@pytest.mark.parametrize(("given", "said"), [
    ({"inputs": None}, "inputs holds nothing. Regimes are of one market or result."),
    ({"n_regimes": 1}, "n_regimes is 1. It is a whole number from 2 to 4, or bic."),
    ({"n_regimes": "aic"}, "n_regimes is 'aic'."),
    ({"detection_method": "hmmm"}, "detection_method is 'hmmm'."),
    ({"detection_method": "vol_terciles", "n_regimes": 2}, "n_regimes is 2, and terciles are three."),
    ({"refit": 0}, "refit is 0."),
])
def test_wrong_arguments(curve, given, said):
    with pytest.raises(InputError) as refused:
        jn.regime_detector(**{"inputs": curve, **given})
    assert said in str(refused.value)


def test_wrong_inputs(curve, minutes):
    with pytest.raises(InputError, match="inputs holds 2"):
        jn.regime_detector([curve, curve])
    with pytest.raises(InputError, match="has 200 daily returns, and 240 are needed"):
        jn.regime_detector(curve.iloc[:201])
    with pytest.raises(InputError, match="has 69 daily returns"):
        jn.regime_detector("AAA-USDT", candles=minutes)
    with pytest.raises(InputError, match="whose price never changes"):
        jn.regime_detector("FLAT-USDT", candles=minutes, end="2023-02-06 12:00")
    with pytest.raises(CandlesNotFoundError, match="AAB-USDT"):
        jn.regime_detector("AAB-USDT", candles=minutes)


def test_a_job_that_is_cancelled_has_what_was_told(curve):
    job = jn.regime_detector(curve, n_regimes=2, refit=5, background=True)
    job.cancel()
    assert job.wait(120)
    partial = job.partial_result()
    if partial is not None:
        assert len(partial.days) < 270
        assert "Stopped: interrupted." in words(fragment(partial))


def test_the_page_and_the_text(found):
    said = words(page(found))
    for part in ("Regimes: planted", "As told, and in hindsight", "The day after", "What the forecast was worth",
                 "Result card"):
        assert part in said, part
    assert set(plots(found)) == set(report_of(found).pictures(found))
    assert all(len(line) <= 100 for line in text(found).splitlines())
    evil = page(replace(found, series=replace(found.series, name=EVIL), notes=(EVIL,)))
    assert "script" not in Reader(evil).names
    assert "<script>" not in evil
