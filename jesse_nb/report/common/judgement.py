"""A verdict as the templates show it: one card, whatever tool it judges."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from jesse_nb.core.analysis.curves.curves import daily_returns
from jesse_nb.core.analysis.luck.doubts import too_good
from jesse_nb.core.analysis.luck.overfit_verdict import OverfitVerdict

if TYPE_CHECKING:
    import pandas as pd

    from jesse_nb.core.analysis.studies.verdict import Verdict

__all__ = ["Judgement", "judgement_of", "too_good_sentence"]

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


def too_good_sentence(equity: pd.Series[float], trials: int = 1) -> str:
    """Say that a run is too good to be true, where no verdict does; empty where it is not.

    ``equity`` has a sample a day, and the run is one of so many ``trials``.
    """
    doubt = too_good(daily_returns(equity), trials)
    if doubt is None or doubt.outcome != "too good to be true":
        return ""
    return f"{doubt.line[0].upper()}{doubt.line[1:]}. {doubt.note}"
