"""What a check of a strategy finds, and what it must stay quiet on; each run is the real simulator's."""

from __future__ import annotations

import contextlib
import linecache
import sqlite3
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import jesse_nb.report  # noqa: F401 - results draw themselves
from jesse_nb.core.candles import CandleStore
from jesse_nb.core.times import to_ms
from jesse_nb.core.tools.check.check_strategy import check_strategy
from jesse_nb.core.tools.check.kinds import CHECKS
from jesse_nb.core.tools.check.strategy_check import StrategyCheck
from jesse_nb.exceptions import InputError
from tests.check_strategy import planted
from tests.check_strategy.clean import LIQUIDATED, LOGGING, SETTLED, TABLE, clean_strategies
from tests.conftest import EXCHANGE, real_candles
from tests.strategies import CLOCK, IDLE

START, END = "2023-02-01", "2023-03-01"


def check(text: str, store: CandleStore, **options: Any) -> StrategyCheck:
    found = check_strategy(text, "BTC-USDT", options.pop("timeframe", "1h"), options.pop("start", START),
                           options.pop("end", END), exchange=EXCHANGE, candles=store, **options)
    assert isinstance(found, StrategyCheck)
    return found


@pytest.fixture
def signals(tmp_path: Path) -> Path:
    """What rises in the hour after each hour, from the run's start on: a file over the whole series."""
    candles = real_candles("BTC-USDT")
    first = int(np.searchsorted(candles[:, 0], to_ms(START, "start")))
    closes = candles[first - 1 :: 60, 2]
    change = closes[1:] / closes[:-1] - 1
    path = tmp_path / "signals.npy"
    np.save(path, np.sign(change) * (np.abs(change) > 0.003))
    return path


@pytest.mark.parametrize(("name", "line"), [
    ("FRAMES", "return loop._candles"), ("CENTRED", "return loop._candles"),
    ("REPAINTING", "return savgol_filter(self.candles[:, 2], 31, 2)"),
])
def test_look_ahead_is_found_with_its_line(name: str, line: str, candle_store: CandleStore) -> None:
    found = check(getattr(planted, name), candle_store, checks=("look_ahead",))
    finding, = found.findings
    assert finding.level == "failed"
    assert found.failed
    assert finding.line is not None
    assert finding.line.text.startswith(line)


@pytest.mark.parametrize("name", planted.LOOKING_BACK)
def test_looking_back_at_what_still_changes_is_found(name: str, candle_store: CandleStore) -> None:
    found, = check(planted.LOOKING_BACK[name], candle_store, end="2023-02-15", checks=("look_ahead",)).findings
    assert (found.level, found.brief) == ("failed", "looks back at values that repaint")
    assert found.line is not None
    assert found.line.text.startswith("line = ")


@pytest.mark.parametrize("place", planted.BY_HAND)
def test_a_line_made_by_hand_is_found_wherever_it_stands(
    place: str, candle_store: CandleStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = f"hand_{place.replace(' ', '_')}"
    (tmp_path / f"{name}.py").write_text(f"import numpy as np\n\n{planted.CENTRED_BY_HAND}")
    monkeypatch.syspath_prepend(tmp_path)
    text, line = (part.replace("HAND", name) for part in planted.BY_HAND[place])
    finding, = check(text, candle_store, end="2023-02-15", checks=("look_ahead",)).findings
    assert finding.level == "failed"
    assert "repaints" in finding.summary
    assert finding.line is not None
    assert finding.line.text.startswith(line)


@pytest.mark.parametrize("how", planted.INLINE)
def test_a_line_computed_where_it_is_looked_at_is_found(how: str, candle_store: CandleStore) -> None:
    text, line = planted.INLINE[how]
    finding, = check(text, candle_store, end="2023-02-15", checks=("look_ahead",)).findings
    assert (finding.level, finding.brief) == ("failed", "looks back at values that repaint")
    assert finding.line is not None
    assert finding.line.text.startswith(line)
    assert finding.line.line == next(number for number, code in enumerate(text.splitlines(), start=1)
                                       if code.strip().startswith(line))


def test_a_line_computed_in_a_cell_is_found(candle_store: CandleStore, monkeypatch: pytest.MonkeyPatch) -> None:
    text, line = planted.INLINE["a name"]
    monkeypatch.setitem(linecache.cache, "<cell 7>", (len(text), None, text.splitlines(keepends=True), "<cell 7>"))
    names: dict[str, Any] = {"__name__": "__main__"}
    exec(compile(text, "<cell 7>", "exec", dont_inherit=True), names)
    finding, = check(names["LookingBack"], candle_store, end="2023-02-15", checks=("look_ahead",)).findings
    assert finding.level == "failed"
    assert finding.line is not None
    assert (finding.line.function, finding.line.line) == ("should_long", 1 + next(
        number for number, code in enumerate(text.splitlines()) if code.strip().startswith(line)))


@pytest.mark.parametrize("how", planted.INLINE_CLEAN)
def test_lines_that_know_only_the_past_are_no_fault_wherever_they_stand(how: str, candle_store: CandleStore) -> None:
    found = check(planted.INLINE_CLEAN[how], candle_store, end="2023-02-15", checks=("look_ahead",))
    assert found.of("look_ahead")[0].level == "passed"
    assert len(found.result.trades) > 5


@pytest.mark.parametrize("name", SETTLED)
def test_looking_at_what_does_not_change_any_more_is_no_fault(name: str, candle_store: CandleStore) -> None:
    found = check(SETTLED[name], candle_store, end="2023-02-15", checks=("look_ahead",))
    assert found.of("look_ahead")[0].level == "passed"
    assert len(found.result.trades) > 5


def test_data_made_from_the_whole_series_is_found(candle_store: CandleStore, signals: Path) -> None:
    text = planted.FILE.replace("PATH", repr(str(signals))).replace("START", str(to_ms(START, "start")))
    found = check(text, candle_store, checks=("look_ahead", "reads"))
    ahead, reads = found.findings
    assert (ahead.level, reads.level) == ("failed", "warning")
    assert ahead.line is not None
    assert ahead.line.text.startswith("return self.signals[")


def test_what_a_program_brings_is_data_of_its_own(candle_store: CandleStore) -> None:
    found = check(planted.PROGRAM, candle_store, end="2023-02-10", checks=("look_ahead", "reads"))
    ahead, reads = found.findings
    assert len(found.result.trades) >= 1
    assert (ahead.level, reads.level) == ("cannot be told", "warning")
    assert "It has: program that it starts" in str(found)


@pytest.fixture(scope="module")
def changes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the price does in the four hours after each hour, from the run's start on, in files of several kinds."""
    candles = real_candles("BTC-USDT")
    first = int(np.searchsorted(candles[:, 0], to_ms(START, "start")))
    closes = candles[first - 1 :: 60, 2]
    times = to_ms(START, "start") + 3_600_000 * np.arange(len(closes) - 4)
    table = pd.DataFrame({"time": times, "change": closes[4:] / closes[:-4] - 1})
    folder = tmp_path_factory.mktemp("changes")
    np.save(folder / "changes.npy", table["change"].to_numpy())
    table.to_parquet(folder / "changes.parquet")
    with contextlib.closing(sqlite3.connect(folder / "changes.sqlite")) as base:
        table.to_sql("changes", base, index=False)
    return folder


def with_changes(text: str, changes: Path) -> str:
    table = pd.read_parquet(changes / "changes.parquet")[:672]
    large = table[table["change"].abs() > 0.012].iloc[:60]
    moments = dict(zip(large["time"].tolist(), large["change"].round(4).tolist(), strict=True))
    return text.replace("FOLDER", repr(str(changes))).replace("MOMENTS", repr(moments)).replace(
        "START", str(to_ms(START, "start")))


@pytest.mark.parametrize("text", [*planted.FORETELLING.values(), planted.FORETOLD_EXITS],
                         ids=[*planted.FORETELLING, "exits"])
def test_data_that_tell_the_future_are_found_where_candles_play_a_part(
    text: str, candle_store: CandleStore, changes: Path
) -> None:
    found = check(with_changes(text, changes), candle_store, checks=("look_ahead", "reads"))
    ahead, reads = found.findings
    assert (ahead.level, reads.level) == ("failed", "warning")
    assert "the data was made from later candles" in ahead.summary
    assert ahead.line is not None or "pyarrow (reads files without being seen)" in str(found)
    assert ahead.line is None or "sqlite3" not in text or "sqlite3.connect(" in ahead.line.text


def test_of_data_that_tell_nothing_nothing_is_told(candle_store: CandleStore) -> None:
    found = check(TABLE, candle_store, checks=("look_ahead", "reads"))
    assert "Whether it knows the future cannot be told" in str(found)
    ahead, reads = found.findings
    assert (ahead.level, reads.level) == ("cannot be told", "warning")
    assert ahead.evidence[0] == "It has: HOURS (list of 168 values)."
    assert ahead.line is not None
    assert ahead.line.text.startswith("return HOURS[")


def test_data_that_no_order_goes_by_are_passed_over(candle_store: CandleStore) -> None:
    found = check(LOGGING, candle_store, checks=("look_ahead", "reads"))
    assert [finding.level for finding in found.findings] == ["passed", "passed"]
    assert str(found).count("Nothing wrong was found.") == 1


def test_candles_of_later_read_from_the_store_are_found(candle_store: CandleStore) -> None:
    text = planted.STORED.replace("FIRST", str(int(real_candles("BTC-USDT")[0, 0])))
    text = text.replace("ROOT", repr(str(candle_store.root)))
    ahead, = check(text, candle_store, checks=("look_ahead",)).findings
    assert ahead.level == "failed"
    assert ahead.line is not None
    assert "FUTURE" in ahead.line.text
    assert "BTC-USDT" in ahead.evidence[0]


@pytest.mark.parametrize(("name", "advice", "line"), [
    ("CHANCE", "Draw from", "return random.random() < 0.05"),
    ("NUMPY_CHANCE", "Draw from", "return np.random.rand() < 0.05"),
    ("SET_ORDER", "Sort sets", "return next(iter({"),
    ("CLASS_STATE", "Keep state on self", "return Counting.seen % 11 == 3"),
    ("DEFAULT_STATE", "Keep state on self", "def count(self, seen=[]):"),
    ("CHANCE_OF_SIZE", "Draw from", "self.buy = utils.size_to_qty(self.balance * random.uniform(0.3, 0.4)"),
    ("MODULE_STATE", "Keep state on self", "return len(SEEN) % 11 == 3"),
])
def test_what_is_not_repeatable_is_found_with_its_line(
    name: str, advice: str, line: str, candle_store: CandleStore
) -> None:
    found, = check(getattr(planted, name), candle_store, end="2023-02-15", checks=("determinism",)).findings
    assert found.level == "failed"
    assert found.evidence[-1].startswith(advice)
    assert found.line is not None
    assert found.line.text.startswith(line)


@pytest.mark.parametrize("first", ["list({'long', 'short'})[0]", "next(iter(frozenset(['swing', 'trend'])))"])
def test_the_order_of_two_names_is_found(first: str, candle_store: CandleStore) -> None:
    text = planted.SET_OF_TWO.replace("FIRST", first)
    found, = check(text, candle_store, end="2023-02-08", checks=("determinism",)).findings
    assert (found.level, found.summary) == ("failed", "Orders differ in another interpreter.")


def test_a_clock_is_found_with_its_line(candle_store: CandleStore) -> None:
    text = planted.CHANCE.replace("import random", "import time").replace("random.random()", "time.time() % 1")
    found, = check(text, candle_store, end="2023-02-08", checks=("determinism",)).findings
    assert found.level == "failed"
    line = text.splitlines().index("        return time.time() % 1 < 0.05") + 1
    assert found.evidence[0] == f"It reads the clock (line {line})."
    assert str(found.line) == f"should_long, line {line}: return time.time() % 1 < 0.05"


@pytest.mark.parametrize(("imports", "before", "level"), [
    ("import sklearn.linear_model\nimport statsmodels.api\nimport scipy.signal\nimport logging",
     "logging.getLogger('own').error('at %s', self.price)", "passed"),
    ("import time", "self.vars['began'] = time.perf_counter()", "warning"),
], ids=["libraries", "timing itself"])
def test_what_no_order_depends_on_is_no_fault(
    imports: str, before: str, level: str, candle_store: CandleStore
) -> None:
    text = CLOCK.replace("\nclass ", f"\n{imports}\n\n\nclass ", 1)
    text += f"\n    def before(self):\n        {before}\n"
    found = check(text, candle_store, end="2023-02-08", checks=("determinism",))
    assert [finding.level for finding in found.findings] == [level]
    assert ("Not reproducible" in str(found.result)) == (level == "warning")


def test_a_start_that_never_settles_is_found(candle_store: CandleStore) -> None:
    found, = check(planted.SHORT_WARM_UP, candle_store, end="2023-05-01", checks=("warm_up",)).findings
    assert found.level == "failed"
    assert found.line is not None
    assert found.line.text == "return self.candles[:, 2].mean()"


def test_too_little_history_is_told(candle_store: CandleStore) -> None:
    found, = check(CLOCK, candle_store, start="2023-01-12", checks=("warm_up",)).findings
    assert found.level == "not checked"
    assert "2 times the warm-up is not stored" in found.evidence[0]


@pytest.mark.parametrize("name", clean_strategies())
def test_clean_strategies_pass(name: str, candle_store: CandleStore) -> None:
    text = clean_strategies()[name]
    market = "spot" if len(name) % 3 == 0 else "futures"
    # An interpreter of its own takes seconds to start, so that only one in eight looks at determinism.
    checks = CHECKS[:4] if list(clean_strategies()).index(name) % 8 == 0 else ("look_ahead", "reads")
    found = check(text, candle_store, market=market, start="2023-02-10", moments=3,
                  data_routes=[("BTC-USDT", "1D"), ("BTC-USDT", "4h")], warm_up_candles=30,
                  checks=checks)
    assert [finding for finding in found.findings if finding.level not in ("passed", "not checked")] == []
    assert found.of("look_ahead")[0].level == "passed"
    assert len(found.result.trades) > 0


def test_a_liquidated_position_is_followed(candle_store: CandleStore) -> None:
    found = check(LIQUIDATED, candle_store, checks=("look_ahead",), leverage=20, leverage_mode="isolated")
    assert found.of("look_ahead")[0].level == "passed"
    loss = [trade for trade in found.result.trades.to_dict("records") if abs(trade["pnl_percentage"] + 100) < 5]
    assert loss


def test_a_strategy_that_never_trades_cannot_be_judged(candle_store: CandleStore) -> None:
    levels = {finding.check: finding.level for finding in check(IDLE, candle_store).findings}
    assert levels["look_ahead"] == "not checked"


def test_fragility_tells_profits_as_backtests_give_them(candle_store: CandleStore) -> None:
    from jesse_nb.core.tools.backtest.backtest import backtest

    found = check(CLOCK, candle_store, checks=("fragility",))
    arguments = {"exchange": EXCHANGE, "candles": candle_store}
    dearer = backtest(CLOCK, "BTC-USDT", "1h", START, END, fee=0.002, **arguments)
    moved = backtest(CLOCK, "BTC-USDT", "1h", "2023-02-01T03:00", END, **arguments)
    evidence = " ".join(found.findings[0].evidence)
    for result in (found.result, dearer, moved):
        assert f"{result.metrics['net_profit_percentage']:+.2f} %" in evidence


def test_one_that_loses_has_nothing_to_be_fragile(candle_store: CandleStore) -> None:
    found, = check(CLOCK, candle_store, checks=("fragility",), fee=0.02).findings
    assert "Net profit as it is: -" in found.evidence[0]
    assert (found.level, found.summary) == ("not checked", "It earned nothing that small changes could take.")


def test_it_shows_itself(candle_store: CandleStore) -> None:
    found = check(planted.SHORT_WARM_UP, candle_store, end="2023-05-01")
    assert "Do not believe its results: it failed warm-up." in str(found)
    html = found._repr_mimebundle_()["text/html"]
    assert "return self.candles[:, 2].mean()" in html
    assert list(found.to_frame()["check"]) == list(CHECKS)


@pytest.mark.parametrize(("options", "words"), [
    ({"checks": ("look_ahed",)}, "look_ahead"), ({"checks": ()}, "checks"), ({"moments": 0}, "moments"),
    ({"seed": -1}, "seed"), ({"checks": "look_ahead,warm_up"}, "Separate several by spaces"),
    ({"start": None}, "end are needed"),
])
def test_wrong_arguments_are_told(options: dict[str, Any], words: str, candle_store: CandleStore) -> None:
    with pytest.raises(InputError) as caught:
        check(CLOCK, candle_store, **options)
    assert words in f"{caught.value} {caught.value.hint}"
