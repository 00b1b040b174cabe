"""What a combinatorial purged cross-validation says, in plain sentences."""

from __future__ import annotations

from typing import TYPE_CHECKING

from jesse_nb.core.analysis.studies.verdict import counted
from jesse_nb.report.common.labels import period
from jesse_nb.report.walk_forward.walk_forward_words import are

if TYPE_CHECKING:
    from jesse_nb.core.tools.cpcv.cpcv_result import CpcvResult

__all__ = ["seams", "setup"]

def setup(result: CpcvResult) -> str:
    """Describe a cross-validation in one line."""
    gap = f", {counted(result.gap, 'day')} between groups" if result.gap else ""
    return (f"{len(result.groups)} groups{gap}, {result.test_groups} of them tested in each of "
            f"{counted(len(result.splits), 'split')}: {counted(len(result.paths), 'path')}; "
            f"{counted(len(result.candidates), 'candidate')}, sampler {result.sampler}, seed {result.seed}")


def seams(result: CpcvResult) -> list[str]:
    """Say what the paths are made of."""
    first, last = result.groups[0], result.groups[-1]
    sentences = [
        "Paths share days and candidates, so they are not independent of each other; their spread shows how much "
        "hangs on which part of the past parameters were chosen on.",
        "Splits also train on what came after the tested days, which nobody can trade on; a walk-forward does not.",
        f"Each group of {period(first.start, last.end)} was simulated on its own, with its own warm-up, and ended "
        "with all positions closed; "
        + (f"{counted(result.gap, 'day')} between groups {are(result.gap)} left out (purge and embargo)."
           if result.gap else "no days are left out between groups."),
    ]
    holes = sum(len(path.missing_groups) for path in result.paths)
    if holes:
        sentences.append(f"{counted(holes, 'group')} of paths {are(holes)} missing, because nothing could be chosen or "
                         "the run failed; their days are left out.")
    return sentences
