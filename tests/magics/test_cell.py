from __future__ import annotations

import inspect
import linecache
import traceback

import pytest
from IPython.core.error import UsageError

from jesse_nb import Strategy
from jesse_nb.exceptions import StrategyError
from jesse_nb.magics.cell import CellBody, CellSyntaxError, choose_strategy, run_cell_body

from .conftest import STRATEGY, run

TWO = STRATEGY + STRATEGY.replace("Crossing", "Other")


def body_of(shell, source, wanted=("space",)):
    return run_cell_body(shell, source, wanted=wanted)


def test_the_cell_is_ordinary_python_and_its_names_stay(shell):
    body_of(shell, STRATEGY + "x = 3\ny = [x for x in range(3)]\nimport math\n")
    assert shell.user_ns["x"] == 3
    assert shell.user_ns["y"] == [0, 1, 2]
    assert run(shell, "Crossing.__module__, math.pi > 3") == ("__main__", True)


def test_strategy_ta_and_utils_need_no_import(shell):
    body = body_of(shell, STRATEGY)
    assert issubclass(body.strategies["Crossing"], Strategy)
    assert shell.user_ns["ta"].__name__ == "jesse.indicators"
    assert shell.user_ns["utils"].__name__ == "jesse.utils"


def test_names_of_the_users_own_are_left_alone(shell):
    run(shell, "ta = 'mine'")
    body_of(shell, "z = ta, len('utils')")
    assert shell.user_ns["z"] == ("mine", 5)
    assert "utils" not in shell.user_ns  # never mentioned
    assert "Strategy" not in shell.user_ns


def test_only_what_this_cell_defines_counts(shell):
    body_of(shell, STRATEGY + "space = dict(fast=(5, 30))")
    body = body_of(shell, "other = 1")
    assert body == CellBody()
    again = body_of(shell, STRATEGY + "space = {'slow': (31, 99)}")
    assert list(again.strategies) == ["Crossing"]
    assert again.assigned == {"space": {"slow": (31, 99)}}


def test_a_name_inside_a_function_is_no_space(shell):
    run(shell, "space = dict(fast=(5, 30))")
    assert body_of(shell, "def f():\n    space = 1\nspace2 = space").assigned == {}


def test_a_space_is_taken_however_it_is_assigned(shell):
    run(shell, "base = dict(fast=(5, 30))")
    same = body_of(shell, "space = base")
    assert same.assigned["space"] is shell.user_ns["base"]
    assert body_of(shell, "space |= dict(slow=(31, 60))").assigned["space"] == {
        "fast": (5, 30),
        "slow": (31, 60),
    }
    assert body_of(shell, "for space in ({1: 2},): pass").assigned["space"] == {1: 2}


def test_imported_and_older_strategies_are_not_the_cells(shell):
    assert body_of(shell, "from jesse_nb.quickstart import TrendFollower").strategies == {}
    body_of(shell, STRATEGY)
    assert body_of(shell, "Renamed = Crossing").strategies == {"Renamed": shell.user_ns["Crossing"]}


def test_two_strategies_are_an_error_unless_one_is_named(shell):
    body = body_of(shell, TWO)
    with pytest.raises(StrategyError, match="defines 2 strategies: Crossing, Other"):
        choose_strategy(shell, body, None)
    assert choose_strategy(shell, body, "Other") is shell.user_ns["Other"]


def test_a_base_class_beside_its_strategy_is_no_second_strategy(shell):
    body = body_of(shell, STRATEGY + "class Careful(Crossing):\n    pass\nAlias = Careful")
    assert choose_strategy(shell, body, None).__name__ == "Careful"


def test_naming_a_strategy(shell, tmp_path):
    body_of(shell, STRATEGY + "mine = Crossing\ndel Crossing\ntext = 'class A(Strategy): pass'")
    empty = CellBody()
    assert choose_strategy(shell, empty, "mine").__name__ == "Crossing"
    assert choose_strategy(shell, empty, "Crossing").__name__ == "Crossing"
    assert choose_strategy(shell, empty, "text").startswith("class A")
    with pytest.raises(StrategyError, match=r"No strategy is called 'mime'\. Did you mean 'mine'"):
        choose_strategy(shell, empty, "mime")
    with pytest.raises(UsageError, match="'ETH-USDT' cannot be the name"):
        choose_strategy(shell, empty, "ETH-USDT")
    with pytest.raises(StrategyError, match=r"this cell defines none.*Defined in this notebook: mine"):
        choose_strategy(shell, empty, None)


def test_a_strategy_of_a_project(shell, tmp_path):
    (tmp_path / "storage").mkdir()
    (tmp_path / "strategies" / "Far").mkdir(parents=True)
    (tmp_path / "strategies" / "Far" / "__init__.py").write_text("")
    assert choose_strategy(shell, CellBody(), "Far", tmp_path) == "Far"
    with pytest.raises(StrategyError, match="Did you mean 'Far'"):
        choose_strategy(shell, CellBody(), "Fra", tmp_path)


def test_no_strategy_anywhere(shell):
    with pytest.raises(StrategyError, match="Define a class derived from Strategy"):
        choose_strategy(shell, CellBody(), None)
    with pytest.raises(StrategyError, match="None is defined in this notebook"):
        choose_strategy(shell, CellBody(), "Nothing")


@pytest.mark.parametrize("blank", ["", "\n", "\n\n\n"])
def test_an_error_shows_the_users_lines_with_the_cells_numbers(shell, blank):
    with pytest.raises(ZeroDivisionError) as caught:
        run(shell, f"%%optimize -s BTC-USDT\n{blank}def f():\n    return 1 / 0\nf()")
    shown = "\n".join(caught.value._render_traceback_())
    assert f"line {len(blank) + 4}" in shown  # the call
    assert f"line {len(blank) + 3}, in f()" in shown
    assert "return 1 / 0" in shown
    assert "run_cell_magic" not in shown
    assert "jesse_nb" not in shown
    frame = traceback.extract_tb(caught.value.__traceback__)[-1]
    assert (frame.lineno, linecache.getline(frame.filename, frame.lineno).strip()) == (
        len(blank) + 3,
        "return 1 / 0",
    )


def test_an_error_stops_before_anything_runs(shell, demo):
    with pytest.raises(NameError):
        run(
            shell,
            "%%backtest -s BTC-USDT -t 1h --start 2023-01-20 --end 2023-02-20 -o out\nundefined\n" + STRATEGY,
        )
    assert "out" not in shell.user_ns


def test_errors_of_our_own_stay_one_message(shell):
    with pytest.raises(StrategyError) as caught:
        body_of(shell, "from jesse_nb import StrategyError\nraise StrategyError('so')")
    assert caught.value._render_traceback_() == ["StrategyError: so"]


@pytest.mark.parametrize("source", ["class A(Strategy:\n  pass", "x = 1\n  y = 2", "return 3", "await f()"])
def test_a_syntax_error_shows_where(shell, source):
    with pytest.raises(CellSyntaxError) as caught:
        body_of(shell, source)
    shown = "\n".join(caught.value._render_traceback_())
    assert "SyntaxError" in shown or "IndentationError" in shown
    assert "jesse_nb" not in shown


def test_the_source_can_be_found(shell):
    body = body_of(shell, STRATEGY)
    found = inspect.getsource(body.strategies["Crossing"].should_long)
    assert found.splitlines() == ["    def should_long(self):", "        return self.rising()"]


def test_ipythons_own_syntax_works(shell, capsys):
    body_of(shell, "%config JesseNb.jobs = 3\n\nfolder = !echo here\n")
    assert shell.user_ns["folder"] == ["here"]
    assert run(shell, "%config JesseNb.jobs") == 3
