"""What tools take is declared once, and their functions, signatures and errors agree with it."""

from __future__ import annotations

import inspect
import re
import subprocess
import sys
import typing
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import jesse_nb as jn
from jesse_nb.core.tools.declaration.parameter import PYTHON
from jesse_nb.core.tools.declaration.reader import Desk
from jesse_nb.core.tools.registry import TOOLS, settings
from jesse_nb.exceptions import InputError, JesseNbError

KNOWN = {"Any": typing.Any, "Literal": typing.Literal, "Sequence": Sequence, "Iterable": Iterable, "Mapping": Mapping,
         "Path": Path, "pd": pd, "np": np}


@pytest.mark.parametrize("tool", TOOLS.values(), ids=TOOLS)
def test_signatures_are_the_declaration(tool):
    function = inspect.unwrap(tool.load())
    parameters = inspect.signature(function).parameters
    declared = {one.name: one for one in tool.on(PYTHON)}
    assert set(parameters) == set(declared)
    names = {**KNOWN, **vars(sys.modules[function.__module__])}
    for name, one in declared.items():
        written = parameters[name]
        default = None if written.default is inspect.Parameter.empty else written.default
        assert (default, type(default)) == (one.default, type(one.default)), name
        if written.annotation == one.reader.python:  # pandas-stubs knows types that cannot be evaluated
            continue
        annotation = eval(one.reader.python, names)
        given = eval(written.annotation, names)
        assert annotation in (given, given | None if written.default is inspect.Parameter.empty else given), name


@pytest.mark.parametrize("tool", TOOLS.values(), ids=TOOLS)
def test_every_default_passes_its_own_reader(tool):
    for one in tool.on(PYTHON):
        assert one.read(one.default) == one.default


@pytest.mark.parametrize("tool", TOOLS.values(), ids=TOOLS)
def test_every_option_is_told_once(tool):
    for surface in ("magic", "command"):
        names = [one.name for one in tool.on(surface)]
        flags = [flag for one in tool.on(surface) for flag in one.all_flags]
        assert len(set(names)) == len(names)
        assert len(set(flags)) == len(flags)
    for one in tool.parameters:
        assert one.help.endswith("."), one.name


def test_lists_that_are_written_out_are_those_of_the_engine():
    from jesse_nb.core.tools.candles.project_candles import SOURCES
    from jesse_nb.core.tools.optimize.pruning import PRUNERS
    from jesse_nb.core.tools.optimize.samplers import SAMPLERS

    optimize = TOOLS["optimize"]
    for name, known in (("sampler", SAMPLERS), ("pruner", PRUNERS), ("source", SOURCES)):
        assert set(optimize.parameter(name).reader.choices) == set(known)


def test_the_declaration_is_light():
    code = ("import sys, jesse_nb.core.tools.registry; "
            "print(sorted({'numpy', 'pandas', 'optuna', 'jesse', 'IPython', 'ray'} & set(sys.modules)))")
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_a_setting_means_the_same_in_every_tool():
    for name, first in settings().items():
        for tool in TOOLS.values():
            for one in tool.parameters:
                if one.setting == name:
                    assert type(getattr(one.reader, "one", one.reader)) is type(first.reader)


#: What no argument can be, whatever it is about.
NONSENSE = [float("nan"), "a\0b" * 4_000, b"bytes", {1: 2}, pd.NA, np.array([1, 2]), pd.DataFrame({"a": [1]}), 1 + 1j,
            10**30, object()]

#: Arguments that take whatever names or holds something; their tool looks for it.
FREE = ("strategy", "strategies", "result", "trades", "equity", "benchmark", "space", "metric", "constraints",
        "params", "hyperparameters", "routes", "data_routes", "shocks", "custom_scenarios",
        "inputs", "results", "factor_returns", "live")


@pytest.mark.parametrize("tool", TOOLS.values(), ids=TOOLS)
@pytest.mark.parametrize("value", NONSENSE, ids=lambda value: type(value).__name__)
def test_nonsense_is_refused_at_the_door(tool, value):
    for one in tool.on(PYTHON):
        if one.name in FREE or (isinstance(value, np.ndarray) and one.name in ("ruin", "factors", "time_horizons")):
            continue
        with pytest.raises(JesseNbError) as refused:
            one.read(value)
        assert refused.value.argument == one.name
        assert len(str(refused.value)) < 400
        assert "\n" not in str(refused.value)


def test_an_error_is_called_as_its_reader_knows_it():
    with pytest.raises(InputError) as refused:
        jn.optimize(n_trials=0)
    assert str(refused.value) == "n_trials is 0. It is a whole number from 1 to 1,000,000."
    assert refused.value.argument == "n_trials"
    said = "--trials is 0. It is a whole number from 1 to 1,000,000."
    assert str(refused.value.call(TOOLS["optimize"].flag_of("n_trials"))) == said


@pytest.mark.parametrize(("tool", "name", "words", "value"), [
    ("optimize", "n_trials", ["1e3"], 1000),
    ("optimize", "n_trials", ["1_000"], 1000),
    ("optimize", "hyperparameters", ["use=false", "off=None", "tiny=1e-3", "mode=a", "n=1_000"],
     {"use": False, "off": None, "tiny": 0.001, "mode": "a", "n": 1000}),
    ("optimize", "metric", ["max", "drawdown"], "max_drawdown"),
    ("optimize", "metric", ["Smart", "Sharpe", "calmar"], ["smart_sharpe", "calmar"]),
    ("optimize", "sampler", ["NSGA-II"], "nsga2"),
    ("optimize", "memory_limit", ["512"], 512 * 1024**2),
    ("optimize", "trial_timeout", ["none"], None),
    ("optimize", "routes", ["BTC-USDT:4h", "ETH-USDT:1h:Mine"],
     [(None, "BTC-USDT", "4h"), ("Mine", "ETH-USDT", "1h")]),
    ("backtest_batch", "periods", ["2023-01-01..2023-07-01"], [("2023-01-01", "2023-07-01")]),
    ("analyze_results", "ruin", ["20", "30.5"], (20.0, 30.5)),
])
def test_words_stand_for_values(tool, name, words, value):
    assert TOOLS[tool].parameter(name).read_words(words, Desk()) == value


def test_words_that_stand_for_nothing_are_refused():
    space = TOOLS["optimize"].parameter("space")
    assert space.read_words(["mine"], Desk({"mine": {"fast": (5, 30)}})).names == ("fast",)
    with pytest.raises(InputError, match=r"space is 'mien', which stands for nothing here. Did you mean 'mine'"):
        space.read_words(["mien"], Desk({"mine": {}}))
    initial_result = TOOLS["optimize"].parameter("initial_result")
    assert initial_result.read_words(["study"], Desk()) == "study"  # a kept one, which the tool looks for
    notebook = Desk({"study": None})
    with pytest.raises(InputError, match=r"initial_result is 'stduy', which stands for nothing here. Did you mean"):
        initial_result.read_words(["stduy"], Desk(notebook.names, notebook.evaluate))


@pytest.mark.parametrize(("call", "said"), [
    (lambda: jn.backtest("x.py", fea=0.1), "backtest has no argument 'fea'. Did you mean 'fee'?"),
    (lambda: jn.optimize("x.py", strategy="x.py"), "optimize was given strategy twice. "),
    (lambda: jn.fee_stress(), "fee_stress needs result. "),
    (lambda: jn.backtest(*range(12)), "backtest was given 12 arguments without a name. "),
])
def test_a_call_that_python_would_refuse_says_what_to_write(call, said):
    with pytest.raises(jn.CallError, match=f"^{re.escape(said)}") as caught:
        call()
    assert isinstance(caught.value, TypeError)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", [name for name in jn.__all__ if inspect.isfunction(getattr(jn, name))
                                  and not name.endswith("_ipython_extension")])  # which IPython calls
def test_every_function_answers_a_mistyped_argument(name):
    known = inspect.signature(getattr(jn, name)).parameters
    mistyped = f"{max(known, default='argument')}x"
    with pytest.raises(jn.JesseNbError) as caught:
        getattr(jn, name)(**{mistyped: 1})
    if name != "panel":  # takes the fields of its form, and names none of them itself
        assert f"{name} has no argument '{mistyped}'" in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("call", [
    lambda: jn.import_files(None, exchange="Somewhere"),
    lambda: jn.backtest("x.py", funding=pd.Series([1.0, 2.0])),
    lambda: jn.backtest("x.py", funding=np.array([1, 2])),
    lambda: jn.correlation_matrix("BTC-USDT", "ETH-USDT", timeframe=pd.NA),
])
def test_nothing_or_a_whole_line_of_values_is_refused_in_words(call):
    with pytest.raises(InputError) as caught:
        call()
    assert "cannot be looked at" not in str(caught.value)
