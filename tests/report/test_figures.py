import io
import subprocess
import sys
from dataclasses import replace

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest
from PIL import Image

import jesse_nb.report  # noqa: F401 -- makes results draw themselves
from jesse_nb.core.analysis.curves.equity import drawdown, monthly_returns
from jesse_nb.core.analysis.studies.optimization import convergence
from jesse_nb.core.study.space import Space
from jesse_nb.exceptions import InputError
from jesse_nb.report.common.canvas import literal, narrow_place, png
from jesse_nb.report.optimize import optimize_figures
from jesse_nb.report.results import plot
from tests.analysis.results import make_backtest, make_optimization


def line(figure, label):
    return next(one for ax in figure.axes for one in ax.get_lines() if one.get_label() == label)


def test_importing_the_report_room_draws_nothing():
    code = (
        "import sys, jesse_nb.report; "
        "print([name for name in ('matplotlib', 'jinja2', 'jesse') if name in sys.modules])"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "[]"


def test_drawing_leaves_pyplot_and_the_backend_alone():
    code = (
        "import sys, matplotlib; matplotlib.use('svg'); before = dict(matplotlib.rcParams)\n"
        "import jesse_nb.report\n"
        "from tests.analysis.results import make_backtest\n"
        "make_backtest()._repr_mimebundle_()\n"
        "print('matplotlib.pyplot' in sys.modules, before == dict(matplotlib.rcParams))"
    )
    run = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code], capture_output=True, text=True, check=True
    )
    assert run.stdout.strip() == "False True"


def test_which_figures_there_are():
    study = make_optimization(30)
    pairs = [name for name in study.plots() if name.startswith("pair ")]
    varied = len(study.space.names)
    assert len(pairs) == min(varied * (varied - 1) // 2, 10) - 1, "the most important pair is called pair"
    assert [name for name in study.plots() if name not in pairs] == [
        "overfit", "convergence", "importances", "slices", "pair", "parallel", "equity"]
    cells = study.plot(pairs[0]).axes[0]
    assert [cells.get_xlabel(), cells.get_ylabel()] == pairs[0].split()[1:]
    assert sum(len(dots.get_offsets()) for dots in cells.collections) == 1 + sum(
        trial.scored for trial in study.trials), "each trial, and the star"
    values = cells.get_images()[0].get_array()
    inside = [tuple(np.rint(dot).astype(int)) for dot in cells.collections[0].get_offsets()]
    scored = [trial.value for trial in study.trials if trial.scored]
    for column, row in np.ndindex(values.shape[::-1]):
        own = [value for value, cell in zip(scored, inside, strict=True) if cell == (column, row)]
        assert values[row, column] == np.median(own) if own else values.mask[row, column], "a dot is in its own cell"
    lines = study.plot("parallel").axes[0].collections[0]
    assert len(lines.get_segments()) == sum(trial.scored for trial in study.trials)
    assert "pareto" in make_optimization(30, metric=["sharpe", "max_drawdown"]).plots()
    assert "pareto" not in make_optimization(30, metric=["sharpe", "max_drawdown", "win_rate"]).plots()
    assert make_optimization(4, failing=4).plots() == ()
    assert make_optimization(0).plots() == ()
    assert make_optimization(1, failing=0, undefined=0).plots() == ("overfit", "equity")
    assert make_backtest().plots() == ("equity", "monthly", "trades")
    assert make_backtest(trades=0).plots() == ("equity", "monthly")
    with pytest.raises(InputError, match="convergence"):
        make_optimization(30).plot("convergense")


@pytest.mark.parametrize("metric", ["sharpe", ["sharpe", "max_drawdown"], "win_rate", "jesse_score"])
def test_every_figure_is_a_transparent_picture_that_notebooks_show(metric):
    result = make_optimization(40, metric=metric)
    for name in result.plots():
        figure = result.plot(name)
        assert figure._repr_png_().startswith(b"\x89PNG")
        pixels = np.asarray(figure.canvas.buffer_rgba())
        assert pixels[0, 0, 3] == 0
        assert pixels[..., 3].max() > 0


def test_a_picture_is_what_matplotlib_saves():
    figure, saved = make_optimization(20).plot("overfit"), io.BytesIO()
    drawn = Image.open(io.BytesIO(png(figure)))
    assert figure.dpi == 100
    figure.savefig(saved, format="png", dpi=160, transparent=True)
    expected = Image.open(saved).quantize(colors=128, method=Image.Quantize.FASTOCTREE)
    np.testing.assert_array_equal(np.asarray(drawn.convert("RGBA")), np.asarray(expected.convert("RGBA")))


def test_convergence_draws_what_analysis_found():
    result = make_optimization(40)
    figure, frame = result.plot("convergence"), convergence(result)
    best = line(figure, "best so far")
    np.testing.assert_array_equal(best.get_xdata(), frame["trial"])
    np.testing.assert_array_equal(best.get_ydata(), frame["best"])
    crosses = {one.get_label(): one.get_offsets() for one in figure.axes[0].collections}
    assert len(crosses["failed"]) == 3
    low, high = figure.axes[0].get_xlim()
    assert low < 0
    assert high > 39


def test_an_infinite_value_does_not_spoil_the_axis():
    result = make_optimization(30)
    endless = tuple(
        replace(trial, values=(float("inf"),)) if trial.number == 4 else trial for trial in result.trials
    )
    for name in ("convergence", "slices"):
        assert np.isfinite(replace(result, trials=endless).plot(name).axes[0].get_ylim()).all()
    png(replace(result, trials=endless).plot("convergence"))


def test_equity_joins_the_held_out_run():
    result = make_optimization(30)
    figure = result.plot("equity")
    assert line(figure, "best, held out").get_ydata()[0] == pytest.approx(
        line(figure, "best, training").get_ydata()[-1]
    )
    assert len(line(figure, "default parameters").get_ydata()) == len(result.default.equity)


def test_equity_stands_above_its_drawdown():
    result = make_backtest()
    upper, lower = result.plot("equity").axes
    np.testing.assert_array_equal(upper.get_lines()[1].get_ydata(), result.equity)
    np.testing.assert_array_equal(lower.get_lines()[0].get_ydata(), drawdown(result.equity))
    assert lower.get_ylim()[1] == 0


def test_months_are_written_into_the_heat_map():
    result = make_backtest()
    ax = result.plot("monthly").axes[0]
    frame = monthly_returns(result.equity).drop(columns="year")
    assert len(ax.texts) == frame.notna().to_numpy().sum()
    np.testing.assert_array_equal(np.ma.filled(ax.images[0].get_array(), np.nan), frame.to_numpy())


def test_no_bin_holds_both_gains_and_losses():
    result = make_backtest(drift=0.0)
    bars = result.plot("trades").axes[0].patches
    assert sum(bar.get_height() for bar in bars) == len(result.trades)
    assert not any(bar.get_x() < -1e-9 and bar.get_x() + bar.get_width() > 1e-9 for bar in bars)


def test_one_trade_and_equal_trades():
    for count in (1, 5):
        result = make_backtest(trades=max(count, 2))
        trades = result.trades.head(count).assign(pnl=-3.5)
        png(replace(result, trades=trades).plot("trades"))


def test_slices_of_every_kind_of_parameter():
    space = Space.parse(
        {
            "whole": (1, 9),
            "log": {"min": 0.001, "max": 10.0, "log": True},
            "flag": [True, False],
            "none": [None, 1, "1.5"],
            "many": [f"option number {number}" for number in range(20)],
        }
    )
    figure = make_optimization(30, space=space).plot("slices")
    axes = {ax.get_title(loc="left"): ax for ax in figure.axes if ax.get_visible()}
    assert list(axes) == list(space.names)
    assert axes["log"].get_xscale() == "log"
    assert axes["whole"].get_xscale() == "linear"
    assert axes["whole"].get_xlim()[0] < 1
    assert axes["whole"].get_xlim()[1] > 9
    assert len(axes["many"].get_xticks()) <= 8
    assert [label.get_text() for label in axes["flag"].get_xticklabels()] == ["True", "False"]


@pytest.mark.parametrize(("count", "rows", "blank"), [(1, 1, 0), (2, 1, 0), (4, 2, 0), (5, 2, 1), (6, 2, 0)])
def test_no_slice_stands_alone(count, rows, blank):
    result = make_optimization(12, space=Space.parse({f"p{number}": (0, 9) for number in range(count)}))
    axes = result.plot("slices").axes
    assert sum(not ax.get_visible() for ax in axes) == blank
    assert len({round(ax.get_position().y0, 3) for ax in axes}) == rows


def test_more_parameters_than_fit_a_page():
    space = Space.parse({f"p{number}": (0, 9) for number in range(15)})
    result = make_optimization(40, space=space)
    shown = [ax for ax in result.plot("slices").axes if ax.get_visible()]
    assert len(shown) == optimize_figures.MOST_SLICES
    assert "3 more are in" in result._repr_mimebundle_()["text/html"]


def test_importances_are_drawn_as_measured_or_explained():
    result = make_optimization(60)
    ax = result.plot("importances").axes[0]
    assert [label.get_text() for label in ax.get_yticklabels()][-1] == "fast"
    assert sum(bar.get_width() for bar in ax.patches) == pytest.approx(1)
    assert "at least 20" in make_optimization(10).plot("importances").axes[0].texts[0].get_text()


def test_dollars_in_names_are_no_formulas():
    space = Space.parse(
        [
            {"name": r"$\frac$", "type": "categorical", "options": ["$a", "b$^"]},
            {"name": "$x_{$", "type": int, "min": 1, "max": 5},
        ]
    )
    result = make_optimization(30, space=space)
    for name in result.plots():
        png(result.plot(name))
    assert literal("$a$") == r"\$a\$"
    assert literal("x" * 100).endswith("…")


def test_timezones_of_equity_and_shade_agree():
    result = make_optimization(20)
    naive = replace(result.training, equity=result.training.equity.tz_localize(None))
    assert isinstance(naive.equity.index, pd.DatetimeIndex)
    assert mpl.dates.date2num(result.test.equity.index[0]) == pytest.approx(
        mpl.dates.date2num(pd.Timestamp(result.test_start, unit="ms"))
    )


def test_a_narrow_place_has_parts_below_each_other_and_writes_as_large():
    result = make_optimization(30)
    wide = plot(result, "slices")
    with narrow_place():
        narrow = plot(result, "slices")
    assert (plot(result, "slices").get_figwidth(), wide.get_figwidth(), narrow.get_figwidth()) == (9.0, 9.0, 4.6)
    sides = [sorted({round(ax.get_position().x0, 1) for ax in figure.axes}) for figure in (wide, narrow)]
    assert len(sides[0]) > 1 == len(sides[1])
    sizes = [{one.get_fontsize() for ax in figure.axes for one in ax.get_xticklabels()} for figure in (wide, narrow)]
    assert sizes[0] == sizes[1]


def test_a_last_row_that_is_not_full_leaves_no_empty_stripe_in_a_narrow_place():
    result = make_optimization(12, space=Space.parse({f"p{number}": (0, 9) for number in range(7)}))
    wide = plot(result, "slices")
    with narrow_place():
        narrow = plot(result, "slices")
    assert [sum(ax.get_visible() for ax in figure.axes) for figure in (wide, narrow)] == [7, 7]
    assert len(narrow.axes) == 7
