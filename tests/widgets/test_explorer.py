"""The trade explorer without a browser: its traits and callbacks, on real runs of the demo market."""

from __future__ import annotations

import io
import shutil
import time
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest

import jesse_nb as jn
import jesse_nb.widgets.explorer.explorer as explorer_module
from jesse_nb.core.candles import CandleStore, install_demo
from jesse_nb.core.simulator.pipeline import CandlePipeline
from jesse_nb.core.times import to_ms
from jesse_nb.exceptions import CandlesError, InputError, MissingPartError
from jesse_nb.magics.analyze import result_named
from jesse_nb.report.optimize.pair_figures import pairs_of
from jesse_nb.widgets.explorer.explorer import Explorer
from jesse_nb.widgets.explorer.explorer_backtest import BacktestExplorer
from jesse_nb.widgets.explorer.explorer_look import ExplorerFigure
from jesse_nb.widgets.explorer.explorer_pairs import PairChart
from jesse_nb.widgets.explorer.explorer_trials import trial_charts
from jesse_nb.widgets.explorer.explorer_windows import windows_chart
from tests.analysis.results import make_optimization
from tests.analysis.walk_forwards import make_walk_forward
from tests.strategies import IDLE
from tests.strategies_drawing import DRAWER, MOODY

PERIOD = ("BTC-USDT", "1h", "2023-01-12", "2023-01-26")


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> CandleStore:
    store = CandleStore(tmp_path_factory.mktemp("explorer_candles"))
    install_demo(store, ["BTC-USDT"], "2023-01-01", "2023-02-01")
    return store


@pytest.fixture(scope="module")
def where(demo: CandleStore, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    return {"candles": demo, "store": tmp_path_factory.mktemp("explorer_store") / "runs.sqlite"}


@pytest.fixture(scope="module")
def result(where: dict[str, Any]) -> Any:
    return jn.backtest(DRAWER, *PERIOD, **where, warm_up_candles=30)


@pytest.fixture(scope="module")
def explorer(result: Any, where: dict[str, Any]) -> Explorer:
    return result.explore(**where)  # type: ignore[no-any-return]


def trace(explorer: Explorer, name: str) -> Any:
    return next(one for one in explorer.parts.chart.figure.data if one.name == name)


def test_it_shows_the_run_as_it_was(explorer: Explorer, result: Any) -> None:
    exploration = explorer.picture
    assert exploration.result is result
    assert exploration.notes == ()
    assert len(exploration.trades) == len(result.trades) > 10
    assert exploration.equity.iloc[-1] == pytest.approx(result.equity.iloc[-1])
    parts = explorer.parts
    price, entries = trace(explorer, "price"), trace(explorer, "entries")
    assert len(price.x) == 14 * 24
    assert entries.customdata.tolist() == exploration.trades.index.tolist()
    assert entries.y.tolist() == exploration.trades["entry_price"].tolist()
    assert np.nanmax(trace(explorer, "stops").y) > 0
    assert parts.table.rows[0][0][:2] == [1, "1"]
    assert parts.table.kept == exploration.trades.index.tolist()


def test_names_are_escaped_and_wrong_colours_replaced(explorer: Explorer) -> None:
    names = [one.name for one in explorer.parts.chart.figure.data]
    assert "&lt;b&gt;mean&lt;/b&gt;" in names
    assert trace(explorer, "&lt;b&gt;mean&lt;/b&gt;").line.color.startswith("#")
    assert explorer.parts.chart.figure.layout.yaxis4.title.text == "&lt;i&gt;gap&lt;/i&gt;"
    assert "nothing" not in names  # it has no value to draw


def test_a_zoom_is_redrawn_from_finer_candles(explorer: Explorer) -> None:
    figure, chart = explorer.parts.chart.figure, explorer.parts.chart
    zoomed = {"xaxis.range[0]": "2023-01-15 00:00:00.123", "xaxis.range[1]": "2023-01-16"}
    figure._handler_js2py_relayout({"new": {"relayout_data": zoomed, "source_view_id": "x"}})
    assert chart._range == (to_ms("2023-01-15") + 123, to_ms("2023-01-16"))
    assert len(trace(explorer, "price").x) == 48  # a day, and half of one beyond each edge
    assert "2023-01-15" in explorer.parts._status.value
    low, high = figure.layout.yaxis.range
    seen = explorer.picture.candles[explorer.picture.markets[0]]
    within = seen[(seen[:, 0] >= to_ms("2023-01-15")) & (seen[:, 0] < to_ms("2023-01-16"))]
    assert low < within[:, 4].min() < within[:, 3].max() < high
    figure._handler_js2py_relayout({"new": {"relayout_data": {"xaxis.autorange": True}, "source_view_id": "x"}})
    assert chart._range == (to_ms("2023-01-12"), to_ms("2023-01-26"))


def test_what_is_seen_first_is_whole_before_a_page_hears(explorer: Explorer, monkeypatch: pytest.MonkeyPatch) -> None:
    """A page that still loads plotly's script hears no message: it has what the widget was opened with."""
    messages, notify = [], ExplorerFigure.notify_change

    def note(figure: Any, change: Any) -> None:
        if change["name"].startswith("_py2js") and change["new"]:
            messages.append(change["name"])
        notify(figure, change)

    monkeypatch.setattr(ExplorerFigure, "notify_change", note)
    chart = BacktestExplorer(explorer.picture).chart.figure  # type: ignore[arg-type]
    trials = trial_charts(make_optimization(), print)
    windows = windows_chart(make_walk_forward(), print)
    assert messages == []
    assert len(trials) == 2
    for figure in (chart, *trials, windows):
        opened_with = figure.get_state()
        assert sum("x" in one for one in opened_with["_widget_data"]) >= min(len(figure.data), 2)
        assert opened_with["_config"]["responsive"]
    chart.layout.title = "changed"
    assert messages == ["_py2js_relayout"]  # so they are heard of here


def test_a_page_that_is_loaded_again_gets_the_figure_as_it_is_now(explorer: Explorer) -> None:
    chart = explorer.parts.chart
    chart.show(to_ms("2023-01-15"), to_ms("2023-01-16"))
    state = chart.figure.get_state()
    sent = {one["name"]: one for one in state["_widget_data"]}
    assert sent["equity"]["x"]["shape"] == trace(explorer, "equity").x.shape
    assert len(sent["price"]["x"]) == len(trace(explorer, "price").x) < 60
    assert state["_widget_layout"]["xaxis"]["range"] == ["2023-01-15 00:00:00", "2023-01-16 00:00:00"]
    chart.last(None)


def test_a_row_jumps_to_its_trade_and_a_mark_to_its_row(explorer: Explorer) -> None:
    parts = explorer.parts
    parts.table._handle_custom_msg({"jump": 5}, [])
    opened = explorer.picture.trades.loc[5, "opened_at"]
    start, end = (pd.Timestamp(moment, unit="ms", tz="UTC") for moment in parts.chart._range)
    assert start < opened < end
    assert (end - start) < pd.Timedelta("10D")
    assert parts.table.selected == 5
    assert len(parts.chart.figure.layout.shapes) == 1
    facts = trace(explorer, "entries").hovertext[list(trace(explorer, "entries").customdata).index(5)]
    assert facts.startswith("<b>Trade 5: ")
    parts._step(1)
    assert parts.table.selected == 6
    parts.chart.last(None)


def test_a_filter_dims_the_rest(explorer: Explorer) -> None:
    parts, trades = explorer.parts, explorer.picture.trades
    parts.filters["side"].value = "long"
    longs = trades.index[trades["side"] == "long"].tolist()
    assert parts.table.kept == longs
    entries = trace(explorer, "entries")
    dimmed = entries.customdata[np.asarray(entries.marker.opacity) < 1].tolist()
    assert dimmed == trades.index[trades["side"] == "short"].tolist()
    assert len(trace(explorer, "filtered out").x) == 3 * len(dimmed)
    parts.filters["outcome"].value = "won"
    assert set(trades.loc[parts.table.kept, "outcome"]) == {"won"}
    for choice in parts.filters.values():
        choice.value = ""
    assert len(parts.table.kept) == len(trades)


def test_a_file_has_the_trades_that_fit_as_numbers(explorer: Explorer, monkeypatch: pytest.MonkeyPatch) -> None:
    table, sent = explorer.parts.table, []
    monkeypatch.setattr(table, "send", sent.append)
    explorer.parts.filters["side"].value = "long"
    table._handle_custom_msg({"csv": True}, [])
    explorer.parts.filters["side"].value = ""
    trades = explorer.picture.trades
    read = pd.read_csv(io.StringIO(sent[0]["csv"]), index_col="trade", parse_dates=["opened_at"],
                       float_precision="round_trip")
    expected = trades[trades["side"] == "long"]
    assert list(read.columns) == list(trades.columns)
    for column in ("pnl", "entry_price", "opened_at"):
        assert read[column].tolist() == expected[column].tolist()


def test_two_parameters_are_chosen_and_their_trials_clicked() -> None:
    study, opened = make_optimization(20), []
    chart = PairChart(study, opened.append)
    assert chart.choice.value == pairs_of(study)[0]
    first = chart.figure
    chart.choice.value = pairs_of(study)[-1]
    assert chart.figure is not first
    assert chart.figure.layout.xaxis.title.text == pairs_of(study)[-1][0]
    dots, star = [trace for trace in chart.figure.data if trace.type == "scatter"]
    dots._dispatch_on_click(SimpleNamespace(point_inds=[3]), None)
    star._dispatch_on_click(SimpleNamespace(point_inds=[0]), None)
    scored = [trial.number for trial in study.trials if trial.scored]
    assert opened == [scored[3], study.best.number]


def test_the_picture_needs_no_script(explorer: Explorer, result: Any) -> None:
    bundle = explorer.picture._repr_mimebundle_()
    assert bundle["text/plain"] == repr(explorer)
    assert f"{len(result.trades)} trades" in bundle["text/plain"]
    assert "data:image/png;base64" in bundle["text/html"]
    assert "<script" not in bundle["text/html"]


def test_a_strategy_that_does_not_repeat_itself(where: dict[str, Any]) -> None:
    moody = jn.backtest(MOODY, *PERIOD, **where, warm_up_candles=30)
    explored = moody.explore(**where)  # type: ignore[union-attr]
    assert explored.picture.recording is None
    assert "made other trades" in explored.picture.notes[0]
    assert explored.picture.result is moody
    assert "made other trades" in repr(explored)


def test_no_trades(where: dict[str, Any]) -> None:
    explored = jn.backtest(IDLE, *PERIOD, **where, warm_up_candles=30).explore(**where)  # type: ignore[union-attr]
    assert "No trade was closed." in repr(explored)
    assert explored.parts.table.rows == []
    assert explored.parts.filters == {}
    explored.parts._step(1)
    assert "data:image/png" in explored.picture._repr_mimebundle_()["text/html"]


def test_candles_that_are_gone_or_made_up(result: Any, where: dict[str, Any], demo: CandleStore, tmp_path: Any) -> None:
    with pytest.raises(CandlesError, match=r"cannot be shown on their candles.*BTC-USDT"):
        result.explore(candles=CandleStore(tmp_path / "empty"), store=where["store"])
    other = CandleStore(tmp_path / "other")
    shutil.copytree(demo.root, other.root, dirs_exist_ok=True)
    install_demo(other, ["BTC-USDT"], "2023-01-01", "2023-02-01", seed=7)
    with pytest.raises(CandlesError, match="not those of this run"):
        result.explore(candles=other)
    scenario = replace(result, spec=replace(result.spec, pipeline=CandlePipeline(seed=1)))
    with pytest.raises(InputError, match="rewritten candles"):
        scenario.explore(**where)


def test_what_cannot_be_explored(result: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(InputError, match="A DataFrame cannot be explored"):
        explorer_module.explore(result.trades)
    with pytest.raises(Exception, match=r"trades is a table. %explore needs the result"):
        result_named(["trades"], {"trades": result.trades}, "%explore")
    monkeypatch.setattr(explorer_module, "find_spec", lambda name: None)
    with pytest.raises(MissingPartError, match=r"needs plotly.*jesse-nb\[lab\]"):
        result.explore()


def test_a_trial_opens_its_backtest(where: dict[str, Any]) -> None:
    study = jn.optimize(DRAWER, *PERIOD, **where, warm_up_candles=30, n_trials=4, n_jobs=2, seed=1, test_ratio=0,
                        neighbours=0, parity=False)
    parts = study.explore(**where).parts  # type: ignore[union-attr]
    coordinates, slices = parts.charts
    marks = [one for one in coordinates.data if one.customdata is not None]
    assert sorted(marks[0].customdata.tolist()) == sorted(slices.data[0].customdata.tolist()) == [0, 1, 2, 3]
    job = parts.open(2)
    exploration = job.result(60)
    assert exploration.result.metrics["total"] == study.trials[2].metrics["total"]  # type: ignore[union-attr]
    assert exploration.result.spec.hyperparameters == study.trials[2].params  # type: ignore[union-attr]
    deadline = time.monotonic() + 10
    while parts.opened is None and time.monotonic() < deadline:  # it is built by the job's thread, after its end
        time.sleep(0.02)
    assert parts.opened.exploration is exploration
    assert parts.open(99) is None
    assert "did not run" in parts._status.value
