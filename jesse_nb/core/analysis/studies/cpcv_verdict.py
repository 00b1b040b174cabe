"""What a combinatorial purged cross-validation is worth, in two plain sentences and the evidence for them."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from jesse_nb.core.analysis.luck.doubts import too_good
from jesse_nb.core.analysis.luck.significance import FEW_DAYS, MeanTest, mean_test
from jesse_nb.core.analysis.studies.verdict import (
    LEVEL,
    Verdict,
    VerdictKind,
    as_percent,
    counted,
    looked_at_before,
    probability,
    with_doubt,
)
from jesse_nb.core.study.ratios import return_ratios

if TYPE_CHECKING:
    from jesse_nb.core.study.cpcv_study import CpcvPath, CpcvStudy

__all__ = ["cpcv_verdict"]

#: Fewer than this say nothing about how a choice among candidates does.
FEW_PATHS, FEW_CANDIDATES = 4, 5


def cpcv_verdict(result: CpcvStudy) -> Verdict:
    """Judge a cross-validation by its paths, by the ranks of what was chosen, and by its median path.

    Fewer than 4 paths, 5 candidates or 60 days are too little. It holds up when no path loses, at most a quarter
    of the splits choose no better than the median candidate, the Newey-West test of the median path's daily
    returns excludes zero at 5 %, and the default parameters did not do better. A median path that is too good to be
    true (:func:`~jesse_nb.core.analysis.luck.doubts.too_good`) is called that, and one path whose account was ruined
    makes it "ruined".

    Parameters
    ----------
    result
        A cross-validation.
    """
    told = sorted((path for path in result.paths if not math.isnan(path.metrics["net_profit_percentage"])),
                  key=lambda path: path.metrics["net_profit_percentage"])
    if not told:
        return Verdict("nothing", ("Nothing to judge: no path has out-of-sample days.",
                                   "No candidate has an in-sample score; a run without trades has none."), ())
    middle = told[(len(told) - 1) // 2]
    test = mean_test(middle.returns)
    baseline = math.nan if result.baseline is None else return_ratios(result.baseline)["net_profit_percentage"]
    outcome = _outcome(result, told, middle, test, baseline)
    found = Verdict(outcome, (_first(outcome, told, middle), _second(outcome, result)),
                    tuple(_evidence(result, told, test, baseline)))
    return found if outcome in ("nothing", "ruined") else with_doubt(found, too_good(middle.returns))


def _outcome(result: CpcvStudy, told: list[CpcvPath], middle: CpcvPath, test: MeanTest, baseline: float) -> VerdictKind:
    gained = middle.metrics["net_profit_percentage"]
    if all((path.returns == 0).all() for path in told):
        return "nothing"
    if any(path.ruin for path in told):
        return "ruined"
    if len(told) < FEW_PATHS or len(result.candidates) < FEW_CANDIDATES or len(middle.returns) < FEW_DAYS \
            or math.isnan(result.overfitting):
        return "too little"
    if gained <= 0:
        return "fails"
    if result.overfitting >= 0.5 or not test.hac_p < LEVEL:
        return "no evidence"
    spoiled = result.losing_paths > 0 or result.overfitting > 0.25 or baseline >= gained
    return "mixed" if spoiled else "holds up"


def _first(outcome: VerdictKind, told: list[CpcvPath], middle: CpcvPath) -> str:
    losing = sum(path.metrics["net_profit_percentage"] < 0 for path in told)
    figures = (f"{losing} of {counted(len(told), 'path')} lost money, the median path gave "
               f"{as_percent(middle.metrics['net_profit_percentage'])} in {counted(len(middle.returns), 'day')}")
    ruins = [path.ruin for path in told if path.ruin]
    if ruins:
        return (f"Ruined out-of-sample: on {len(ruins):,} of {counted(len(told), 'path')} the account lost everything, "
                f"first {min(ruins, key=lambda ruin: ruin.moment)}. A path ends there; {figures}.")
    return {
        "nothing": "Nothing to judge: no path holds anything on any day.",
        "too little": f"Too little data to judge: {figures}, where at least {FEW_PATHS} paths, {FEW_CANDIDATES} "
                      f"candidates and {FEW_DAYS} days are needed.",
        "fails": f"Does not hold up out-of-sample: {figures}.",
        "no evidence": f"No evidence of skill: {figures}, which luck alone gives, too.",
        "mixed": f"Mixed: {figures}.",
        "holds up": f"Holds up out-of-sample: {figures}, more than luck easily explains.",
    }[outcome]


def _second(outcome: VerdictKind, result: CpcvStudy) -> str:
    judged = sum(not math.isnan(split.logit) for split in result.splits)
    if not judged:
        return "How the chosen candidate ranks needs two or more with a score on the test groups."
    worse = sum(split.logit <= 0 for split in result.splits)
    sentence = (f"In {worse} of {counted(judged, 'split')} the candidate chosen in-sample was no better than the "
                f"median one out-of-sample (probability of overfitting {result.overfitting * 100:.0f}%)")
    return f"{sentence}; still, this is one market in one period, not a promise." if outcome == "holds up" \
        else f"{sentence}."


def _evidence(result: CpcvStudy, told: list[CpcvPath], test: MeanTest, baseline: float) -> list[str]:
    gains, sharpes = [path.metrics["net_profit_percentage"] for path in told], result.sharpes.dropna()
    lines = [f"Net profit of the paths: {as_percent(gains[0])} to {as_percent(gains[-1])}."]
    if len(sharpes):
        lines.append(f"Sharpe ratio of the paths: {sharpes.min():.2f} to {sharpes.max():.2f}, "
                     f"median {sharpes.median():.2f}.")
    lines.append(f"The median path cannot be tested: {test.reason}." if test.reason else
                 f"Mean daily return of the median path {test.mean * 100:+.3f}%: t = {test.t:.2f} "
                 f"({probability(test.p)}), with Newey-West errors t = {test.hac_t:.2f} ({probability(test.hac_p)}).")
    lines.append("No baseline: the default parameters have no run on some group." if math.isnan(baseline) else
                 f"The default parameters gave {as_percent(baseline)} over all groups.")
    chosen = {split.chosen for split in result.splits if split.chosen is not None}
    lines.append(f"{counted(len(chosen), 'different candidate')} chosen in {counted(len(result.splits), 'split')}, "
                 f"of {len(result.candidates):,}.")
    return lines + looked_at_before(result.prior_runs)
