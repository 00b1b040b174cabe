"""What is known of a result before it is opened: what it ran, when, and what came of it.

It is read from what results call alike (``spec``, ``strategy``, ``verdict``, ``metric``), so a new kind of result needs
nothing here.
"""

from __future__ import annotations

import contextlib
import math
from collections.abc import Iterator, Mapping
from typing import Any

from jesse_nb.core.record.entry import ResultEntry
from jesse_nb.core.simulator.result import BacktestResult
from jesse_nb.core.simulator.spec import BacktestSpec
from jesse_nb.core.study.metric import Metric, resolve_metric
from jesse_nb.core.study.ratios import return_ratios
from jesse_nb.core.times import utc_text
from jesse_nb.exceptions import JesseNbError

__all__ = ["about", "verdict_of"]

#: What results call the one run that speaks for them, the one that nothing was chosen on first.
_SPEAKERS = ("test", "training", "original", "result")
_SHARPE = "sharpe"
#: As many names are written out.
_FEW = 3


def about(result: Any, kind: str, version: str = "") -> ResultEntry:
    """Return the entry of a result of a tool, without key, time and labels.

    Parameters
    ----------
    result
        Of a tool.
    kind
        As the tool's jobs are called.
    version
        Of the package.
    """
    specs = list(_specs(result))
    routes = [route for spec in specs for route in spec.routes]
    strategies = tuple(dict.fromkeys(route.strategy.name for route in routes)) or _named(result)
    symbols = tuple(dict.fromkeys(route.symbol for route in routes))
    timeframes = tuple(dict.fromkeys(route.timeframe for route in routes))
    start, end = _period(result, specs)
    metrics = _metrics(result)
    metric, value = _best(result, metrics)
    return ResultEntry(
        "", kind, _words(strategies, symbols, timeframes, start, end, any(spec.synthetic for spec in specs)),
        strategies=strategies, symbols=symbols, timeframes=timeframes, start=start, end=end, verdict=verdict_of(result),
        metric=metric, value=value, metrics=metrics,
        version=version,
    )


def _specs(result: Any) -> Iterator[BacktestSpec]:
    """Yield what a result simulated: its own spec, or those of its parts."""
    own = getattr(result, "spec", None)
    if isinstance(own, BacktestSpec):
        yield own
        return
    parts = [_speaker(result), *getattr(result, "entries", ()), *getattr(result, "results", {}).values()]
    for part in parts:
        spec = getattr(part, "spec", None)
        if isinstance(spec, BacktestSpec):
            yield spec


def _speaker(result: Any) -> BacktestResult | None:
    if isinstance(result, BacktestResult):
        return result
    runs = (getattr(result, name, None) for name in _SPEAKERS)
    return next((run for run in runs if isinstance(run, BacktestResult)), None)


def _named(result: Any) -> tuple[str, ...]:
    name = getattr(result, "strategy", "")
    return (name,) if isinstance(name, str) and name else ()


def _period(result: Any, specs: list[BacktestSpec]) -> tuple[int, int]:
    """Return the whole period, milliseconds UTC; zeros where there is none."""
    told = [getattr(result, name, None) for name in ("start", "end", "test_end")]
    moments = [moment for moment in told if isinstance(moment, int)]
    moments += [moment for spec in specs for moment in (spec.start, spec.end)]
    return (min(moments), max(moments)) if moments else (0, 0)


def _metrics(result: Any) -> dict[str, Any]:
    """Return the metrics of the run that speaks for a result; empty where none does."""
    speaker = _speaker(result)
    if speaker is not None:
        return dict(speaker.metrics)
    stitched = getattr(result, "stitched", None)
    if stitched is not None:
        return {str(name): float(value) for name, value in stitched.metrics["stitched"].items()} \
            | {"total": len(stitched.trades)}
    run = getattr(result, "run", None)
    if run is not None and hasattr(run, "returns"):
        return {**return_ratios(run.returns), "total": len(run.trades)}
    best = _best_entry(result)
    return dict(best.metrics) if best is not None else {}


def _best_entry(result: Any) -> Any:
    """Return the best combination of a batch; None where there is none."""
    best = result.top(1) if hasattr(result, "top") and callable(result.top) else []
    return best[0] if best else None


def _best(result: Any, metrics: Mapping[str, Any]) -> tuple[str, float]:
    """Return the label of what a result is ranked by, and its value; NaN where it has none."""
    metric = getattr(result, "metric", None) or next(iter(getattr(result, "metrics", ())), None)
    entry = _best_entry(result)
    if isinstance(metric, Metric) and entry is not None:
        return metric.label, float(entry.score)
    if isinstance(metric, Metric) and hasattr(result, "best_value"):
        return metric.label, float(result.best_value)
    known = resolve_metric(_SHARPE)
    value = metrics.get(known.key, math.nan)
    return (known.label, float(value)) if known.key in metrics else ("", math.nan)


def verdict_of(result: Any) -> str:
    """Return what a result is worth in a few words; empty where nothing judges it."""
    with contextlib.suppress(JesseNbError):
        outcome = getattr(getattr(result, "verdict", None), "outcome", "")
        if outcome:
            return str(outcome)
    failed = getattr(result, "failed", None)
    ruined = getattr(_speaker(result), "ruin", None)
    if isinstance(failed, bool):
        return "failed" if failed else "passed"
    return "ruined" if ruined is not None else ""


def _words(
    strategies: tuple[str, ...], symbols: tuple[str, ...], timeframes: tuple[str, ...], start: int, end: int,
    synthetic: bool,
) -> str:
    market = " ".join(filter(None, map(_listed, (strategies, symbols, timeframes))))
    period = f", {utc_text(start)} to {utc_text(end)}" if end else ""
    return f"{market}{period}{' (synthetic)' if synthetic else ''}".removeprefix(", ")


def _listed(names: tuple[str, ...]) -> str:
    more = f" and {len(names) - _FEW:,} more" if len(names) > _FEW else ""
    return f"{', '.join(names[:_FEW])}{more}"
