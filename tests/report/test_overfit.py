"""The verdict, the plateau, the step-mode check and the constraints of an optimization, as they are shown."""

import math
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

import jesse_nb.report  # noqa: F401 -- makes results draw themselves
from jesse_nb.core.analysis.studies.parity import SAMPLED, Parity
from jesse_nb.core.study.constraints import Constraint
from jesse_nb.core.tools.optimize import optimize_result
from jesse_nb.core.tools.optimize.neighbourhood import Plateau, neighbourhood, neighbours_of
from jesse_nb.report.common.judgement import judgement_of
from jesse_nb.report.html import fragment
from jesse_nb.report.optimize import optimize_words as words
from jesse_nb.report.optimize.optimize_card import optimize_card
from jesse_nb.report.optimize.optimize_report import optimize_content, optimize_pictures
from jesse_nb.report.optimize.optimize_tables import comparison, comparison_table, parity_table, plateau_table
from jesse_nb.report.optimize.overfit_figures import draw_overfit
from jesse_nb.report.results import text
from tests.analysis.results import make_optimization
from tests.report.test_html import EVIL, Reader


@pytest.fixture(scope="module")
def study():
    return make_optimization(30)


def surrounded(result, kept, steps=1):
    """Give each of the top trials neighbours that have these parts of its value (NaN: none)."""
    around = []
    for entry, part in zip(result.top, kept, strict=False):
        near = neighbours_of(result.space, entry.trial.params, steps)
        parts = np.broadcast_to(part, len(near)) if np.ndim(part) == 0 else np.resize(part, len(near))
        valued = [
            replace(one, value=entry.trial.value * share, reason="" if share == share else "no trades")
            for one, share in zip(near, parts, strict=True)
        ]
        around.append(neighbourhood(entry.trial, valued, result.metrics[0]))
    return replace(result, plateau=Plateau(result.metrics[0], steps, tuple(around), len(kept)))


def checked(result, differences=(), reason=""):
    ratios = pd.DataFrame({"fast": 1.5, "step": 1.25, "fast_midnight": 1.375, "step_midnight": 1.375},
                          index=list(SAMPLED))
    return replace(result, parity=Parity((120, 120), (800.0, 800.0), differences, ratios=ratios, reason=reason))


def constrained(result, *limits):
    """Let trials whose drawdown is deeper than the limits break one constraint each."""
    texts = [f"max_drawdown < {limit}" for limit in limits]
    trials = []
    for trial in result.trials:
        depth = -trial.metrics.get("max_drawdown", 0)
        violated = tuple(said for said, limit in zip(texts, limits, strict=True) if trial.scored and depth >= limit)
        trials.append(replace(trial, violated=violated))
    fit = {trial.number for trial in trials if trial.eligible}
    constraints = tuple(Constraint(said, lambda run: 0.0) for said in texts)
    top = tuple(entry for entry in result.top if entry.trial.number in fit)
    return replace(result, trials=tuple(trials), constraints=constraints, top=top)


@pytest.mark.usefixtures("blank_pictures")
def test_the_verdict_comes_first_and_is_said_once(study):
    shown = fragment(study)
    read = Reader(shown)
    said = " ".join(read.words)
    outcome, _, figures = study.verdict.line.partition(": ")
    assert said.count(figures) == said.count(study.verdict.note) == 1
    assert said.index(study.verdict.note) < said.index("Net profit")
    assert shown.index('class="outcome"') < shown.index("<details>") < shown.index("</details>") < shown.index("<img")
    for line in study.verdict.evidence:
        assert line in said
    assert f"{outcome[0].upper()}{outcome[1:]}" in said
    pictures = [value for name, value in read.attributes if name == "alt"]
    assert f"trial {study.best.number} shows {study.overfit.chosen_sharpe:.2f}" in pictures[0]


@pytest.mark.parametrize(
    ("outcome", "tone"),
    [
        ("likely luck", "bad"),
        ("no edge", "bad"),
        ("undecided", "open"),
        ("too little data", "open"),
        ("nothing to judge", "open"),
        ("likely skill", "good"),
    ],
)
def test_each_outcome_has_its_colour_and_its_words(study, outcome, tone):
    card = judgement_of(replace(study.verdict, outcome=outcome, line=f"{outcome}: because"))
    assert (card.tone, card.outcome.lower(), card.figures) == (tone, outcome, "because")


def test_too_few_days_show_no_figures():
    result = make_optimization(12)
    short = replace(result, returns=result.returns.iloc[:20], market=result.market.iloc[:21])
    assert short.verdict.outcome == "too little data"
    assert judgement_of(short.verdict).evidence == ()
    assert "overfit" not in short.plots()
    said = text(short)
    assert "\n\nToo little data: a Sharpe ratio of " in said
    assert "over 20 days is a short lucky period, not a skill." in " ".join(said.split())


def test_without_returns_it_says_that_luck_is_not_known(study):
    blind = replace(study, returns=pd.DataFrame())
    assert optimize_content(blind)["verdict"] is None
    assert "Whether this is luck is not known" in text(blind)
    assert "overfit" not in blind.plots()


def test_the_winner_is_drawn_against_luck_and_every_trial_is_counted(study):
    figures = study.overfit
    luck, trials, splits = study.plot("overfit").axes
    curve = luck.get_lines()[0]
    np.testing.assert_allclose(curve.get_ydata(), figures.lucky_curve())
    star = next(one for one in luck.collections if one.get_label().startswith("trial"))
    np.testing.assert_allclose(star.get_offsets()[0], [figures.independent_trials, figures.chosen_sharpe])
    assert sum(bar.get_width() for bar in trials.patches) == figures.trials
    bars = [bar for group in splits.containers for bar in group]
    assert sum(bar.get_height() for bar in bars) == pytest.approx(1)
    worse = sum(bar.get_height() for bar in bars if bar.get_x() + bar.get_width() < 1e-9)
    assert worse == pytest.approx(figures.overfitting.probability)


def test_a_median_rank_is_drawn_in_the_worse_half(study):
    logits = np.array([0.0] * 3 + [0.5] * 6 + [-0.5])
    split = replace(study.overfit.overfitting, logits=logits, probability=0.4)
    splits = draw_overfit(replace(study.overfit, overfitting=split)).axes[2]
    worse, better = (sum(bar.get_height() for bar in group) for group in splits.containers)
    assert (worse, better) == (pytest.approx(0.4), pytest.approx(0.6))


def test_one_trial_has_no_splits_to_draw():
    lonely = make_optimization(1, failing=0, undefined=0)
    assert len(lonely.plot("overfit").axes) == 2
    assert "logits" not in optimize_pictures(lonely)["overfit"]


def test_the_robust_centre_stands_beside_the_peak(study):
    result = surrounded(study, [0.4, 1.1, 0.8])
    best, centre = study.top[0].trial, study.top[1].trial
    assert result.centre == centre
    first, spike = words.plateau(result)
    assert first.startswith(f"More robust than the best trial (Sharpe ratio {best.value:.2f}, its median neighbour "
                            f"{best.value * 0.4:.2f}, the worst {best.value * 0.4:.2f}) is trial {centre.number}")
    assert all(name in first for name in study.space.names)
    assert "spike: its median neighbour keeps 40% of its edge" in spike
    table = plateau_table(result)
    assert [row[0].text for row in table.rows] == [str(study.top[place].trial.number) for place in (1, 2, 0)]
    assert [row[-1].text for row in table.rows] == ["110%", "80%", "40%"]
    assert table.rows[2][-1].tone == "bad"
    assert len(result.plot("plateau").axes[0].get_yticks()) == 3
    steady = words.plateau(surrounded(study, [0.9, 0.5]))
    assert len(steady) == 1
    assert steady[0].startswith("The best trial is also the most robust")


def test_unusable_neighbours_are_counted_and_never_numbers(study):
    result = surrounded(study, [[0.9, 0.8, math.nan], [0.2, 0.1]])
    said, table = words.plateau(result)[0], plateau_table(result)
    assert "the worst unusable" in said
    assert table.head[2] == "unusable"
    assert int(table.rows[0][2].text) > 0
    assert table.rows[0][-2].text == "–"
    hopeless = surrounded(study, [math.nan, math.nan])
    assert words.plateau(hopeless)[0].startswith("None of the best trials is robust")
    hopeless.plot("plateau")
    cut = replace(result, plateau=replace(result.plateau, wanted=5))
    assert "Only 2 of the best 5 trials were" in words.plateau(cut)[-1]
    alone = surrounded(study, [0.9])
    assert words.plateau(alone)[0].startswith("Around the best trial: Sharpe ratio")


def test_step_mode_is_quiet_when_the_same_and_loud_when_not(study):
    same, other = checked(study), checked(study, ("trade 3 differs: its pnl is 1 in fast mode, 2 in step mode",))
    assert words.parity(same) == "Simulated again alone in step mode: the same 120 trades and net profit (800.00)."
    assert words.warnings(same) == []
    assert words.parity(other) == ""
    assert "Do not trust these figures yet" in words.warnings(other)[0]
    assert words.warnings(other)[1].startswith("Trade 3 differs: its pnl is 1")
    shown = text(other)
    assert shown.index("Do not trust") < shown.index("trials, 3 failed")
    assert [cell.text for cell in parity_table(same).rows[3]] == ["Sharpe ratio", "1.50", "1.25", "1.38", "1.38"]
    failed = checked(study, reason="The winner's run in step mode failed: no memory.")
    assert words.parity(failed) == "Not compared with step mode: The winner's run in step mode failed: no memory."
    assert parity_table(failed).rows == ()
    assert words.parity(study) == ""


@pytest.mark.usefixtures("blank_pictures")
def test_both_modes_are_said_with_their_numbers_in_the_report_and_on_the_card(study):
    result = checked(study)
    result.parity.ratios.loc["calmar_ratio", "step"] = 1.0
    sharpe = "Sharpe ratio 1.50 in fast mode, 1.25 in step mode; with both sampled at midnight 1.38 and 1.38"
    said = ("Jesse samples equity once a day, at another minute in each mode, so ratios differ between them. "
            f"{sharpe}. Farthest apart (50%) is Calmar ratio 1.50 in fast mode, 1.00 in step mode; with both sampled "
            "at midnight 1.38 and 1.38.")
    assert words.modes_apart(result) == said
    assert said in " ".join(text(result).split())
    assert said in " ".join(Reader(fragment(result)).words)
    assert ["best trial in both modes", sharpe] in [[cell.text for cell in row] for row in optimize_card(result).rows]
    unknown = replace(result, parity=replace(result.parity, midnight_reason="the account was ruined"))
    assert words.modes_apart(unknown).endswith("What they are at midnight is not known: the account was ruined.")
    assert parity_table(unknown).head == ("", "fast mode", "step mode")
    same = replace(result, parity=replace(result.parity, ratios=result.parity.ratios.assign(fast=1.25, step=1.25)))
    assert words.modes_apart(same) == words.modes_apart(study) == ""
    assert "in another order" in words.parity(replace(result, parity=replace(result.parity, reordered=True)))
    assert "best trial in both modes" not in str(optimize_card(study))


def test_constraints_count_who_breaks_which(study):
    result = constrained(study, 20, 999)
    broken = result.broken["max_drawdown < 20"]
    assert 0 < broken < 25
    scored = sum(trial.scored for trial in study.trials)
    assert words.constraints(result).startswith(
        f"Constraints: max_drawdown < 20 (broken by {broken}), max_drawdown < 999 (always kept). "
        f"{scored - broken} of {scored} trials with a value keep all."
    )
    dots = {one.get_label(): one for one in result.plot("convergence").axes[0].collections}
    assert len(dots["breaks a constraint"].get_offsets()) == broken
    assert len(dots["trial"].get_offsets()) == scored - broken
    assert len(dots["breaks a constraint"].get_facecolors()) == 0


def test_violating_trials_are_hollow_beside_the_pareto_front():
    both = constrained(make_optimization(30, metric=["sharpe", "max_drawdown"]), 20)
    dots = {one.get_label(): one for one in both.plot("pareto").axes[0].collections}
    assert len(dots["breaks a constraint"].get_offsets()) == both.broken["max_drawdown < 20"]


def test_when_nothing_keeps_the_constraints_it_is_said_once(study):
    none = constrained(replace(study, training=None), 1)
    assert none.best is None
    for said in (text(none), " ".join(Reader(fragment(none)).words)):
        assert " ".join(said.split()).count("No trial keeps the constraints") == 1
    assert "overfit" not in none.plots()


def test_earlier_backtests_are_stated(study):
    assert words.earlier_runs(study) == ""
    assert words.earlier_runs(replace(study, prior_runs=1)).startswith("1 other backtest of this project looked at")
    many = replace(study, prior_runs=1_200)
    assert "1,200 other backtests" in text(many)
    assert "1,200 earlier backtests" in many.verdict.line


def test_after_an_interrupt_no_column_stands_empty(study):
    cut = replace(study, stopped="interrupted",
                  top=tuple(replace(entry, test=None, test_values=()) for entry in study.top))
    assert comparison_table(cut, comparison(cut)).head == ("", "training", "default")
    content = optimize_content(replace(cut, default=None))
    assert content["compared"] == "Training"
    assert not content["lost"]
    assert not any("Held-out" in name for name in content["top"].head)
    assert {below for _, _, below in content["tiles"]} == {"training"}


def test_an_omega_ratio_loses_what_it_had_above_one(study):
    training, run = (replace(part, metrics={**part.metrics, "omega_ratio": value})
                     for part, value in ((study.training, 1.5), (study.test, 1.2)))
    result = replace(study, training=training, top=(replace(study.top[0], test=run), *study.top[1:]))
    rows = {row[0].text: row[-1].text for row in comparison_table(result, comparison(result)).rows}
    assert rows["Omega ratio"] == "60%"


def test_importances_are_measured_once(study, monkeypatch):
    measured = []
    known = optimize_result.importances
    monkeypatch.setattr(optimize_result, "importances", lambda result: measured.append(1) or known(result))
    fresh = replace(study)
    optimize_content(fresh)
    optimize_pictures(fresh)
    fresh.plot("importances")
    assert len(measured) == 1


def test_names_in_the_new_parts_are_escaped(study):
    evil = checked(surrounded(constrained(study, 20), [0.5, 0.9]), (EVIL,))
    best = replace(evil.top[1].trial, params={**evil.top[1].trial.params, "mode": EVIL})
    around = tuple(replace(one, trial=best) if one.trial.number == best.number else one
                   for one in evil.plateau.neighbourhoods)
    evil = replace(evil, plateau=replace(evil.plateau, neighbourhoods=around),
                   constraints=(Constraint(EVIL, lambda run: 0.0),))
    shown = fragment(evil)
    read = Reader(shown)
    assert "script" not in read.names
    assert "<script" not in shown.lower()
    assert "".join(read.words).count("{{ 7*7 }}") >= 3
