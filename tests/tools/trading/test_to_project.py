"""Strategies in a Jesse project: what was written is what had run, and nothing of the user's is lost."""

from __future__ import annotations

import json
import math
import os
import shlex
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import jesse_nb as jn
from jesse_nb.cli.commands import main
from jesse_nb.core.jesse_runtime import jesse_module
from jesse_nb.core.simulator.strategies import strategy_registry
from jesse_nb.core.simulator.strategies.dna import encode_dna
from jesse_nb.core.tools.trading.asking import use_asker
from jesse_nb.core.tools.trading.chosen import chosen_values
from jesse_nb.exceptions import InputError, StrategyError
from tests.conftest import EXCHANGE
from tests.jobs.strategies import CROSSING
from tests.simulator.jesse_itself import Oracle, assert_equal
from tests.tools.trading import project_itself

PERIOD = ("2023-01-20", "2023-03-01")
MARKET = ("BTC-USDT", "1h", *PERIOD)
LEVELS = (0.5, 0.9)


def share(level: float) -> float:
    return round(level * math.sqrt(1.0), 9)


class Helped(jn.Strategy):
    """Declares nothing, and takes a function, a constant and modules from around it."""

    def should_long(self):
        return utils.crossed(ta.ema(self.candles, self.hp["fast"], sequential=True),
                             ta.ema(self.candles, self.hp["slow"], sequential=True), "above")

    def go_long(self):
        self.buy = utils.size_to_qty(share(LEVELS[1]) * self.balance, self.price, fee_rate=self.fee_rate), self.price

    def update_position(self):
        if np.any(self.price < self.average_entry_price * (1 - self.hp["stop"] / 100)) or self.price > 1.02 \
                * self.average_entry_price:
            self.liquidate()


Helped.__module__ = "__main__"  # as in a notebook
share.__module__ = "__main__"
utils, ta = jesse_module("jesse.utils"), jesse_module("jesse.indicators")

COMPUTED = CROSSING.replace("class Crossing", "RANGES = {'fast': 8, 'slow': 20}\n\n\nclass Crossing").replace(
    '''        return [
            {"name": "fast", "type": int, "min": 2, "max": 20, "default": 8},''',
    '''        return [{"name": "fast", "type": int, "min": 2, "max": 20, "default": RANGES["fast"]}] + [''')


@pytest.fixture
def project(tmp_path: Path) -> Path:
    for folder in ("strategies", "storage"):
        (tmp_path / "project" / folder).mkdir(parents=True)
    return tmp_path / "project"


def backtest(strategy: Any, markets: Any, **values: Any) -> Any:
    return jn.backtest(strategy, *MARKET, candles=markets, hyperparameters=values or None)


def jesse_loads(names: list[str], project: Path, folder: Path) -> list[dict[str, Any]]:
    """Results of Jesse's research API, which loads strategies of a project by their names."""
    oracle = Oracle(folder, {})
    for name in names:
        oracle.add([(name, "BTC-USDT", "1h")], *PERIOD, warm_up_minutes=240 * 60)
    (folder / "task.json").write_text(json.dumps({"runs": oracle.runs}))
    environment = {name: value for name, value in os.environ.items()
                   if not name.startswith(("PYTEST", "COV", "JESSE", "PYTHONPATH"))}
    environment |= {"TZ": "UTC", "PYTHONHASHSEED": "0"}
    done = subprocess.run([sys.executable, project_itself.__file__, str(folder / "task.json")], cwd=project,
                          env=environment, check=False, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.partition("ANSWERS")[2])


def test_jesse_runs_what_was_written_to_the_same_result(markets, project, tmp_path):
    study = jn.optimize(CROSSING, *MARKET, candles=markets, n_trials=4, test_ratio=0.25, check_first=False)
    best = study.training
    written = [
        study.to_project(project, candles=markets),
        jn.to_project(backtest(Helped, markets, fast=9, slow=30, stop=1.25), project, candles=markets),
        jn.to_project(backtest(COMPUTED, markets, fast=5), project, name="Computed", candles=markets),
        jn.to_project(backtest(CROSSING, markets, fast=11, slow=33), project, name="Renamed", candles=markets),
        jn.to_project(backtest(CROSSING, markets), project, name="AsItIs", candles=markets),
    ]
    assert [one.written_as for one in written] == ["defaults", "defaults", "dna", "defaults", "nothing"]
    assert all(one.same and one.backup is None for one in written), [one.remark for one in written]
    assert written[0].values == {**written[4].values, **study.best_params}
    assert written[2].values["fast"] == 5
    names = [one.name for one in written]
    assert names == ["Crossing", "Helped", "Computed", "Renamed", "AsItIs"]
    mine = [jn.backtest(name, *MARKET, candles=markets, project=project)
            for name in names]
    before = [jn.backtest(CROSSING, *MARKET, candles=markets, hyperparameters=study.best_params),
              backtest(Helped, markets, fast=9, slow=30, stop=1.25), backtest(COMPUTED, markets, fast=5),
              backtest(CROSSING, markets, fast=11, slow=33), backtest(CROSSING, markets)]
    (tmp_path / "oracle").mkdir()
    files = {one.name: one.path.read_bytes() for one in written}
    for run, own, theirs in zip(before, mine, jesse_loads(names, project, tmp_path / "oracle"), strict=True):
        for trade in theirs["trades"]:
            trade["strategy_name"] = run.strategy
        assert_equal(run, theirs)
        assert len(run.trades) > 3
        assert own.metrics == run.metrics
    assert {one.name: one.path.read_bytes() for one in written} == files, "Jesse's loader rewrites what it dislikes"
    assert best is not None
    text = written[0].path.read_text()
    assert f"key {written[0].key}, the best of 4 trials" in text
    assert f"# Verdict: {study.verdict.outcome}" in text.lower().replace("# v", "# V")
    assert f"# DNA: {written[0].dna}" in text


def test_dna_is_read_by_jesse_as_the_same_values(markets):
    helpers, random = jesse_module("jesse.helpers"), np.random.default_rng(0)
    for _ in range(200):
        values = {f"p{number}": [int(random.integers(-9, 99)), float(random.normal() * 10.0 ** random.integers(-8, 8)),
                                 bool(random.integers(2)), "é\"x", None][random.integers(5)]
                  for number in range(random.integers(1, 8))}
        read = helpers.dna_to_hp((), encode_dna(values))
        assert repr(sorted(read.items())) == repr(sorted(values.items()))
    with pytest.raises(InputError, match="cannot be written as DNA"):
        encode_dna({})
    result = backtest(CROSSING, markets, fast=11)
    assert helpers.dna_to_hp((), jn.strategy_dna(result)) == {"fast": 11, "slow": 30}


def test_what_was_there_is_kept_and_nobody_is_overrun(markets, project):
    result = backtest(CROSSING, markets, fast=11)
    first = result.to_project(project, candles=markets)
    (first.path.parent / "reports").mkdir()
    mine = first.path.read_text() + "# mine\n"
    first.path.write_text(mine)
    with pytest.raises(InputError, match=r"overwrite is not set, and .* exists\. Nobody can be asked .* so "
                                                       r"nothing was written\.$"):
        result.to_project(project, candles=markets)
    for answer, kept in ((False, mine), (None, mine)):
        end = use_asker(lambda question, said=answer: said)
        try:
            with pytest.raises(InputError, match="You said no" if answer is False else "Nobody can be asked"):
                result.to_project(project, candles=markets)
        finally:
            end()
        assert first.path.read_text() == kept
    asked: list[str] = []
    end = use_asker(lambda question: asked.append(question) or True)
    try:
        second = result.to_project(project, candles=markets)
    finally:
        end()
    assert len(asked) == 1
    assert str(first.path) in asked[0]
    assert second.backup.read_text() == mine
    assert second.backup.suffix == ".bak"
    third = backtest(CROSSING, markets, fast=7).to_project(project, candles=markets, overwrite=True)
    assert third.backup != second.backup
    assert third.backup.read_text() == second.path.with_name(third.backup.name).read_text()
    assert third.path.read_text().count("jesse_nb: where these values are from") == 1
    assert (first.path.parent / "reports").is_dir()
    again = jn.backtest("Crossing", *MARKET, candles=markets, project=project).to_project(
        project, candles=markets, overwrite=True)
    assert again.path.read_text().count("jesse_nb: where these values are from") == 1
    assert again.values["fast"] == 7


@pytest.mark.parametrize("name", ["../Out", "a/b", "", "class", "1st", ".", "x" * 200, "Größe", "a\0b"])
def test_names_stay_in_the_folder(markets, project, name):
    with pytest.raises(InputError, match="name is"):
        backtest(CROSSING, markets).to_project(project, name=name, candles=markets)
    assert not list(project.parent.rglob("__init__.py"))


def test_links_out_of_the_project_are_refused(markets, project, tmp_path):
    (tmp_path / "elsewhere").mkdir()
    (project / "strategies" / "Linked").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(InputError, match="leads out of the project"):
        backtest(CROSSING, markets).to_project(project, name="Linked", candles=markets)
    (project / "strategies" / "lower").mkdir()
    with pytest.raises(InputError, match="differs in capitals only"):
        backtest(CROSSING, markets).to_project(project, name="Lower", candles=markets)
    with pytest.raises(InputError, match="is no Jesse project"):
        backtest(CROSSING, markets).to_project(tmp_path / "elsewhere", candles=markets)


def test_what_does_otherwise_in_the_project_is_not_written(markets, project, tmp_path, monkeypatch):
    module = tmp_path / "side" / "levels_of_mine.py"
    module.parent.mkdir()
    module.write_text("FAST = 8\n")
    monkeypatch.syspath_prepend(str(module.parent))
    source = "import levels_of_mine\n" + CROSSING.replace('self.hp["fast"]', 'self.hp["fast"] + levels_of_mine.FAST')
    result = backtest(source, markets, fast=3)
    (project / "levels_of_mine.py").write_text("FAST = 2\n")
    with pytest.raises(StrategyError, match=r"does not do the same: .* Nothing was written"):
        result.to_project(project, candles=markets)
    assert not (project / "strategies" / "Crossing").exists()
    (project / "levels_of_mine.py").write_text("FAST = 8\n")
    assert result.to_project(project, candles=markets).same


def test_code_of_the_record_is_written_but_not_run(markets, project, kept, monkeypatch, capsys):
    result = backtest(CROSSING, markets, fast=12)
    jn.keep(result, "last week's best")
    monkeypatch.setattr(strategy_registry, "_by_hash", {})
    ran = []
    monkeypatch.setattr("jesse_nb.core.tools.trading.tried.run_alone", lambda *_: ran.append(1))
    monkeypatch.setattr("jesse_nb.core.tools.trading.to_project.describe_strategy", lambda *_: ran.append(1))
    assert main(["to-project", "last week's best", str(project)]) == 0
    said = capsys.readouterr().out
    assert said.startswith("Crossing was written into the Jesse project, and not run\n")
    line = next(line for line in said.splitlines() if line.startswith("jesse-nb backtest "))
    assert line == (f"jesse-nb backtest Crossing --project {project} -s BTC-USDT -t 1h --start 2023-01-20 "
                    f"--end 2023-03-01 --exchange '{EXCHANGE}'")
    expected = f"{len(result.trades)} trades, net profit {result.metrics['net_profit_percentage']:+.2f}%"
    assert f"on the market and days of the result ({expected}):" in said
    assert "was not run: read the file, or give your own" in " ".join(said.split())
    assert not ran
    assert "default\": 12" in (project / "strategies" / "Crossing" / "__init__.py").read_text()
    monkeypatch.undo()
    monkeypatch.setenv("JESSE_NB_CANDLES", str(markets.root))
    monkeypatch.setenv("JESSE_NB_STORE", str(kept.parent))
    assert main(shlex.split(line)[1:]) == 0  # what is to check it does
    assert f"Net profit      {expected.rpartition(' ')[2]}\n" in capsys.readouterr().out  # as the report says it
    mine = project.parent / "mine.py"
    mine.write_text(CROSSING)
    assert main(["to-project", "last week's best", str(project), "--strategy", str(mine), "--overwrite"]) == 0
    assert "was simulated as it stands there" in " ".join(capsys.readouterr().out.split())
    assert main(["to-project", "last week's best", "--dna"]) == 0
    assert jesse_module("jesse.helpers").dna_to_hp((), capsys.readouterr().out.strip()) == {"fast": 12, "slow": 30}
    assert main(["to-project", "last week's best", str(project)]) == 2
    assert "--overwrite is not set" in capsys.readouterr().err


def test_trials_and_windows_are_chosen(markets, project):
    study = jn.optimize(CROSSING, *MARKET, candles=markets, n_trials=3, check_first=False)
    other = next(trial for trial in study.trials if trial.number != study.best.number)
    written = study.to_project(project, trial=other.number, candles=markets)
    assert written.same
    assert {name: written.values[name] for name in other.params} == other.params
    with pytest.raises(InputError, match="trials 0 to 2"):
        study.to_project(project, trial=3, name="No")
    walk = jn.walk_forward(CROSSING, *MARKET, candles=markets, in_sample_period=14, out_sample_period=7,
                           step_forward=7, n_trials=2, check_first=False)
    last = walk.to_project(project, name="Walked", candles=markets)
    assert last.same
    assert {name: last.values[name] for name in walk.windows[-1].params} == walk.windows[-1].params
    assert last.origin == f"the choice of window {walk.windows[-1].window.number}, of 0 to {walk.planned - 1}"
    later = replace(walk, windows=walk.windows[1:])  # as of a stopped job, whose first window failed
    assert chosen_values(later, window=1).origin == f"the choice of window 1, of 0 to {walk.planned - 1}"
    assert chosen_values(later, window=1).spec.hyperparameters == {
        **walk.spec.hyperparameters, **walk.windows[1].params}
    with pytest.raises(InputError, match=r"window is 0\. Windows 1, "):
        chosen_values(later, window=0)
    with pytest.raises(InputError, match="Only a walk-forward has windows"):
        study.to_project(project, window=1)


def test_the_report_is_on_every_surface(markets, project):
    written = backtest(CROSSING, markets, fast=12).to_project(project, candles=markets)
    assert "strategies/Crossing/__init__.py in project" in str(written)
    assert "strategies/Crossing/__init__.py in project" in written._repr_mimebundle_()["text/html"]
    page = written._repr_mimebundle_()["text/html"]
    assert written.dna in page
    assert EXCHANGE in page


def test_what_was_not_run_is_checked_with_all_that_the_run_had(markets, project, kept, tmp_path, monkeypatch):
    run = jn.backtest(CROSSING, routes=[(CROSSING, "BTC-USDT", "1h"), (CROSSING, "ETH-USDT", "1h")], start=PERIOD[0],
                      end="2023-02-20 12:00", candles=markets, balance=5_000, leverage=3,
                      fee={"BTC-USDT": 0.0004, "ETH-USDT": 0.001}, mode="step", funding=0.0001,
                      warm_up_candles=110, data_routes=[("BTC-USDT", "4h")])
    monkeypatch.setattr(strategy_registry, "_by_hash", {})
    written = run.to_project(project, candles=markets)
    assert not written.same
    monkeypatch.setenv("JESSE_NB_CANDLES", str(markets.root))
    assert written.check in str(written)
    assert written.check.replace("'", "&#39;") in written._repr_mimebundle_()["text/html"]
    assert "written, and not run" in written._repr_mimebundle_()["text/html"]
    html = tmp_path / "again.html"
    assert main([*shlex.split(written.check)[1:], "-o", str(html)]) == 0
    again = jn.load(jn.results()["key"].iloc[0])
    assert again.metrics == run.metrics
    assert replace(again.spec, routes=run.spec.routes) == run.spec


def test_of_several_results_of_a_name_it_is_said_which(markets, project, kept, capsys):
    first, second = (jn.keep(backtest(CROSSING, markets, fast=fast), "best") for fast in (11, 12))
    written = jn.to_project("best", project, candles=markets)
    assert written.values["fast"] == 12
    said = " ".join(str(written).split())
    assert f"One other kept result is called 'best': this is the newest, {second.key[:8]}, kept on 20" in said
    assert second.what in said
    assert "One other kept result" in written._repr_mimebundle_()["text/html"]
    assert main(["to-project", "best", "--dna"]) == 0
    assert "One other kept result is called 'best'" in capsys.readouterr().err
    assert jn.to_project(first.key, project, name="First", candles=markets).note == ""
    jn.forget(first.key)
    assert jn.to_project("best", project, name="Second", candles=markets).note == ""
