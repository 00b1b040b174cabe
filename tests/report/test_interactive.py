"""Interactive figures: the same numbers as the static ones, escaped, in one file without network."""

from __future__ import annotations

import json
import re
from dataclasses import replace

import numpy as np
import pandas as pd
import plotly.graph_objects as go
import pytest
from matplotlib.artist import Artist

import jesse_nb.widgets.plots.report_view  # noqa: F401 -- makes results showable
from jesse_nb.core.analysis.curves.equity import drawdown
from jesse_nb.core.analysis.studies.parameter_pairs import pair_table
from jesse_nb.report.common.canvas import new_figure, say
from jesse_nb.report.html import fragment
from jesse_nb.report.interactive.figure import interactive
from tests.analysis.results import make_backtest, make_optimization, make_spec
from tests.analysis.walk_forwards import make_walk_forward

NASTY = "<img src=x onerror=alert(1)></script>"


@pytest.fixture(scope="module")
def study():
    return make_optimization(25)


def traces(result, name):
    figure = interactive(result.plot(name))
    json.dumps(figure, allow_nan=False)
    go.Figure(data=figure["data"], layout=figure["layout"])  # which refuses what plotly does not know
    return figure


@pytest.mark.parametrize("make", [make_backtest, lambda: make_optimization(25), lambda: make_walk_forward(160)])
def test_every_picture_of_a_report_has_an_interactive_form(make):
    result = make()
    for name in result.plots():
        assert traces(result, name)["layout"]["xaxis"]["domain"][0] == 0


def test_curves_are_those_of_the_result():
    result = make_backtest()
    lines = [trace for trace in traces(result, "equity")["data"] if trace.get("fill") is None]
    for trace, series in zip(lines, (result.equity, drawdown(result.equity)), strict=True):
        assert trace["y"] == series.tolist()
        assert pd.to_datetime(trace["x"]).equals(pd.DatetimeIndex(series.index.tz_localize(None)))
    assert lines[0]["text"][3].endswith(f"equity: {result.equity.iloc[3]:,.2f}")


def test_cells_hold_what_the_table_says_and_their_trials_are_told(study):
    figure = traces(study, "pair")
    across, down = (figure["layout"][axis]["title"]["text"] for axis in ("xaxis", "yaxis"))
    table = pair_table(study, across, down)
    cells = next(trace for trace in figure["data"] if trace["type"] == "heatmap")
    np.testing.assert_array_equal(np.array(cells["z"], dtype=float), table.to_numpy())
    assert figure["layout"]["yaxis"]["range"] == [len(table) - 0.5, -0.5], "the highest stands above"
    dots = next(trace for trace in figure["data"] if trace["type"] == "scatter")
    for trial, text in zip([one for one in study.trials if one.scored], dots["text"], strict=True):
        assert text.startswith(f"<b>trial {trial.number}: ")
        assert f"{across} = {trial.params[across]}" in text


def test_bars_keep_their_ends():
    result = make_backtest()
    bars = [trace for trace in traces(result, "trades")["data"] if trace["type"] == "bar"]
    assert [trace["name"].split(" (")[0] for trace in bars] == ["losing", "winning"]
    middles, half = np.array(bars[0]["x"]), np.array(bars[0]["width"]) / 2
    profits = result.trades["pnl"].to_numpy()
    counted = [int(((profits >= low) & (profits < high)).sum()) for low, high in zip(middles - half, middles + half,
                                                                                    strict=True)]
    assert np.sum([trace["y"] for trace in bars], axis=0).tolist() == counted
    assert sum(counted) == len(profits)


def test_names_are_text_and_cannot_end_the_script():
    figure, (ax,) = new_figure(2.0)
    say(ax.scatter([1, 2], [3, 4], label=NASTY), [NASTY, "b"])
    ax.set_xlabel(NASTY)
    ax.set_xticks([1, 2], [NASTY, "b"])
    ax.text(1, 3, NASTY)
    ax.legend()
    texts = json.dumps(interactive(figure))
    assert "&lt;img" in texts
    assert "<img" not in texts
    spec = make_spec(name=NASTY)
    page = fragment(replace(make_backtest(spec), equity=make_backtest().equity), interactive=True)
    assert "<img src=x" not in page
    for script in re.findall(r'<script type="application/json">(.*?)</script>', page, re.DOTALL):
        json.loads(script)


def test_what_plotly_cannot_draw_stays_a_picture():
    figure, (ax,) = new_figure(2.0)
    ax.add_artist(type("Odd", (Artist,), {})())
    assert interactive(figure) is None


def test_the_static_form_is_what_it_was_and_the_words_are_the_same(study):
    still, moving = fragment(study), fragment(study, interactive=True, still=False)
    assert still == study._repr_mimebundle_()["text/html"]
    assert "<script" not in still
    pictures = r'<img src="data[^>]*>\s*<img hidden[^>]*>'  # the second one for narrow places
    assert re.sub(pictures, "", still) == re.sub(r'<div class="figure".*?</script></div>', "", moving, flags=re.DOTALL)
    assert len(re.findall(pictures, still)) == moving.count('class="figure"') > 4


def test_one_file_has_its_script_once_and_loads_nothing(study, tmp_path):
    page = study.to_html(tmp_path / "page.html", interactive=True).read_text(encoding="utf-8")
    assert page.count("plotly.js v") == 1
    assert not re.search(r'<(script|link|img)[^>]*(src|href)="(?!data:)', page)
    assert page.count("<noscript><img") == page.count('class="figure"')
    assert len(study.to_html(tmp_path / "still.html").read_text(encoding="utf-8")) < 2_000_000


def test_show_without_ipython_prints_the_report(study, capsys):
    study.show()
    assert capsys.readouterr().out.strip() == str(study).strip()
