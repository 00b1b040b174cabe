"""How the windows of a walk-forward are joined, in plain sentences."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from jesse_nb.core.analysis.studies.verdict import counted
from jesse_nb.report.common.labels import days

if TYPE_CHECKING:
    from jesse_nb.core.analysis.studies.stitching import StitchedReturns
    from jesse_nb.core.tools.walk_forward.walk_forward_result import WalkForwardResult

__all__ = ["are", "seams", "setup", "sortino"]


def setup(result: WalkForwardResult) -> str:
    """Describe the windows in one line."""
    kind = "anchored" if result.anchored else "rolling"
    done = len(result.windows)
    parts = [f"{done} of {counted(result.planned, f'{kind} window')}: {result.in_sample_period} days in-sample"]
    parts += [f"{result.gap} days gap"] if result.gap else []
    parts += [f"{result.out_sample_period} days out-of-sample", f"step {counted(result.step_forward, 'day')}"]
    line = ", ".join(parts)
    if result.space is None:
        return f"{line}; fixed parameters"
    return f"{line}; {counted(result.n_trials, 'trial')} a window, sampler {result.sampler}, seed {result.seed}"


def seams(result: WalkForwardResult, curve: StitchedReturns) -> list[str]:
    """Say what happens where windows meet: overlap, purge, missing days, open positions, failures."""
    sentences = []
    if curve.overlapping:
        sentences.append(
            f"Out-of-sample periods overlap: {counted(curve.overlapping, 'simulated day')} that a newer model covers "
            f"{are(curve.overlapping)} left out, so the stitched curve counts each day once.")
    if len(curve.missing):
        sentences.append(f"No model covers {counted(len(curve.missing), 'day')} between the first and the last; "
                         "nothing is held on them, and they are no part of the ratios.")
    sentences.append(
        f"{counted(result.gap, 'day')} between training and testing {are(result.gap)} used for neither (purge)."
        if result.gap else
        "Testing starts right after training, with no gap; no position crosses, since each run starts without any.")
    if curve.seam_positions:
        were = "was" if curve.seam_positions == 1 else "were"
        sentences.append(f"{counted(curve.seam_positions, 'position')} {were} open "
                         f"when a window's days ended: closed there at the last price.{_fees(curve)}")
    failed = [window for window in result.windows if window.test is None]
    if failed:
        numbers = ", ".join(str(window.window.number) for window in failed)
        sentences.append(f"No out-of-sample run in {'window' if len(failed) == 1 else 'windows'} {numbers}: "
                         f"{failed[0].reason or 'no reason is known'}")
    cut = [window.window for window in result.windows if window.window.partial]
    if cut:
        sentences.append(f"The last window is cut by the end of the data: {days(cut[0].test_start, cut[0].test_end)} "
                         f"in place of {result.out_sample_period}.")
    return sentences


def sortino(curve: StitchedReturns) -> str:
    """Say how the Sortino ratios of a stitched curve are counted, and what that makes of them."""
    number = len(curve.returns)
    higher = math.sqrt((number + 1) / number) - 1 if number else 0.0
    return ("The Sortino ratios count the start as a day without a loss, as Jesse's do: over "
            f"{counted(number, 'day')} they are {higher:.2%} higher.")


def _fees(curve: StitchedReturns) -> str:
    """Say what the exits cost that no run had paid."""
    said = [f"{whose}{counted(exits.positions, 'exit')} of a run that went on: {exits.fee:.2%} of the equity"
            for whose, exits in (("", curve.seam_exits), ("for the default parameters ", curve.baseline_exits))
            if exits.positions]
    return f" The curve pays the fee of {' in total, and '.join(said)} in total." if said else ""


def are(number: int) -> str:
    """Return the verb for a number of things."""
    return "is" if number == 1 else "are"
