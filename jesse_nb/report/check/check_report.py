"""What a check of a strategy found: one line a check, its evidence, and the line of code."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from jesse_nb.report.common.heading import heading_content, heading_lines
from jesse_nb.report.common.plain_text import wrapped
from jesse_nb.report.common.provenance import given_hyperparameters, market
from jesse_nb.report.common.report import Report

if TYPE_CHECKING:
    from jesse_nb.core.tools.check.strategy_check import Finding, StrategyCheck

__all__ = ["STRATEGY_CHECK"]

_NAMES = {"look_ahead": "Look-ahead", "warm_up": "Warm-up", "determinism": "Determinism", "reads": "What it reads",
          "fragility": "Fragility"}
_TONES = {"failed": "bad", "cannot be told": "open", "warning": "open", "passed": "good", "not checked": "quiet"}


class ShownFinding(NamedTuple):
    """A finding as the template takes it; the tone is a class of the style sheet."""

    name: str
    level: str
    tone: str
    summary: str
    evidence: tuple[str, ...]
    line: str


def _title(check: StrategyCheck) -> str:
    return f"Check of {check.strategy} on {market(check.result.spec)}"


def _text(check: StrategyCheck) -> str:
    lines = [*heading_lines(_title(check), check.result.spec), _headline(check), ""]
    for finding in check.findings:
        lines += wrapped(f"{_NAMES[finding.check]}: {finding.level}. {finding.summary}")
        lines += wrapped(*finding.evidence, *([f"In {finding.line}"] if finding.line else []), bullet="    ", width=92)
    return "\n".join(lines)


def _content(check: StrategyCheck) -> dict[str, Any]:
    spec = check.result.spec
    return {**heading_content(check.strategy, spec),
            "given": given_hyperparameters(spec), "tone": _tone(check), "headline": _headline(check),
            "findings": [_shown(finding) for finding in check.findings], "stopped": check.stopped,
            "cost": f"{check.runs} simulations in {check.elapsed:.0f} s; none of them counts as a trial."}


def _headline(check: StrategyCheck) -> str:
    failed = _listed([finding for finding in check.findings if finding.level == "failed"])
    if failed:
        return f"Do not believe its results: it failed {failed}."
    warned, untold = (_listed([finding for finding in check.findings if finding.level == level])
                      for level in ("warning", "cannot be told"))
    if untold:
        more = f" Look at {warned}, too." if warned else ""
        return ("Whether it knows the future cannot be told: make sure of its data before you believe its results."
                f"{more}")
    if warned:
        return f"Nothing is wrong with its orders, but look at {warned}."
    return "Nothing wrong was found."


def _listed(findings: Sequence[Finding]) -> str:
    names = list(dict.fromkeys(_NAMES[finding.check].lower() for finding in findings))
    return " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)


def _tone(check: StrategyCheck) -> str:
    levels = {finding.level for finding in check.findings}
    return "bad" if "failed" in levels else "open" if levels & {"warning", "cannot be told"} else "good"


def _shown(finding: Finding) -> ShownFinding:
    return ShownFinding(_NAMES[finding.check], finding.level, _TONES[finding.level], finding.summary, finding.evidence,
                        "" if finding.line is None else str(finding.line))


STRATEGY_CHECK: Report[StrategyCheck] = Report(_title, _text, _content, "check_strategy.html")
