"""A strategy whose text is not what had run: its result decides, and nothing is written that gives other numbers."""

from __future__ import annotations

import inspect
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import jesse_nb as jn
from jesse_nb.cli.commands import main
from jesse_nb.core.jesse_runtime import jesse_module
from jesse_nb.core.simulator.pipeline import CandlePipeline
from jesse_nb.core.simulator.strategies import strategy_registry
from jesse_nb.exceptions import StrategyError
from jesse_nb.quickstart import TrendFollower
from tests.jobs.strategies import CROSSING
from tests.tools.trading.test_to_project import MARKET, backtest, project  # noqa: F401 - fixtures

#: The same strategy, as one writes it in a cell and as one writes it into a file.
SPARED = CROSSING[CROSSING.index("class "):]
LONGER = CROSSING.replace("import os", "import math\nimport os").replace("return True", "return bool(1)")
#: Trades at other times.
OTHERWISE = CROSSING.replace('self.hp["fast"]', '(self.hp["fast"] + 3)')


def restart(monkeypatch: Any) -> None:
    """Forget what this process was given, as a kernel that starts anew."""
    monkeypatch.setattr(strategy_registry, "_by_hash", {})
    monkeypatch.setattr(strategy_registry, "_given", set())


def file_of(project: Path, text: str) -> str:  # noqa: F811
    (project.parent / "mine.py").write_text(text)
    return str(project.parent / "mine.py")


def test_the_same_strategy_written_otherwise_is_taken(markets, project, monkeypatch):  # noqa: F811
    assert "import" not in SPARED
    assert len({SPARED, LONGER, CROSSING}) == 3
    for ran, given in ((SPARED, CROSSING), (CROSSING, SPARED), (CROSSING, LONGER)):
        result = backtest(ran, markets, fast=11)
        restart(monkeypatch)
        written = result.to_project(project, strategy=given, candles=markets, overwrite=True)
        assert (written.same, written.other, written.trades) == (True, True, len(result.trades))
        assert written.values == {"fast": 11, "slow": 30}
        assert "differs from the one that had run; its result does not" in " ".join(str(written).split())
        assert "differs from the one that had run; its result does not" in written._repr_mimebundle_()["text/html"]
        assert "# Text: given for it, and not that which had run" in written.path.read_text()
        assert jn.backtest("Crossing", *MARKET, candles=markets, project=project).metrics == result.metrics
        assert not result.to_project(project, strategy=ran, candles=markets, overwrite=True).other


def test_the_very_file_that_was_written_is_taken(markets, project, kept, monkeypatch, capsys):  # noqa: F811
    monkeypatch.setenv("JESSE_NB_CANDLES", str(markets.root))
    jn.keep(backtest(SPARED, markets, fast=12), "best")
    first = jn.to_project("best", project)
    restart(monkeypatch)
    assert main(["to-project", "best", str(project), "--strategy", str(first.path), "--overwrite"]) == 0
    assert "was simulated as it stands there" in " ".join(capsys.readouterr().out.split())
    restart(monkeypatch)
    mine = file_of(project, SPARED.replace("True", "bool(1)"))
    assert main(["to-project", "best", str(project), "--strategy", mine, "--overwrite"]) == 0
    assert "was simulated as it stands there" in " ".join(capsys.readouterr().out.split())
    assert main(["to-project", "best", "--dna", "--strategy", mine]) == 0
    assert capsys.readouterr().out.strip() == first.dna


def test_what_gives_another_result_is_refused_with_both(markets, project, kept, monkeypatch, capsys):  # noqa: F811
    monkeypatch.setenv("JESSE_NB_CANDLES", str(markets.root))
    result, other = backtest(CROSSING, markets, fast=12), backtest(OTHERWISE, markets, fast=12)
    jn.keep(result, "best")
    assert len(result.trades) != len(other.trades)
    restart(monkeypatch)
    figures = (f"trades {len(other.trades)} against {len(result.trades)}, net profit "
               f"{other.metrics['net_profit']:,.2f} against {result.metrics['net_profit']:,.2f}")
    mine = file_of(project, OTHERWISE)
    for line in (["best", str(project), "--overwrite"], ["best", "--dna"]):
        assert main(["to-project", *line, "--strategy", mine]) == 2
        said = capsys.readouterr().err
        assert figures in said
        assert "jesse-nb backtest FILE -s BTC-USDT -t 1h --start 2023-01-20 --end 2023-03-01" in said
        assert "--param fast=12" in said
    assert not list(project.rglob("__init__.py"))


def test_held_out_days_are_compared_too(markets, project, monkeypatch):  # noqa: F811
    study = jn.optimize(CROSSING, *MARKET, candles=markets, n_trials=3, test_ratio=0.5, check_first=False)
    assert len(study.test.trades) > 0
    late = CROSSING.replace('self.hp["fast"]', f'(self.hp["fast"] + 3 * (self.time >= {study.test.spec.start}))')
    restart(monkeypatch)
    with pytest.raises(StrategyError, match="its result is another one: from 2023-02-09 to 2023-03-01, trades"):
        study.to_project(project, strategy=late, candles=markets)
    assert not list(project.rglob("__init__.py"))
    trial = next(trial for trial in study.trials if trial.number != study.best.number)
    written = study.to_project(project, trial=trial.number, strategy=LONGER, candles=markets)
    assert (written.same, written.other) == (True, True)


def test_what_nothing_can_tell_apart_is_refused_with_why(markets, project, tmp_path, monkeypatch):  # noqa: F811
    result = backtest(CROSSING, markets, fast=11)
    restart(monkeypatch)
    with pytest.raises(StrategyError, match=r"whether it does the same cannot be found out: No candles of "):
        result.to_project(project, strategy=LONGER, candles=jn.CandleStore(tmp_path / "empty"))
    idle = backtest(CROSSING.replace("def should_long(self):", "def should_long(self):\n        return False"), markets)
    assert not len(idle.trades)
    with pytest.raises(StrategyError, match="has no trades, as any strategy that does nothing"):
        idle.to_project(project, strategy=LONGER, candles=markets)
    assert not list(project.rglob("__init__.py"))


def test_code_that_ran_on_rewritten_candles_is_refused_with_why(markets, project, monkeypatch):  # noqa: F811
    result = backtest(CROSSING, markets, fast=11)
    pipeline = CandlePipeline("gaussian_noise", {"close_sigma": 5.0, "high_sigma": 5.0, "low_sigma": 5.0})
    again = replace(result, spec=replace(result.spec, pipeline=pipeline))
    restart(monkeypatch)
    with pytest.raises(StrategyError, match="cannot be found out: The result is of rewritten candles"):
        again.to_project(project, strategy=LONGER, candles=markets)


def test_a_class_is_taken_for_the_text_of_the_same(markets, project, monkeypatch):  # noqa: F811
    result = backtest(inspect.getsource(TrendFollower), markets, fast=8)
    restart(monkeypatch)
    written = result.to_project(project, strategy=TrendFollower, candles=markets)
    assert (written.same, written.other, written.values["fast"]) == (True, True, 8)
    restart(monkeypatch)
    assert jesse_module("jesse.helpers").dna_to_hp((), written.dna) == written.values
