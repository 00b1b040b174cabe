"""Whether the names of regimes are what was measured, and whether they changed places: remarks for the report."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from jesse_nb.core.texts import short_number

__all__ = ["naming_notes", "swap_notes"]


def naming_notes(days: pd.DataFrame, names: Sequence[str], unit: str = "day") -> list[str]:
    """Say it where the days that were told were not as wild as their names: those rest on the days before alone.

    Parameters
    ----------
    days
        Of each day its ``return`` and the ``state`` that was told.
    names
        Of the states, the calmest first.
    unit
        What a row is.
    """
    spread = {name: float(days.loc[days["state"] == state, "return"].std()) for state, name in enumerate(names)}
    known = {name: value for name, value in spread.items() if value == value}
    if sorted(known.values()) == list(known.values()):
        return []
    measured = ", ".join(f"{name} {short_number(value * 100)}%" for name, value in known.items())
    return [f"The names are not what was measured: {unit}s told of had a volatility of {measured} a {unit}. States "
            f"are named by the volatility of the {unit}s learned from, and these differ in something else, or were "
            "told too late."]


def swap_notes(fits: pd.DataFrame, states: int) -> list[str]:
    """Say at which fits two states changed places: more than half of the earlier days are then called otherwise.

    Parameters
    ----------
    fits
        One row a fit: ``day`` it was first used on, and the share of the earlier days that it ``changed``.
    states
        How many there are.
    """
    swapped = fits.loc[fits["changed"] > 0.5, "day"] if states == 2 and len(fits) else fits.iloc[:0]
    if not len(swapped):
        return []
    return [f"At {len(swapped):,} of {len(fits):,} fits the names changed places (first on "
            f"{swapped.iloc[0]:%Y-%m-%d}): each fit names its states by the volatility that it measures."]
