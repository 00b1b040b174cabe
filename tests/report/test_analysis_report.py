"""The report of an analysis: a page worth looking at, whatever is missing from it."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from jesse_nb.core.analysis.curves.intraday import DeepestDrawdown
from jesse_nb.core.analysis.studies.verdict import Verdict
from jesse_nb.core.simulator.pipeline import CandlePipeline
from jesse_nb.core.simulator.result import BacktestResult
from jesse_nb.core.tools.analyze.analysis_result import Analysis
from jesse_nb.core.tools.analyze.analyze import analyze_results
from jesse_nb.report.analyze import analysis_report
from jesse_nb.report.analyze.analysis_tables import ratios_table, tiles
from jesse_nb.report.common.canvas import png
from jesse_nb.report.html import fragment, page
from jesse_nb.report.results import plot, plots, text
from tests.analysis.results import make_backtest, make_spec
from tests.report.analyses import full, plain, without_benchmark
from tests.report.test_html import EVIL, Reader, words

QUESTIONS = ("Is it real?", "How did it earn?", "How bad can it get?", "When does it work?", "What could break it?")


pytestmark = pytest.mark.usefixtures("blank_pictures")


@pytest.fixture(scope="module")
def whole() -> Analysis:
    return full()


def one_trade(result: BacktestResult) -> BacktestResult:
    return replace(result, trades=result.trades.iloc[:1])


def test_it_has_every_figure(whole: Analysis) -> None:
    assert set(plots(whole)) == {*analysis_report.ANALYSIS.pictures(whole), "monthly"}


def test_the_page_asks_what_a_trader_asks(whole: Analysis) -> None:
    document = page(whole)
    said = words(fragment(whole))  # without the page's links to its sections
    places = [said.index(question) for question in QUESTIONS]
    assert places == sorted(places)
    assert said.lower().index("likely luck") < places[0]
    assert "Read here: best trial, held-out period." in said
    assert "7 other backtests of this project" in said
    assert "-23.40% within the days" in said
    assert "of 40 trades" in said
    assert "What was left out" not in said
    assert document.count("<img src") == len(analysis_report.ANALYSIS.pictures(whole))
    assert document.count("<img src") == document.count("<img hidden src")


def test_a_page_is_small(whole: Analysis) -> None:
    pictures = {name: png(plot(whole, name)) for name in plots(whole)}
    assert all(one.startswith(b"\x89PNG") for one in pictures.values())
    assert len(page(whole)) + sum(map(len, pictures.values())) * 4 / 3 < 1_000_000


def test_a_page_names_what_was_analyzed(whole: Analysis) -> None:
    assert "<title>TrendFollower on BTC-USDT 1h on Binance Spot</title>" in page(whole)


def test_what_is_missing_is_said_with_the_reason() -> None:
    said = words(fragment(plain("deep")))
    assert "What was left out" in said
    assert "excursions; " in said
    assert "simulation at higher fees; simulation on rewritten candles not asked for" in said


def test_a_basic_analysis_has_no_empty_sections() -> None:
    said = words(fragment(plain("basic")))
    assert [question in said for question in QUESTIONS] == [False, True, True, False, False]


def test_nothing_that_is_named_by_others_is_markup(whole: Analysis) -> None:
    spec = make_spec("2023-01-01", "2023-05-01", name=EVIL, exchange=f"E{EVIL}")
    assert whole.advanced is not None
    assert whole.basic.trades is not None
    exits = whole.basic.trades.by_exit.rename(index=dict.fromkeys(whole.basic.trades.by_exit.index, EVIL))
    named = replace(without_benchmark(), name=EVIL, reason=EVIL)
    noted = replace(whole.advanced.benchmarks[0], name=EVIL, note=EVIL)
    held = whole.advanced.held.rename(f"$ {EVIL}")  # type: ignore[union-attr]
    evil = replace(
        whole, run=replace(whole.run, strategy=EVIL, spec=spec, origin=EVIL), notes=(EVIL,), stopped=EVIL,
        basic=replace(whole.basic, trades=replace(whole.basic.trades, by_exit=exits)),
        advanced=replace(whole.advanced, benchmarks=(noted, named), held=held, left_out={EVIL: EVIL}),
        verdict=Verdict("mixed", (EVIL, EVIL), (EVIL,)))
    document = page(evil)
    reader = Reader(document)
    assert "script" not in reader.names
    assert not any(name == "onerror" for name, _ in reader.attributes)
    assert "49" not in words(document).split()
    assert "{{ 7*7 }}" in words(document)
    assert text(evil).startswith("Analysis of <script>")
    png(plot(evil, "equity"))


def test_without_trades_it_says_so() -> None:
    found = plain("deep", make_backtest(make_spec("2023-01-01", "2023-03-01"), trades=0))
    assert plots(found) == ()
    said = words(page(found))
    assert "No trade was closed." in said
    assert "It never stood below an earlier peak" in said
    assert "nan" not in said.lower().split()


def test_with_one_trade_it_draws_what_there_is() -> None:
    found = plain("deep", one_trade(make_backtest(make_spec("2023-01-01", "2023-05-01"))))
    assert "trades" not in plots(found)
    for name in plots(found):
        plot(found, name)
    assert "of 1 trade" in words(page(found))


def test_a_profit_factor_without_losses_is_infinite() -> None:
    result = make_backtest(make_spec("2023-01-01", "2023-05-01"))
    won = replace(result, trades=result.trades.assign(pnl=result.trades["pnl"].abs() + 1))
    shown = {name: entry.text for name, entry, _ in tiles(plain("basic", won))}
    assert shown["Profit factor"] == "∞"
    assert shown["Win rate"] == "100%"


def test_tables_from_elsewhere() -> None:
    result = make_backtest(make_spec("2023-01-01", "2023-05-01"))
    found = analyze_results(trades=result.trades.drop(columns=["orders", "pnl_percentage"]), equity=result.equity,
                            analysis_type="deep", paths=100)
    assert isinstance(found, Analysis)
    said = words(page(found))
    assert "tables do not say what else was tried" in said
    assert "trades and equity given as tables" in said
    assert "There are no trades to compare" not in said


def test_what_was_interrupted_is_a_report_all_the_same(whole: Analysis) -> None:
    said = words(page(replace(whole, advanced=None, deep=None, stopped="interrupted")))
    assert "Stopped early: interrupted." in said
    assert "How bad can it get?" in said
    assert "When does it work?" not in said


def test_undefined_figures_do_not_break_the_page(whole: Analysis) -> None:
    assert whole.advanced is not None
    ratios = whole.advanced.ratios.assign(value=math.nan, low=math.nan, high=math.nan, standard_error=math.nan,
                                          error="", reason="the returns do not vary")
    returns = whole.run.returns.copy()
    returns.iloc[3] = np.nan
    found = replace(whole, run=replace(whole.run, returns=returns), advanced=replace(whole.advanced, ratios=ratios))
    assert "ratios" not in plots(found)
    document = page(found)
    assert "the returns do not vary" in words(document)
    assert "nan" not in words(document).lower().replace("%", " ").split()


def test_of_a_single_backtest_nobody_can_judge_it_says_so(whole: Analysis) -> None:
    alone = replace(whole, verdict=None)
    for prior, said in ((None, "is not known"), (0, "no other backtest"), (1, "1 other backtest of this project")):
        assert said in words(fragment(replace(alone, prior_runs=prior)))
    assert "one backtest cannot tell skill from luck" in words(fragment(alone))


def test_a_walk_forward_verdict_is_shown_whole(whole: Analysis) -> None:
    found = Verdict("fails", ("Does not hold up: -3.0%.", "Second."), ("A line.",))
    said = words(fragment(replace(whole, verdict=found)))
    for part in ("Does not hold up", "-3.0%.", "Second.", "A line."):
        assert part in said


def test_the_plain_text_is_short_and_always_the_same(whole: Analysis) -> None:
    assert text(whole) == text(whole)
    lines = text(whole).splitlines()
    assert 25 <= len(lines) <= 60
    assert max(map(len, lines)) <= 96
    assert "Likely luck: deflated Sharpe 0.41, PBO 0.62 over 100 trials (effective 23)" in lines
    for question in QUESTIONS[1:]:
        assert question in lines


def test_ratios_say_their_unit_and_why_they_are_missing() -> None:
    losing = plain("advanced", make_backtest(make_spec("2023-01-01", "2023-05-01"), drift=-0.01))
    rows = {row[0].text: [entry.text for entry in row[1:]] for row in ratios_table(losing).rows}
    assert rows["Volatility"][0].endswith("%")
    assert not rows["Volatility"][0].startswith("+")
    assert rows["Days to show that at 95%"][0] == "–"
    assert "not above zero" in rows["Days to show that at 95%"][-1]


def test_a_change_since_is_badged(whole: Analysis, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "CHANGED SINCE" not in page(whole)
    monkeypatch.setattr(analysis_report, "changes_since", lambda spec: ("The stored candles are others.",))
    said = words(page(whole))
    assert "CHANGED SINCE" in said
    assert "The stored candles are others." in said


def test_an_equity_curve_alone_has_no_trade_parts() -> None:
    result = make_backtest(make_spec("2023-01-01", "2023-05-01"))
    for kind in ("basic", "deep"):
        found = analyze_results(equity=result.equity, analysis_type=kind, paths=100)
        assert isinstance(found, Analysis)
        for said in (words(page(found)), text(found)):
            assert "The trades are not known." in said
            for wrong in ("No trade was closed", "0 trades", "Win rate", "Profit factor", "of trades", "nan"):
                assert wrong not in said
        assert [name for name, *_ in tiles(found)][:1] == ["Return"]
        assert "Trades" not in [name for name, *_ in tiles(found)]


def test_trades_that_were_not_asked_for_are_counted_all_the_same() -> None:
    found = plain("deep", include_trade_analysis=False)
    said = words(page(found))
    assert "not known" not in said.replace("is not known", "")
    assert {name: entry.text for name, entry, _ in tiles(found)}["Trades"] == "40"


def test_a_reason_names_what_was_not_tested(whole: Analysis) -> None:
    assert whole.deep is not None
    assert whole.deep.insight is not None
    insight = replace(whole.deep.insight, reason="18 trades are too few; 60 are needed", sentence="Not tested: 18.")
    said = text(replace(whole, deep=replace(whole.deep, insight=insight))).replace("\n  ", " ")
    assert "What is known at entry was not tested: 18 trades are too few; 60 are needed." in said


def test_scenarios_are_held_against_holding(whole: Analysis) -> None:
    assert whole.advanced is not None
    assert whole.advanced.held is not None
    gained = (float(whole.advanced.held.iloc[-1]) - 1) * 100
    average = "These markets have the real one's drift on average, each more or less of it: "
    assert f"{average}holding the real one made {gained:+.2f}%." in words(page(whole))
    alone = replace(whole, advanced=replace(whole.advanced, held=None))
    assert f"{average}compare it with holding." in words(page(alone))
    assert whole.deep is not None
    assert whole.deep.scenarios is not None
    moved = replace(whole.deep.scenarios, pipeline=CandlePipeline("gaussian_resampler", {"mu": 1.0}))
    assert "have another drift than the real one: " in words(page(replace(whole, deep=replace(
        whole.deep, scenarios=moved))))


def test_a_fall_of_more_than_there_was_is_called_ruin(whole: Analysis) -> None:
    assert whole.advanced is not None
    assert whole.advanced.intraday is not None
    assert "ruin" not in tiles(whole)[3][2]
    fallen = replace(whole, advanced=replace(whole.advanced, intraday=replace(
        whole.advanced.intraday, by_extremes=DeepestDrawdown(-115.0))))
    assert tiles(fallen)[3][2] == "-115.0% within the days: ruin"
    assert "-115.0% minute by minute (more than there was: had the worst prices" in words(page(fallen))
    assert "the account would have been ruined)" in text(fallen).replace("\n  ", " ")


def test_figures_say_of_what_they_are(whole: Analysis) -> None:
    """Alpha is no compounded rate, and Kelly's fraction has a unit."""
    assert whole.advanced is not None
    assert " a year (not compounded), " in words(page(whole))
    assert "alpha a year, not compounded" in words(page(whole))
    assert "Kelly fraction (times the traded size)" in [row[0].text for row in ratios_table(whole).rows]


def test_the_drawdown_within_days_reaches_what_its_legend_says(whole: Analysis) -> None:
    assert whole.advanced is not None
    assert whole.advanced.intraday is not None
    intraday = whole.advanced.intraday
    trough = intraday.equity.index[500] + pd.Timedelta(minutes=7)
    found = replace(whole, advanced=replace(whole.advanced, intraday=replace(
        intraday, by_extremes=DeepestDrawdown(-23.4, intraday.equity.index[400], trough))))
    line = next(one for one in plot(found, "equity").axes[1].lines if "within" in str(one.get_label()))
    assert np.asarray(line.get_ydata()).min() == -23.4
    assert "-23.40%" in str(line.get_label())


def test_a_count_has_whole_ticks() -> None:
    result = make_backtest(make_spec("2023-01-01", "2023-05-01"))
    ax = plot(replace(result, trades=result.trades.iloc[:3]), "trades").axes[0]
    assert all(place == int(place) for place in ax.get_yticks())


def test_the_reason_of_a_tail_wraps() -> None:
    found = plain("basic", make_backtest(make_spec("2023-01-01", "2023-03-01")))
    document = fragment(found)
    assert "days are too few; 100 are needed" in document
    assert 'class="small long"' in document[: document.index("days are too few; 100 are needed")]


def test_scenarios_show_themselves(whole: Analysis) -> None:
    assert whole.deep is not None
    scenarios = whole.deep.scenarios
    assert scenarios is not None
    shown = str(scenarios)
    assert repr(scenarios) == shown == str(replace(scenarios, elapsed=99.0))
    assert shown.startswith("Scenarios: TrendFollower\nBTC-USDT 1h on Binance Spot, ")
    assert "6 scenarios finished." in shown
    assert "more or less of it: compare it with holding." in shown.replace("\n", " ")
    assert max(map(len, shown.splitlines())) <= 100
    assert scenarios.plots() == ("scenarios",)
    assert "<img" in page(scenarios)
    lost = scenarios.scenarios.assign(reason=["", "", "", "", EVIL, EVIL], net_profit_percentage=math.nan,
                                      final_equity=math.nan)
    failed = replace(scenarios, planned=9, scenarios=lost, equity=scenarios.equity.iloc[:0], stopped=EVIL,
                     notes=(EVIL,))
    assert "6 of 9 scenarios finished, 2 failed; stopped: " in str(failed)
    assert "script" not in Reader(page(failed)).names
    assert "scenario 4 and 1 more failed: " in words(page(failed))


def test_a_fee_stress_shows_itself(whole: Analysis) -> None:
    assert whole.advanced is not None
    stress = whole.advanced.fee_stress
    assert stress is not None
    assert "3 times the fee failed: <i>crashed</i>" in str(stress)
    result = make_backtest(make_spec("2023-01-01", "2023-05-01"))
    known = replace(stress, results={1.0: result})
    shown = str(known)
    assert repr(known) == shown == str(replace(known, elapsed=99.0))
    assert shown.startswith("Fee stress: TrendFollower\nBTC-USDT 1h on Binance Spot, ")
    assert "3 fees simulated, 1 failed." in shown
    assert "2 times the fee gives -0.50%" in shown
    assert "400.00" in shown
    assert "<i>" not in page(known)
    assert known.plots() == ()
