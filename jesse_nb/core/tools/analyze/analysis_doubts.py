"""What an analysis says against a verdict: a run that is too good to be true, and scenarios that deny it."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from jesse_nb.core.analysis.luck import overfit_verdict
from jesse_nb.core.analysis.luck.doubts import Doubt, denied, too_good
from jesse_nb.core.analysis.luck.effective_trials import LEAST_SHARE
from jesse_nb.core.analysis.luck.overfit_verdict import OverfitVerdict
from jesse_nb.core.analysis.studies import verdict
from jesse_nb.core.analysis.studies.verdict import Verdict
from jesse_nb.core.tools.analyze.analysis_result import Analysis, AnalyzedRun
from jesse_nb.core.tools.optimize.optimize_result import OptimizeResult

__all__ = ["denied_by_scenarios", "too_good_alone"]

#: What no doubt makes worse.
_HOPELESS = ("ruined", "nothing", "nothing to judge", "no edge", "fails")


def too_good_alone(
    found: OverfitVerdict | Verdict | None, result: Any, run: AnalyzedRun, others: Collection[str] | None
) -> OverfitVerdict | Verdict | None:
    """Return the verdict, overruled where the run that is read is too good to be true by itself.

    A study's held-out run is judged beside the study, whose own days its verdict knows. The more backtests of the
    project looked at these days, the better a single one must be: each counts as in an optimization's verdict.
    """
    if found is None:
        return _overruled(found, too_good(run.returns, 1.0 + LEAST_SHARE * len(others or ())))
    if not isinstance(result, OptimizeResult) or result.test is None or found.outcome in _HOPELESS:
        return found
    doubt = too_good(run.returns)
    beyond = doubt is not None and doubt.outcome == "too good to be true" != found.outcome
    return _overruled(found, doubt) if beyond else found


def denied_by_scenarios(analysis: Analysis) -> OverfitVerdict | Verdict | None:
    """Return the verdict, overruled where the run gains and too few of its scenarios do."""
    found, deep, run = analysis.verdict, analysis.deep, analysis.run
    gained = float(run.equity.iloc[-1]) > run.balance
    if deep is None or deep.scenarios is None or not gained or (found is not None and found.outcome in _HOPELESS):
        return found
    return _overruled(found, denied(deep.scenarios.scenarios["net_profit_percentage"]))


def _overruled(found: OverfitVerdict | Verdict | None, doubt: Doubt | None) -> OverfitVerdict | Verdict | None:
    if doubt is None:
        return found
    if isinstance(found, OverfitVerdict):
        return overfit_verdict.doubted(found, doubt)
    return verdict.verdict_of(doubt) if found is None else verdict.doubted(found, doubt)
