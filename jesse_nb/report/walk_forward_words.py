"""How the windows of a walk-forward are joined, in plain sentences."""

from __future__ import annotations

from typing import TYPE_CHECKING

from jesse_nb.report.labels import days, period

if TYPE_CHECKING:
    from jesse_nb.core.analysis.stitching import StitchedReturns
    from jesse_nb.core.tools.cpcv_result import CpcvResult
    from jesse_nb.core.tools.walk_forward_result import WalkForwardResult

__all__ = ["count", "cpcv_sentences", "cpcv_setup", "cpcv_verdict", "seams", "setup"]

#: Too few paths or candidates for a share of them to mean much.
FEW_PATHS, FEW_CANDIDATES = 4, 5


def setup(result: WalkForwardResult) -> str:
    """Describe the windows in one line."""
    kind = "anchored" if result.anchored else "rolling"
    done = len(result.windows)
    parts = [f"{done} of {count(result.planned, f'{kind} window')}: {result.in_sample_period} days in-sample"]
    parts += [f"{result.gap} days gap"] if result.gap else []
    parts += [f"{result.out_sample_period} days out-of-sample", f"step {count(result.step_forward, 'day')}"]
    line = ", ".join(parts)
    if result.space is None:
        return f"{line}; fixed parameters"
    return f"{line}; {count(result.n_trials, 'trial')} a window, sampler {result.sampler}, seed {result.seed}"


def seams(result: WalkForwardResult, curve: StitchedReturns) -> list[str]:
    """Say what happens where windows meet: overlap, purge, missing days, open positions, failures."""
    sentences = []
    if curve.overlapping:
        sentences.append(
            f"Out-of-sample periods overlap: {count(curve.overlapping, 'simulated day')} that a newer model covers "
            f"{_are(curve.overlapping)} left out, so the stitched curve counts each day once.")
    if len(curve.missing):
        sentences.append(f"No model covers {count(len(curve.missing), 'day')} between the first and the last; nothing is "
                         "held on them, and they are no part of the ratios.")
    sentences.append(
        f"{count(result.gap, 'day')} between training and testing {_are(result.gap)} used for neither." if result.gap else
        "Testing starts right after training, with no gap; positions do not cross, since each run starts without any.")
    if curve.seam_positions:
        sentences.append(f"{count(curve.seam_positions, 'position')} {'was' if curve.seam_positions == 1 else 'were'} open "
                         "when a window's days ended, and valued there at the last price.")
    failed = [one for one in result.windows if one.test is None]
    if failed:
        numbers = ", ".join(str(one.window.number) for one in failed)
        sentences.append(f"No out-of-sample run in {'window' if len(failed) == 1 else 'windows'} {numbers}: "
                         f"{failed[0].reason or 'no reason is known'}")
    cut = [one.window for one in result.windows if one.window.partial]
    if cut:
        sentences.append(f"The last window is cut by the end of the data: {days(cut[0].test_start, cut[0].test_end)} "
                         f"in place of {result.out_sample_period}.")
    return sentences


def cpcv_setup(result: CpcvResult) -> str:
    """Describe a cross-validation in one line."""
    gap = f", {count(result.gap, 'day')} between groups" if result.gap else ""
    return (f"{len(result.groups)} groups{gap}, {result.test_groups} of them tested in each of "
            f"{count(len(result.splits), 'split')}: {count(len(result.paths), 'path')}; "
            f"{count(len(result.candidates), 'candidate')}, sampler {result.sampler}, seed {result.seed}")


def cpcv_verdict(result: CpcvResult) -> list[str]:
    """Say in two sentences how the choice by in-sample score did out-of-sample."""
    told = [path for path in result.paths if len(path.returns)]
    judged = sum(split.logit == split.logit for split in result.splits)
    losing, overfitting = result.losing_paths, result.overfitting
    if losing != losing:
        return ["Nothing to judge: no path has out-of-sample days, because no candidate has an in-sample score.",
                "A run without trades has no score."]
    sharpes = result.sharpes.dropna()
    middle = f"median Sharpe ratio {sharpes.median():.2f}" if len(sharpes) else "Sharpe ratios undefined"
    figures = (f"{round(losing * len(told))} of {count(len(told), 'path')} lost money, {middle}"
               f"{f' ({sharpes.min():.2f} to {sharpes.max():.2f})' if len(sharpes) > 1 else ''}")
    if overfitting != overfitting:
        return [f"Too little to judge overfitting: {figures}.",
                "The chosen candidate can only be ranked when two or more have a score on the test groups."]
    chosen = (f"In {round(overfitting * judged)} of {count(judged, 'split')} the candidate chosen in-sample was no better "
              f"than the median one out-of-sample (probability of overfitting {overfitting * 100:.0f}%).")
    if len(told) < FEW_PATHS or len(result.candidates) < FEW_CANDIDATES:
        return [f"Too little data to judge: {figures}, where {FEW_PATHS} paths and {FEW_CANDIDATES} candidates are needed.",
                chosen]
    if overfitting >= 0.5:
        return [f"No evidence of skill: choosing by in-sample score does no better than chance; {figures}.", chosen]
    if losing > 0.25:
        return [f"Does not hold up out-of-sample: {figures}.", chosen]
    if losing > 0 or overfitting > 0.25:
        return [f"Mixed: {figures}.", chosen]
    return [f"Holds up out-of-sample: {figures}.", f"{chosen[:-1]}; still, this is one market in one period, not a promise."]


def cpcv_sentences(result: CpcvResult) -> list[str]:
    """Say what the paths are made of."""
    first, last = result.groups[0], result.groups[-1]
    sentences = [
        "Paths share days and candidates, so they are not independent of each other; their spread shows how much hangs on "
        "which part of the past parameters were chosen on. Splits also train on what came after the tested days.",
        f"Each group of {period(first.start, last.end)} was simulated on its own, with its own warm-up, and ended with all "
        "positions closed" + (f"; {count(result.gap, 'day')} between groups "
                              f"{_are(result.gap)} left out (purge and embargo)." if result.gap else
                              "; no days are left out between groups."),
    ]
    holes = sum(len(path.missing_groups) for path in result.paths)
    if holes:
        sentences.append(f"{count(holes, 'group')} of paths {_are(holes)} missing, because nothing could be chosen or the "
                         "run failed; their days are left out.")
    return sentences


def count(number: int, name: str) -> str:
    """Write ``1 day``, ``2 days``."""
    return f"{number:,} {name}{'' if number == 1 else 's'}"


def _are(number: int) -> str:
    return "is" if number == 1 else "are"
