"""What the check before a study found, and what that makes of a verdict."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from jesse_nb.core.analysis.luck import overfit_verdict
from jesse_nb.core.analysis.luck.doubts import Doubt
from jesse_nb.core.analysis.luck.overfit_verdict import OverfitVerdict
from jesse_nb.core.analysis.studies import verdict
from jesse_nb.core.analysis.studies.verdict import Verdict
from jesse_nb.core.tools.check.strategy_check import CodeLine, Finding

__all__ = ["FirstCheck"]

_NAMES = {"look_ahead": "look-ahead", "warm_up": "warm-up", "determinism": "determinism", "reads": "what it reads"}


@dataclass(frozen=True)
class FirstCheck:
    """What the check before a study found.

    Attributes
    ----------
    findings
        As :func:`~jesse_nb.core.tools.check.check_strategy.check_strategy` gives them, without the fragility.
    reason
        Why there are none; empty otherwise.
    """

    findings: tuple[Finding, ...]
    reason: str = ""

    @property
    def failed(self) -> bool:
        """Whether anything was found because of which its results are not to be believed."""
        return any(finding.level == "failed" for finding in self.findings)

    @property
    def doubt(self) -> Doubt | None:
        """Why no result of the strategy is to be believed; None where nothing forbids it."""
        failed = [finding for finding in self.findings if finding.level == "failed"]
        if not failed:
            return None
        said = [finding.brief if finding.line is None else f"{finding.brief}, line {finding.line.line}"
                for finding in failed]
        first = failed[0]
        place = f" In {first.line}." if first.line is not None else ""
        return Doubt("failed check", f"failed check: {'; '.join(said)}",
                     f"{first.summary}{place} No figure counts before that is mended; %check or check_strategy has the "
                     "evidence.")

    @property
    def remark(self) -> str:
        """What was found, for the notes of a report."""
        if self.reason:
            return f"The strategy could not be checked before the first trial: {self.reason}"
        said = []
        for level, words in (("failed", "it failed"), ("cannot be told", "it cannot be told of"),
                             ("passed", "nothing wrong with"), ("warning", "look at"),
                             ("not checked", "not checked was")):
            of = [finding for finding in self.findings if finding.level == level]
            why = "" if level in ("failed", "passed") else f" ({' '.join(one.summary for one in of).rstrip('.')})"
            said += [f"{words} {', '.join(dict.fromkeys(_NAMES[one.check] for one in of))}{why}"] if of else []
        return f"The strategy was checked before the first trial: {'; '.join(said)}."

    def over(self, found: OverfitVerdict | Verdict | None) -> Any:
        """Return a verdict of the same kind, overruled where the check failed."""
        doubt = self.doubt
        if doubt is None:
            return found
        if isinstance(found, Verdict):
            return verdict.doubted(found, doubt)
        return OverfitVerdict(*doubt, ()) if found is None else overfit_verdict.doubted(found, doubt)

    def to_json(self) -> list[dict[str, Any]]:
        """Return what :meth:`from_json` takes."""
        return [asdict(finding) for finding in self.findings]

    @classmethod
    def from_json(cls, content: list[dict[str, Any]]) -> FirstCheck:
        """Return a check that was filed."""
        return cls(tuple(
            Finding(**{**one, "evidence": tuple(one["evidence"]), "line": one["line"] and CodeLine(**one["line"])})
            for one in content))
