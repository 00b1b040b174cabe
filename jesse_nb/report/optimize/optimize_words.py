"""What the numbers of an optimization mean, in plain sentences."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import pandas as pd

from jesse_nb.core.analysis.studies.verdict import counted
from jesse_nb.core.study.constraints import none_satisfies
from jesse_nb.report.common.audit_words import audit_warnings
from jesse_nb.report.common.labels import days, label, period, write
from jesse_nb.report.common.mode_words import in_both_modes
from jesse_nb.report.common.numbers import measure, parameter, share
from jesse_nb.report.common.provenance import notes_of
from jesse_nb.report.optimize.optimize_card import card_of

if TYPE_CHECKING:
    from jesse_nb.core.study.trial import Trial
    from jesse_nb.core.tools.optimize.holdout import Holdout
    from jesse_nb.core.tools.optimize.neighbourhood import Neighbourhood
    from jesse_nb.core.tools.optimize.optimize_result import OptimizeResult

__all__ = ["at_the_edge", "constraints", "earlier_runs", "front", "held_out", "looks",
           "modes_apart", "parity", "plateau", "pruned", "sealed", "warnings"]


#: Fewer held-out trades than this say little about anything.
FEW_TRADES = 30
#: Which metric speaks for the result when the optimized one cannot be compared between periods.
_SPOKESMEN = ("sharpe_ratio", "sharpe", "annual_return")


def pruned(result: OptimizeResult) -> str:
    """Say how many trials were stopped early, by which pruner, and what that saves."""
    return f"{len(result.pruned):,} stopped early (pruner {result.pruner}, {result.simulated:.0%} of the candles)"


def earlier_runs(result: OptimizeResult) -> str:
    """Say how often this project looked at these days before."""
    count = result.prior_runs
    if not count:
        return ""
    who = "1 other backtest" if count == 1 else f"{count:,} other backtests"
    return f"{who} of this project looked at these days (%runs --ledger)."


def constraints(result: OptimizeResult) -> str:
    """Say what the best trials had to keep, how many trials break it, and whether the best one keeps it held out."""
    if not result.constraints or result.best is None:
        return ""
    scored = [trial for trial in result.trials if trial.scored]
    kept = sum(trial.eligible for trial in scored)
    listed = ", ".join(f"{text} ({f'broken by {count:,}' if count else 'always kept'})"
                       for text, count in result.broken.items())
    said = f"Constraints: {listed}. {kept:,} of {len(scored):,} trials with a value keep all."
    said += " Of those that were stopped early, only a drawdown too deep is known." if result.pruned else ""
    if result.test is None:
        return said
    broken = result.top[0].test_violated
    held_out = f"breaks {', '.join(broken)}" if broken else "keeps them, too"
    return f"{said} On the held-out period the best trial {held_out}."


def plateau(result: OptimizeResult) -> list[str]:
    """Say whether the best trial's neighbours hold up, and offer the robust centre beside it."""
    if result.plateau is None or result.best is None:
        return []
    found, ranked = result.plateau, result.plateau.ranked
    robust, peak = ranked[0], next(neighbourhood
                                   for neighbourhood in ranked if neighbourhood.trial.number == result.best.number)
    metric = found.metric

    def values(one: Neighbourhood) -> str:
        own, median, worst = (write(metric.name, value, result.metrics) if value == value else "unusable"
                              for value in (one.trial.value, one.median, one.worst))
        return f"{metric.label} {own}, its median neighbour {median}, the worst {worst}"

    if math.isnan(robust.median):
        return ["None of the best trials is robust: at least half of their neighbours have no value or break a "
                "constraint."]
    if len(ranked) == 1:
        sentences = [f"Around the best trial: {values(peak)}."]
    elif robust is peak:
        sentences = [f"The best trial is also the most robust of those looked around: {values(peak)}."]
    else:
        params = ", ".join(f"{name} {parameter(setting)}" for name, setting in robust.trial.params.items())
        sentences = [f"More robust than the best trial ({values(peak)}) is trial {robust.trial.number} "
                     f"({values(robust)}), with {params}."]
    if peak.kept < 0.5:
        left = f"keeps {share(peak.kept)} of its edge" if peak.kept > 0 else "keeps nothing of its edge"
        sentences.append(f"The best trial stands on a spike: its median neighbour {left}.")
    if len(ranked) < found.wanted:
        were = "was" if len(ranked) == 1 else "were"
        sentences.append(f"Only {len(ranked)} of the best {found.wanted} trials {were} looked around: more would have "
                         "taken too many simulations.")
    return sentences


def parity(result: OptimizeResult) -> str:
    """Say that the best trial is the same in step mode; empty where that is not known."""
    found = result.parity
    if found is None or found.differences:
        return ""
    if found.reason:
        return f"Not compared with step mode: {found.reason}"
    order = ", in another order within a candle" if found.reordered else ""
    return (f"Simulated again alone in step mode: the same {found.trades[1]:,} trades{order} and net profit "
            f"({measure(found.net_profit[1], 'currency')}).")


def modes_apart(result: OptimizeResult) -> str:
    """Say what the daily ratios of the best trial are in both modes, and sampled at midnight; empty where unknown."""
    found = result.parity
    if found is None or found.reason or found.ratios.empty:
        return ""
    name, apart = found.farthest
    if not name:
        return ""
    said = ("Jesse samples equity once a day, at another minute in each mode, so ratios differ between them. "
            f"{in_both_modes(found, 'sharpe_ratio')}.")
    if name != "sharpe_ratio":
        said += f" Farthest apart ({share(apart)}) is {in_both_modes(found, name)}."
    if found.midnight_reason:
        said += f" What they are at midnight is not known: {found.midnight_reason}."
    return said


def warnings(result: OptimizeResult) -> list[str]:
    """Say why there is no best trial, why there is no verdict, or what is not the same in step mode."""
    if result.best is None:
        return [*ruined(result.trials),
                *(none_satisfies(result.trials, result.constraints) or ["No trial has a value."])]
    said = audit_warnings(result.training.audit, result.training.spec) if result.training else []
    if result.test is not None and result.test.audit is not None:
        said += [f"On the held-out period: {sentence}" for sentence
                 in audit_warnings(result.test.audit, result.test.spec)]
    said += ruined(result.trials)
    said += [] if result.verdict else ["Whether this is luck is not known: the trials' daily returns are missing."]
    if result.parity is not None and result.parity.differences:
        said.append("Do not trust these figures yet: simulated again alone in step mode, the best trial gives "
                    "something else.")
        said += [f"{difference[0].upper()}{difference[1:]}." for difference in result.parity.differences]
    return [*said, *notes_of(card_of(result))]


def ruined(trials: Sequence[Trial]) -> list[str]:
    """Say how many trials ruined their account; nothing where none did."""
    lost = [trial for trial in trials if trial.ruined]
    if not lost:
        return []
    return [f"{counted(len(lost), 'trial')} of {len(trials):,} ruined the account, the first of them "
            f"{lost[0].number} ({lost[0].reason}): such a trial has no value and is never ranked, whatever Jesse "
            "says it gained afterwards."]


def front(result: OptimizeResult) -> str:
    """Name the Pareto front's knee."""
    if len(result.metrics) < 2 or result.best is None:
        return ""
    said = f"The Pareto front has {len(result.pareto_front):,} trials"
    if result.knee is None:
        return f"{said}; it has no knee." if len(result.pareto_front) > 2 else ""
    scores = ", ".join(f"{metric.label} {write(metric.name, value, result.metrics)}"
                       for metric, value in zip(result.metrics, result.knee.values, strict=True))
    params = ", ".join(f"{name} {parameter(value)}" for name, value in result.knee.params.items())
    return f"{said}; its knee, where both ends are near, is trial {result.knee.number}: {scores}, with {params}."


def sealed(result: OptimizeResult) -> str:
    """Say what is known of the sealed days, and how often they were looked at by now."""
    holdout = result.holdout
    if holdout is None:
        return ""
    opened = holdout.opened
    said = f"Sealed: {period(holdout.start, holdout.end)} ({days(holdout.start, holdout.end)})"
    if opened is None:
        return f"{said}; neither the search nor the held-out test saw them. {looks(holdout)}"
    scores = ", ".join(f"{metric.label} {write(metric.name, value, holdout.metrics)}"
                       for metric, value in zip(holdout.metrics, opened.values, strict=True))
    broken = f", which breaks {', '.join(opened.violated)}" if opened.violated else ""
    return f"{said}, opened: {scores} with the best parameters{broken}. {looks(holdout)}"


def looks(holdout: Holdout) -> str:
    """Say how often sealed days were looked at."""
    seen = holdout.looks()
    if seen is None:
        return "The run store cannot be read, so how often these days were looked at is not known."
    if not any(seen):
        return "No run of this project has touched these days."
    if not seen.runs:
        return f"These days were opened {_times(seen.openings)}; no other run of this project has touched them."
    times = sum(seen)
    parts = [f"opened {_times(seen.openings)}"] if seen.openings else []
    other = "other run" if seen.runs == 1 else "other runs"
    parts.append(f"{seen.runs:,} {other} of this project on this market")
    less = "; the more looks, the less they prove" if times > 1 else ""
    return f"These days have been looked at {_times(times)}: {', '.join(parts)}{less}."


def _times(count: int) -> str:
    return "once" if count == 1 else f"{count:,} times"


def at_the_edge(result: OptimizeResult) -> str:
    """Name the parameters whose best value is the last one that was searched."""
    if result.best is None:
        return ""
    edges = [f"{dimension.name} ({parameter(result.best_params[dimension.name])})"
             for dimension in result.space.dimensions
             if dimension.kind != "categorical"
             and result.best_params.get(dimension.name) in (dimension.low, dimension.high)]
    return (f"At the edge of the searched range: {', '.join(edges)}. A wider range may hold a better value."
            if edges else "")


def held_out(result: OptimizeResult, frame: pd.DataFrame) -> list[str]:
    """Say how the best trial did on the period it was not chosen by.

    Parameters
    ----------
    result
        The optimization.
    frame
        Its training, held-out and default figures, as ``comparison`` gives them.
    """
    if result.best is None:
        return []
    if result.test_start is None or result.test_end is None:
        return ["No period was held out, so only the training figures are known, and the best trial was chosen by "
                "them: set test_ratio=0.3 or test_start."]
    if result.test is None:
        if result.stopped in ("interrupted", "timeout") and not result.top[0].test_reason:
            return ["The study was stopped before the best trial could be run on the held-out period."]
        return [f"The best trial's held-out run failed: {result.top[0].test_reason or 'no reason is known'}."]
    trades = result.test.metrics.get("total", 0)
    if not trades:
        return ["The best trial did not trade in the held-out period, which says nothing for or against it."]

    sentences = _degradation(result, frame)
    if trades < FEW_TRADES:
        sentences.append(f"Only {trades} held-out {'trade' if trades == 1 else 'trades'} in "
                         f"{days(result.test_start, result.test_end)}: too few to be sure of anything.")
    return sentences


def _degradation(result: OptimizeResult, frame: pd.DataFrame) -> list[str]:
    lost_by_name = frame["degradation"].dropna()
    for name in (*(metric.name for metric in result.metrics), *_SPOKESMEN):
        if name in lost_by_name:
            train, test = (write(name, frame[column][name], result.metrics) for column in ("train", "test"))
            return [f"{label(name, result.metrics)} went from {train} in training to {test} on the held-out "
                    f"period: {_judgement(float(lost_by_name[name]))}"]
    profit = result.test.metrics.get("net_profit_percentage") if result.test else None
    return [f"The held-out period returned {measure(profit, 'percent')}; there was no edge in training that "
            "it could confirm."]


def _judgement(lost: float) -> str:
    if lost >= 1:
        return "the edge is gone."
    if lost >= 0:
        return f"{share(lost)} of the edge is lost."
    return "better than in training, which is luck as much as skill."
