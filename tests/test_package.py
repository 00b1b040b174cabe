"""The package's front door: quick to import, and complete."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

import jesse_nb

HEAVY = ("jesse", "pandas", "numpy", "matplotlib", "optuna", "IPython", "ray", "scipy")


def run(code: str, *options: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, *options, "-c", code], capture_output=True, text=True, check=True)


def test_importing_brings_nothing_heavy():
    done = run("import sys, json, jesse_nb, jesse_nb.cli; print(json.dumps(sorted(sys.modules)))")
    loaded = {name.partition(".")[0] for name in json.loads(done.stdout)}
    assert "jesse_nb" in loaded
    assert not loaded & set(HEAVY)


def test_importing_costs_less_than_a_module_of_the_standard_library():
    def cost() -> float:
        report = run("import asyncio, jesse_nb", "-X", "importtime").stderr
        took = {line.split("|")[2].strip(): int(line.split("|")[1]) for line in report.splitlines()[1:]}
        return took["jesse_nb"] / took["asyncio"]

    assert min(cost() for _ in range(3)) < 1


def test_all_that_is_promised_is_there():
    for name in jesse_nb.__all__:
        assert getattr(jesse_nb, name) is not None
        assert name in dir(jesse_nb)
    assert jesse_nb.__version__.count(".") == 2
    assert set(jesse_nb.exceptions.__all__) - {"did_you_mean", "hide_passwords", "shown"} <= set(jesse_nb.__all__)


def test_names_are_the_real_ones():
    from jesse.strategies import Strategy

    from jesse_nb.core.tools.optimize.optimize import optimize

    assert jesse_nb.optimize is optimize
    assert jesse_nb.Strategy is Strategy
    with pytest.raises(AttributeError, match="optimise"):
        jesse_nb.optimise  # noqa: B018


def test_using_the_engine_brings_what_draws_its_results():
    code = "import jesse_nb, sys; jesse_nb.Space; "
    done = run(code + "print(*('jesse' in sys.modules, 'jesse_nb.report' in sys.modules))")
    assert done.stdout.strip() == "False True"
