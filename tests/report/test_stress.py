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
    shown = dict(zip(stress_table(whole).head, (cell.text for cell in rows["crash"]), strict=True))
    before, final = crash["equity_before"], crash["final_equity"]
    after = whole.results[crash.name].equity.loc[crash["began"]:]
    assert shown["loss meanwhile"] == f"{(1 - crash['lowest'] / before) * 100:.1f}%"
    assert shown["at most"] == f"{(1 - min(crash['lowest'], after.min()) / before) * 100:.1f}%"
    assert shown["at the end"] == f"{(final / before - 1) * 100:+.1f}%"
    assert shown["final equity"] == f"{final:,.2f}"
    assert rows["costs"][1].text == "–"


@pytest.mark.usefixtures("blank_pictures")
def test_the_worst_is_what_fell_deepest_by_the_end_and_the_report_says_so(whole):
    """A scenario that took most while it lasted may be back at the end, another not."""
    table = whole.table.copy()
    crash, spike = (table.index[table["scenario"] == name][0] for name in ("crash", "vol_spike"))
    table.loc[crash, ["loss", "deepest_loss", "end_loss"]] = 20.0, 21.0, -3.0
    table.loc[spike, ["loss", "deepest_loss", "end_loss"]] = 5.0, 30.0, 12.0
    said = words(page(replace(whole, table=table)))
    assert "vol_spike (3 times the volatility over 7 days), takes the account 30.0 % below what it was when that " \
           "began (5.0 % until a day after it was over), and ends 12.0 % below." in said
    table.loc[spike, ["deepest_loss"]] = 12.0
    for shown in (words(page(replace(whole, table=table))), " ".join(text(replace(whole, table=table)).split())):
        assert "takes the account 21.0 % below" in shown
        assert "and ends 3.0 % above. vol_spike ends lowest: 12.0 % below." in shown
        assert "to the lowest until a day after it was over" in shown
        assert "to the lowest until the run's end" in shown


def test_nothing_finished_and_names_are_escaped(whole):
    none = replace(whole, table=whole.table.iloc[:0], results={}, stopped="interrupted", notes=(EVIL,))
    assert plots(none) == ()
    document = page(none)
    assert "No run finished." in words(document)
    assert "script" not in Reader(document).names
    assert "interrupted" in text(none)
