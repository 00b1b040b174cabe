"""The report of a Monte Carlo."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

import jesse_nb as jn
from jesse_nb.report.html import fragment, page
from jesse_nb.report.results import plot, plots, text
from jesse_nb.report.risk.monte_carlo_report import chances_table
from tests.analysis.results import make_backtest, make_spec
from tests.report.test_html import EVIL, Reader, words


@pytest.fixture(scope="module")
def whole():
    steps = np.random.default_rng(0).standard_t(4, 500) * 0.012 + 0.001
    equity = pd.Series(10_000 * np.cumprod(np.r_[1.0, 1.0 + steps]),
                       index=pd.date_range("2022-01-01", periods=501, tz="UTC"))
    return jn.monte_carlo(equity=equity, n_sims=400, ruin=25, target=40)


def test_the_page_tells_both_questions_apart(whole):
    said = words(page(whole))
    for part in ("Monte Carlo: Trades and equity", "Two questions", "how else it could have gone",
                 "what it could bring",
                 "If the next 365 days are of the same kind", "How likely", "Result card", "at some time 25% below",
                 "gains 40% before that"):
        assert part in said, part
    assert plots(whole) == ("fan", "outcomes")


def test_cells_and_pictures_are_the_results_figures(whole):
    rows = {row[0].text: row for row in chances_table(whole).rows}
    for place, one in enumerate((whole.period, whole.projection), start=1):
        row = one.chances.loc["loss"]
        assert rows["ends below its start"][place].text == (
            f"{row['probability'] * 100:.1f}% ({row['low'] * 100:.1f} to {row['high'] * 100:.1f})")
    left, right = plot(whole, "fan").axes
    happened = next(one for one in left.get_lines() if one.get_label() == "what happened")
    assert happened.get_ydata()[-1] == pytest.approx(float(whole.run.equity.iloc[-1]))
    median = next(one for one in right.get_lines() if one.get_label() == "median")
    assert np.allclose(median.get_ydata(), whole.projection.paths.fan["50%"])


def test_without_a_projection_the_reason_stands_there(whole):
    said = words(fragment(replace(whole, projection=None, no_projection="for a reason")))
    assert "The next period is not drawn: for a reason." in said
    assert "Half of the paths fall deeper" in said
    nothing = replace(whole, period=None, projection=None, stopped="interrupted")
    assert "Stopped: interrupted." in words(fragment(nothing))
    assert "Nothing was drawn." in text(nothing)


def test_names_are_escaped():
    found = jn.monte_carlo(make_backtest(make_spec(name=EVIL, exchange=f"E{EVIL}")), n_sims=100)
    document = page(replace(found, notes=(EVIL,)))
    assert "script" not in Reader(document).names
    assert "49" not in words(document).split()
