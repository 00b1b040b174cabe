"""Jesse is imported without a database, without leaving anything behind and without ending the process."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from jesse_nb.core import jesse_runtime
from jesse_nb.exceptions import MissingPartError
from tests.simulator.helpers import run_python

LOOK = """
import json, os, socket, sys, warnings, signal, logging, threading
import numpy, pandas
tried = []
def refuse(self, address, *rest):
    tried.append(repr(address))
    raise ConnectionRefusedError(address)
class Watched(socket.socket):
    connect = connect_ex = refuse
socket.socket = Watched
sys.addaudithook(lambda event, args: event == "socket.connect" and tried.append(repr(args)))
{before}
def state():
    import multiprocessing
    shown = sys.modules.get("matplotlib")
    return dict(
        path=list(sys.path), directory=os.getcwd(), filters=[repr(entry) for entry in warnings.filters],
        environment=dict(os.environ), hooks=[repr(sys.excepthook), repr(threading.excepthook)],
        signals=[repr(signal.getsignal(number)) for number in (2, 15)],
        logging=[logging.root.level, len(logging.root.handlers)], errors=numpy.geterr(),
        start=multiprocessing.get_start_method(allow_none=True),
        backend=repr(dict.get(shown.rcParams, "backend")) if shown else None,
    )
before = state()
from jesse_nb.core.jesse_runtime import jesse_module, strategy_class
for name in ("jesse.research.backtest", "jesse.indicators", "jesse.utils"):
    jesse_module(name)
strategy_class()
if {whole}:  # what the import leaves out until it is used
    jesse_module("jesse.research").monte_carlo_trades, sys.modules["jesse.services.charts"].plt.figure
    jesse_module("jesse.utils").sm.OLS
after = state()
if before["backend"] is None:  # Jesse brought matplotlib along
    import matplotlib
    automatic = dict.get(matplotlib.rcParams, "backend") is matplotlib.rcsetup._auto_backend_sentinel
    after["backend"] = None if automatic else after["backend"]
import jesse.helpers
new = {{key: after["environment"].pop(key) for key in set(after["environment"]) - set(before["environment"])}}
print(json.dumps(dict(
    new=sorted(key for key in new if not key.startswith(("RAY_", "KMP_"))),  # of ray and OpenMP, for themselves
    tried=tried, changed={{key: [before[key], after[key]] for key in before if before[key] != after[key]}},
    slow=sys.modules.get("rfc3987_syntax", "absent") , project=jesse.helpers.is_jesse_project(),
)))
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    for folder in ("strategies", "storage"):
        (tmp_path / "project" / folder).mkdir(parents=True)
    return tmp_path / "project"


@pytest.mark.parametrize(("with_env", "before", "whole"), [
    (True, "", False), (True, "", True), (False, "import matplotlib; matplotlib.use('svg')", False),
    (False, "import matplotlib; matplotlib.use('svg')", True),
])
def test_in_a_project_whose_database_is_out_of_reach(project: Path, with_env: bool, before: str, whole: bool):
    if with_env:
        (project / ".env").write_text("POSTGRES_HOST=192.0.2.1\nPOSTGRES_NAME=x\nPOSTGRES_PORT=5432\n"
                                      "POSTGRES_USERNAME=x\nPOSTGRES_PASSWORD=x\nPASSWORD=x\n")
    files = sorted(project.rglob("*"))
    found = json.loads(run_python(LOOK.format(before=before, whole=whole), cwd=project).splitlines()[-1])
    assert found == {"new": [], "tried": [], "changed": {}, "slow": "absent", "project": True}
    assert sorted(project.rglob("*")) == files


def test_a_plain_import_of_jesse_there_does_what_is_avoided(project: Path):
    """The look-alike project is one that Jesse falls for: otherwise the test above would prove nothing."""
    with pytest.raises(AssertionError, match=r"exit code [1-9]"):
        run_python("import jesse.research; print('alive')", cwd=project)


def test_the_quickstart_can_be_imported_there(project: Path):
    assert run_python("from jesse_nb.quickstart import TrendFollower as one; print(one.__name__)",
                      cwd=project).strip() == "TrendFollower"
    assert sorted(one.name for one in project.rglob("*")) == ["storage", "strategies"]
    run_python("import jesse_nb.quickstart", cwd=project / "storage")  # where no project is, Jesse would make a folder
    assert sorted(one.name for one in project.rglob("*")) == ["storage", "strategies"]


GUARDED = """
import sys
from jesse_nb.core.jesse_runtime import guard_imports
import matplotlib; matplotlib.use("svg")
end = guard_imports()
path = list(sys.path)
{first}
from jesse.strategies import Strategy
import jesse.indicators, jesse
from jesse import utils, research
assert research.backtest and Strategy.__module__ == "jesse.strategies.Strategy"
assert jesse.__loader__ is jesse.__spec__.loader
print(path == sys.path, matplotlib.rcParams["backend"], type(jesse.__spec__.loader).__name__)
found = len(sys.meta_path); end(); end(); print(found - len(sys.meta_path))
"""


@pytest.mark.parametrize("first", ["", "import jesse", "from jesse import utils", "import jesse.helpers"])
def test_the_users_own_import_is_as_careful_where_it_is_guarded(project: Path, first: str):
    for folder in (project, project / "storage") if not first else (project,):
        assert run_python(GUARDED.format(first=first), cwd=folder).split() == ["True", "svg", "SourceFileLoader", "1"]
    assert sorted(one.name for one in project.rglob("*")) == ["storage", "strategies"]


def test_with_an_env_file_jesse_is_left_to_itself(project: Path):
    code = """
from jesse_nb.core.jesse_runtime import guard_imports
guard_imports()
from jesse.services.env import ENV_VALUES
print(ENV_VALUES["POSTGRES_NAME"])
"""
    (project / ".env").write_text("POSTGRES_HOST=192.0.2.1\nPOSTGRES_NAME=mine\nPOSTGRES_PORT=5432\n"
                                  "POSTGRES_USERNAME=x\nPOSTGRES_PASSWORD=x\nPASSWORD=x\n")
    assert run_python(code, cwd=project).strip() == "mine"


def test_two_threads_that_import_at_once_do_not_wait_for_each_other(tmp_path: Path):
    code = """
import threading
from jesse_nb.core.jesse_runtime import guard_imports, jesse_module
guard_imports()
def users():
    import jesse.indicators
ours = threading.Thread(target=jesse_module, args=("jesse.indicators",))
theirs = threading.Thread(target=users)
for thread in (ours, theirs):
    thread.daemon = True
    thread.start()
for thread in (ours, theirs):
    thread.join(60)
print(ours.is_alive(), theirs.is_alive())
"""
    assert run_python(code, cwd=tmp_path).split() == ["False", "False"]


def test_the_backend_and_the_cache_folder_of_the_environment_are_respected(tmp_path: Path):
    code = ("import os; from jesse_nb.core.jesse_runtime import strategy_class; strategy_class(); import matplotlib;"
            "print(os.environ['MPLBACKEND'], matplotlib.rcParams['backend'], os.environ['JESSE_CACHE_DIR'])")
    chosen = {"MPLBACKEND": "svg", "JESSE_CACHE_DIR": str(tmp_path / "mine")}
    assert run_python(code, cwd=tmp_path, **chosen).split() == ["svg", "svg", str(tmp_path / "mine")]


def test_figures_that_come_first_or_last_use_the_users_backend(tmp_path: Path):
    code = """
import matplotlib; matplotlib.use("svg")
import matplotlib.pyplot as plt
{figure}
from jesse_nb.core.jesse_runtime import strategy_class
strategy_class()
print(plt.get_backend(), type(plt.figure().canvas).__name__)
"""
    for figure in ("", "plt.figure()"):
        assert run_python(code.format(figure=figure), cwd=tmp_path).split() == ["svg", "FigureCanvasSVG"]


def test_a_failing_import_leaves_no_trace(tmp_path: Path):
    code = """
import sys, os, warnings
path, filters, environment = list(sys.path), list(warnings.filters), dict(os.environ)
from jesse_nb.core.jesse_runtime import jesse_module
try:
    jesse_module("jesse.no_such_module")
except ModuleNotFoundError:
    pass
print(path == sys.path, filters == warnings.filters, environment == dict(os.environ),
      "rfc3987_syntax" in sys.modules)
"""
    assert run_python(code, cwd=tmp_path).split() == ["True", "True", "True", "False"]


def test_without_jesse_the_message_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch):
    def missing(name):
        raise jesse_runtime.PackageNotFoundError(name)

    monkeypatch.setattr(jesse_runtime, "version", missing)
    jesse_runtime.jesse_version.cache_clear()
    with pytest.raises(MissingPartError, match="pip install"):
        jesse_runtime.jesse_version()
    monkeypatch.undo()
    assert jesse_runtime.jesse_version().startswith("3.5")


def test_a_module_is_imported_once():
    assert jesse_runtime.jesse_module("jesse.utils") is jesse_runtime.jesse_module("jesse.utils")
    assert jesse_runtime.strategy_class().__name__ == "Strategy"
