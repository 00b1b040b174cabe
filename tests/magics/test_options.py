from __future__ import annotations

import pytest
from IPython.core.error import UsageError

from jesse_nb.cli.parser import parse_command_line
from jesse_nb.core.candles import CandleStore
from jesse_nb.core.record.labels import LABEL_WORDS
from jesse_nb.core.study.metric import Metric
from jesse_nb.core.tools.declaration.line import given_words, read_line
from jesse_nb.core.tools.registry import OPTIMIZE, tool_of_magic
from jesse_nb.exceptions import InputError
from jesse_nb.magics.options import desk_of, flags_of, parse_line, tool_arguments
from jesse_nb.magics.values import evaluate

#: What the magics read themselves.
OWN = ("strategy", "strategies", "routes", "names", "output", "background")


@pytest.fixture
def optimize(shell):
    return shell.find_line_magic("optimize")


def arguments_of(magic, line, chosen=None, names=None):
    """Return what a line gives its tool."""
    tool = tool_of_magic(magic.parser.prog.lstrip("%"))
    return tool_arguments(tool, given_words(tool, "magic", parse_line(magic, line)), chosen or {},
                          desk_of(names or {}), OWN)


def test_flags_give_the_tools_parameters_by_name(optimize):
    line = "Mine -s BTC-USDT -t 4h -n 50 -j 3 --trial-timeout 2.5 --fee 0 --start '2024-01-31 12:00'"
    assert arguments_of(optimize, line) == {
        "symbol": "BTC-USDT",
        "timeframe": "4h",
        "n_trials": 50,
        "n_jobs": 3,
        "trial_timeout": 2.5,
        "fee": 0.0,
        "start": "2024-01-31 12:00",
    }
    assert parse_line(optimize, line).strategy == "Mine"


def test_constraints_are_comparisons_and_functions(optimize, shell):
    def calm(result):
        return True

    line = "--constraint 'trades >= 30' 'max drawdown < 25' --constraint calm --holdout 90d"
    given = arguments_of(optimize, line, names={"calm": calm})
    assert given == {"holdout": "90d", "constraints": ["trades >= 30 max drawdown < 25", calm]}
    bare = arguments_of(shell.find_line_magic("walk_forward"), "--constraint trades >= 30 -n 5")
    assert bare["constraints"] == ["trades >= 30"]


def test_every_flag_of_the_tools_exists_as_a_parameter(shell):
    import inspect

    from jesse_nb.core.tools.backtest.backtest import backtest
    from jesse_nb.core.tools.optimize.optimize import optimize

    for magic, tool in (("backtest", backtest), ("optimize", optimize)):
        parser = shell.find_line_magic(magic).parser
        own = {"output", "account", *LABEL_WORDS}  # account chooses others
        ours = {action.dest for action in parser._actions} - own
        assert ours == set(inspect.signature(tool).parameters)


def test_the_line_wins_over_the_configuration(optimize):
    chosen = {"jobs": 2, "fee": 0.002, "exchange": "Binance Spot"}
    assert arguments_of(optimize, "--jobs 7 --fee 0", chosen) == {"n_jobs": 7, "fee": 0.0, "exchange": "Binance Spot"}


def test_defaults_of_other_magics_are_not_passed_on(shell):
    assert arguments_of(shell.find_line_magic("backtest"), "", {"trials": 5, "fee": 0.002}) == {"fee": 0.002}


def test_memory_is_given_in_megabytes(shell):
    for name in ("optimize", "backtest", "backtest_batch", "walk_forward", "analyze"):
        assert arguments_of(shell.find_line_magic(name), "--memory-limit 512") == {"memory_limit": 512 * 1024**2}
    for wrong in ("255", "1.5", "much", "nan", "true", "-512"):
        with pytest.raises(UsageError, match=f"--memory-limit is '{wrong}'. It is whole megabytes from 256 up."):
            arguments_of(shell.find_line_magic("backtest"), f"--memory-limit {wrong}")


def test_parameters_are_spelled_both_ways(shell):
    for name in ("optimize", "backtest", "backtest_batch", "walk_forward"):
        line = "--param fast=3 slow=4 --hyperparameters stop=1.5"
        given = arguments_of(shell.find_line_magic(name), line)
        assert given == {"hyperparameters": {"fast": 3, "slow": 4, "stop": 1.5}}


def test_an_error_about_an_argument_names_its_flag(optimize, shell):
    from .conftest import run

    with pytest.raises(UsageError, match=r"^--trials is 0\. It is a whole number from 1 to 1,000,000\.$") as caught:
        arguments_of(optimize, "--trials 0")
    assert isinstance(caught.value, InputError)
    assert caught.value.argument == "n_trials"
    shell.user_ns["Mine"] = type("Mine", (), {})
    with pytest.raises(InputError, match=r"^--hyperparameters takes NAME=VALUE pairs or a dict"):
        run(shell, "%optimize Mine --param 3")


#: What a flag's help calls a default that the tool knows as None, by the flag's parameter.
DEFAULTS = {
    "n_jobs": "all cores", "concurrent_limit": "4", "test_ratio": "0.25", "memory_limit": "its share of the machine's",
    "timeout": "no limit", "test_end": "the end of the whole", "candles": "in the user's data folder",
    "store": ".jesse_nb/runs.sqlite", "project": "the working directory",
}


@pytest.mark.parametrize("name", ["backtest", "backtest_batch", "optimize", "walk_forward", "analyze_results"])
def test_help_gives_the_tools_defaults(shell, name):
    import inspect

    import jesse_nb

    parameters = inspect.signature(getattr(jesse_nb, name)).parameters
    checked = set()
    for action in shell.find_line_magic(name).parser._actions:
        default = parameters[action.dest].default if action.dest in parameters else None
        if default is None:
            default = DEFAULTS.get(action.dest)
        if isinstance(default, bool) or default in (None, ()) or default is inspect.Parameter.empty:
            continue
        if isinstance(default, tuple):
            default = " ".join(f"{value:g}" for value in default)
        written = f"{default:,}".removesuffix(".0") if isinstance(default, int | float) else default
        if action.dest != "analysis_type":  # one flag for each of its values
            assert f"({written}" in action.help, action.help
            checked.add(action.dest)
    assert {"trial_timeout", "memory_limit", "project", "candles", "store"} <= checked


def test_the_configuration_gives_the_tools_defaults():
    import inspect

    from jesse_nb import backtest, optimize, walk_forward
    from jesse_nb.magics.config import JesseNb

    for name, trait in JesseNb.class_traits(config=True).items():
        parameter = {"trials": "n_trials", "jobs": "n_jobs"}.get(name, name)
        for tool in (backtest, optimize, walk_forward):
            known = inspect.signature(tool).parameters.get(parameter)
            default = DEFAULTS.get(parameter) if known is None or known.default is None else known.default
            if default is not None:
                written = f"{default:,}".removesuffix(".0") if isinstance(default, int | float) else default
                assert f"({written}" in trait.help, name


@pytest.mark.parametrize(("text", "jobs"), [("4", 4), ("1e2", 100), ("ray", "ray"),
                                            ("ray://trading-1.example:10001", "ray://trading-1.example:10001")])
def test_jobs_are_a_number_or_a_cluster(optimize, text, jobs):
    assert arguments_of(optimize, f"--jobs {text}", {"jobs": 2}) == {"n_jobs": jobs}
    line = parse_command_line(["optimize", "file.py", "-j", text])
    assert read_line(OPTIMIZE, "command", given_words(OPTIMIZE, "command", line))["n_jobs"] == jobs


def test_a_candle_folder_becomes_a_store(optimize, tmp_path):
    store = arguments_of(optimize, f"--candles {tmp_path}")["candles"]
    assert isinstance(store, CandleStore)
    assert store.root == tmp_path


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("--trals 5", "%optimize has no option --trals. Did you mean '--trials'"),
        ("--trial 5", "%optimize has no option --trial."),  # no abbreviations
        ("--jbos=5", "no option --jbos. Did you mean '--jobs'"),
        ("--trials many", "--trials is 'many'. It is a whole number from 1"),
        ("--trials 2.5", "--trials is '2.5'. It is a whole number"),
        ("--fee nan", "--fee is 'nan', not a fraction of a fill's value from 0 to below 0.1"),
        ("--timeout inf", "--timeout is 'inf'. It is a number of seconds above zero"),
        ("--trials", "expected one argument"),
        ("--jobs rya", "--jobs is 'rya'. It is a whole number from 1 to 1,024, or ray. Did you mean 'ray'"),
        ("--jobs 1.5", "--jobs is '1.5'. It is a whole number from 1 to 1,024, or ray."),
        ("--jobs ray://somewhere", "--jobs is 'ray://somewhere'. It is a whole number from 1 to 1,024, or ray."),
        ("-o 2nd", "--output is '2nd'. It is a variable's name."),
        ("-o class", "--output is 'class'. It is a variable's name."),
        ("One Two", "does not know what to do with 'Two'"),
        ("--start '2024", "cannot be split into words"),
    ],
)
def test_a_wrong_line_gives_one_line(shell, line, expected):
    from .conftest import run

    with pytest.raises(UsageError) as caught:
        run(shell, f"%optimize {line}")
    assert expected in str(caught.value)
    assert "\n" not in str(caught.value)


def read(name, words, names):
    """Return what words of an argument of %optimize stand for, where these names are known."""
    return OPTIMIZE.parameter(name).read_words(words, desk_of(names))


def test_values_by_name():
    given = ["fast=10", "stop=2.5", "mode=a", "on=True", "use=false", "off=None", "tiny=1e-3"]
    assert read("hyperparameters", given, {}) == {
        "fast": 10,
        "stop": 2.5,
        "mode": "a",
        "on": True,
        "use": False,
        "off": None,
        "tiny": 0.001,
    }
    assert read("hyperparameters", ["best"], {"best": {"fast": 3}}) == {"fast": 3}


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["fast=10", "slow"], "not 'slow'"),
        (["fast="], "not 'fast='"),
        (["3"], "or a dict, but '3' is 3"),
        (["{'fast':", "10}"], "without braces"),
        (["bset"], "Did you mean 'best'?"),
        (["best[0]"], "cannot be evaluated: 0."),
        (["fast=8", "fast=9"], "gives 'fast' twice"),
    ],
)
def test_values_that_cannot_be_read(words, expected):
    with pytest.raises(InputError) as caught:
        read("hyperparameters", words, {"best": {"fast": 3}})
    assert expected in str(caught.value)
    assert caught.value.argument == "hyperparameters"


def test_evaluating_does_not_touch_the_namespace():
    namespace = {"x": 2}
    assert evaluate("[y := x * 3][0]", namespace, "--space") == 6
    assert namespace == {"x": 2}


def test_spaces():
    assert read("space", ["fast=5:30", "mode=a,b"], {}).names == ("fast", "mode")
    assert read("space", ["mine"], {"mine": {"fast": (5, 30)}}).names == ("fast",)


def test_metrics():
    def mine(result):
        return 1.0

    def sharpe(result):
        return 2.0

    metric = Metric("own", "maximize", "own", "", mine)
    namespace = {"mine": mine, "sharpe": sharpe, "metric": metric, "number": 3}
    assert read("metric", ["sharpe"], namespace) == "sharpe"
    assert read("metric", ["mine"], namespace) is mine
    assert read("metric", ["calmar", "mine", "metric"], namespace) == ["calmar", mine, metric]
    with pytest.raises(InputError, match="No metric is called 'number'"):
        read("metric", ["number"], namespace)


def test_help_shows_every_flag(shell):
    for name in ("optimize", "backtest", "candles", "runs", "jobs", "analyze"):
        magic = shell.find_line_magic(name)
        for flag in flags_of(magic):
            assert flag in magic.__doc__


@pytest.mark.parametrize(("words", "metrics"), [
    (["max", "drawdown"], "max_drawdown"), (["Smart", "Sharpe", "calmar"], ["smart_sharpe", "calmar"]),
    (["sharpe", "win", "rate"], ["sharpe", "win_rate"]), (["jesse", "score", "calmar"], "jesse_score_calmar"),
    (["sharpe", "calmar"], ["sharpe", "calmar"]), (["sharpe-ratio"], "sharpe-ratio"),
])
def test_a_metric_may_be_of_several_words(words, metrics):
    assert read("metric", words, {}) == metrics
