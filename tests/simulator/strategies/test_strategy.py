"""Strategies by class, text or name: found, refused, and built afresh for every run."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path

import pytest

from jesse_nb.core.candles import CandleStore
from jesse_nb.core.jesse_runtime import strategy_class
from jesse_nb.core.simulator.run import simulate
from jesse_nb.core.simulator.strategies.local_modules import is_local_module, normalized_source
from jesse_nb.core.simulator.strategies.strategy import (
    StrategyCode,
    load_strategies,
    project_strategies,
    resolve_strategy,
)
from jesse_nb.core.tools.backtest.backtest import backtest
from jesse_nb.core.tools.preparation import prepare
from jesse_nb.core.tools.request import Request
from jesse_nb.exceptions import StrategyCrashError, StrategyError
from tests.simulator.helpers import run_python
from tests.strategies import CLOCK, IDLE, TREND

PERIOD = {"symbol": "BTC-USDT", "timeframe": "1h", "start": "2023-05-01", "end": "2023-05-04", "warm_up_candles": 10}

HELPED = """
from jesse import utils
from jesse.strategies import Strategy
{imports}

class Helped(Strategy):
    def should_long(self):
        return self.index % 10 == {step}

    def go_long(self):
        self.buy = utils.size_to_qty(self.balance * 0.5, self.price, fee_rate=self.fee_rate), self.price

    def update_position(self):
        if self.index % 10 == 9:
            self.liquidate()
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A Jesse project with three strategies and modules of its own."""
    root = tmp_path / "project"
    files = {
        "strategies/Helped/__init__.py": HELPED.format(imports="from .steps import STEP\nimport shared", step="STEP"),
        "strategies/Helped/steps.py": "from shared import ENTRY\nSTEP = ENTRY\n",
        "strategies/Broken/__init__.py": "class Broken(Strategy:\n    pass\n",
        "strategies/Renamed/__init__.py": CLOCK,
        "strategies/notes.txt": "",
        "shared.py": "ENTRY = 2\n",
    }
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    (root / "storage").mkdir()
    return root


def entries(result) -> set[int]:
    """Hours after the start at which trades were opened, modulo ten."""
    start = result.spec.start
    return {int((moment.value // 10**6 - start) // 3_600_000 % 10) for moment in result.trades["opened_at"]}


# --- by text

def test_a_text_is_known_by_its_content():
    code = resolve_strategy(TREND)
    assert (code.ref.name, code.ref.kind, code.ref.source) == ("Trend", "source", TREND)
    assert resolve_strategy("# a comment\n\n" + TREND).ref.hash == code.ref.hash
    assert resolve_strategy(TREND.replace("0.9", "0.8")).ref.hash != code.ref.hash
    assert resolve_strategy(code) is code
    assert resolve_strategy("from jesse.strategies import Strategy; class X(Strategy): pass".replace("; ", "\n"))


@pytest.mark.parametrize(("text", "words"), [
    ("class Trend(Strategy):\n    def go(self)\n        pass\n", "syntax error in line 2: .*`def go\\(self\\)`"),
    ("class Trend(Strategy):\n    pass\nreturn 5\n", "syntax error in line 3: 'return' outside function"),
    ("class Trend(Strategy):\n  def go(self):\n\tpass\n", "syntax error in line 3"),
    ("x = 1\ny = 2\n", "defines no strategy"),
    ("class Trend:\n    pass\n", "defines no strategy"),
    ("class One(Strategy):\n    pass\nclass Two(Strategy):\n    pass\n", "defines 2 strategies: One, Two. Keep one."),
    ("class A(B):\n    pass\nclass C(D):\n    pass\n", "defines 2 strategies: A, C"),
    ("class Trend(Strategy):\n    x = '\0'\n", "null bytes"),
])
def test_a_text_that_cannot_be_a_strategy(text: str, words: str):
    with pytest.raises(StrategyError, match=words) as refused:
        resolve_strategy(text)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(("classes", "name"), [
    ("class Base(Strategy): ...\nclass Trend(Base): ...", "Trend"),
    ("class Mode(Enum): ...\nclass Trend(Strategy): ...", "Trend"),
    ("class Mixin: ...\nclass Trend(Mixin, jesse.strategies.Strategy): ...\nclass Row(NamedTuple): ...", "Trend"),
    ("class Trend(Imported): ...", "Trend"),
    ("class Loop(Loop): ...\nclass Trend(Strategy): ...", "Trend"),
])
def test_helper_classes_in_a_text_are_not_strategies(classes: str, name: str):
    assert resolve_strategy(classes + "\n").ref.name == name


def test_a_class_that_only_looks_like_one_fails_with_a_reason(candle_store: CandleStore):
    for text, words in (
        ("class Trend(dict):\n    pass\n", "The class Trend is not a strategy. It must inherit"),
        ("from jesse.strategies import Strategy\nclass Trend(Strategy):\n    pass\n",
         r"lacks go_long\(\), should_long\(\)"),
        ("from jesse.strategies import Strategy\nclass Trend(Strategy):\n    pass\nTrend = 5\n",
         "no class called Trend"),
        ("import no_such_module\nclass Trend(Strategy):\n    pass\n", "ModuleNotFoundError.*no_such_module"),
    ):
        with pytest.raises(StrategyCrashError, match=words):
            backtest(text, **PERIOD, candles=candle_store)


def test_the_package_does_not_lend_a_text_its_own_future_imports():
    text = IDLE.replace("class Idle", "NOTE: int = 5\n\n\nclass Idle") + "\nKIND = __annotations__['NOTE']\n"
    code = resolve_strategy(text)
    module = code._load_source_module()
    assert module.KIND is int


# --- by class

def test_a_class_of_a_notebook_travels_by_value(candle_store: CandleStore, tmp_path: Path):
    """As in a kernel: ``__main__`` without a file, the working directory as "" in the path, modules beside it."""
    (tmp_path / "beside.py").write_text("def entry():\n    return 4\n")
    notebook = f"""
import sys
sys.modules["__main__"].__dict__.pop("__file__", None)
assert sys.path[0] == ""
cell = '''
import functools
import beside
from beside import entry
STEP = entry()
{HELPED.format(imports="", step="self.step")}
    @functools.cached_property
    def step(self):
        print("looked at", self.symbol)
        return STEP + beside.entry() - entry()
'''
import linecache
exec(compile(cell, "<cell 1>", "exec", dont_inherit=True), sys.modules["__main__"].__dict__)
linecache.cache["<cell 1>"] = (len(cell), None, cell.splitlines(True), "<cell 1>")
from jesse_nb.core.candles import CandleStore
from jesse_nb.core.tools.backtest.backtest import backtest
from jesse_nb.core.simulator.strategies.strategy import resolve_strategy
result = backtest(Helped, "BTC-USDT", "1h", "2023-05-01", "2023-05-04", warm_up_candles=10,
                  candles=CandleStore({str(candle_store.root)!r}))
print(result.output.strip(), set(result.trades["opened_at"].dt.hour % 24))
ref = resolve_strategy(Helped).ref
print(ref.kind, ref.name, ref.source.splitlines()[0], len(ref.source.splitlines()))
"""
    looked, known = run_python(notebook, cwd=tmp_path, PYTHONDONTWRITEBYTECODE="1").splitlines()
    assert looked.startswith("looked at BTC-USDT {")
    assert known == "notebook Helped class Helped(Strategy): 15"
    assert not (tmp_path / "__pycache__").exists()


def test_what_is_no_strategy_class_is_refused():
    base = strategy_class()

    class Lacking(base):
        def should_long(self):
            return False

    class Holding(base):
        file = (sys.__stdout__,)

        def should_long(self):
            return False

        def go_long(self):
            pass

    for given, words in ((dict, "The class dict is not a strategy"), (Lacking, r"lacks go_long\(\)"),
                         (base, "lacks"), (Holding, "cannot be sent to a worker"), (None, "The strategy is None"),
                         (5, "Give a class, its source text or its name")):
        with pytest.raises(StrategyError, match=words):
            resolve_strategy(given)


def test_a_class_of_a_local_file_is_read_from_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    (tmp_path / "filed_strategy.py").write_text(IDLE)
    monkeypatch.syspath_prepend(str(tmp_path))
    cls = importlib.import_module("filed_strategy").Idle
    before = resolve_strategy(cls).ref
    assert (before.kind, before.source.splitlines()[0]) == ("notebook", "class Idle(Strategy):")
    (tmp_path / "filed_strategy.py").write_text(IDLE + "X = 1\n")
    assert resolve_strategy(cls).ref.hash != before.hash


def test_what_a_run_leaves_on_its_class_does_not_reach_the_next(candle_store: CandleStore, as_worker):
    """One worker, warm: class attributes, module globals, closures and default arguments all begin anew."""
    text = """
from jesse.strategies import Strategy

COUNT = []

class Counting(Strategy):
    runs = 0
    seen = []

    def should_long(self):
        return False

    def go_long(self):
        pass

    def remember(self, kept=[]):
        kept.append(1)
        return len(kept)

    def before(self):
        if self.index == 0:
            type(self).runs += 1
            self.seen.append(1)
            COUNT.append(1)
            print(self.runs, len(self.seen), len(COUNT), self.remember(), hasattr(type(self), "added"))
            type(self).added = True
"""
    space: dict = {"__name__": "__main__"}
    exec(text, space)
    for strategy in (text, space["Counting"]):
        request = Request(strategy=strategy, symbol="BTC-USDT", timeframe="1h", candles=candle_store,
                          warm_up_candles=10)
        prepared = prepare(request, "2023-05-01", "2023-05-02")
        # In this very process, one after the other, as on one worker.
        outputs = {simulate(prepared.simulation(prepared.spec)).output for _ in range(3)}
        assert outputs == {"1 1 1 1 False\n"}
        pooled = {backtest(strategy, **{**PERIOD, "fee": fee}, candles=candle_store).output
                  for fee in (0.001, 0.002, 0.003)}
        assert pooled == {"1 1 1 1 False\n"}


# --- by name in a project

def test_a_projects_strategies_are_found_by_name(project: Path, monkeypatch: pytest.MonkeyPatch):
    assert project_strategies(project) == ["Broken", "Helped", "Renamed"]
    assert project_strategies(project / "strategies") == []
    (project / "storage").rename(project / "elsewhere")
    assert project_strategies(project) == []
    (project / ".env").touch()  # as find_project has it: storage/ or .env
    assert project_strategies(project) == ["Broken", "Helped", "Renamed"]
    code = resolve_strategy("Helped", project)
    assert (code.ref.name, code.ref.kind, code.project) == ("Helped", "project", str(project))
    monkeypatch.chdir(project)
    assert resolve_strategy("Helped").ref == code.ref


def test_what_a_project_lacks_is_refused(project: Path, tmp_path: Path):
    with pytest.raises(StrategyError, match=r"called 'Helpd'. Did you mean 'Helped'"):
        resolve_strategy("Helpd", project)
    with pytest.raises(StrategyError, match=r"is no Jesse project with strategies\. Give a class"):
        resolve_strategy("Helped", tmp_path)
    with pytest.raises(StrategyError, match=r"called '\.\./project/strategies/Helped'"):
        resolve_strategy("../project/strategies/Helped", project)
    with pytest.raises(StrategyError, match=r"syntax error in line 1: .*`class Broken\(Strategy:`"):
        resolve_strategy("Broken", project)


def test_edits_between_two_runs_on_a_warm_worker_are_seen(project: Path, candle_store: CandleStore):
    """The edit has the length and the second of what it replaces: only the content tells them apart."""
    found = {}
    for step in (2, 4, 6, 2):
        (project / "shared.py").write_text(f"ENTRY = {step}\n")
        result = backtest("Helped", **PERIOD, project=project, candles=candle_store)
        found.setdefault(step, set()).add(result.spec.routes[0].strategy.hash)
        assert entries(result) == {step + 1}
    assert [len(hashes) for hashes in found.values()] == [1, 1, 1]
    assert len(set.union(*found.values())) == 3
    assert not list(project.rglob("__pycache__"))


def test_a_folder_whose_class_is_called_otherwise(project: Path, candle_store: CandleStore):
    assert len(backtest("Renamed", **PERIOD, project=project, candles=candle_store).trades) > 3


def test_two_projects_do_not_mix_on_a_worker(project: Path, tmp_path: Path, candle_store: CandleStore):
    other = tmp_path / "other"
    (other / "strategies" / "Helped").mkdir(parents=True)
    (other / "storage").mkdir()
    (other / "strategies" / "__init__.py").write_text("")
    (other / "strategies" / "Helped" / "__init__.py").write_text(
        HELPED.format(imports="from shared import ENTRY", step="ENTRY"))
    assert entries(backtest("Helped", **PERIOD, project=project, candles=candle_store)) == {3}
    for _ in range(3):  # on every worker
        with pytest.raises(StrategyCrashError, match="No module named 'shared'"):
            backtest("Helped", **PERIOD, project=other, candles=candle_store)
    (other / "shared.py").write_text("ENTRY = 5\n")
    assert entries(backtest("Helped", **PERIOD, project=other, candles=candle_store)) == {6}
    assert entries(backtest("Helped", **PERIOD, project=project, fee=0.002, candles=candle_store)) == {3}


def test_strategies_of_one_run_share_their_local_modules(
    project: Path, monkeypatch: pytest.MonkeyPatch, as_worker: None
):
    text = HELPED.format(imports="import shared", step="shared.ENTRY")
    monkeypatch.syspath_prepend(str(project))
    codes = [resolve_strategy(text), resolve_strategy(text.replace("Helped", "Other"))]
    one, two = load_strategies(codes).values()
    modules = [vars(sys.modules[cls.__module__])["shared"] for cls in (one, two)]
    assert modules[0] is modules[1]
    assert codes[0].load() is not one
    assert StrategyCode(codes[0].ref, search=("",)).search == (str(Path.cwd()),)


def test_a_project_is_loaded_here_as_in_a_worker(project: Path, as_worker: None):
    (cls,) = load_strategies([resolve_strategy("Helped", project)]).values()
    assert cls.__module__ == "strategies.Helped"
    assert sys.path[0] == str(project)
    (cls,) = load_strategies([resolve_strategy("Renamed", project)]).values()
    assert cls.__name__ == "Clock"
    (project / "strategies" / "Renamed" / "__init__.py").write_text("class Clock:\n    pass\n")
    with pytest.raises(StrategyError, match="defines no class called Renamed"):
        resolve_strategy("Renamed", project).load()


def test_what_was_edited_after_it_was_resolved_is_not_run_under_the_old_hash(
    project: Path, monkeypatch: pytest.MonkeyPatch, as_worker: None
):
    monkeypatch.syspath_prepend(str(project))
    of_source = resolve_strategy(HELPED.format(imports="import shared", step="shared.ENTRY"))
    of_project = resolve_strategy("Helped", project)
    (project / "shared.py").write_text("ENTRY = (2)  # the comment is new\n")
    assert of_source.load() is not None
    assert of_project.load() is not None
    (project / "shared.py").write_text("ENTRY = 4\n")
    for code in (of_source, of_project):
        with pytest.raises(StrategyError, match=r"shared.py \(shared\) was edited"):
            code.load()
    assert resolve_strategy("Helped", project).load() is not None
    file = project / "strategies" / "Helped" / "__init__.py"
    renewed = resolve_strategy("Helped", project)
    file.write_text(file.read_text() + "\nLATER = 1\n")
    with pytest.raises(StrategyError, match="was edited"):
        renewed.load()


# --- local modules

def test_installed_packages_are_not_local(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    import jesse.helpers
    import numpy
    import pandas

    import jesse_nb

    for module in (numpy, pandas, jesse.helpers, jesse_nb, sys, importlib):
        assert not is_local_module(module)
    (tmp_path / "own" / "inner").mkdir(parents=True)
    monkeypatch.syspath_prepend(str(tmp_path))
    assert is_local_module(importlib.import_module("own"))  # a folder without __init__.py
    assert is_local_module(importlib.import_module("tests.strategies"))
    assert normalized_source("x = (1)  # one") == normalized_source("x = 1")
    assert normalized_source("x = (") == "x = ("
