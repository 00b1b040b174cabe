"""Jesse with its import cut short is the whole of Jesse."""

from __future__ import annotations

import json
import sys
import textwrap
from contextlib import nullcontext
from importlib import import_module
from pathlib import Path

import pytest

from jesse_nb.core.deferred_imports import defer_package, deferred
from tests.simulator.helpers import run_python

HEAVY = ("matplotlib", "optuna", "ray", "sklearn", "statsmodels", "scipy.stats", "scipy.signal")

#: What our import of Jesse puts off, used.
USE = """
import json, sys
import numpy as np
candles = 100 + np.random.default_rng(7).normal(size=(500, 6)).cumsum(axis=0)
{get}
loaded = sorted(set({heavy}) & set(sys.modules))
charts = sys.modules["jesse.services.charts"]
answers = [
    float(ta.skew(candles)), float(ta.kurtosis(candles)), float(ta.median_ad(candles)), ta.hurst_exponent(candles),
    [float(value) for value in ta.minmax(candles, sequential=True).last_max],
    list(utils.calculate_alpha_beta(candles[:, 1], candles[:, 2])),
    float(charts.gaussian_kde(candles[:, 1])(100.0)[0]), charts.mdates.DateFormatter("%Y").fmt,
    charts.TwoSlopeNorm(vmin=-2, vcenter=0, vmax=2).vmax, charts.plt.Figure.__name__,
]
import jesse.research
from jesse.research import backtest, import_candles, ml, optimize
names = {{name: type(getattr(jesse.research, name)).__name__ for name in dir(jesse.research) if name[0] != "_"}}
print(json.dumps(dict(loaded=loaded, answers=answers, names=names, kinds=[type(one).__name__ for one in (
    backtest, import_candles, ml, optimize)], ml=repr(sys.modules["jesse.strategies.Strategy"]._load_ml_model))))
"""

OURS = """
from jesse_nb.core.jesse_runtime import jesse_module, strategy_class
strategy_class()
research, ta, utils = map(jesse_module, ("jesse.research.backtest", "jesse.indicators", "jesse.utils"))
"""

PLAIN = """
import jesse.research, jesse.strategies
import jesse.indicators as ta
from jesse import utils
"""


@pytest.fixture(scope="module")
def jesse_both_ways(tmp_path_factory: pytest.TempPathFactory) -> tuple[dict, dict]:
    folder = tmp_path_factory.mktemp("anywhere")
    ours, plain = (json.loads(run_python(USE.format(get=get, heavy=HEAVY), cwd=folder).splitlines()[-1])
                   for get in (OURS, PLAIN))
    return ours, plain


def test_what_is_heavy_is_not_imported(jesse_both_ways: tuple[dict, dict]):
    ours, plain = jesse_both_ways
    assert ours["loaded"] == []
    assert plain["loaded"] == sorted(HEAVY)


def test_what_was_put_off_gives_the_same_numbers(jesse_both_ways: tuple[dict, dict]):
    ours, plain = jesse_both_ways
    assert json.dumps(ours["answers"]) == json.dumps(plain["answers"])  # so that NaN equals NaN


def test_the_research_package_has_all_its_names(jesse_both_ways: tuple[dict, dict]):
    ours, plain = jesse_both_ways
    assert ours["names"] == plain["names"]
    assert ours["kinds"] == plain["kinds"] == ["function", "function", "module", "function"]


def test_workers_are_forked_from_a_server_without_it(tmp_path: Path):
    code = f"""
import gc, sys
import jesse_nb.core.jobs.preload
print(sorted(set({HEAVY}) & set(sys.modules)), "jesse.strategies" in sys.modules, gc.get_freeze_count() > 10_000)
"""
    assert run_python(code, cwd=tmp_path).strip() == "[] True True"


def test_starting_the_server_needs_nothing_heavy():
    done = run_python("import jesse_nb.core.jobs.server, sys; print(sorted({'numpy', 'pandas'} & set(sys.modules)))")
    assert done.strip() == "[]"


def test_a_strategy_imports_the_real_modules(tmp_path: Path):
    code = """
from jesse_nb.core.jesse_runtime import jesse_module, strategy_class
strategy_class(); jesse_module("jesse.indicators"); jesse_module("jesse.utils")
from scipy import signal, stats
import matplotlib.pyplot as plt
import statsmodels.api as sm
from sklearn.linear_model import LinearRegression
from statsmodels.tsa.stattools import adfuller
import sys
names = ("scipy.stats", "scipy.signal", "matplotlib.pyplot", "statsmodels.api")
print({type(sys.modules[name]).__name__ for name in names})
print(stats.norm.cdf(0), callable(adfuller), plt.figure() is not None, sm.OLS.__name__, signal.argrelextrema.__name__)
"""
    assert run_python(code, cwd=tmp_path).splitlines() == ["{'module'}", "0.5 True True OLS argrelextrema"]


@pytest.fixture
def library(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A package `heavy_library` whose function `work` has the name of its submodule, and one that uses it."""
    monkeypatch.syspath_prepend(str(tmp_path))
    (tmp_path / "heavy_library").mkdir()
    files = {
        "heavy_library/__init__.py": "from .work import work\nfrom . import tools\nVALUE = 42\n",
        "heavy_library/work.py": "def work(number):\n    return 2 * number\n",
        "heavy_library/tools.py": "NAME = 'tools'\n",
        "user_of_it.py": """
            import heavy_library as whole
            import heavy_library.tools as tools
            from heavy_library.work import work
            def double(number):
                return work(number)
            """,
        "taker_of_it.py": "from heavy_library import VALUE\n",
    }
    for name, text in files.items():
        (tmp_path / name).write_text(textwrap.dedent(text))
    yield tmp_path
    for name in [*sys.modules]:
        if name.startswith(("heavy_library", "user_of_it", "taker_of_it")):
            del sys.modules[name]


MODULES = {"heavy_library": {}, "heavy_library.tools": {}, "heavy_library.work": {"work": None}}


def test_a_stand_in_imports_at_the_first_use(library: Path):
    with deferred(MODULES, import_module):
        import user_of_it
    assert "heavy_library" not in sys.modules
    assert user_of_it.double(4) == 8
    assert user_of_it.tools.NAME == "tools"
    assert user_of_it.whole.VALUE == 42
    assert "VALUE" in dir(user_of_it.whole)
    assert vars(sys.modules["heavy_library"])["VALUE"] == 42


def test_a_function_is_replaced_only_meanwhile(library: Path):
    with deferred({"heavy_library": {"work": lambda number: 0}}, import_module):
        import heavy_library as whole

        assert whole.work(4) == 0
    assert whole.work(4) == 8


def test_what_is_taken_out_of_a_stand_in_at_once_is_real(library: Path):
    with deferred(MODULES, import_module):
        import taker_of_it
        import user_of_it

        assert sys.modules["heavy_library"].__spec__ is not None  # the first real import ends it for all
    assert taker_of_it.VALUE == user_of_it.whole.VALUE == 42


def test_what_another_imports_meanwhile_is_real(library: Path):
    with deferred(MODULES, import_module):
        from heavy_library.tools import NAME
    assert NAME == "tools"


def test_what_is_imported_already_stays(library: Path):
    import heavy_library

    with deferred(MODULES, import_module):
        assert sys.modules["heavy_library"] is heavy_library


def test_a_package_that_fails_is_tried_again(library: Path):
    package = library / "heavy_library" / "__init__.py"
    whole = package.read_text()
    package.write_text("raise RuntimeError('not now')\n")
    defer_package("heavy_library", nullcontext)
    work = import_module("heavy_library.work")
    heavy = sys.modules["heavy_library"]
    assert not hasattr(heavy, "__wrapped__")
    with pytest.raises(RuntimeError, match="not now"):
        heavy.VALUE  # noqa: B018
    package.write_text(whole + "# longer, so that no compiled file serves\n")
    assert (heavy.VALUE, heavy.work, heavy.tools.NAME) == (42, work.work, "tools")
    with pytest.raises(AttributeError, match="no attribute 'other'"):
        heavy.other  # noqa: B018
