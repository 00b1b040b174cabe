"""The report of a risk report: the same figures in three lengths."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

import jesse_nb as jn
from jesse_nb.report.common.numbers import share
from jesse_nb.report.html import fragment, page
from jesse_nb.report.results import plot, plots, text
from jesse_nb.report.risk.risk_report_tables import key_table
from tests.analysis.results import make_backtest, make_spec
from tests.analysis.walk_forwards import make_walk_forward
from tests.jobs.strategies import CROSSING
from tests.report.test_html import EVIL, Reader, words

QUESTIONS = ("What happened?", "How else could this period have gone?", "What could the next one bring?",
             "What does a bad day cost?", "What if the market breaks?", "What is not known")


@pytest.fixture(scope="module")
def whole(candle_store, tmp_path_factory):
    kept = {"candles": candle_store, "store": tmp_path_factory.mktemp("runs") / "runs.sqlite"}
    result = jn.backtest(CROSSING, "BTC-USDT", "1h", "2023-02-01", "2023-04-12", **kept)
    return jn.risk_report(result, n_sims=300, ruin=20, target=15, scenarios="gap", at="2023-03-01", **kept)


def test_every_length_answers_every_question_with_the_same_figures(whole):
    worst = whole.stress.table.loc[0, "deepest_loss"]
    loses = whole.monte_carlo.projection.chances.loc["loss", "probability"]
    for length, pictures in (("executive", 0), ("summary", 4), ("detailed", 6)):
        shown = replace(whole, format=length)
        document = page(shown)
        said = words(document)
        for part in (*QUESTIONS, "Nobody knows whether the parameters were chosen", "no scenario has a probability",
                     f"takes the account {worst:.1f} % below what it was", f"{loses * 100:.0f}% lose money"):
            assert part in said, (length, part)
        assert document.count("<img src") == pictures
        assert ("Result card" in said) == (length != "executive")
        for question in QUESTIONS:
            assert question in text(shown)
    assert len(text(replace(whole, format="executive")).splitlines()) <= 50  # one screen
    assert "Student's t" in said
    assert "score" not in said.lower()


@pytest.mark.usefixtures("blank_pictures")
def test_every_key_figure_has_an_interval_or_says_what_it_rests_on(whole):
    for question in ("happened", "period", "next", "var", "stress"):
        table = key_table(whole, question)
        assert table.rows
        place = table.head.index("rests on")
        assert all(row[place].text for row in table.rows), question
    rows = {row[0].text: row for row in key_table(whole, "next").rows}
    chance = whole.monte_carlo.projection.chances.loc["ruin"] * 100
    assert rows["ruin at some time"][1].text.startswith(f"{chance['probability']:.1f}"[:3])
    assert "target before ruin" in rows
    assert "95% interval" not in key_table(whole, "next").head  # of outcomes it is none
    assert [row[2].text.count("nine in ten paths") for name, row in rows.items() if "equity" in name] == [1]
    assert rows["ruin at some time"][2].text.endswith("(95% interval)")
    below, reached = "below their start, and ", "gain 15% before they are."
    assert reached in words(page(whole)).partition(below)[2][:40]
    account = plot(whole, "account").axes[0].get_lines()[-1]
    assert np.allclose(account.get_ydata(), whole.run.equity)


def test_it_says_what_trading_cost_and_what_is_not_counted(candle_store, tmp_path):
    kept = {"candles": candle_store, "store": tmp_path / "runs.sqlite"}
    for more, named, uncounted in (({}, "Fees took", "slippage and funding are not counted here."),
                                   ({"slippage_bps": 3.0}, "Fees and 3 bp of slippage took",
                                    "funding is not counted here."),
                                   ({"market": "spot"}, "Fees took", "slippage is not counted here.")):
        result = jn.backtest(CROSSING, "BTC-USDT", "1h", "2023-02-01", "2023-04-12", **more, **kept)
        fees = sum(order["price"] * abs(order["qty"]) for trade in result.trades["orders"] for order in trade)
        fees *= result.spec.account.fee + more.get("slippage_bps", 0.0) / 10_000
        said = " ".join(text(jn.risk_report(result, ["drawdowns", "exposure"])).split())
        assert f"{named} {fees:,.2f}, {share(fees / 10_000)} of what the account began with; {uncounted}" in said


@pytest.mark.usefixtures("blank_pictures")
def test_a_stitched_curve_is_out_of_sample_and_a_chosen_one_understated():
    risk = jn.risk_report(make_walk_forward(), ["drawdowns", "monte_carlo"], n_sims=200)
    assert "Out-of-sample: the parameters had not seen these days." in words(fragment(risk))
    chosen = replace(risk, sample="in-sample")
    assert "every risk below is understated" in words(fragment(chosen))
    assert "every risk below is understated" in " ".join(text(chosen).split())


@pytest.mark.usefixtures("blank_pictures")
def test_every_format_begins_with_the_verdict_of_the_whole(candle_store, tmp_path):
    walk = make_walk_forward()
    for shown in ("executive", "summary", "detailed"):
        risk = jn.risk_report(walk, "drawdowns", shown, store=tmp_path / "runs.sqlite")
        for said in (words(fragment(risk)).replace(" :", ":"), " ".join(text(risk).split())):
            assert all(sentence.rstrip(".") in said for sentence in walk.verdict.sentences)
    kept = {"candles": candle_store, "store": tmp_path / "runs.sqlite"}
    runs = [jn.backtest(CROSSING, "BTC-USDT", "1h", "2023-02-01", end, **kept) for end in ("2023-03-12", "2023-04-12")]
    said = " ".join(text(jn.risk_report(runs[0], "drawdowns", "executive", store=kept["store"])).split())
    assert "No verdict: one backtest cannot tell skill from luck" in said
    assert "1 other backtest of this project looked at overlapping data of the same symbols" in said
    assert said.count("verdict") == 1
    looked = replace(walk, prior_runs=3)
    risk = jn.risk_report(looked, "drawdowns", "executive", store=kept["store"])
    for said in (words(fragment(risk)), " ".join(text(risk).split())):
        assert said.count("3 other backtests of this project had looked at some of these days before") == 1
    nowhere = text(jn.risk_report(equity=walk.stitched.equity, sections="drawdowns"))
    assert "tables do not say what else was tried" in nowhere


@pytest.mark.usefixtures("blank_pictures")
def test_reasons_stand_where_figures_are_missing():
    curve = pd.Series(np.linspace(100.0, 104.0, 12) + np.tile([0.0, 1.0], 6),
                      index=pd.date_range("2023-01-01", periods=12, tz="UTC"))
    risk = jn.risk_report(equity=curve, format="executive")
    said = words(fragment(risk))
    assert said.count("Not known: There is no risk to measure: there are 11 days, and 30 are needed.") >= 2
    assert "Exposure: the trades are not known." in said
    assert plots(risk) == ("account",)
    flat = jn.risk_report(equity=curve.cummax(), sections="drawdowns")
    assert "It was never below an earlier high." in text(flat)


def test_names_are_escaped_and_an_interrupt_is_told():
    risk = jn.risk_report(make_backtest(make_spec(name=EVIL, exchange=f"E{EVIL}")), ["drawdowns", "exposure"])
    document = page(replace(risk, notes=(EVIL,), stopped="interrupted"))
    assert "script" not in Reader(document).names
    assert "Stopped: interrupted." in words(document)
    assert text(replace(risk, stopped="interrupted")).endswith("Stopped: interrupted.")
