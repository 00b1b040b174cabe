"""The same words mean the same value on every surface: over every option of every tool, from the declaration."""

from __future__ import annotations

import shlex

import pytest

from jesse_nb.cli.parser import parse_command_line
from jesse_nb.core.candles import CandleStore
from jesse_nb.core.record.labels import LABEL_WORDS
from jesse_nb.core.tools.declaration.line import given_words, read_line
from jesse_nb.core.tools.declaration.markets import Several
from jesse_nb.core.tools.declaration.reader import Desk
from jesse_nb.core.tools.declaration.values import FlagEach, Number, Whole
from jesse_nb.core.tools.registry import TOOLS
from jesse_nb.exceptions import JesseNbError
from jesse_nb.magics.config import JesseNb
from jesse_nb.magics.options import desk_of, parse_line, tool_arguments
from jesse_nb.magics.panel.panel_fields import line_of as line_of_form
from jesse_nb.magics.panel.panel_fields import make_field
from jesse_nb.magics.panel.panel_tables import table_of

from .conftest import run

#: Words of arguments that are no plain number, choice or switch: right ones, and wrong ones.
WORDS = {
    "symbol": (["BTC-USDT"], ["btc"]), "symbols": (["BTC-USDT", "ETH-USDT"], ["btc"]),
    "timeframe": (["4h"], ["1hour"]), "timeframes": (["1h", "4h"], ["5"]),
    "routes": (["BTC-USDT:1h", "ETH-USDT:4h:Mine"], ["BTC-USDT"]), "data_routes": (["ETH-USDT:4h"], ["ETH-USDT"]),
    "periods": (["2023-01-01..2023-02-01"], ["2023-01-01"]),
    "start": (["2024-01-31 12:00"], ["2023-05-04-03"]), "end": (["2024-02-01"], ["2023,04,05"]),
    "test_start": (["2024-01-31"], ["2023-"]), "test_end": (["2024-01-31"], ["soon"]),
    "y": (["ETH-USDT"], ["eth"]), "x": (["BTC-USDT"], ["btc"]),
    "hedge": (["0.8"], ["-1"]),
    "exchange": (["Binance Spot"], ["a" * 10_000]),
    "hyperparameters": (["use=false", "off=None", "n=1_000"], ["fast=", "slow"]),
    "space": (["fast=5:30", "mode=a,b"], ["fast=30:5"]), "metric": (["max", "drawdown"], ["sharp"]),
    "constraints": (["trades >= 30"], ["trades >> 30"]), "params": (["fast=5,10", "slow=30"], ["fast="]),
    "benchmark": (["BTC-USDT"], None), "ruin": (["20", "30.5"], ["0"]), "holdout": (["90d"], ["many"]),
    "n_jobs": (["1e1"], ["rya"]), "concurrent_limit": (["ray://10.0.0.1:10001"], ["1.5"]),
    "memory_limit": (["512"], ["100"]), "project": (["."], ["a\0b"]), "candles": (["there"], ["a\0b"]),
    "store": (["runs.sqlite"], ["postgres:/me:secret@host"]), "sampler": (["NSGA-II"], ["tpee"]),
    "pruner": (["Median"], ["mediam"]), "checks": (["look_ahead", "reads"], ["look_back"]),
    "confidence_levels": (["0.9", "0.99"], ["95"]), "time_horizons": (["1", "1e1"], ["1.5"]),
    "method": (["t", "fhs"], ["garch"]), "shocks": (["fee=0.002", "slippage_bps=5"], ["fee="]),
    "funding": (["5e-4"], ["stroed"]), "fee": (["BTC-USDT=4e-4,ETH-USDT=0.001"], ["BTC-USDT=nan"]),
    "results": (["12ab34cd", "34cd12ab"], None), "weights": (["one=0.4", "other=0.6"], ["hrpp"]),
    "n_regimes": (["3"], ["5"]),
    "notify": (["desktop"], None), "live": (["trades.csv"], None), "session": (["3f2a"], ["f" * 40]),
    "time_zone": (["Europe/Berlin"], ["Europe/Berln"]),
    "inputs": (["BTC-USDT", "12ab34cd"], None),
    "universe": (["BTC-USDT", "ETH-USDT"], ["BTC"]), "factors": (["market", "momentum"], ["markt"]),
    "custom_scenarios": (["mine=1"], ["mine="]), "at": (["worst_exposure", "2024-01-31"], ["someday"]),
}

#: Read by each surface itself: what names of a notebook or a folder stand for.
NAMES = ("strategy", "strategies", "names", "result", "results", "key", "initial_result", "output", "trust",
         "background", "show_windows", *LABEL_WORDS)


def samples(one):
    """Return right and wrong words of an argument; None for wrong ones where there are none."""
    reader = one.reader
    if one.name == "scenarios" and isinstance(reader, Several):
        return ["crash", "replay:ftx"], ["crush"]
    if one.name in WORDS and (reader.many or len(WORDS[one.name][0]) == 1):
        return WORDS[one.name]
    if reader.many == 0:
        return [], None
    if isinstance(reader, FlagEach):
        return [reader.choices[-1]], None
    if reader.choices:
        return [reader.choices[-1]], ["Nothing of it"]
    if isinstance(reader, Whole):
        return [f"{reader.low + 1}e0"], ["1.5"]
    assert isinstance(reader, Number), one.name
    return ["5e-2"], ["nan"]


def cases(wrong):
    for tool in TOOLS.values():
        for one in tool.parameters:
            if not (tool.magics or tool.command) or one.name in NAMES or not {"magic", "command"} & set(one.surfaces):
                continue
            words = samples(one)[wrong]
            if words is not None:
                yield pytest.param(tool, one, words, id=f"{tool.name}-{one.name}")


def known(value):
    """Return a value that can be compared."""
    return str(value.root) if isinstance(value, CandleStore) else value


def line_of(one, flag, words):
    return [f"--{words[0]}"] if isinstance(one.reader, FlagEach) else [flag, *words]


def of_magic(shell, tool, line):
    magic = shell.find_line_magic(tool.magics[0])
    words = given_words(tool, "magic", parse_line(magic, shlex.join(line)))
    return tool_arguments(tool, words, {}, desk_of({}))


def of_command(tool, line):
    placed = [one.name for one in tool.on("command") if one.positional]
    here = ["12ab"] if "key" in placed else ["x.py"] if placed else []
    words = given_words(tool, "command", parse_command_line([tool.command, *here, *line]))
    return read_line(tool, "command", words, Desk(), NAMES)


def of_form(shell, tool, one, words):
    """Return the field of a form with these words filled in, and the value that the form's own line gives."""
    table, magic = table_of(tool.panel), shell.find_line_magic(tool.panel)
    field = make_field(table, magic.parser, one.name, {}, {})
    field.offer(one.reader.choices or words)
    field.fill(words if one.reader.many != 0 else ["yes"])
    if field.find_error():
        return field, None
    line = line_of_form(table, magic.parser, {one.name: field.words})
    return field, tool_arguments(tool, given_words(tool, "magic", parse_line(magic, line)), {}, desk_of({}))[one.name]


@pytest.fixture(scope="module")
def lines():
    """Every option of every tool, with right words."""
    return [case.values for case in cases(0)]


def test_right_words(shell, lines):
    settings = next(each for each in shell.configurables if isinstance(each, JesseNb))
    assert len(lines) > 120
    for tool, one, words in lines:
        expected = known(one.read_words(words, Desk()))
        for flag in one.all_flags:
            line = line_of(one, flag, words)
            if "magic" in one.surfaces and tool.magics:
                assert known(of_magic(shell, tool, line)[one.name]) == expected, (tool.name, flag)
            if "command" in one.surfaces and tool.command:
                assert known(of_command(tool, line)[one.name]) == expected, (tool.name, flag)
        if one.setting and "magic" in one.surfaces and one.name not in ("symbols", "timeframes"):
            setattr(settings, one.setting, " ".join(words))
            set_before = tool_arguments(tool, {}, settings.chosen(), None)
            assert known(one.read(set_before[one.name])) == expected, (tool.name, one.setting)
            setattr(settings, one.setting, None)


def test_right_words_in_a_form(shell, lines):
    filled = 0
    for tool, one, words in lines:
        if not (tool.form and one.in_form and "magic" in one.surfaces):
            continue
        if one.reader.choices and one.reader.field == "choice":  # which has no other spellings to choose
            words = [one.reader.choices[-1]]
        field, value = of_form(shell, tool, one, words)
        assert field.find_error() == "", (tool.name, one.name)
        assert known(value) == known(one.read_words(words, Desk())), (tool.name, one.name)
        filled += 1
    assert filled > 80


@pytest.mark.parametrize(("tool", "one", "words"), cases(1))
def test_wrong_words(shell, tool, one, words):
    said = []
    if "magic" in one.surfaces and tool.magics and "\0" not in words[0]:
        with pytest.raises(JesseNbError) as refused:
            of_magic(shell, tool, [one.all_flags[-1], *words])
        assert refused.value.argument == one.name
        said.append(str(refused.value))
        if tool.form and one.in_form and one.reader.field in ("text", "suggest"):
            field, _ = of_form(shell, tool, one, words)
            assert field.find_error().replace(one.title, tool.flag_of(one.name, "magic"), 1) == said[-1]
    if "command" in one.surfaces and tool.command:
        with pytest.raises(JesseNbError) as refused:
            of_command(tool, [one.all_flags[-1], *words])
        assert refused.value.argument == one.name
        said.append(str(refused.value.call(tool.flag_of(one.name))))
    assert len(set(said)) <= 1, said
    assert all(len(text) < 400 and "secret" not in text and "\n" not in text for text in said)


def test_a_mistyped_option_never_echoes_a_password(shell):
    for line in ("--sotre postgresql://me:secret@host/db", "--sotre=postgresql://me:secret@host/db",
                 "--store=postgress://me:secret@host", "One postgresql://me:secret@host/db"):
        with pytest.raises(Exception, match=r".") as refused:
            run(shell, f"%optimize {line}")
        assert "secret" not in str(refused.value)
