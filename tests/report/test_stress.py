"""The report of a stress test."""

from __future__ import annotations

from dataclasses import replace

import pytest

import jesse_nb as jn
from jesse_nb.report.html import page
from jesse_nb.report.results import plots, text
from jesse_nb.report.risk.stress_report import stress_table
from tests.jobs.strategies import CROSSING
from tests.report.test_html import EVIL, Reader, words


@pytest.fixture(scope="module")
def whole(candle_store, tmp_path_factory):
    kept = {"candles": candle_store, "store": tmp_path_factory.mktemp("runs") / "runs.sqlite"}
    result = jn.backtest(CROSSING, "BTC-USDT", "1h", "2023-02-01", "2023-03-01", **kept)
    return jn.stress_test(result, ["crash", "vol_spike"], shocks={"slippage_bps": 10}, at="2023-02-10", **kept)


def test_the_page_and_its_figures(whole):
    said = words(page(whole))
    for part in ("Stress test: Crossing", "no scenario has a probability", "costs", "-35% over 4 hours",
                 "3 times the volatility", "as it was", "counts as a trial", "Result card"):
        assert part in said, part
    assert set(plots(whole)) == {"losses", "equity"}


def test_cells_are_the_results_figures(whole):
    rows = {row[0].text: row for row in stress_table(whole).rows}
    assert set(rows) == {"costs", "crash", "vol_spike", "as it was"}
    crash = whole.table[whole.table["scenario"] == "crash"].iloc[0]
    assert rows["crash"][3].text == f"{crash['loss']:.1f}%"
    assert rows["crash"][6].text == f"{crash['final_equity']:,.2f}"
    assert rows["costs"][3].text == "–"


def test_nothing_finished_and_names_are_escaped(whole):
    none = replace(whole, table=whole.table.iloc[:0], results={}, stopped="interrupted", notes=(EVIL,))
    assert plots(none) == ()
    document = page(none)
    assert "No run finished." in words(document)
    assert "script" not in Reader(document).names
    assert "interrupted" in text(none)
