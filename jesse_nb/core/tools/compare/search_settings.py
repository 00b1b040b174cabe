"""How the values of a result were searched for: what decides which run speaks for it, beside what was simulated."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from jesse_nb.core.study.dimension_words import range_of
from jesse_nb.core.study.optimize_study import OptimizeStudy
from jesse_nb.core.study.walk_forward_study import WalkForwardStudy
from jesse_nb.core.times import DAY_MS, utc_text

__all__ = ["search_settings"]

_NOTHING = "none"


def search_settings(result: Any) -> tuple[tuple[str, str], ...]:
    """Return the search's settings of a study or a walk-forward, as texts; nothing of other results."""
    if isinstance(result, OptimizeStudy):
        return tuple(_of_study(result))
    if isinstance(result, WalkForwardStudy):
        return tuple(_of_walk_forward(result))
    return ()


def _of_study(study: OptimizeStudy) -> Iterator[tuple[str, str]]:
    done, wanted = len(study.trials), study.n_trials
    yield from _searched(study, f"{wanted:,}" if done == wanted else f"{done:,} of {wanted:,}")
    yield "pruner", study.pruner
    yield "constraints", ", ".join(constraint.text for constraint in study.constraints) or _NOTHING
    yield "fewest trades", f"{study.min_trades:,}"
    yield "searched on", _days(study.spec.start, study.spec.end)
    yield "held-out share", _held_out(study)
    sealed = getattr(study, "holdout", None)
    yield "sealed days", _NOTHING if sealed is None else _days(sealed.spec.start, sealed.spec.end)


def _of_walk_forward(study: WalkForwardStudy) -> Iterator[tuple[str, str]]:
    if study.space is not None:  # fixed parameters are not searched
        yield from _searched(study, f"{study.n_trials:,} a window")
    done, planned = len(study.windows), study.planned
    yield "windows", f"{f'{done:,}' if done == planned else f'{done:,} of {planned:,}'}, " \
                     f"{'anchored' if study.anchored else 'rolling'}"
    for name, days in (("in-sample", study.in_sample_period), ("out-of-sample", study.out_sample_period),
                       ("step", study.step_forward), ("gap", study.gap)):
        yield f"{name} days", f"{days:,}"
    yield "walked over", _days(study.start, study.end)


def _searched(study: OptimizeStudy | WalkForwardStudy, trials: str) -> Iterator[tuple[str, str]]:
    yield "searched metric", ", ".join(metric.label for metric in study.metrics)
    yield "trials", trials
    yield "sampler", study.sampler
    yield "seed", f"{study.seed}"
    for dimension in () if study.space is None else study.space.dimensions:
        yield f"range of {dimension.name}", range_of(dimension)


def _held_out(study: OptimizeStudy) -> str:
    """Return which part of the days that search and test had together was the test's."""
    if study.test_start is None or study.test_end is None:
        return _NOTHING
    held_out, searched = study.test_end - study.test_start, study.spec.end - study.spec.start
    return f"{held_out / (held_out + searched):.1%}"


def _days(start: int, end: int) -> str:
    return f"{utc_text(start)} to {utc_text(end)}, {(end - start) / DAY_MS:,.4g} days"
