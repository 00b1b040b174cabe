"""Forms driven as a page drives them: states that it would send, and clicks on buttons."""

from __future__ import annotations

import html
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from IPython.core.error import UsageError

from jesse_nb.core.candles import CandleStore, install_demo
from jesse_nb.core.candles.gaps import find_gaps
from jesse_nb.core.jobs.job import Job, jobs
from jesse_nb.core.study.windows import walk_forward_windows
from jesse_nb.exceptions import InputError
from jesse_nb.magics.panel.panel import Panel, panel
from jesse_nb.magics.panel.panel_tables import panel_names
from jesse_nb.report.candles.coverage import coverage_html, coverage_table
from jesse_nb.widgets.live.display import Note
from jesse_nb.widgets.panel.panel_fields import ChoiceField, FlagField, SeveralField
from tests.magics.conftest import (  # noqa: F401 - fixtures
    STRATEGY,
    Notebook,
    demo,
    demo_store,
    eventually,
    notebook,
    run,
    shell,
)

HOSTILE = '<img src=x onerror="alert(1)">'


@pytest.fixture
def bench(shell, demo, tmp_path, monkeypatch):  # noqa: F811
    """A shell with a strategy, in a folder of its own."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("JESSE_NB_STORE", str(tmp_path / "store"))
    monkeypatch.setenv("JESSE_NB_JOBS", str(tmp_path / "jobs"))
    run(shell, "from jesse_nb import Strategy\nimport jesse.indicators as ta\nfrom jesse import utils" + STRATEGY)
    return shell


def opened(shell, name, line=""):  # noqa: F811
    shown = shell.run_line_magic("panel", f"{name} {line}".strip())
    assert isinstance(shown, Panel)
    return shown.parts


def type_in(parts, name, value):
    """Send what a page sends when somebody fills in a field."""
    control = parts.field(name).control
    if hasattr(control, "_options_labels"):
        labels = list(control._options_labels)
        if isinstance(parts.field(name), SeveralField):
            control.set_state({"index": [labels.index(one) for one in value]})
        else:
            control.set_state({"index": labels.index(value)})
    else:
        control.set_state({"value": value})


def error_of(parts, name):
    return parts.field(name).error


SHORT_WINDOWS = "--in-sample-period 10 --out-sample-period 5 --step-forward 5"


@pytest.mark.parametrize("name", panel_names())
def test_each_form_begins_ready_to_run(bench, name):
    if name in ("analyze", "compare_live", "factors", "monte_carlo", "risk", "stress", "var"):
        run(bench, "%backtest Crossing -s BTC-USDT -t 1h --start 2023-01-20 --end 2023-02-25 -o result")
    if name in ("portfolio", "regimes"):
        days = pd.date_range("2023-01-01", periods=400, tz="UTC")
        steps = np.random.default_rng(0).standard_normal((2, 400)) * 0.01
        bench.push({f"held_{place}": pd.Series(1_000 * np.cumprod(1 + each), index=days)
                    for place, each in enumerate(steps)})
        bench.run_line_magic("portfolio", "held_0 held_1 -o first")
        bench.run_line_magic("portfolio", "held_1 held_0 -o other")
    # The market of this test is too short for the default windows, which the form says before it runs.
    given = {"walk_forward": SHORT_WINDOWS, "portfolio": "first other", "regimes": "first",
             "pairs": "-y ETH-USDT -x BTC-USDT --formation 10 --trading 5"}.get(name, "")
    shown = bench.run_line_magic("panel", f"{name} {given}")
    if name == "factors":  # for which the market of this test has too few days
        assert "Result has 36 days, and a regression on 4 factors needs 50" in shown.parts.form.reason
        return
    if name == "compare_live":  # which compares with Jesse's database where no file is named
        assert "is no Jesse project, so there is no database to use" in shown.parts.form.reason
        return
    if name == "candles":
        assert [form.form.run_button.disabled for form in shown.parts.forms.values()] == [False, True, True]
    else:
        assert shown.parts.form.reason == ""
        assert not shown.parts.form.run_button.disabled
        line = shown.parts.cell().partition(" ")[2]
        magic = bench.find_line_magic(name)
        assert magic.parser.parse_argstring(line)  # the magic itself reads it
    bundle = shown._repr_mimebundle_()
    assert bundle["text/plain"].splitlines()[0].endswith("panel")
    assert shown.parts.cell() in html.unescape(bundle["text/html"])


@pytest.mark.parametrize("name", [name for name in panel_names() if name != "candles"])
def test_help_is_the_magics_own_and_every_argument_is_there(bench, name):
    parts = opened(bench, name)
    actions = {action.dest: action for action in bench.find_line_magic(name).parser._actions}
    for field in parts.form.fields:
        assert (actions[field.name].help or "").replace("%%", "%") in field.help_text
        assert html.escape(field.help_text) in field.row.children[1].value
    left_to_the_line = {"help", "routes", "source", "account", "background", "memory_limit", "project", "candles",
                        "store", "show_windows", "strategy", "start", "end", "data_routes", "timeframe", "name", "tags",
                        "note", "notify", "forget"}
    assert set(actions) - left_to_the_line <= {field.name for field in parts.form.fields}


DEFAULTS = {
    "optimize": {"mode": "fast", "pruner": "none", "test_ratio": "0.25", "neighbours": "1", "n_trials": "100"},
    "walk_forward": {"mode": "fast", "timeout": "no limit"},
    "analyze": {"scenarios": "50"},
}


@pytest.mark.parametrize("name", DEFAULTS)
def test_an_empty_field_shows_what_is_taken_then(bench, name):
    parts = opened(bench, name)
    for field, default in DEFAULTS[name].items():
        control = parts.field(field).control
        shown = control.options[0][0] if isinstance(parts.field(field), ChoiceField) else control.placeholder
        assert shown.strip("()") == default


WRONG = [
    ("start", "", "Choose a date."),
    ("end", "", "Choose a date."),
    ("end", "2023-01-05", "must come after the start"),
    ("start", "2023-01-02", "2023-01-11 is the first start"),
    ("end", "2023-06-01", "stored up to 2023-03-01"),
    ("start", "0002-01-01", "outside the years"),
    ("output", "", "Give the result a name."),
    ("output", "my study", "It is a variable's name."),
    ("output", HOSTILE, "It is a variable's name."),
    ("n_trials", "many", "It is a whole number"),
    ("n_trials", "-", "begins with a dash"),
    ("n_jobs", "1.5", "It is a whole number"),
    ("metric", "sharp", "Did you mean 'sharpe'"),
    ("constraints", "trades >> 3", ""),
    ("hyperparameters", "fast", "is neither name=value nor a variable"),
    ("hyperparameters", "undefined.best_params", "is neither name=value nor a variable"),
    ("hyperparameters", "f(", "neither name=value nor an expression"),
    ("hyperparameters", "fast={now}", "IPython replaces"),
    ("seed", "1\n2", "line breaks"),
    ("metric", "'sharpe", "cannot be split"),
]


def test_a_wrong_field_is_marked_as_it_is_typed_and_mended(bench):
    parts = opened(bench, "optimize")
    before = parts.cell()
    for name, value, reason in WRONG:
        kept = parts.field(name).control.get_state()["value"]
        type_in(parts, name, value)
        assert reason in error_of(parts, name)
        assert error_of(parts, name)
        assert parts.form.run_button.disabled
        group = parts.table.declared(name).group if name in parts.table.more else ""
        under = f"Under More options, {group[:1].upper()}{group[1:]}: " if group else ""
        assert parts.form.reason.startswith(f"Run is disabled. {under}{parts.field(name).label}")
        assert "more to mend" not in parts.form.reason
        assert parts.form.page.wrong == [name]
        assert "<img" not in parts.field(name).row.children[2].value
        parts.form.run_button.click()
        assert parts.job is None
        parts.field(name).control.set_state({"value": kept})
        assert not parts.form.run_button.disabled
        assert parts.cell() == before


ALL_WRONG = {"fee": "5", "balance": "-100", "leverage": "0", "test_ratio": "1.5", "n_jobs": "-3", "top": "0",
             "n_trials": "0", "seed": "-1", "warm_up_candles": "1000000000"}


def test_all_fields_that_are_wrong_are_red_at_once(bench):
    parts = opened(bench, "optimize")
    for name, value in ALL_WRONG.items():
        type_in(parts, name, value)
    assert set(parts.form.page.wrong) == set(ALL_WRONG)
    for name in ALL_WRONG:
        assert "jesse-nb-panel-wrong" in parts.field(name).row._dom_classes
    assert parts.form.reason.startswith(f"Run is disabled. {error_of(parts, 'n_trials')} 8 more to mend: ")
    assert all(parts.field(name).label in parts.form.reason for name in ALL_WRONG)
    for name in ALL_WRONG:
        type_in(parts, name, "")
    assert not parts.form.run_button.disabled


def test_a_warm_up_beyond_the_end_of_time_proposes_no_dates(bench):
    parts = opened(bench, "optimize", "-t 1W")
    before = parts.field("start").words
    type_in(parts, "warm_up_candles", "1000000")  # 19,000 years
    assert "nothing is left" in error_of(parts, "warm_up_candles")
    assert parts.field("start").words == before


@pytest.mark.parametrize(("fields", "wrong", "reason"), [
    ({}, "in_sample_period", "365 + 0 + 30 days (in-sample, gap, out-of-sample) do not fit into 2023-01-11"),
    ({"in_sample_period": "20", "gap": "20"}, "in_sample_period", "20 + 20 + 30 days"),
    ({"in_sample_period": "10", "out_sample_period": "900"}, "out_sample_period", "10 + 0 + 900 days"),
    ({"in_sample_period": "10", "gap": "400"}, "gap", "10 + 400 + 30 days"),
    ({"in_sample_period": "10", "out_sample_period": "0"}, "out_sample_period", "Out-of-sample days is 0."),
    ({"in_sample_period": "10", "out_sample_period": "5"}, "", ""),
    ({"split": "cpcv"}, "", ""),
    ({"split": "cpcv", "gap": "10"}, "groups", "6 groups with 10 days between them do not fit"),
    ({"split": "cpcv", "test_groups": "9"}, "test_groups", "Test groups is 9"),
])
def test_windows_that_do_not_fit_are_marked_as_they_are_typed(bench, fields, wrong, reason):
    parts = opened(bench, "walk_forward")
    for name, value in fields.items():
        parts.field(name).fill([value])
    start, end = parts.field("start").words[0], parts.field("end").words[0]
    windows = len(walk_forward_windows(start, end, in_sample_period=10, out_sample_period=5))
    assert [field.name for field in parts.form.fields if field.error] == ([wrong] if wrong else [])
    assert parts.form.run_button.disabled is bool(wrong)
    assert not wrong or reason in error_of(parts, wrong)
    parts_told = "6 groups" if fields.get("split") else f"{windows} windows"
    told = "" if wrong else f"The period makes {parts_told}."
    assert told in parts.form.above.value
    assert bool(told) is ("The period makes" in parts.form.above.value)


@pytest.mark.parametrize("name", [name for name in panel_names() if name != "candles"])
def test_every_field_emptied_gives_reasons_and_no_crash(bench, name):
    parts = opened(bench, name)
    for field in parts.form.fields:
        if hasattr(field.control, "_options_labels"):
            field.control.set_state({"index": [] if isinstance(field, SeveralField) else None})
        elif isinstance(field, FlagField):
            field.control.set_state({"value": False})
        elif field.name != "space":
            field.control.set_state({"value": ""})
    wrong = {field.name for field in parts.form.fields if field.error}
    assert set(parts.table.required) - {"space"} <= wrong
    assert parts.form.run_button.disabled is not parts.table.filters  # which are all right when they are empty
    parts.form.copy_button.click()


def test_typing_runs_no_expression(bench):
    run(bench, "calls = []\ndef values(): calls.append(1); return dict(fast=7)")
    parts = opened(bench, "backtest")
    type_in(parts, "hyperparameters", "values()")
    assert bench.user_ns["calls"] == []
    assert parts.form.reason == ""


# ---------------------------------------------------------------------- parameter space


def test_the_space_begins_with_what_the_strategy_declares_and_is_left_to_it(bench):
    parts = opened(bench, "optimize")
    rows = parts.field("space").rows
    assert [[cell.value for cell in row.cells] for row in rows] == [
        ["fast", "5", "30", "", ""],
        ["slow", "31", "120", "", ""],
    ]
    assert "--space" not in parts.cell()
    rows[0].cells[2].set_state({"value": "12"})
    assert "--space fast=5:12 slow=31:120" in parts.cell()
    rows[1].vary.set_state({"value": False})
    assert "--space fast=5:12 " in parts.cell()


WRONG_ROWS = [
    (["fast", "1", "2", "", ""], "in the space twice"),
    (["fest", "1", "2", "", ""], "no hyperparameter 'fest'. Did you mean 'fast'"),
    (["", "1", "2", "", ""], "A parameter has no name"),
    (["other", "1", "", "", ""], "lacks its highest value"),
    (["other", "9", "2", "", ""], "down to 2"),
    (["other", "1", "9", "", "a,b"], "a range and options"),
    (["other", "", "", "", "a b"], "has a space in it"),
    (["other", "1", "9", "20", ""], "larger than its range"),
    ([HOSTILE, "1", "2", "", ""], "has a space in it"),
]


def test_a_wrong_row_of_the_space_says_why(bench):
    parts = opened(bench, "optimize")
    for cells, reason in WRONG_ROWS:
        parts.field("space").add.click()
        for cell, text in zip(parts.field("space").rows[-1].cells, cells, strict=True):
            cell.set_state({"value": text})
        assert reason in error_of(parts, "space")
        marked = ["jesse-nb-panel-wrong" in row.widget._dom_classes for row in parts.field("space").rows]
        assert marked == [cells[0] == "fast", False, True]  # the first row is called so, too
        assert "<img" not in parts.field("space").row.children[2].value
        parts.field("space").rows[-1].button.click()
        assert error_of(parts, "space") == ""
        assert "--space" not in parts.cell()


def test_no_ticked_row_is_an_error_and_not_the_whole_space(bench):
    parts = opened(bench, "walk_forward")
    for row in parts.field("space").rows:
        row.vary.set_state({"value": False})
    assert "No parameter is ticked" in error_of(parts, "space")


def test_what_a_line_cannot_say_is_left_to_the_strategy_or_refused(bench):
    run(bench, STRATEGY.replace("class Crossing", "class Worded").replace(
        '{"name": "fast", "type": int, "min": 5, "max": 30, "default": 10}',
        '{"name": "fast", "type": "categorical", "options": ["1", "2"], "default": "1"}'))
    parts = opened(bench, "optimize")
    assert parts.field("strategy").words == ["Worded"]
    assert parts.form.reason == ""
    assert "--space" not in parts.cell()
    parts.field("space").rows[1].cells[2].set_state({"value": "60"})
    assert "cannot be written on a line" in error_of(parts, "space")  # fast=1,2 would be numbers


# ---------------------------------------------------------------------- what changes while the form is open


def test_a_form_follows_strategies_of_later_cells(bench):
    parts = opened(bench, "optimize")
    run(bench, STRATEGY.replace("class Crossing", "class Later").replace('"max": 30', '"max": 20'))
    assert "Later" in parts.field("strategy").control._options_labels
    type_in(parts, "strategy", "Later")
    assert parts.field("space").rows[0].cells[2].value == "20"
    run(bench, "del Later")
    assert "not there any more" in error_of(parts, "strategy")
    assert parts.form.run_button.disabled


def test_a_symbol_deleted_while_the_form_is_open(bench, tmp_path, monkeypatch):
    store = CandleStore(tmp_path / "candles")
    install_demo(store, ["BTC-USDT", "ETH-USDT"], "2023-01-01", "2023-01-20")
    monkeypatch.setenv("JESSE_NB_CANDLES", str(store.root))
    parts = opened(bench, "backtest")
    type_in(parts, "symbol", "ETH-USDT")
    assert parts.form.reason == ""
    store.delete("Demo (synthetic)", "ETH-USDT")
    parts.form.run_button.click()  # nothing has told the form
    assert parts.job is None
    assert "'ETH-USDT' is not there any more" in error_of(parts, "symbol")
    type_in(parts, "symbol", "BTC-USDT")
    assert parts.form.reason == ""


def test_without_candles_and_strategies_the_reasons_say_what_to_do(shell, tmp_path, monkeypatch):  # noqa: F811
    monkeypatch.setenv("JESSE_NB_CANDLES", str(tmp_path / "none"))
    monkeypatch.chdir(tmp_path)
    parts = opened(shell, "optimize")
    assert "jesse_nb.quickstart import TrendFollower" in error_of(parts, "strategy")
    assert "Choose an exchange. `%panel candles`" in error_of(parts, "exchange")
    assert "%panel candles" in error_of(parts, "symbol")


def test_a_strategy_that_raises_tells_it_in_the_form(bench):
    run(bench, STRATEGY.replace("class Crossing", "class Broken").replace("return [", "return 1 / 0, ["))
    parts = opened(bench, "optimize")
    assert "ZeroDivisionError: division by zero" in error_of(parts, "strategy")
    assert parts.form.run_button.disabled


def test_a_project_strategy_that_cannot_be_imported(bench, tmp_path):
    folder = tmp_path / "project" / "strategies" / "Torn"
    folder.mkdir(parents=True)
    (tmp_path / "project" / "storage").mkdir()
    (folder / "__init__.py").write_text("import no_such_module_anywhere\nclass Torn(no_such_module_anywhere.S): pass")
    bench.run_line_magic("config", f"JesseNb.project = {str(tmp_path / 'project')!r}")
    parts = opened(bench, "backtest")
    type_in(parts, "end", "2023-01-01")  # a project's database may have that day, but not in this order
    assert "must come after the start" in error_of(parts, "end")
    type_in(parts, "strategy", "Torn")
    assert "no_such_module_anywhere" in error_of(parts, "strategy")
    assert parts.form.run_button.disabled


# ---------------------------------------------------------------------- running


def finished(parts, seconds=60):
    eventually(lambda: parts.job is not None and not parts.form._busy, seconds)
    return parts.job


def test_check_first_is_ticked_for_the_first_study_of_a_code(bench):
    for name in ("optimize", "walk_forward"):
        parts = opened(bench, name)
        assert parts.field("check_first").control.value
        assert "--check-first" in parts.cell()
    type_in(parts, "check_first", False)
    assert "--check-first" not in parts.cell()
    assert ("Check first", "(no)") in parts.rows()
    parts.refresh()
    assert not parts.field("check_first").control.value  # what somebody chose stays

    market = "-s BTC-USDT -t 1h --start 2023-01-20 --end 2023-02-01 --test-ratio 0 --neighbours 0 --no-parity"
    run(bench, f"%optimize Crossing {market} --trials 1 -o study")
    for name in ("optimize", "walk_forward"):
        assert not opened(bench, name).field("check_first").control.value
        assert opened(bench, name, "--check-first").field("check_first").control.value  # as the line says
    open_form = opened(bench, "optimize")
    run(bench, STRATEGY.replace("balance * 0.9", "balance * 0.8"))
    open_form.refresh()  # as after each cell
    assert open_form.field("check_first").control.value


def test_run_send_on_copy_as_cell_and_run_that_cell(bench):
    parts = opened(bench, "optimize", "--trials 3 -j 1 --start 2023-01-20 --end 2023-02-10 --neighbours 0")
    parts.form.run_button.click()
    assert parts.form.run_button.disabled
    assert "It is running" in parts.form.reason
    type_in(parts, "n_trials", "5")  # while it runs
    assert "jesse-nb-panel-earlier" not in parts.form._output._dom_classes
    finished(parts)
    study = bench.user_ns["study"]
    assert study.best_params
    eventually(lambda: "Optimization: Crossing" in parts.report)
    assert "jesse-nb-panel-earlier" in parts.form._output._dom_classes
    type_in(parts, "n_trials", "3")
    parts.form.copy_button.click()
    cell = parts.cell()
    assert html.escape(cell) in parts.form._cell.value
    assert "jesse-nb-panel-earlier" not in parts.form._output._dom_classes
    type_in(parts, "n_trials", "4")
    assert "--trials 4" in parts.form._cell.value
    assert "jesse-nb-panel-earlier" in parts.form._output._dom_classes
    assert parts.form._reason.value == "Something was changed since; what is beneath is of the form as it was."
    type_in(parts, "n_trials", "3")
    assert html.escape(cell) in parts.form._cell.value
    assert "jesse-nb-panel-earlier" not in parts.form._output._dom_classes
    assert parts.form._reason.value == ""
    run(bench, cell.replace("-o study", "-o again"))
    again = bench.user_ns["again"].history
    assert again["reused"].all()  # the very same simulations
    changing = ["seconds", "reused"]
    assert again.drop(columns=changing).equals(study.history.drop(columns=changing))
    assert bench.user_ns["again"].best_params == study.best_params

    assert list(parts.form.next_buttons) == ["walk_forward", "backtest_batch", "backtest", "analyze"]
    parts.form.next_buttons["backtest"].click()
    sequel = parts.sequels[0]
    assert sequel.field("hyperparameters").words == ["study.best_params"]
    tested = pd.Timestamp(study.test_start, unit="ms").ceil("D")  # on the other days, they were chosen
    assert sequel.field("start").words == [f"{tested:%Y-%m-%d}"]
    assert sequel.field("end").words == ["2023-02-10"]
    sequel.form.run_button.click()
    finished(sequel)
    sequel.form.next_buttons["analyze"].click()
    analysis = sequel.sequels[0]
    assert analysis.field("names").words == ["result"]
    type_in(analysis, "names", "study.test")  # what the guide gives to the magics
    assert not analysis.field("names").error

    batch = parts.send_on("backtest_batch")
    assert parts.sequels == [batch, sequel]  # which ran, and stays
    assert batch.field("strategies").words == ["Crossing"]
    assert batch.field("symbols").words == ["BTC-USDT"]
    assert batch.field("params").words == ["study"]
    assert batch.form.reason == ""
    walk = parts.send_on("walk_forward")
    assert parts.sequels == [walk, sequel]
    assert walk.form.reason == ""  # 21 days, into which windows of 365 and 30 days would not fit
    assert walk.field("in_sample_period").words == ["10"]
    assert "The period makes 6 windows." in walk.form.above.value

    other = opened(bench, "optimize", "--trials 2 -j 1 --start 2023-01-20 --end 2023-02-10 --neighbours 0")
    other.form.run_button.click()  # the same name for another result
    finished(other)
    assert parts.send_on("analyze") is None
    assert list(parts.form.next_buttons) == []
    assert "study is another result by now" in parts.form._reason.value
    assert list(other.form.next_buttons) == ["walk_forward", "backtest_batch", "backtest", "analyze"]


class RunsMeanwhile:
    """A report that is drawn for so long that the form runs again meanwhile."""

    def __init__(self, parts):
        self.parts = parts

    def _repr_html_(self):
        self.parts.form.run_button.click()
        finished(self.parts)
        return "drawn late"


@pytest.mark.parametrize("begun", ["after the next run", "before the next run"])
def test_a_report_that_is_drawn_late_does_not_cover_the_next_run(bench, begun):
    parts = opened(bench, "optimize", "--trials 2 -j 1 --start 2023-01-20 --end 2023-02-10 --neighbours 0")
    parts.form.run_button.click()
    place = parts._place
    finished(parts)
    if begun == "before the next run":
        place.show(RunsMeanwhile(parts))
    else:
        parts.form.run_button.click()
        finished(parts)
        place.show(Note("drawn late"))
    assert parts._place is not place
    assert "drawn late" not in parts.report
    assert "drawn late" not in repr([part.get_state() for part in parts.form._output.children])


def test_what_the_tool_refuses_is_marked_as_it_is_typed_and_nothing_starts(bench):
    parts = opened(bench, "optimize")
    before = jobs()
    type_in(parts, "n_trials", "0")
    assert error_of(parts, "n_trials") == "Trials is 0. It is a whole number from 1 to 1,000,000."
    assert parts.form.reason == f"Run is disabled. {error_of(parts, 'n_trials')}"
    assert parts.form.run_button.disabled
    type_in(parts, "n_trials", "3")
    assert parts.form.reason == ""
    assert (parts.job, jobs()) == (None, before)
    first = int(Job("x", "", lambda control: 1).id.partition("-")[2])
    type_in(parts, "n_trials", "4")
    assert int(Job("x", "", lambda control: 1).id.partition("-")[2]) == first + 1  # none is lost by typing


@pytest.mark.parametrize(("field", "value", "words"), [
    ("balance", "-5", "Balance is -5.0. It is a number of the quote currency above zero."),
    ("fee", "5", "0.1 % is 0.001"), ("leverage", "0", "from 1 to 1,000"),
    ("leverage", "3", "A spot account has no leverage"), ("warm_up_candles", "-1", "from 0 to 1,000,000"),
])
def test_what_is_wrong_with_the_account_stands_at_its_field(bench, field, value, words):
    parts = opened(bench, "backtest", "--market spot" if value == "3" else "")
    type_in(parts, field, value)
    assert words in error_of(parts, field)
    assert parts.form.run_button.disabled


@pytest.mark.parametrize(("line", "words"), [
    ("--sampler grid --space fast=1.0:5.0", "is continuous"), ("--holdout 900d", "holdout"),
    ("--test-ratio 2", "Test ratio is 2"), ("--top 0", "Top is 0"), ("--timeout -1", "Timeout is -1"),
])
def test_what_no_field_alone_can_tell_disables_run_too(bench, line, words):
    parts = opened(bench, "optimize", line)
    assert parts.form.run_button.disabled
    assert words in parts.form.reason


def test_a_backtest_shows_the_strategys_own_values_and_knows_their_names(bench):
    parts = opened(bench, "backtest")
    assert parts.field("hyperparameters").control.placeholder == "fast=10 slow=50"
    type_in(parts, "hyperparameters", "fsat=9")
    assert error_of(parts, "hyperparameters") == (
        "The strategy declares no hyperparameter 'fsat'. Did you mean 'fast'?")
    for right in ("fast=9", "values()", ""):
        type_in(parts, "hyperparameters", right)
        assert parts.form.reason == ""
    run(bench, STRATEGY.replace("class Crossing", "class Encoded") + "    def dna(self):\n        return 'ss'\n")
    type_in(parts, "strategy", "Encoded")
    assert parts.field("hyperparameters").control.placeholder == "fast=29 slow=115"  # what Jesse's dna_to_hp says
    batch = opened(bench, "backtest_batch")
    type_in(batch, "strategies", ["Crossing"])
    assert batch.field("params").control.placeholder == "fast=10 slow=50"
    type_in(batch, "params", "fsat=9,10")
    assert "no hyperparameter 'fsat'" in error_of(batch, "params")
    type_in(batch, "params", "fast=9,10 slow=40")
    assert batch.form.reason == ""
    optimize = opened(bench, "optimize")
    assert optimize.field("hyperparameters").control.placeholder == ""  # there, it is those that are not varied


@pytest.mark.parametrize(("text", "words"), [
    ("fast=abc", "fast is a whole number, not 'abc'."), ("fast=8.5", "fast is a whole number, not '8.5'."),
    ("fast=8,slow=40", "fast is a whole number, not '8,slow=40'."), ("stop=nan", "stop is a number, not 'nan'."),
    ("mode=c", "mode is one of a, b, not 'c'."), ("fast=8 fast=9", "Hyperparameters gives 'fast' twice."),
    ("fast", "Hyperparameters is 'fast', which is neither name=value nor a variable. Write fast=12 slow=50, for "
             "example."),
    ("fast=8 slow=-3 stop=2 mode=b", ""), ("stop=2.5", ""),
])
def test_a_value_of_the_wrong_kind_is_marked(bench, text, words):
    run(bench, STRATEGY.replace("class Crossing", "class Kinds").replace(
        '{"name": "slow"', '{"name": "stop", "type": float, "min": 1.0, "max": 5.0, "default": 2.0},\n            '
        '{"name": "mode", "type": "categorical", "options": ["a", "b"], "default": "a"},\n            {"name": "slow"'))
    parts = opened(bench, "backtest")
    type_in(parts, "hyperparameters", text)
    assert error_of(parts, "hyperparameters") == words
    assert parts.form.run_button.disabled is bool(words)


def test_more_warm_up_than_there_is_stands_at_the_warm_up(bench):
    parts = opened(bench, "backtest")
    start = parts.field("start").words
    type_in(parts, "warm_up_candles", "100000")
    assert "4,167 days: nothing is left" in error_of(parts, "warm_up_candles")
    assert parts.field("start").words == start
    assert [field.name for field in parts.form.fields if field.error] == ["warm_up_candles"]
    type_in(parts, "warm_up_candles", "")
    assert parts.form.reason == ""


def test_a_parameter_is_varied_or_given(bench):
    parts = opened(bench, "optimize")
    type_in(parts, "hyperparameters", "fast=8")
    assert error_of(parts, "hyperparameters") == (
        "fast is ticked in the table, so it is varied. Untick it there to give it a value.")
    parts.field("space").rows[0].vary.set_state({"value": False})
    assert parts.form.reason == ""
    assert "--space slow=31:120" in parts.cell()
    assert "--hyperparameters fast=8" in parts.cell()


def test_a_walk_forward_of_fixed_values_needs_no_tick(bench):
    parts = opened(bench, "walk_forward", SHORT_WINDOWS)
    for row in parts.field("space").rows:
        row.vary.set_state({"value": False})
    assert "No parameter is ticked" in error_of(parts, "space")
    type_in(parts, "hyperparameters", "fast=8 slow=40")
    assert parts.form.reason == ""
    assert "--space" not in parts.cell()
    parts.form.run_button.click()
    finished(parts)
    walk = bench.user_ns["walk"]
    assert walk.space is None
    assert {tuple(sorted(one.params.items())) for one in walk.windows} == {(("fast", 8), ("slow", 40))}
    type_in(parts, "hyperparameters", "")
    assert "No parameter is ticked" in error_of(parts, "space")


@pytest.mark.parametrize(("form", "line", "field"), [
    ("optimize", "--sampler grid --space fast=1.0:5.0", "space"), ("backtest", "--data-routes foo", "data_routes"),
])
def test_an_error_that_does_not_name_its_field_finds_it(bench, form, line, field):
    parts = opened(bench, form, line)
    assert [one.name for one in parts.form.fields if one.error] == [field]


def test_what_would_ask_a_database_or_run_code_is_only_asked_by_run(bench, tmp_path):
    bench.user_ns["boom"] = lambda: pytest.fail("typing ran it")
    parts = opened(bench, "backtest", "--market spot --leverage 3")
    assert error_of(parts, "leverage")
    type_in(parts, "hyperparameters", "boom()")
    assert parts.form.reason == ""
    type_in(parts, "hyperparameters", "")
    for default, line in ((None, " -j ray://nobody.example:1"), ("ray", "")):
        bench.run_line_magic("config", f"JesseNb.jobs = {default!r}")
        elsewhere = opened(bench, "optimize", f"--market spot --leverage 3{line}")
        assert (elsewhere.form.reason, error_of(elsewhere, "leverage")) == ("", "")
    bench.run_line_magic("config", "JesseNb.jobs = None")
    (tmp_path / "strategies").mkdir()
    (tmp_path / "storage").mkdir()
    (tmp_path / ".env").write_text("")
    parts.refresh()
    assert parts.form.reason == ""
    parts.form.run_button.click()
    assert parts.job is None
    assert "no leverage" in error_of(parts, "leverage")
    type_in(parts, "leverage", "")
    assert error_of(parts, "leverage") == ""


def test_a_job_that_fails_leaves_an_earlier_result_where_it_was(bench):
    parts = opened(bench, "backtest", "--start 2023-01-20 --end 2023-02-10")
    bench.push({"result": "of yesterday"})
    parts.refresh()
    type_in(parts, "hyperparameters", "slow=-3")
    parts.form.run_button.click()
    finished(parts)
    assert parts.job.state == "failed"
    assert bench.user_ns["result"] == "of yesterday"
    assert parts.form._reason.value == "It failed, for the reason beneath. result is what it was before."
    type_in(parts, "hyperparameters", "")
    parts.form.run_button.click()
    finished(parts)
    assert bench.user_ns["result"].metrics["total"] > 0


def test_what_comes_of_an_earlier_result_looks_so(bench):
    parts = opened(bench, "backtest", "--start 2023-01-20 --end 2023-02-10")
    parts.form.run_button.click()
    finished(parts)
    parts.form.next_buttons["analyze"].click()
    analysis = parts.sequels[0]
    analysis.form.run_button.click()
    finished(analysis)
    eventually(lambda: analysis.report)
    parts.refresh()
    analysis.refresh()
    assert "jesse-nb-panel-earlier" not in analysis.form._output._dom_classes
    type_in(parts, "hyperparameters", "fast=9")
    parts.form.run_button.click()
    finished(parts)
    eventually(lambda: "jesse-nb-panel-earlier" in analysis.form._output._dom_classes)
    assert "jesse-nb-panel-earlier" not in parts.form._output._dom_classes
    analysis.form.run_button.click()
    finished(analysis)
    eventually(lambda: "jesse-nb-panel-earlier" not in analysis.form._output._dom_classes)


def test_what_a_stopped_search_has_can_be_sent_on(bench):
    parts = opened(bench, "optimize", "--trials 3000 --start 2023-01-20 --end 2023-02-10")
    parts.form.run_button.click()
    eventually(lambda: parts.job.progress.done >= 15)
    parts.job.cancel()
    finished(parts)
    eventually(lambda: list(parts.form.next_buttons) == ["walk_forward", "analyze"])
    parts.form.next_buttons["analyze"].click()
    analysis = parts.sequels[0]
    assert analysis.form.reason == ""
    analysis.form.run_button.click()
    finished(analysis)
    assert "Crossing" in eventually(lambda: analysis.report)
    assert bench.user_ns["analysis"].verdict is not None
    assert parts.job.partial_result().stopped == "interrupted"


def test_two_forms_on_one_job(bench, notebook):  # noqa: F811
    line = "--trials 4000 -j 1 --neighbours 0"
    one, other = opened(bench, "optimize", line), opened(bench, "optimize", line)
    one.form.run_button.click()
    other.form.run_button.click()
    try:
        assert other.job is one.job
    finally:
        one.job.cancel()
    finished(one)
    finished(other)
    assert "Stopped." in one.form._reason.value
    assert not other.form.run_button.disabled


# ---------------------------------------------------------------------- candles


def test_the_candles_form_stores_and_deletes_after_asking(bench, tmp_path, monkeypatch):
    monkeypatch.setenv("JESSE_NB_CANDLES", str(tmp_path / "own"))
    backtest = opened(bench, "backtest")
    parts = opened(bench, "candles")
    assert "No candles are stored" in parts.listing
    assert "Choose the exchange" in parts.forms["delete"].form.reason
    demo_form = parts.forms["demo"]
    demo_form.field("symbols").control.set_state({"index": [2]})  # only what there is can be chosen
    type_in(demo_form, "start", "2023-01-01")
    type_in(demo_form, "end", "2022-01-01")
    assert demo_form.form.reason.startswith("Store is disabled. End: The end (2022-01-01) must come after")
    type_in(demo_form, "end", "2023-02-01")
    said: list[str] = []
    demo_form.form._reason.observe(lambda change: said.append(change["new"]), names="value")
    demo_form.form.run_button.click()
    assert said == ["It is at work, which can take some seconds.", ""]
    assert "SOL-USDT" in parts.listing
    assert backtest.field("symbol").words == ["SOL-USDT"]
    assert "jesse-nb-panel-earlier" not in demo_form.form._output._dom_classes  # the answer is that of this form
    assert demo_form.form._reason.value == ""

    delete = parts.forms["delete"]
    assert delete.field("names").label == "Symbol"
    chosen = [delete.field(name) for name in ("exchange", "names")]
    assert [field.words for field in chosen] == [[], []]  # nothing is chosen for deletion
    assert not any("jesse-nb-panel-wrong" in field.row._dom_classes for field in chosen)
    CandleStore().write("Another", "SOL-USDT", CandleStore().read("Demo (synthetic)", "SOL-USDT"))
    delete.refresh()
    type_in(delete, "exchange", "Another")
    type_in(delete, "names", "SOL-USDT")
    assert not delete.form.run_button.disabled
    CandleStore().delete("Another", "SOL-USDT")
    delete.refresh()
    assert [field.words for field in chosen] == [[], []]
    type_in(delete, "exchange", "Demo (synthetic)")
    assert delete.form.run_button.disabled
    type_in(delete, "names", "SOL-USDT")
    assert delete.cell() == '%candles delete SOL-USDT --exchange "Demo (synthetic)"'  # which asks by itself
    delete.form.run_button.click()
    assert "Delete SOL-USDT of Demo (synthetic)?" in delete.form._asked.value
    assert CandleStore().list()
    delete.form.no_button.click()
    assert delete.form._asking.layout.display == "none"
    assert CandleStore().list()
    delete.form.run_button.click()
    delete.form.yes_button.click()
    assert not CandleStore().list()
    assert "No candles are stored" in parts.listing
    assert "Deleted SOL-USDT on Demo (synthetic)." in delete.report
    assert "gone" not in repr([field.control.options for field in chosen])
    assert not any("jesse-nb-panel-wrong" in field.row._dom_classes for field in chosen)


def test_the_candles_form_imports_and_says_what_is_wrong(bench, tmp_path, monkeypatch, demo):  # noqa: F811
    candles = demo.read("Demo (synthetic)", "BTC-USDT", "2023-01-01", "2023-01-02")
    file = tmp_path / "my prices.csv"
    file.write_text("timestamp,open,close,high,low,volume\n"
                    + "\n".join(",".join(map(repr, row)) for row in candles.tolist()))
    monkeypatch.setenv("JESSE_NB_CANDLES", str(tmp_path / "own"))
    panel = opened(bench, "candles")
    form = panel.forms["import"]
    assert form.form.page.wrong == []  # nothing is red before anything is typed
    assert form.form.reason == \
        "Import is disabled. File: Give a file, several, or a folder. 1 more to mend: Exchange."
    form.field("names").control.set_state({"value": "data/ETHUSDT-1m-*.zip"})
    assert form.field("symbols").words == ["ETH-USDT"]
    form.field("names").control.set_state({"value": ""})
    assert form.form.page.wrong == ["names"]
    for name, text in (("names", "nowhere.csv"), ("exchange", "Mine"), ("symbols", "BTC-USDT")):
        form.field(name).control.set_state({"value": text})
    form.field("symbols").control.set_state({"value": "BTCUSDT"})
    assert "is not a symbol" in form.form.reason
    form.field("symbols").control.set_state({"value": "BTC-USDT"})
    form.form.run_button.click()
    assert error_of(form, "names").startswith("There is no file 'nowhere.csv'.")
    assert "Import is disabled. File: There is no file" in form.form.reason
    assert form.form.page.wrong == ["names"]
    assert form.form.page.look == "wrong"
    form.field("names").control.set_state({"value": "'my prices.csv'"})
    form.field("preview").control.set_state({"value": True})
    form.form.run_button.click()
    assert "Nothing was stored" in form.report
    assert CandleStore().list() == []
    form.field("preview").control.set_state({"value": False})
    seen: list[str] = []
    form.form.page.observe(lambda change: seen.append(panel._table.value), names="look")
    form.form.run_button.click()
    assert "Mine" in seen[-1]  # a row that came after the look would push what it looks at out of sight
    assert [one.rows for one in CandleStore().list()] == [1440]
    assert "Imported 1,440 candles of BTC-USDT on Mine, 2023-01-01 to 2023-01-02 (excluded)." in form.report
    later = demo.read("Demo (synthetic)", "BTC-USDT", "2023-01-02", "2023-01-02 03:00")
    file.write_text("timestamp,open,close,high,low,volume\n"
                    + "\n".join(",".join(map(repr, row)) for row in later.tolist()))
    form.form.run_button.click()
    assert [one.rows for one in CandleStore().list()] == [1620]  # with what was there
    assert "Imported 180 candles of BTC-USDT on Mine, 2023-01-02 to 2023-01-02 03:00 (excluded)." in form.report
    assert Path("my prices.csv").is_file()


def test_the_strip_shows_gaps_and_the_chosen_period(tmp_path, demo):  # noqa: F811
    candles = demo.read("Demo (synthetic)", "BTC-USDT", "2023-01-01", "2023-01-11")
    rows = candles[(candles[:, 0] < candles[3000, 0]) | (candles[:, 0] >= candles[3080, 0])]
    assert find_gaps(rows[:, 0])[0].minutes == 80
    info = CandleStore(tmp_path).write("Mine", "BTC-USDT", rows)
    strip = coverage_html([info], (info.start, info.start + 86_400_000))
    assert "1 gap, 80 minutes" in strip
    assert "missing: 2023-01-03 02:00 (80 min)" in strip
    assert "chosen: 2023-01-01 to 2023-01-02" in strip
    table = coverage_table([info])
    assert "Mine" in table
    assert [table.count(f"<small>{day}</small>") for day in ("2023-01-01", "2023-01-06", "2023-01-11")] == [1, 1, 1]
    assert 'viewBox="0 0 1000 14"' in table  # so a bar of 10 from 2 on is in the middle of its row
    assert '<rect x="0.00" y="2" width="1000.00" height="10"' in table
    assert 'y="0" width="5.56" height="14"' in table  # of what is missing, taller: whoever sees no red sees it
    assert "Red, taller: missing. Orange, thin: the chosen period." in strip
    assert coverage_html([]) == ""


# ---------------------------------------------------------------------- the front door


def test_a_mistyped_form_names_the_close_ones(bench):
    with pytest.raises(UsageError, match=r"'optimise'.*Did you mean 'optimize'"):
        bench.run_line_magic("panel", "optimise")
    with pytest.raises(UsageError, match="needs the name"):
        bench.run_line_magic("panel", "")
    with pytest.raises(InputError, match="no form 'walk'"):
        panel("walk")
    with pytest.raises(InputError, match="no field 'trails'"):
        panel("optimize", trails=3)
    assert panel("optimize", n_trials=3, space={"fast": (5, 9)}, parity=False).parts.cell().endswith(
        "--space fast=5:9 --trials 3 -o study --check-first --no-parity")


def test_tab_offers_the_forms(bench):
    bench.Completer.use_jedi = False
    _, found = bench.complete("walk", "%panel walk", 11)
    assert "walk_forward" in found


def test_a_watched_notebook_gets_the_static_form_and_the_widget(bench, notebook):  # noqa: F811
    shown = bench.run_line_magic("panel", "optimize")
    shown._ipython_display_()
    (only,) = notebook.displays
    assert "Optimize panel" in only.text
    notebook.enter_cell("second", allow_stdin=False)  # nbval, nbclient, papermill
    shown._ipython_display_()
    assert len(notebook.displays) == 2
    assert "Optimize panel" in notebook.displays[-1].text


def test_names_are_escaped_everywhere(bench):
    parts = opened(bench, "backtest")
    type_in(parts, "hyperparameters", f"mode='{HOSTILE}'")
    parts.form.copy_button.click()
    shown = Panel(bench, next(one for one in bench.configurables if type(one).__name__ == "JesseNb"), "backtest",
                  {"hyperparameters": {"mode": HOSTILE}})
    for text in (parts.form._cell.value, parts.form._reason.value, shown._repr_mimebundle_()["text/html"]):
        assert "<img" not in text


def test_a_form_opens_quickly(bench):
    opened(bench, "backtest")
    began = time.process_time()
    opened(bench, "optimize")
    assert time.process_time() - began < 2


def test_a_form_offers_its_own_tools_values(bench):
    offered = {(name, field): opened(bench, name).field(field).control for name, field in (
        ("var", "method"), ("risk", "sections"), ("stress", "scenarios"), ("risk", "scenarios"))}
    assert list(offered["var", "method"].options)[:2] == ["historical", "normal"]
    assert list(offered["risk", "sections"].options) == ["drawdowns", "exposure", "monte_carlo", "var", "stress"]
    assert offered["stress", "scenarios"].options == offered["risk", "scenarios"].options
    assert {"crash", "replay:ftx"} <= set(offered["stress", "scenarios"].options)
    assert opened(bench, "stress").field("at").control.placeholder == "worst_exposure random"
    assert opened(bench, "risk").field("format").control.description == "Format"
