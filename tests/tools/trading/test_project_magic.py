"""`%to_project`: by variable and by name, with the notebook's class found; nobody is overrun."""

from __future__ import annotations

from pathlib import Path

import pytest
from IPython.core.error import UsageError

import jesse_nb as jn
from jesse_nb.core.simulator.strategies import strategy_registry
from jesse_nb.core.tools.trading.to_project import ProjectStrategy
from jesse_nb.exceptions import InputError, StrategyError
from tests.magics.conftest import MARKET, STRATEGY, demo, demo_store, notebook, run, shell  # noqa: F401 - fixtures


def test_a_result_goes_to_the_project(shell, notebook, demo, kept, tmp_path, monkeypatch):  # noqa: F811
    for folder in ("strategies", "storage"):
        (tmp_path / "my-project" / folder).mkdir(parents=True)
    monkeypatch.chdir(tmp_path)
    run(shell, f"%%backtest {MARKET} --param fast=7 -o result\n{STRATEGY}")
    written = shell.run_line_magic("to_project", "result my-project --name Mine")
    assert isinstance(written, ProjectStrategy)
    assert written.same
    assert written.values == {"fast": 7, "slow": 50}
    monkeypatch.setattr(strategy_registry, "_by_hash", {})  # as after a restart, when the cell was run again
    again = shell.run_line_magic("to_project", "result my-project")
    assert again.same
    assert Path("my-project/strategies/Crossing/__init__.py").read_text().count("class Crossing(Strategy):") == 1
    assert shell.run_line_magic("to_project", f"{jn.results()['key'][0][:8]} --dna") == written.dna
    monkeypatch.setattr("builtins.input", lambda question: "no")
    with pytest.raises((UsageError, InputError), match=r"You said no, and .* exists"):
        shell.run_line_magic("to_project", "result my-project")
    monkeypatch.setattr("builtins.input", lambda question: "y")
    assert shell.run_line_magic("to_project", "result my-project").backup is not None
    with pytest.raises((UsageError, InputError), match=r"--name is '../x'"):
        shell.run_line_magic("to_project", "result my-project --name ../x")
    with pytest.raises((UsageError, InputError), match="No result is called 'resul'"):
        shell.run_line_magic("to_project", "resul my-project")


@pytest.mark.parametrize("made_by", ["a cell", "%%backtest", "an import"])
def test_a_class_is_found_by_its_name(shell, notebook, demo, kept, tmp_path, monkeypatch, made_by):  # noqa: F811
    project = tmp_path / "my-project"
    for folder in ("strategies", "storage"):
        (project / folder).mkdir(parents=True)
    monkeypatch.chdir(tmp_path)
    name = "TrendFollower" if made_by == "an import" else "Crossing"
    if made_by == "an import":
        run(shell, "from jesse_nb.quickstart import TrendFollower")
    if made_by == "a cell":
        run(shell, f"from jesse_nb import Strategy\nimport jesse.indicators as ta\nfrom jesse import utils\n{STRATEGY}")
    run(shell, f"%%backtest {MARKET} -o result\n{STRATEGY}" if made_by == "%%backtest" else
        f"%backtest {name} {MARKET} -o result")
    monkeypatch.setattr(strategy_registry, "_by_hash", {})  # as after a restart, when the cell was run again
    written = shell.run_line_magic("to_project", f"result my-project --strategy {name}")
    assert written.same, written.remark
    assert shell.run_line_magic("to_project", f"result --dna --strategy {name}") == written.dna
    with pytest.raises(StrategyError, match=f"No strategy is called '{name}s'. Did you mean '{name}'?"):
        shell.run_line_magic("to_project", f"result my-project --strategy {name}s")


def test_each_magic_that_takes_a_strategy_for_a_result_looks_through_the_notebook(
    shell, notebook, demo, kept, tmp_path, monkeypatch  # noqa: F811
):
    monkeypatch.chdir(tmp_path)
    run(shell, f"%%backtest {MARKET} -o result\n{STRATEGY}")
    for magic in ("explore", "analyze", "risk", "stress", "monte_carlo", "to_project"):
        line = f"%{magic} result --strategy Cros"
        assert "Crossing" in shell.complete("", line, len(line))[1], magic
        with pytest.raises(StrategyError, match=r"No strategy is called 'Crosing'\. Did you mean 'Crossing'\?"):
            shell.run_line_magic(magic, "result --strategy Crosing")


def test_a_class_of_that_name_is_tried_where_what_had_run_is_forgotten(
    shell, notebook, demo, kept, tmp_path, monkeypatch  # noqa: F811
):
    for folder in ("strategies", "storage"):
        (tmp_path / "my-project" / folder).mkdir(parents=True)
    monkeypatch.chdir(tmp_path)
    run(shell, f"%%backtest {MARKET} -o result\n{STRATEGY}")
    run(shell, STRATEGY.replace("if not self.rising():", "if not bool(self.rising()):"))
    assert not shell.run_line_magic("to_project", "result my-project").other  # what had run is known
    monkeypatch.setattr(strategy_registry, "_by_hash", {})  # as after a restart, when the cell was run, edited
    again = shell.run_line_magic("to_project", "result my-project --overwrite")
    assert (again.same, again.other) == (True, True)
    assert shell.run_line_magic("to_project", "result --dna") == again.dna
    monkeypatch.setattr(strategy_registry, "_by_hash", {})
    run(shell, STRATEGY.replace('self.hp["fast"]', '(self.hp["fast"] + 2)'))
    refused = shell.run_line_magic("to_project", "result my-project --overwrite")
    assert (refused.same, refused.other) == (False, False)
    assert "The notebook's Crossing is not the Crossing that had run, and its result is another one" in refused.remark
    assert "was not run" in refused.remark
    assert str(refused).startswith("Crossing was written into the Jesse project, and not run")
    assert 'self.hp["fast"] + 2' not in refused.path.read_text()
    with pytest.raises(StrategyError, match="The Crossing that was given is not the Crossing that had run"):
        shell.run_line_magic("to_project", "result my-project --overwrite --strategy Crossing")


def test_a_name_that_looks_like_code_is_said_to_be_of_several(
    shell, notebook, demo, kept, tmp_path, monkeypatch  # noqa: F811
):
    for folder in ("strategies", "storage"):
        (tmp_path / "my-project" / folder).mkdir(parents=True)
    monkeypatch.chdir(tmp_path)
    for fast in (7, 8):
        run(shell, f"%%backtest {MARKET} --param fast={fast} --name 'v1.2 (a)'\n{STRATEGY}")
    written = shell.run_line_magic("to_project", "'v1.2 (a)' my-project")
    assert written.values["fast"] == 8
    assert "One other kept result is called 'v1.2 (a)': this is the newest" in " ".join(str(written).split())
