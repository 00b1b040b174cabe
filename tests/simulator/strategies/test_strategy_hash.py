"""The hash of a class from a notebook: of all it would do, and of nothing else."""

from __future__ import annotations

import json
import sys
from importlib.machinery import EXTENSION_SUFFIXES
from pathlib import Path
from typing import Any

import pytest

from jesse_nb.core.simulator.strategies.strategy_hash import hash_class, hash_source
from tests.simulator.helpers import run_python

#: A notebook in one text: `@...@` marks what the cases below replace.
NOTEBOOK = '''
import enum, functools, collections, dataclasses, random
import numpy as np
import local_helper
import local_package.inner
from local_helper import doubled
from jesse.strategies import Strategy

LIMIT = 5
NAMES = {"alpha", "beta", "gamma", "delta"}
TABLE = {"x": [1, 2], "y": (3, {"a", "b", "c"})}
ARRAY = np.arange(3)
Point = collections.namedtuple("Point", "a b")
POINT = Point(1, 2)

class Mode(enum.Enum):
    LOW = 1
    HIGH = 2

@dataclasses.dataclass
class Setting:
    level: int = 3
    names: frozenset = frozenset({"p", "q", "r"})
    def at(self):
        return self.level

SETTING = Setting(4)

class Slotted:
    __slots__ = ("value",)
    def __init__(self, value):
        self.value = value

SLOTTED = Slotted(8)
UNUSED = 1

def helper(value, add=1):
    return value + add + helper.extra

helper.extra = 0

@functools.lru_cache
def cached(value):
    return value * 2

half = functools.partial(pow, 2)
lookup = {"a": 1}.get
levelled = SETTING.at

class Wrapping:
    def __init__(self, function):
        self.__wrapped__, self.scale = function, 5
    def __call__(self, value):
        return self.scale * value

wrapping = Wrapping(helper)

class Base(Strategy):
    weight = 1.5
    def should_long(self):
        return self.weight > 1

def make(level):
    class Made(Base):
        def go_long(self):
            return level
    return Made

class Trend(Base):
    """Follows."""
    period = 10
    choices = {"one", "two", "three"}

    def __init__(self):
        super().__init__()
        self.mode = Mode.HIGH

    @property
    def value(self):
        return helper(LIMIT) + half(3) + POINT.a + SLOTTED.value + local_package.inner.VALUE

    @functools.cached_property
    def slow(self):
        return cached(3)

    @staticmethod
    def plain(value):
        try:
            value += 1
            return value
        except ValueError:
            return 0

    @classmethod
    def named(cls):
        return "alpha" in NAMES or "z" in {"k", "l", "m"}

    def go_long(self):
        import local_lazy
        from local_package import late
        total = [number for number in range(LIMIT)], lookup("a"), levelled(), wrapping(1)
        return TABLE, ARRAY, SETTING, local_helper.FACTOR, doubled(2), local_lazy.X, late.Y, random.random

    def inside(self, *, strict=False):
        return [lambda: LIMIT + 1 for _ in range(2)]
'''

UNUSUAL = """
import datetime, functools, re
import numpy, pandas
from jesse.strategies import Strategy

@functools.cache
def quick(x):
    return x + {add}

class Meta(type(Strategy)):
    pass

class Odd(list):
    pass

odd = Odd([1, {item}])
pattern, frame = re.compile("a"), pandas.DataFrame({{"a": [1, {item}]}})
loop = []
loop.append(loop)

class Trend(Strategy, metaclass=Meta):
    when = datetime.date(2024, 1, {item})
    def should_long(self):
        return quick(1), odd, pattern, frame, loop, Ellipsis, numpy.random, len
    def go_long(self):
        def unset():
            return later
        if self.index < 0:
            later = 1
        return unset
"""

LOCAL = {
    "local_helper.py": "from local_deep import DEPTH\nFACTOR = 2\ndef doubled(x):\n    return FACTOR * x * DEPTH\n",
    "local_deep.py": "DEPTH = 1\n",
    "local_lazy.py": "X = 1\n",
    "local_package/__init__.py": "",
    "local_package/inner.py": "VALUE = 1\n",
    "local_package/late.py": "Y = 1\n",
    "local_package/other.py": "Z = 1\n",
}

RUN = """
import json, sys
from jesse_nb.core.jesse_runtime import strategy_class
strategy_class()
from pathlib import Path
for cells, files in json.load(open("cells.json")):
    for name, text in files.items():
        Path(name).write_text(text)
    space = sys.modules["__main__"].__dict__
    kept = dict(space)
    exec(compile(cells, "<cell>", "exec", dont_inherit=True), space)
    from jesse_nb.core.simulator.strategies.strategy import resolve_strategy
    import cloudpickle
    print(resolve_strategy(space["Trend"]).ref.hash)
    for name in set(space) - set(kept):
        del space[name]
"""


def hashes(folder: Path, *cells: str, files: list[dict[str, str]] | None = None, seed: str = "0") -> list[str]:
    """Hash the Trend of each text, defined in ``__main__`` of a new process whose folder holds local modules.

    ``files`` are written before the cell of the same place is run.
    """
    write_local(folder)
    (folder / "cells.json").write_text(json.dumps(list(zip(cells, files or [{}] * len(cells), strict=True))))
    return run_python(RUN, cwd=folder, PYTHONHASHSEED=seed, PYTHONDONTWRITEBYTECODE="1").split()


def changed(old: str, new: str) -> str:
    assert NOTEBOOK.count(old) == 1, old
    return NOTEBOOK.replace(old, new)


def test_the_same_in_every_process_and_when_defined_twice(base: str, tmp_path: Path):
    for seed in ("1", "77"):
        assert hashes(tmp_path, NOTEBOOK, NOTEBOOK, seed=seed) == [base, base]


def write_local(folder: Path) -> None:
    for name, text in LOCAL.items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(text)


def test_the_same_in_this_process_as_in_another(base: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    write_local(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    space: dict[str, Any] = {"__name__": "__main__"}
    exec(compile(NOTEBOOK, "<cell>", "exec", dont_inherit=True), space)
    try:
        assert hash_class(space["Trend"]) == base
        assert hash_class(space["make"](1)) != hash_class(space["make"](2))
        odd: dict[str, Any] = {"__name__": "__main__"}
        exec(compile(UNUSUAL.format(add=1, item=2), "<cell>", "exec", dont_inherit=True), odd)
        assert hash_class(odd["Trend"]) == hash_class(odd["Trend"])
    finally:
        for name in [name for name in sys.modules if name.startswith("local_")]:
            del sys.modules[name]


INSTALLED = """
import sys
sys.path.insert(0, {folder!r})
from bought import Trend, Base
from jesse_nb.core.simulator.strategies.strategy_hash import hash_class, read_class
from jesse_nb.quickstart import TrendFollower
class Mine(Base):
    def should_long(self):
        return False
Mine.__module__ = "__main__"
print(hash_class(Trend), hash_class(Mine), *read_class(TrendFollower).modules, *read_class(Trend).modules)
"""


def test_another_version_of_an_installed_strategy_is_another_strategy(tmp_path: Path):
    text = "from jesse_nb import Strategy\nclass Base(Strategy):\n    X = 1\nclass Trend(Base):\n    Y = 1\n"
    found = []
    for number, one in enumerate((text, text + "# a remark\n", text.replace("X = 1", "X = 2"))):
        folder = tmp_path / str(number) / "site-packages"
        folder.mkdir(parents=True)
        (folder / "bought.py").write_text(one)
        found.append(run_python(INSTALLED.format(folder=str(folder)), cwd=tmp_path).split())
    assert found[0] == found[1]
    assert found[0][0] != found[2][0]
    assert found[0][1] != found[2][1]
    assert found[0][2:] == ["jesse_nb.quickstart"]  # which its users change


def test_a_texts_hash_covers_what_it_imports(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    write_local(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    text = "import local_helper, jesse, numpy, no_such\nfrom local_package import late\nfrom . import nothing\nx = 1\n"
    before = hash_source(text)
    assert hash_source(text.replace("x = 1", "x = (1)  # one")) == before
    assert hash_source(text.replace("x = 1", "x = 2")) != before
    for name in ("local_deep.py", "local_package/late.py"):
        (tmp_path / name).write_text(LOCAL[name] + "NEW = 1\n")
        assert hash_source(text) != before
        (tmp_path / name).write_text("does not parse (")
        assert hash_source(text) != before
        (tmp_path / name).write_text(LOCAL[name])
    assert hash_source(text) == before
    assert hash_source("does not parse (") != before
    # A compiled module counts by its bytes.
    (tmp_path / f"local_compiled{EXTENSION_SUFFIXES[0]}").write_bytes(b"one")
    compiled = hash_source("import local_compiled\n")
    (tmp_path / f"local_compiled{EXTENSION_SUFFIXES[0]}").write_bytes(b"two")
    assert hash_source("import local_compiled\n") != compiled


SAME = {
    "comments": changed("    period = 10", "    # the period\n    period = 10  # candles"),
    "layout": changed("        self.mode = Mode.HIGH", "\n\n        self.mode = (\n            Mode.HIGH)"),
    "place": "\n\n\n" + NOTEBOOK,
    "an unused name": changed("UNUSED = 1", "UNUSED = 2"),
    "the class's docstring": changed('"""Follows."""', '"""Follows the trend."""'),
    "annotations": changed("def plain(value):", "def plain(value) -> int:"),
}

CHANGES = {
    "a method": ("return self.weight > 1", "return self.weight > 2"),
    "a constant": ("LIMIT = 5", "LIMIT = 6"),
    "its type": ("LIMIT = 5", "LIMIT = 5.0"),
    "a set": ('"gamma", "delta"}', '"gamma", "epsilon"}'),
    "a set in a method": ('{"k", "l", "m"}', '{"k", "l", "n"}'),
    "a set of the class": ('"two", "three"}', '"two", "four"}'),
    "a nested set": ('{"a", "b", "c"}', '{"a", "b", "d"}'),
    "a table": ('"x": [1, 2]', '"x": [1, 3]'),
    "an array": ("np.arange(3)", "np.arange(4)"),
    "a named tuple": ("Point(1, 2)", "Point(1, 3)"),
    "an enumeration": ("HIGH = 2", "HIGH = 3"),
    "an instance": ("Setting(4)", "Setting(5)"),
    "its class": ("names: frozenset = frozenset({\"p\"", "names: frozenset = frozenset({\"o\""),
    "a slot": ("Slotted(8)", "Slotted(9)"),
    "a helper": ("return value + add + helper.extra", "return value - add + helper.extra"),
    "a helper's attribute": ("helper.extra = 0", "helper.extra = 1"),
    "a default argument": ("def helper(value, add=1)", "def helper(value, add=2)"),
    "a keyword's default": ("strict=False", "strict=True"),
    "a kind of argument": ("def inside(self, *, strict=False)", "def inside(self, strict=False)"),
    "a cached function": ("return value * 2", "return value * 3"),
    "a partial": ("functools.partial(pow, 2)", "functools.partial(pow, 3)"),
    "a bound function": ('{"a": 1}.get', '{"a": 2}.get'),
    "a wrapper": ("function, 5", "function, 6"),
    "a class attribute": ("period = 10", "period = 11"),
    "a base's attribute": ("weight = 1.5", "weight = 1.6"),
    "the base": ("class Trend(Base)", "class Trend(Base, Slotted)"),
    "the name": ("    def named(cls)", "    def name_of(cls)"),
    "what is caught": ("except ValueError", "except KeyError"),
    "what is inside try": ("        try:\n            value += 1\n", "        value += 1\n        try:\n"),
    "a property": ("return helper(LIMIT) +", "return helper(LIMIT) -"),
    "a cached property": ("return cached(3)", "return cached(4)"),
    "a lambda inside": ("lambda: LIMIT + 1", "lambda: LIMIT + 2"),
    "a decorator": ("    @staticmethod\n    def plain", "    @functools.lru_cache\n    def plain"),
}


LATER = ["Trend.period = 12", "Trend.extra = 1", "Base.weight = 9", "Trend.go_long = lambda self: 1",
         "del Trend.inside", "helper.__defaults__ = (7,)", "helper.__kwdefaults__ = {'add': 7}"]

#: What is hashed in one process, as each must import Jesse.
CELLS = {
    "base": [NOTEBOOK],
    "same": list(SAME.values()),
    "changed": [changed(old, new) for old, new in CHANGES.values()],
    "later": [f"{NOTEBOOK}\n{line}\n" for line in LATER],
    "closures": [f"{NOTEBOOK}\nTrend = make({level})\n" for level in ("1", "2", "1", "'1'")],
    "unusual": [UNUSUAL.format(add=add, item=item) for add, item in ((1, 2), (1, 2), (2, 2), (1, 3))],
}


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[str]]:
    answers = iter(hashes(tmp_path_factory.mktemp("notebook"), *(cell for cells in CELLS.values() for cell in cells)))
    return {name: [next(answers) for _ in cells] for name, cells in CELLS.items()}


@pytest.fixture(scope="module")
def base(found: dict[str, list[str]]) -> str:
    return found["base"][0]


def test_unchanged_by_what_does_not_run(base: str, found: dict[str, list[str]]):
    # A function's annotations could be read by it, so they may count.
    assert {name for name, value in zip(SAME, found["same"], strict=True) if value != base} <= {"annotations"}


def test_changed_by_everything_that_runs(base: str, found: dict[str, list[str]]):
    same = [name for name, value in zip(CHANGES, found["changed"], strict=True) if value == base]
    assert not same
    assert len(set(found["changed"])) == len(CHANGES)


def test_changed_by_what_is_done_to_it_later(base: str, found: dict[str, list[str]]):
    assert len({base, *found["later"]}) == len(LATER) + 1


def test_changed_by_the_local_modules_it_imports_and_no_other(base: str, tmp_path: Path):
    edits = [{name: text + line} for name, text in LOCAL.items() for line in ("# a comment\n", "NEW = 1\n", "")]
    found = hashes(tmp_path, *[NOTEBOOK] * len(edits), files=edits)
    for number, name in enumerate(LOCAL):
        commented, changed_module, restored = found[3 * number : 3 * number + 3]
        assert commented == restored == base, name
        assert (changed_module == base) == (name == "local_package/other.py"), name


def test_a_factorys_classes_differ_by_their_closure(found: dict[str, list[str]]):
    closures = found["closures"]
    assert closures[0] == closures[2]
    assert len(set(closures)) == 3


def test_compiled_and_unusual_values(found: dict[str, list[str]], tmp_path: Path):
    unusual = found["unusual"]
    assert unusual[0] == unusual[1]
    assert len(set(unusual)) == 3
    assert hashes(tmp_path, CELLS["unusual"][0], seed="5") == [unusual[0]]
