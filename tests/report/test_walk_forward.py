import itertools
import re
from dataclasses import replace
from functools import cache

import numpy as np
import pytest

import jesse_nb.report  # noqa: F401 -- makes results draw themselves
from jesse_nb.core.analysis.studies.cpcv_verdict import cpcv_verdict
from jesse_nb.core.analysis.studies.stitching import stitched
from jesse_nb.core.analysis.studies.verdict import verdict
from jesse_nb.core.analysis.studies.walk_forward import degradation
from jesse_nb.core.study.metric import Metric
from jesse_nb.core.study.space import Space
from jesse_nb.core.times import DAY_MS
from jesse_nb.core.tools.walk_forward.walk_forward_result import WalkForwardResult
from jesse_nb.report.html import fragment, page
from jesse_nb.report.results import text
from jesse_nb.report.walk_forward.walk_forward_tables import all_metrics_table
from jesse_nb.report.walk_forward.walk_forward_words import seams
from tests.analysis.results import make_spec
from tests.analysis.walk_forwards import make_cpcv, make_walk_forward
from tests.report.test_html import EVIL, Reader, words

ODD = {
    "one window": lambda: make_walk_forward(150),
    "all failed": lambda: make_walk_forward(240, failed=(0, 1, 2, 3)),
    "one failed": lambda: make_walk_forward(400, failed=(2,), without_baseline=(3,)),
    "no trades": lambda: make_walk_forward(300, test_trades=0),
    "fixed": lambda: make_walk_forward(300, space=None),
    "overlapping": lambda: make_walk_forward(250, step_forward=3, gap=4),
    "gapped": lambda: make_walk_forward(500, step_forward=50, anchored=True),
    "no window": lambda: replace(make_walk_forward(150), windows=(), stopped="interrupted"),
    "own metric": lambda: make_walk_forward(300, metric=lambda run: run.metrics["sharpe_ratio"]),
    "lower is better": lambda: make_walk_forward(300, metric=("max_underwater_period", "minimize")),
    "two metrics": lambda: make_walk_forward(300, metric=["sharpe", "max_drawdown"]),
    "one candidate": lambda: make_cpcv(1),
    "no choice": lambda: make_cpcv(3, trades=0),
    "a hole": lambda: make_cpcv(5, failed=((0, 1), (1, 1), (2, 1), (3, 1), (4, 1))),
    "nothing ran": lambda: make_cpcv(2, failed=tuple(itertools.product(range(2), range(6)))),
    "two groups": lambda: make_cpcv(6, groups=2, test_groups=1, stopped="timeout"),
}


@cache
def odd(name):
    """One of them, made by the first test that asks: every worker imports all files."""
    return ODD[name]()


@pytest.mark.parametrize("name", ODD)
def test_odd_results_render_in_every_form(name):
    result = odd(name)
    said, shown = words(page(result)), text(result)  # the page draws every figure
    assert "Result card" in said
    for form in (said, shown):
        assert "nan" not in re.findall(r"[a-z]+", form.lower())
        assert "None" not in form.replace("None of", "")
    assert max(map(len, shown.splitlines())) <= 100
    judge = verdict if isinstance(result, WalkForwardResult) else cpcv_verdict
    first, second = judge(result).sentences
    assert f"{first.replace(': ', ' : ', 1)} {second}" in said  # the outcome is an element of its own


def test_which_figures_there_are():
    assert make_walk_forward(300).plots() == ("windows", "equity", "curves", "in_out", "degradation", "drift")
    assert "drift" not in odd("fixed").plots()
    assert odd("all failed").plots() == ("windows", "drift")
    assert odd("no window").plots() == ()
    assert make_cpcv().plots() == ("paths", "sharpes", "ranks")
    assert odd("one candidate").plots() == ("paths", "sharpes")
    assert odd("nothing ran").plots() == ()


@pytest.mark.usefixtures("blank_pictures")
def test_the_verdict_comes_first_and_the_numbers_are_those_of_the_analysis():
    result = make_walk_forward(400, edge=0.003, kept=0.5)
    curve, found = stitched(result), verdict(result)
    said = words(fragment(result)).replace(" : ", ": ", 1)
    assert said.index(found.sentences[0]) < said.index("Evidence") < said.index("Result card")
    assert all(line in said for line in (*found.sentences, *found.evidence))
    assert f"{curve.metric('sharpe_ratio'):.2f}" in said
    assert "Walk-forward efficiency" in said
    for name, value in degradation(result, curve)["in_sample"].items():
        if name in ("sortino_ratio", "omega_ratio"):
            assert f"{value:.2f}" in said
    shown = text(result)
    assert found.sentences[0] in " ".join(shown.split())
    assert f"{curve.metric('sharpe_ratio'):.2f}" in shown


def test_a_loss_has_its_sign():
    result = make_walk_forward(400, edge=0.003)
    table = all_metrics_table(result, stitched(result))
    found, = (row for row in table.rows if row[0].text == "Average loss")
    lost = degradation(result, stitched(result)).loc["average_loss", ["in_sample", "out_of_sample"]]
    assert (lost > 0).all()
    assert [cell.text for cell in found[1:3]] == [f"{-value:,.2f}" for value in lost]


def test_the_stitched_curve_is_what_is_drawn():
    result = make_walk_forward(400, seed=4)
    figure, curve = result.plot("equity"), stitched(result)
    lines = {line.get_label(): line.get_ydata() for line in figure.axes[0].get_lines()}
    np.testing.assert_allclose(lines["stitched out-of-sample"], curve.equity)
    np.testing.assert_allclose(lines["default parameters"], curve.baseline_equity)
    np.testing.assert_allclose(lines["holding the market"], curve.market_equity)


def test_windows_stand_where_they_are():
    result = make_walk_forward(400, failed=(1,), gap=5)
    lower = result.plot("windows").axes[1]
    starts = sorted(patch.get_x() for patch in lower.patches)
    expected = sorted(edge / DAY_MS for one in result.windows
                      for edge in (one.window.train_start, one.window.test_start))
    np.testing.assert_allclose(starts, expected)


@pytest.mark.usefixtures("blank_pictures")
def test_how_sortino_is_counted_is_said_with_its_number():
    result = make_walk_forward()
    curve = stitched(result)
    number, returns = len(curve.returns), curve.returns.to_numpy()
    by_its_days = returns.mean() / np.sqrt((np.minimum(returns, 0) ** 2).mean()) * np.sqrt(365)
    said = f"over {number} days they are {curve.metric('sortino_ratio') / by_its_days - 1:.2%} higher."
    assert said in " ".join(text(result).split())
    assert said in " ".join(Reader(fragment(result)).words)


@pytest.mark.usefixtures("blank_pictures")
def test_seams_are_stated():
    def sentences(result):
        return " ".join(seams(result, stitched(result)))

    said = sentences(odd("overlapping"))
    assert f"{stitched(odd('overlapping')).overlapping} simulated days that a newer model covers are left out" in said
    assert "4 days between training and testing are used for neither" in said
    assert "No model covers" in sentences(odd("gapped"))
    assert "No out-of-sample run in window 2: StrategyCrashError" in sentences(odd("one failed"))
    assert "in place of 30" in sentences(make_walk_forward(375))
    assert "1 day between groups is left out (purge and embargo)" in text(make_cpcv()).replace("\n", " ")
    assert "Stopped early: interrupted" in words(fragment(odd("no window")))


def test_long_tables_are_cut():
    result = make_walk_forward(220, step_forward=1, trials=0, space=None)
    assert len(result.windows) > 70
    form = fragment(result)
    assert f"… {len(result.windows) - 60} more" in words(form)
    assert len(form) < 500_000


def test_the_same_text_whatever_it_took():
    for result in (make_walk_forward(300), make_cpcv()):
        assert text(replace(result, elapsed=9_999.0)) == text(result)
        assert result.spec.routes[0].strategy.hash not in text(result)


def test_cpcv_figures_show_the_paths():
    result = make_cpcv(9, seed=2)
    drawn = [line.get_ydata() for line in result.plot("paths").axes[0].get_lines() if len(line.get_ydata()) > 2]
    assert len(drawn) == len(result.paths) + 1
    for line, path in zip(drawn, result.paths, strict=False):
        assert line[-1] == pytest.approx(10_000 * np.prod(1 + path.returns))
    counted = sum(patch.get_height() for patch in result.plot("ranks").axes[0].patches)
    assert counted == len(result.splits)


@pytest.mark.parametrize("seed", range(3))
def test_cpcv_verdicts(seed):
    assert cpcv_verdict(make_cpcv(12, seed=seed, edge=0.0002, spec=make_spec("2021-01-01", "2024-01-01"))
                        ).outcome in ("holds up", "mixed")
    assert cpcv_verdict(make_cpcv(12, seed=seed, edge=0.0008)).outcome == "too good to be true"
    assert cpcv_verdict(make_cpcv(12, seed=seed, edge=-0.002)).outcome != "holds up"
    assert cpcv_verdict(make_cpcv(3, seed=seed)).outcome == "too little"
    assert cpcv_verdict(make_cpcv(12, seed=seed, spec=make_spec("2023-01-01", "2023-02-15"))).outcome == "too little"


def test_noise_seldom_passes_as_skill():
    outcomes = [cpcv_verdict(make_cpcv(6, seed=seed)).outcome for seed in range(8)]
    assert outcomes.count("holds up") <= 1


def evil_walk_forward():
    choice = {"name": EVIL, "type": "categorical", "options": [EVIL, "b"]}
    space = Space.parse([choice, {"name": "n", "min": 1, "max": 9}])
    spec = make_spec(name=EVIL, exchange=f"E{EVIL}")
    result = make_walk_forward(300, space=space, spec=spec, failed=(1,), stopped=EVIL)
    metric = Metric(EVIL, "maximize", EVIL, "", result.metrics[0].read)
    windows = tuple(replace(one, reason=EVIL) if one.test is None else one for one in result.windows)
    return replace(result, metrics=(metric,), windows=windows, notes=(EVIL,), sampler=EVIL)


def evil_cpcv():
    result = make_cpcv(6, spec=make_spec(name=EVIL, exchange=f"E{EVIL}"), stopped=EVIL, notes=(EVIL,))
    metric = Metric(EVIL, "maximize", EVIL, "", result.metric.read)
    return replace(result, metric=metric, candidates=tuple({EVIL: EVIL} for _ in result.candidates), sampler=EVIL)


@pytest.mark.parametrize("make", [evil_walk_forward, evil_cpcv])
def test_names_and_values_are_escaped(make):
    result = make()
    for form in (fragment(result), page(result)):
        read = Reader(form)
        assert "script" not in read.names
        assert not [name for name, _ in read.attributes if name.startswith("on")]
        assert "<script" not in form.lower()
        assert "{{ 7*7 }}" in form  # shown, not evaluated
    str(result)
