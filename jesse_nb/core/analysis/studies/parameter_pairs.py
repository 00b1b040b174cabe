"""Two parameters of a search against its first metric: which pairs there are, and what each cell of one says."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import combinations
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

if TYPE_CHECKING:
    from jesse_nb.core.study.dimension import Dimension
    from jesse_nb.core.study.optimize_study import OptimizeStudy

__all__ = ["pair_places", "pair_table", "parameter_pairs"]

#: Cells along a side, where a parameter has more values.
_CELLS = 12


def parameter_pairs(result: OptimizeStudy, shares: Mapping[str, float]) -> list[tuple[str, str]]:
    """Return all pairs of parameters that took more than one value, the most important first.

    Parameters
    ----------
    result
        An optimization.
    shares
        How much each parameter matters; empty where that cannot be told: then they stand in the order of the space.
    """
    tried = {name: {repr(trial.params.get(name)) for trial in result.trials if trial.scored}
             for name in result.space.names}
    varied = [name for name in result.space.names if len(tried[name]) > 1]
    ranked = sorted(varied, key=lambda name: (-shares.get(name, 0.0), varied.index(name)))
    return sorted(combinations(ranked, 2), key=lambda pair: ranked.index(pair[0]) + ranked.index(pair[1]))


def pair_table(result: OptimizeStudy, first: str, second: str) -> pd.DataFrame:
    """Return the median value of the first metric in each cell of two parameters.

    Parameters
    ----------
    result
        An optimization.
    first, second
        Names of parameters: those across, those down.

    Returns
    -------
    pandas.DataFrame
        Columns are cells of ``first``, rows cells of ``second`` from the highest down: their values where there are at
        most 12, otherwise the middles of equal parts of the range that was tried. NaN where no trial was.
    """
    cells = _cells_of_both(result, first, second)
    frame = pd.DataFrame({name: values for name, (_, values) in cells.items()}).assign(
        value=[trial.value for trial in result.trials if trial.scored])
    table = frame.groupby([second, first])["value"].median().unstack(first)
    (across, _), (down, _) = cells[first], cells[second]
    found: pd.DataFrame = table.reindex(index=range(len(down)), columns=range(len(across)))
    found.index, found.columns = pd.Index(down, name=second), pd.Index(across, name=first)
    return found.iloc[::-1]


def pair_places(result: OptimizeStudy, first: str, second: str) -> dict[int, tuple[int, int]]:
    """Return the cell of :func:`pair_table` that each trial with a value is in: column and row, by its number."""
    cells = _cells_of_both(result, first, second)
    (_, across), (down, rows) = cells[first], cells[second]
    numbers = [trial.number for trial in result.trials if trial.scored]
    return {number: (column, len(down) - 1 - row) for number, column, row in zip(numbers, across, rows, strict=True)}


def _cells_of_both(result: OptimizeStudy, first: str, second: str) -> dict[str, tuple[list[Any], list[int]]]:
    dimensions = {dimension.name: dimension for dimension in result.space.dimensions}
    scored = [trial for trial in result.trials if trial.scored]
    return {name: _cells(dimensions[name], [trial.params[name] for trial in scored]) for name in (first, second)}


def _cells(dimension: Dimension, values: list[Any]) -> tuple[list[Any], list[int]]:
    """Return the cells of a parameter, and in which each value is."""
    known = list(dimension.choices) if dimension.kind == "categorical" else sorted(set(values))
    if dimension.kind == "categorical" or len(known) <= _CELLS:
        return known, [known.index(value) for value in values]
    scale = np.log if dimension.log else np.asarray
    placed = scale(np.asarray(values, dtype=float))
    edges = np.linspace(placed.min(), placed.max(), _CELLS + 1)
    middles = (edges[1:] + edges[:-1]) / 2
    inside = np.clip(np.searchsorted(edges, placed, "right") - 1, 0, _CELLS - 1)
    shown = np.exp(middles) if dimension.log else middles
    return [float(f"{value:.3g}") for value in shown], [int(place) for place in inside]
