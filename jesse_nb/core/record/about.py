"""What is known of a result before it is opened: what it ran, when, and what came of it.

It is read from what results call alike (``spec``, ``strategy``, ``verdict``, ``metric``), so a new kind of result needs
nothing here.
"""

from __future__ import annotations

import contextlib
import math
from collections.abc import Iterator, Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Any, NamedTuple, get_args

from jesse_nb.core.record.entry import ResultEntry
from jesse_nb.core.simulator.result import BacktestResult
from jesse_nb.core.simulator.spec import BacktestSpec
from jesse_nb.core.study.metric import Metric, metric_names, resolve_metric
from jesse_nb.core.study.ratios import return_ratios
from jesse_nb.core.times import DAY_MS, utc_text
from jesse_nb.exceptions import JesseNbError

__all__ = ["about", "known_verdicts", "of_earlier", "trades_of", "verdict_of"]

#: What results call the one run that speaks for them, the one that nothing was chosen on first; and what a list says
#: of it.
_SPEAKERS = {"test": "held-out", "training": "training", "original": "", "result": ""}
_STITCHED, _BEST = "stitched out-of-sample", "best combination"
_FAILED, _PASSED, _RUINED = "failed", "passed", "ruined"
_SHARPE, _SERENITY, _TRADES = "sharpe", "serenity_index", "total"
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
    specs = list(specs_of(result))
    routes = [route for spec in specs for route in spec.routes]
    strategies = tuple(dict.fromkeys(route.strategy.name for route in routes)) or _named(result)
    symbols = tuple(dict.fromkeys(route.symbol for route in routes))
    timeframes = tuple(dict.fromkeys(route.timeframe for route in routes))
    start, end = _period(result, specs)
    spoken = _spoken(result)
    metrics = dict(spoken.metrics)
    metric, value = _ranked(result, metrics)
    return ResultEntry(
        "", kind, _words(strategies, symbols, timeframes, start, end, any(spec.synthetic for spec in specs)),
        strategies=strategies, symbols=symbols, timeframes=timeframes, start=start, end=end, verdict=verdict_of(result),
        run=spoken.run, days=spoken.days, trades=trades_of(metrics), metric=metric, value=value, metrics=metrics,
        version=version,
    )


def of_earlier(entry: ResultEntry) -> ResultEntry:
    """Return an entry of before entries said which run they speak of, with one run's figures only.

    The value of a study was that of training, its metrics were those of the held-out run where it had one.
    """
    if entry.kind != "optimize":
        return replace(entry, run={"walk_forward": _STITCHED, "batch": _BEST}.get(entry.kind, ""))
    keys = (resolve_metric(name).key for name in metric_names() if resolve_metric(name).label == entry.metric)
    value = entry.metrics.get(next(keys, ""), math.nan)
    run = "held-out or training" if value != value else "training" if value == entry.value else "held-out"
    return replace(entry, run=run, value=value)


def trades_of(metrics: Mapping[str, Any]) -> float:
    """Return how many trades Jesse's metrics count; NaN where they do not say."""
    return float(metrics.get(_TRADES, math.nan))


def specs_of(result: Any) -> Iterator[BacktestSpec]:
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
    return result if isinstance(result, BacktestResult) else getattr(result, _speaker_name(result), None)


def _speaker_name(result: Any) -> str:
    return next((name for name in _SPEAKERS if isinstance(getattr(result, name, None), BacktestResult)), "")


def _named(result: Any) -> tuple[str, ...]:
    name = getattr(result, "strategy", "")
    return (name,) if isinstance(name, str) and name else ()


def _period(result: Any, specs: list[BacktestSpec]) -> tuple[int, int]:
    """Return the whole period, milliseconds UTC; zeros where there is none."""
    run: Any = getattr(result, "run", None)
    if hasattr(run, "returns"):  # what reads a walk-forward has the spec of its first window
        return run.start, run.end
    told = [getattr(result, name, None) for name in ("start", "end", "test_end")]
    moments = [moment for moment in told if isinstance(moment, int)]
    moments += [moment for spec in specs for moment in (spec.start, spec.end)]
    return (min(moments), max(moments)) if moments else (0, 0)


class _Spoken(NamedTuple):
    """Which run speaks for a result, its metrics, and how many days it has; empty where none does."""

    run: str = ""
    metrics: Mapping[str, Any] = MappingProxyType({})
    days: float = math.nan


def _spoken(result: Any) -> _Spoken:
    speaker = _speaker(result)
    if speaker is not None:
        return _Spoken(_SPEAKERS.get(_speaker_name(result), ""), _metrics(speaker), _days(speaker.spec))
    stitched = getattr(result, "stitched", None)
    if stitched is not None:
        figures = {str(name): float(value) for name, value in stitched.metrics["stitched"].items()}
        return _Spoken(_STITCHED, {} if stitched.ruin else {**figures, _TRADES: len(stitched.trades)},
                       len(stitched.returns))
    run = getattr(result, "run", None)
    if run is not None and hasattr(run, "returns"):
        origin = getattr(run, "origin", "").rpartition(", ")[2].removesuffix(" period")
        return _Spoken(origin, {**return_ratios(run.returns), _TRADES: len(run.trades)}, len(run.returns))
    best = _best_entry(result)
    return _Spoken() if best is None else _Spoken(_BEST, dict(best.metrics), _days(best.spec))


def _days(spec: BacktestSpec | None) -> float:
    return math.nan if spec is None else (spec.end - spec.start) / DAY_MS


def _metrics(run: BacktestResult) -> dict[str, Any]:
    """Return a run's metrics as they are ranked by: none of a ruined account, and the serenity index that is meant."""
    if run.ruin:
        return {}
    return {**run.metrics, **({_SERENITY: resolve_metric(_SERENITY).read(run)} if _SERENITY in run.metrics else {})}


def _best_entry(result: Any) -> Any:
    """Return the best combination of a batch; None where there is none."""
    best = result.top(1) if hasattr(result, "top") and callable(result.top) else []
    return best[0] if best else None


def _ranked(result: Any, metrics: Mapping[str, Any]) -> tuple[str, float]:
    """Return the label of what a result is ranked by, and its value for the run that speaks for it; NaN without one."""
    metric = getattr(result, "metric", None) or next(iter(getattr(result, "metrics", ())), None)
    speaker, entry = _speaker(result), _best_entry(result)
    if isinstance(metric, Metric):
        if entry is not None:
            return metric.label, float(entry.score)
        with contextlib.suppress(JesseNbError):  # a function of the user's, of this run
            if speaker is not None:
                return metric.label, float(metric.read(speaker))
        if metric.key in metrics:
            return metric.label, float(metrics[metric.key])
    known = resolve_metric(_SHARPE)
    return (known.label, float(metrics[known.key])) if known.key in metrics else ("", math.nan)


def verdict_of(result: Any) -> str:
    """Return what a result is worth in a few words; empty where nothing judges it."""
    with contextlib.suppress(JesseNbError):
        outcome = getattr(getattr(result, "verdict", None), "outcome", "")
        if outcome:
            return str(outcome)
    failed = getattr(result, "failed", None)
    ruined = getattr(_speaker(result), "ruin", None)
    if isinstance(failed, bool):
        return _FAILED if failed else _PASSED
    return _RUINED if ruined is not None else ""


def known_verdicts() -> tuple[str, ...]:
    """Return all that :func:`verdict_of` says of the package's own results."""
    from jesse_nb.core.analysis.luck.overfit_verdict import OverfitOutcome
    from jesse_nb.core.analysis.studies.verdict import VerdictKind

    return tuple(sorted({*get_args(OverfitOutcome), *get_args(VerdictKind), _FAILED, _PASSED, _RUINED}))


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
