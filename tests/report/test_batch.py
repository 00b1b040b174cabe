"""Reports of batches, of known content."""

from __future__ import annotations

import itertools
import math
import pickle
import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest

import jesse_nb.report  # noqa: F401 -- makes results draw themselves
from jesse_nb.core.simulator.spec import Account
from jesse_nb.core.study.batch_entry import BatchEntry
from jesse_nb.core.study.metric import resolve_metric
from jesse_nb.core.tools.batch.batch_result import BatchResult
from jesse_nb.report.batch.batch_figures import draw_heatmap
from jesse_nb.report.batch.batch_tables import matrix
from jesse_nb.report.common.canvas import png
from jesse_nb.report.html import fragment, page
from tests.analysis.results import NO_TRADES, make_backtest, make_spec
from tests.report.test_html import EVIL, Reader, words

SHARPE = resolve_metric("sharpe")


def make_batch(
    strategies: tuple[str, ...] = ("Trend", "Band"),
    symbols: tuple[str, ...] = ("BTC-USDT", "ETH-USDT"),
    timeframes: tuple[str, ...] = ("1h", "4h"),
    sets: tuple[dict[str, Any], ...] = ({},),
    failing: tuple[int, ...] = (),
    idle: tuple[int, ...] = (),
    reason: str = "The strategy raised ValueError: no.",
    metric: Any = SHARPE,
    **options: Any,
) -> BatchResult:
    entries = []
    product = itertools.product(strategies, symbols, timeframes, sets)
    for number, (strategy, symbol, timeframe, values) in enumerate(product):
        spec = make_spec(name=strategy, symbol=symbol)
        run = make_backtest(spec, seed=number, trades=0 if number in idle else 40)
        entry = BatchEntry(
            number=number, strategy=strategy, exchange="Binance Spot", symbol=symbol, timeframe=timeframe,
            start=spec.start, end=spec.end, params=values, store="nowhere.sqlite",
            label=", ".join(f"{name}={value}" for name, value in values.items()) or "defaults",
        )
        if number in failing:
            entries.append(replace(entry, reason=reason))
            continue
        entries.append(replace(entry, spec=spec, metrics=run.metrics, equity=run.equity, seconds=0.3,
                               score=float(metric.read(run)), versions=run.card.versions))
    given = {"total": len(entries), "metric": metric, "account": Account(), "mode": "fast", "gaps": "fill",
             "warm_up_candles": 240, "elapsed": 3.0} | options
    return BatchResult(entries=tuple(entries), **given)


def test_nothing_of_a_batch_escapes_into_the_page() -> None:
    evil = make_batch((EVIL, "b"), sets=({EVIL: EVIL}, {EVIL: "y"}), failing=(0, 9), reason=EVIL, notes=(EVIL,),
                      stopped=EVIL)
    text = page(evil)
    read = Reader(text)
    assert "script" not in read.names
    assert not [name for name, _ in read.attributes if name.startswith("on")]
    assert "&lt;script&gt;" in text
    assert "{{ 7*7 }}" in text
    str(evil)


@pytest.mark.usefixtures("blank_pictures")
def test_the_report_tells_the_whole_story() -> None:
    result = make_batch(symbols=("BTC-USDT", "ETH-USDT", "SOL-USDT"), timeframes=("1h", "4h", "1D"), failing=(3, 4))
    form = fragment(result)
    said = words(form)
    for part in ("Batch: Trend, Band on BTC-USDT, ETH-USDT, SOL-USDT", "16 of 18 combinations finished, 2 failed",
                 "Sharpe ratio by strategy, symbol and timeframe", "Top combinations", "Do ranks hold?", "3 symbols",
                 "3 timeframes", "Equity of the best", "How alike the best are", "Over all combinations", "Failures",
                 "ValueError: no.", "The best of 16 combinations are picked with hindsight", "Result card"):
        assert part in said, part
    assert len(re.findall("<img src", form)) == 3


def test_the_report_names_the_best_by_their_own_numbers() -> None:
    result = make_batch()
    best = max(result.entries, key=lambda entry: entry.metrics["sharpe_ratio"])
    first = str(result).split("\n\n")[1].splitlines()[1].split()
    assert first[:5] == ["1", best.strategy, best.symbol, best.timeframe, f"{best.metrics['sharpe_ratio']:.2f}"]
    lowest = make_batch(metric=resolve_metric(("max_drawdown", "minimize")))
    assert lowest.top(1)[0].metrics["max_drawdown"] == min(entry.metrics["max_drawdown"] for entry in lowest.entries)


def test_text_is_the_same_every_time_and_knows_no_clock() -> None:
    result = make_batch(failing=(1,))
    again = replace(result, elapsed=99.0, entries=tuple(replace(entry, seconds=9.0, reused=True)
                                                        for entry in result.entries))
    assert str(result) == str(again) == str(pickle.loads(pickle.dumps(result)))


def test_mixed_quote_currencies_are_said() -> None:
    assert "counted in USDT and BTC" in str(make_batch(symbols=("ETH-USDT", "ETH-BTC")))
    assert "counted in" not in str(make_batch())


@pytest.mark.parametrize("make", [
    lambda: make_batch(failing=tuple(range(8))), lambda: make_batch(idle=tuple(range(8))),
    lambda: make_batch(failing=(0,), idle=(1, 2)),
    lambda: make_batch(("One",), ("BTC-USDT",), ("1h",)), lambda: make_batch(("One",), ("BTC-USDT",), ("1h", "4h")),
    lambda: replace(make_batch(), entries=(), total=8, stopped="interrupted"),
    lambda: replace(make_batch(), entries=make_batch().entries[:1], stopped="interrupted"),
], ids=["all failed", "no trades", "some", "one run", "one dimension", "none yet", "one yet"])
def test_whatever_is_missing_the_report_stands(make: Callable[[], BatchResult]) -> None:
    result = make()
    assert "nan" not in words(fragment(result)).lower().split()
    assert "Batch" in str(result)
    for name in result.plots():
        assert png(result.plot(name))
    assert len(result.to_frame()) == len(result.entries)
    assert list(result.failures.columns)[-1] == "reason"
    assert result.labels.shape[0] == len(result.entries)


def sides(result: BatchResult) -> tuple[Any, Any, str]:
    shown = matrix(result)
    assert shown is not None
    return shown.table.index.name, shown.table.columns.name, shown.caption


GRID = tuple({"fast": fast, "slow": slow} for fast in (5, 10, 20) for slow in (30, 60))


def test_the_matrix_shows_the_dimensions_that_vary() -> None:
    assert sides(make_batch())[:2] == ("strategy", "symbol · timeframe")
    assert sides(make_batch(("One",)))[:2] == ("symbol", "timeframe")
    assert sides(make_batch(("One",), timeframes=("1h",), sets=GRID))[:2] == ("params", "symbol")
    assert sides(make_batch(("One",), ("BTC-USDT",), ("1h",), GRID))[:2] == ("fast", "slow")
    assert sides(make_batch(timeframes=("1h",), symbols=("BTC-USDT",), sets=GRID))[:2] == ("params", "strategy")
    assert matrix(make_batch(("One",), ("BTC-USDT",), ("1h",))) is None


def test_a_matrix_too_wide_shows_medians_and_says_so() -> None:
    symbols = tuple(f"C{number}-USDT" for number in range(9))
    result = make_batch(symbols=symbols)
    rows, columns, caption = sides(result)
    assert (rows, columns) == ("strategy", "symbol")
    assert caption == "Sharpe ratio by strategy and symbol; the median over all timeframes."
    table = matrix(result).table  # type: ignore[union-attr]
    assert table.loc["Band", "C3-USDT"] == pytest.approx(pd.Series(
        [entry.score for entry in result.entries if (entry.strategy, entry.symbol) == ("Band", "C3-USDT")]).median())


def test_a_matrix_too_long_shows_its_best_rows() -> None:
    many = tuple({"fast": number} for number in range(40))
    result = make_batch(("One",), sets=many, timeframes=("1h",))
    shown = matrix(result)
    assert shown is not None
    assert shown.table.shape == (30, 2)
    assert "The best 30 of 40 rows" in shown.caption
    whole = result.pivot("params", "symbol").median(axis=1)
    assert set(shown.table.index) == set(whole.nlargest(30).index)


@pytest.mark.parametrize("metric", ["sharpe", "win_rate", "total", "max_drawdown", "average_loss", "omega"])
def test_any_two_dimensions_are_drawn(metric: str) -> None:
    result = make_batch(sets=GRID, failing=(3,), idle=(4,))
    figure = result.heatmap("fast", "slow", metric)
    assert png(figure)
    written = [text.get_text() for text in figure.axes[0].texts]
    assert len(written) == 6
    assert result.heatmap(["strategy", "fast"], "symbol", metric, "mean").axes[0].get_ylabel() == ""


def test_cells_without_a_value_are_dashes() -> None:
    result = make_batch(failing=(0,), idle=(1,))
    assert result[1].metrics == NO_TRADES
    written = [text.get_text() for text in result.heatmap("strategy", ["symbol", "timeframe"]).axes[0].texts]
    assert written[:2] == ["–", "–"]
    assert not any("nan" in text for text in written)


def test_the_page_stays_lean_with_a_thousand_runs() -> None:
    small = make_batch()
    sets = tuple({"fast": number} for number in range(1_000))
    entries = tuple(
        replace(small.entries[number % 8], number=number, label=f"fast={number}", params=values,
                strategy="One", symbol="BTC-USDT", timeframe="1h")
        for number, values in enumerate(sets))
    result = replace(small, entries=entries, total=1_000)
    assert len(fragment(result)) < 400_000
    assert len(str(result)) < 5_000
    assert not math.isnan(result.statistics().loc["sharpe_ratio", "median"])


def test_one_column_is_drawn_as_bars():
    table = pd.DataFrame({"Demo": [1.5, -0.5, np.nan]}, index=["BTC-USDT", "ETH-USDT", "SOL-USDT"])
    ax, = draw_heatmap(table, resolve_metric("sharpe")).axes
    assert len(ax.images) == 0
    assert [(bar.get_x(), bar.get_width()) for bar in ax.patches] == [(0, 1.5), (0, -0.5), (0, 0)]
    assert [text.get_text() for text in ax.texts] == ["1.50", "-0.50", "–"]
    assert len({bar.get_facecolor() for bar in ax.patches[:2]}) == 2
    wide = draw_heatmap(pd.concat([table, table], axis=1, keys=["a", "b"]), resolve_metric("sharpe"))
    assert len(wide.axes[0].images) == 1
