"""A strategy from a Python file."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

import jesse_nb
from jesse_nb.cli.strategy_file import read_strategy_file
from jesse_nb.core.simulator.strategies.strategy import resolve_strategy
from jesse_nb.exceptions import StrategyError

STRATEGY = """
from jesse.strategies import Strategy
{before}
class {name}(Strategy):
    def should_long(self):
        return False
    def go_long(self):
        pass
"""


@pytest.fixture(autouse=True)
def _same_search_path(monkeypatch):
    monkeypatch.setattr(sys, "path", list(sys.path))


def write(folder: Path, text: str, name: str = "mine.py") -> Path:
    (folder / name).write_text(text)
    return folder / name


def test_the_quickstart_is_a_strategy_file():
    quickstart = read_strategy_file(Path(jesse_nb.__file__).with_name("quickstart.py"))
    assert quickstart.code.ref.name == "TrendFollower"
    assert quickstart.names["space"] == {"fast": (5, 30), "slow": (31, 120), "stop": (1.0, 5.0, 0.5)}


def test_helper_classes_and_bases_are_no_strategies(tmp_path):
    before = "import enum\nclass Side(enum.Enum):\n    long = 1\nclass Base(Strategy):\n    pass\n"
    text = STRATEGY.format(name="Real", before=before)
    file = write(tmp_path, text.replace("Real(Strategy)", "Real(Base)"))
    read = read_strategy_file(file)
    assert read.code.ref.name == "Real"
    assert read.code.ref.source == file.read_text()


def test_modules_beside_the_file_can_be_imported_and_count_for_the_hash(tmp_path):
    file = write(tmp_path, STRATEGY.format(name="A", before="from beside_it import NUMBER"))
    write(tmp_path, "NUMBER = 1\n", "beside_it.py")
    first = read_strategy_file(file).code.ref.hash
    assert read_strategy_file(file).code.ref.hash == first
    write(tmp_path, "NUMBER = 2\n", "beside_it.py")
    assert read_strategy_file(file).code.ref.hash != first


def test_one_of_several_is_named(tmp_path):
    two = STRATEGY.format(name="A", before="") + STRATEGY.format(name="B", before="")
    file = write(tmp_path, two)
    with pytest.raises(StrategyError, match=r"defines 2 strategies: A, B\. Say which one: .*mine\.py:A"):
        read_strategy_file(file)
    assert read_strategy_file(file, "B").code.ref.name == "B"
    with pytest.raises(StrategyError, match="no strategy called 'C'"):
        read_strategy_file(file, "C")


@pytest.mark.parametrize(("text", "said"), [
    ("x = 1\n", "defines no strategy"),
    ("def broken(:\n", "syntax error in line 1"),
    ("x = 1\ny = x / 0\n", r"raised ZeroDivisionError .*Look at line 2"),
    ("import not_there_at_all\n", "raised ModuleNotFoundError"),
])
def test_a_file_that_is_no_strategy_is_refused_in_one_line(tmp_path, text, said):
    with pytest.raises(StrategyError, match=said) as caught:
        read_strategy_file(write(tmp_path, text))
    assert "\n" not in str(caught.value)


def test_a_file_that_is_not_there_names_its_neighbours(tmp_path):
    write(tmp_path, "")
    with pytest.raises(StrategyError, match=r"Cannot read .*Did you mean 'mine\.py'"):
        read_strategy_file(tmp_path / "mein.py")
    with pytest.raises(StrategyError, match="no such folder"):
        read_strategy_file(tmp_path / "nowhere" / "mine.py")
    (tmp_path / "binary.py").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(StrategyError, match="not UTF-8"):
        read_strategy_file(tmp_path / "binary.py")


def test_a_file_named_like_a_module_does_not_replace_it(tmp_path):
    import json

    read_strategy_file(write(tmp_path, STRATEGY.format(name="A", before=""), "json.py"))
    assert sys.modules["json"] is json


def test_a_file_needs_no_import_of_what_a_cell_is_given(tmp_path):
    text = STRATEGY.format(name="A", before="AVERAGE = ta.ema")
    spared = "\n".join(line for line in text.splitlines() if line != "from jesse.strategies import Strategy")
    read = read_strategy_file(write(tmp_path, spared))
    assert read.code.ref.name == "A"
    assert read.code.ref.hash == resolve_strategy(spared).ref.hash
    own = read_strategy_file(write(tmp_path, "from jesse.strategies import Strategy\nta = 5\n" + spared.replace(
        "ta.ema", "ta")))
    assert own.names["ta"] == 5
    with pytest.raises(StrategyError, match="raised NameError when it was run: name 'np' is not defined"):
        read_strategy_file(write(tmp_path, "np.pi\n" + spared))
