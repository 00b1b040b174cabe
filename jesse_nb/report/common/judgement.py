"""A verdict as the templates show it: one card, whatever tool it judges."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from jesse_nb.core.analysis.luck.overfit_verdict import OverfitVerdict

if TYPE_CHECKING:
    from jesse_nb.core.analysis.studies.verdict import Verdict

__all__ = ["Judgement", "judgement_of"]

_TONES = {"failed check": "bad", "too good to be true": "bad", "denied by its scenarios": "bad",
          "likely skill": "good", "likely luck": "bad", "no edge": "bad",
          "holds up": "good", "fails": "bad", "no evidence": "bad", "ruined": "bad"}


class Judgement(NamedTuple):
    """What the ``verdict`` macro of the templates takes; the tone is ``good``, ``bad`` or ``open``."""

    tone: str
    outcome: str
    figures: str
    note: str
    evidence: tuple[str, ...] = ()


def judgement_of(found: OverfitVerdict | Verdict) -> Judgement:
    """Return a verdict's card; without evidence where there is too little data, of which no figure says anything."""
    if isinstance(found, OverfitVerdict):
        first, note = found.line, found.note
        evidence = () if found.outcome == "too little data" else found.evidence
    else:
        (first, note), evidence = found.sentences, found.evidence
    outcome, _, figures = first.partition(": ")
    return Judgement(_TONES.get(found.outcome, "open"), f"{outcome[0].upper()}{outcome[1:]}", figures, note, evidence)
