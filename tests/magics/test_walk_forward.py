"""`%walk_forward` with the real engine, on the demo market."""

from __future__ import annotations

import inspect

import pytest
from IPython.core.error import UsageError

import jesse_nb as jn
from jesse_nb.core.jobs.job import jobs
from jesse_nb.core.record.labels import LABEL_WORDS
from jesse_nb.exceptions import InputError, PeriodError, SpaceError
from jesse_nb.magics.config import JesseNb
from jesse_nb.magics.options import flags_of

from .conftest import STRATEGY, run
from .test_options import arguments_of

MARKET = "-s BTC-USDT -t 1h --start 2023-01-15 --end 2023-02-22"
DAYS = "--in-sample-period 14 --out-sample-period 8 --step-forward 8"
SPACE = "space = dict(fast=(5, 30), slow=(31, 60))\n"


@pytest.fixture(autouse=True)
def _two_workers(shell, demo):
    run(shell, "%config JesseNb.jobs = 2")


def seen(result):
    return [(one.window, one.params, one.test_values, one.test.equity.tolist()) for one in result.windows]


def test_flags_are_the_tools_parameters(shell):
    from jesse_nb.core.tools.walk_forward.walk_forward import walk_forward

    magic = shell.find_line_magic("walk_forward")
    ours = {action.dest for action in magic.parser._actions} - {"output", "show_windows", "account", *LABEL_WORDS}
    assert ours == set(inspect.signature(walk_forward).parameters)
    for name in ours - {"strategy", "n_trials", "n_jobs", "background"}:
        assert "--" + name.replace("_", "-") in flags_of(magic)
    for flag in flags_of(magic):
        assert flag in magic.__doc__


def test_flags_give_the_tools_parameters_by_name(shell):
    magic = shell.find_line_magic("walk_forward")
    line = "Mine --in-sample-period 90 --gap 0 --gaps keep --anchored --split cpcv --groups 8 --test-groups 3 -n 5"
    assert arguments_of(magic, line) == {
        "in_sample_period": 90, "gap": 0, "gaps": "keep", "anchored": True, "split": "cpcv", "groups": 8,
        "test_groups": 3, "n_trials": 5,
    }
    assert arguments_of(magic, "") == {}


def test_it_gives_what_python_gives(shell):
    run(shell, f"%%walk_forward {MARKET} {DAYS} --trials 4 --seed 3 -o walk\n{STRATEGY}{SPACE}")
    walk = shell.user_ns["walk"]
    assert isinstance(walk, jn.WalkForwardResult)
    assert shell.user_ns["_"] is walk
    assert [one.window for one in walk.windows] == list(
        jn.walk_forward_windows("2023-01-15", "2023-02-22", in_sample_period=14, out_sample_period=8, step_forward=8)
    )
    assert [len(one.trials) for one in walk.windows] == [4, 4, 4]
    assert walk.space.names == ("fast", "slow")
    same = jn.walk_forward(shell.user_ns["Crossing"], "BTC-USDT", "1h", "2023-01-15", "2023-02-22",
                           in_sample_period=14, out_sample_period=8, step_forward=8, n_trials=4, seed=3,
                           space={"fast": (5, 30), "slow": (31, 60)})
    assert seen(same) == seen(walk)


def test_fixed_hyperparameters_search_nothing(shell):
    run(shell, "from jesse_nb import Strategy\nfrom jesse import indicators as ta, utils\n" + STRATEGY)
    run(shell, "best = dict(fast=7, slow=40)")
    run(shell, "space = dict(fast=(5, 30))")  # of another cell, so it must not slip in
    run(shell, f"%walk_forward Crossing {MARKET} {DAYS} --hyperparameters best -o walk")
    walk = shell.user_ns["walk"]
    assert walk.space is None
    assert {tuple(one.params.items()) for one in walk.windows} == {(("fast", 7), ("slow", 40))}
    assert all(not one.trials for one in walk.windows)


def test_cross_validation_by_a_function_of_the_cell(shell):
    split = "--split cpcv --groups 4 --test-groups 2 --gap 1 --trials 3 --space fast=5:30"
    metric = "def trades(result):\n    return result.metrics['total']\n"
    run(shell, f"%%walk_forward {MARKET} {split} --metric trades -o paths\n{STRATEGY}{metric}")
    paths = shell.user_ns["paths"]
    assert isinstance(paths, jn.CpcvResult)
    assert paths.metric.name == "trades"
    assert (len(paths.groups), len(paths.splits), len(paths.paths), paths.gap) == (4, 6, 3, 1)
    assert paths.space.names == ("fast",)


def test_in_the_background_the_name_is_the_job(shell):
    run(shell, f"%%walk_forward {MARKET} {DAYS} --hyperparameters fast=7 --background -o walk\n{STRATEGY}")
    job = shell.user_ns["walk"]
    assert isinstance(job, jn.Job)
    assert len(job.result(60).windows) == 3


def test_showing_the_windows_runs_nothing(shell):
    before = jobs()
    cell = f"%%walk_forward {MARKET} {DAYS} --show-windows -o walk\nraise RuntimeError('this cell ran')"
    listing = run(shell, cell)
    assert jobs() == before
    assert "walk" not in shell.user_ns
    assert repr(listing).splitlines() == [
        " window train from   train to  test from    test to train days test days partial",
        "      0 2023-01-15 2023-01-29 2023-01-29 2023-02-06         14         8      no",
        "      1 2023-01-23 2023-02-06 2023-02-06 2023-02-14         14         8      no",
        "      2 2023-01-31 2023-02-14 2023-02-14 2023-02-22         14         8      no",
    ]
    assert "<table" in listing._repr_html_()


def test_the_windows_shown_follow_the_line_and_the_configuration(shell):
    run(shell, "%config JesseNb.in_sample_period = 10")
    run(shell, "%config JesseNb.gap = 2")
    table = run(shell, f"%walk_forward --show-windows {MARKET} --out-sample-period 12 --step-forward 12").to_frame()
    assert list(table["train days"]) == ["10", "10"]
    assert list(table["test from"]) == ["2023-01-27", "2023-02-08"]
    line = f"%walk_forward --show-windows --anchored --gap 0 {MARKET} --out-sample-period 8 --step-forward 12"
    anchored = run(shell, line).to_frame()
    assert list(anchored["train days"]) == ["10", "22", "34"]
    assert list(anchored["test days"]) == ["8", "8", "4"]
    assert list(anchored["partial"]) == ["no", "no", "yes"]
    groups = run(shell, f"%walk_forward --show-windows {MARKET} --split cpcv --groups 3").to_frame()
    assert list(groups["from"]) == ["2023-01-15", "2023-01-29", "2023-02-11"]  # two days between groups
    assert list(groups["to"]) == ["2023-01-27", "2023-02-09", "2023-02-22"]


def test_defaults_for_the_windows(shell):
    settings = next(each for each in shell.configurables if isinstance(each, JesseNb))
    run(shell, "%config JesseNb.step_forward = 30")
    run(shell, "%config JesseNb.out_sample_period = 30")
    run(shell, "%config JesseNb.trials = 5")
    chosen = arguments_of(shell.find_line_magic("walk_forward"), "--step-forward 10", settings.chosen())
    assert chosen == {"step_forward": 10, "out_sample_period": 30, "n_trials": 5, "n_jobs": 2}


@pytest.mark.parametrize(
    ("line", "error", "expected"),
    [
        ("Crossing {m} --in-sample-period 60", PeriodError, "60 + 0 + 8 days"),
        ("Crossing {m} --step-forward 0", InputError, "--step-forward is 0"),
        ("Crossing {m} --out-sample-period -3", InputError, "--out-sample-period is -3"),
        ("Crossing {m} --gap -1", InputError, "--gap is -1"),
        ("Crossing {m} --trials 0", InputError, "--trials is 0"),
        ("Crossing {m} --split cpvc", InputError, "Did you mean 'cpcv'"),
        ("Crossing {m} --split cpcv --groups 1", InputError, "groups"),
        ("Crossing {m} --space fats=5:30", SpaceError, "Did you mean 'fast'"),
        ("Crossing {m} --in-sample 60", UsageError, "no option --in-sample."),
        ("Crossing {m} --step-forward 1.5", UsageError, "--step-forward is '1.5'. It is a whole number of days"),
        ("--show-windows {m} --in-sample-period 60", PeriodError, "60 + 0 + 8 days"),
        ("--show-windows {m} --split cpvc", InputError, "Did you mean 'cpcv'"),
        ("--show-windows --start 2023-01-15", PeriodError, "end"),
    ],
)
def test_bad_input_gives_one_line(shell, line, error, expected):
    run(shell, "from jesse_nb import Strategy\nfrom jesse import indicators as ta, utils\n" + STRATEGY)
    first = f"{MARKET} {DAYS}"
    with pytest.raises(error) as caught:
        run(shell, "%walk_forward " + line.format(m=first))
    assert expected in str(caught.value)
    assert "\n" not in str(caught.value)
