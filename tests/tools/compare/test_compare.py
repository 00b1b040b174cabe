"""Results side by side, live and kept, on every surface."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import jesse_nb as jn
from jesse_nb.cli.commands import main
from jesse_nb.core.study.ratios import return_ratios
from jesse_nb.core.tools.compare.compare import _closed_in
from jesse_nb.exceptions import InputError
from jesse_nb.report.common.numbers import measure
from jesse_nb.report.html import page
from tests.conftest import EXCHANGE
from tests.jobs.strategies import CROSSING

PERIOD = ("2023-01-15", "2023-04-15")


@pytest.fixture(scope="module")
def results(markets):
    base = jn.backtest(CROSSING, "BTC-USDT", "1h", *PERIOD, candles=markets)
    dear = jn.backtest(CROSSING, "BTC-USDT", "1h", *PERIOD, candles=markets, fee=0.002)
    other = jn.backtest(CROSSING.replace('"default": 8', '"default": 5'), "BTC-USDT", "1h", "2023-02-01", "2023-04-10",
                        candles=markets, hyperparameters={"slow": 40})
    return base, dear, other


def test_what_differs_is_found(results):
    found = jn.compare(("base", results[0]), ("dear", results[1]))
    assert found.settings.loc["fee"].tolist() == ["0.001", "0.002"]
    assert list(found.settings.index) == ["fee"]
    assert found.code == ()
    assert found.notes == ()
    assert found.trade_counts().loc["dear"].tolist() == [0, len(results[0].trades), 0, 0], "sizes follow the balance"
    for name, run in zip(found.names, results, strict=False):
        assert found.metrics.loc["sharpe_ratio", name] == pytest.approx(
            return_ratios(found.returns[name])["sharpe_ratio"])
        assert (1 + found.returns[name]).prod() == pytest.approx(run.equity.iloc[-1] / run.equity.iloc[0])
        assert found.metrics.loc["trades", name] == len(run.trades)
        assert found.metrics.loc["fees", name] == pytest.approx(run.trades["fee"].sum())
    mean = found.tests.set_index("figure").loc["mean_return"]
    assert mean["beyond_noise"], "each trade pays more"
    assert mean["difference"] == pytest.approx((found.returns["dear"] - found.returns["base"]).mean() * 36_500)


def test_other_code_and_other_days_are_told(results):
    found = jn.compare(("base <b>", results[0]), ("same", results[0]), ("other", results[2]))
    (code,) = found.code
    assert (code.name, code.strategies) == ("other", ("Crossing", "Crossing"))
    assert [line for line in code.lines if line[:1] in "+-"] == [
        '-            {"name": "fast", "type": int, "min": 2, "max": 20, "default": 8},',
        '+            {"name": "fast", "type": int, "min": 2, "max": 20, "default": 5},']
    assert found.settings.loc["slow"].tolist() == ["30 (default)", "30 (default)", "40"]
    assert found.settings.loc["fast"].tolist() == ["8 (default)", "8 (default)", "5 (default)"]
    assert len(found.returns) == 68
    assert found.notes[0] == "Compared on the 68 days that all have; they ran on base <b> 90, same 90, other 68."
    tests = found.tests.set_index(["result", "figure"])
    assert (tests.loc["same", "reason"] == "the returns are the same on every day").all()
    assert tests.loc["other", "p_holm"].ge(tests.loc["other", "p"]).all()
    counts = found.trade_counts()
    assert counts.loc["same", ["differs", "only base", "only other"]].tolist() == [0, 0, 0]
    inside = results[0].trades["opened_at"].between("2023-02-01", "2023-04-10", inclusive="left")
    assert counts.loc["same", "alike"] == inside.sum()
    text, html = str(found), page(found)
    assert "SYNTHETIC" not in text
    assert "Source of Crossing in other, against Crossing in base <b>:" in text
    assert "base <b>" not in html
    assert html.count("<img src") == 1
    assert 'default&#34;: 5' in html


@pytest.mark.usefixtures("blank_pictures")
def test_which_return_a_year_is_compounded_is_said(results):
    found = jn.compare(("base", results[0]), ("dear", results[1]))
    days = found.returns.iloc[:, 0]
    compounded = ((1 + days).prod() ** (365 / len(days)) - 1) * 100
    assert compounded == pytest.approx(found.metrics.loc["annual_return"].iloc[0])
    assert found.tests.set_index("figure").loc["mean_return", "base"] == pytest.approx(days.mean() * 36_500)
    lines = str(found).splitlines()
    (line,) = (line for line in lines if "Annual return, compounded " in line)
    assert measure(compounded, "percent") in line
    (line,) = (line for line in lines if "Mean daily " in line)
    assert measure(days.mean() * 36_500, "percent") in line, "its label goes on in the next ones"
    for words in ("Annual return, compounded", "Mean daily return × 365"):
        assert words in page(found)
    assert "(5 % after Holm's correction of 2 tests): dear: mean daily return × 365 " in " ".join(lines)


@pytest.mark.usefixtures("blank_pictures")
def test_verdicts_are_said_in_the_words_of_the_list(results, kept, markets):
    study = jn.optimize(CROSSING, "BTC-USDT", "1h", *PERIOD, candles=markets, n_trials=2, neighbours=0, parity=False)
    jn.keep(study, "study")
    verdict = jn.results("study").loc[0, "verdict"]
    assert verdict
    assert verdict == study.verdict.outcome
    said = f"Verdicts, each of the whole result: study: {verdict}; run: not judged."
    found = jn.compare("study", ("run", results[0]))
    assert said in str(found).splitlines()
    assert said in page(found)
    assert "Verdicts" not in str(jn.compare(results[0], results[1])), "nothing judges a single backtest"


@pytest.mark.usefixtures("blank_pictures")
def test_text_is_not_cut(results, markets):
    late = jn.backtest(CROSSING, "ETH-USDT", "1h", "2023-02-01", "2023-04-10", candles=markets)
    found = jn.compare(("base", results[0]), ("the same run, told again", results[0]), ("ether", late))
    text = str(found)
    words = " ".join(text.split())
    assert list(found.trades) == ["the same run, told again"], "of ether none can be alike"
    alone = "No trade of ether is set beside one of base: they have no market in common."
    assert alone in words
    two = jn.compare(("base", results[0]), ("ether", late))
    assert two.trades == {}
    assert alone in page(two)
    assert "opened alike" not in str(two) + page(two)
    assert "opened alike" in text
    assert "…" not in text
    assert max(map(len, text.splitlines())) <= 96
    assert "Longest time under water (days)" in words
    for each in ("ETH-USDT", EXCHANGE.split()[-1], "2023-02-01 to 2023-04-10"):
        assert each in words
    assert found.settings.loc["market"].tolist()[2] == f"ETH-USDT 1h on {EXCHANGE}"


@pytest.mark.usefixtures("blank_pictures")
def test_a_default_that_is_given_is_the_same_setting(results, markets):
    given = jn.backtest(CROSSING, "BTC-USDT", "1h", *PERIOD, candles=markets, hyperparameters={"slow": 30})
    assert given.card.defaults == {"fast": 8}
    assert jn.compare(results[0], given).settings.empty
    assert "Hyperparameters: slow = 30, fast = 8 (default)\n" in str(given)
    assert "Hyperparameters: fast = 8 (default), slow = 30 (default)\n" in str(results[0])
    html = page(results[0])
    assert html.count("fast = 8 (default), slow = 30 (default)") == 2, "under the title and on the card"


def test_kept_ones_and_jobs_are_compared_and_so_kept(results, kept, markets):
    jn.keep(results[0], "base")
    key = jn.keep(results[1], note="dear").key
    job = jn.backtest(CROSSING, "BTC-USDT", "1h", "2023-02-01", "2023-04-10", candles=markets, background=True)
    found = jn.compare("base", key[:8], job, results[0])
    assert found.names == ("base", key[:8], "backtest", "base (2)")
    again = jn.load(jn.results(kind="compare").loc[0, "key"])
    assert str(again) == str(found)
    pd.testing.assert_frame_equal(again.tests, found.tests, check_exact=True)
    with pytest.raises(InputError, match=r"No result is called 'bace'.*'base'"):
        jn.compare("base", "bace")


def test_results_of_other_tools_are_compared(results, markets):
    risk = jn.monte_carlo(results[0], n_sims=100)
    walk = jn.walk_forward(CROSSING, "BTC-USDT", "1h", *PERIOD, candles=markets, in_sample_period=20,
                           out_sample_period=10, step_forward=10, hyperparameters={"fast": 8, "slow": 30})
    found = jn.compare(results[0], risk, walk)
    assert [side.kind for side in found.sides] == ["backtest", "monte_carlo", "walk_forward"]
    assert np.array_equal(found.returns.iloc[:, 0], found.returns.iloc[:, 1])
    assert found.settings.loc["run"].tolist() == ["whole", "whole", "stitched out-of-sample"]


@pytest.mark.parametrize(("given", "told"), [
    ((), "Give two"), (("base",), "Give two"), ((3,), "results cannot be one result alone"),
    ((("base", 3),), r"results cannot be 'base' alone\."),
    (({"a": 1}, {"b": 2}), r"results cannot be {'a': 1}, which is no result"), ((3, 4), r"results cannot be 3, which"),
])
def test_what_is_no_result_is_told(given, told):
    with pytest.raises(InputError, match=told):
        jn.compare(*given)


def test_it_is_a_command(results, kept, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    jn.keep(results[0], "base", tags="a")
    jn.keep(results[1], "dear")
    assert main(["results", "--tag", "a"]) == 0
    assert "Crossing BTC-USDT 1h" in capsys.readouterr().out
    assert main(["compare", "base", "dear", "-o", "both.html", "--name", "both"]) == 0
    assert "Beyond noise, against base" in capsys.readouterr().out
    assert "Comparison of base, dear" in (tmp_path / "both.html").read_text()
    assert jn.load("both").names == ("base", "dear")
    assert main(["compare", "base", "daer"]) == 2
    assert "'dear'" in capsys.readouterr().err
    assert main(["results", "--forget", "base", "both"]) == 0
    capsys.readouterr()
    assert main(["results", "both"]) == 0
    assert "No results with this" in capsys.readouterr().out
    assert main(["results", "--week", "next"]) == 2
    assert "--week is 'next'" in capsys.readouterr().err


def test_what_trades_earned_is_of_the_days_that_booked_it():
    days = pd.DataFrame({"one": 0.0}, index=pd.date_range("2023-08-01", "2023-10-31", tz="UTC"))
    trades = pd.DataFrame({
        "opened_at": pd.to_datetime(["2023-07-20", "2023-07-30", "2023-08-05", "2023-10-30"], utc=True),
        "closed_at": pd.to_datetime(["2023-08-01", "2023-08-02", "2023-11-01", "2023-11-06"], utc=True)})
    assert _closed_in(trades, days).index.tolist() == [1, 2]  # the first ended with July's last minute
