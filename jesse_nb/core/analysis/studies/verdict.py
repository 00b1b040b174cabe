"""What a walk-forward is worth, in two plain sentences and the evidence for them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

import numpy as np
import pandas as pd

from jesse_nb.core.analysis.luck.doubts import OVERRULED, Doubt, also, too_good
from jesse_nb.core.analysis.luck.significance import (
    FEW_DAYS,
    Bootstrap,
    Interval,
    MeanTest,
    Proportion,
    bootstrap,
    mean_test,
)
from jesse_nb.core.analysis.studies.stability import parameter_stability
from jesse_nb.core.analysis.studies.stitching import StitchedReturns, stitched
from jesse_nb.core.analysis.studies.walk_forward import (
    Efficiency,
    RankCorrelation,
    efficiency,
    profitable_windows,
    rank_correlation,
)

if TYPE_CHECKING:
    from jesse_nb.core.study.walk_forward_study import WalkForwardStudy

__all__ = [
    "FEW_DAYS",
    "LEVEL",
    "Verdict",
    "VerdictKind",
    "WalkForwardFigures",
    "as_percent",
    "counted",
    "doubted",
    "figures_of",
    "listed",
    "looked_at_before",
    "probability",
    "verdict",
    "verdict_of",
    "with_doubt",
]

#: Less out-of-sample data than this says nothing, whatever it shows.
FEW_WINDOWS, FEW_TRADES = 3, 30
#: Chance of a false alarm that is accepted.
LEVEL = 0.05

VerdictKind = Literal["nothing", "failed check", "ruined", "too good to be true", "denied by its scenarios",
                      "too little", "fails", "no evidence", "mixed", "holds up"]


@dataclass(frozen=True)
class Verdict:
    """What a result is worth.

    Attributes
    ----------
    outcome
        ``nothing`` or ``too little`` data to judge; ``ruined`` (the account's money was gone); ``failed check`` (the
        strategy was checked first, and reads the future for example); ``too good to be true`` (a Sharpe ratio beyond
        anything traded); ``denied by its scenarios`` (in an analysis); ``fails`` (a loss), ``no evidence`` (a gain
        within what luck gives), ``mixed`` (a gain that luck hardly explains, with something against it) or ``holds
        up``.
    sentences
        The outcome with its main figures, and what it is measured against.
    evidence
        One line a figure.
    """

    outcome: VerdictKind
    sentences: tuple[str, str]
    evidence: tuple[str, ...]


@dataclass(frozen=True)
class WalkForwardFigures:
    """All that a verdict rests on, computed once."""

    curve: StitchedReturns
    test: MeanTest
    against_baseline: MeanTest | None
    resampled: Bootstrap
    efficiency: Efficiency
    profitable: Proportion
    ranks: RankCorrelation


def figures_of(result: WalkForwardStudy) -> WalkForwardFigures:
    """Compute the figures of a walk-forward; the bootstrap is drawn with the result's own seed."""
    curve = stitched(result)
    beyond = None if curve.baseline is None else mean_test(curve.returns - curve.baseline)
    return WalkForwardFigures(
        curve=curve,
        test=mean_test(curve.returns),
        against_baseline=beyond,
        resampled=bootstrap(curve.returns, seed=result.seed),
        efficiency=efficiency(result, curve),
        profitable=profitable_windows(curve),
        ranks=rank_correlation(result),
    )


def verdict(result: WalkForwardStudy, figures: WalkForwardFigures | None = None) -> Verdict:
    """Judge a walk-forward.

    Fewer than 60 out-of-sample days, 3 windows or 30 trades are too little to judge. A gain counts only when
    both the Newey-West test and the bootstrap interval of the annual return exclude zero at 5 %. What is too good
    to be true (:func:`~jesse_nb.core.analysis.luck.doubts.too_good`) is called that, whatever else it shows. Nothing
    holds up of which a window's account was ruined, be it on days that the curve takes from a later window.

    Parameters
    ----------
    result
        A walk-forward.
    figures
        Its figures, where they are already known.
    """
    known = figures if figures is not None else figures_of(result)
    outcome = _outcome(known)
    ruins = _ruins(result)
    second = _second(outcome, known, result)
    if ruins and outcome not in ("nothing", "ruined"):  # on days that the curve takes from a later window
        outcome = "mixed" if outcome == "holds up" else outcome
        second = f"{second} {' '.join(ruins)}"
    found = Verdict(outcome, (_first(outcome, known, result), second), tuple(_evidence(known, result)))
    return found if outcome in ("nothing", "ruined") else with_doubt(found, too_good(known.curve.returns))


def with_doubt(found: Verdict, doubt: Doubt | None) -> Verdict:
    """Return a verdict, overruled by what :func:`~jesse_nb.core.analysis.luck.doubts.too_good` says, if anything."""
    lucky = doubt is not None and doubt.outcome == "too little data"
    return found if doubt is None or (lucky and found.outcome in ("fails", "no evidence")) else doubted(found, doubt)


def doubted(found: Verdict, doubt: Doubt) -> Verdict:
    """Return a verdict that a doubt overrules; what its figures alone say becomes evidence."""
    said = verdict_of(doubt)
    if found.outcome in OVERRULED:
        first, second = (said, found) if doubt.outcome == "failed check" else (found, said)
        line = also(first.sentences[0].rstrip("."), second.sentences[0])
        return replace(first, sentences=(line, first.sentences[1]), evidence=found.evidence)
    return replace(said, evidence=(f"By its other figures alone: {found.sentences[0]}", *found.evidence))


def verdict_of(doubt: Doubt) -> Verdict:
    """Return what a doubt alone says."""
    return Verdict("too little" if doubt.outcome == "too little data" else doubt.outcome,
                   (f"{doubt.line[0].upper()}{doubt.line[1:]}.", doubt.note), ())


def _outcome(known: WalkForwardFigures) -> VerdictKind:
    curve = known.curve
    if curve.ruin:
        return "ruined"
    if curve.returns.empty or curve.trades.empty:
        return "nothing"
    if len(curve.returns) < FEW_DAYS or known.profitable.total < FEW_WINDOWS or len(curve.trades) < FEW_TRADES:
        return "too little"
    if not _total(curve) > 0:
        return "fails"
    if not (known.test.hac_p < LEVEL and known.test.mean > 0 and known.resampled.annual_return.low > 0):
        return "no evidence"
    return "mixed" if _against(known) else "holds up"


def _first(outcome: VerdictKind, known: WalkForwardFigures, result: WalkForwardStudy) -> str:
    curve = known.curve
    if curve.returns.empty:
        reasons = sorted({window.reason for window in result.windows if window.reason})
        why = f": {reasons[0].rstrip('.')}" if reasons else ""
        return f"Nothing to judge: no window has an out-of-sample run{why}."
    if curve.ruin:
        number = int(curve.window.iloc[-1])
        return (f"Ruined out-of-sample: in window {number} the account was {curve.ruin}. The curve ends there, "
                "whatever later windows gave.")
    over = f"{counted(len(curve.returns), 'out-of-sample day')} in {counted(known.profitable.total, 'window')}"
    if outcome == "nothing":
        return f"Nothing to judge: the strategy did not trade in {over}."
    gained = f"{as_percent(_total(curve))} over {over}"
    if outcome == "too little":
        few = _few(known)
        return f"Too little data to judge: {gained} with {counted(len(curve.trades), 'trade')}, where {few} needed."
    if outcome == "fails":
        return f"Does not hold up out-of-sample: {gained}."
    chance = (f"Newey-West {probability(known.test.hac_p)}, 95% interval of the annual return "
              f"{_range(known.resampled.annual_return)}")
    if outcome == "no evidence":
        why = f" ({chance})" if not known.test.reason else ""
        return f"No evidence of skill: {gained} is within what luck alone gives{why}."
    word = "Holds up out-of-sample" if outcome == "holds up" else "Mixed"
    return f"{word}: {gained}, more than luck easily explains ({chance})."


def _second(outcome: VerdictKind, known: WalkForwardFigures, result: WalkForwardStudy) -> str:
    if known.curve.returns.empty:
        return ("The reasons are in the table of windows." if result.windows else
                "It was stopped before any window was through.")
    if outcome == "nothing":
        return "That says nothing for or against it."
    if outcome == "ruined":
        return "No ratio and no average of what came before says anything about a strategy that loses everything."
    compared = [f"{name} {as_percent(total)}" for name, total in (
        ("the default parameters gave", _total_of(known.curve.baseline)),
        ("holding the market gave", _total_of(known.curve.market))) if total is not None]
    on_same_days = f"On the same days {' and '.join(compared)}" if compared else "There is nothing to compare it with"
    if outcome == "too little":
        more = "run it to its end" if result.stopped else "a longer period or shorter windows would tell more"
        return f"{on_same_days}; {more}."
    if outcome == "mixed":
        return f"{on_same_days}; against it speaks that {', and that '.join(_against(known))}."
    if outcome == "holds up":
        return f"{on_same_days}; still, this is one market in one period, not a promise."
    return f"{on_same_days}."


def _against(known: WalkForwardFigures) -> list[str]:
    """Name what spoils a gain that is more than luck."""
    reasons = []
    curve, total = known.curve, _total(known.curve)
    baseline, market = _total_of(curve.baseline), _total_of(curve.market)
    if baseline is not None and total <= baseline:
        reasons.append("optimizing did not beat the default parameters")
    if market is not None and total <= market \
            and not curve.metric("sharpe_ratio") > curve.metric("sharpe_ratio", "market"):
        reasons.append("holding the market gave more, at a better Sharpe ratio")
    if known.efficiency.value < 0.5:
        reasons.append(f"less than half of the in-sample return was left (efficiency {known.efficiency.value:.2f})")
    if known.profitable.share <= 0.5:
        reasons.append(f"only {known.profitable.count} of {known.profitable.total} windows gained")
    return reasons


def _evidence(known: WalkForwardFigures, result: WalkForwardStudy) -> list[str]:
    curve, test, drawn = known.curve, known.test, known.resampled
    if curve.returns.empty:
        return []
    ratio = curve.metric("sharpe_ratio")
    lines = _ruins(result)
    lines += [f"Stitched out-of-sample: {as_percent(_total(curve))} in {counted(len(curve.returns), 'day')} and "
              f"{counted(len(curve.trades), 'trade')}"
              f"{'' if math.isnan(ratio) else f', Sharpe ratio {ratio:.2f}'}."]
    if test.reason:
        lines.append(f"The mean daily return cannot be tested: {test.reason}.")
    else:
        lines.append(f"Mean daily return {test.mean * 100:+.3f}%: t = {test.t:.2f} ({probability(test.p)}), with "
                     f"Newey-West errors t = {test.hac_t:.2f} ({probability(test.hac_p)}, "
                     f"{counted(test.lags, 'lag')}).")
        lines.append(f"Stationary bootstrap, 95%: annual return {_range(drawn.annual_return)}, Sharpe ratio "
                     f"{drawn.sharpe.low:.2f} to {drawn.sharpe.high:.2f} (mean block {counted(drawn.block, 'day')}, "
                     f"{drawn.resamples:,} resamples, seed {drawn.seed}).")
    share = known.profitable
    lines.append(f"Windows that gained: {share.count} of {share.total} "
                 f"(95% interval of the share {share.low * 100:.0f}% to {share.high * 100:.0f}%).")
    left = known.efficiency
    lines.append(f"Walk-forward efficiency undefined: {left.reason}." if left.reason else
                 f"Walk-forward efficiency {left.value:.2f}: {as_percent(left.out_of_sample)} a year out-of-sample "
                 f"against {as_percent(left.in_sample)} in-sample, {left.windows} windows.")
    beyond = known.against_baseline
    if curve.baseline is None:
        lines.append(f"No baseline: {curve.baseline_reason}.")
    elif beyond is not None and not beyond.reason:
        lines.append(f"Against the default parameters: {beyond.mean * 100:+.3f}% a day "
                     f"(Newey-West {probability(beyond.hac_p)}).")
    if curve.market is None:
        lines.append(f"No comparison with holding the market: {curve.market_reason}.")
    if result.space is not None:
        ranks = known.ranks
        lines.append(f"Rank correlation of trials in-sample and out-of-sample undefined: {ranks.reason}."
                     if ranks.reason else f"Rank correlation of trials in-sample and out-of-sample: {ranks.pooled:.2f} "
                          f"({ranks.trials:,} trials in {counted(ranks.windows, 'window')}).")
        steady = parameter_stability(result).dropna(subset=["stability"])
        if len(steady):
            lines.append("Parameter stability (by chance): " + ", ".join(
                f"{name} {row['stability']:.2f} ({row['chance']:.2f})" for name, row in steady.iterrows()) + ".")
    return lines + looked_at_before(result.prior_runs)


def _ruins(result: WalkForwardStudy) -> list[str]:
    ruins = {window.window.number: window.test.ruin
             for window in result.windows if window.test is not None and window.test.ruin}
    if not ruins:
        return []
    first = next(iter(ruins))
    return [f"Windows whose account was ruined out-of-sample: {len(ruins):,} of {len(result.windows):,}, the first "
            f"of them {first} ({ruins[first]})."]


def looked_at_before(prior_runs: int) -> list[str]:
    """Say that days which the search never saw were not unseen by whoever chose the strategy; nothing where they were.

    Parameters
    ----------
    prior_runs
        How many other backtests of the project had looked at them.
    """
    return [f"{counted(prior_runs, 'other backtest')} of this project had looked at some of these days before: the "
            "best of many attempts looks better than it is, and no figure here knows of them."] if prior_runs else []


def _few(known: WalkForwardFigures) -> str:
    needed = [(len(known.curve.returns), FEW_DAYS, "days"), (known.profitable.total, FEW_WINDOWS, "windows"),
              (len(known.curve.trades), FEW_TRADES, "trades")]
    short = [f"{least} {name}" for count, least, name in needed if count < least]
    return f"at least {' and '.join(short)} are"


def _total(curve: StitchedReturns) -> float:
    return _total_of(curve.returns) or 0.0


def _total_of(returns: pd.Series[float] | None) -> float | None:
    return None if returns is None else float(np.prod(1.0 + returns.clip(lower=-1.0)) - 1.0) * 100.0


def as_percent(value: float) -> str:
    """Write percent with a sign."""
    return "undefined" if math.isnan(value) else "0.0%" if abs(value) < 0.05 else f"{value:+,.1f}%"


def probability(value: float) -> str:
    """Write a p-value."""
    return "p < 0.001" if value < 0.001 else f"p = {value:.3f}"


def _range(interval: Interval) -> str:
    return f"{as_percent(interval.low)} to {as_percent(interval.high)}"


def counted(number: int, name: str) -> str:
    """Write ``1 day``, ``2 days``."""
    return f"{number:,} {name}{'' if number == 1 else 's'}"


def listed(names: Sequence[str]) -> str:
    """Write ``a``, ``a and b``, ``a, b and c``."""
    return " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)
