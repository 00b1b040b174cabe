"""What differs in what was simulated and searched for: settings, data and the strategies' source."""

from __future__ import annotations

import difflib
from collections.abc import Collection, Iterator, Sequence

import pandas as pd

from jesse_nb.core.simulator.spec import BacktestSpec
from jesse_nb.core.times import utc_text
from jesse_nb.core.tools.compare.comparison import CodeDifference, ComparedResult

__all__ = ["code_differences", "setting_differences"]

_NONE = "–"
#: Behind a value that a run was not given.
_DEFAULT = " (default)"


def setting_differences(sides: Sequence[ComparedResult]) -> pd.DataFrame:
    """Return one row a setting that is not the same in all results, one column a result, as texts."""
    parts = {side.name: (dict(_chosen(side)), dict(_parameters(side)), dict(_simulated(side))) for side in sides}
    taken = {name for chosen, _, simulated in parts.values() for name in (*chosen, *simulated)}
    told = {result: {**chosen, **{_free(name, taken): value for name, value in own.items()}, **simulated}
            for result, (chosen, own, simulated) in parts.items()}
    names = dict.fromkeys(name for settings in told.values() for name in settings)
    table = pd.DataFrame({result: [settings.get(name, _NONE) for name in names] for result, settings in told.items()},
                         index=pd.Index(list(names), name="setting"), dtype=object)
    values = table.apply(lambda column: column.str.removesuffix(_DEFAULT))
    differing: pd.DataFrame = table[values.nunique(axis=1) > 1]
    return differing


def code_differences(sides: Sequence[ComparedResult]) -> tuple[CodeDifference, ...]:
    """Return how the sources of the other results differ from the first one's, route by route."""
    base, *others = sides
    found = []
    for side in others:
        pairs = zip(_strategies(base.spec), _strategies(side.spec), strict=False)
        for (name, source, key), (other, changed, its_key) in pairs:
            if key != its_key:
                lines = tuple(difflib.unified_diff(source.splitlines(), changed.splitlines(), lineterm="", n=2))[2:] \
                    if source and changed else ()
                found.append(CodeDifference(side.name, (name, other), lines))
    return tuple(found)


def _strategies(spec: BacktestSpec | None) -> list[tuple[str, str, str]]:
    return [] if spec is None else [(route.strategy.name, route.strategy.source, route.strategy.hash)
                                    for route in spec.routes]


def _free(name: str, taken: Collection[str]) -> str:
    """Return what a hyperparameter's row is called: one may have the name of another setting."""
    return f"parameter {name}" if name in taken else name


def _chosen(side: ComparedResult) -> Iterator[tuple[str, str]]:
    run, spec = side.run, side.spec
    yield "kind", side.kind
    yield "run", run.origin or "whole"
    yield "period", f"{utc_text(run.start)} to {utc_text(run.end)}"
    yield from side.search
    for number, route in enumerate(() if spec is None else spec.routes):
        place = f" {number + 1}" if spec is not None and len(spec.routes) > 1 else ""
        yield f"strategy{place}", route.strategy.name
        yield f"source{place}", route.strategy.hash[:12]
        yield f"market{place}", f"{route.symbol} {route.timeframe} on {route.exchange}"
    if spec is not None and spec.data_routes:
        yield "data routes", ", ".join(f"{route.symbol} {route.timeframe}" for route in spec.data_routes)


def _parameters(side: ComparedResult) -> Iterator[tuple[str, str]]:
    run, spec = side.run, side.spec
    if spec is None or run.origin.startswith("stitched"):  # each window has values of its own
        return
    yield from ((name, str(value)) for name, value in spec.hyperparameters.items())
    own = {} if run.card is None else run.card.defaults
    yield from ((name, f"{value}{_DEFAULT}") for name, value in own.items())


def _simulated(side: ComparedResult) -> Iterator[tuple[str, str]]:
    spec = side.spec
    if spec is None:
        return
    for name in ("balance", "fee", "slippage_bps", "market", "leverage", "leverage_mode", "maintenance_margin"):
        yield name.replace("_", " ") if name != "market" else "account", str(getattr(spec.account, name))
    yield "warm-up candles", str(spec.warm_up_candles)
    yield "mode", spec.mode
    yield "gaps", spec.gaps
    yield "candle pipeline", str(spec.pipeline or _NONE)
    yield from ((f"candles of {part.symbol}", part.fingerprint[:12]) for part in spec.candles)
    yield "Jesse", spec.jesse_version
