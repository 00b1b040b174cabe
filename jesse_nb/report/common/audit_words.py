"""What an audit of a run's equity found, in plain sentences, and Jesse's own figures where ours are others."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from jesse_nb.core.times import utc_text
from jesse_nb.report.common.labels import label, write
from jesse_nb.report.common.numbers import measure

if TYPE_CHECKING:
    from jesse_nb.core.simulator.account import EquityAudit, Ruin
    from jesse_nb.core.simulator.spec import BacktestSpec

__all__ = ["audit_remarks", "audit_warnings", "funding_sentences", "ruin_sentence",
           "slippage_sentences"]

#: Jesse's metrics that are named as faulty: of an account that was ruined, where its first day lost money, and where
#: the daily samples are wrong.
_OF_RUIN = ("net_profit_percentage", "annual_return", "sharpe_ratio", "max_drawdown", "win_rate")
_OF_FIRST_DAY = ("max_drawdown", "calmar_ratio")
_OF_SAMPLES = ("annual_return", "sharpe_ratio", "max_drawdown", "calmar_ratio")


def ruin_sentence(ruin: Ruin, spec: BacktestSpec | None = None) -> str:
    """Say when the account was ruined, and what was left of it."""
    said = f"The account was {ruin}: of its equity {measure(ruin.equity, 'currency')} was left"
    if spec is not None and spec.account.leverage_mode == "cross" and ruin.margin:
        said += (f", where its positions need {measure(ruin.margin, 'currency')} "
                 f"({spec.account.maintenance_margin * 100:.4g}% of their value)")
    return f"{said}."


def audit_warnings(audit: EquityAudit | None, spec: BacktestSpec) -> list[str]:
    """Say what a reader must know before any figure: ruin, or that Jesse's own equity is wrong."""
    if audit is None:
        return []
    said = []
    if audit.ruin:
        said.append(f"{ruin_sentence(audit.ruin, spec)} Jesse does not notice and simulates on, but the account had no "
                    "money for what follows: its profit, rates and ratios are undefined, and its equity ends there.")
    if audit.wrong:
        said.append(f"Jesse's own equity is wrong in {audit.wrong:,} of {audit.samples:,} daily samples, by up to "
                    f"{measure(audit.largest, 'currency')} ({utc_text(audit.largest_at)}): it leaves out money that "
                    "resting buy orders reserve, or pays another price than that of the fill. Everything here is of "
                    "the right equity.")
    if audit.jesse_metrics and (audit.ruin or audit.wrong):
        named = _faulty(audit.jesse_metrics, _OF_RUIN if audit.ruin else _OF_SAMPLES)
        said += [f"Jesse's own figures, which are wrong: {named}."] if named else []
    return said


def slippage_sentences(metrics: Mapping[str, Any]) -> list[str]:
    """Say what slippage cost, and what the profit of the same fills is without and with it."""
    slipped, before = metrics.get("slippage"), metrics.get("net_profit_percentage_before_slippage")
    if slipped is None or before is None or before != before:
        return []
    return [f"Slippage: {measure(slipped, 'currency')}. Net profit of the same fills without it "
            f"{measure(before, 'percent')}, with it {measure(metrics['net_profit_percentage'], 'percent')}. Equity, "
            "ratios and the trades' profits count it, and a trade's fee includes it."]


def funding_sentences(audit: EquityAudit, metrics: Mapping[str, Any]) -> list[str]:
    """Say what holding positions cost, and what the profit is without and with it."""
    payments = audit.funding
    if payments is None:
        return []
    done = "paid" if payments.total >= 0 else "received"
    count = len(payments.times)
    said = (f"Funding: {measure(abs(payments.total), 'currency')} {done} at {count:,} "
            f"{'instant' if count == 1 else 'instants'} with an open position.")
    before, after = (metrics.get(name) for name in ("net_profit_percentage_before_funding", "net_profit_percentage"))
    if before is not None and before == before:
        said += f" Net profit {measure(before, 'percent')}, after funding {measure(after, 'percent')}."
    return [f"{said} Equity, ratios and the net profit count it, the trades' profits do not."]


def audit_remarks(audit: EquityAudit | None, metrics: Mapping[str, Any] | None = None) -> list[str]:
    """Say what else is unusual about a run's equity; ``metrics`` are the run's."""
    said = slippage_sentences(metrics or {})
    if audit is None:
        return said
    said += funding_sentences(audit, metrics or {})
    if audit.jesse_metrics and not audit.ruin and not audit.wrong:
        said.append("The drawdown counts from the starting balance on. Jesse's own begins with what the first day "
                    f"left: {_faulty(audit.jesse_metrics, _OF_FIRST_DAY)}.")
    if audit.moved:
        said.append(f"The account differs from what its fills explain by up to {measure(audit.moved, 'currency')} "
                    f"({utc_text(audit.moved_at)}): the strategy itself moved money. Equity and ratios count that, "
                    "the trades' profits do not.")
    if audit.in_step_mode:
        said.append("Simulated in step mode, though fast mode was asked for: a position came to its liquidation price "
                    "on an isolated margin, and fast mode liquidates only when its step is over.")
    return said


def _faulty(metrics: dict[str, float], names: Sequence[str]) -> str:
    return ", ".join(f"{label(name)} {write(name, metrics[name])}"
                     for name in names if name in metrics)
