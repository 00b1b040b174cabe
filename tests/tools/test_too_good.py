"""A strategy that reads future closes, on the real simulator: what the headlines of every report say of it."""

from __future__ import annotations

from typing import Any

import pytest

from jesse_nb.core.candles import CandleStore, demo_candles
from jesse_nb.core.tools.analyze.analyze import analyze_results
from jesse_nb.core.tools.backtest.backtest import backtest
from jesse_nb.core.tools.batch.batch import backtest_batch
from jesse_nb.core.tools.optimize.optimize import optimize
from jesse_nb.core.tools.walk_forward.walk_forward import walk_forward
from jesse_nb.report.html import fragment
from jesse_nb.report.results import text
from tests.check_strategy import planted
from tests.conftest import EXCHANGE

START, END = "2023-02-01", "2023-05-12"

pytestmark = pytest.mark.usefixtures("blank_pictures")


@pytest.fixture(scope="module")
def reader(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Keyword arguments of every tool: a strategy that reads closes of two hours ahead from a file, and its market."""
    folder = tmp_path_factory.mktemp("reader")
    store = CandleStore(folder / "candles")
    candles = demo_candles("BTC-USDT", end="2023-05-21")  # 140 days, the same wherever the tests run
    store.write(EXCHANGE, "BTC-USDT", candles)
    code = planted.STORED.replace("FIRST", str(int(candles[0, 0]))).replace("ROOT", repr(str(store.root)))
    code = code.replace("> 0.003", '> self.hp["least"]').replace("< -0.003", '< -self.hp["least"]').replace(
        "    def ahead(self):", "    def hyperparameters(self):\n        return [{'name': 'least', 'type': float, "
        "'min': 0.008, 'max': 0.02, 'default': 0.01}]\n\n    def ahead(self):")
    return {"strategy": code, "symbol": "BTC-USDT", "timeframe": "1h", "start": START, "end": END, "candles": store,
            "store": folder / "runs.sqlite"}


def where(reader: dict[str, Any]) -> dict[str, Any]:
    return {"candles": reader["candles"], "store": reader["store"]}


def headline(result: Any) -> str:
    """The sentence that begins with the outcome in the plain text, which the page has in its first card, too."""
    said = " ".join(text(result).split())
    page = fragment(result)
    card = page[page.index('class="verdict'):]
    outcome = card[card.index('class="outcome">') + 16:].split("<")[0]
    assert 'class="verdict bad"' in page
    assert outcome in said
    figures = card.split('<span class="colon">: </span>')[1].split("</p>")[0].rstrip(".")
    assert f"{outcome}: {figures}" in said
    return f"{outcome}: {figures}"


def test_no_headline_calls_it_skill(reader: Any) -> None:
    study = optimize(**reader, space={"least": (0.008, 0.012)}, n_trials=3, neighbours=0, parity=False)
    assert study.verdict.outcome == "too good to be true"
    assert headline(study).startswith("Too good to be true: a Sharpe ratio of ")
    assert "check_strategy names the line" in study.verdict.note
    assert study.verdict.evidence[0].startswith("By its other figures alone: ")

    basic = analyze_results(study, "basic", **where(reader))
    assert basic.verdict is study.verdict
    assert headline(basic) == headline(study)


def test_nor_does_a_walk_forward_or_a_cross_validation(reader: Any) -> None:
    common = {**reader, "space": {"least": (0.008, 0.012)}}
    walk = walk_forward(**common, n_trials=2, in_sample_period=20, out_sample_period=20, step_forward=20)
    assert walk.verdict.outcome == "too good to be true"
    assert headline(walk).startswith("Too good to be true: a Sharpe ratio of ")
    assert headline(analyze_results(walk, "basic", **where(reader))) == headline(walk)

    paths = walk_forward(**common, n_trials=5, split="cpcv", groups=5)
    assert paths.verdict.outcome == "too good to be true"
    assert headline(paths).startswith("Too good to be true: a Sharpe ratio of ")


def test_its_scenarios_deny_a_single_backtest(reader: Any) -> None:
    result = backtest(**reader, hyperparameters={"least": 0.008})
    assert "Too good to be true: a Sharpe ratio of " in " ".join(text(result).split())
    assert "Too good to be true: a Sharpe ratio of " in fragment(result)
    found = analyze_results(result, "deep", scenarios=5, paths=200, **where(reader))
    assert found.verdict.outcome == "too good to be true"
    assert "it gains in 0 of 5 markets made anew (p = 0.031)" in headline(found)

    seldom = backtest(**reader, hyperparameters={"least": 0.02})
    denied = analyze_results(seldom, "deep", scenarios=5, paths=200, **where(reader))
    assert denied.verdict.outcome == "denied by its scenarios"
    assert headline(denied).startswith("Denied by its scenarios: it gains in 0 of 5 markets made anew (p = 0.031)")


def test_a_batch_says_it_of_one_run_and_names_it_among_several(reader: Any) -> None:
    market = reader["symbol"], reader["timeframe"], [(START, END)]
    alone = backtest_batch(reader["strategy"], *market, params=[{"least": 0.008}], **where(reader))
    assert "Too good to be true: a Sharpe ratio of " in " ".join(text(alone).split())
    assert "Too good to be true: a Sharpe ratio of " in fragment(alone)
    several = backtest_batch(reader["strategy"], *market, params=[{"least": 0.008}, {"least": 0.5}], **where(reader))
    assert "Too good to be true: least=0.008. least=0.008: Too good to be true: a Sharpe" in " ".join(
        text(several).split())
    honest = backtest_batch(reader["strategy"], *market, params=[{"least": 0.5}], **where(reader))
    assert "oo good to be true" not in text(honest)
