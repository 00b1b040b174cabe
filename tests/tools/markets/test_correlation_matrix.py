"""Correlation as a tool: direct recomputation, what it reads, what it refuses, and that it can be stopped."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

import jesse_nb as jn
from jesse_nb.core.candles import CandleStore
from jesse_nb.core.jobs.job import JobControl
from jesse_nb.exceptions import CandlesNotFoundError, InputError, PeriodError
from jesse_nb.report.html import fragment, page
from jesse_nb.report.results import plots, report_of, text
from tests.analysis.results import make_backtest, make_spec
from tests.report.test_html import EVIL, Reader, words


@pytest.fixture(scope="module")
def found(curves):
    return jn.correlation_matrix(curves, tail=0.1)


def test_results_are_compared_day_by_day(found, curves):
    steps = pd.DataFrame(curves).pct_change().iloc[1:]
    assert found.observations == 400
    for (first, second), row in found.pairs.iterrows():
        assert row["correlation"] == pytest.approx(np.corrcoef(steps[first], steps[second])[0, 1], abs=1e-12)
        low = steps.rank() <= 40
        assert row["tail"] == pytest.approx((low[first] & low[second]).sum() / 40)
    last = steps.iloc[-found.rolling_window:]
    assert found.rolling.iloc[-1].loc[("trend", "hedge") if ("trend", "hedge") in found.rolling else
                                      ("hedge", "trend")] == pytest.approx(last["trend"].corr(last["hedge"]))
    assert found.eigenvalues.sum() == pytest.approx(4.0)
    assert found.noise_edges == pytest.approx((0.81, 1.21))


def test_what_moves_together_is_found_and_nothing_else(found):
    significant = {frozenset(pair) for pair, row in found.pairs.iterrows() if row["significant"]}
    assert significant == {frozenset(pair) for pair in (("trend", "breakout"), ("trend", "hedge"),
                                                        ("breakout", "hedge"))}
    order = list(found.matrix)
    assert abs(order.index("trend") - order.index("breakout")) == 1
    assert (found.pairs["p_adjusted"] >= found.pairs["p"]).all()


def test_markets_are_read_from_minutes(minutes):
    found = jn.correlation_matrix(["AAA-USDT", "BBB-USDT"], "4h", candles=minutes)
    closes = {}
    for symbol in ("AAA-USDT", "BBB-USDT"):
        rows = minutes.read("Test Exchange", symbol)
        price = pd.Series(rows[:, 2], index=pd.to_datetime(rows[:, 0], unit="ms", utc=True))
        closes[symbol] = price.resample("4h").last().pct_change().iloc[1:]
    assert found.observations == 70 * 6 - 1
    assert found.pairs["correlation"].iloc[0] == pytest.approx(closes["AAA-USDT"].corr(closes["BBB-USDT"]), abs=1e-12)
    assert list(found.scales.index) == [240, 1_440]
    part = jn.correlation_matrix(["AAA-USDT", "BBB-USDT"], "1h", candles=minutes, start="2023-01-10 00:30",
                                 end="2023-01-20", method="spearman")
    assert (part.start, part.observations) == (pd.Timestamp("2023-01-10 02:00").value // 10**6, 10 * 24 - 2)


def test_spans_are_cut_to_what_all_share(curves):
    found = jn.correlation_matrix({"a": curves["trend"], "b": curves["calm"].iloc[100:]})
    assert (found.observations, found.left_out) == (300, 100)
    assert any("100 observations that not all of them have are left out" in note for note in found.notes)


def test_a_result_and_a_market_are_compared_by_day(minutes):
    result = make_backtest(make_spec(start="2023-01-01", end="2023-03-12"))
    found = jn.correlation_matrix([result, "AAA-USDT"], candles=minutes)
    assert [one.kind for one in found.series] == ["result", "market"]
    assert 60 <= found.observations <= 70
    with pytest.raises(InputError, match="timeframe is '1h', and a result has days only"):
        jn.correlation_matrix([result, "AAA-USDT"], "1h", candles=minutes)


@pytest.mark.parametrize(("given", "said"), [
    ([], "inputs is empty."),
    (["AAA-USDT"], "inputs holds one. Correlation is of two or more."),
    (["AAA-USDT", "AAA-USDT"], "inputs holds 'AAA-USDT' twice."),
    (["AAA-USDT", 7], "inputs holds 7."),
    (["AAA-USDT", "FLAT-USDT"], "have no volume and no move, as filled gaps have."),
    (["AAA-USDT", "abcdef12"], "No single run of"),
])
def test_wrong_inputs(minutes, given, said):
    with pytest.raises(InputError) as refused:
        jn.correlation_matrix(given, "1h", candles=minutes)
    assert said in str(refused.value)


def test_what_was_made_of_longer_candles_has_no_shorter_returns(minutes, tmp_path):
    """Two markets of 1h are alike by 0.86 at 1h and by 0.74 at 5m, of straight lines that nobody traded."""
    made = CandleStore(tmp_path)
    for symbol in ("AAA-USDT", "BBB-USDT"):
        made.write("Test Exchange", symbol, minutes.read("Test Exchange", symbol), expanded_from="1h")
    given = {"inputs": ["AAA-USDT", "BBB-USDT"], "candles": made}
    assert jn.correlation_matrix(timeframe="1h", **given).observations == 70 * 24 - 1
    with pytest.raises(InputError, match="whose minutes are expanded from 1h: its 5m candles are made up") as refused:
        jn.correlation_matrix(timeframe="5m", **given)
    assert "timeframe='1h' or longer" in str(refused.value)
    with pytest.raises(InputError, match="AAA-USDT, whose minutes are expanded from 1h: its 30m candles are made up"):
        jn.pairs_backtest("AAA-USDT", "BBB-USDT", "30m", "2023-01-02", "2023-03-01", 30, 10, market="futures",
                          candles=made, store=tmp_path / "runs.sqlite")


def test_more_wrong_inputs(minutes, curves):
    with pytest.raises(CandlesNotFoundError, match="AAB-USDT"):
        jn.correlation_matrix(["AAA-USDT", "AAB-USDT"], candles=minutes)
    with pytest.raises(InputError, match="share 0 observations, and 60 are needed"):
        jn.correlation_matrix([curves["trend"].iloc[:300], "AAA-USDT"], candles=minutes)
    with pytest.raises(InputError, match="the equity never changes"):
        jn.correlation_matrix({"a": curves["trend"], "b": curves["trend"] * 0 + 5})
    with pytest.raises(PeriodError, match="Nothing of AAA-USDT is stored in that period"):
        jn.correlation_matrix(["AAA-USDT", "BBB-USDT"], candles=minutes, start="2024-01-01")
    with pytest.raises(InputError, match="rolling_window is 401, and there are 400 observations"):
        jn.correlation_matrix(curves, rolling_window=401)


def test_more_series_than_observations_is_told():
    random = np.random.default_rng(0)
    days = pd.date_range("2022-01-01", periods=62, tz="UTC")
    many = {f"s{number}": pd.Series(1_000 * np.cumprod(1 + 0.01 * random.standard_normal(62)), index=days)
            for number in range(64)}
    found = jn.correlation_matrix(many, shrinkage="ledoit_wolf", method="pearson")
    assert any("the matrix is singular" in note for note in found.notes)
    assert np.linalg.eigvalsh(found.matrix.to_numpy()).min() > 0
    assert "tail" not in found.pairs
    assert found.tail_reason == "5 % of 61 observations are 3, and 10 are needed"
    assert "3, and 10 are needed" in words(fragment(found))


def test_each_resample_is_told(curves, monkeypatch):
    """A minute of resampling, as returns of 1m take, is no bar that stands still."""
    told = []
    monkeypatch.setattr(JobControl, "update", lambda _, **changes: told.append(changes))
    jn.correlation_matrix(curves)
    begun = next(place for place, one in enumerate(told) if one.get("phase") == "resampling")
    assert told[begun]["total"] == 500
    assert [one["done"] for one in told[begun + 1:begun + 501]] == list(range(1, 501))
    assert [one["phase"] for one in told if "phase" in one][4:] == ["comparing", "rolling", "resampling",
                                                                    "looking at crashes"]


def test_a_job_that_is_cancelled_has_no_errors(curves):
    job = jn.correlation_matrix(curves, background=True)
    job.cancel()
    assert job.wait(60)
    partial = job.partial_result()
    assert partial is None or "p" not in partial.pairs
    if partial is not None:
        assert "Stopped: interrupted." in words(fragment(partial))


def test_the_page_and_the_text(found):
    said = words(page(found))
    for part in ("What moves together", "In crashes", "How many things there are", "Result card"):
        assert part in said, part
    assert set(plots(found)) == set(report_of(found).pictures(found))
    assert text(found) == text(replace(found))
    assert all(len(line) <= 100 for line in text(found).splitlines())
    row = found.pairs.loc[found.pairs["correlation"].abs().idxmax()]
    assert f"{row['correlation']:.3f}" in text(found)


def test_names_are_escaped(curves):
    evil = jn.correlation_matrix({EVIL: curves["trend"], "$b$": curves["calm"]})
    document = page(evil)
    assert "script" not in Reader(document).names
    assert "<script>" not in document
