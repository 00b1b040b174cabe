"""A risk report in plain sentences: what happened, what else could have, what could come, and what stress does."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from jesse_nb.report.common.labels import days
from jesse_nb.report.common.numbers import measure, share
from jesse_nb.report.risk.stress_report import STRESS
from jesse_nb.report.risk.var_report import VALUE_AT_RISK

if TYPE_CHECKING:
    from jesse_nb.core.tools.risk.risk_report_result import RiskReport

__all__ = ["LIMITS", "QUESTIONS", "answers", "exposed", "fell", "missing_words", "next_period", "paid",
           "stressed", "this_period"]

#: What each section answers; Monte Carlo two questions, which are told apart.
QUESTIONS = {
    "happened": "What happened?",
    "period": "How else could this period have gone?",
    "next": "What could the next one bring?",
    "var": "What does a bad day cost?",
    "stress": "What if the market breaks?",
}

#: What no figure of the page knows.
LIMITS = ("Days like these and chosen scenarios are all that is known here: a history without a crash gives paths "
          "without one, an edge that fades is not foreseen, and an exchange that fails or candles that are wrong are "
          "in no figure.")

_SECTIONS = {"drawdowns": "Drawdowns", "within_days": "Drawdown within the days", "exposure": "Exposure",
             "monte_carlo": "Monte Carlo", "var": "Value at risk", "stress": "Stress"}


def answers(result: RiskReport) -> dict[str, list[str]]:
    """Return what is said to each question that was asked; empty where there is only a reason."""
    said = {
        "happened": [*fell(result), *exposed(result), *paid(result)], "period": this_period(result),
        "next": next_period(result),
        "var": list(VALUE_AT_RISK.content(result.var)["said"]) if result.var is not None else [],
        "stress": stressed(result),
    }
    asked = {"happened": {"drawdowns", "exposure"}, "period": {"monte_carlo"}, "next": {"monte_carlo"}}
    return {name: sentences for name, sentences in said.items()
            if asked.get(name, {name}) & set(result.sections)}


def fell(result: RiskReport) -> list[str]:
    """Say how the account went, how deep it fell and for how long."""
    run, found = result.run, result.drawdowns
    end = float(run.equity.iloc[-1])
    told = [f"From {measure(run.balance, 'currency')} the account went to {measure(end, 'currency')} in "
            f"{days(run.start, run.end)} ({measure((end / run.balance - 1.0) * 100.0, 'percent')})."]
    if found is None or found.reason:
        return told
    if not found.drawdowns:
        return [*told, "It was never below an earlier high."]
    money = result.to_frame().loc[("drawdowns", "deepest"), "money"]
    within = result.within_days
    beside = f" ({share(-within.percent / 100.0)} within the days)" if within is not None else ""
    told.append(f"At worst it was {share(-found.max_drawdown / 100.0)} below an earlier high{beside}, "
                f"{measure(money, 'currency')} in money.")
    still = " and has not ended" if found.current_duration == found.max_duration else ""
    told.append(f"It spent {share(found.time_under_water)} of the days below one; the longest stretch lasted "
                f"{found.max_duration:,.0f} days{still}.")
    return told


def exposed(result: RiskReport) -> list[str]:
    """Say how much of the time was in the market, and with how much."""
    found, largest = result.exposure, result.largest
    if found is None or largest is None:
        return []
    if largest.at is None:
        return ["No trade was closed."]
    turned = "" if found.reason else f", and turns the account over {measure(found.turnover, 'ratio')} times a year"
    return [f"It holds a position {share(found.in_market)} of the time (long {share(found.long)}, short "
            f"{share(found.short)}), at most {largest.multiple:.2f} times the account{turned}."]


def paid(result: RiskReport) -> list[str]:
    """Say what trading cost, and which costs are in no figure."""
    run = result.run
    if run.spec is None or run.trades.empty:
        return []
    account = run.spec.account
    slipped = f" and {account.slippage_bps:g} bp of slippage" if account.slippage_bps else ""
    cost = float(run.trades["fee"].sum())
    told = (f"Fees{slipped} took {measure(cost, 'currency')}, {share(cost / run.balance)} of what the account began "
            "with")
    perpetual = account.market == "futures"
    uncounted = [*([] if slipped else ["slippage"]), *(["funding"] if perpetual and not run.spec.funding else [])]
    return [f"{told}; {' and '.join(uncounted)} {'are' if len(uncounted) > 1 else 'is'} not counted here." if uncounted
            else f"{told}."]


def this_period(result: RiskReport) -> list[str]:
    """Say what other orders of the same days come to."""
    found = result.monte_carlo.period if result.monte_carlo is not None else None
    if found is None:
        return []
    deep: Any = found.paths.distributions.loc["max_drawdown"]
    return [f"Of {found.paths.paths:,} periods put together from the same days, half fall deeper than "
            f"{share(-deep['50%'] / 100.0)} and one in twenty deeper than {share(-deep['5%'] / 100.0)}; "
            f"{share(found.chances.loc['loss', 'probability'])} lose money.",
            f"It really fell {share(-deep['actual'] / 100.0)}: {share(deep['rank'])} of them fall deeper."]


def next_period(result: RiskReport) -> list[str]:
    """Say what the next period could bring, and how likely ruin and target are."""
    drawn = result.monte_carlo
    if drawn is None or drawn.projection is None:
        return []
    found = drawn.projection
    ends: Any = found.paths.distributions.loc["final_equity"]
    deep: Any = found.paths.distributions.loc["max_drawdown"]
    chance = found.chances["probability"]
    reached = f", and {share(chance['target'])} gain {drawn.target:.6g}% before they are" if "target" in chance else ""
    told = [f"If the next {found.paths.steps:,} {found.paths.unit} are of the same kind, nine in ten paths end between "
            f"{measure(ends['5%'], 'currency')} and {measure(ends['95%'], 'currency')}, from "
            f"{measure(found.balance, 'currency')}: {share(chance['loss'])} lose money, {share(chance['ruin'])} are at "
            f"some time {drawn.ruin:.6g}% below their start{reached}.",
            f"One in twenty falls deeper than {share(-deep['5%'] / 100.0)} from an earlier high."]
    return [*told, "The range is wide: one period hardly tells what it earns on average."]


def stressed(result: RiskReport) -> list[str]:
    """Say what the worst scenario takes, at its lowest and at the end."""
    found = result.stress
    if found is None:
        return []
    return [*STRESS.content(found)["said"], "Sizes are chosen: no scenario has a probability."]


def missing_words(result: RiskReport) -> list[str]:
    """Say which sections or figures are missing, and why."""
    reasons = [f"{_SECTIONS[name]}: {reason}." for name, reason in result.missing.items()]
    losses = _missing_losses(result)
    untested = result.var.untested if result.var is not None else ""
    return [*reasons, *losses, *([f"No forecast was tested: {untested}."] if untested else [])]


def _missing_losses(result: RiskReport) -> list[str]:
    """Say why values at risk are missing: each in detail, otherwise how many."""
    if result.var is None or not len(result.var.table):
        return []
    if result.format == "detailed":
        return list(VALUE_AT_RISK.content(result.var)["missing"])
    lacking = int(result.var.table["reason"].ne("").sum())
    return [f"{lacking} of {len(result.var.table)} figures of the value at risk, for which these days are too few; the "
            "detailed report names them."] if lacking else []
