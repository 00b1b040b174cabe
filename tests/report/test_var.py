"""The report of a value at risk: whole with every part of it, and with hardly any."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

import jesse_nb as jn
from jesse_nb.core.tools.risk.var_calculation import ValueAtRisk
from jesse_nb.report.html import fragment, page
from jesse_nb.report.results import plot, plots, report_of, text
from jesse_nb.report.risk.var_tables import forecast_tests_table, losses_table
from tests.analysis.results import make_backtest, make_spec
from tests.report.test_html import EVIL, Reader, words


@pytest.fixture(scope="module")
def equity() -> pd.Series:
    steps = np.random.default_rng(0).standard_t(4, 640) * 0.012 + 0.001
    return pd.Series(10_000 * np.cumprod(np.r_[1.0, 1.0 + steps]),
                     index=pd.date_range("2022-01-01", periods=641, tz="UTC"))


@pytest.fixture(scope="module")
def whole(equity) -> ValueAtRisk:
    return jn.var_calculation(equity=equity, method=["historical", "normal", "t"], time_horizons=(1, 10))


def test_the_page_says_what_is_lost_and_whether_forecasts_held(whole):
    document = page(whole)
    said = words(document)
    for part in ("Value at risk: Trades and equity", "One day in 20 loses more than", "What is lost",
                 "Would such forecasts have held?", "Traffic light of the last 250 days at 99%", "Result card",
                 "Nobody knows whether the parameters were chosen on these days", "power"):
        assert part in said, part
    assert set(plots(whole)) == set(report_of(whole).pictures(whole))
    assert document.count("<img src") == 2


def test_cells_are_the_results_figures(whole):
    rows = {(row[0].text, row[1].text): row for row in losses_table(whole).rows}
    found = whole.table.loc[("normal", 0.99, 10)]
    assert rows["normal", "99%"][4].text == (f"{found['var']:.2f} ({found['var_low']:.2f}–{found['var_high']:.2f})"
                                             if found["var"] < 10 else rows["normal", "99%"][4].text)
    assert rows["historical", "99%"][4].text == "–"
    assert "do not overlap" in rows["historical", "99%"][4].title
    tested = {(row[0].text, row[1].text): row for row in forecast_tests_table(whole).rows}["normal", "95%"]
    kupiec = whole.tests.loc[("normal", 0.95, "kupiec")]
    assert tested[2].text == f"{kupiec['exceedances']} of {kupiec['days']} ({kupiec['expected']:.1f})"
    assert tested[3].text.startswith(f"{kupiec['p']:.3f} / ")
    weak = [entry for row in forecast_tests_table(whole).rows for entry in row if entry.tone == "quiet"]
    assert all("more often than not" in entry.title for entry in weak)


def test_the_days_beyond_are_marked(whole):
    ax = plot(whole, "forecasts").axes[0]
    marked = next(one for one in ax.get_lines() if str(one.get_label()).startswith("beyond 95%"))
    found = whole.forecasts.loc[("t", 0.95)]
    assert len(marked.get_xdata()) == int(found["exceeded"].sum())
    drawn = next(one for one in ax.get_lines() if one.get_label() == "95% value at risk")
    assert np.allclose(drawn.get_ydata(), -found["var"])


def test_a_single_level_and_hardly_anything_to_show(equity):
    one = jn.var_calculation(equity=equity.iloc[:100], method="historical", confidence_levels=0.99, time_horizons=1,
                             window=365)
    assert plots(one) == ()
    said = words(fragment(one))
    assert "No method has a figure." in said
    assert "Not tested: a window of 365 days leaves 0 of 99 days" in said
    assert "500 are needed to have five" in said
    tested = jn.var_calculation(equity=equity, method="normal", confidence_levels=0.95, time_horizons=1)
    assert len(plot(tested, "forecasts").axes[0].get_legend_handles_labels()[1]) == 2


def test_nothing_is_reached_before_an_interrupt(whole):
    none = pd.DataFrame()
    stopped = replace(whole, table=none, forecasts=none, tests=none, lights=none, stopped="interrupted")
    assert "Stopped: interrupted." in words(fragment(stopped))
    assert "interrupted" in text(stopped)


def test_names_are_escaped():
    result = make_backtest(make_spec(name=EVIL, exchange=f"E{EVIL}"))
    found = jn.var_calculation(result, method="normal", time_horizons=1)
    document = page(replace(found, notes=(EVIL,)))
    assert "script" not in Reader(document).names
    assert "49" not in words(document).split()
    assert "<script>" not in document


def test_the_same_text_without_times_or_ids(whole):
    assert text(whole) == text(replace(whole))
    assert all(len(line) <= 100 for line in text(whole).splitlines())
