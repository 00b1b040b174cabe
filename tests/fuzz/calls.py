"""Arguments of every tool on every surface, drawn from what the tools declare, most of them wrong."""

from __future__ import annotations

import faulthandler
import math
import shlex
from collections.abc import Callable
from datetime import date, datetime, timezone
from decimal import Decimal
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import pandas as pd
from IPython.core.error import UsageError
from IPython.core.magic_arguments import magic_arguments

from jesse_nb.cli.parser import parse_command_line
from jesse_nb.core.candles import CandleStore
from jesse_nb.core.candles.demo import DEMO_EXCHANGE, DEMO_SYMBOLS, demo_candles, install_demo
from jesse_nb.core.candles.exporters import export_candles
from jesse_nb.core.tools.declaration.line import given_words, read_line
from jesse_nb.core.tools.declaration.parameter import COMMAND, MAGIC, PYTHON, Parameter
from jesse_nb.core.tools.declaration.reader import Desk
from jesse_nb.core.tools.declaration.record_tools import RESULTS
from jesse_nb.core.tools.declaration.tool import Tool
from jesse_nb.core.tools.declaration.trading.trading_tools import TO_PROJECT
from jesse_nb.core.tools.record.finding import keep
from jesse_nb.core.tools.registry import TOOLS
from jesse_nb.exceptions import InputError, JesseNbError
from jesse_nb.magics.options import declared_options, parse_line
from tests.cli.job_calls import JobCalls

PERIOD = {"start": "2023-02-01", "end": "2023-04-10"}

#: Markets beside those of the demo: factors need five.
_MORE = ("ADA-USDT", "XRP-USDT")

#: All tools, and the two that start no job.
_TOOLS = {**TOOLS, RESULTS.name: RESULTS, TO_PROJECT.name: TO_PROJECT}

STRATEGY = """
from jesse.strategies import Strategy

class Crossing(Strategy):
    def hyperparameters(self):
        return [{"name": "fast", "type": int, "min": 5, "max": 9, "default": 7}]

    def should_long(self):
        return self.index % 24 == 0

    def go_long(self):
        self.buy = 0.01, self.price

    def update_position(self):
        self.liquidate()
"""

#: Longer than any honest answer takes, seconds.
_PATIENCE = 60

#: So many draws are of `jobs`; so many values are one of those that an argument has.
_JOBS, _RIGHT = 0.04, 0.3

_CANNOT = "this object cannot be turned into anything"

#: The longest line that a person reads.
_LONGEST = 700

_TEXTS = [
    "", " ", "x", "yes", "no", "none", "None", "nan", "inf", "-inf", "0", "-1", "1", "1.5", "1e3", "1e400", "10" * 20,
    "0x10", "1_000", "½", "²", "٣", "5%", "1h", "4h", "1x", "1H", "BTC-USDT", "BTC", "btc-usdt", "BTC/USDT",
    "../../etc", "a" * 10_000, "a\0b", "a\nb", "\u202e", "😀", "<b>", "{x}", "$HOME", "%s", "{0}", "'", '"', "\\", "--",
    "-", "--x", "=", "a=", "=1", "fast=5", "fast=5:9", "fast=9:5", "fast=5:9:0", "fast=nan", "fast=5,6", "2023-02-05",
    "2023,02,05", "2023-2", "2023-02-31", "2023-", "1700000000", "sharpe", "sharp", "sharpe_ratio", "sharpe>1",
    "sharpe > x", "max drawdown", "tpe", "random", "grid", "file.csv", "/", "/dev/null", "/proc/self/mem", "~nobody",
    "postgresql://u:secret@nowhere.example/x", "result", "other", "kept", "ray",
    "ray://nobody.example:1", "binance", "Binance", DEMO_EXCHANGE,
    "spot", "futures", "cross", "fast", "step", "all", "__import__('os').getpid()", "lambda: 0", "[]", "{}", "()",
    "[1, 2]", "{'fast': 5}", "{'fast': (5, 9)}", "1, 2",
]


class Unusual:
    """Something that nobody expects, whose every conversion raises."""

    def _refuse(self, *_: Any) -> Any:
        raise RuntimeError(_CANNOT)

    __str__ = __repr__ = __float__ = __int__ = __bool__ = __len__ = __iter__ = __eq__ = __hash__ = _refuse


def _values(random: Random) -> Any:
    """Return something that could be passed to a function."""
    make: list[Callable[[], Any]] = [
        lambda: None, lambda: random.choice([True, False]), lambda: random.choice([0, 1, -1, 2, 7, 10**30, -(10**30)]),
        lambda: random.choice([0.0, -0.0, 0.5, 1.0, -1.5, 1e308, 1e-308, math.nan, math.inf, -math.inf]),
        lambda: random.choice(_TEXTS), lambda: random.choice(_TEXTS), lambda: random.choice(_TEXTS).encode(),
        lambda: random.choice([np.float64(1.5), np.int64(3), np.bool_(True), np.array([1, 2]), np.array([]), np.nan]),
        lambda: random.choice([pd.NA, pd.NaT, pd.Timestamp("2023-02-05"), pd.DataFrame({"a": [1]}), pd.Series([1.0])]),
        lambda: random.choice([date(2023, 2, 5), datetime(2023, 2, 5, tzinfo=timezone.utc), pd.Timestamp(0)]),
        lambda: random.choice([Decimal("1.5"), 1 + 2j, object(), Unusual(), len, int, Random, Path("x"), ...]),
        lambda: [_values(random) for _ in range(random.randrange(4))],
        lambda: tuple(_values(random) for _ in range(random.randrange(4))),
        lambda: {random.choice(["fast", "x", "", 1, None]): _values(random) for _ in range(random.randrange(3))},
        lambda: {random.choice(_TEXTS) for _ in range(random.randrange(3))}, lambda: iter([1, 2]), lambda: range(3),
        lambda: (word for word in ("a", "b")),
    ]
    return random.choice(make)()


def _surfaces(tool: Tool | None) -> list[str]:
    """Return where a tool is called; without one, where `jobs` is."""
    if tool is None:
        return [MAGIC, COMMAND]
    return [PYTHON, *([MAGIC] if tool.magics else []), *([COMMAND] if tool.command else [])]


class Campaign:
    """Arguments of every tool, surface by surface: each call is planned or refused in one line, and none hangs."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        store = CandleStore(folder / "candles")
        install_demo(store, start="2023-01-01", end="2023-10-15")
        for seed, symbol in enumerate(_MORE, 1):
            store.write(DEMO_EXCHANGE, symbol, demo_candles(DEMO_SYMBOLS[0], "2023-01-01", "2023-05-01", seed))
        self._file = folder / "BTC-USDT.csv"
        export_candles("BTC-USDT", self._file, store=store, end="2023-01-03")
        for name in ("strategies", "storage"):
            (folder / "project" / name).mkdir(parents=True)
        self._market = {"strategy": STRATEGY, "symbol": "BTC-USDT", "timeframe": "1h", "exchange": DEMO_EXCHANGE,
                        "candles": store, "store": folder / "runs.sqlite", **PERIOD}
        self._result = TOOLS["backtest"].load()(**self._market)
        self._other = TOOLS["backtest"].load()(**{**self._market, "symbol": DEMO_SYMBOLS[1]})
        keep(self._result, "kept", tags="x")
        self._names = {"result": self._result, "other": self._other, "rule": len, "space": {"fast": (5, 9)},
                       "Unusual": Unusual()}
        self._jobs = JobCalls()

    def draw(self, random: Random) -> str:
        faulthandler.dump_traceback_later(_PATIENCE, exit=True)
        tool = None if random.random() < _JOBS else random.choice(list(_TOOLS.values()))
        surface = random.choice(_surfaces(tool))
        try:
            if tool is None:
                self._jobs.draw(random, surface, _TEXTS)
            else:
                self._call(tool, surface, random)
        except (JesseNbError, UsageError) as error:  # the latter is IPython's own
            refused = error
        else:
            return f"{surface} taken"
        finally:
            faulthandler.cancel_dump_traceback_later()
        told = str(refused)
        assert "\n" not in told, told
        assert len(told) <= _LONGEST, (len(told), told[:300])
        assert "secret" not in told, told
        if "cannot be looked at" in told:  # no fault of ours may look like one of a value
            assert str(refused.__cause__) == _CANNOT, refused.__cause__
        return f"{surface} refused"

    def _call(self, tool: Tool, surface: str, random: Random) -> None:
        parameters = tool.on(surface)
        wrong = random.sample(parameters, random.randint(1, min(3, len(parameters))))
        arguments = self._python(tool, wrong, random) if surface == PYTHON else self._line(tool, surface, wrong, random)
        self._plan(tool, arguments)

    def _python(self, tool: Tool, wrong: list[Parameter], random: Random) -> dict[str, Any]:
        return {one.name: random.choice(one.reader.suggested)
                if one.reader.suggested and random.random() < _RIGHT else _values(random) for one in wrong}

    def _line(self, tool: Tool, surface: str, wrong: list[Parameter], random: Random) -> dict[str, Any]:
        """Return what a line of hostile words is read as."""
        words = []
        for one in wrong:
            if not one.positional:
                words.append(random.choice(one.all_flags))
            if one.reader.many != 0 and random.random() < 0.9:
                texts = one.reader.suggested if one.reader.suggested and random.random() < _RIGHT else _TEXTS
                words += random.choices(texts, k=1 if one.reader.many is None else random.randint(1, 3))
        if surface == COMMAND:
            try:
                parsed = parse_command_line([tool.command, *words])
            except SystemExit as end:  # --help
                raise JesseNbError("help was asked for") from end
        else:
            def magic(line: str, cell: str | None = None) -> None: ...

            parsed = parse_line(magic_arguments(tool.magics[0])(declared_options(tool)(magic)),
                                " ".join(map(shlex.quote, words)))
        given = given_words(tool, surface, parsed)
        return read_line(tool, surface, given, Desk(self._names, self._evaluate))

    def _evaluate(self, name: str, expression: str) -> Any:
        if expression in self._names:
            return self._names[expression]
        raise InputError.of(name, "stands for nothing here.", "")

    def _plan(self, tool: Tool, arguments: dict[str, Any]) -> None:
        """Make the plan of a call that is right but for these arguments."""
        function = tool.load()
        taken = {one.name for one in tool.on(PYTHON)}
        plural = {"strategies": STRATEGY, "symbols": "BTC-USDT", "timeframes": "1h"}
        usual = {**self._market, **plural, "result": self._result, "n_trials": 2, **self._of_tool(tool.name)}
        if "universe" in arguments:
            usual = {key: value for key, value in usual.items() if key not in ("y", "x")}
        if "trades" in arguments or "equity" in arguments:
            usual.pop("result", None)
        call = {name: value for name, value in {**usual, **arguments}.items() if name in taken}
        if hasattr(function, "plan"):
            function.plan(**call)
        else:
            function(**call)

    def _of_tool(self, name: str) -> dict[str, Any]:
        """Return what only one tool takes, or takes otherwise than the others."""
        several = list(DEMO_SYMBOLS)
        return {
            "walk_forward": {"in_sample_period": 4, "out_sample_period": 2, "step_forward": 3},
            "correlation_matrix": {"inputs": several},
            "regime_detector": {"inputs": several[0], "start": "2023-01-01", "end": "2023-10-01"},
            "factor_analysis": {"universe": [*several, *_MORE]},
            "portfolio": {"results": {"a": self._result, "b": self._other}},
            "compare": {"results": [self._result, self._other]},
            "pairs_backtest": {"y": several[0], "x": several[1], "formation": 14, "trading": 7},
            "check_candles": {"store": self._market["candles"]},
            "import_files": {"source": str(self._file), "store": CandleStore(self._folder / "imported")},
            "preview_files": {"source": str(self._file), "store": CandleStore(self._folder / "imported")},
            "to_project": {"project": self._folder / "project", "overwrite": True},
            "results": {"strategy": None, "symbol": None},
        }.get(name, {})
