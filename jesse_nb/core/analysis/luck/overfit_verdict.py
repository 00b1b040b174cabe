"""Skill or luck: what an optimization's winner is worth, in a line, a sentence, and the evidence for them."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

from jesse_nb.core.analysis.luck.doubts import OVERRULED, Doubt, also
from jesse_nb.core.analysis.luck.effective_trials import LEAST_SHARE
from jesse_nb.core.analysis.luck.overfit import OverfitFigures
from jesse_nb.core.analysis.luck.significance import FEW_ACTIVE_DAYS, FEW_DAYS
from jesse_nb.core.analysis.luck.superior_ability import SuperiorAbility
from jesse_nb.core.analysis.studies.verdict import FEW_TRADES, LEVEL, counted, probability

if TYPE_CHECKING:
    from jesse_nb.core.simulator.account import Ruin

__all__ = ["FEW_ACTIVE_DAYS", "FEW_DAYS", "OverfitOutcome", "OverfitVerdict", "doubted", "overfit_verdict"]

#: The deflated Sharpe ratio of skill.
SURE = 0.95
#: Choosing by Sharpe ratio does not work above this PBO; that matters where the chosen also loses out-of-sample.
HIGH_PBO, OFTEN = 0.5, 0.10

OverfitOutcome = Literal["failed check", "ruined", "nothing to judge", "too good to be true",
                         "denied by its scenarios", "too little data", "no edge", "likely luck", "undecided",
                         "likely skill"]


@dataclass(frozen=True)
class OverfitVerdict:
    """Whether the chosen trial is luck.

    Attributes
    ----------
    outcome
        ``failed check`` (the strategy was checked first, and reads the future for example), ``ruined`` (on the
        held-out days its account lost everything), ``nothing to judge`` (it never traded),
        ``too good to be true`` (its Sharpe ratio is beyond anything traded), ``denied by its scenarios`` (in an
        analysis: too few rewritten markets give a gain), ``too little data``, ``no edge`` (it gained nothing),
        ``likely luck`` (no more than the best of so many trials without skill shows), ``undecided`` or ``likely
        skill``.
    line
        The outcome with its main figures.
    note
        What that means, in a sentence or two.
    evidence
        One line a figure; none where there is too little data for them to say anything.
    """

    outcome: OverfitOutcome
    line: str
    note: str
    evidence: tuple[str, ...]


def overfit_verdict(figures: OverfitFigures, ruin: Ruin | None = None) -> OverfitVerdict:
    """Judge the chosen trial of an optimization.

    Where its account was ruined on the held-out days, no figure of the training days says anything for it.

    It is *likely luck* unless the p-values of its mean return, above cash and beyond its exposure to the market
    (where that is known), corrected for all trials, are both at most 0.05. In 1,200 simulated studies without skill
    (30 to 150 trials over 120 or 365 days: alike, unlike, fat-tailed) 95 % were called luck or no edge, and 1 % skill;
    of 400 with a tenth of the trials at a true Sharpe ratio of 2.5 over two years, 12 % were called luck.

    It is *likely skill* when, with the market known, the deflated Sharpe ratio is above 0.95 besides, in all and
    beyond its exposure to the market, and choosing worked: the probability of backtest overfitting is at most 0.5, or
    at most a tenth of the splits lost out-of-sample (where all trials are good, it hardly matters which one is
    chosen). Everything between is *undecided*, and the note says what speaks against it. Without the market, trials
    that toss a coin every few days whether to be long would pass most of these tests in a year like Bitcoin's 2023.

    Fewer than 60 days, fewer than 30 on which it gained or lost, or fewer than 30 trades are too little.

    What is too good to be true (:func:`~jesse_nb.core.analysis.luck.doubts.too_good`) is called that, whatever all
    this says.
    """
    if ruin is not None:
        return OverfitVerdict("ruined", f"ruined: on the held-out days the account was {ruin}",
                              "Whatever it gained in training, it loses everything.", tuple(_evidence(figures)))
    outcome = _outcome(figures)
    evidence = () if outcome in ("nothing to judge", "too little data") else tuple(_evidence(figures))
    found = OverfitVerdict(outcome, _line(outcome, figures), _note(outcome, figures), evidence)
    doubt = figures.doubt
    lucky = doubt is not None and doubt.outcome == "too little data"
    return found if doubt is None or (lucky and outcome in ("no edge", "likely luck")) else doubted(found, doubt)


def doubted(found: OverfitVerdict, doubt: Doubt) -> OverfitVerdict:
    """Return a verdict that a doubt overrules; what its figures alone say becomes evidence."""
    if found.outcome in OVERRULED:
        if doubt.outcome != "failed check":
            return replace(found, line=also(found.line, doubt.line))
        return replace(found, outcome=doubt.outcome, line=also(doubt.line, found.line), note=doubt.note)
    evidence = () if doubt.outcome == "too little data" else (f"By its other figures alone: {found.line}.",
                                                              *found.evidence)
    return OverfitVerdict(doubt.outcome, doubt.line, doubt.note, evidence)


def _outcome(figures: OverfitFigures) -> OverfitOutcome:
    if not figures.active_days:
        return "nothing to judge"
    few = figures.trades is not None and figures.trades < FEW_TRADES
    if few or figures.days < FEW_DAYS or figures.active_days < FEW_ACTIVE_DAYS or figures.cash.reason:
        return "too little data"
    if not figures.chosen_sharpe > 0:
        return "no edge"
    if _worst_p(figures) > LEVEL:
        return "likely luck"
    return "undecided" if _against(figures) else "likely skill"


def _worst_p(figures: OverfitFigures) -> float:
    return figures.p_cash if math.isnan(figures.p_market) else max(figures.p_cash, figures.p_market)


def _against(figures: OverfitFigures) -> list[str]:
    """Name what keeps a gain that is more than luck from being called skill."""
    reasons = []
    if figures.market is None:
        reasons.append(f"a rising market gives gains without skill, and {figures.market_reason}")
    if not figures.deflated.probability > SURE:
        reasons.append(f"its deflated Sharpe ratio of {figures.deflated.probability:.2f} is not above {SURE}")
    elif figures.market is not None and not figures.market.deflated.probability > SURE:
        reasons.append(f"beyond its exposure to the market, its deflated Sharpe ratio of "
                       f"{figures.market.deflated.probability:.2f} is not above {SURE}")
    split = figures.overfitting
    if split.probability > HIGH_PBO and split.loss > OFTEN:
        reasons.append(f"the best trial of one half of the days fell behind most others on the other half in "
                       f"{_share(split.probability)} of the splits")
    return reasons


def _line(outcome: OverfitOutcome, figures: OverfitFigures) -> str:
    if outcome == "nothing to judge":
        return f"{outcome}: the chosen trial never traded"
    if outcome == "too little data":
        if figures.trades is not None and figures.trades < FEW_TRADES:
            return f"{outcome}: {counted(figures.trades, 'trade')}; {FEW_TRADES} are needed"
        return (f"{outcome}: {counted(figures.days, 'day')}, {figures.active_days:,} of them with a gain or loss; "
                f"{FEW_DAYS} and {FEW_ACTIVE_DAYS} are needed")
    shown = [f"Sharpe {figures.chosen_sharpe:.2f}"] if outcome == "no edge" else []
    shown.append(f"deflated Sharpe {figures.deflated.probability:.2f}")
    if not figures.overfitting.reason:
        shown.append(f"PBO {figures.overfitting.probability:.2f}")
    if outcome != "no edge":
        beyond = figures.p_market > figures.p_cash
        shown.append(f"{probability(_worst_p(figures))}{' beyond the market' if beyond else ''}")
    return f"{outcome}: {', '.join(shown)} over {_trials(figures)}"


def _note(outcome: OverfitOutcome, figures: OverfitFigures) -> str:
    if outcome == "nothing to judge":
        return "That says nothing for or against the strategy."
    if outcome == "too little data":
        return "A longer period, or a strategy that trades more often, would tell more."
    if outcome == "no edge":
        return "The chosen trial did not gain, so there is nothing that luck would have to explain."
    luck = (f"The best of {_whole(figures.independent_trials)} independent trials without skill would show a Sharpe "
            f"ratio of about {figures.lucky_sharpe:.2f} on these days; this one shows {figures.chosen_sharpe:.2f}.")
    if figures.independent_trials < 1.5:
        luck = f"It shows a Sharpe ratio of {figures.chosen_sharpe:.2f} in {counted(figures.days, 'day')}."
    if outcome == "likely luck":
        market = figures.market
        if market is not None and figures.p_cash <= LEVEL:
            return (f"It gained, but beyond its exposure to the market (beta {market.exposure:.2f}; holding had a "
                    f"Sharpe ratio of {market.sharpe:.2f}) no more than luck gives the best of so many trials.")
        beyond = ", beyond what the market gave" if figures.p_market > figures.p_cash else ""
        return (f"{luck} Luck does as well in {_share(_worst_p(figures))} of such studies{beyond}. That does "
                "not disprove an edge; it takes more days, or fewer trials, to show one.")
    if outcome == "undecided":
        return f"{luck} That is more than luck easily explains, but {', and '.join(_against(figures))}."
    return f"{luck} Still, this is one market in one period, not a promise."


def _evidence(figures: OverfitFigures) -> list[str]:
    effective, deflated, split, cut = figures.effective, figures.deflated, figures.overfitting, figures.haircut
    groups = f", in {counted(effective.clusters, 'cluster')}" if effective.clusters else ""
    idle = f"; {effective.idle:,} never traded" if effective.idle else ""
    lines = [f"Trials that traded: {figures.trials:,}, of which {effective.distinct:,} differ; effective number of "
             f"independent trials {_whole(effective.number)}{groups}{idle}."]
    if figures.unfinished:
        so = "" if figures.prior_trials else f"; with them it is {_whole(figures.independent_trials)}"
        lines.append(f"Trials that were stopped early: {figures.unfinished:,}. What they would have earned is unknown: "
                     f"each counts for {LEAST_SHARE:g} of an independent trial at the least{so}, and they are taken "
                     "for the worst when the spread of all is measured. That makes the verdict harder than if they "
                     "had finished. The tests below know the others only.")
    if figures.prior_trials:
        lines.append(f"Earlier backtests on these days: {figures.prior_trials:,}, with which the effective "
                     f"number of all is {_whole(figures.independent_trials)} (they are taken to be as alike as these, "
                     f"but each counts for {LEAST_SHARE:g} of a trial at the least).")
    if deflated.reason:
        lines.append(f"Deflated Sharpe ratio undefined: {deflated.reason}.")
    else:
        needs = (f"alone it would take {math.ceil(figures.track_record):,} days to show at 95% that it is above zero"
                 if math.isfinite(figures.track_record) else "no number of such days would show it to be above zero")
        lines.append(f"Sharpe ratio {figures.chosen_sharpe:.2f}, luck's best {figures.lucky_sharpe:.2f}: deflated "
                     f"Sharpe ratio {deflated.probability:.2f} (as the only trial {figures.probabilistic:.2f}; "
                     f"{needs}).")
    lines.append(f"Probability of backtest overfitting undefined: {split.reason}." if split.reason else
                 f"Probability of backtest overfitting {split.probability:.2f} ({len(split.logits):,} splits of "
                 f"{split.partitions} blocks): the best of one half lost on the other in {_share(split.loss)}.")
    lines.append(_tested("Above cash", figures.cash, figures.p_cash))
    if figures.market is None:
        lines.append(f"No comparison with holding the market: {figures.market_reason}.")
    else:
        lines.append(_tested("Above buy-and-hold", figures.market.against, math.nan))
        lines.append(_tested(f"Beyond exposure to the market (beta {figures.market.exposure:.2f})",
                             figures.market.beyond, figures.p_market))
        if not figures.market.deflated.reason:
            lines[-1] = f"{lines[-1][:-1]}; deflated Sharpe ratio {figures.market.deflated.probability:.2f}."
    if cut.reason:
        lines.append(f"Haircut Sharpe ratio undefined: {cut.reason}.")
    elif cut.sharpe > 0:
        left = cut.table["sharpe"]
        lines.append(f"Haircut for {counted(cut.tests, 'trial')} (Harvey and Liu): of {cut.sharpe:.2f} are left "
                     f"{left['bonferroni']:.2f} (Bonferroni), {left['holm']:.2f} (Holm), {left['bhy']:.2f} (BHY).")
    ranks = figures.held_out
    lines.append(f"Rank correlation of the top trials in training and held out undefined: {ranks.reason}."
                 if ranks.reason else f"Rank correlation of the top trials in training and held out: {ranks.rho:.2f} "
                                      f"({counted(ranks.pairs, 'trial')}, {probability(ranks.p)}).")
    return lines


def _tested(what: str, test: SuperiorAbility, corrected: float) -> str:
    if test.reason:
        return f"{what}: undefined, {test.reason}."
    own = "" if math.isnan(corrected) else f"; the chosen trial {probability(corrected)}, corrected for all"
    return (f"{what}: SPA {probability(test.p)}, StepM finds {counted(test.found, 'trial')} at "
            f"{test.level:.0%}{own} (mean block {counted(test.block, 'day')}, {test.resamples:,} resamples, "
            f"seed {test.seed}).")


def _trials(figures: OverfitFigures) -> str:
    stopped = f", {figures.unfinished:,} more stopped early" if figures.unfinished else ""
    earlier = f" and {counted(figures.prior_trials, 'earlier backtest')}" if figures.prior_trials else ""
    return f"{counted(figures.trials, 'trial')}{stopped}{earlier} (effective {_whole(figures.independent_trials)})"


def _whole(number: float) -> str:
    return f"{max(round(number), 1):,}"


def _share(value: float) -> str:
    return f"{value * 100:.0f}%"
